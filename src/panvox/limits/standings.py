"""How limits stand, as values: what `panvox limits` shows, and what is kept from one process to the next."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from panvox.protocols import Limits, Scope, Unit, Window


class WindowUse(msgspec.Struct, frozen=True):
    """How much of a window is taken."""

    window: Window
    used: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How one scope stands: `effective` is what holds, `windows` and `slots` what is taken of it.

    `waiting` calls wait for this scope, `paused` is the seconds that it pauses, `loaded` the models in use,
    the newest last; `learnt` says in words what holds other than configured.
    """

    scope: Scope
    configured: Limits
    effective: Limits
    windows: tuple[WindowUse, ...] = ()
    slots: int = 0
    waiting: int = 0
    paused: float = 0.0
    loaded: tuple[str, ...] = ()
    learnt: str = ""


class LiveScope(msgspec.Struct, frozen=True, kw_only=True):
    """How a scope stands in a process that is at work.

    `slots` calls are on their way, `waiting` wait; it pauses until `paused_until`, in seconds since 1970.
    """

    scope: Scope
    slots: int = 0
    waiting: int = 0
    paused_until: float = 0.0


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """How the limits of a process that is at work stand, where there is anything to tell.

    `circuits` are the models that it leaves alone, and until when, in seconds since 1970.
    """

    scopes: tuple[LiveScope, ...] = ()
    circuits: dict[str, float] = {}


def together(several: Iterable[Live]) -> Live:
    """How the limits of several processes stand together."""
    scopes: dict[Scope, LiveScope] = {}
    circuits: dict[str, float] = {}
    for live in several:
        for each in live.scopes:
            known = scopes.get(each.scope, LiveScope(scope=each.scope))
            scopes[each.scope] = LiveScope(
                scope=each.scope,
                slots=known.slots + each.slots,
                waiting=known.waiting + each.waiting,
                paused_until=max(known.paused_until, each.paused_until),
            )
        for name, until in live.circuits.items():
            circuits[name] = max(until, circuits.get(name, until))
    return Live(scopes=tuple(scopes.values()), circuits=circuits)


class Entries(msgspec.Struct, frozen=True, kw_only=True):
    """What counts in a window of a scope: times in seconds since 1970, each with its amount, oldest first."""

    scope: Scope
    unit: Unit
    seconds: float
    log: tuple[tuple[float, int], ...]


def learnt(configured: Limits, effective: Limits) -> str:
    """What holds other than configured, in words: `requests 18/60 s, slots 3`; empty if nothing does."""
    words = [
        f"{window.unit.replace('_', ' ')} {window.amount:,}/{window.seconds:g} s"
        for window in effective.windows
        if window not in configured.windows
    ]
    if effective.slots != configured.slots:
        words.append(f"slots {effective.slots}" if effective.slots is not None else "no bound on slots")
    if effective.spacing != configured.spacing:
        words.append(f"spacing {effective.spacing:g} s")
    return ", ".join(words)
