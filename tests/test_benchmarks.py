"""The measurements measure what they say: all contestants do the whole work. No clock is looked at here."""

from __future__ import annotations

from pathlib import Path

from benchmarks import fanout


async def test_all_contestants_hear_every_call_to_its_end() -> None:
    with fanout.server(1) as port:
        rounds = await fanout.compared(20, fanout.Layout(port, 1, 5), 1)
    assert set(rounds) == {(name, warmth) for name in fanout.CONTESTANTS for warmth in ("first", "warm")}
    assert all(len(found.first_tokens) == 20 for several in rounds.values() for found in several)
    line = fanout.row(20, 1, rounds, "warm")
    assert line.count("|") == 9


def test_a_new_section_takes_the_place_of_the_last(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{fanout.BEGIN}\nold\n{fanout.END}\nafter\n")
    fanout.write(page, f"{fanout.BEGIN}\nnew\n{fanout.END}")
    assert page.read_text() == f"before\n{fanout.BEGIN}\nnew\n{fanout.END}\nafter\n"
