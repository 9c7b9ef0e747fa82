"""The messages dialect of Anthropic: what goes out, and what comes of every reply that servers send."""

from __future__ import annotations

import json

import pytest

from panvox.dialects.anthropic import Anthropic
from panvox.errors import Category, PromptError
from panvox.messages import (
    Answer,
    End,
    Finish,
    ImagePart,
    Message,
    Prompt,
    Rate,
    Reasoning,
    Text,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
    UsageReport,
)
from panvox.protocols import Quirks
from tests.wire import FOLDER, decode, fold
from tests.wire.anthropic_deviations import FAILURES

BASE = "http://127.0.0.1:9/v1"
PARIS = Prompt.of("Paris?")
ANTHROPIC = Anthropic()


def body_of(prompt: Prompt, model: str = "m", quirks: Quirks | None = None) -> dict[str, object]:
    request = Anthropic(quirks or Quirks()).request(prompt, model, base_url=BASE, key=None)
    body = json.loads(b"".join(request.body))
    assert isinstance(body, dict)
    return body


def spoken(*messages: Message) -> Prompt:
    return Prompt(messages=messages)


def user(*parts: str | ImagePart | ToolResult) -> Message:
    return Message("user", tuple(TextPart(part) if isinstance(part, str) else part for part in parts))


# --- requests --------------------------------------------------------------------------------------


def test_a_question_goes_out_as_a_stream_with_a_limit() -> None:
    request = ANTHROPIC.request(PARIS, "m", base_url=BASE + "/", key="secret")
    assert (request.method, request.url) == ("POST", BASE + "/messages")
    assert request.headers["x-api-key"] == "secret"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert "Authorization" not in request.headers
    assert body_of(PARIS) == {
        "model": "m",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": "Paris?"}],
        "stream": True,
    }


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://api.example", "https://api.example/v1/messages"),
        ("https://api.example/", "https://api.example/v1/messages"),
        ("https://api.example/v1", "https://api.example/v1/messages"),
        ("https://api.example/anthropic", "https://api.example/anthropic/v1/messages"),
        ("https://api.example/v1beta/", "https://api.example/v1beta/messages"),
        ("https://api.example/a?b=c", "https://api.example/a/v1/messages?b=c"),
        ("https://api.example/v1?b=c", "https://api.example/v1/messages?b=c"),
    ],
)
def test_an_address_may_leave_out_its_version(base: str, url: str) -> None:
    assert ANTHROPIC.request(PARIS, "m", base_url=base, key=None).url == url


def test_quirks_of_a_vendor_are_kept() -> None:
    quirks = Quirks(
        key_header="Authorization",
        headers=(("anthropic-beta", "context-1m"), ("anthropic-version", "2099-01-01")),
        query="api-version=1",
        body=(("thinking", '{"type":"disabled"}'),),
        max_tokens_name="max_output",
        max_tokens=99,
    )
    request = Anthropic(quirks).request(PARIS, "m", base_url=BASE, key="secret")
    assert request.url == BASE + "/messages?api-version=1"
    assert request.headers["Authorization"] == "Bearer secret"
    assert request.headers["anthropic-beta"] == "context-1m"
    assert request.headers["anthropic-version"] == "2099-01-01"
    assert "x-api-key" not in request.headers
    body = body_of(PARIS, quirks=quirks)
    assert (body["max_output"], body["thinking"]) == (99, {"type": "disabled"})
    assert "max_tokens" not in body
    assert body_of(Prompt.of("Paris?", max_tokens=7), quirks=quirks)["max_output"] == 7


def test_every_kind_of_message_is_spelled() -> None:
    prompt = spoken(
        Message("system", (TextPart("Be brief."),)),
        user("What ", "is it?"),
        user("This:", ImagePart("https://example.org/cat.png"), ImagePart("data:image/png;base64,AA==")),
        Message("assistant", (TextPart("Let me look."), ToolCall("c1", "look", '{"at":1}'))),
        Message("assistant", (ToolCall("c2", "hear", ""),)),
        Message("tool", (ToolResult("c1", "a cat"),)),
        user("And?", ToolResult("c2", "a dog")),
        Message("system", (TextPart("Be polite."),)),
        Message("assistant", (TextPart("Well."),)),
        user("Go on."),
    )
    body = body_of(prompt)
    assert body["system"] == "Be brief.\n\nBe polite."
    assert body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "text", "text": "This:"},
                {"type": "image", "source": {"type": "url", "url": "https://example.org/cat.png"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "c1", "name": "look", "input": {"at": 1}},
                {"type": "tool_use", "id": "c2", "name": "hear", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "a cat"},
                {"type": "tool_result", "tool_use_id": "c2", "content": "a dog"},
                {"type": "text", "text": "And?"},
            ],
        },
        {"role": "assistant", "content": "Well."},
        {"role": "user", "content": "Go on."},
    ]


@pytest.mark.parametrize(
    ("url", "media_type", "data"),
    [
        ("DATA:IMAGE/PNG;BASE64,AbC=", "image/png", "AbC="),
        ("data:image/svg+xml;charset=utf-8;base64,AA==", "image/svg+xml", "AA=="),
        ("data:image/gif,%00a", "image/gif", "AGE="),
    ],
)
def test_a_picture_in_an_address_goes_out_as_bytes(url: str, media_type: str, data: str) -> None:
    content = [{"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}]
    assert body_of(spoken(user(ImagePart(url))))["messages"] == [{"role": "user", "content": content}]


def test_blank_texts_are_left_out_since_they_are_refused() -> None:
    prompt = spoken(user("Paris?"), Message("assistant", (TextPart(" "),)), user("", "Rome?", "\n"))
    content = [{"type": "text", "text": "Paris?"}, {"type": "text", "text": "Rome?\n"}]
    assert body_of(prompt)["messages"] == [{"role": "user", "content": content}]


def test_options_go_out_only_when_given() -> None:
    prompt = Prompt(
        messages=PARIS.messages,
        tools=(Tool("look", "Looks.", '{"type":"object"}'),),
        max_tokens=5,
        top_p=0.5,
        seed=1,
        stop=("\n\n",),
        schema='{"type":"object"}',
    )
    assert body_of(prompt) == {
        "model": "m",
        "max_tokens": 5,
        "top_p": 0.5,
        "messages": [{"role": "user", "content": "Paris?"}],
        "stop_sequences": ["\n\n"],
        "tools": [{"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}],
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "stream": True,
    }


@pytest.mark.parametrize(("given", "sent"), [(0.0, 0.0), (0.7, 0.7), (1.0, 1.0), (1.8, 1.0)])
def test_a_temperature_goes_up_to_one(given: float, sent: float) -> None:
    assert body_of(Prompt(messages=PARIS.messages, temperature=given))["temperature"] == sent


def test_a_temperature_goes_out_alone() -> None:
    body = body_of(Prompt(messages=PARIS.messages, temperature=0.5, top_p=0.9))
    assert (body["temperature"], "top_p" in body) == (0.5, False)


@pytest.mark.parametrize(
    ("model", "sampled"),
    [
        ("claude-3-5-haiku-20241022", True),
        ("claude-opus-4-20250514", True),
        ("claude-opus-4-1-20250805", True),
        ("claude-sonnet-4-6", True),
        ("claude-opus-4-6", True),
        ("claude-haiku-4-5-20251001", True),
        ("kimi-k2", True),
        ("claude-opus-4-7", False),
        ("anthropic/claude-opus-4.8", False),
        ("eu.anthropic.claude-opus-4-7-v1:0", False),
        ("claude-opus-5", False),
        ("claude-opus-10-1", False),
        ("claude-sonnet-5-5", False),
        ("claude-haiku-5-5", False),
        ("claude-fable-5-1", False),
        ("claude-mythos-preview", False),
    ],
)
def test_models_that_refuse_sampling_get_none_of_it(model: str, sampled: bool) -> None:
    body = body_of(Prompt(messages=PARIS.messages, temperature=0.5), model)
    assert ("temperature" in body) is sampled
    assert "top_p" in body_of(Prompt(messages=PARIS.messages, top_p=0.5), model) or not sampled


def test_the_conversation_is_encoded_once_for_all_models_and_vendors() -> None:
    prompt = Prompt(messages=Prompt.of("long " * 1000).messages, temperature=0.5, max_tokens=7)
    vendor = Anthropic(Quirks(max_tokens=9, body=(("metadata", "{}"),)))
    bodies = [
        dialect.request(prompt, model, base_url=BASE, key=None).body
        for dialect, model in ((ANTHROPIC, "claude-opus-4-6"), (ANTHROPIC, "claude-opus-5"), (vendor, "m"))
    ]
    assert bodies[0][1] is bodies[1][1] is bodies[2][1]
    assert all(len(head) < 100 for head, _ in bodies)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (spoken(Message("assistant", (ToolCall("c", "look", "[1]"),))), "'look' are not a JSON object"),
        (spoken(Message("assistant", (ToolCall("c", "look", "{"),))), "'look' are not a JSON object"),
        (spoken(user(ImagePart("data:text/plain,x"))), "holds no image"),
        (spoken(user(ImagePart("data:image/png;base64"))), "holds no image"),
        (spoken(Message("system", (ImagePart("https://example.org/a"),))), "nothing but text"),
    ],
)
def test_what_cannot_be_written_is_the_prompts_fault(prompt: Prompt, said: str) -> None:
    with pytest.raises(PromptError, match=said):
        ANTHROPIC.request(prompt, "m", base_url=BASE, key=None)


# --- replies ---------------------------------------------------------------------------------------


RECORDED = {path.stem: path.read_bytes() for path in sorted((FOLDER / "anthropic").glob("*.sse"))}
SPELLED = {
    "cached": Answer(
        text='Das macht 144 ✔🎉: „zwölf mal zwölf“.\n\n```py\nprint("144")\n```',
        finish=Finish.STOP,
        usage=Usage(prompt_tokens=2112, completion_tokens=31, cached_tokens=2000),
        model="claude-sonnet-4-5-20250929",
    ),
    "limit": Answer(
        text="Once upon",
        finish=Finish.LENGTH,
        usage=Usage(prompt_tokens=9, completion_tokens=2),
        model="claude-haiku-4-5-20251001",
    ),
    "search": Answer(
        text="I'll check. It is sunny, 21 °C.",
        finish=Finish.STOP,
        usage=Usage(prompt_tokens=10682, completion_tokens=510),
        model="claude-sonnet-4-6",
    ),
    "tools": Answer(
        text="Okay, let's check the weather:",
        reasoning="Where is Paris? I should look at the map.",
        tool_calls=(
            ToolCall(
                "toolu_01T1x1fJ34qAmk2tNTrN7Up6",
                "get_weather",
                '{"location": "San Francisco, CA", "unit": "fahrenheit"}',
            ),
            ToolCall("toolu_01NRLabsLyVHZPKxbKvkfSMn", "now", "{}"),
        ),
        finish=Finish.TOOL_CALLS,
        usage=Usage(prompt_tokens=472, completion_tokens=189, reasoning_tokens=77),
        model="claude-opus-4-5-20251101",
    ),
}


@pytest.mark.parametrize("name", RECORDED)
def test_a_whole_stream_becomes_the_answer_it_spells(name: str) -> None:
    events, fault = decode([RECORDED[name]], dialect=ANTHROPIC)
    assert fault is None
    assert fold(events) == SPELLED[name]


def test_what_came_before_an_error_comes_first() -> None:
    events, fault = decode([FAILURES["overloaded after the text"][0]], dialect=ANTHROPIC)
    assert events == [UsageReport(Usage(prompt_tokens=3, completion_tokens=1)), Text("Hi")]
    assert fault is not None


def whole(*content: object, reason: str | None = "end_turn", **fields: object) -> bytes:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "content": content}
    usage = {"input_tokens": 3, "output_tokens": 2}
    return json.dumps({**message, "stop_reason": reason, "usage": usage, **fields}).encode()


HI = {"type": "text", "text": "Hi"}


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream", ""])
def test_a_whole_reply_gives_the_same_events_whatever_its_type(content_type: str) -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "EqQB"}
    events, fault = decode([whole(thought, HI)], content_type, dialect=ANTHROPIC)
    assert fault is None
    counted = Usage(prompt_tokens=3, completion_tokens=2)
    assert events == [Reasoning("hm"), Text("Hi"), UsageReport(counted), End(Finish.STOP, "m-1")]


def test_calls_in_a_whole_reply_are_those_of_a_stream() -> None:
    used = {"type": "tool_use", "id": "a", "name": "look", "input": {"at": 1, "wörter": ["x"]}}
    other = {"type": "tool_use", "id": "b", "name": "hear", "input": {}}
    events, fault = decode([whole(used, other, reason="tool_use")], "", dialect=ANTHROPIC)
    assert fault is None
    assert fold(events).tool_calls == (
        ToolCall("a", "look", '{"at": 1, "wörter": ["x"]}'),
        ToolCall("b", "hear", "{}"),
    )


@pytest.mark.parametrize(
    ("body", "category", "said"),
    [
        (whole(HI)[:-9], Category.TRUNCATED, "in the middle"),
        (b'{"a" 1}', Category.MALFORMED, "not a JSON object"),
        (b"[]", Category.MALFORMED, "not a JSON object"),
        (b'{"type": "message"}', Category.MALFORMED, "not an answer"),
        (whole(), Category.EMPTY, "without text"),
        (whole(5, None, {"type": 5}), Category.EMPTY, "without text"),
        (whole(HI, reason="refusal"), Category.REFUSED, "declined"),
        (
            b'{"type": "error", "error": {"type": "overloaded_error", "message": "O"}}',
            Category.OVERLOADED,
            "O",
        ),
    ],
)
def test_a_whole_reply_that_is_no_answer_is_a_typed_failure(
    body: bytes, category: Category, said: str
) -> None:
    _, fault = decode([body], "application/json", dialect=ANTHROPIC)
    assert fault is not None
    assert (fault.category, said in fault.message) == (category, True), fault


# --- rates -----------------------------------------------------------------------------------------


def test_limits_count_by_the_minute_and_are_whole_again_at_a_time_of_day() -> None:
    now = 1_795_233_500.0  # 2026-11-21T03:58:20Z
    headers = {
        "Anthropic-RateLimit-Requests-Limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-requests-reset": "2026-11-21T03:58:21Z",
        "anthropic-ratelimit-input-tokens-limit": "30000",
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": "2026-11-21T03:59:20Z",
        "anthropic-ratelimit-output-tokens-limit": "8000",
        "anthropic-ratelimit-tokens-limit": "0",
        "x-ratelimit-limit-requests": "7",
    }
    assert ANTHROPIC.rates(headers, now=now) == (
        Rate(unit="requests", window=60.0, limit=50, remaining=49, reset=1.0),
        Rate(unit="input_tokens", window=60.0, limit=30000, remaining=0, reset=60.0),
        Rate(unit="output_tokens", window=60.0, limit=8000),
    )
    hourly = Anthropic(Quirks(windows=(("requests", 3600.0),)))
    assert hourly.rates(headers, now=now)[0].window == 3600.0
