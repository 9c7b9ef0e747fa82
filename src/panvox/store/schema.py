"""The tables of the store.

    runs ─► turns ─► members ─► outcomes ─► answers
                 ├─► endings            └─► attempts
                 ├─► feedback
                 └─► judgements
    spendings

Rows are only ever added; a run is deleted as a whole, from `runs` down. Only `spendings` is otherwise: a row
is money that is set aside, and then what was spent of it; it outlives its run and tells nothing of the
prompt. A turn without a row in `endings` never finished; the latest of its `judgements` takes the place of
the verdict there. Times are seconds: `started` of runs and turns counts from the epoch, in UTC, as does `at`
of spendings, feedback and judgements; `started` of outcomes and attempts counts from the start of the turn.
Money is USD, as exact decimal text: cast it to NUMERIC to add it up. Keys are the words people use (run id,
number of the turn, name of the member), so that any process can write without asking the database for one.

Types are those that SQLite and PostgreSQL share. A change of a table needs a migration under
`panvox.store.migrations`, and `REVISION` to name it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

from panvox.messages import Identity, Prompt, ToolCall
from panvox.verdicts import Mark, Verdict

REVISION = "0005"
"""The migration that makes the tables as they are below."""

_LARGEST = 2**63 - 1
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """`text` with U+FFFD for what no database can hold: halves of surrogate pairs, and NUL."""
    if "\x00" not in text:
        try:
            text.encode()
        except UnicodeEncodeError:
            pass
        else:
            return text
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


class Words(TypeDecorator[str]):
    """Text from anywhere, made storable."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """On the way in."""
        return None if value is None else storable(value)


class Count(TypeDecorator[int]):
    """A whole number from anywhere: what a provider counts may be larger than 64 bits can hold."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        """On the way in."""
        return None if value is None else max(-_LARGEST, min(value, _LARGEST))


class Money(TypeDecorator[Decimal]):
    """USD as decimal text: exact in every database. `str()` keeps the text short for any exponent."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """On the way in."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        """On the way out."""
        return None if value is None else Decimal(value)


class Value(TypeDecorator[Any]):
    """A whole value of `kind` as JSON text, where no query looks inside."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any) -> None:  # noqa: ANN401 - a type, which may be a generic alias
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: object, dialect: Dialect) -> str | None:
        """On the way in."""
        if value is None:
            return None
        try:
            return msgspec.json.encode(value).decode()
        except UnicodeEncodeError:
            return msgspec.json.encode(_storable_within(msgspec.to_builtins(value))).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> object:
        """On the way out."""
        return None if value is None else msgspec.json.decode(value, type=self.kind)


def _storable_within(value: object) -> object:
    match value:
        case str():
            return storable(value)
        case dict():
            return {storable(key): _storable_within(item) for key, item in value.items()}
        case list() | tuple():
            return [_storable_within(item) for item in value]
        case _:
            return value


version = Table("alembic_version", MetaData(), Column("version_num", Text))
"""Alembic's note of the revision; it makes the table itself."""

metadata = MetaData(
    # Named constraints can be changed by later migrations.
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _key(*columns: str) -> PrimaryKeyConstraint:
    return PrimaryKeyConstraint(*columns)


def _belongs_to(parent: str, **columns: str) -> ForeignKeyConstraint:
    """The given columns name a row of `parent`, and are deleted with it."""
    return ForeignKeyConstraint(
        list(columns), [f"{parent}.{column}" for column in columns.values()], ondelete="CASCADE"
    )


def _words(name: str, *, optional: bool = False) -> Column[str]:
    return Column(name, Words, nullable=optional)


def _seconds(name: str, *, optional: bool = False) -> Column[float]:
    return Column(name, Double, nullable=optional)


runs = Table(
    "runs",
    metadata,
    _words("id"),
    _seconds("started"),
    _key("id"),
)

turns = Table(
    "turns",
    metadata,
    _words("run"),
    Column("turn", Integer, nullable=False),
    _seconds("started"),
    Column("asked", Integer, nullable=False),
    _words("question"),  # the first QUESTION characters of what the user asked, for lists
    Column("prompt", Value(Prompt), nullable=False),
    _key("run", "turn"),
    _belongs_to("runs", run="id"),
    Index(None, "started", "run"),  # the latest runs first
)

members = Table(
    "members",
    metadata,
    _words("run"),
    Column("turn", Integer, nullable=False),
    _words("name"),
    Column("position", Integer, nullable=False),
    _words("provider"),
    _words("model"),
    _words("lineage"),
    _key("run", "turn", "name"),
    _belongs_to("turns", run="run", turn="turn"),
)

outcomes = Table(
    "outcomes",
    metadata,
    _words("run"),
    Column("turn", Integer, nullable=False),
    _words("member"),
    _words("state"),
    _words("reason"),
    _seconds("started"),
    _seconds("first_token", optional=True),
    _seconds("duration"),
    # The fault, field by field; without a category there is none.
    _words("category", optional=True),
    _words("owner", optional=True),
    _words("retry", optional=True),
    Column("status", Count),
    _seconds("wait", optional=True),
    _words("code", optional=True),
    _words("request_id", optional=True),
    _words("message", optional=True),
    _words("hint", optional=True),
    Column("stand_in", Value(Identity)),  # the model that answered, where it is not the member
    _key("run", "turn", "member"),
    _belongs_to("members", run="run", turn="turn", member="name"),
)

answers = Table(
    "answers",
    metadata,
    _words("run"),
    Column("turn", Integer, nullable=False),
    _words("member"),
    _words("finish", optional=True),
    _words("model"),
    # The usage, field by field; without prompt_tokens there is none.
    Column("prompt_tokens", Count),
    Column("completion_tokens", Count),
    Column("reasoning_tokens", Count),
    Column("cached_tokens", Count),
    Column("cost", Money),
    Column("tool_calls", Value(tuple[ToolCall, ...]), nullable=False),
    # What is long comes last: SQLite need not read it for the columns before it.
    _words("text"),
    _words("reasoning"),
    _key("run", "turn", "member"),
    _belongs_to("outcomes", run="run", turn="turn", member="member"),
)

attempts = Table(
    "attempts",
    metadata,
    _words("run"),
    Column("turn", Integer, nullable=False),
    _words("member"),
    Column("attempt", Integer, nullable=False),
    _seconds("started"),
    _seconds("duration"),
    _words("state"),
    Column("status", Count),
    _seconds("wait", optional=True),
    Column("in_flight", Count, nullable=False),
    _words("request_id"),
    _words("message"),
    _words("model"),  # empty where it is the member itself
    _words("key"),
    Column("cost", Money),
    _seconds("waited"),
    Column("cached", Boolean, nullable=False),
    _key("run", "turn", "member", "attempt"),
    _belongs_to("outcomes", run="run", turn="turn", member="member"),
)

endings = Table(
    "endings",
    metadata,
    _words("run"),
    Column("turn", Integer, nullable=False),
    _seconds("duration"),
    _words("stopped"),
    _words("consensus", optional=True),
    Column("states", Value(dict[str, int]), nullable=False),
    Column("verdict", Value(Verdict), nullable=False),
    _key("run", "turn"),
    _belongs_to("turns", run="run", turn="turn"),
)

feedback = Table(
    "feedback",
    metadata,
    _words("run"),
    Column("turn", Integer, nullable=False),
    Column("entry", Integer, nullable=False),
    _seconds("at"),
    _words("kind"),  # best, bad, answer; undo, which takes back the last that holds
    _words("said"),  # the member that is meant, or the right answer
    _words("task"),  # the kind of task, as far as it was known
    Column("marks", Value(tuple[Mark, ...]), nullable=False),  # which answers that makes right and wrong
    _key("run", "turn", "entry"),
    _belongs_to("turns", run="run", turn="turn"),
)

judgements = Table(
    "judgements",
    metadata,
    _words("run"),
    Column("turn", Integer, nullable=False),
    _seconds("at"),
    _words("consensus", optional=True),
    Column("verdict", Value(Verdict), nullable=False),
    _key("run", "turn", "at"),
    _belongs_to("turns", run="run", turn="turn"),
)

spendings = Table(
    "spendings",
    metadata,
    _words("id"),
    _seconds("at"),
    _words("day"),  # by UTC, such as 2026-03-01
    _words("run"),
    Column("turn", Integer, nullable=False),
    _words("member"),
    _words("provider"),
    _words("model"),
    _words("tag"),
    Column("reserved", Money, nullable=False),
    Column("spent", Money),  # empty while the call is on its way
    # What counts against limits now, in billionths of a dollar, rounded up: databases add these up exactly.
    Column("counted", Count, nullable=False),
    _words("state"),  # reserved; spent; assumed, where nobody can tell what a call cost
    Column("calls", Count, nullable=False),
    Column("answers", Count, nullable=False),
    _key("id"),
    Index(None, "day", "provider", "tag", "counted"),  # all that the limits of a day and a month ask for
    Index(None, "run", "turn"),
)
