"""Cherry Studio's cloud: what goes out, what comes of every reply, and all of it over a real socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import web

from panvox.dialects.cherry import Cherry
from panvox.errors import Category, Failure, InvalidRequest, Malformed, Owner
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
    Usage,
    UsageReport,
)
from panvox.protocols import Quirks
from panvox.providers.http import HttpModel
from panvox.providers.transport import HttpTransport
from tests.wire import chunk, data, decode, fold, stream

BASE = "http://127.0.0.1:9/v1"
PARIS = Prompt.of("Paris?")
WHOLE = {"text": "Hi", "usage": {"total_tokens": 5}}


def spelled(value: object) -> bytes:
    return json.dumps(value).encode()


# --- requests ----------------------------------------------------------------------------------------


def test_no_header_tells_of_limits() -> None:
    assert Cherry().rates({"x-ratelimit-limit-requests": "5"}, now=0.0) == ()


def test_the_model_stands_in_the_address_and_the_question_in_the_body() -> None:
    prompt = Prompt(
        messages=(Message("system", (TextPart("Be brief."),)), Message("user", (TextPart("Paris?"),))),
        temperature=0.7,
        max_tokens=1000,
        top_p=0.5,
        seed=1,
        stop=("x",),
    )
    request = Cherry().request(prompt, "a/b:c d?e#f", base_url=BASE + "/", key="secret")
    assert (request.method, request.url) == ("POST", f"{BASE}/models/a%2Fb%3Ac%20d%3Fe%23f/chat")
    assert request.headers["Authorization"] == "Bearer secret"
    assert json.loads(b"".join(request.body)) == {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Paris?"}],
        "temperature": 0.7,
        "max_tokens": 1000,
    }


def test_options_go_out_only_when_given() -> None:
    request = Cherry().request(PARIS, "m", base_url=BASE, key=None)
    assert json.loads(b"".join(request.body)) == {"messages": [{"role": "user", "content": "Paris?"}]}
    assert "Authorization" not in request.headers


def test_quirks_are_those_of_the_vendor() -> None:
    quirks = Quirks(
        key_header="x-api-key",
        headers=(("X-A", "b"),),
        query="v=1",
        body=(("stream", "false"),),
        max_tokens=9,
    )
    request = Cherry(quirks).request(PARIS, "m", base_url=BASE, key="secret")
    body = json.loads(b"".join(request.body))
    assert (request.url, request.headers["x-api-key"]) == (f"{BASE}/models/m/chat?v=1", "secret")
    assert (request.headers["X-A"], body["stream"], body["max_tokens"]) == ("b", False, 9)


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(messages=PARIS.messages, tools=(Tool("look", "", "{}"),)),
        Prompt(messages=PARIS.messages, schema="{}"),
        Prompt(messages=(Message("user", (TextPart("This:"), ImagePart("data:image/png;base64,AA=="))),)),
    ],
)
def test_what_this_form_has_no_words_for_is_a_failure_of_this_model_alone(prompt: Prompt) -> None:
    with pytest.raises(InvalidRequest, match="no words for") as raised:
        Cherry().request(prompt, "m", base_url=BASE, key=None)
    assert raised.value.fault.owner is Owner.PROMPT


# --- replies -----------------------------------------------------------------------------------------

COUNTED = Usage(completion_tokens=5)


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (spelled(WHOLE), Answer(text="Hi", finish=Finish.OTHER, usage=COUNTED)),
        (spelled({"content": "Hi"}), Answer(text="Hi", finish=Finish.OTHER)),
        (spelled({"text": "", "content": "Hi"}), Answer(text="Hi", finish=Finish.OTHER)),
        (spelled({"text": None, "content": "Hi", "usage": None}), Answer(text="Hi", finish=Finish.OTHER)),
        (
            spelled({"text": "Hi", "model": "m-1", "finish_reason": "stop", "usage": {"total_tokens": "5"}}),
            Answer(text="Hi", finish=Finish.STOP, usage=COUNTED, model="m-1"),
        ),
        (
            spelled({"text": "Hi", "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}),
            Answer(text="Hi", finish=Finish.OTHER, usage=Usage(prompt_tokens=3, completion_tokens=2)),
        ),
        (
            spelled({"text": "<think>hm</think>Hi"}),
            Answer(text="Hi", reasoning="hm", finish=Finish.OTHER),
        ),
        (spelled({"text": "cut", "finish_reason": "length"}), Answer(text="cut", finish=Finish.LENGTH)),
        (
            spelled({"model": "m-1", "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}),
            Answer(text="Hi", finish=Finish.STOP, model="m-1"),
        ),
        (stream(chunk(content="Hi"), chunk("stop")), Answer(text="Hi", finish=Finish.STOP, model="m-1")),
        (
            data({"text": "H"}) + data({"text": "i", "usage": {"total_tokens": 5}}) + b"data: [DONE]\n\n",
            Answer(text="Hi", finish=Finish.OTHER, usage=COUNTED),
        ),
        (
            data({"content": "Hi"}) + data({"content": "", "finish_reason": "stop"}),
            Answer(text="Hi", finish=Finish.STOP),
        ),
    ],
)
def test_an_answer_is_read_in_every_shape(wire: bytes, expected: Answer) -> None:
    for content_type in ("application/json", "text/event-stream", ""):
        events, fault = decode([wire], content_type, dialect=Cherry())
        assert (fold(events), fault) == (expected, None)
        assert [event for event in events if isinstance(event, End)] == events[-1:]


def test_usage_comes_before_the_end() -> None:
    events, _ = decode([spelled({**WHOLE, "text": "<think>hm</think>Hi"})], dialect=Cherry())
    assert events == [Reasoning("hm"), Text("Hi"), UsageReport(COUNTED), End(Finish.OTHER)]


@pytest.mark.parametrize(
    ("wire", "category"),
    [
        (b"", Category.TRUNCATED),
        (spelled(WHOLE)[:-9], Category.TRUNCATED),
        (data({"text": "Hi"}), Category.TRUNCATED),
        (stream(chunk(content="Hi"), done=False), Category.TRUNCATED),
        (spelled({"text": ""}), Category.EMPTY),
        (spelled({"content": None}), Category.EMPTY),
        (spelled({"text": "<think>hm</think>"}), Category.EMPTY),
        (spelled({}), Category.MALFORMED),
        (spelled({"answer": "Hi"}), Category.MALFORMED),
        (spelled([1]), Category.MALFORMED),
        (b"<html><title>502</title>", Category.MALFORMED),
        (data({"text": "Hi"}) + b"data: nonsense\n\n", Category.MALFORMED),
        (spelled({"error": {"message": "no", "code": "insufficient_quota"}}), Category.OUT_OF_MONEY),
        (spelled({"text": "Hi", "error": "rate limit reached, too many requests"}), Category.OVERLOADED),
        (
            data({"text": "Hi"}) + b'event: error\ndata: {"message": "x", "code": 503}\n\n',
            Category.OVERLOADED,
        ),
        (spelled({"text": "Hi", "finish_reason": "error"}), Category.OVERLOADED),
        (spelled({"text": "", "finish_reason": "content_filter"}), Category.REFUSED),
    ],
)
def test_an_end_that_is_no_answer_is_a_typed_failure(wire: bytes, category: Category) -> None:
    events, fault = decode([wire], dialect=Cherry())
    assert fault is not None
    assert fault.category is category, fault
    assert not any(isinstance(event, End) for event in events)


@pytest.mark.parametrize(
    ("status", "body", "category"),
    [
        (401, {"error": "Unauthorized"}, Category.UNAUTHORISED),
        (402, {}, Category.OUT_OF_MONEY),
        (404, {"error": {"message": "no such model", "code": "model_not_found"}}, Category.UNKNOWN_MODEL),
        (429, {"error": "too many requests"}, Category.RATE_LIMITED),
        (500, {"error": "x"}, Category.OVERLOADED),
    ],
)
def test_a_refusal_means_what_it_means_everywhere(status: int, body: object, category: Category) -> None:
    assert Cherry().failure(status, {}, spelled(body)).fault.category is category


# --- lists -------------------------------------------------------------------------------------------


def test_the_list_is_asked_for_with_the_key() -> None:
    request = Cherry().listing_request(base_url=BASE, key="secret")
    assert (request.method, request.url, request.body) == ("GET", f"{BASE}/models", ())
    assert request.headers["Authorization"] == "Bearer secret"


def test_one_bad_item_never_drops_the_list() -> None:
    body = {
        "models": [
            None,
            {"id": 5},
            {"id": "a", "cost": "x"},
            {"id": "b", "cost": 0.0},
            {"id": "c", "cost": True},
        ]
    }
    assert [(one.id, one.free) for one in Cherry().listings(spelled(body)).listings] == [
        ("a", None),
        ("b", True),
        ("c", None),
    ]
    with pytest.raises(Malformed):
        Cherry().listings(b'{"models": 5}')


# --- over a socket -----------------------------------------------------------------------------------


@asynccontextmanager
async def cloud() -> AsyncIterator[tuple[str, list[str]]]:
    """A cloud, its address, and the models that it was asked for."""
    asked_for: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked_for.append(request.match_info["model"])
        asked = await request.json()
        if request.headers.get("Authorization") != "Bearer secret":
            return web.json_response({"error": "Unauthorized"}, status=401)
        if request.match_info["model"] == "acme/gone":
            return web.json_response({"error": {"code": "model_not_found", "message": "gone"}}, status=404)
        return web.json_response({"text": asked["messages"][-1]["content"], "usage": {"total_tokens": 5}})

    app = web.Application()
    app.router.add_post("/v1/models/{model}/chat", answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    async with AsyncExitStack() as stack:
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1", asked_for


async def test_a_model_whose_name_has_slashes_and_colons_is_asked_by_its_whole_name() -> None:
    async with cloud() as (url, asked_for), HttpTransport() as transport:

        def model(name: str) -> HttpModel:
            return HttpModel(
                name=f"cherry-cloud/{name}",
                model=name,
                dialect=Cherry(),
                transport=transport,
                base_url=url,
                key="secret",
            )

        async with model("acme/good:v1").stream(PARIS) as events:
            answer = fold([event async for event in events])
        assert (answer.text, answer.usage) == ("Paris?", COUNTED)
        assert asked_for == ["acme/good:v1"]
        with pytest.raises(Failure) as raised:
            async with model("acme/gone").stream(PARIS) as events:
                fold([event async for event in events])
        assert raised.value.fault.category is Category.UNKNOWN_MODEL
