"""What is open while prompts are asked.

A session holds the transport, the model on this machine and the store; it knows the catalogue, and hands out
turns and conversations.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

from panvox.budget import LimitedPurse
from panvox.catalog.assembly import Assembled
from panvox.catalog.discovery import Ways
from panvox.catalog.entries import LOCAL, Catalogue, Entry, Probe
from panvox.catalog.selection import default_selection, select
from panvox.compose.bottoms import Bottoms
from panvox.compose.catalogue import Shelf
from panvox.compose.conversation import (
    Asking,
    Calling,
    Conversation,
    Manner,
    Notes,
    Result,
    names_in,
    past_of,
)
from panvox.compose.dialects import dialect_of
from panvox.compose.feedback import Heeded, feed_back, weights_in_force
from panvox.compose.judging import Bench, Judging, appointed
from panvox.compose.keeping import Keeping
from panvox.compose.keys import pools
from panvox.compose.money import Till
from panvox.compose.panels import Calls, Panels
from panvox.compose.probing import PROBE_DEADLINE, Prober
from panvox.compose.review import (
    Fitted,
    Reviewed,
    Reviewing,
    ReviewTurn,
    fit,
    opened,
    panel_of,
    resumed,
)
from panvox.compose.stack import Shared, Stack
from panvox.curation import Rules
from panvox.curation.checks.constants import Constants
from panvox.curation.weights import Weights
from panvox.embedding import late_closer, late_embedder
from panvox.engine import Member, Run, Turn
from panvox.engine.waves import FREE_FIRST, Cascade
from panvox.errors import SelectionError, UsageError
from panvox.evaluation.published import published_strength
from panvox.evaluation.weights_file import load_weights
from panvox.messages import Outcome, Prompt
from panvox.protocols import Model, Purse, Scope
from panvox.providers.local import LocalServer
from panvox.providers.transport import HttpTransport
from panvox.review.brief import Brief
from panvox.settings import Settings
from panvox.settings.places import weights_file
from panvox.store import NullJournal, SqlJournal, StoredRun, StoredTurn
from panvox.verdicts import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A selection that is ready to be asked: `entries` of the catalogue, and a member for each of them.

    Under a chain there is one member and no entry. `notes` has what people should know of it.
    """

    entries: tuple[Entry, ...]
    members: tuple[Member, ...]
    purse: LimitedPurse
    bench: Bench | None
    notes: Notes


class Session:
    """Everything that is open while prompts are asked; `panvox.open` makes one.

    `settings` are those in force; other ones take their place while it is open (see `reload`). `keeping` has
    the limits, `notes` tells people what they should know beside the matter.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        transport: HttpTransport,
        store: SqlJournal | NullJournal,
        local: LocalServer,
        shared: Shared,
        keeping: Keeping,
        notes: Notes,
    ) -> None:
        self.settings = settings
        self.store = store
        self.keeping = keeping
        self.cache = shared.cache
        self.notes = notes
        self._shared = shared
        self._transport = transport
        self._local = local
        self._shelf = Shelf(settings)
        self._sources = {source.provider: source for source in self._shelf.sources}
        self._pools = pools(self._shelf.sources)
        self._transports = {name: transport.way(settings.way_out(name)) for name in self._sources}
        self._ways = Ways(
            transport_to=lambda source: self._transports[source.provider],
            dialect_of=lambda source: dialect_of(source.vendor),
        )
        self._assembled: Assembled | None = None
        self._assembling = asyncio.Lock()
        self._catalogue = Catalogue()
        self._till = Till(settings, store, shared.estimates)
        self._stack = self._new_stack()
        self._panels: Panels | None = None
        self._constants = Constants()
        self._prober = Prober({source.provider: source.mark for source in self._shelf.sources})

    def reload(self, settings: Settings) -> None:
        """Other settings from now on: limits at once, how calls are made with the next panel.

        Providers, keys, ways out and the model on this machine stay as they were when the session was opened,
        and all does where the limits make no sense.
        """
        settings = settings.model_copy(update={"local": self.settings.local})
        try:
            self.keeping.configure(settings)
        except UsageError as error:
            self.notes.say(f"the settings have changed and are not used: {error}")
            return
        self.settings = settings
        self._till.configure(settings)
        self._stack, self._panels = self._new_stack(), None
        self.notes.say("the settings have changed: limits hold at once, the rest for what is asked next")

    @property
    def till(self) -> Till:
        """What asking may cost, and what is left for it."""
        return self._till

    def ways(self, entry: Entry) -> tuple[tuple[Scope, ...], ...]:
        """The scopes of limits that a call to an entry takes, for each key that it may go out with."""
        return self._stack.ways(entry)

    def _new_stack(self) -> Stack:
        bottoms = Bottoms(
            settings=self.settings,
            sources=self._sources,
            transports=self._transports,
            transport=self._transport,
            local=self._local,
        )
        return Stack(
            self.settings,
            self._shared,
            sources=self._sources,
            pools=self._pools,
            bottom=bottoms.bottom,
            cost=self._till.cost,
        )

    async def assembled(self, *, refresh: bool = False) -> Assembled:
        """The catalogue with all claims; put together once in a session.

        Lists that are too old are asked for; all of them with `refresh`.
        """
        async with self._assembling:
            if self._assembled is None or refresh:
                self._assembled = await self._shelf.catalogue(self._ways, refresh=refresh)
                self._catalogue = self._assembled.catalogue
            return self._assembled

    async def catalogue(self, *, refresh: bool = False) -> Catalogue:
        """The models that can be asked, and why some cannot; see `assembled`."""
        await self.assembled(refresh=refresh)
        return self._catalogue

    async def select(self, patterns: Sequence[str] = (), *, as_given: bool = False) -> tuple[Entry, ...]:
        """The models that `patterns` mean; without any, those of the settings, else what cannot cost much.

        They come in the order of the catalogue, or in that of the patterns with `as_given`. The model on this
        machine is asked when it is named or when there is no other. Raises `SelectionError`.
        """
        catalogue = await self.catalogue()
        if patterns or self.settings.run.models:
            return select(
                patterns or self.settings.run.models,
                catalogue.entries,
                panels=self.settings.panels,
                probes=await self.probes(),
                probes_last=math.inf,
                as_given=as_given,
            )
        hosted = [entry for entry in catalogue.entries if entry.provider != LOCAL]
        if hosted:
            return default_selection(hosted, paid_limit=self.settings.run.paid_limit)
        if not catalogue.entries:
            raise SelectionError(
                "there is no model to ask: put the key of a provider into the environment (OPENAI_API_KEY, "
                "OPENROUTER_API_KEY, …), start Ollama, or install a model on this machine with "
                "`panvox local install`"
            )
        return catalogue.entries

    async def probes(self) -> Mapping[str, Probe]:
        """What earlier probes found, as far as it is not too old; what was read is believed for a second."""
        return await self._prober.probes(self.settings.catalogue.probe_age)

    async def probe(
        self,
        entries: Sequence[Entry],
        *,
        heard: Callable[[Outcome, Probe], None],
        deadline: float = PROBE_DEADLINE,
    ) -> bool:
        """Ask each of `entries` for a word, as any prompt is asked, and tell `heard` what each came to.

        Whatever has come is kept, also where the caller is interrupted; whether that was possible. Costs what
        a few words cost.
        """
        return await self._prober.probe(entries, bare=self._stack.bare, heard=heard, deadline=deadline)

    def model(self, entry: Entry) -> Model:
        """The model behind an entry of the catalogue, by itself: within its limits, and tried again."""
        return self._stack.asked(entry)

    async def feedback(
        self,
        run: str,
        *,
        best: str | None = None,
        bad: str | None = None,
        answer: str | None = None,
        turn: int | None = None,
        undo: bool = False,
    ) -> Heeded:
        """Tell which model of a stored run was best or bad, or what the right answer is.

        It is about `turn`, the first of which is 0, else about the last. Exactly one of `best`, `bad`,
        `answer` and `undo`, which takes back the last that was told. Raises `UsageError` for what cannot be
        meant, `StoreError` where there is no such run.
        """
        learnt = await self._weights(self.notes)
        return await feed_back(
            self.store, run, best=best, bad=bad, answer=answer, turn=turn, undo=undo, learnt=learnt
        )

    @asynccontextmanager
    async def run(
        self, *, models: Sequence[str] = (), continue_run: str | None = None, **calling: Unpack[Calling]
    ) -> AsyncIterator[Conversation]:
        """A panel to ask again and again; `continue_run` goes on with a stored run, and with its models.

        Raises `SelectionError` where no model or chain is meant, `StoreError` for a run that is not there.
        """
        stored = await self.store.run(continue_run) if continue_run else None
        async with self.panel(models or (names_in(stored) if stored else ()), calling) as panel:
            run = Run(
                panel.members,
                journal=self.store,
                run_id=stored.run if stored else None,
                past=past_of(stored) if stored else (),
                purse=panel.purse,
                tag=calling.get("tag", ""),
                cascade=_cascade(self.settings, calling.get("cascade")),
                rules=await self.rules(panel.notes),
            )
            yield Conversation(
                self.settings,
                run,
                purse=panel.purse,
                notes=(self.notes, panel.notes),
                store=self.store,
                bench=panel.bench,
            )

    @asynccontextmanager
    async def panel(self, models: Sequence[str], calling: Calling) -> AsyncIterator[Panel]:
        """Those who are asked, and the money for it; nothing goes out before they are.

        Raises `SelectionError` where no model or chain is meant.
        """
        calls = Calls(
            fallback=calling.get("fallback", True),
            chain=calling.get("chain"),
            preferred=calling.get("preferred") is not None,
            fresh=calling.get("fresh", False),
        )
        selected = await self._selected(models, calling)
        panels, notes = self._panels_of((await self.catalogue()).entries), Notes()
        async with self._till.purse() as purse:
            bench = await self._bench(calling.get("judging"), selected, purse)
            members = _with_latencies(
                panels.members(selected, calls, heard=notes.say, purse=purse), await self.probes()
            )
            for note in self._till.notes(selected, {source.provider for source in self._shelf.sources}):
                notes.say(note)
            yield Panel(entries=selected, members=tuple(members), purse=purse, bench=bench, notes=notes)

    def reviewing(
        self, brief: Brief, *, parent: Path | None = None, **asked: Unpack[Reviewing]
    ) -> AbstractAsyncContextManager[ReviewTurn]:
        """A review of files as it happens, into a new folder in `parent`, as the settings say if None.

        Raises `UsageError` before anything is sent.
        """
        return opened(self, brief, parent=parent, asked=asked)

    def resuming(self, folder: Path, **asked: Unpack[Reviewing]) -> AbstractAsyncContextManager[ReviewTurn]:
        """The review in `folder` goes on: models that have not answered are asked, and `models` besides.

        Raises `UsageError` where there is none, or nobody is left to ask.
        """
        return resumed(self, folder, asked=asked)

    async def review(
        self, brief: Brief, *, parent: Path | None = None, **asked: Unpack[Reviewing]
    ) -> Reviewed:
        """A review of files when it is over. Raises as `reviewing` does."""
        async with self.reviewing(brief, parent=parent, **asked) as turn:
            return await turn.wait_ended()

    async def fitted(self, brief: Brief, **asked: Unpack[Reviewing]) -> Fitted:
        """What each model would be asked in such a review; nothing is sent."""
        async with panel_of(self, asked.get("models", ()), asked) as panel:
            return await fit(self, panel, brief)

    async def judge(self, stored: StoredRun, turn: StoredTurn, verdict: Verdict, judging: Judging) -> Verdict:
        """`verdict` on a stored turn after judges, who are asked now; members are not asked again.

        Raises `SelectionError` where there are no judges.
        """
        asked = {member.name for member in turn.members}
        panel = [entry for entry in (await self.catalogue()).entries if entry.name in asked]
        async with self._till.purse() as purse:
            bench = await self._bench(judging, panel, purse)
            if bench is None or not bench.wanted(verdict):
                return verdict
            return await bench.among(turn.outcomes).heard(
                turn.prompt.question,
                verdict,
                turn.outcomes,
                purse=purse,
                run=stored.run,
                turn=turn.turn,
            )

    async def _bench(self, judging: Judging | None, panel: Sequence[Entry], purse: Purse) -> Bench | None:
        """Those who judge, if anybody shall: each by itself, so that nobody judges in another's name."""
        if judging is None:
            return None
        if not judging.wanted:
            raise UsageError(
                "Judging asks for nothing: judges=() asks the usual judge, synthesis='' the usual writer"
            )
        panels = self._panels_of((await self.catalogue()).entries)
        alone = Calls(fallback=False)
        return await appointed(
            judging,
            self.settings.judge,
            panel,
            select=self.select,
            make=lambda entry: panels.members([entry], alone, heard=self.notes.say, purse=purse)[0],
        )

    async def rules(self, notes: Notes | None = None) -> Rules:
        """What verdicts go by: what was learnt, what users told, and what was published.

        Who gives the same text to every prompt is remembered as long as the session is open.
        """
        return Rules(
            weights=await weights_in_force(self.store, await self._weights(notes or self.notes)),
            strength=published_strength,
            embedder=late_embedder(),
            closer=await asyncio.to_thread(late_closer),
            constants=self._constants,
        )

    async def _weights(self, notes: Notes) -> Weights:
        """What was learnt of models; nothing, and a note, where it cannot be read."""
        try:
            return await asyncio.to_thread(lambda: load_weights(weights_file(self.settings.store.path)))
        except UsageError as error:
            notes.say(f"models count by no learnt weights: {error}")
            return Weights()

    def _panels_of(self, entries: tuple[Entry, ...]) -> Panels:
        """What makes panels of `entries`, maybe thousands of them; made anew when something is new."""
        if self._panels is None or self._panels.entries is not entries:
            self._panels = Panels(self.settings, self._stack, entries, cost=self._till.cost)
        return self._panels

    async def _selected(self, models: Sequence[str], calling: Calling) -> tuple[Entry, ...]:
        """Who is asked, the preferred one first, then as the patterns say; nobody where a chain says it."""
        if calling.get("chain") is not None:
            return ()
        preferred = calling.get("preferred")
        if preferred is None:
            return await self.select(models)
        first = await self.select([preferred])
        if len(first) > 1:
            named = ", ".join(entry.name for entry in first[:3])
            raise SelectionError(f"{preferred} means {len(first)} models, such as {named}; prefer one")
        others = await self.select(models, as_given=True) if models else ()
        return (*first, *(entry for entry in others if entry != first[0]))

    @asynccontextmanager
    async def stream(
        self,
        prompt: str | Prompt,
        *,
        continue_run: str | None = None,
        **asking: Unpack[Asking],
    ) -> AsyncIterator[Turn]:
        """One prompt, as it happens. Raises as `run` and `Conversation.stream` do.

        Judges are heard when a turn is over: for them see `Conversation.judged`.
        """
        calling, manner = _split(asking)
        if calling.get("judging") is not None:
            raise UsageError("judges are heard after a turn: use ask, or run and Conversation.judged")
        async with (
            self.run(models=asking.get("models", ()), continue_run=continue_run, **calling) as conversation,
            conversation.stream(prompt, **manner) as turn,
        ):
            yield turn

    async def ask(
        self,
        prompt: str | Prompt,
        *,
        continue_run: str | None = None,
        **asking: Unpack[Asking],
    ) -> Result:
        """One prompt, when it is over. Raises as `run` and `Conversation.stream` do."""
        calling, manner = _split(asking)
        models = asking.get("models", ())
        async with self.run(models=models, continue_run=continue_run, **calling) as conversation:
            return await conversation.ask(prompt, **manner)


def _with_latencies(members: Sequence[Member], probes: Mapping[str, Probe]) -> list[Member]:
    """Members with the seconds that their probes took, as far as they were probed."""
    return [
        replace(member, latency=probe.latency) if (probe := probes.get(member.identity.name)) else member
        for member in members
    ]


def _cascade(settings: Settings, wanted: bool | None) -> Cascade | None:
    """The waves in which members are asked, where the settings or the caller want any."""
    if settings.run.cascade if wanted is None else wanted:
        return Cascade(below=settings.run.cascade_below)
    return FREE_FIRST if settings.budget.free_first else None


def _split(asking: Asking) -> tuple[Calling, Manner]:
    """What is about calls, and what is about the turn."""
    calling = Calling(**{name: asking[name] for name in Calling.__annotations__ if name in asking})  # type: ignore[literal-required, typeddict-item]
    manner = Manner(**{name: asking[name] for name in Manner.__annotations__ if name in asking})  # type: ignore[literal-required, typeddict-item]
    return calling, manner
