"""The measurements measure what they say: all contestants do the whole work. No clock is looked at here."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from benchmarks import catalogue, fanout, pages

from panvox.compose.dialects import DIALECTS, dialect_of
from panvox.messages import Prompt
from panvox.protocols import Quirks
from panvox.settings import VENDORS, load


async def test_all_contestants_hear_every_call_to_its_end() -> None:
    with fanout.server(1) as port:
        rounds = await fanout.compared(20, fanout.Layout(port, 1, 5), 1)
    assert set(rounds) == {(name, warmth) for name in fanout.CONTESTANTS for warmth in ("first", "warm")}
    assert all(len(found.first_tokens) == 20 for several in rounds.values() for found in several)
    line = fanout.row(20, 1, rounds, "warm")
    assert line.count("|") == 9


def test_a_new_section_takes_the_place_of_the_last(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{pages.section('x', 'old')}\n{pages.section('y', 'other')}\nafter\n")
    pages.write(page, "x", "new")
    assert page.read_text() == f"before\n{pages.section('x', 'new')}\n{pages.section('y', 'other')}\nafter\n"


def test_discovery_finds_all_but_what_is_dead_or_broken(tmp_path: Path) -> None:
    with catalogue.served(15, 12) as text:
        file = tmp_path / "panvox.toml"
        file.write_text(f"{text}\n[catalogue]\ndeadline = 1\n")
        settings = load(explicit=file)
        ours = asyncio.run(catalogue.discovered(settings))
    assert (ours.models, ours.problems) == (13 * 12, 2)


@pytest.mark.parametrize("name", DIALECTS)
def test_three_hundred_members_of_one_dialect_cost_one_encoding(name: str) -> None:
    assert catalogue.encoded(DIALECTS[name](Quirks()), Prompt.of("What is 17 * 3?"), 300) == 1


def test_vendors_that_speak_one_dialect_share_one_encoding_whatever_their_quirks() -> None:
    asked = Prompt.of("What is 17 * 3?", system="Be brief.", max_tokens=100)
    prompt = Prompt(messages=asked.messages, max_tokens=100, temperature=0.5, seed=7, stop=("END",))
    rows = [row for row in VENDORS.values() if row.dialect == "openai"]
    bodies = [
        dialect_of(row).request(prompt, model, base_url="https://x.example/v1", key=None).body
        for row in rows
        for model in ("m", "o3", "gpt-5")
    ]
    assert len(rows) > 20
    assert len({id(body[-1]) for body in bodies}) == 1
