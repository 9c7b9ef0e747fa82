"""What a selection is made of, as values, each of which prints as the text that means it.

Term ─ conditions ── Named, InPanel, Of, Can, Proven, Compared, and Not of any of these
     └ pickers ───── OneVoice, Strongest, Cheapest, Drawn
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, get_args

import msgspec

from panvox.protocols import Capability

Attribute = Literal["provider", "lineage", "kin"]
State = Literal["alive", "probed", "gone"]
Operator = Literal["<", "<=", ">", ">=", "=", "!="]
Task = Literal["general", "code", "math"]

ATTRIBUTES: tuple[Attribute, ...] = get_args(Attribute)
STATES: tuple[State, ...] = get_args(State)
OPERATORS: tuple[Operator, ...] = get_args(Operator)
TASKS: tuple[Task, ...] = get_args(Task)
COUNTED = ("strongest", "cheapest", "random")  # pickers, which say how many they take

# What can be compared, by each way to write it.
FIELDS = {
    "price": "price",
    "price.in": "price.in",
    "price.input": "price.in",
    "price.out": "price.out",
    "price.output": "price.out",
    "context": "context",
    "output": "output",
    "strength": "strength",
    "strength.general": "strength",
    "strength.code": "strength.code",
    "strength.math": "strength.math",
    "released": "released",
    "age": "age",
}

_PREFIXES = frozenset(("name", "capability", *ATTRIBUTES, *COUNTED))
_PLAIN = re.compile(r'[^\s,"<>=]+')


class Named(msgspec.Struct, frozen=True):
    """A name, or a glob over names; `*` is every model."""

    glob: str

    def __str__(self) -> str:
        head = re.split(r"[:.]", self.glob.casefold(), maxsplit=1)[0]
        special = self.glob[:1] in ("!", "-", "@") or head in _PREFIXES or self.glob.casefold() in WORDS
        return f"name:{quoted(self.glob)}" if special else quoted(self.glob)


class InPanel(msgspec.Struct, frozen=True):
    """What the panel of this name selects."""

    panel: str

    def __str__(self) -> str:
        return f"@{quoted(self.panel)}"


class Of(msgspec.Struct, frozen=True):
    """A glob over one of the words that an entry has beside its name."""

    attribute: Attribute
    glob: str

    def __str__(self) -> str:
        text = f"{self.attribute}:{quoted(self.glob)}"
        return f'{self.attribute}:"{self.glob}"' if text.casefold() == str(OneVoice()) else text


class Can(msgspec.Struct, frozen=True):
    """What a model can do, or is."""

    capability: Capability

    def __str__(self) -> str:
        return self.capability.value


class Proven(msgspec.Struct, frozen=True):
    """What the last probe says."""

    state: State

    def __str__(self) -> str:
        return self.state


class Compared(msgspec.Struct, frozen=True):
    """A field compared with a number (an age in days), or with a date, for which `bound` is 0.

    `shown` is the value as it was written.
    """

    field: str
    operator: Operator
    bound: float
    shown: str

    def __str__(self) -> str:
        return f"{self.field}{self.operator}{self.shown}"


Affirmed = Named | InPanel | Of | Can | Proven | Compared


class Not(msgspec.Struct, frozen=True):
    """The opposite of a condition."""

    condition: Affirmed

    def __str__(self) -> str:
        return f"!{self.condition}"


Condition = Affirmed | Not

# The words that are conditions by themselves; a model that is called like one is `name:WORD`.
WORDS: dict[str, Affirmed] = {
    "all": Named("*"),
    **{capability.value: Can(capability) for capability in Capability},
    **{state: Proven(state) for state in STATES},
}


class OneVoice(msgspec.Struct, frozen=True):
    """The best offer of each lineage."""

    def __str__(self) -> str:
        return "lineage:one"


class Strongest(msgspec.Struct, frozen=True):
    """Those that are strongest at a kind of task."""

    count: int
    task: Task = "general"

    def __str__(self) -> str:
        return f"strongest{'' if self.task == 'general' else f'.{self.task}'}:{self.count}"


class Cheapest(msgspec.Struct, frozen=True):
    """Those that cost least."""

    count: int

    def __str__(self) -> str:
        return f"cheapest:{self.count}"


class Drawn(msgspec.Struct, frozen=True):
    """Those that chance takes: anew each time, or the same ones for the same seed."""

    count: int
    seed: int | None = None

    def __str__(self) -> str:
        return f"random:{self.count}{'' if self.seed is None else f':{self.seed}'}"


Picker = OneVoice | Strongest | Cheapest | Drawn

_TURN = (OneVoice, Strongest, Cheapest, Drawn)


class Term(msgspec.Struct, frozen=True):
    """What stands between two commas; its pickers are in the order in which they pick."""

    conditions: tuple[Condition, ...] = ()
    pickers: tuple[Picker, ...] = ()

    @property
    def adds(self) -> bool:
        """Whether the term adds models; exclusions and pickers alone act on what the other terms add."""
        return any(not isinstance(condition, Not) for condition in self.conditions)

    def __str__(self) -> str:
        return " ".join(map(str, (*self.conditions, *self.pickers)))


def in_turn(pickers: Iterable[Picker]) -> tuple[Picker, ...]:
    """Each of `pickers` once, in the order in which they pick, whatever the order they were written in."""
    return tuple(sorted(set(pickers), key=lambda picker: (_TURN.index(type(picker)), str(picker))))


def quoted(value: str) -> str:
    """`value` in quotes, where it would not be read as one word without."""
    return value if _PLAIN.fullmatch(value) else '"' + value.replace('"', '""') + '"'
