"""What a review would send, cost and take, before anything goes out. Pure.

Candidate   a model that was selected: what fits it, its calls, what they cost, or why it is left out
plan_of     material and candidates → the plan: all that `panvox review --dry-run` shows
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from panvox.limits.estimates import CHARACTERS_PER_TOKEN
from panvox.limits.projection import Bound, Call, Projection, project
from panvox.limits.standings import Entries
from panvox.protocols import Limits, Refusal, Scope
from panvox.review.fitting import Fit
from panvox.review.material import LeftOut, Material

SPEED = 50.0
"""Tokens a second that a model is taken to write: a guess, since nobody tells."""

USUAL_LATENCY = 1.0
"""Seconds until a model begins that was never probed: a guess, too."""

GUESSED = (
    f"how long one call takes is a guess: what its probe took, or {USUAL_LATENCY:.0f} s, "
    f"and {SPEED:.0f} tokens a second for the answer"
)
UNTROUBLED = "nobody is taken to fail, to be tried again or to be replaced; that costs and takes more"


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A model that was selected.

    `calls` are what asking it takes under `fit`, one after the other. `expected` is USD with usual answers,
    None where nobody tells its prices; `most` is what would be set aside. `declined` is why it is not asked
    whatever fits.
    """

    model: str
    provider: str
    fit: Fit
    calls: tuple[Call, ...] = ()
    free: bool = False
    expected: Decimal | None = None
    most: Decimal = Decimal(0)
    declined: str = ""

    @property
    def reason(self) -> str:
        """Why it is not asked; empty where it is, if there is money for it."""
        return self.declined or ("" if self.fit.prompts else self.fit.note)


class PlannedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A text that would go out; `tokens` by its length alone, `masked` secrets in it are replaced."""

    path: str
    bytes: int
    tokens: int
    masked: int = 0


class PlannedModel(msgspec.Struct, frozen=True, kw_only=True):
    """What one model would be asked.

    `tokens` is what the whole prompt takes by its own estimate, `room` what it has for it; `how` is "whole",
    "skip", "split", "summarise" or "truncate". `calls` are none where it is not asked; `reason` tells why.
    `seconds` is when it would have answered, from the beginning of the review; None where it would not.
    """

    model: str
    provider: str
    tokens: int
    room: int | None
    how: str
    calls: int = 0
    free: bool = False
    expected: Decimal | None = None
    most: Decimal = Decimal(0)
    seconds: float | None = None
    reason: str = ""
    note: str = ""


class PlannedLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that makes the review longer: by itself it lets `calls` be over after `seconds`."""

    scope: Scope
    limit: str
    calls: int
    seconds: float


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a review would send, cost and take.

    - `files`: what would go out, the largest first. `left_out`: what would not.
    - `models`: all that were selected, in their order.
    - `calls`, `input_tokens`: of all models together.
    - `expected`: USD with usual answers, of those whose prices are known; `most`: what would be set aside;
      `unpriced`: models that nobody tells the price of.
    - `seconds`: until the last has answered; `unlimited`: the same if nothing was limited. `limits`: what
      makes the difference, the narrowest first.
    - `deadline`: seconds after which the review ends; `late`: models that would not have answered by then.
    - `notes`: sentences on what the figures rest on.
    """

    version: int = 1
    instructions: str
    files: tuple[PlannedFile, ...]
    left_out: tuple[LeftOut, ...] = ()
    models: tuple[PlannedModel, ...] = ()
    calls: int = 0
    input_tokens: int = 0
    expected: Decimal = Decimal(0)
    most: Decimal = Decimal(0)
    unpriced: int = 0
    seconds: float = 0.0
    unlimited: float = 0.0
    limits: tuple[PlannedLimit, ...] = ()
    deadline: float | None = None
    late: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def asked(self) -> tuple[PlannedModel, ...]:
        """The models that would be asked."""
        return tuple(model for model in self.models if model.calls)

    @property
    def bytes(self) -> int:
        """Of all files that would go out."""
        return sum(file.bytes for file in self.files)

    @property
    def tokens(self) -> int:
        """Of all files that would go out, by their length alone."""
        return sum(file.tokens for file in self.files)


def seconds_of(output_tokens: int, latency: float | None) -> float:
    """How long a call is taken to last: until the answer begins, and until it is written."""
    return (USUAL_LATENCY if latency is None else latency) + output_tokens / SPEED


def plan_of(
    material: Material,
    candidates: Sequence[Candidate],
    limits: Callable[[Scope], Limits],
    *,
    instructions: str = "",
    refused: Mapping[str, Refusal] | None = None,
    used: Sequence[Entries] = (),
    clock: float = 0.0,
    paused: Mapping[Scope, float] | None = None,
    deadline: float | None = None,
    notes: Sequence[str] = (),
) -> Plan:
    """The plan of a review of `material` by `candidates`.

    `refused` are those for whom there is no money, by name. `limits`, `used`, `clock` and `paused` are as
    `limits.projection.project` wants them.
    """
    left = dict(refused or {})
    asked = [each for each in candidates if not each.reason and each.model not in left]
    calls = [call for each in asked for call in each.calls]
    projection = project(calls, limits, used=used, clock=clock, paused=paused)
    ends = _ends(asked, projection)
    models = tuple(_planned(each, left.get(each.model), ends.get(each.model)) for each in candidates)
    going = [each for each, planned in zip(candidates, models, strict=True) if planned.calls]
    return Plan(
        instructions=instructions,
        files=_files(material),
        left_out=material.left_out,
        models=models,
        calls=sum(model.calls for model in models),
        input_tokens=sum(call.input_tokens for each in going for call in each.calls),
        expected=sum((each.expected or Decimal(0) for each in going), Decimal(0)),
        most=sum((each.most for each in going), Decimal(0)),
        unpriced=sum(each.expected is None for each in going),
        seconds=projection.seconds,
        unlimited=projection.unlimited,
        limits=tuple(map(_limit, projection.bounds)),
        deadline=deadline,
        late=tuple(each.model for each in going if deadline is not None and ends[each.model] > deadline),
        notes=(*notes, GUESSED, UNTROUBLED),
    )


def _ends(asked: Sequence[Candidate], projection: Projection) -> dict[str, float]:
    """When each model would have answered; infinite where a limit never lets one of its calls pass."""
    ends, found = iter(projection.ends), {}
    for each in asked:
        found[each.model] = max((next(ends) for _ in each.calls), default=math.inf)
    return found


def _planned(candidate: Candidate, refusal: Refusal | None, end: float | None) -> PlannedModel:
    reason = candidate.reason or (refusal.reason if refusal is not None else "")
    if not reason and (end is None or math.isinf(end)):
        reason = NEVER
    goes = not reason
    return PlannedModel(
        model=candidate.model,
        provider=candidate.provider,
        tokens=candidate.fit.tokens,
        room=candidate.fit.room,
        how=candidate.fit.how,
        calls=len(candidate.calls) if goes else 0,
        free=candidate.free,
        expected=candidate.expected if goes else None,
        most=candidate.most if goes else Decimal(0),
        seconds=end if goes else None,
        reason=reason,
        note=candidate.fit.note if goes else "",
    )


NEVER = "a call takes more than its limits ever allow at once: see panvox limits"


def _files(material: Material) -> tuple[PlannedFile, ...]:
    planned = (
        PlannedFile(
            path=file.path,
            bytes=file.bytes,
            tokens=math.ceil(len(file.text) / CHARACTERS_PER_TOKEN),
            masked=file.masked,
        )
        for file in material.files
    )
    return tuple(sorted(planned, key=lambda file: (-file.bytes, file.path)))


# --- in words ---

_SPANS = {1.0: "second", 60.0: "minute", 3_600.0: "hour", 86_400.0: "day"}


def _limit(bound: Bound) -> PlannedLimit:
    words = ", ".join(limit_in_words(bound.limit)) or "a pause, since it was refused"
    return PlannedLimit(scope=bound.scope, limit=words, calls=bound.calls, seconds=bound.seconds)


def limit_in_words(limits: Limits) -> Iterator[str]:
    """Each limit as people say it: `20 requests a minute`, `4 calls at once`."""
    for window in limits.windows:
        noun = window.unit.replace("_", " ")
        noun = noun.removesuffix("s") if window.amount == 1 else noun
        span = _SPANS.get(window.seconds)
        yield f"{window.amount:,} {noun} {f'a {span}' if span else f'in {window.seconds:g} s'}"
    if limits.slots is not None:
        yield f"{limits.slots:,} call{'' if limits.slots == 1 else 's'} at once"
    if limits.spacing:
        yield f"one call every {limits.spacing:.3g} s"
    if limits.loaded is not None:
        yield f"{limits.loaded:,} model{'' if limits.loaded == 1 else 's'} loaded at once"


def reasons(models: Sequence[PlannedModel]) -> Counter[str]:
    """How many models are not asked, by kind of reason."""
    return Counter(_kind(model) for model in models if not model.calls)


def _kind(model: PlannedModel) -> str:
    if model.how == "skip" and model.reason:
        return "context too small"
    if model.reason == NEVER:
        return "beyond its limits"
    return model.reason
