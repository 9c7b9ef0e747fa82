"""The keys of one provider, and which of them a call may use now.

A failure says how far it reaches and how long it lasts:

    unauthorised    the key, as long as this process lives
    forbidden       the key, for this model
    out of money    the account, for models that cost something, until tomorrow
    out of quota    the account, for this model, until the quota is renewed
    rate limited    the account, for this model, until the window is over

Limits and quotas are taken to hold for the model that met them, since those of most providers do; where one
holds for all models, each of them finds out with one call. A limit rests only an account that is not the only
one: there is no other to turn to, and when to ask again is for whoever keeps limits to say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count
from typing import NamedTuple

import msgspec

from panvox.errors import Category, Failure, Fault, Forbidden, Owner, Unauthorised
from panvox.keys.key import Key, utc_now

WINDOW = 60.0
"""Seconds that a rate limit is taken to last where the provider does not say: the usual window."""

_WINDOWS = {"concurrency": 5.0, "burst": 10.0}  # by what there was too much of: these pass sooner

_FOR_ALL, _FOR_PAID = "all models", "paid models"  # no model has a space in its name
_NEVER = float("inf")
_LONGEST = 31 * 86_400.0  # seconds; longer waits are told by mistake
_REPLACE = "Put a key that works in the place of one of them; `panvox keys test {}` tries each."
_EXCERPT = 160  # characters of what a provider said of a key


class KeyState(StrEnum):
    """How a key stands."""

    USABLE = "usable"
    RESTING = "resting"
    REFUSED = "refused"
    EXPIRED = "expired"


class KeyStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How a key stands, for people; times are in UTC.

    `models` are those that it cannot be asked for now. `until` is when the first thing that keeps it from
    being used is over, None where nothing does or nothing ends.
    """

    label: str
    account: str
    state: KeyState
    why: str = ""
    until: datetime | None = None
    models: tuple[str, ...] = ()
    used: datetime | None = None
    failures: int = 0


class Pause(msgspec.Struct, frozen=True):
    """No key is left for a call. `fault` is what that comes to, with the wait until one can be used again.

    `left_out`: there are keys that can be used, but the caller wanted others.
    """

    fault: Fault
    left_out: bool = False


class _Rest(NamedTuple):
    """Until when (by the clock) something is left alone, and why."""

    until: float
    fault: Fault


class _Bar(NamedTuple):
    """Why a key cannot be used: a failure and what people read; `until` is infinite for what does not end."""

    until: float
    fault: Fault | None
    said: str


class KeyPool:
    """The keys of `provider`; asked by all of its models, changed by what comes of their calls.

    `clock` gives seconds that only go forward, `now` the time of the day in UTC, by which keys expire and
    money and quotas come back. Nothing here waits. Raises `ValueError` without keys, or for a label that is
    there twice.
    """

    def __init__(
        self,
        keys: Sequence[Key],
        *,
        provider: str = "",
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        if not keys or len({key.label for key in keys}) < len(keys):
            raise ValueError("a pool has at least one key, and no label twice")
        self.keys = tuple(keys)
        self.provider = provider
        self._clock = clock
        self._now = now
        self._several = len({key.account for key in keys}) > 1
        self._turns = count(1)
        self._turn = dict.fromkeys((key.label for key in keys), 0)
        self._used: dict[str, datetime] = {}
        self._failures = dict.fromkeys(self._turn, 0)
        self._refused: dict[str, Fault] = {}
        self._forbidden: dict[tuple[str, str], Fault] = {}  # by label and model
        self._rests: dict[tuple[str, str], _Rest] = {}  # by account, and model or one of the two words

    def __repr__(self) -> str:
        return f"KeyPool({self.provider!r}, {[key.label for key in self.keys]})"

    def pick(self, model: str, *, free: bool = False, but: Collection[str] = ()) -> Key | Pause:
        """The key for a call to `model`, which counts as used from now on; or why there is none.

        Of those that can be used and whose label is not in `but`: no backup where there is another, the
        lowest priority number, the one that was used least recently. `free` is for models that cost nothing.
        """
        usable = [key for key in self.keys if self._bar(key, model, free=free) is None]
        wanted = [key for key in usable if key.label not in but]
        if not usable:
            return Pause(self._verdict(model, free=free))
        if not wanted:
            return Pause(Unauthorised(f"no other key of {self.provider} can be used").fault, left_out=True)
        key = min(wanted, key=lambda key: (key.rank, self._turn[key.label]))
        self._turn[key.label] = next(self._turns)
        self._used[key.label] = self._now()
        return key

    def failed(self, key: Key, model: str, fault: Fault, *, free: bool = False) -> frozenset[str]:
        """A call with `key` has failed; the labels of the keys that would now fail in the same way."""
        if fault.owner is not Owner.KEY:
            return frozenset({key.label})
        self._failures[key.label] += 1
        account = frozenset(each.label for each in self.keys if each.account == key.account)
        match fault.category:
            case Category.UNAUTHORISED:
                self._refused[key.label] = fault
            case Category.FORBIDDEN:
                self._forbidden[key.label, model] = fault
            case Category.OUT_OF_MONEY:
                self._rest(key, _FOR_ALL if free else _FOR_PAID, fault, self._until_midnight())
                return account
            case Category.OUT_OF_QUOTA:
                self._rest(key, model, fault, self._until_midnight() if fault.wait is None else fault.wait)
                return account
            case Category.RATE_LIMITED:
                if self._several:
                    usual = _WINDOWS.get(fault.code, WINDOW)
                    self._rest(key, model, fault, usual if fault.wait is None else fault.wait)
                return account
            case _:
                pass
        return frozenset({key.label})

    def standing(self) -> tuple[KeyStanding, ...]:
        """How each key stands, in the order in which they were given."""
        return tuple(self._standing(key) for key in self.keys)

    # --- what keeps a key from being used ---

    def _rest(self, key: Key, scope: str, fault: Fault, seconds: float) -> None:
        until = self._clock() + min(max(0.0, seconds), _LONGEST)
        known = self._rests.get((key.account, scope))
        if known is None or known.until < until:
            self._rests[key.account, scope] = _Rest(until, fault)

    def _bar(self, key: Key, model: str, *, free: bool) -> _Bar | None:
        """The one that lasts longest; for ever, where the key will have expired once it is over."""
        forbidden = self._forbidden.get((key.label, model))
        if forbidden is not None:
            return _Bar(_NEVER, forbidden, f"may not use {model} ({_excerpt(forbidden)})")
        bars = self._bars(key, (_FOR_ALL, model) if free else (_FOR_ALL, _FOR_PAID, model))
        longest = max(bars, key=lambda bar: bar.until, default=None)
        if longest is not None and longest.until < _NEVER and key.expired(self._at(longest.until).date()):
            return _Bar(_NEVER, longest.fault, f"{longest.said}, and will have expired by then")
        return longest

    def _bars(self, key: Key, scopes: Collection[str]) -> Iterator[_Bar]:
        if key.expires is not None and key.expired(self._now().date()):
            yield _Bar(_NEVER, None, f"expired on {key.expires}")
        if (refused := self._refused.get(key.label)) is not None:
            yield _Bar(_NEVER, refused, f"was refused ({_excerpt(refused)})")
        for scope in scopes if self._rests else ():
            rest = self._rests.get((key.account, scope))
            if rest is not None and self._clock() < rest.until:
                words = rest.fault.category.value.replace("_", " ")
                yield _Bar(rest.until, rest.fault, f"is {words} until {self._told(rest.until)}")

    def _verdict(self, model: str, *, free: bool) -> Fault:
        """What it comes to where all keys are barred: what passes soonest, or else that nothing will."""
        bars = [(key, bar) for key in self.keys if (bar := self._bar(key, model, free=free)) is not None]
        said = "; ".join(f"{key.label} {bar.said}" for key, bar in bars)
        message = f"no key of {self.provider} can be used for {model}: {said}"
        _, soonest = min(bars, key=lambda pair: pair[1].until)
        if soonest.fault is not None and soonest.until < _NEVER:
            wait = max(0.0, soonest.until - self._clock())
            return msgspec.structs.replace(soonest.fault, message=message, wait=wait, status=None)
        kinds = {bar.fault.category for _, bar in bars if bar.fault is not None}
        kind: type[Failure] = Forbidden if Category.FORBIDDEN in kinds else Unauthorised
        return kind(message, hint=_REPLACE.format(self.provider)).fault

    # --- for people ---

    def _standing(self, key: Key) -> KeyStanding:
        scopes = [scope for account, scope in self._rests if account == key.account]
        always = max(self._bars(key, (_FOR_ALL, _FOR_PAID)), key=lambda bar: bar.until, default=None)
        ends = [bar.until for bar in self._bars(key, scopes) if bar.until < _NEVER]
        return KeyStanding(
            label=key.label,
            account=key.account,
            state=self._state(key, always),
            why=always.said if always else "",
            until=self._at(min(ends)) if ends and (always is None or always.until < _NEVER) else None,
            models=self._held_models(key, scopes),
            used=self._used.get(key.label),
            failures=self._failures[key.label],
        )

    def _state(self, key: Key, always: _Bar | None) -> KeyState:
        if key.expired(self._now().date()):
            return KeyState.EXPIRED
        if key.label in self._refused:
            return KeyState.REFUSED
        return KeyState.USABLE if always is None else KeyState.RESTING

    def _held_models(self, key: Key, scopes: Sequence[str]) -> tuple[str, ...]:
        now = self._clock()
        resting = {scope for scope in scopes if now < self._rests[key.account, scope].until}
        forbidden = {model for label, model in self._forbidden if label == key.label}
        return tuple(sorted((resting | forbidden) - {_FOR_ALL, _FOR_PAID}))

    # --- time ---

    def _until_midnight(self) -> float:
        """Seconds to the next midnight in UTC."""
        now = self._now()
        midnight = datetime(now.year, now.month, now.day, tzinfo=now.tzinfo) + timedelta(days=1)
        return (midnight - now).total_seconds()

    def _at(self, until: float) -> datetime:
        return self._now() + timedelta(seconds=until - self._clock())

    def _told(self, until: float) -> str:
        at = self._at(until)
        same_day = at.date() == self._now().date()
        return f"{at:%H:%M:%S} UTC" if same_day else f"{at:%Y-%m-%d %H:%M} UTC"


def _excerpt(fault: Fault) -> str:
    said = " ".join(fault.message.split())
    return said if len(said) <= _EXCERPT else f"{said[: _EXCERPT - 1]}…"
