"""`run.json`: what went in, how it was asked, what came of every model. A contract: fields are only added."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from panvox.errors import Category
from panvox.messages import Attempt, State, Usage
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
    """What came of one model. `page` is its file in the folder, `note` how its prompt was made to fit."""

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
    duration: float = 0.0
    usage: Usage | None = None
    cost: Decimal | None = None
    stand_in: str = ""


class RunFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole of `run.json`. Times are ISO 8601 in UTC; `ended` is empty while the run is under way.

    `prompt_sha256` is that of `prompt.md`, the text that was sent. `runs` are ids in the store, one for the
    first call and one for each that resumed it. `stopped` is the word of `RunEnded`.
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
    problem: str = ""
