"""What is learnt of limits, from what providers tell and from what they refuse; decisions only.

| a provider | what is learnt |
|---|---|
| tells a limit in headers | it holds in place of a shipped default, and caps what the user set |
| has less left than we used | somebody else uses the account: booked as theirs |
| takes calls on | slots grow: by one for each until the first refusal, then by one a round |
| thinks for long | slots grow: doubled each second until the first refusal, then by one a second |
| has trouble of its own | slots do not grow for a while |
| refuses requests, tokens | a pause as told; how many it takes in which window |
| refuses calls at once | slots: one less than there were on their way |
| refuses a burst | spacing between starts, which goes again where it was a slope |
| has a day's quota spent | a pause until it is renewed |
| wants money, or less in one call; or its upstream refuses | nothing: keys and breakers see to it |

Slots start small at an account that nobody limited, where the last run left off or at `START`, and calls keep
their distance until something is known of it. A limit found by refusals is lowered by later ones, and never
raised while it is believed, unless headers tell of more, or a single call needs more.

Refusals count once for each pause: what is refused during one was sent before it.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from panvox.errors import Category, Fault
from panvox.limits import attribution, inference
from panvox.limits.inference import MINUTE, Guess, Log
from panvox.limits.lessons import Lesson, Lessons, Matter, ordered
from panvox.messages import Rate
from panvox.protocols import Limits, Scope, Unit, Window

START = 4
"""Slots of an account of which nothing is known."""

AT_ONCE = 1.0
"""Seconds after which a call that was not refused has been taken on, whenever its answer begins: who refuses
does so before thinking, so that this is enough for a new connection and a slow way there and back."""

PACE = 0.02
"""Seconds between two starts at an account of which nothing is known: what is sent until the first refusal is
here, within a tenth of a second or so, is refused as well, and shall be a handful. Where more were on their
way at once in an earlier run, as many may start in `AT_ONCE`."""

LONGEST_PAUSE = 60.0
"""Seconds after a refusal that does not say when to come back; the first is one second, doubled each time."""

CALM = 5.0
"""Seconds without growth after a provider had trouble of its own."""

LEAST_SPACING = 0.05
"""Seconds between two starts after a refused burst; as a slope is climbed, what is less goes."""

_DAY = 86_400.0
_DOUBLING = 1 / math.log(2)  # one slot more so often, over the slots that there are, doubles them in AT_ONCE
_RAMP = 0.97  # of the spacing is left after each call that a provider took on
_PATIENCE = 3  # refusals in a row without a wait after which a minute's window is assumed
_NOTED = 10.0  # seconds; shorter pauses are over before anybody else could need them
_MOST_SLOTS = 1_000
_MOST_REFUSED = 10_000
_EVERYTHING = Limits()
_OF_MODELS = frozenset({"model", "account model"})  # kinds of scopes
_LEARNT = frozenset({"account"}) | _OF_MODELS
_TROUBLE = frozenset({Category.OVERLOADED, Category.TIMED_OUT, Category.UNREACHABLE})


class Foreign(msgspec.Struct, frozen=True, kw_only=True):
    """What others use of a window of `seconds`: so much, until a time of the caller's clock."""

    unit: Unit
    seconds: float
    amount: int
    until: float


@dataclass(slots=True)
class _Silence:
    """Refusals that did not say when to come back: the first and the last.

    `oldest` is the time of the oldest call then, and `taken` how many calls had been taken on.
    """

    oldest: float
    taken: int
    first: float
    last: float


@dataclass(slots=True)
class _Notes:
    """What is known of one scope; `cap` are the slots that are tried, `slow` whether the start lasts.

    `pace` is the distance of starts while nothing else is known, `grown` when the slots last grew; `counted`
    is the window that refusals during the pause still correct, `end` when the last wait for requests was
    over; `raised` when a told limit was seen last, by window; times are of the caller's clock.
    """

    configured: Limits = _EVERYTHING
    lessons: dict[tuple[str, float, bool], Lesson] = field(default_factory=dict)
    unsure: set[float] = field(default_factory=set)
    raised: dict[tuple[str, float], float] = field(default_factory=dict)
    cap: int = START
    slow: bool = True
    pace: float = PACE
    grown: float = float("-inf")
    successes: int = 0
    calm_until: float = float("-inf")
    paused_until: float = float("-inf")
    refusals: int = 0
    refused: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST_REFUSED))
    counted: Guess | None = None
    end: float = float("-inf")
    silence: _Silence | None = None
    in_spite: dict[str, int] = field(default_factory=dict)
    ramps: bool = False
    used: Callable[[Unit, float], int] | None = None
    changed: bool = False


class Learning:
    """What is learnt, by scope. Times called `now` are of one clock, whichever; `clock` gives those kept.

    - `lessons`: what is known from earlier, and believed for `max_age` seconds.
    - `shipped`: the fields of a scope's limits that nobody set; see `ConfiguredLimits.shipped`.
    - `clock`: seconds since 1970.
    - `refused_count`: whether refused calls stay in the log that `failed` is given.
    """

    def __init__(
        self,
        lessons: Lessons | None = None,
        *,
        shipped: Callable[[Scope], Iterable[str]] = lambda _: (),
        max_age: float = 7 * _DAY,
        clock: Callable[[], float] = time.time,
        refused_count: bool = True,
    ) -> None:
        self._refused_count = refused_count
        self._shipped = shipped
        self._max_age = max_age
        self._clock = clock
        self._notes: dict[Scope, _Notes] = {}
        self._named: dict[Scope, tuple[Scope, float]] = {}
        self._set_above: dict[str, Limits] = {}
        for scope, several in (lessons or {}).items():
            self._notes[scope] = _recalled(several, now=clock(), max_age=max_age)

    # --- what holds ---

    def effective(self, scope: Scope, configured: Limits) -> Limits:
        """What holds for `scope`, where `configured` is set."""
        if scope.kind == "provider":
            self._set_above[scope.name] = configured
        notes = self._notes.get(scope)
        if notes is None:
            if scope.kind not in _LEARNT:
                return configured
            notes = self._notes[scope] = _Notes()
        notes.configured = configured
        return Limits(
            windows=self._windows(scope, notes),
            slots=self._slots(scope, notes),
            spacing=max(configured.spacing, self._amount(notes, "spacing") or 0.0, self._pace(scope, notes)),
            loaded=configured.loaded,
        )

    def _pace(self, scope: Scope, notes: _Notes) -> float:
        known = any(window.unit == "requests" for window in self._windows(scope, notes))
        return notes.pace if notes.slow and not known and self._is_tried(scope, notes) else 0.0

    def changed(self, scope: Scope) -> bool:
        """Whether what holds for `scope` may be another than when this was last asked."""
        notes = self._notes.get(scope)
        if notes is None or not notes.changed:
            return False
        notes.changed = False
        return True

    def lessons(self) -> dict[Scope, tuple[Lesson, ...]]:
        """All that is known and still believed, to be kept for the next run."""
        now = self._clock()
        found = {
            scope: ordered(
                lesson for lesson in notes.lessons.values() if lesson.holds(now=now, max_age=self._max_age)
            )
            for scope, notes in sorted(self._notes.items())
        }
        return {scope: several for scope, several in found.items() if several}

    def pauses(self) -> Mapping[Scope, float]:
        """Seconds that scopes are still to be left alone, by refusals in this run or an earlier one."""
        now = self._clock()
        ends = {scope: notes.lessons.get(("pause", 0.0, False)) for scope, notes in self._notes.items()}
        return {scope: end.amount - now for scope, end in ends.items() if end and end.amount > now}

    def _windows(self, scope: Scope, notes: _Notes) -> tuple[Window, ...]:
        shipped = frozenset(self._shipped(scope))
        held = {(window.unit, window.seconds): window.amount for window in notes.configured.windows}
        for window in self._learnt(notes, told=True):
            key = (window.unit, window.seconds)
            at_most = held.get(key, window.amount)
            held[key] = window.amount if window.unit in shipped else min(at_most, window.amount)
        for window in self._learnt(notes, told=False):
            key = (window.unit, window.seconds)
            held[key] = min(held.get(key, window.amount), window.amount)
        return tuple(Window(unit, amount, seconds) for (unit, seconds), amount in held.items())

    def _slots(self, scope: Scope, notes: _Notes) -> int | None:
        learnt, configured = self._amount(notes, "slots"), notes.configured.slots
        known = [value for value in (learnt, configured) if value is not None]
        if notes.silence is not None:
            return 1
        if self._is_tried(scope, notes):
            known.append(notes.cap)
        return int(min(known)) if known else None

    def _is_tried(self, scope: Scope, notes: _Notes) -> bool:
        """Whether nobody says how many slots there are, so that it is tried."""
        return scope.kind == "account" and notes.configured.slots is None and self._above(scope).slots is None

    def _above(self, scope: Scope) -> Limits:
        """What is set for the provider of an account or a model."""
        return self._set_above.get(scope.name.partition("/")[0], _EVERYTHING)

    def _learnt(self, notes: _Notes, *, told: bool) -> list[Window]:
        now = self._clock()
        return [
            lesson.window
            for lesson in notes.lessons.values()
            if lesson.window and lesson.told is told and lesson.holds(now=now, max_age=self._max_age)
        ]

    def _amount(self, notes: _Notes, matter: Matter) -> float | None:
        lesson = notes.lessons.get((matter, 0.0, False))
        believed = lesson and lesson.holds(now=self._clock(), max_age=self._max_age)
        return lesson.amount if lesson and believed else None

    # --- replies ---

    def replied(
        self,
        scope: Scope,
        rates: tuple[Rate, ...],
        *,
        accepted: bool,
        now: float,
        in_flight: int,
        used: Callable[[Unit, float], int],
        took: float = 0.0,
        ours: Callable[[Unit, float], int] | None = None,
    ) -> Foreign | None:
        """The head of a reply is here, after `took` seconds. Returns what it reveals of use by others.

        `in_flight` counts the calls of the scope that are on their way, this one too; `used` is what the
        books hold of a unit within so many seconds, use by others that was told before included. `ours` is
        the most that any scope of the call may explain; as `used` if it is not given. Headers tell of
        accounts and models; other scopes learn nothing from them.
        """
        if scope.kind not in _LEARNT:
            return None
        notes = self._notes.setdefault(scope, _Notes())
        notes.used, meant = used, _meant(rates, notes.configured, self._above(scope))
        kept = {(window.unit, window.seconds) for window in self._windows(scope, notes)}
        for rate in meant:
            self._told(scope, notes, rate, now)
        if accepted:
            self._taken_on(notes, now, in_flight, took)
        booked = (rate for rate in meant if (rate.unit, rate.window) in kept)  # else nothing is known of it
        found = [each for rate in booked if (each := self._foreign(notes, rate, now, ours or used))]
        return max(found, key=lambda each: each.amount, default=None)

    def answered(self, scope: Scope, *, now: float, in_flight: int) -> None:
        """A call was answered to its end; `in_flight` still counts it."""
        notes = self._notes.get(scope)
        if notes is None or notes.slow or now < notes.calm_until or in_flight < notes.cap:
            return
        notes.successes += 1
        if notes.successes >= notes.cap:
            self._grow(notes, now)

    def unrefused(self, scope: Scope, *, now: float, since: float) -> float | None:
        """Calls wait for slots, and more than half of those on their way went out before `since`.

        Once that is `AT_ONCE` ago they have been taken on, whatever they still think about, and slots grow.
        Returns the seconds after which to tell this again; None where no telling makes slots grow.
        """
        notes = self._notes.get(scope)
        if notes is None or not self._is_tried(scope, notes):
            return None
        if notes.silence is None and notes.cap >= self._most_slots(notes):
            return None
        pace = AT_ONCE * _DOUBLING / notes.cap if notes.slow else AT_ONCE
        due = max(since + AT_ONCE, notes.grown + pace, notes.paused_until, notes.calm_until)
        if now < due:
            return due - now
        self._accepted(notes, now, since)
        if notes.silence is None:
            self._grow(notes, now)
        return pace

    def _taken_on(self, notes: _Notes, now: float, in_flight: int, took: float) -> None:
        self._accepted(notes, now, now - took)
        counted = took >= AT_ONCE  # while it thought
        if notes.slow and not counted and in_flight >= notes.cap and now >= notes.calm_until:
            self._grow(notes, now)
        if notes.ramps and (spacing := self._amount(notes, "spacing")):
            less = spacing * _RAMP
            self._learn(notes, "spacing", less if less >= LEAST_SPACING else 0.0)

    def _accepted(self, notes: _Notes, now: float, sent: float) -> None:
        """A call that was `sent` then was taken on, which tells something if that was after the pause."""
        if sent >= notes.paused_until:
            self._explain_silence(notes, now)
            notes.refusals, notes.counted = 0, None

    def _grow(self, notes: _Notes, now: float) -> None:
        notes.successes, notes.grown = 0, now
        if notes.cap < self._most_slots(notes):
            notes.cap += 1
            self._learn(notes, "worked", notes.cap)

    def _most_slots(self, notes: _Notes) -> float:
        return min(_MOST_SLOTS, self._amount(notes, "slots") or _MOST_SLOTS)

    def _told(self, scope: Scope, notes: _Notes, rate: Rate, now: float) -> None:
        """Take over a limit that headers tell.

        An account's models may each have a limit of their own, and each reply tells that of its model: for
        the account the largest holds that was told within the window, for a model always the last.
        """
        if rate.limit is None or rate.window is None:
            return
        key = (rate.unit, rate.window)
        known = notes.lessons.get((*key, True))
        lower = known is not None and rate.limit < known.amount
        if lower and scope.kind == "account" and now < notes.raised.get(key, float("-inf")) + rate.window:
            return
        notes.raised[key] = now
        if known and rate.limit > known.amount:
            notes.lessons.pop((*key, False), None)
        if known is None or known.amount != rate.limit or self._clock() - known.at >= MINUTE:
            self._learn(notes, rate.unit, rate.limit, rate.window, told=True)

    def _foreign(
        self, notes: _Notes, rate: Rate, now: float, ours: Callable[[Unit, float], int]
    ) -> Foreign | None:
        """What others have used of a limit; nothing where it is not the one that holds here."""
        known = notes.lessons.get((rate.unit, rate.window or 0.0, True))
        if known is None or rate.limit != known.amount or rate.remaining is None:
            return None
        theirs = int(known.amount) - rate.remaining - ours(rate.unit, known.seconds)
        if theirs <= 0:
            return None
        until = now + min(rate.reset or known.seconds, known.seconds)
        return Foreign(unit=rate.unit, seconds=known.seconds, amount=theirs, until=until)

    def needed(self, scope: Scope, unit: Unit, amount: int) -> None:
        """One call needs more than a window that was found by refusals holds: that window was misjudged.

        It is raised to `amount`, for nothing else would ever let the call out; what is more than the provider
        takes in one call is refused as that.
        """
        notes = self._notes.get(scope)
        if notes is None or any(
            each.amount < amount for each in notes.configured.windows if each.unit == unit
        ):
            return
        for lesson in tuple(notes.lessons.values()):
            if lesson.matter == unit and not lesson.told and lesson.amount < amount:
                self._learn(notes, unit, amount, lesson.seconds)

    # --- failures ---

    def failed(self, scope: Scope, fault: Fault, *, now: float, in_flight: int, sent: Log) -> float:
        """A call failed. Returns for how many seconds to leave the scope alone, 0 for not at all.

        `in_flight` counts the calls of the scope that are on their way, this one too; `sent` is the log of
        its requests (time, how many), oldest first, this one included if refused calls count.
        """
        notes = self._notes.setdefault(scope, _Notes())
        if fault.category in _TROUBLE:
            notes.calm_until = now + CALM
            return 0.0
        if fault.category is Category.OUT_OF_QUOTA:
            return self._pause(notes, now, fault.wait or _DAY - self._clock() % _DAY)
        if fault.category is not Category.RATE_LIMITED or fault.code == "upstream":
            return 0.0
        notes.slow, notes.changed = False, notes.changed or notes.slow
        if self._refused_count:
            notes.refused.append(now)
        wait = fault.wait if fault.wait and fault.wait > 0 else None
        match fault.code:
            case "concurrency":
                return self._too_many(notes, now, wait, in_flight)
            case "burst":
                return self._too_steep(notes, now, wait, sent)
            case "tokens":
                return self._too_much(notes, now, wait)
            case _:
                return self._too_often(notes, now, wait, sent)

    def _pause(self, notes: _Notes, now: float, wait: float | None) -> float:
        """Seconds to wait: as told, else longer with each refusal in a row; one pause is one refusal."""
        if now >= notes.paused_until:
            notes.refusals += 1
            if wait is None:
                wait = min(LONGEST_PAUSE, 2.0 ** min(notes.refusals - 1, 10))
        notes.paused_until = max(notes.paused_until, now + (wait or 0.0))
        if (pause := notes.paused_until - now) >= _NOTED:
            self._learn(notes, "pause", self._clock() + pause)
        return pause

    def _too_many(self, notes: _Notes, now: float, wait: float | None, in_flight: int) -> float:
        """Calls at once: as many as there were besides this one; the rate has nothing to do with it.

        One that was refused while it was alone met others that use the account, and teaches nothing.
        """
        slots, held = in_flight - 1, self._amount(notes, "slots")
        if slots < 1 or (held is not None and slots >= held):
            return self._pause(notes, now, wait)
        notes.cap = min(notes.cap, slots)
        self._learn(notes, "slots", slots)
        return self._pause(notes, now, wait) if wait else 0.0

    def _too_steep(self, notes: _Notes, now: float, wait: float | None, sent: Log) -> float:
        """A burst: calls are spread over the wait, as many as were taken on in as long a time before."""
        again, held = now < notes.paused_until, self._amount(notes, "spacing")
        span = wait or 1.0
        taken = inference.amount(Guess(seconds=span, start=now - span), sent, notes.refused)
        spacing = max(LEAST_SPACING, span / taken)
        if held and not again:
            notes.ramps, spacing = False, max(spacing, min(2 * held, LONGEST_PAUSE))
        elif not held:
            notes.ramps = taken > 1
        self._learn(notes, "spacing", max(spacing, held or 0.0))
        return self._pause(notes, now, wait)

    def _too_much(self, notes: _Notes, now: float, wait: float | None) -> float:
        """Tokens: as many as were used, within a minute unless the wait is longer."""
        if now >= notes.paused_until and not self._lowered(notes, "tokens", wait):
            seconds = inference.at_least(wait or 0.0)
            if notes.used is not None and (used := notes.used("tokens", seconds)) > 0:
                self._learn(notes, "tokens", used, seconds)
        return self._pause(notes, now, wait)

    def _too_often(self, notes: _Notes, now: float, wait: float | None, sent: Log) -> float:
        """Requests: how many were taken on, in the window that the wait tells of."""
        again = now < notes.paused_until
        pause = self._pause(notes, now, wait)
        if again:
            self._recount(notes, sent)
        elif self._lengthened(notes, now, wait, sent) or self._lowered(notes, "requests", wait):
            pass
        elif wait is None:
            self._keep_silence(notes, now, sent)
        elif found := inference.guess(sent, now=now, wait=wait, refused=notes.refused):
            self._count(notes, found, sent)
        if wait is not None and not again:
            notes.end = now + wait
        return pause

    def _lowered(self, notes: _Notes, unit: Unit, wait: float | None) -> bool:
        """Lower what is known of `unit`, which was refused in spite of it; False where nothing is known."""
        found = [window for window in self._learnt(notes, told=False) if window.unit == unit]
        held = max(found, key=lambda window: window.seconds, default=None)
        if held is None:
            return self._lowered_told(notes, unit)
        if (wait or 0.0) > held.seconds * 1.03:
            return False  # a longer window, besides
        self._learn(notes, unit, _less(held.amount), held.seconds)
        return True

    def _lengthened(self, notes: _Notes, now: float, wait: float | None, sent: Log) -> bool:
        """Correct a window that was not sure, if the refusal says that it is too short; False where not."""
        learnt = (window.seconds for window in self._learnt(notes, told=False))
        held = next((seconds for seconds in learnt if seconds in notes.unsure), None)
        if held is None or wait is None or inference.is_late(wait, held):
            return False
        notes.lessons.pop(("requests", held, False))
        notes.unsure.discard(held)
        self._count(notes, inference.longer(held, end=now + wait, last_end=notes.end, wait=wait), sent)
        return True

    def _lowered_told(self, notes: _Notes, unit: Unit) -> bool:
        """Headers tell what others use, so that one refusal in spite of them teaches nothing; more do."""
        told = [window for window in self._learnt(notes, told=True) if window.unit == unit]
        if not told:
            return False
        notes.in_spite[unit] = notes.in_spite.get(unit, 0) + 1
        if notes.in_spite[unit] > 1:
            held = min(told, key=lambda window: window.seconds)
            self._learn(notes, unit, _less(held.amount), held.seconds)
        return True

    def _count(self, notes: _Notes, found: Guess, sent: Log) -> None:
        """Learn that the window `found` takes no more than it held."""
        notes.counted = found
        if not found.sure and found.seconds < MINUTE:
            notes.unsure.add(found.seconds)
        self._learn(notes, "requests", inference.amount(found, sent, notes.refused), found.seconds)

    def _recount(self, notes: _Notes, sent: Log) -> None:
        """One more of the calls that were counted was refused."""
        if notes.silence is not None:
            notes.silence.taken = max(1, notes.silence.taken - 1)
        found = notes.counted
        known = found and notes.lessons.get(("requests", found.seconds, False))
        if found and known:
            taken = inference.amount(found, sent, notes.refused)
            if taken < known.amount:
                self._learn(notes, "requests", taken, found.seconds)

    def _keep_silence(self, notes: _Notes, now: float, sent: Log) -> None:
        """Refused without a word when to come back: one call at a time, until one is taken on."""
        notes.cap, notes.changed = max(1, notes.cap // 2), True
        if notes.silence is None and sent:
            whole = Guess(seconds=0.0, start=sent[0][0])
            taken = inference.amount(whole, sent, notes.refused)
            notes.silence = _Silence(oldest=whole.start, taken=taken, first=now, last=now)
        elif notes.silence is not None:
            notes.silence.last = now
        if notes.silence is not None and notes.refusals >= _PATIENCE:
            self._count(notes, Guess(seconds=MINUTE, start=notes.silence.first - MINUTE), sent)
            notes.silence = None

    def _explain_silence(self, notes: _Notes, now: float) -> None:
        """Taken on again: the window is longer than at the last refusal, and not longer than now."""
        silence, notes.silence = notes.silence, None
        notes.changed = notes.changed or silence is not None
        if silence and (seconds := inference.between(silence.last - silence.oldest, now - silence.oldest)):
            self._learn(notes, "requests", silence.taken, seconds)

    def _learn(
        self, notes: _Notes, matter: Matter, amount: float, seconds: float = 0.0, *, told: bool = False
    ) -> None:
        lesson = Lesson(matter=matter, amount=amount, at=self._clock(), seconds=seconds, told=told)
        notes.lessons[lesson.key] = lesson
        notes.changed = True

    # --- whose limit it is ---

    def scope_of(self, fault: Fault, scopes: Sequence[Scope]) -> Scope:
        """The scope of a call whose limit a failure is about.

        As `attribution.scope_of` says; but where two models of an account are refused within a minute, each
        by name, it is the account's limit after all, and what was learnt of the first model is forgotten.
        """
        scope, account = attribution.scope_of(fault, scopes), attribution.of_kind("account", scopes)
        if scope.kind not in _OF_MODELS or account is None or fault.category is not Category.RATE_LIMITED:
            return scope
        first, at = self._named.get(account, (scope, float("-inf")))
        if attribution.says_per_model(fault) or first == scope or not 0 <= self._clock() - at < MINUTE:
            self._named[account] = (scope, self._clock())
            return scope
        if (notes := self._notes.get(first)) is not None:
            notes.lessons = {key: lesson for key, lesson in notes.lessons.items() if lesson.at < at}
            notes.counted, notes.changed = None, True
        return account


def _recalled(lessons: Iterable[Lesson], *, now: float, max_age: float) -> _Notes:
    """Notes that begin where an earlier run left off."""
    notes = _Notes(changed=True)
    notes.lessons = {each.key: each for each in lessons if each.holds(now=now, max_age=max_age)}
    if worked := notes.lessons.get(("worked", 0.0, False)):
        notes.cap = max(1, min(_MOST_SLOTS, int(worked.amount)))
        notes.pace = min(PACE, AT_ONCE / notes.cap)
    return notes


def _less(amount: int) -> int:
    """A tenth less, one at least, but never nothing."""
    return max(1, amount - max(1, amount // 10))


def _meant(rates: Sequence[Rate], configured: Limits, above: Limits) -> list[Rate]:
    """The rates, each with the window it is about.

    One that stands alone for its unit means the only window that is configured for it, here or `above` for
    the whole provider, since headers tell a number, and the window is only what is usual. Without any window
    nothing can be said of it.
    """
    placed = (_placed(rate, rates, configured, above) for rate in rates)
    return [rate for rate in placed if rate.window is not None]


def _placed(rate: Rate, rates: Sequence[Rate], configured: Limits, above: Limits) -> Rate:
    set_here = _lengths(configured, rate.unit) or _lengths(above, rate.unit)
    alone = rate.window is None or sum(other.unit == rate.unit for other in rates) == 1
    return msgspec.structs.replace(rate, window=set_here[0]) if len(set_here) == 1 and alone else rate


def _lengths(limits: Limits, unit: Unit) -> list[float]:
    return [window.seconds for window in limits.windows if window.unit == unit]
