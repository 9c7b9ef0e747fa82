"""`run.json`: what went in, how it was asked, what came of every model. A contract: fields are only added.

Money is in US dollars and written as text (`"0.0123"`), so that no digit is lost; times of the day are ISO
8601 in UTC, all others seconds. No text of a model is here: reviews are in `models/`, and to the letter in
`ledger.jsonl`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from panvox.errors import Category, UsageError
from panvox.messages import Attempt, Finish, Identity, Outcome, State, Usage
from panvox.review.material import LeftOut

VERSION = 1


class InputRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One text that went out; see `InputFile`."""

    path: str
    sha256: str
    bytes: int
    kind: str = "file"
    masked: int = 0


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of one model. `page` is its file in the folder, `note` how its prompt was made to fit.

    `state` is "waiting" until it has ended. `version` is the name that the provider says answered,
    `characters` how many its review has, `stand_in` the model that answered in its place. `attempts` are told
    whole.
    """

    model: str
    state: State
    provider: str = ""
    lineage: str = ""
    page: str = ""
    note: str = ""
    category: Category | None = None
    status: int | None = None
    message: str = ""
    hint: str = ""
    reason: str = ""
    attempts: tuple[Attempt, ...] = ()
    started: float = 0.0
    first_token: float | None = None
    duration: float = 0.0
    usage: Usage | None = None
    cost: Decimal | None = None
    stand_in: str = ""
    version: str = ""
    finish: Finish | None = None
    characters: int = 0
    cached: bool = False

    @property
    def answered(self) -> bool:
        """Whether there is a whole review."""
        return self.state is State.ANSWERED


class SynthesisRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who made one text of the reviews; `failed` tells why there is none."""

    by: str
    calls: int = 0
    cost: Decimal | None = None
    failed: str = ""


class RunFile(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of `run.json`. `ended` is empty while the run is under way.

    `prompt_sha256` is that of `prompt.md`, the text that was sent. `runs` are ids in the store, one for the
    first call and one for each that resumed it. `states` counts `models` by state. `cost` and `duration` are
    those of all runs together, also of attempts that were made again later. `stopped` is the word of
    `RunEnded`. `files` has the hash of each file that panvox wrote and may replace. `problem` tells what
    could not be written.
    """

    version: int = VERSION
    panvox: str
    topic: str
    started: str
    ended: str = ""
    runs: tuple[str, ...] = ()
    instructions: str
    instructions_source: str
    instructions_sha256: str
    prompt_sha256: str
    settings: dict[str, str | int | float | bool | None] = {}
    inputs: tuple[InputRecord, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    models: tuple[ModelRecord, ...] = ()
    states: dict[str, int] = {}
    cost: Decimal | None = None
    duration: float = 0.0
    stopped: str = ""
    synthesis: SynthesisRecord | None = None
    files: dict[str, str] = {}
    problem: str = ""

    @property
    def asked(self) -> int:
        """How many models were to review."""
        return len(self.models)

    @property
    def answered(self) -> int:
        """How many did."""
        return sum(model.answered for model in self.models)


def waiting_record(member: Identity, *, note: str = "") -> ModelRecord:
    """Of a model that has not ended."""
    return ModelRecord(
        model=member.name, state=State.WAITING, provider=member.provider, lineage=member.lineage, note=note
    )


def record_of(outcome: Outcome, *, page: str = "", note: str = "") -> ModelRecord:
    """What `run.json` tells of an outcome."""
    answer, fault, member = outcome.answer, outcome.fault, outcome.member
    return ModelRecord(
        model=member.name,
        state=outcome.state,
        provider=member.provider,
        lineage=member.lineage,
        page=page,
        note=note,
        category=fault.category if fault else None,
        status=fault.status if fault else None,
        message=fault.message if fault else "",
        hint=fault.hint if fault else "",
        reason=outcome.reason,
        attempts=outcome.attempts,
        started=outcome.started,
        first_token=outcome.first_token,
        duration=outcome.duration,
        usage=answer.usage if answer else None,
        cost=outcome.cost,
        stand_in=outcome.stand_in.name if outcome.stand_in else "",
        version=answer.model if answer else "",
        finish=answer.finish if answer else None,
        characters=len(outcome.text),
        cached=outcome.cached,
    )


def counted(models: Iterable[ModelRecord]) -> dict[str, int]:
    """Models by state, the most frequent state first."""
    return dict(Counter(model.state.value for model in models).most_common())


def encode(record: RunFile) -> bytes:
    """The bytes of `run.json`."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def decode(data: bytes) -> RunFile:
    """What is in a `run.json`. Raises `UsageError`, in words that follow the name of the file."""
    try:
        version = msgspec.json.decode(data, type=_Versioned).version
        if version > VERSION:
            raise UsageError(
                f"is of version {version} and this panvox reads versions up to {VERSION}: use a newer panvox"
            )
        return msgspec.json.decode(data, type=RunFile)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"is damaged ({error}): put back a copy of it, or start a new review") from None


class _Versioned(msgspec.Struct):
    version: int


def schema() -> dict[str, Any]:
    """The JSON Schema of `run.json`."""
    return msgspec.json.schema(RunFile)
