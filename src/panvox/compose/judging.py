"""Who judges and who writes the synthesis: from settings and options to models, and to a turn with both."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from panvox.catalog.entries import LOCAL, Entry
from panvox.curation.judging.judge import trust
from panvox.curation.judging.synthesis import Room
from panvox.engine import Member, Turn
from panvox.engine.judging import Hearing, judge, synthesise
from panvox.errors import SelectionError
from panvox.messages import Note, Outcome, RunEnded, RunEvent, RunStarted
from panvox.protocols import Purse
from panvox.settings.schema import JudgeSection
from panvox.verdicts import Judgement, Synthesis, Verdict

if TYPE_CHECKING:  # SQLAlchemy takes a quarter of a second, and the options of a command need no store
    from panvox.store import NullJournal, SqlJournal

LARGEST_JURY = 9
"""Judges at most: more cost more and, of models, hardly know more (Verga et al. 2024, arXiv 2404.18796)."""

WRITERS = 8
"""Models that may write a synthesis if the ones before them have not answered."""

INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """What is asked of judges.

    `judges` are patterns of models, empty for those of the settings or the strongest of the panel; None where
    nobody shall judge. `synthesis` is the pattern of the model that writes one text, empty for the default,
    None for no text. `when` is whether both are wanted always, or only where confidence is `low`. `seconds`
    is what they may take, as the settings say if None. With less than `least` answers nobody is asked.
    """

    judges: tuple[str, ...] | None = None
    synthesis: str | None = None
    when: Literal["always", "low"] = "always"
    seconds: float | None = None
    least: int = 1

    @property
    def wanted(self) -> bool:
        """Whether anybody is to be asked at all."""
        return self.judges is not None or self.synthesis is not None


Select = Callable[[Sequence[str]], Awaitable[tuple[Entry, ...]]]
Make = Callable[[Entry], Member]


async def appointed(
    wanted: Judging,
    section: JudgeSection,
    panel: Sequence[Entry],
    *,
    select: Select,
    make: Make,
) -> Bench:
    """The models that are asked. Raises `SelectionError` where there are none that could be."""
    jury: tuple[Entry, ...] = ()
    if wanted.judges is not None:
        named = wanted.judges or section.models
        jury = await select(named) if named else (strongest(panel, "judge", "--judge MODELS"),)
        if len(jury) > LARGEST_JURY:
            raise SelectionError(
                f"{', '.join(named)} means {len(jury):,} judges, and {LARGEST_JURY} are the most: name "
                "fewer, or pick with a selection such as 'lineage:one strongest:3'"
            )
    writers: Sequence[Entry] = ()
    if wanted.synthesis is not None:
        pattern = wanted.synthesis or section.synthesis_model
        if pattern:
            writers = await select((pattern,))
            if len(writers) > 1:
                raise SelectionError(
                    f"{pattern} means {len(writers):,} models, such as {writers[0].name}; one writes the "
                    "synthesis"
                )
        else:
            writers = by_strength(panel, "write", "--synthesise MODEL")[:WRITERS]
    if wanted.seconds is not None:
        section = section.model_copy(update={"deadline": wanted.seconds})
    return Bench(
        section,
        jury=tuple(make(entry) for entry in jury),
        writers=tuple((make(each), Room.of(each.context, each.max_output)) for each in writers),
        when=wanted.when,
        least=wanted.least,
    )


def strongest(panel: Sequence[Entry], does: str, option: str) -> Entry:
    """The strongest of a panel that costs nothing, else the strongest. Raises `SelectionError`."""
    return by_strength(panel, does, option)[0]


def by_strength(panel: Sequence[Entry], does: str, option: str) -> list[Entry]:
    """Those of a panel that cost nothing, else all, the strongest first. Raises `SelectionError`."""
    able = [entry for entry in panel if entry.provider != LOCAL]
    if not able:
        raise SelectionError(
            f"no model that is asked can {does}, since the one on this machine is too small for that: name "
            f"another with {option}"
        )
    free = [entry for entry in able if entry.free]
    return sorted(
        free or able,
        key=lambda entry: (entry.strengths.get("general", -1.0), entry.context or 0),
        reverse=True,
    )


class Bench:
    """Judges and a writer who have been appointed: they make a later verdict of one that the votes made."""

    def __init__(
        self,
        section: JudgeSection,
        *,
        jury: Sequence[Member],
        writers: Sequence[tuple[Member, Room]],
        when: Literal["always", "low"],
        least: int = 1,
    ) -> None:
        """`writers` are the one who writes, and those who do if it has not answered, with their rooms."""
        self.jury = tuple(jury)
        writer, room = writers[0] if writers else (None, Room.of(None))
        self.writer: Member | None = writer
        self._room = room
        self._writers = tuple(writers)
        self._section = section
        self._when = when
        self._least = least

    def wanted(self, verdict: Verdict) -> bool:
        """Whether they are asked about such a verdict: always, or where it is hardly to be trusted."""
        return verdict.answered >= self._least and (
            self._when == "always" or trust(verdict) < self._section.below
        )

    def among(self, outcomes: Sequence[Outcome]) -> Bench:
        """The same, but the first writer that has answered writes, if any has."""
        answered = {outcome.member.name for outcome in outcomes if outcome.answered}
        able = [each for each in self._writers if each[0].identity.name in answered]
        return Bench(
            self._section,
            jury=self.jury,
            writers=able or self._writers,
            when=self._when,
            least=self._least,
        )

    @property
    def plan(self) -> str:
        """What they will do, as a sentence."""
        parts = []
        if self.jury:
            parts.append(f"asking {_named(self.jury)} to judge")
        if self.writer:
            parts.append(f"asking {_named([self.writer])} for a synthesis")
        return f"{', '.join(parts)}, for {self._section.deadline:g} s at most"

    async def heard(
        self,
        question: str,
        verdict: Verdict,
        outcomes: Sequence[Outcome],
        *,
        purse: Purse,
        run: str,
        turn: int,
        random: Random | None = None,
    ) -> Verdict:
        """The verdict after them. What fails is told in it; nothing is raised for that."""
        random = random or Random(secrets.randbits(128))  # noqa: S311 - seeded from the system's own source
        section = self._section
        if self.jury:
            hearing = Hearing(purse, run=run, turn=turn, seconds=section.deadline)
            verdict = await judge(
                question,
                verdict,
                outcomes,
                jury=self.jury,
                hearing=hearing,
                most=section.max_comparisons,
                random=random,
            )
        if self.writer:
            hearing = Hearing(purse, run=run, turn=turn, seconds=section.deadline)
            verdict = await synthesise(
                question,
                verdict,
                outcomes,
                by=self.writer,
                room=self._room,
                hearing=hearing,
                random=random,
            )
        return verdict

    def cut_short(self, verdict: Verdict, why: str) -> Verdict:
        """The verdict as it was, and that they were not heard to the end."""
        if self.jury:
            names = tuple(member.identity.name for member in self.jury)
            verdict = replace(verdict, judgement=Judgement(judges=names, failed=why))
        if self.writer:
            verdict = replace(verdict, synthesis=Synthesis(by=self.writer.identity.name, failed=why))
        return verdict


def _named(members: Sequence[Member]) -> str:
    return ", ".join(member.identity.name for member in members)


class JudgedTurn:
    """A turn whose last event holds the verdict after the judges; they begin when all others have ended.

    Iterate it in place of the turn. The later verdict is written to the `store` beside that of the votes.
    """

    def __init__(
        self,
        turn: Turn,
        bench: Bench,
        *,
        purse: Purse,
        store: SqlJournal | NullJournal,
        question: str = "",
    ) -> None:
        """`question` is what they are told that was asked, in place of the whole prompt."""
        self._told = question
        self._turn = turn
        self._bench = bench
        self._purse = purse
        self._store = store
        self._question = ""
        self._hearing: asyncio.Timeout | None = None

    async def __aiter__(self) -> AsyncIterator[RunEvent]:
        """The events of the turn; the last one is `RunEnded`."""
        async for event in self._turn:
            if isinstance(event, RunStarted):
                self._question = self._told or event.question
            if isinstance(event, RunEnded) and self._is_wanted(event):
                self._bench = self._bench.among(self._turn.outcomes)
                yield Note(self._bench.plan)
                yield await self._judged(event)
            else:
                yield event

    def stop(self, why: str = "stopped") -> None:
        """End the turn, or the judging, and keep what has arrived."""
        self._turn.stop(why)
        if self._hearing is not None and self._hearing.when() is None:
            self._hearing.reschedule(asyncio.get_running_loop().time())

    async def wait_ended(self) -> RunEnded:
        """Pass over the events that are left; the last one."""
        async for event in self:
            if isinstance(event, RunEnded):
                return event
        return await self._turn.wait_ended()

    def _is_wanted(self, ended: RunEnded) -> bool:
        return ended.stopped not in (INTERRUPTED, "stopped") and self._bench.wanted(ended.verdict)

    async def _judged(self, ended: RunEnded) -> RunEnded:
        self._hearing = asyncio.timeout(None)
        try:
            async with self._hearing:
                verdict = await self._bench.heard(
                    self._question,
                    ended.verdict,
                    self._turn.outcomes,
                    purse=self._purse,
                    run=ended.run,
                    turn=ended.turn,
                )
        except TimeoutError:
            if not self._hearing.expired():
                raise
            verdict = self._bench.cut_short(ended.verdict, INTERRUPTED)
        self._hearing = None
        await self._store.judged(ended.run, ended.turn, verdict)
        self._turn.ended = replace(ended, verdict=verdict)
        return self._turn.ended
