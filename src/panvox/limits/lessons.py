"""What has been learnt of a scope, as values that can be kept: each lesson with its age."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from panvox.limits.terms import UNITS
from panvox.protocols import Scope, Unit, Window

Matter = Literal["requests", "tokens", "input_tokens", "output_tokens", "slots", "spacing", "worked", "pause"]
"""What a lesson is about; `worked` are the slots that a provider took without a word."""


class Lesson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was learnt, `at` a time (seconds since 1970).

    - of a unit: at most `amount` within `seconds`; `told` by headers, else found by refusals.
    - `slots`: at most `amount` at once. `worked`: `amount` at once were fine.
    - `spacing`: `amount` seconds between two starts. `pause`: nothing before `amount`, in seconds since 1970.
    """

    matter: Matter
    amount: float
    at: float
    seconds: float = 0.0
    told: bool = False

    @property
    def key(self) -> tuple[str, float, bool]:
        """Lessons with one key replace each other."""
        return (self.matter, self.seconds, self.told)

    @property
    def unit(self) -> Unit | None:
        """What is counted, where it is a window."""
        return next((unit for unit in UNITS if unit == self.matter), None)

    @property
    def window(self) -> Window | None:
        """The window that it is."""
        return Window(self.unit, int(self.amount), self.seconds) if self.unit else None

    def holds(self, *, now: float, max_age: float) -> bool:
        """Whether it is still believed at `now` (seconds since 1970); a clock that went back makes it new."""
        return now < self.amount if self.matter == "pause" else now - self.at < max_age


Lessons = Mapping[Scope, tuple[Lesson, ...]]
"""All that was learnt, by scope."""


def merged(*all_lessons: Lessons) -> dict[Scope, tuple[Lesson, ...]]:
    """What several learnt, together: of two lessons about the same, the younger one."""
    found: dict[Scope, dict[tuple[str, float, bool], Lesson]] = {}
    for lessons in all_lessons:
        for scope, several in lessons.items():
            known = found.setdefault(scope, {})
            for lesson in several:
                if lesson.key not in known or known[lesson.key].at <= lesson.at:
                    known[lesson.key] = lesson
    return {scope: ordered(known.values()) for scope, known in sorted(found.items()) if known}


def believed(lessons: Lessons, *, now: float, max_age: float) -> dict[Scope, tuple[Lesson, ...]]:
    """Those that are not too old."""
    fresh = {
        scope: tuple(lesson for lesson in several if lesson.holds(now=now, max_age=max_age))
        for scope, several in lessons.items()
    }
    return {scope: several for scope, several in fresh.items() if several}


def ordered(lessons: Iterable[Lesson]) -> tuple[Lesson, ...]:
    """In an order that does not depend on when they were learnt."""
    return tuple(sorted(lessons, key=lambda lesson: lesson.key))
