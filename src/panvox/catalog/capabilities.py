"""What a model can do, with the evidence for it.

Lists and catalogues claim; modalities, sizes, prices and measured strengths prove; a name suggests, and comes
last. The first that is said of a capability holds, and may deny it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from panvox.catalog.entries import Claim
from panvox.protocols import Capability

LONG_CONTEXT = 128_000
"""Tokens of context from which it is called long: what a book of three hundred pages takes."""

ABLE = 0.5
"""The strength from which a model counts as able at code or mathematics: the middle of those measured."""

_MADE_FOR: Mapping[Capability, re.Pattern[str]] = {
    Capability.CODE: re.compile(
        r"(?<![a-z])(coder?|codex|codestral|codellama|codegemma|codeqwen|devstral|starcoder\d?)(?![a-z])"
    ),
    Capability.MATH: re.compile(r"(?<![a-z])(math|mathstral|numina|prover|deepseekmath)(?![a-z])"),
    Capability.REASONING: re.compile(
        r"(?<![a-z])(?<!non-)(?<!no-)(thinking|reasoner|reasoning|qwq|magistral|o[134])(?![a-z0-9])"
    ),
    Capability.VISION: re.compile(r"(?<![a-z])(vision|vl|llava|pixtral|moondream|minicpm-v)(?![a-z])"),
}
"""Words in names by which makers say what a model is made for; the weakest evidence."""


def derived(
    name: str,
    *,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    context: int | None,
    free: Claim | None,
    local: bool,
    strengths: Mapping[str, Claim],
) -> Iterator[tuple[Capability, Claim]]:
    """What follows from the other facts of a model, the strongest evidence for each capability first.

    `strengths` are measured ones by task kind, whose notes say by what; `free` is the claim that asking costs
    nothing, if there is one.
    """
    yield from _of_modalities(inputs, outputs)
    if context is not None:
        known = Claim(context >= LONG_CONTEXT, "context", None, f"{context:,} tokens")
        yield Capability.LONG_CONTEXT, known
    if free is not None:
        yield Capability.FREE, free
    yield (
        Capability.LOCAL,
        Claim(local, "address", None, "a server on this machine" if local else "elsewhere"),
    )
    for capability, made_for in _MADE_FOR.items():
        found = made_for.search(name.lower())
        measured = strengths.get(capability.value)
        # A maker who made it for that knows better than a table in which it ranks low among all.
        if (
            measured is not None
            and isinstance(measured.value, float)
            and not (found and measured.value < ABLE)
        ):
            note = f"strength {measured.value:.2f}: {measured.note}"
            yield capability, Claim(measured.value >= ABLE, measured.source, measured.at, note)
        if found:
            yield capability, Claim(True, "name", None, f"is called {found[0]!r}")


def _of_modalities(inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Iterator[tuple[Capability, Claim]]:
    if inputs or outputs:
        told = f"reads {', '.join(inputs) or 'text'}; writes {', '.join(outputs) or 'text'}"
        yield Capability.VISION, Claim("image" in inputs, "modalities", None, told)
        yield Capability.IMAGE, Claim("image" in outputs, "modalities", None, told)
        more = {*inputs, *outputs} - {"text"}
        yield Capability.MULTIMODAL, Claim(bool(more), "modalities", None, told)
    text = not outputs or "text" in outputs
    yield Capability.TEXT, Claim(text, "modalities", None, "writes text" if text else "writes no text")
