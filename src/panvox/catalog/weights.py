"""Which weights stand behind a model's name: one set of weights has one voice, whoever hosts it."""

from __future__ import annotations

import re

_VARIANTS = re.compile(r":(free|beta|nitro|floor|online|extended|thinking|exacto|latest)$")
_QUANTISATION = re.compile(
    r"-(gguf|ggml|gptq|awq|exl[23]|mlx|bnb|marlin|imatrix"
    r"|fp(4|8|16|32)|bf16|f16|f32|nvfp4|mxfp[48]|int[348]|[2-8]-?bit|w\da\d+"
    r"|i?q[1-8](-(k|[01]|xx?s|nl))?(-(xl|l|m|s|xs))?)$"
)


def lineage(model: str) -> str:
    """The weights behind `model`, as one word that is equal wherever the same weights are hosted.

    Dropped are the path before the last `/` (authors, accounts), variants of an offer such as `:free`, and
    quantisations; `.`, `_` and `:` become dashes. Kept is whatever may mean other weights: sizes, dates,
    `-instruct`, `-turbo`, `-latest`.
    """
    name = model.strip().lower().rpartition("/")[2]
    name = _VARIANTS.sub("", name)
    name = re.sub(r"[\s._:@]+", "-", name)
    name = re.sub(r"(?<=\d)p(?=\d)", "-", name)  # Fireworks writes 3p1 for 3.1
    name = re.sub(r"^(meta-)?llama-?v?(?=\d)", "llama-", name)  # five spellings of one family
    while (shorter := _QUANTISATION.sub("", name)) != name:
        name = shorter
    return name or model
