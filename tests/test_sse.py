"""Server-sent events: what the standard says, in any split of the bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.dialects.sse import ServerEvent, Splitter
from panvox.errors import Malformed


def split(*pieces: bytes, limit: int = 1000) -> list[ServerEvent]:
    splitter = Splitter(limit=limit)
    return [event for piece in pieces for event in splitter.feed(piece)]


@pytest.mark.parametrize(
    ("wire", "events"),
    [
        (b"data: a\n\n", [ServerEvent(b"a")]),
        (b"data:a\n\n", [ServerEvent(b"a")]),
        (b"data:  a \n\n", [ServerEvent(b" a ")]),
        (b"data: a\n\ndata: b\n\n", [ServerEvent(b"a"), ServerEvent(b"b")]),
        (b"data: a\r\rdata: b\r\n\r\n", [ServerEvent(b"a"), ServerEvent(b"b")]),
        (b"data: a\r\n\rdata: b\r\n\n", [ServerEvent(b"a"), ServerEvent(b"b")]),
        (b"\n\n\n\ndata: a\n\n\n\n\ndata: b\n\n", [ServerEvent(b"a"), ServerEvent(b"b")]),
        (b"\xef\xbb\xbfdata: a\n\n", [ServerEvent(b"a")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
        (b": hello\n\n:\n\n", []),
        (b": hello\ndata: a\n\n", [ServerEvent(b"a")]),
        (b"event: ping\ndata: a\n\n", [ServerEvent(b"a", "ping")]),
        (b"event: ping\n\n", []),
        (b"event: ping\n\ndata: a\n\n", [ServerEvent(b"a")]),
        (b"id: 1\nretry: 5\nunknown: x\nnonsense\ndata: a\n\n", [ServerEvent(b"a")]),
        # The examples of the standard, section 9.2.6.
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [ServerEvent(b"YHOO\n+2\n10")]),
        (b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
         [ServerEvent(b"first event"), ServerEvent(b"second event"), ServerEvent(b" third event")]),
        (b"data\n\ndata\ndata\n\ndata:", [ServerEvent(b""), ServerEvent(b"\n")]),
        (b"data:test\n\ndata: test\n\n", [ServerEvent(b"test"), ServerEvent(b"test")]),
        (b"data: cut off", []),
        (b"data: cut off\n", []),
    ],
)  # fmt: skip
def test_the_standard_is_kept_whole_and_byte_by_byte(wire: bytes, events: list[ServerEvent]) -> None:
    assert split(wire) == events
    assert split(*(wire[i : i + 1] for i in range(len(wire)))) == events


LINES = st.sampled_from(
    [
        b"data: a",
        b"data:\xc3\xa4",
        b"data",
        b"event: e",
        b": c",
        b"x: y",
        b"",
        b"",
        b"\xef\xbb\xbf",
        b"data: \xff",
    ]
)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])


@given(st.lists(st.tuples(LINES, ENDS), max_size=20), st.booleans(), st.data())
def test_any_split_gives_the_same_events(
    lines: list[tuple[bytes, bytes]], bom: bool, data: st.DataObject
) -> None:
    wire = (b"\xef\xbb\xbf" if bom else b"") + b"".join(line + end for line, end in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    pieces = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    assert split(*pieces) == split(wire)


def test_the_last_event_is_kept_for_servers_that_forget_the_blank_line() -> None:
    splitter = Splitter()
    assert list(splitter.feed(b"data: a\n\ndata: b\n")) == [ServerEvent(b"a")]
    assert splitter.close() == ServerEvent(b"b")
    assert splitter.close() is None


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_event_over_the_limit_is_malformed_in_any_split(size: int) -> None:
    fits, too_large = b"data: " + b"a" * 94 + b"\n\n", b"data: " + b"a" * 95 + b"\n\n"
    assert len(split(*cut(fits * 3, size), limit=100)) == 3
    with pytest.raises(Malformed, match="more than 100 bytes"):
        split(*cut(fits + too_large, size), limit=100)


def test_an_event_that_never_ends_is_not_kept_for_ever() -> None:
    with pytest.raises(Malformed, match="more than 100 bytes"):
        split(*[b": and on\n"] * 50, limit=100)


def cut(wire: bytes, size: int) -> list[bytes]:
    return [wire[i : i + size] for i in range(0, len(wire), size)]


@pytest.mark.parametrize("ends", [b"\n\n\n", b"\n\n\r", b"\r\n\r\n\r\n", b"\n\n\n\n\n"])
def test_more_blank_lines_than_one_hide_nothing_in_any_split(ends: bytes) -> None:
    """Google's errors have no field name, so that the place of their first brace decides."""
    wire = b"null" + ends + b'{"error": {}}\n\n'
    for at in range(len(wire)):
        assert split(wire[:at], wire[at:]) == [ServerEvent(b'{"error": {}}')]
