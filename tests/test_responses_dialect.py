"""The responses dialect of OpenAI: what goes out, and what comes of every reply that servers send."""

from __future__ import annotations

import json

import pytest

from panvox.dialects.responses import Responses
from panvox.errors import Category
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
from panvox.protocols import Listing, Quirks
from tests.wire import FOLDER, decode, fold
from tests.wire.responses_deviations import (
    COUNTED,
    FAILURES,
    message,
    response,
    said,
)

BASE = "http://127.0.0.1:9/v1"
PARIS = Prompt.of("Paris?")
RESPONSES = Responses()


def body_of(prompt: Prompt, model: str = "m", quirks: Quirks | None = None) -> dict[str, object]:
    request = Responses(quirks or Quirks()).request(prompt, model, base_url=BASE, key=None)
    body = json.loads(b"".join(request.body))
    assert isinstance(body, dict)
    return body


# --- requests --------------------------------------------------------------------------------------


def test_a_question_goes_out_as_a_stream_that_is_not_kept() -> None:
    request = RESPONSES.request(PARIS, "m", base_url=BASE + "/", key="secret")
    assert (request.method, request.url) == ("POST", BASE + "/responses")
    assert request.headers["Authorization"] == "Bearer secret"
    assert body_of(PARIS) == {
        "model": "m",
        "input": [{"role": "user", "content": "Paris?"}],
        "store": False,
        "stream": True,
    }


def test_quirks_of_a_vendor_are_kept() -> None:
    quirks = Quirks(
        key_header="api-key",
        headers=(("X-Title", "panvox"),),
        query="api-version=preview",
        body=(("reasoning", '{"effort":"low"}'),),
        max_tokens_name="max_tokens",
        max_tokens=99,
    )
    request = Responses(quirks).request(PARIS, "m", base_url=BASE, key="secret")
    assert request.url == BASE + "/responses?api-version=preview"
    assert request.headers["api-key"] == "secret"
    assert request.headers["X-Title"] == "panvox"
    assert "Authorization" not in request.headers
    body = body_of(PARIS, quirks=quirks)
    assert (body["max_tokens"], body["reasoning"]) == (99, {"effort": "low"})
    assert body_of(Prompt.of("Paris?", max_tokens=7), quirks=quirks)["max_tokens"] == 7
    assert body_of(Prompt.of("Paris?", max_tokens=7))["max_output_tokens"] == 7


def test_every_kind_of_message_is_spelled() -> None:
    prompt = Prompt(
        messages=(
            Message("system", (TextPart("Be brief."),)),
            Message("system", (TextPart("Be polite."),)),
            Message("user", (TextPart("What "), TextPart("is it?"))),
            Message("user", (TextPart("This:"), ImagePart("data:image/png;base64,AA=="))),
            Message("assistant", (TextPart("Let me look."), ToolCall("c1", "look", '{"at":1}'))),
            Message("tool", (ToolResult("c1", "a cat"),)),
            Message("system", (TextPart("Hurry."),)),
            Message("user", (ToolResult("c2", "a dog"), TextPart("And?"))),
        )
    )
    body = body_of(prompt)
    assert body["instructions"] == "Be brief.\n\nBe polite."
    assert body["input"] == [
        {"role": "user", "content": "What is it?"},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "This:"},
                {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"},
            ],
        },
        {"role": "assistant", "content": "Let me look."},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"at":1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "a cat"},
        {"role": "system", "content": "Hurry."},
        {"type": "function_call_output", "call_id": "c2", "output": "a dog"},
        {"role": "user", "content": "And?"},
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
    tool = {"type": "function", "name": "look", "description": "Looks.", "parameters": {"type": "object"}}
    wanted = {"type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": False}
    assert body_of(prompt) == {
        "model": "m",
        "max_output_tokens": 5,
        "temperature": 0.0,
        "top_p": 0.5,
        "input": [{"role": "user", "content": "Paris?"}],
        "tools": [{**tool, "strict": False}],
        "text": {"format": wanted},
        "store": False,
        "stream": True,
    }


def test_a_schema_is_strict_only_where_openai_takes_it_so() -> None:
    closed = '{"type":"object","properties":{},"required":[],"additionalProperties":false}'
    for schema, strict in ((closed, True), (closed.replace("false", "true"), False)):
        wanted = body_of(Prompt(messages=PARIS.messages, schema=schema))["text"]
        assert wanted == {
            "format": {
                "type": "json_schema",
                "name": "answer",
                "schema": json.loads(schema),
                "strict": strict,
            }
        }


@pytest.mark.parametrize(
    ("model", "sampled"),
    [
        ("gpt-4.1", True),
        ("gpt-4o-mini", True),
        ("gpt-5-chat-latest", True),
        ("gpt-5.1", True),
        ("gpt-5.2-2025-12-11", True),
        ("gpt-oss-120b", True),
        ("qwen3-o1x", True),
        ("o1", False),
        ("o4-mini-2025-04-16", False),
        ("gpt-5", False),
        ("openai/gpt-5-mini", False),
        ("gpt-5.1-codex-max", False),
        ("gpt-5.2-pro", False),
        ("gpt-5.6", False),
        ("gpt-6-astra", False),
    ],
)
def test_models_that_refuse_sampling_get_none_of_it(model: str, sampled: bool) -> None:
    body = body_of(Prompt(messages=PARIS.messages, temperature=0.5, top_p=0.5), model)
    assert ("temperature" in body, "top_p" in body) == (sampled, sampled)


def test_the_conversation_is_encoded_once_for_all_models_and_vendors() -> None:
    prompt = Prompt(messages=Prompt.of("long " * 1000).messages, temperature=0.5, max_tokens=7)
    vendor = Responses(Quirks(max_tokens=9, body=(("metadata", "{}"),)))
    bodies = [
        dialect.request(prompt, model, base_url=BASE, key=None).body
        for dialect, model in ((RESPONSES, "gpt-4.1"), (RESPONSES, "o3"), (vendor, "m"))
    ]
    assert bodies[0][1] is bodies[1][1] is bodies[2][1]
    assert all(len(head) < 100 for head, _ in bodies)


# --- replies ---------------------------------------------------------------------------------------


RECORDED = {path.stem: path.read_bytes() for path in sorted((FOLDER / "responses").glob("*.sse"))}
SPELLED = {
    "limit": Answer(
        text="Once upon",
        finish=Finish.LENGTH,
        usage=Usage(prompt_tokens=9, completion_tokens=2),
        model="gpt-4o-mini-2024-07-18",
    ),
    "reasoning": Answer(
        text="Das macht 144 ✔🎉",
        reasoning="**Multiplying**\n\nTwelve times twelve\n\n**Checking**\n\n12² = 144",
        finish=Finish.STOP,
        usage=Usage(prompt_tokens=37, completion_tokens=211, reasoning_tokens=192, cached_tokens=8),
        model="gpt-5-2025-08-07",
    ),
    "search": Answer(
        text="It is sunny, 21 °C.",
        finish=Finish.STOP,
        usage=Usage(prompt_tokens=310, completion_tokens=40, reasoning_tokens=20),
        model="gpt-5-2025-08-07",
    ),
    "tools": Answer(
        text="Let me look.",
        tool_calls=(
            ToolCall("call_unLAR8MvFNptuiZK6K6HCy5k", "get_weather", '{"location":"Paris, France"}'),
            ToolCall("call_9Q2zF7", "now", "{}"),
        ),
        finish=Finish.TOOL_CALLS,
        usage=Usage(prompt_tokens=291, completion_tokens=23),
        model="gpt-4.1-2025-04-14",
    ),
}


@pytest.mark.parametrize("name", RECORDED)
def test_a_whole_stream_becomes_the_answer_it_spells(name: str) -> None:
    events, fault = decode([RECORDED[name]], dialect=RESPONSES)
    assert fault is None
    assert fold(events) == SPELLED[name]


@pytest.mark.parametrize("name", RECORDED)
def test_the_response_that_ends_a_stream_says_the_same_as_the_stream(name: str) -> None:
    last = json.loads(RECORDED[name].rstrip().rpartition(b"data: ")[2])
    events, fault = decode([json.dumps(last["response"]).encode()], dialect=RESPONSES)
    assert fault is None
    spelled, found = SPELLED[name], fold(events)
    assert found.reasoning.replace("\n", "") == spelled.reasoning.replace("\n", "")
    assert (found.text, found.tool_calls, found.finish) == (spelled.text, spelled.tool_calls, spelled.finish)
    assert (found.usage, found.model) == (spelled.usage, spelled.model)


def test_what_came_before_an_error_comes_first() -> None:
    events, fault = decode([FAILURES["failed"][0]], dialect=RESPONSES)
    assert events == [Text("Hi"), UsageReport(COUNTED)]
    assert fault is not None


def test_a_rate_inside_of_a_stream_tells_when_to_come_back() -> None:
    _, fault = decode([FAILURES["failed for the rate"][0]], dialect=RESPONSES)
    assert fault is not None
    assert fault.wait == 90.0


def whole(*output: object, **fields: object) -> bytes:
    return json.dumps({**response("completed", output), **fields}).encode()


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream", ""])
def test_a_whole_reply_gives_the_same_events_whatever_its_type(content_type: str) -> None:
    thought = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "hm"}], "summary": []}
    events, fault = decode([whole(thought, message(said()))], content_type, dialect=RESPONSES)
    assert fault is None
    assert events == [Reasoning("hm"), Text("Hi"), UsageReport(COUNTED), End(Finish.STOP, "m-1")]


@pytest.mark.parametrize(
    ("body", "category", "said"),
    [
        (whole(message({"type": "output_text", "text": "Hi"}))[:-9], Category.TRUNCATED, "in the middle"),
        (b'{"a" 1}', Category.MALFORMED, "not a JSON object"),
        (b"[]", Category.MALFORMED, "not a JSON object"),
        (b'{"object": "response"}', Category.MALFORMED, "not an answer"),
        (whole(), Category.EMPTY, "without text"),
        (whole(5, None, {"type": 5}, message(5, {"type": "x"})), Category.EMPTY, "without text"),
        (whole(message({"type": "refusal", "refusal": "No."})), Category.REFUSED, "No."),
        (b'{"error": {"message": "no", "code": "invalid_api_key"}}', Category.UNAUTHORISED, "no"),
        (whole(status="failed", error={"code": "server_error", "message": "O"}), Category.OVERLOADED, "O"),
        (whole(status="cancelled"), Category.OVERLOADED, "cancelled"),
    ],
)
def test_a_whole_reply_that_is_no_answer_is_a_typed_failure(
    body: bytes, category: Category, said: str
) -> None:
    _, fault = decode([body], "application/json", dialect=RESPONSES)
    assert fault is not None
    assert (fault.category, said in fault.message) == (category, True), fault


# --- refusals, rates and lists ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "category"),
    [
        (
            400,
            {"message": "m", "type": "invalid_request_error", "code": "context_length_exceeded"},
            "too_large",
        ),
        (400, {"message": "Unsupported parameter: 'temperature'", "code": None}, "invalid_request"),
        (401, {"message": "m", "code": "invalid_api_key"}, "unauthorised"),
        (404, {"message": "m", "code": "model_not_found"}, "unknown_model"),
        (429, {"message": "m", "code": "insufficient_quota"}, "out_of_money"),
        (429, {"message": "Rate limit reached", "code": "rate_limit_exceeded"}, "rate_limited"),
        (503, {"message": "m"}, "overloaded"),
    ],
)
def test_refusals_are_those_of_the_older_dialect(
    status: int, error: dict[str, object], category: str
) -> None:
    failure = RESPONSES.failure(status, {"X-Request-Id": "r-1"}, json.dumps({"error": error}).encode())
    assert (failure.fault.category, failure.fault.request_id) == (category, "r-1")


def test_limits_are_told_as_in_the_older_dialect() -> None:
    headers = {"X-RateLimit-Limit-Tokens": "1000", "x-ratelimit-reset-tokens": "6m0s"}
    assert RESPONSES.rates(headers, now=0.0) == (Rate(unit="tokens", window=60.0, limit=1000, reset=360.0),)


def test_the_list_is_that_of_the_older_dialect() -> None:
    request = Responses(Quirks(query="a=b")).listing_request(base_url=BASE + "/", key="secret")
    assert (request.method, request.url, request.body) == ("GET", BASE + "/models?a=b", ())
    assert request.headers["Authorization"] == "Bearer secret"
    page = RESPONSES.listings(b'{"object": "list", "data": [{"id": "a"}, 5, {"id": "text-embedding-3"}]}')
    assert "a" in [listing.id for listing in page.listings if listing.kind == "chat"]
    listing = Listing(id="a")
    assert RESPONSES.detailed(listing, b"{}") is listing
