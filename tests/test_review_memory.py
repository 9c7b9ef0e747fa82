"""Many models read the same long material, and nobody makes copies of it for each.

The simulator runs in a process of its own, so that what it reads is not measured.
"""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from benchmarks.review_fleet import DIALECTS, Plan, Served, fleet_of, served

import panvox
import panvox.compose.opening  # what the first use would load, and read from disk, inside the loop
import panvox.providers.transport
from panvox.compose.session import Session
from panvox.curation.checks import constants
from panvox.messages import Prompt
from panvox.providers.bodies import body_of
from panvox.review.instructions import Instructions
from panvox.review.material import InputFile
from panvox.review.prompting import prompt_of
from panvox.settings import load
from panvox.simulator import settings_for

MEGABYTE = 1_000_000
SIZE = 2 * MEGABYTE
PLAN = Plan(providers=len(DIALECTS), models=12)
MODELS = PLAN.providers * PLAN.models
BOUND = 60 * MEGABYTE
"""Above what one text, one body a dialect and the readers of the question hold; half of what copies for each
of the models would."""

INSTRUCTIONS = Instructions(name="review", title="Review", text="Find what is wrong.", source="given")
LINE = "    value = compute(first, second)  # a line as there are many\n"


@pytest.fixture(scope="module")
def fleet() -> Iterator[Served]:
    with served(PLAN) as fleet:
        yield fleet


@pytest.fixture
def bodies(monkeypatch: pytest.MonkeyPatch, fleet: Served) -> list[tuple[bytes, ...]]:
    """The pieces of all bodies that are sent; none is read before all members have begun to send theirs."""
    sent: list[tuple[bytes, ...]] = []

    def noted(pieces: tuple[bytes, ...]) -> object:
        sent.append(pieces)
        if len(sent) == MODELS:
            asyncio.get_running_loop().call_soon(fleet.resume)
        return body_of(pieces)

    monkeypatch.setattr(panvox.providers.transport, "body_of", noted)
    return sent


def long_prompt(size: int, *, mark: str = "") -> Prompt:
    text = (LINE * (1 + size // len(LINE)))[:size] + mark
    return prompt_of(INSTRUCTIONS, [InputFile(path="a.py", text=text, sha256="", bytes=len(text))])


@asynccontextmanager
async def session(folder: Path, fleet: Served) -> AsyncIterator[Session]:
    """A session with everything switched on: store, cache, checks."""

    def settings() -> panvox.Settings:
        file = folder / "panvox.toml"
        file.write_text(f"{settings_for(fleet_of(PLAN), url=fleet.url)}\n[store]\npath = 'runs.db'\n")
        return load(explicit=file)

    async with panvox.open(await asyncio.to_thread(settings)) as session:
        yield session


@contextmanager
def traced() -> Iterator[list[int]]:
    """The most that was allocated at any time inside, once it is over."""
    gc.collect()
    peak: list[int] = []
    tracemalloc.start()
    try:
        yield peak
        peak.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


async def test_a_prompt_of_megabytes_is_encoded_once_a_dialect_and_copied_for_nobody(
    tmp_path: Path, fleet: Served, bodies: list[tuple[bytes, ...]]
) -> None:
    async with session(tmp_path, fleet) as asked:
        await asked.ask("What is 17 + 25?", expect="text")  # loads and connects whatever there is
        bodies.clear()
        fleet.pause()
        prompt = long_prompt(SIZE, mark=tmp_path.name)
        with traced() as peak:
            result = await asked.ask(prompt, expect="text")
    assert result.states == {"answered": MODELS}
    assert all(outcome.text.startswith("A simulated review of 1 files") for outcome in result.outcomes)
    long = {id(piece): piece for pieces in bodies for piece in pieces if len(piece) > SIZE // 2}
    assert len(bodies) == MODELS
    assert len(long) == len(DIALECTS), "one encoded text for each dialect"
    assert peak[0] < BOUND, f"{peak[0] / MEGABYTE:.0f} MB were held at once"


def test_a_question_of_megabytes_is_digested_once_for_all_models(monkeypatch: pytest.MonkeyPatch) -> None:
    digested: list[int] = []

    def noted(text: str, *, kind: bytes = b"") -> bytes:
        digested.append(len(text))
        return usual(text, kind=kind)

    usual = constants._digest
    monkeypatch.setattr(constants, "_digest", noted)
    question = long_prompt(SIZE, mark="digested once").question
    known = constants.Constants()
    for number in range(100):
        assert known.seen(f"m{number}", question, f"Nothing to find, says model {number}. " * 3) == 0
    assert sum(length > SIZE // 2 for length in digested) == 1
