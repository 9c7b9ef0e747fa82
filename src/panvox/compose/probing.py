"""Proofs of life: asked for, kept on the disk, and read again."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence

from panvox.catalog.entries import Entry, Probe
from panvox.catalog.probes import MAX_TOKENS, QUESTION, Probes, probe_of
from panvox.compose.stack import identity_of
from panvox.engine import Member, Run
from panvox.messages import MemberEnded, Outcome, Prompt
from panvox.protocols import Model
from panvox.settings.places import catalogue_folder
from panvox.store import NullJournal

PROBE_DEADLINE = 60.0
"""Seconds that a probe may take: what is slower is silent."""

_BELIEVED = 1.0  # seconds for which what was read of probes is taken to hold


class Prober:
    """The probes of a session; `marks` tell for each provider under which key and address it is asked."""

    def __init__(self, marks: Mapping[str, str]) -> None:
        self._marks = marks
        self._kept: Probes | None = None
        self._looking_up = asyncio.Lock()
        self._looked_up = -math.inf
        self._found: Mapping[str, Probe] = {}

    async def probes(self, max_age: float) -> Mapping[str, Probe]:
        """What earlier probes found that is no older than `max_age` seconds; read once a second at most."""
        async with self._looking_up:  # many ask at once, and one reads
            if time.monotonic() - self._looked_up >= _BELIEVED:
                self._found, self._looked_up = await self._read(max_age), time.monotonic()
        return self._found

    async def _read(self, max_age: float) -> Mapping[str, Probe]:
        kept = self._folder
        return await asyncio.to_thread(lambda: kept.load(now=time.time(), max_age=max_age, marks=self._marks))

    @property
    def _folder(self) -> Probes:
        if self._kept is None:
            self._kept = Probes(catalogue_folder())
        return self._kept

    async def probe(
        self,
        entries: Sequence[Entry],
        *,
        bare: Callable[[Entry], Model],
        heard: Callable[[Outcome, Probe], None],
        deadline: float,
    ) -> bool:
        """Ask the `bare` model of each of `entries` for a word; see `Session.probe`."""
        kept = False
        found: list[Probe] = []
        members = [Member(identity_of(entry), bare(entry)) for entry in entries]
        run = Run(members, journal=NullJournal("a probe is no run"))
        try:
            async with run.turn(Prompt.of(QUESTION, max_tokens=MAX_TOKENS), deadline=deadline) as turn:
                async for event in turn:
                    if isinstance(event, MemberEnded):
                        mark = self._marks.get(event.outcome.member.provider, "")
                        probe = probe_of(event.outcome, at=time.time(), mark=mark)
                        if probe is not None:
                            found.append(probe)
                            heard(event.outcome, probe)
        finally:
            kept = await asyncio.to_thread(self._folder.keep, found)
            self._looked_up = -math.inf
        return kept
