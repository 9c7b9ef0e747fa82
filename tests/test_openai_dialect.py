"""The chat-completions dialect: what goes out, and what comes of every reply that servers send."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.dialects.chunk_calls import Calls
from panvox.dialects.chunks import Call
from panvox.dialects.openai import OpenAI
from panvox.dialects.think_tags import ThinkTags
from panvox.errors import Category, Owner, Retry
from panvox.messages import (
    Answer,
    End,
    Finish,
    ImagePart,
    Message,
    Prompt,
    Reasoning,
    Text,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
    UsageReport,
)
from tests.wire import FOLDER, chunk, decode, fold, stream
from tests.wire.deviations import COUNTED, HI, NO_CHOICES, STOP, USAGE, answer

BASE = "http://127.0.0.1:9/v1"
PARIS = Prompt.of("Paris?")


# --- requests --------------------------------------------------------------------------------------


def body_of(prompt: Prompt, model: str = "m") -> dict[str, object]:
    request = OpenAI().request(prompt, model, base_url=BASE, key=None)
    body = json.loads(b"".join(request.body))
    assert isinstance(body, dict)
    return body


def test_a_question_goes_out_as_a_stream_with_usage() -> None:
    request = OpenAI().request(PARIS, "m", base_url=BASE + "/", key="secret")
    assert (request.method, request.url) == ("POST", BASE + "/chat/completions")
    assert request.headers["Authorization"] == "Bearer secret"
    assert request.headers["Content-Type"] == "application/json"
    assert body_of(PARIS) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Paris?"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_every_kind_of_message_is_spelled() -> None:
    prompt = Prompt(
        messages=(
            Message("system", (TextPart("Be brief."),)),
            Message("user", (TextPart("What "), TextPart("is it?"))),
            Message("user", (TextPart("This:"), ImagePart("data:image/png;base64,AA=="))),
            Message("assistant", (ToolCall("c1", "look", '{"at":1}'),)),
            Message("tool", (ToolResult("c1", "a cat"),)),
            Message("user", (ToolResult("c2", "a dog"), TextPart("And?"))),
            Message("assistant", (TextPart("Well."), ToolCall("c3", "look", "{}"))),
        )
    )
    assert body_of(prompt)["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is it?"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "This:"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at":1}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
        {"role": "tool", "tool_call_id": "c2", "content": "a dog"},
        {"role": "user", "content": "And?"},
        {
            "role": "assistant",
            "content": "Well.",
            "tool_calls": [{"id": "c3", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
        },
    ]


def test_options_go_out_only_when_given() -> None:
    prompt = Prompt(
        messages=PARIS.messages,
        tools=(Tool("look", "Looks.", '{"type":"object"}'),),
        max_tokens=5,
        temperature=0.0,
        top_p=0.5,
        seed=1,
        stop=("\n",),
        schema='{"type":"object"}',
    )
    body = body_of(prompt)
    assert {name: body[name] for name in ("max_tokens", "temperature", "top_p", "seed", "stop")} == {
        "max_tokens": 5,
        "temperature": 0.0,
        "top_p": 0.5,
        "seed": 1,
        "stop": ["\n"],
    }
    function = {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": False},
    }


CLOSED = {
    "type": "object",
    "properties": {"a": {"type": ["string", "null"]}, "b": {"anyOf": [{"$ref": "#/$defs/c"}]}},
    "required": ["b", "a"],
    "additionalProperties": False,
    "$defs": {"c": {"type": "object", "properties": {}, "required": [], "additionalProperties": False}},
}
OPEN: dict[str, object] = {"type": "object", "properties": {"a": {}}, "required": ["a"]}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (CLOSED, True),
        ({**CLOSED, "description": "properties", "title": "not"}, True),
        (OPEN, False),
        ({**CLOSED, "additionalProperties": True}, False),
        ({**CLOSED, "required": ["a"]}, False),
        ({**CLOSED, "required": [1, None]}, False),
        ({**CLOSED, "$defs": {"c": OPEN}}, False),
        ({**CLOSED, "properties": {"a": {}, "b": {"type": "array", "items": OPEN}}}, False),
        ({**CLOSED, "properties": {"a": {}, "b": {"anyOf": [{"type": "string"}, OPEN]}}}, False),
        ({**CLOSED, "properties": {"a": {}, "b": {"type": ["object", "null"]}}}, False),
        ({**CLOSED, "allOf": []}, False),
        ({"type": "string"}, False),
        ({"anyOf": [CLOSED]}, False),
        (True, False),
        ([], False),
    ],
)
def test_a_schema_is_strict_only_where_openai_takes_it_so(schema: object, strict: bool) -> None:
    prompt = Prompt(messages=PARIS.messages, schema=json.dumps(schema))
    wanted = body_of(prompt)["response_format"]
    assert wanted == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": strict},
    }


SAMPLED = Prompt(messages=PARIS.messages, temperature=0.5, top_p=0.5, stop=("END",), seed=1)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("gpt-4.1", {"temperature", "top_p", "stop"}),
        ("gpt-5-chat-latest", {"temperature", "top_p", "stop"}),
        ("qwen3-o1x", {"temperature", "top_p", "stop"}),
        ("gpt-oss-120b", {"temperature", "top_p", "stop"}),
        ("gpt-5", {"stop"}),
        ("openai/gpt-5-mini", {"stop"}),
        ("o1", {"stop"}),
        ("o3-mini", set()),
        ("openai/o3", set()),
        ("o4-mini-2025-04-16", set()),
    ],
)
def test_models_are_not_sent_what_they_refuse(model: str, names: set[str]) -> None:
    assert {"temperature", "top_p", "stop", "seed"} & body_of(SAMPLED, model).keys() == names | {"seed"}


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o", "max_tokens"),
        ("gpt-50", "max_tokens"),
        ("qwen-o1x", "max_tokens"),
        ("o1", "max_completion_tokens"),
        ("o3-mini", "max_completion_tokens"),
        ("o4-mini-2026", "max_completion_tokens"),
        ("gpt-5", "max_completion_tokens"),
        ("openai/gpt-5.1-mini", "max_completion_tokens"),
    ],
)
def test_models_whose_thinking_counts_get_their_own_name_for_the_limit(model: str, name: str) -> None:
    body = body_of(Prompt.of("Paris?", max_tokens=7), model)
    assert {key: value for key, value in body.items() if "max" in key} == {name: 7}


def test_the_conversation_is_encoded_once_for_all_models() -> None:
    prompt = Prompt(messages=Prompt.of("long " * 1000).messages, max_tokens=7, temperature=0.5, stop=("END",))
    one, other = (OpenAI().request(prompt, model, base_url=BASE, key=None).body for model in ("m", "o3"))
    assert one[1] is other[1]
    assert len(one[0]) < 120


# --- replies ---------------------------------------------------------------------------------------


def recorded_streams() -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.sse"))}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "openrouter",
            Answer(
                text="Das macht 144 ✔🎉",
                reasoning="Zwölf mal zwölf …",
                finish=Finish.STOP,
                usage=Usage(
                    prompt_tokens=11,
                    completion_tokens=31,
                    reasoning_tokens=20,
                    cached_tokens=4,
                    cost=Decimal("0.0000725"),
                ),
                model="deepseek/deepseek-r1",
            ),
        ),
        (
            "azure",
            Answer(
                text="Guten Tag",
                finish=Finish.STOP,
                usage=Usage(prompt_tokens=9, completion_tokens=3),
                model="gpt-4o-2024-11-20",
            ),
        ),
        (
            "mistral",
            Answer(
                text="En Île-de-France.",
                reasoning="Où est Paris ?",
                tool_calls=(
                    ToolCall("VvvODy9mT", "map", '{"city": "Paris"}'),
                    ToolCall("Abc123xyz", "weather", "{}"),
                ),
                finish=Finish.TOOL_CALLS,
                usage=Usage(prompt_tokens=20, completion_tokens=30),
                model="magistral-medium",
            ),
        ),
        (
            "local",
            Answer(
                text="Drei.",
                reasoning="\nDrei Äpfel ",
                finish=Finish.STOP,
                usage=Usage(cost=Decimal("0.0004")),
                model="qwen3-8b",
            ),
        ),
    ],
)
def test_a_whole_stream_becomes_the_answer_it_spells(name: str, expected: Answer) -> None:
    events, fault = decode([recorded_streams()[name]])
    assert fault is None
    assert fold(events) == expected


class Counted(str):
    """An id that counts how often ids are compared."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_each_call_of_a_tool_costs_the_same_however_many_came_before() -> None:
    calls = Calls()
    pieces = [Call(id=Counted(number)) for number in range(2000)]
    assert [calls.piece(piece).index for piece in pieces * 2] == [*range(2000)] * 2
    assert Counted.compared < 5 * 4000


# --- ends that are no answer -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "category"),
    [
        (b'data: {"choices": [{"del', Category.TRUNCATED),
        (b"data: [DO", Category.TRUNCATED),
        (b"data: {malformed", Category.MALFORMED),
    ],
)
def test_a_last_piece_without_its_end_is_cut_off_unless_it_is_wrong(last: bytes, category: Category) -> None:
    events, fault = decode([stream(HI, done=False) + last])
    assert events == [Text("Hi")]
    assert fault is not None
    assert fault.category is category


def test_what_came_before_a_failure_comes_first() -> None:
    events, fault = decode(
        [stream(HI, {**NO_CHOICES, "usage": USAGE}, {"error": {"code": 500, "message": "x"}}, HI)]
    )
    assert events == [Text("Hi"), UsageReport(COUNTED)]
    assert fault is not None
    assert fault.status == 500


def test_a_model_that_only_thought_up_to_its_limit_is_not_asked_the_same_again() -> None:
    _, fault = decode([stream(chunk(reasoning="hm"), chunk("length"))])
    assert fault is not None
    assert (fault.owner, fault.retry) == (Owner.PROMPT, Retry.NEVER)
    assert "--max-tokens" in fault.hint


def test_usage_that_comes_after_the_finish_comes_before_the_end() -> None:
    events, _ = decode([stream(HI, STOP, {**NO_CHOICES, "usage": USAGE})])
    assert events == [Text("Hi"), UsageReport(COUNTED), End(Finish.STOP, "m-1")]


def test_the_end_waits_for_the_close_where_there_is_no_done() -> None:
    decoder = OpenAI().decoder("text/event-stream")
    assert list(decoder.feed(stream(HI, STOP, done=False))) == [Text("Hi")]
    assert list(decoder.close()) == [End(Finish.STOP, "m-1")]
    assert list(decoder.close()) == []


# --- whole replies and foreign ones ----------------------------------------------------------------


def whole(finish: str | None = "stop", **message: object) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return json.dumps(
        {"object": "chat.completion", "model": "m-1", "choices": [choice], "usage": USAGE}
    ).encode()


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "text/event-stream",
        "",
        "text/plain",
        "application/x+json",
    ],
)
def test_a_whole_reply_gives_the_same_events_whatever_its_type(content_type: str) -> None:
    events, fault = decode([whole(content="Hi", reasoning="hm")], content_type)
    assert fault is None
    assert events == [Reasoning("hm"), Text("Hi"), UsageReport(COUNTED), End(Finish.STOP, "m-1")]


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "text/event-stream; charset=utf-8", "text/plain"]
)
def test_a_stream_is_known_by_its_first_byte(content_type: str) -> None:
    events, fault = decode([stream(HI, STOP)], content_type)
    assert (fold(events), fault) == (answer(), None)


def test_a_whole_reply_after_keep_alive_blanks_is_read() -> None:
    events, fault = decode([b"\n   ", b"\n\n", whole(content="Hi")], "application/json")
    assert (fold(events).text, fault) == ("Hi", None)


def test_a_whole_reply_without_a_finish_is_whole_all_the_same() -> None:
    events, fault = decode([whole(None, content="Hi")], "application/json")
    assert (events[-1], fault) == (End(Finish.OTHER, "m-1"), None)


@pytest.mark.parametrize(
    ("body", "category", "said"),
    [
        (b"", Category.TRUNCATED, "before anything"),
        (whole(content="Hi")[:-20], Category.TRUNCATED, "in the middle"),
        (b'{"a" 1}', Category.MALFORMED, 'not a JSON object: {"a" 1}'),
        (b"{malformed json: <<<", Category.MALFORMED, "not a JSON object: {malformed"),
        (b'{"choices": []}, and more', Category.MALFORMED, "not a JSON object"),
        (b"[]", Category.MALFORMED, "not a JSON object: []"),
        (b'{"object": "list", "data": []}', Category.MALFORMED, "not an answer"),
        (b'{"choices": []}', Category.EMPTY, "without text"),
        (b'{"choices": null}', Category.MALFORMED, "not an answer"),
        (whole(content=None), Category.EMPTY, "without text"),
        (whole(content="", reasoning="hm"), Category.EMPTY, "2 tokens on reasoning"),
        (whole(content=None, refusal="No."), Category.REFUSED, "No."),
        (whole("content_filter", content=""), Category.REFUSED, "filter"),
        (b'{"error": {"message": "no", "code": "invalid_api_key"}}', Category.UNAUTHORISED, "no"),
        (b'[{"error": {"message": "no", "code": 429}}]', Category.RATE_LIMITED, "no"),
        (b"<!doctype html><TITLE>502 Bad\nGateway</TITLE>", Category.MALFORMED, "titled '502 Bad Gateway'"),
    ],
)
def test_a_whole_reply_that_is_no_answer_is_a_typed_failure(
    body: bytes, category: Category, said: str
) -> None:
    _, fault = decode([body], "application/json")
    assert fault is not None
    assert (fault.category, said in fault.message) == (category, True), fault


def test_a_whole_reply_is_truncated_wherever_it_is_cut() -> None:
    bent = b'{"n": [-2.5e-3, true, null], "s": "\\ud83d \x01 \xff\xc3\xa9", "choices": [{}]}'
    for end in range(1, len(bent)):
        _, fault = decode([bent[:end]], "application/json")
        assert fault is not None
        assert fault.category is Category.TRUNCATED, bent[:end]


# --- properties ------------------------------------------------------------------------------------


@given(st.text(alphabet="<think>/ ab\n", max_size=60), st.data())
def test_thinking_tags_are_the_same_in_any_split_and_lose_nothing(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    def read(*pieces: str) -> tuple[str, str]:
        tags = ThinkTags()
        events = [event for piece in pieces for event in tags.feed(piece)] + tags.close()
        said = "".join(event.text for event in events if isinstance(event, Text))
        return "".join(event.text for event in events if isinstance(event, Reasoning)), said

    thinking, said = read(*pieces)
    assert (thinking, said) == read(text)
    if not text.lstrip().startswith("<think>"):
        assert said == text
    else:
        inside, _, after = text.lstrip().removeprefix("<think>").partition("</think>")
        assert (thinking, said) == (inside, after.lstrip())
