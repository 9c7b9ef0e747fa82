"""What is open while prompts are asked, and the functions that people call.

A session holds the transport, the model on this machine and the store; it knows the catalogue, and hands out
turns and conversations.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Unpack

from panvox.catalog.assembly import Assembled
from panvox.catalog.discovery import Ways
from panvox.catalog.entries import LOCAL, Catalogue, Entry, Probe
from panvox.catalog.probes import MAX_TOKENS, QUESTION, Probes, probe_of
from panvox.catalog.selection import default_selection, select
from panvox.compose.catalogue import Shelf
from panvox.compose.conversation import Asking, Conversation, Manner, Result, names_in, past_of
from panvox.compose.dialects import dialect_of
from panvox.compose.money import Till
from panvox.engine import Member, Run, Turn
from panvox.errors import SelectionError
from panvox.messages import Identity, MemberEnded, Outcome, Prompt
from panvox.protocols import Model
from panvox.providers.http import Deadlines, HttpModel
from panvox.providers.local import LocalModel, LocalServer
from panvox.providers.transport import HttpTransport
from panvox.providers.unpooled import Unpooled
from panvox.settings import Settings, load
from panvox.settings.places import catalogue_folder
from panvox.store import NullJournal, SqlJournal, default_path, open_journal

PROBE_DEADLINE = 60.0
"""Seconds that a probe may take: what is slower is silent."""


class Session:
    """Everything that is open while prompts are asked; `panvox.open` makes one."""

    def __init__(
        self,
        settings: Settings,
        *,
        transport: HttpTransport,
        store: SqlJournal | NullJournal,
        local: LocalServer,
    ) -> None:
        self.settings = settings
        self.store = store
        self._transport = transport
        self._local = local
        self._shelf = Shelf(settings)
        self._till = Till(settings, store)
        self._sources = {source.provider: source for source in self._shelf.sources}
        self._transports = {name: transport.way(settings.way_out(name)) for name in self._sources}
        self._ways = Ways(
            transport_to=lambda source: self._transports[source.provider],
            dialect_of=lambda source: dialect_of(source.vendor),
        )
        self._assembled: Assembled | None = None
        network = settings.network
        self._deadlines = Deadlines(
            connect=network.connect_timeout,
            first_token=network.first_token_timeout,
            idle=network.idle_timeout,
            total=network.total_timeout,
        )

    async def assembled(self, *, refresh: bool = False) -> Assembled:
        """The catalogue with all claims; put together once in a session.

        Lists that are too old are asked for; all of them with `refresh`.
        """
        if self._assembled is None or refresh:
            self._assembled = await self._shelf.catalogue(self._ways, refresh=refresh)
        return self._assembled

    async def catalogue(self, *, refresh: bool = False) -> Catalogue:
        """The models that can be asked, and why some cannot; see `assembled`."""
        return (await self.assembled(refresh=refresh)).catalogue

    async def select(self, patterns: Sequence[str] = ()) -> tuple[Entry, ...]:
        """The models that `patterns` mean; without any, those of the settings, else what cannot cost much.

        The model on this machine is asked when it is named or when there is no other. Raises
        `SelectionError`.
        """
        catalogue = await self.catalogue()
        if patterns or self.settings.run.models:
            return select(
                patterns or self.settings.run.models,
                catalogue.entries,
                panels=self.settings.panels,
                probes=await self.probes(),
                probes_last=math.inf,
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
        """What earlier probes found, as far as it is not too old."""
        kept, max_age = Probes(catalogue_folder()), self.settings.catalogue.probe_age
        marks = {source.provider: source.mark for source in self._shelf.sources}
        return await asyncio.to_thread(lambda: kept.load(now=time.time(), max_age=max_age, marks=marks))

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
        kept = False
        found: list[Probe] = []
        marks = {source.provider: source.mark for source in self._shelf.sources}
        members = [Member(identity_of(entry), self.model(entry)) for entry in entries]
        run = Run(members, journal=NullJournal("a probe is no run"))
        try:
            async with run.turn(Prompt.of(QUESTION, max_tokens=MAX_TOKENS), deadline=deadline) as turn:
                async for event in turn:
                    if isinstance(event, MemberEnded):
                        mark = marks.get(event.outcome.member.provider, "")
                        probe = probe_of(event.outcome, at=time.time(), mark=mark)
                        if probe is not None:
                            found.append(probe)
                            heard(event.outcome, probe)
        finally:
            kept = await asyncio.to_thread(Probes(catalogue_folder()).keep, found)
        return kept

    def model(self, entry: Entry) -> Model:
        """The model behind an entry of the catalogue."""
        if entry.provider == LOCAL:
            return self._local_model(entry)
        source, way = self._sources[entry.provider], self._transports[entry.provider]
        return HttpModel(
            name=entry.name,
            model=entry.model,
            dialect=dialect_of(source.vendor),
            transport=Unpooled(way) if source.vendor.loopback else way,
            base_url=source.vendor.base_url,
            key=source.plain_key,
            deadlines=self._deadlines,
        )

    def _local_model(self, entry: Entry) -> Model:
        sample = int(entry.name.rpartition("#")[2]) - 1
        return LocalModel(
            name=entry.name,
            server=self._local,
            transport=self._transport,
            sample=sample,
            max_tokens=self.settings.local.max_tokens,
            deadlines=self._deadlines,
        )

    @asynccontextmanager
    async def run(
        self, *, models: Sequence[str] = (), continue_run: str | None = None, tag: str = ""
    ) -> AsyncIterator[Conversation]:
        """A panel to ask again and again; `continue_run` goes on with a stored run, and with its models.

        What it costs counts for `tag`. Raises `SelectionError` where no model is selected, `StoreError` for a
        run that is not there.
        """
        stored = await self.store.run(continue_run) if continue_run else None
        entries = await self.select(models or (names_in(stored) if stored else ()))
        costs = await self._till.costs(entries)
        members = [
            Member(identity_of(entry), self.model(entry), cost=cost)
            for entry, cost in zip(entries, costs, strict=True)
        ]
        async with self._till.purse() as purse:
            run = Run(
                members,
                journal=self.store,
                run_id=stored.run if stored else None,
                past=past_of(stored) if stored else (),
                purse=purse,
                tag=tag,
                free_first=self.settings.budget.free_first,
            )
            yield Conversation(self.settings, run, purse=purse, notes=tuple(self._till.notes(entries)))

    @asynccontextmanager
    async def stream(
        self,
        prompt: str | Prompt,
        *,
        models: Sequence[str] = (),
        continue_run: str | None = None,
        tag: str = "",
        **manner: Unpack[Manner],
    ) -> AsyncIterator[Turn]:
        """One prompt, as it happens. Raises as `run` and `Conversation.stream` do."""
        async with (
            self.run(models=models, continue_run=continue_run, tag=tag) as conversation,
            conversation.stream(prompt, **manner) as turn,
        ):
            yield turn

    async def ask(
        self,
        prompt: str | Prompt,
        *,
        models: Sequence[str] = (),
        continue_run: str | None = None,
        tag: str = "",
        **manner: Unpack[Manner],
    ) -> Result:
        """One prompt, when it is over. Raises as `run` and `Conversation.stream` do."""
        async with self.run(models=models, continue_run=continue_run, tag=tag) as conversation:
            return await conversation.ask(prompt, **manner)


def identity_of(entry: Entry) -> Identity:
    """An entry of the catalogue as a member of a panel."""
    return Identity(name=entry.name, provider=entry.provider, model=entry.model, lineage=entry.lineage)


# --- the public names ---


@asynccontextmanager
async def open_session(settings: Settings | Path | None = None) -> AsyncIterator[Session]:
    """A session: ask many times, connect once.

    `settings` may name a file; without it they are found as the command line finds them. Raises
    `SettingsError`.
    """
    known = settings if isinstance(settings, Settings) else await asyncio.to_thread(load, explicit=settings)
    local = known.local
    async with (
        _open_store(known) as store,
        HttpTransport(way=known.way_out()) as transport,
        LocalServer(
            weights=local.weights, context=local.context, slots=local.samples, threads=local.threads
        ) as server,
    ):
        yield Session(known, transport=transport, store=store, local=server)


@asynccontextmanager
async def _open_store(settings: Settings) -> AsyncIterator[SqlJournal | NullJournal]:
    if not settings.store.enabled:
        yield NullJournal("no runs are kept: the store is switched off (store.enabled)")
        return
    async with open_journal(settings.store.path or default_path()) as store:
        yield store


open = open_session  # noqa: A001 - users write panvox.open


async def ask(
    prompt: str | Prompt, *, settings: Settings | Path | None = None, **asking: Unpack[Asking]
) -> Result:
    """Ask models one prompt and wait for what comes of it. Raises `UsageError` for what cannot be done."""
    async with open_session(settings) as session:
        return await session.ask(prompt, **asking)


@asynccontextmanager
async def stream(
    prompt: str | Prompt, *, settings: Settings | Path | None = None, **asking: Unpack[Asking]
) -> AsyncIterator[Turn]:
    """Ask models one prompt and follow what happens. Raises `UsageError` for what cannot be done."""
    async with open_session(settings) as session, session.stream(prompt, **asking) as turn:
        yield turn


@asynccontextmanager
async def run(
    *,
    models: Sequence[str] = (),
    continue_run: str | None = None,
    tag: str = "",
    settings: Settings | Path | None = None,
) -> AsyncIterator[Conversation]:
    """A panel to ask again and again. Raises `UsageError` where no model is selected."""
    async with (
        open_session(settings) as session,
        session.run(models=models, continue_run=continue_run, tag=tag) as asked,
    ):
        yield asked
