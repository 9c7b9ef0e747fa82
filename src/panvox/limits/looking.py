"""A look at limits that processes share, from outside: whoever looks takes nothing and is not counted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from panvox.limits.bookings import looked_at
from panvox.limits.valkey import SharedStanding, standings
from panvox.limits.valkey_line import Line, words_of
from panvox.protocols import Limits, Scope

_PATIENCE = 3.0  # seconds for all of it; whoever looks shall not wait for a server that is silent


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What all processes together use of limits, and for how many more seconds models are left alone.

    `problem` is a sentence where the server could not be asked.
    """

    standings: tuple[SharedStanding, ...] = ()
    marks: dict[str, float] = {}
    problem: str = ""


async def look(url: str, limits: Mapping[Scope, Limits]) -> Look:
    """How the scopes of `limits` stand at the Valkey server at `url`.

    Raises `SettingsError` for what is no address.
    """
    line = Line(url)
    trouble: tuple[type[Exception], ...] = (*line.trouble, TimeoutError)
    try:
        async with asyncio.timeout(_PATIENCE):
            await line.greet()
            standing = standings(limits, await line.call("standing", looked_at(limits)))
            return Look(standings=standing, marks=await line.marks())
    except trouble as error:
        return Look(
            problem=f"the Valkey server at {line.address} does not tell what is in use: {words_of(error)}. "
            "What this machine knows is shown; start the server, or correct limits.url"
        )
    finally:
        await line.aclose()
