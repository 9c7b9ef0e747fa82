"""Lines and array elements out of bytes: the same in any split, bounded, each as soon as it is complete."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.dialects import json_array, ndjson, sse
from panvox.dialects.replies import Splitter
from panvox.errors import Malformed
from tests.wire import json_values

MAKES: dict[str, Callable[..., Splitter]] = {"lines": ndjson.Splitter, "array": json_array.Splitter}


def split(splitter: Splitter, *pieces: bytes) -> list[bytes]:
    found = [event.data for piece in pieces for event in splitter.feed(piece)]
    last = splitter.close()
    return [*found, last.data] if last else found


def in_any_way(make: Callable[[], Splitter], wire: bytes) -> list[bytes]:
    """The pieces of the whole, having made sure that byte by byte they are the same."""
    whole = split(make(), wire)
    assert split(make(), *(wire[i : i + 1] for i in range(len(wire)))) == whole
    return whole


@pytest.mark.parametrize(
    ("wire", "lines"),
    [
        (b"", []),
        (b"\n\r\n  \n", []),
        (b"{}\n", [b"{}"]),
        (b"{}", [b"{}"]),
        (b"{}\r\n{}\n\n{}", [b"{}", b"{}", b"{}"]),
        (b'{"a": "\\n"}\n', [b'{"a": "\\n"}']),
        (b"a\rb\n", [b"a\rb"]),
    ],
)
def test_lines(wire: bytes, lines: list[bytes]) -> None:
    assert in_any_way(ndjson.Splitter, wire) == lines


@pytest.mark.parametrize(
    ("wire", "elements"),
    [
        (b"", []),
        (b"[", []),
        (b"[]", []),
        (b" \r\n[ \n ] ", []),
        (b"[{}]", [b"{}"]),
        (b"[{}\n,\r\n{}\n]", [b"{}", b"{}"]),
        (b"[[], [[]], {}]", [b"[]", b"[[]]", b"{}"]),
        (b'[1, "a" , null,2]', [b"1", b'"a"', b"null", b"2"]),
        (b'["]", "[", "{", ","]', [b'"]"', b'"["', b'"{"', b'","']),
        (rb'["\"]", "\\", {"\\\"}": ["\\"]}]', [rb'"\"]"', rb'"\\"', rb'{"\\\"}": ["\\"]}']),
        (b'[{"a": {"b": [1, {"c": "}"}]}}, 2]', [b'{"a": {"b": [1, {"c": "}"}]}}', b"2"]),
        (b"[{}] {} [1]", [b"{}"]),
        (b"[{}][1]", [b"{}"]),
        (b'[{"a": [}, 5', [b'{"a": [}, 5']),
        (b"[{}, {", [b"{}", b"{"]),
        (b'[{}, "]', [b"{}", b'"]']),
        (b"[1,,2,]", [b"1", b"2"]),
        (b"before [{}]", [b"{}"]),
        (b"no array", []),
    ],
)
def test_elements(wire: bytes, elements: list[bytes]) -> None:
    assert in_any_way(json_array.Splitter, wire) == elements


def test_an_element_comes_with_its_last_bracket_and_a_line_with_its_line_feed() -> None:
    array, lines = json_array.Splitter(), ndjson.Splitter()
    assert [event.data for event in array.feed(b'[{"a": 1}')] == [b'{"a": 1}']
    assert list(array.feed(b", {")) == []
    assert list(lines.feed(b"{}")) == []
    assert [event.data for event in lines.feed(b"\n{")] == [b"{}"]


@pytest.mark.parametrize(
    ("wire", "cut_off"),
    [(b"", True), (b"[", True), (b"[{}", True), (b"[{}, ", True), (b"[{}]", False), (b"[[]] [", False)],
)
def test_only_an_array_shows_by_itself_that_it_was_cut(wire: bytes, cut_off: bool) -> None:
    array, lines = json_array.Splitter(), ndjson.Splitter()
    split(array, wire)
    split(lines, wire)
    assert (array.cut_off, lines.cut_off, sse.Splitter().cut_off) == (cut_off, False, False)


@given(
    st.lists(json_values("a", '"', "]}", "\\"), max_size=6),
    st.sampled_from([None, 2]),
    st.booleans(),
    st.data(),
)
def test_any_array_comes_apart_into_its_elements_in_any_split(
    values: list[object], indent: int | None, ascii_only: bool, data: st.DataObject
) -> None:
    wire = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    pieces = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    found = split(json_array.Splitter(), *pieces)
    assert [json.dumps(json.loads(element)) for element in found] == [json.dumps(value) for value in values]


@given(
    st.sampled_from(sorted(MAKES)),
    st.lists(st.sampled_from([b"[", b"]", b"{", b"}", b'"', b"\\", b",", b"\n", b" ", b"x"]), max_size=30),
)
def test_rubbish_is_the_same_in_any_split(which: str, shreds: list[bytes]) -> None:
    in_any_way(MAKES[which], b"".join(shreds))


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    ("which", "fits", "too_large"),
    [
        ("lines", b"a" * 100 + b"\n", b"a" * 101 + b"\n"),
        ("array", b'["' + b"a" * 98 + b'"]', b'["' + b"a" * 99 + b'"]'),
        ("array", b"[ \n" + b" " * 200 + b"[" + b"a" * 98 + b"]", b"[[" + b"a" * 99 + b"]"),
    ],
)
def test_what_is_over_the_limit_is_malformed_in_any_split(
    which: str, fits: bytes, too_large: bytes, size: int
) -> None:
    def cut(wire: bytes) -> list[bytes]:
        return [wire[i : i + size] for i in range(0, len(wire), size)]

    assert len(split(MAKES[which](limit=100), *cut(fits))) == 1
    with pytest.raises(Malformed, match="more than 100 bytes"):
        split(MAKES[which](limit=100), *cut(too_large))


@pytest.mark.parametrize("which", MAKES)
def test_what_never_ends_is_not_kept_for_ever(which: str) -> None:
    with pytest.raises(Malformed, match="more than 1000 bytes"):
        split(MAKES[which](limit=1000), b"[", *[b'{"and": "on'] * 200)
