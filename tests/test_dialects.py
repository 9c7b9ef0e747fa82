"""What every dialect promises, whatever it speaks."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator
from itertools import product
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.compose.dialects import DIALECTS
from panvox.errors import Category, InvalidRequest, Malformed, PromptError, UnknownModel
from panvox.messages import Answer, End, Event, Prompt, Tool
from panvox.protocols import Decoder, Dialect, Quirks, Request
from tests.wire import cuts, decode, fold, json_values
from tests.wire.dialects import SPOKEN, Spoken

BASE = "http://127.0.0.1:9/v1"
PARIS = Prompt.of("Paris?")
MADE = {name: make(Quirks()) for name, make in DIALECTS.items()}
TYPES = ["", "application/json", "text/event-stream; charset=utf-8", "text/plain"]


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return MADE[request.param]


@pytest.fixture
def spoken(dialect: Dialect) -> Spoken:
    return SPOKEN[dialect.name]


def test_every_dialect_is_known_here_by_its_name_in_settings() -> None:
    assert [*SPOKEN] == [*DIALECTS]
    assert {name: dialect.name for name, dialect in MADE.items()} == {name: name for name in DIALECTS}


def test_a_dialect_can_be_compared_and_hashed(dialect: Dialect) -> None:
    make = DIALECTS[dialect.name]
    decoder: Decoder = dialect.decoder("")
    assert {dialect, make(Quirks())} == {dialect}
    assert make(Quirks(max_tokens=1)) != dialect
    assert list(decoder.feed(b"")) == []


# --- requests --------------------------------------------------------------------------------------


def calls_of(dialect: Dialect, key: str | None, model: str = "m") -> list[Request]:
    """Every kind of call, with this key."""
    detail = dialect.detail_request(model, base_url=BASE, key=key)
    asked = dialect.request(PARIS, model, base_url=BASE, key=key)
    listing = dialect.listing_request(base_url=BASE, key=key)
    return [
        asked,
        listing,
        dialect.listing_request(base_url=BASE, key=key, page="7"),
        *filter(None, [detail]),
    ]


def places_of_key(request: Request) -> dict[str, str]:
    """The headers that hold the key, having made sure that nothing else of the request does."""
    assert "sk-secret" not in request.url
    assert b"sk-secret" not in b"".join(request.body)
    return {name: value for name, value in request.headers.items() if "sk-secret" in value}


@pytest.mark.parametrize("header", ["", "Authorization", "X-Own-Key"])
def test_the_key_goes_out_in_its_header_and_nowhere_else(
    dialect: Dialect, spoken: Spoken, header: str
) -> None:
    name = header or spoken.key_header
    value = "Bearer sk-secret" if name == "Authorization" else "sk-secret"
    for request in calls_of(DIALECTS[dialect.name](Quirks(key_header=header)), "sk-secret"):
        assert places_of_key(request) == {name: value}


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_there_is_no_header_for_it(dialect: Dialect, spoken: Spoken, key: str | None) -> None:
    for request in calls_of(dialect, key):
        assert not {name.lower() for name in request.headers} & {"authorization", spoken.key_header.lower()}


def test_the_conversation_is_encoded_once_for_all_models(dialect: Dialect) -> None:
    prompt = Prompt.of("long " * 1000, max_tokens=7)
    one, other = (dialect.request(prompt, model, base_url=BASE, key=None).body for model in ("m", "n-3"))
    assert one[-1] is other[-1]
    assert len(one[-1]) > 5000
    assert sum(map(len, one[:-1])) < 100
    assert json.loads(b"".join(one))


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (Prompt(messages=PARIS.messages, schema="{"), "schema of the answer is not JSON"),
        (
            Prompt(messages=PARIS.messages, tools=(Tool("look", "", ""),)),
            "schema of the tool 'look' is not JSON",
        ),
    ],
)
def test_a_schema_that_is_none_is_the_prompts_fault(
    dialect: Dialect, spoken: Spoken, prompt: Prompt, said: str
) -> None:
    kind = PromptError if spoken.tools else InvalidRequest
    with pytest.raises(kind, match=said if spoken.tools else "no words for"):
        dialect.request(prompt, "m", base_url=BASE, key=None)


def test_half_a_character_is_the_prompts_fault(dialect: Dialect) -> None:
    with pytest.raises(PromptError, match=r"holds \\ud83d, which is half a character"):
        dialect.request(Prompt.of("half \ud83d"), "m", base_url=BASE, key=None)


def test_a_name_that_is_not_text_is_the_name_of_no_model(dialect: Dialect) -> None:
    with pytest.raises(UnknownModel, match=r"name holds \\udcff, which is half a character"):
        dialect.request(PARIS, "m\udcff", base_url=BASE, key=None)
    if dialect.detail_request("m", base_url=BASE, key=None) is not None:
        with pytest.raises(UnknownModel, match="half a character"):
            dialect.detail_request("m\udcff", base_url=BASE, key=None)


# --- replies ---------------------------------------------------------------------------------------

ANSWERS = [(name, reply) for name, spoken in SPOKEN.items() for reply in spoken.answers]
FAILURES = [(name, reply) for name, spoken in SPOKEN.items() for reply in spoken.failures]
WIRES = [(name, wire) for name, spoken in SPOKEN.items() for wire in spoken.wires]
RECORDED = [(name, wire) for name, spoken in SPOKEN.items() for wire in spoken.recorded]


@pytest.mark.parametrize(("name", "reply"), ANSWERS)
def test_an_answer_is_read_in_every_spelling(name: str, reply: str) -> None:
    wire, expected = SPOKEN[name].answers[reply]
    for content_type in TYPES:
        events, fault = decode([wire], content_type, dialect=MADE[name])
        assert (fold(events), fault) == (expected, None)
        assert [event for event in events if isinstance(event, End)] == events[-1:]


@pytest.mark.parametrize(("name", "reply"), FAILURES)
def test_an_end_that_is_no_answer_is_a_typed_failure(name: str, reply: str) -> None:
    wire, category, said = SPOKEN[name].failures[reply]
    events, fault = decode([wire], "", dialect=MADE[name])
    assert fault is not None
    assert (fault.category, said in fault.message) == (category, True), fault
    assert not any(isinstance(event, End) for event in events)
    assert fault.hint
    assert len(fault.message) <= 500
    assert fault.message.isprintable()


@pytest.mark.parametrize(("name", "reply"), WIRES)
def test_any_split_of_the_bytes_gives_the_same_events(name: str, reply: str) -> None:
    wire = SPOKEN[name].wires[reply]
    expected = decode([wire], "", dialect=MADE[name])
    for pieces in cuts(wire, reply):
        if len(pieces) < 20_000:
            assert decode(pieces, "", dialect=MADE[name]) == expected


def answered(events: Iterable[Event]) -> tuple[object, ...]:
    """What is said, without what is only counted."""
    answer: Answer = fold(events)
    return answer.text, answer.reasoning, answer.tool_calls, answer.finish


@pytest.mark.parametrize(("name", "reply"), RECORDED)
def test_a_reply_that_is_cut_before_all_was_said_is_no_answer(name: str, reply: str) -> None:
    wire = SPOKEN[name].recorded[reply]
    said = SPOKEN[name].all_said.search(wire)
    assert said is not None
    whole, fault = decode([wire], "", dialect=MADE[name])
    assert fault is None
    for end in range(len(wire)):
        events, fault = decode([wire[:end]], "", dialect=MADE[name])
        if fault is None:
            assert end >= said.end(), wire[:end]
            assert answered(events) == answered(whole)
        else:
            assert fault.category is Category.TRUNCATED
            assert not any(isinstance(event, End) for event in events)


@pytest.mark.parametrize(
    ("content_type", "body", "category", "said"),
    [
        ("", b"", Category.TRUNCATED, "before anything"),
        ("application/json", b" \r\n", Category.TRUNCATED, "before anything"),
        ("", b"<!doctype html><TITLE>502 Bad\nGateway</TITLE>", Category.MALFORMED, "'502 Bad Gateway'"),
        ("text/html; charset=utf-8", b"<html><title>A &amp; B</title>", Category.MALFORMED, "titled 'A & B'"),
        ("text/html", b"<p>Hello \x1b]0;x\x07 there</p>", Category.MALFORMED, "<p>Hello ]0;x there</p>"),
        ("text/html", b"", Category.MALFORMED, "text/html: empty"),
        ("image/png", b"\x89PNG\r\n" + bytes(5000), Category.MALFORMED, "image/png: \ufffdPNG"),
        ("application/pdf", b"%PDF-1.7" + b"x" * 1_000_000, Category.MALFORMED, "application/pdf: %PDF"),
        ("", b"Internal Server Error", Category.MALFORMED, "Internal Server Error"),
    ],
)  # fmt: skip
def test_a_page_a_picture_or_nothing_is_no_answer(
    dialect: Dialect, content_type: str, body: bytes, category: Category, said: str
) -> None:
    events, fault = decode([body], content_type, dialect=dialect)
    assert events == []
    assert fault is not None
    assert (fault.category, said in fault.message) == (category, True), fault
    assert len(fault.message) < 250
    assert fault.message.isprintable()


MARKS = [
    *(b"data:", b"data: ", b"event: error\n", b"\n\n", b"\r", b":", b"[DONE]", b"null", b"\xff", b"<think>"),
    *(b"{", b"}", b"[", b"]", b",", b'"error":', b'"usage":', b"1e999", b'{"type": "ping"}'),
]


@settings(deadline=None)
@given(
    st.sampled_from([*DIALECTS]), st.sampled_from([*TYPES, "application/x-ndjson", "text/html"]), st.data()
)
def test_bytes_of_any_kind_are_an_answer_or_a_failure(name: str, kind: str, data: st.DataObject) -> None:
    shreds = st.sampled_from([*MARKS, *SPOKEN[name].pieces]) | st.binary(max_size=9)
    pieces = data.draw(st.lists(shreds, max_size=30))
    events, fault = decode(pieces, kind, dialect=MADE[name])
    assert (fault is None) == (bool(events) and isinstance(events[-1], End))
    assert (events, fault) == decode([b"".join(pieces)], kind, dialect=MADE[name])


def forms(values: list[bytes]) -> Iterator[bytes]:
    """The same pieces in every way in which they may come."""
    yield b"".join(b"data: %b\n\n" % value for value in values)
    yield b"".join(b"event: x\ndata: %b\n\n" % value for value in values)
    yield b"[" + b",".join(values) + b"]"
    yield b"\n".join(values)
    yield values[0] if values else b""


@settings(deadline=None)
@given(st.sampled_from([*DIALECTS]), st.data())
def test_json_of_any_shape_is_an_answer_or_a_failure(name: str, data: st.DataObject) -> None:
    spoken = SPOKEN[name]
    words = st.sampled_from(spoken.kinds.split() or ["stop"])
    fields = spoken.fields.split()
    objects = st.dictionaries(st.sampled_from(fields), json_values(*fields) | words, max_size=6)
    typed = st.builds(lambda kind, value: {"type": kind, **value}, words, objects)
    values = data.draw(st.lists(json_values(*fields) | objects | typed, max_size=4))
    before = data.draw(st.sampled_from([b"", *spoken.pieces]))
    for wire in forms([json.dumps(value).encode() for value in values]):
        events, fault = decode([before, wire], "", dialect=MADE[name])
        assert (fault is None) == (bool(events) and isinstance(events[-1], End))
        assert fault is None or len(fault.message) <= 500


@settings(deadline=None)
@given(st.sampled_from([*DIALECTS]), st.integers(300, 599), st.data())
def test_a_refusal_of_any_shape_is_a_failure(name: str, status: int, data: st.DataObject) -> None:
    fields = (*SPOKEN[name].fields.split(), "error", "message", "code")
    body = data.draw(
        st.binary(max_size=60) | json_values(*fields).map(lambda value: json.dumps(value).encode())
    )
    fault = MADE[name].failure(status, {}, body).fault
    assert fault.message
    assert len(fault.message) <= 500
    assert fault.message.isprintable()


# --- lists -----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.sampled_from([*DIALECTS]), st.data())
def test_one_bad_item_or_field_never_drops_a_list(name: str, data: st.DataObject) -> None:
    spoken = SPOKEN[name]
    fields = (
        spoken.name,
        "type",
        "capabilities",
        "created",
        "pricing",
        "details",
        "architecture",
        "max_tokens",
    )
    spoilt = st.dictionaries(st.sampled_from(fields[2:]), json_values(*fields), max_size=3)
    rest = st.lists(json_values(*fields), max_size=3)
    items = [
        *data.draw(rest),
        spoken.item("good-1"),
        *data.draw(rest),
        spoken.item("good-2", **data.draw(spoilt)),
    ]
    found = [listing.id for listing in MADE[name].listings(spoken.listed(*items)).listings]
    assert [identity for identity in found if identity.startswith("good-")] == ["good-1", "good-2"]
    assert len(found) <= len(items)


def test_an_empty_list_is_a_list(dialect: Dialect, spoken: Spoken) -> None:
    assert dialect.listings(spoken.listed()).listings == ()


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"data": 5}', b'{"models": 5}', b'"a"', b'{"a": []}', b"[" * 100_000]
)
def test_what_is_no_list_is_malformed(dialect: Dialect, body: bytes) -> None:
    with pytest.raises(Malformed, match="list of models"):
        dialect.listings(body)


# --- hostile replies -------------------------------------------------------------------------------

NESTS = {
    "unknown fields": b'{"a": %b}',
    "a relay's errors": b'{"error": {"metadata": {"raw": %b}}}',
    "an upstream's errors": b'{"metadata": {"raw": %b}}',
    "errors": b'{"error": %b}',
    "places": b'{"error": {"metadata": {"raw": {"loc": [%b]}}}}',
    "arguments of Anthropic": b'{"type": "message", "content": [{"type": "tool_use", "input": %b}]}',
    "arguments of Google": b'{"candidates": [{"content": {"parts": [{"functionCall": {"name": "a", "args": %b'
    b"}}]}}]}",
    "arguments of Ollama": b'{"message": {"tool_calls": [{"function": {"name": "a", "arguments": %b}}]}}',
    "arguments of OpenAI": b'{"choices": [{"delta": {"tool_calls": [{"function": {"arguments": %b}}]}}]}',
    "thoughts": b'{"choices": [{"delta": {"content": [{"thinking": %b}]}}]}',
}
"""Where a value may stand that is nested deeply."""
LAYERS = [(b"[", b"]"), (b'{"a":', b"}"), (b'{"thinking":[', b"]}"), (b'{"metadata":{"raw":', b"}}")]
ROOM = 90  # frames


@contextlib.contextmanager
def little_room() -> Iterator[None]:
    """Let the stack grow by a few frames alone, so that all depths near its end can be tried."""
    limit, frame, depth = sys.getrecursionlimit(), sys._getframe(), 0
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    sys.setrecursionlimit(depth + ROOM)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("nest", NESTS)
def test_what_is_nested_too_deeply_is_a_failure(dialect: Dialect, nest: str) -> None:
    for (opened, closed), depth in product(LAYERS, [*range(1, ROOM), 100_000]):
        value = NESTS[nest] % (opened * depth + b'"x"' + closed * depth)
        with little_room():
            for wire in (value, b"data: " + value + b"\n\n", b"[" + value + b"]"):
                decode([wire], "", dialect=dialect)  # raises what is no failure
            assert dialect.failure(429, {}, value).fault.message
            with contextlib.suppress(Malformed):
                dialect.listings(value)


def hostile(spoken: Spoken, size: int) -> dict[str, bytes]:
    """Replies that grow with `size`, and that are no answers however large they are."""
    before, call, after = spoken.calls
    return {
        "pieces": spoken.pieces[0] * size,
        "calls": before + b",".join(call % number for number in range(size)) + after,
        "calls that are one": before + b",".join([call % 0] * size) + after,
        "blanks": b" \n" * size,
        "keep-alives": b": x\n\n" * size,
        "lines of one event": b"data: {\n" * size,
        "names of one event": b"event: x\n" * size,
        "one text": b'data: {"a": "' + b"a" * size,
        "brackets": b"[" * size,
        "braces": b'{"a":' * size,
        "elements": b"[" + b"{}," * size,
        "lines": b'{"a":' * size + b"\n",
        "a page": b"<p>" * size,
        "text": b"x" * size,
    }


HOSTILE = [*hostile(SPOKEN["openai"], 1)]


def steps(wire: bytes, size: int, dialect: Dialect) -> int:
    """How many functions are called, of Python and of C, to read `wire` in pieces of `size` bytes."""
    counted = 0

    def count(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal counted
        counted += 1

    pieces = [wire[start : start + size] for start in range(0, len(wire), size)]
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        decode(pieces, "", dialect=dialect)
    finally:
        sys.setprofile(before)
    return counted


@pytest.mark.parametrize("reply", HOSTILE)
def test_twice_as_much_takes_twice_as_many_steps(dialect: Dialect, spoken: Spoken, reply: str) -> None:
    once, twice = hostile(spoken, 300)[reply], hostile(spoken, 600)[reply]
    for size in (1, 50, len(twice)):
        assert steps(twice, size, dialect) <= 2.1 * steps(once, size, dialect) + 100


@pytest.mark.parametrize("reply", HOSTILE)
def test_a_megabyte_of_nonsense_is_a_failure(dialect: Dialect, spoken: Spoken, reply: str) -> None:
    unit = len(hostile(spoken, 2)[reply]) - len(hostile(spoken, 1)[reply])
    wire = hostile(spoken, 1_000_000 // unit)[reply]
    assert len(wire) > 900_000
    events, fault = decode([wire], "", dialect=dialect)
    assert fault is not None
    assert len(fault.message) <= 500
    assert not any(isinstance(event, End) for event in events)
    assert dialect.failure(500, {}, wire).fault.message


def test_a_reply_without_end_is_not_kept_for_ever(dialect: Dialect) -> None:
    pieces = [b'{"a": "' + b"x" * 1_000_000] * 9
    for begun in (b"", b"[", b"data: "):
        _, fault = decode([begun, *pieces], "", dialect=dialect)
        assert fault is not None
        assert (fault.category, "bytes" in fault.message) == (Category.MALFORMED, True), begun
