"""The catalogue for commands: from the disk where nothing has changed, else put together anew.

What the first way needs loads in milliseconds. The second asks providers, and says so while it waits.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from panvox.catalog.entries import Catalogue, Probe, Record
from panvox.catalog.index import load_index, load_records
from panvox.catalog.probes import Probes
from panvox.cli.terminal import Passing
from panvox.figures import age, plural
from panvox.settings.places import catalogue_folder, fingerprint

if TYPE_CHECKING:
    from panvox.catalog.assembly import Assembled

NONE_FOUND = """\
No model was found. Any one of these is enough:
  - set a key in the environment, such as OPENAI_API_KEY or OPENROUTER_API_KEY
  - start a server on this machine: Ollama, LM Studio, llama.cpp or vLLM
  - panvox local install    a small model that runs on this machine
  - panvox init             a settings file in which providers are named\
"""


class Found(NamedTuple):
    """What there is, and what selections need besides; `probes` by entry name, as far as not too old.

    `records` is None where they were not needed so far.
    """

    catalogue: Catalogue
    panels: Mapping[str, tuple[str, ...]]
    probes: Mapping[str, Probe]
    records: tuple[Record, ...] | None = None


def found(settings: Path | None, *, refresh: bool = False, claims: bool = False) -> Found:
    """The catalogue, with its records where `claims` are wanted; all are asked anew with `refresh`.

    Raises `SettingsError`.
    """
    index = None if refresh else load_index(catalogue_folder(), fingerprint(settings), now=time.time())
    records = load_records(catalogue_folder(), index) if index is not None and claims else None
    if index is None or (claims and records is None):
        return _asked(settings, refresh=refresh)
    return Found(index.catalogue, index.panels, _probes(index.catalogue, index.probe_age), records)


def told_age(catalogue: Catalogue) -> str:
    """How many there are, and how old what is known of them is."""
    providers = len({entry.provider for entry in catalogue.entries})
    said = f"{plural(len(catalogue.entries), 'model')} of {plural(providers, 'provider')}"
    if not catalogue.ages:
        return said
    oldest = time.time() - min(catalogue.ages.values())
    return f"{said}; lists up to {age(oldest)} old, --refresh asks for new ones"


def _probes(catalogue: Catalogue, max_age: float) -> Mapping[str, Probe]:
    return Probes(catalogue_folder()).load(now=time.time(), max_age=max_age, marks=catalogue.marks)


def _asked(settings: Path | None, *, refresh: bool) -> Found:
    """Put it together, with providers asked where their lists are too old."""
    from panvox.cli.options import load_settings, without_store  # noqa: PLC0415 - takes a fifth of a second
    from panvox.cli.process import run  # noqa: PLC0415 - brings asyncio
    from panvox.compose.opening import open_session  # noqa: PLC0415 - brings network and database

    loaded = without_store(load_settings(settings))
    made: list[Assembled] = []

    async def put_together() -> int:
        async with open_session(loaded) as session:
            made.append(await session.assembled(refresh=refresh))
        return 0

    waiting = Passing()
    waiting.show("asking providers for their models …")
    try:
        run(lambda _: put_together())
    finally:
        waiting.clear()
    if not made:
        raise KeyboardInterrupt
    assembled = made[0]
    panels = {name: tuple(patterns) for name, patterns in loaded.panels.items()}
    probes = _probes(assembled.catalogue, loaded.catalogue.probe_age)
    return Found(assembled.catalogue, panels, probes, assembled.records)
