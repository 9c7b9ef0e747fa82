"""Every dialect of the simulator, as the official clients of its vendor see it: they are its oracle."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import aiohttp
import anthropic
import ollama
import openai
import pytest
from google import genai
from google.genai import errors as google_errors
from google.genai import types as google

from panvox.simulator import (
    SPELLINGS,
    Facts,
    Fleet,
    Limits,
    Prices,
    Simulator,
    VirtualModel,
    Window,
    find_fault,
    simulate,
)
from tests.fleets import SWIFT, idle, oak, sdk, spoilt, user

# Google's client derives a class from aiohttp's session, which aiohttp warns of.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

TEXT = "A longer text, of more than one event; with ümläuts, 漢字 and \U0001f9ea. " * 5
TOKENS = -(-len(TEXT) // 4)
A = VirtualModel("a", latency=SWIFT)
MANY = [VirtualModel(f"m{index}") for index in range(45)]


@asynccontextmanager
async def claude(server: Simulator, *, key: str = "sk-x") -> AsyncIterator[anthropic.AsyncAnthropic]:
    address = server.base_url("oak").removesuffix("/v1")
    async with anthropic.AsyncAnthropic(base_url=address, api_key=key, max_retries=0) as client:
        yield client


@asynccontextmanager
async def google_client(server: Simulator, *, key: str = "sk-x") -> AsyncIterator[genai.client.AsyncClient]:
    address = server.base_url("oak").removesuffix("/v1beta")
    options = google.HttpOptions(base_url=address, api_version="v1beta")
    client = genai.Client(api_key=key, http_options=options)
    try:
        yield client.aio
    finally:
        await client.aio.aclose()
        client.close()


@asynccontextmanager
async def llama(server: Simulator, *, key: str = "sk-x") -> AsyncIterator[ollama.AsyncClient]:
    async with ollama.AsyncClient(
        host=server.base_url("oak"), headers={"Authorization": f"Bearer {key}"}
    ) as client:
        yield client


# --- Anthropic -------------------------------------------------------------------------------------


async def test_a_whole_message_for_anthropics_client() -> None:
    async with simulate(oak(A, dialect="anthropic")) as server, claude(server) as client:
        reply = await client.messages.create(model="a", max_tokens=1000, messages=user(TEXT))
        assert [block.text for block in reply.content if block.type == "text"] == [TEXT]
        assert (reply.role, reply.model, reply.stop_reason) == ("assistant", "a", "end_turn")
        assert (reply.usage.input_tokens, reply.usage.output_tokens) == (TOKENS, TOKENS)
        assert reply.id.startswith("msg_")


async def test_a_streamed_message_for_anthropics_client() -> None:
    async with simulate(oak(A, dialect="anthropic")) as server, claude(server) as client:
        async with client.messages.stream(model="a", max_tokens=1000, messages=user(TEXT)) as stream:
            pieces = [piece async for piece in stream.text_stream]
            message = await stream.get_final_message()
        assert "".join(pieces) == TEXT
        assert len(pieces) > 10
        assert (message.stop_reason, message.usage.output_tokens) == ("end_turn", TOKENS)
        raw = await client.messages.create(model="a", max_tokens=9, messages=user(TEXT), stream=True)
        kinds = [event.type async for event in raw]
        assert kinds[:2] == ["message_start", "content_block_start"]
        assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]


async def test_a_conversation_with_a_system_text_for_anthropics_client() -> None:
    messages: list[Any] = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": [{"type": "text", "text": "yes?"}]},
        {"role": "user", "content": [{"type": "text", "text": "sec"}, {"type": "text", "text": "ond"}]},
    ]
    async with simulate(oak(A, dialect="anthropic")) as server, claude(server) as client:
        reply = await client.messages.create(
            model="a", max_tokens=1, system="Be brief, please.", messages=messages
        )
        assert [block.text for block in reply.content if block.type == "text"] == ["seco"]
        assert (reply.stop_reason, reply.usage.input_tokens) == ("max_tokens", 5 + 2 + 1 + 2)


async def test_anthropics_client_pages_through_the_list() -> None:
    fleet = oak(*MANY, dialect="anthropic")
    names = [model.name for model in MANY]
    async with simulate(fleet) as server, claude(server) as client:
        page = await client.models.list()
        assert [model.id for model in page.data] == names[:20]
        assert (page.has_more, page.first_id, page.last_id) == (True, "m0", "m19")
        assert [model.id async for model in client.models.list()] == names
        assert [model.id async for model in client.models.list(limit=7)] == names
        back = await client.models.list(limit=3, before_id="m5")
        assert ([model.id for model in back.data], back.has_more) == (["m2", "m3", "m4"], True)
        with pytest.raises(anthropic.BadRequestError, match="limit"):
            await client.models.list(limit=1001)
        with pytest.raises(anthropic.BadRequestError, match="no model 'zz'"):
            await client.models.list(after_id="zz")


async def test_anthropics_client_reads_the_facts_of_a_model() -> None:
    facts = Facts(
        title="A One", max_output=64_000, capabilities=("reasoning", "json"), inputs=("text", "image")
    )
    model = VirtualModel("a", context=200_000, facts=facts)
    async with simulate(oak(model, dialect="anthropic")) as server, claude(server) as client:
        read = await client.models.retrieve("a")
        assert (read.display_name, read.max_input_tokens, read.max_tokens) == ("A One", 200_000, 64_000)
        assert read.created_at.year == 2023
        assert read.capabilities is not None
        assert read.capabilities.thinking.supported
        assert read.capabilities.image_input.supported
        assert not read.capabilities.pdf_input.supported
        with pytest.raises(anthropic.NotFoundError, match="model: b"):
            await client.models.retrieve("b")


@pytest.mark.parametrize(
    ("name", "kind", "error"),
    [
        ("bad-request", anthropic.BadRequestError, "invalid_request_error"),
        ("context-exceeded", anthropic.BadRequestError, "invalid_request_error"),
        ("unauthorised", anthropic.AuthenticationError, "authentication_error"),
        ("payment-required", anthropic.APIStatusError, "billing_error"),
        ("forbidden", anthropic.PermissionDeniedError, "permission_error"),
        ("unknown-model", anthropic.NotFoundError, "not_found_error"),
        ("request-too-large", anthropic.APIStatusError, "request_too_large"),
        ("unprocessable", anthropic.UnprocessableEntityError, "invalid_request_error"),
        ("rate-limited", anthropic.RateLimitError, "rate_limit_error"),
        ("token-rate-limited", anthropic.RateLimitError, "rate_limit_error"),
        ("too-many-at-once", anthropic.RateLimitError, "rate_limit_error"),
        ("too-sudden", anthropic.RateLimitError, "rate_limit_error"),
        ("daily-quota", anthropic.RateLimitError, "rate_limit_error"),
        ("insufficient-quota", anthropic.BadRequestError, "invalid_request_error"),
        ("too-large-for-limit", anthropic.RateLimitError, "rate_limit_error"),
        ("server-error", anthropic.InternalServerError, "api_error"),
        ("bad-gateway", anthropic.InternalServerError, "api_error"),
        ("unavailable", anthropic.InternalServerError, "api_error"),
        ("overloaded", anthropic.InternalServerError, "overloaded_error"),
        ("anthropic-timeout", anthropic.InternalServerError, "timeout_error"),
        ("anthropic-overloaded-mid-stream", anthropic.APIStatusError, "overloaded_error"),
        ("anthropic-rate-limit-mid-stream", anthropic.APIStatusError, "rate_limit_error"),
    ],
)
async def test_refusals_are_the_errors_of_anthropics_client(
    name: str, kind: type[anthropic.APIStatusError], error: str
) -> None:
    async with simulate(spoilt(name, dialect="anthropic")) as server, claude(server) as client:
        with pytest.raises(kind) as caught:
            async with client.messages.stream(model=name, max_tokens=9, messages=user(TEXT)) as stream:
                await stream.until_done()
        assert isinstance(caught.value.body, dict)
        assert caught.value.body["type"] == "error"
        assert caught.value.body["error"]["type"] == error
        assert caught.value.request_id


async def test_anthropics_limits_are_told_in_its_headers() -> None:
    limits = Limits(requests=(Window(2, 60.0),), tokens=(Window(100, 60.0),))
    fleet = oak(A, dialect="anthropic", limits=limits)
    async with simulate(fleet) as server, claude(server) as client:
        ask = client.messages.with_raw_response.create
        reply = await ask(model="a", max_tokens=50, messages=user("Twelve chars"))
        told = {name: text for name, text in reply.headers.items() if name.startswith("anthropic-")}
        assert told.pop("anthropic-ratelimit-requests-reset").endswith("Z")
        assert told.pop("anthropic-ratelimit-tokens-reset").endswith("Z")
        assert told == {
            "anthropic-ratelimit-requests-limit": "2",
            "anthropic-ratelimit-requests-remaining": "1",
            "anthropic-ratelimit-tokens-limit": "100",
            "anthropic-ratelimit-tokens-remaining": "94",
        }
        await ask(model="a", max_tokens=50, messages=user("x"))
        with pytest.raises(anthropic.RateLimitError, match="2 requests per minute") as refused:
            await ask(model="a", max_tokens=50, messages=user("x"))
        assert 50 < int(refused.value.response.headers["retry-after"]) <= 60
        assert server.stats().total.violations == {"requests": 1}


async def test_what_anthropic_declines() -> None:
    fleet = oak(VirtualModel("a", context=8), dialect="anthropic", key="sk-right")
    async with simulate(fleet) as server, claude(server, key="sk-right") as client:
        with pytest.raises(anthropic.BadRequestError, match="prompt is too long: 9 tokens > 8 maximum"):
            await client.messages.create(model="a", max_tokens=9, messages=user("x" * 33))
        with pytest.raises(anthropic.BadRequestError, match="at least one message"):
            await client.messages.create(model="a", max_tokens=9, messages=[])
        wrong: list[Any] = [{"role": "system", "content": "x"}]
        with pytest.raises(anthropic.BadRequestError, match='role "system"'):
            await client.messages.create(model="a", max_tokens=9, messages=wrong)
        with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
            await client.messages.create(model="a", max_tokens=0, messages=user("x"))
        async with claude(server, key="sk-wrong") as stranger:
            with pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"):
                await stranger.messages.create(model="a", max_tokens=9, messages=user("x"))
            with pytest.raises(anthropic.AuthenticationError):
                await stranger.models.list()
        assert server.stats().total.rejected == {"context": 1, "invalid": 3, "unauthorised": 1}
        async with aiohttp.ClientSession(headers={"x-api-key": "sk-right"}) as session:
            body = {"model": "a", "max_tokens": 9, "messages": user("x")}
            async with session.post(server.base_url("oak") + "/messages", json=body) as reply:
                assert (reply.status, "anthropic-version" in await reply.text()) == (400, True)


# --- Gemini ----------------------------------------------------------------------------------------


async def test_a_whole_answer_for_googles_client() -> None:
    async with simulate(oak(A, dialect="gemini")) as server, google_client(server) as client:
        reply = await client.models.generate_content(model="a", contents=TEXT)
        assert reply.text == TEXT
        assert reply.candidates is not None
        assert reply.candidates[0].finish_reason == google.FinishReason.STOP
        assert reply.usage_metadata is not None
        assert reply.usage_metadata.prompt_token_count == TOKENS
        assert reply.usage_metadata.candidates_token_count == TOKENS
        assert reply.usage_metadata.total_token_count == 2 * TOKENS
        assert (reply.model_version, bool(reply.response_id)) == ("a", True)


async def test_a_streamed_answer_for_googles_client() -> None:
    async with simulate(oak(A, dialect="gemini")) as server, google_client(server) as client:
        stream = await client.models.generate_content_stream(model="a", contents=TEXT)
        events = [event async for event in stream]
        assert "".join(event.text or "" for event in events) == TEXT
        assert len(events) > 10
        reasons = [event.candidates[0].finish_reason for event in events if event.candidates]
        assert reasons == [None] * (len(events) - 1) + [google.FinishReason.STOP]
        counts = [
            event.usage_metadata.candidates_token_count or 0 for event in events if event.usage_metadata
        ]
        assert counts == sorted(counts)
        assert counts[-1] == TOKENS


async def test_without_server_sent_events_gemini_streams_an_array() -> None:
    async with simulate(oak(A, dialect="gemini")) as server, aiohttp.ClientSession() as session:
        url = server.base_url("oak") + "/models/a:streamGenerateContent?key=sk-x"
        body = {"contents": [{"parts": [{"text": TEXT}]}]}
        async with session.post(url, json=body) as reply:
            assert reply.content_type == "application/json"
            events = json.loads(await reply.read())
        parts = [event["candidates"][0]["content"]["parts"][0]["text"] for event in events]
        assert "".join(parts) == TEXT
        assert len(parts) > 10


async def test_a_conversation_with_settings_for_googles_client() -> None:
    contents: list[Any] = [
        google.Content(role="user", parts=[google.Part(text="first")]),
        google.Content(role="model", parts=[google.Part(text="yes?")]),
        google.Content(role="user", parts=[google.Part(text="sec"), google.Part(text="ond")]),
    ]
    config = google.GenerateContentConfig(system_instruction="Be brief, please.", max_output_tokens=1)
    async with simulate(oak(A, dialect="gemini")) as server, google_client(server) as client:
        reply = await client.models.generate_content(model="a", contents=contents, config=config)
        assert reply.text == "seco"
        assert reply.candidates is not None
        assert reply.candidates[0].finish_reason == google.FinishReason.MAX_TOKENS
        assert reply.usage_metadata is not None
        assert reply.usage_metadata.prompt_token_count == 5 + 2 + 1 + 2


async def test_googles_client_pages_through_the_list_and_reads_facts() -> None:
    facts = Facts(title="A One", max_output=64_000, capabilities=("reasoning",))
    models = [
        VirtualModel("a", context=2_000_000, facts=facts),
        VirtualModel("e", facts=Facts(kind="embedding")),
    ]
    fleet = oak(*models, *MANY, dialect="gemini", page_size=20)
    async with simulate(fleet) as server, google_client(server) as client:
        read = [model async for model in await client.models.list()]
        assert [model.name for model in read] == [
            f"models/{name}" for name in ("a", "e", *(m.name for m in MANY))
        ]
        small = await client.models.list(config={"page_size": 5})
        assert len(small) == 5
        assert len([model async for model in small]) == 47
        one = await client.models.get(model="a")
        assert (one.display_name, one.input_token_limit, one.output_token_limit) == (
            "A One",
            2_000_000,
            64_000,
        )
        assert one.supported_actions == ["generateContent", "countTokens"]
        assert one.thinking is True
        assert read[1].supported_actions == ["embedContent"]
        with pytest.raises(google_errors.ClientError, match="NOT_FOUND"):
            await client.models.get(model="zz")


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [
        ("bad-request", 400, "INVALID_ARGUMENT"),
        ("context-exceeded", 400, "INVALID_ARGUMENT"),
        ("unauthorised", 400, "INVALID_ARGUMENT"),
        ("payment-required", 400, "FAILED_PRECONDITION"),
        ("forbidden", 403, "PERMISSION_DENIED"),
        ("unknown-model", 404, "NOT_FOUND"),
        ("request-too-large", 400, "INVALID_ARGUMENT"),
        ("unprocessable", 400, "INVALID_ARGUMENT"),
        ("rate-limited", 429, "RESOURCE_EXHAUSTED"),
        ("token-rate-limited", 429, "RESOURCE_EXHAUSTED"),
        ("too-many-at-once", 429, "RESOURCE_EXHAUSTED"),
        ("too-sudden", 429, "RESOURCE_EXHAUSTED"),
        ("daily-quota", 429, "RESOURCE_EXHAUSTED"),
        ("insufficient-quota", 429, "RESOURCE_EXHAUSTED"),
        ("too-large-for-limit", 429, "RESOURCE_EXHAUSTED"),
        ("server-error", 500, "INTERNAL"),
        ("bad-gateway", 502, "UNAVAILABLE"),
        ("unavailable", 503, "UNAVAILABLE"),
        ("overloaded", 503, "UNAVAILABLE"),
        ("gemini-error-array", 503, "UNAVAILABLE"),
        ("gemini-error-mid-stream", 503, "UNAVAILABLE"),
        ("gemini-region", 400, "FAILED_PRECONDITION"),
    ],
)
async def test_refusals_are_the_errors_of_googles_client(name: str, code: int, status: str) -> None:
    kind = google_errors.ClientError if code < 500 else google_errors.ServerError
    async with simulate(spoilt(name, dialect="gemini")) as server, google_client(server) as client:
        with pytest.raises(kind) as caught:
            async for _ in await client.models.generate_content_stream(model=name, contents=TEXT):
                pass
        assert (caught.value.code, caught.value.status) == (code, status)


@pytest.mark.parametrize(
    ("name", "quota", "delay"),
    [
        ("rate-limited", "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "20s"),
        ("token-rate-limited", "GenerateContentInputTokensPerModelPerMinute-FreeTier", "3s"),
        ("daily-quota", "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "25932s"),
        ("gemini-daily-quota", "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "37s"),
    ],
)
async def test_gemini_names_the_quota_and_when_to_come_back(name: str, quota: str, delay: str) -> None:
    async with simulate(spoilt(name, dialect="gemini")) as server, google_client(server) as client:
        with pytest.raises(google_errors.ClientError) as caught:
            await client.models.generate_content(model=name, contents=TEXT)
        details = {
            item["@type"].rpartition(".")[2]: item for item in caught.value.details["error"]["details"]
        }
        assert [each["quotaId"] for each in details["QuotaFailure"]["violations"]] == [quota]
        assert details["RetryInfo"]["retryDelay"] == delay


async def test_gemini_takes_its_key_from_a_header_or_the_query() -> None:
    fleet = oak(A, dialect="gemini", key="sk-right")
    async with simulate(fleet) as server, aiohttp.ClientSession() as session:
        url = server.base_url("oak") + "/models"
        for query, headers, status in (
            ({}, {"x-goog-api-key": "sk-right"}, 200),
            ({"key": "sk-right"}, {}, 200),
            ({"key": "sk-wrong"}, {}, 400),
            ({}, {}, 403),
            ({}, {"authorization": "Bearer sk-right"}, 403),
        ):
            async with session.get(url, params=query, headers=headers) as reply:
                assert reply.status == status, await reply.text()
        async with session.get(url, params={"key": "sk-right", "pageToken": "%%%"}) as reply:
            assert (reply.status, "page token" in await reply.text()) == (400, True)


# --- Ollama ----------------------------------------------------------------------------------------


async def test_a_whole_answer_for_ollamas_client() -> None:
    async with simulate(oak(A, dialect="ollama")) as server, llama(server) as client:
        reply = await client.chat(model="a", messages=user(TEXT))
        assert reply.message.content == TEXT
        assert (reply.model, reply.done, reply.done_reason) == ("a", True, "stop")
        assert (reply.prompt_eval_count, reply.eval_count) == (TOKENS, TOKENS)


async def test_a_streamed_answer_for_ollamas_client() -> None:
    async with simulate(oak(A, dialect="ollama")) as server, llama(server) as client:
        lines = [line async for line in await client.chat(model="a", messages=user(TEXT), stream=True)]
        assert "".join(line.message.content or "" for line in lines) == TEXT
        assert len(lines) > 10
        assert [line.done for line in lines] == [False] * (len(lines) - 1) + [True]
        assert lines[-1].eval_count == TOKENS
        cut = await client.chat(model="a", messages=user("0123456789"), options={"num_predict": 2})
        assert (cut.message.content, cut.done_reason) == ("01234567", "length")


async def test_ollama_streams_where_nothing_is_said_of_it() -> None:
    async with simulate(oak(A, dialect="ollama")) as server, aiohttp.ClientSession() as session:
        url = server.base_url("oak") + "/api/chat"
        async with session.post(url, json={"model": "a", "messages": user(TEXT)}) as reply:
            assert reply.content_type == "application/x-ndjson"
            assert (await reply.text()).count("\n") > 10


async def test_ollama_leaves_out_in_silence_what_does_not_fit() -> None:
    fleet = oak(VirtualModel("a", context=8), dialect="ollama")
    async with simulate(fleet, speed=0) as server, llama(server) as client:
        reply = await client.chat(model="a", messages=user("x" * 100))
        assert reply.prompt_eval_count == 8
        async with aiohttp.ClientSession() as session:
            body = {"model": "a", "messages": user("x" * 100), "truncate": False}
            async with session.post(server.base_url("oak") + "/api/chat", json=body) as refused:
                assert refused.status == 400
                assert await refused.json() == {
                    "error": "prompt too long; exceeded max context length by 17 tokens"
                }


async def test_ollamas_client_reads_what_the_server_knows() -> None:
    facts = Facts(capabilities=("tools", "reasoning"), inputs=("text", "image"), parameters=7_600_000_000)
    models = (
        VirtualModel("qwen3:8b", context=40_960, facts=facts),
        VirtualModel("bge", facts=Facts(kind="embedding")),
    )
    async with simulate(oak(*models, dialect="ollama"), speed=0) as server, llama(server) as client:
        listed = (await client.list()).models
        assert [model.model for model in listed] == ["qwen3:8b", "bge"]
        assert listed[0].details is not None
        assert (listed[0].details.family, listed[0].details.parameter_size) == ("qwen3", "7.6B")
        shown = await client.show("qwen3:8b")
        assert shown.modelinfo is not None
        assert shown.modelinfo["qwen3.context_length"] == 40_960
        assert shown.capabilities == ["completion", "vision", "tools", "thinking"]
        assert (await client.show("bge")).capabilities == ["embedding"]
        assert (await client.ps()).models == []
        await client.chat(model="qwen3:8b", messages=user("x"))
        assert [model.model for model in (await client.ps()).models] == ["qwen3:8b"]
        with pytest.raises(ollama.ResponseError, match="model 'zz' not found"):
            await client.show("zz")


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("bad-request", 400, "invalid request"),
        ("context-exceeded", 400, "exceeded max context length by 809 tokens"),
        ("unauthorised", 401, "unauthorized"),
        ("payment-required", 402, "requires a subscription"),
        ("forbidden", 403, "forbidden"),
        ("unknown-model", 404, "model 'unknown-model' not found"),
        ("request-too-large", 413, "too large"),
        ("unprocessable", 422, "cannot be processed"),
        ("rate-limited", 429, "Limit 20, Used 20, Requested 1. Please try again in 20s."),
        ("token-rate-limited", 429, r"tokens per min \(TPM\)"),
        ("too-many-at-once", 429, "Too many concurrent requests"),
        ("too-sudden", 429, "increased too quickly"),
        ("daily-quota", 429, r"requests per day \(RPD\)"),
        ("insufficient-quota", 402, "balance is spent"),
        ("too-large-for-limit", 429, "Limit 10000, Requested 12000"),
        ("server-error", 500, "terminated"),
        ("bad-gateway", 502, "unreachable"),
        ("unavailable", 503, "maximum pending requests exceeded"),
        ("overloaded", 503, "maximum pending requests exceeded"),
        ("ollama-signin", 401, "unauthorized"),
        ("ollama-error-line", -1, "terminated"),
        ("ollama-error-mid-stream", -1, "unexpected EOF"),
    ],
)
async def test_refusals_are_the_errors_of_ollamas_client(name: str, status: int, text: str) -> None:
    async with simulate(spoilt(name, dialect="ollama")) as server, llama(server) as client:
        with pytest.raises(ollama.ResponseError, match=text) as caught:
            async for _ in await client.chat(model=name, messages=user(TEXT), stream=True):
                pass
        assert caught.value.status_code == status


# --- OpenAI's Responses ----------------------------------------------------------------------------


async def test_a_whole_response_for_openais_client() -> None:
    async with simulate(oak(A, dialect="responses")) as server, sdk(server) as client:
        reply = await client.responses.create(model="a", input=TEXT)
        assert (reply.output_text, reply.status, reply.model) == (TEXT, "completed", "a")
        assert reply.usage is not None
        assert (reply.usage.input_tokens, reply.usage.output_tokens) == (TOKENS, TOKENS)
        cut = await client.responses.create(model="a", input="0123456789", max_output_tokens=2)
        assert (cut.output_text, cut.status) == ("01234567", "incomplete")
        assert cut.incomplete_details is not None
        assert cut.incomplete_details.reason == "max_output_tokens"


async def test_a_streamed_response_for_openais_client() -> None:
    async with simulate(oak(A, dialect="responses")) as server, sdk(server) as client:
        async with client.responses.stream(model="a", input=TEXT) as stream:
            events = [event async for event in stream]
            final = await stream.get_final_response()
        assert final.output_text == TEXT
        said = [event.delta for event in events if event.type == "response.output_text.delta"]
        assert "".join(said) == TEXT
        assert len(said) > 10
        assert [event.sequence_number for event in events] == list(range(len(events)))
        kinds = list(dict.fromkeys(event.type for event in events))
        assert kinds == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]


async def test_a_conversation_in_responses() -> None:
    items: list[Any] = [
        {"role": "user", "content": "first"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "yes?"}]},
        {"role": "user", "content": [{"type": "input_text", "text": "second"}]},
    ]
    async with simulate(oak(A, dialect="responses")) as server, sdk(server) as client:
        reply = await client.responses.create(model="a", input=items, instructions="Be brief, please.")
        assert reply.output_text == "second"
        assert reply.usage is not None
        assert reply.usage.input_tokens == 5 + 2 + 1 + 2
        assert [model.id async for model in client.models.list()] == ["a"]
        assert (await client.chat.completions.create(model="a", messages=user("x"))).choices


async def test_odd_responses_for_openais_client() -> None:
    names = ["responses-reasoning", "responses-reasoning-summary", "responses-refusal", "responses-failed"]
    async with simulate(spoilt(*names, dialect="responses")) as server, sdk(server) as client:
        for name in names[:2]:
            reply = await client.responses.create(model=name, input=TEXT)
            assert [output.type for output in reply.output] == ["reasoning", "message"]
            assert reply.output_text == TEXT
        declined = await client.responses.create(model=names[2], input=TEXT)
        assert declined.output[0].type == "message"
        assert declined.output[0].content[0].type == "refusal"
        failed = await client.responses.create(model=names[3], input=TEXT)
        assert failed.error is not None
        assert (failed.status, failed.error.code) == ("failed", "server_error")


async def test_an_error_in_a_response_is_an_event_for_openais_client_or_an_exception() -> None:
    fleet = spoilt("responses-error-event", "responses-error-within", dialect="responses")
    async with simulate(fleet) as server, sdk(server) as client:
        flat = await client.responses.create(model="responses-error-event", input=TEXT, stream=True)
        (*_, last) = [event async for event in flat]
        assert last.type == "error"
        assert (last.code, "had an error" in last.message) == ("server_error", True)
        within = await client.responses.create(model="responses-error-within", input=TEXT, stream=True)
        with pytest.raises(openai.APIError, match="had an error"):
            async for _ in within:
                pass


async def test_refusals_in_responses_are_openais() -> None:
    fleet = spoilt("rate-limited", "unknown-model", "overloaded", dialect="responses")
    async with simulate(fleet) as server, sdk(server) as client:
        with pytest.raises(openai.RateLimitError) as caught:
            await client.responses.create(model="rate-limited", input="x")
        assert caught.value.code == "rate_limit_exceeded"
        assert caught.value.response.headers["retry-after"] == "20"
        with pytest.raises(openai.NotFoundError):
            await client.responses.create(model="unknown-model", input="x")
        with pytest.raises(openai.InternalServerError):
            await client.responses.create(model="overloaded", input="x")
        with pytest.raises(openai.BadRequestError, match="empty array"):
            await client.responses.create(model="unknown-model", input=[])


# --- vendors' lists --------------------------------------------------------------------------------

PRICED = VirtualModel(
    "acme/one",
    context=131_072,
    facts=Facts(
        title="One",
        max_output=8_192,
        prices=Prices(prompt=Decimal("0.15"), completion=Decimal("0.6"), cached=Decimal("0.075")),
        inputs=("text", "image"),
        capabilities=("tools", "reasoning"),
        weights="acme/One-8B",
        expires="2027-01-31",
    ),
)
ROUTER = VirtualModel(
    "acme/auto", facts=Facts(prices=Prices(prompt=Decimal(0), completion=Decimal(0), variable=True))
)
ALIAS = VirtualModel("~acme/latest", facts=Facts(alias_of="acme/one"))


async def listed(fleet: Fleet, **query: str) -> Any:
    async with simulate(fleet) as server, aiohttp.ClientSession() as session:
        spelling = fleet.providers[0].spelling
        async with session.get(server.base_url("oak") + spelling.lists, params=query) as reply:
            assert reply.status == 200
            return await reply.json()


async def test_openrouter_lists_prices_as_texts_by_the_token() -> None:
    body = await listed(oak(PRICED, ROUTER, ALIAS, dialect="openrouter"))
    one, router, alias = body["data"]
    assert one["pricing"]["prompt"] == "0.00000015"
    assert one["pricing"]["completion"] == "0.0000006"
    assert one["pricing"]["input_cache_read"] == "0.000000075"
    assert one["architecture"]["modality"] == "text+image->text"
    assert one["top_provider"]["max_completion_tokens"] == 8_192
    assert one["context_length"] == 131_072
    assert {"tools", "reasoning", "temperature"} <= set(one["supported_parameters"])
    assert (one["expiration_date"], one["hugging_face_id"]) == ("2027-01-31", "acme/One-8B")
    assert one["reasoning"]["default_effort"] == "medium"
    assert router["pricing"] == {"prompt": "-1", "completion": "-1"}
    assert alias["alias_target"]["slug"] == "acme/one"
    assert (body["total_count"], body["links"]) == (3, {"next": None})


async def test_openrouter_pages_by_offset_and_links_to_the_next_page() -> None:
    fleet = oak(*MANY, dialect="openrouter", page_size=20)
    async with simulate(fleet) as server, aiohttp.ClientSession(server.url) as session:
        url: str | None = "/oak/api/v1/models"
        pages = list[list[str]]()
        while url is not None:
            async with session.get(url) as reply:
                body = await reply.json()
            pages.append([item["id"] for item in body["data"]])
            assert body["total_count"] == 45
            url = body["links"]["next"]
        assert [name for page in pages for name in page] == [model.name for model in MANY]
        assert list(map(len, pages)) == [20, 20, 5]
        async with session.get("/oak/api/v1/models?limit=many") as reply:
            assert reply.status == 400


@pytest.mark.parametrize(
    ("name", "kind", "error"),
    [
        ("context-exceeded", openai.BadRequestError, "context_length_exceeded"),
        ("unauthorised", openai.AuthenticationError, "authentication"),
        ("payment-required", openai.APIStatusError, "payment_required"),
        ("forbidden", openai.PermissionDeniedError, "permission_denied"),
        ("unknown-model", openai.NotFoundError, "not_found"),
        ("rate-limited", openai.RateLimitError, "rate_limit_exceeded"),
        ("daily-quota", openai.RateLimitError, "rate_limit_exceeded"),
        ("insufficient-quota", openai.APIStatusError, "payment_required"),
        ("bad-gateway", openai.InternalServerError, "provider_unavailable"),
        ("overloaded", openai.InternalServerError, "provider_overloaded"),
    ],
)
async def test_openrouter_refuses_with_a_kind_of_its_own(
    name: str, kind: type[openai.APIStatusError], error: str
) -> None:
    async with simulate(spoilt(name, dialect="openrouter")) as server, sdk(server) as client:
        with pytest.raises(kind) as caught:
            await client.chat.completions.create(model=name, messages=user(TEXT))
        assert isinstance(caught.value.body, dict)
        assert caught.value.body["code"] == caught.value.status_code
        assert caught.value.body["metadata"]["error_type"] == error


async def test_other_vendors_list_in_their_own_ways() -> None:
    together = await listed(oak(PRICED, ROUTER, dialect="together"))
    assert together[0]["pricing"] == {
        "hourly": 0,
        "input": 0.15,
        "output": 0.6,
        "cached_input": 0.075,
        "base": 0,
        "finetune": 0,
    }
    assert (together[0]["type"], together[0]["context_length"]) == ("chat", 131_072)
    assert "pricing" not in together[1]
    groq = (await listed(oak(PRICED, dialect="groq")))["data"][0]
    assert (groq["active"], groq["context_window"], groq["max_completion_tokens"]) == (True, 131_072, 8_192)
    mistral = (await listed(oak(PRICED, dialect="mistral")))["data"][0]
    assert (mistral["max_context_length"], mistral["capabilities"]["vision"]) == (131_072, True)
    assert mistral["deprecation"] == "2027-01-31T12:00:00Z"
    vllm = (await listed(oak(PRICED, dialect="vllm")))["data"][0]
    assert (vllm["max_model_len"], vllm["root"]) == (131_072, "acme/One-8B")


@pytest.mark.parametrize("dialect", [name for name in SPELLINGS if SPELLINGS[name].dialect == "openai"])
async def test_openais_client_talks_to_every_variant_of_its_dialect(dialect: str) -> None:
    fleet = oak(VirtualModel("acme:one", latency=SWIFT), dialect=dialect)
    async with simulate(fleet) as server, sdk(server) as client:
        reply = await client.chat.completions.create(model="acme:one", messages=user(TEXT))
        assert reply.choices[0].message.content == TEXT
        if dialect != "together":  # its bare array is no list to this client
            assert [model.id async for model in client.models.list()] == ["acme:one"]


# --- Cherry Studio ---------------------------------------------------------------------------------


async def test_cherrys_cloud_lists_and_answers_whole() -> None:
    model = VirtualModel("acme/one:8b", latency=SWIFT, facts=PRICED.facts)
    fleet = oak(model, dialect="cherry", key="sk-right")
    async with simulate(fleet) as server, aiohttp.ClientSession() as session:
        base, headers = server.base_url("oak"), {"Authorization": "Bearer sk-right"}
        async with session.get(f"{base}/models", headers=headers) as reply:
            (item,) = (await reply.json())["models"]
            assert set(item) == {"id", "name", "provider", "endpoint", "cost"}
            assert (item["id"], item["name"], item["cost"]) == ("acme/one:8b", "One", 0.15)
        body = {"messages": user("0123456789"), "temperature": 0.5, "max_tokens": 2}
        for spelled in ("acme%2Fone%3A8b", "acme/one:8b"):
            async with session.post(f"{base}/models/{spelled}/chat", json=body, headers=headers) as reply:
                assert await reply.json() == {"text": "01234567", "usage": {"total_tokens": 5}}
        async with session.post(f"{base}/models/zz/chat", json=body, headers=headers) as reply:
            assert reply.status == 404
        async with session.post(f"{base}/models/zz/chat", json=body) as reply:
            assert reply.status == 401
        bad: list[dict[str, Any]] = [{"messages": []}, {"messages": user("x"), "max_tokens": 0}]
        for wrong in bad:
            async with session.post(f"{base}/models/zz/chat", json=wrong, headers=headers) as reply:
                assert reply.status == 400


async def test_the_first_line_of_cherrys_program_has_words_and_pages_of_its_own() -> None:
    fleet = oak(
        VirtualModel("ollama:qwen3:8b"), VirtualModel("my-openai:one"), dialect="cherry-v1", key="cs-sk-1"
    )
    async with simulate(fleet, speed=0) as server, aiohttp.ClientSession() as session:
        base = server.base_url("oak")
        for headers, status, error in (
            ({}, 401, "Unauthorized"),
            ({"Authorization": "Bearer no"}, 403, "Forbidden"),
        ):
            async with session.get(f"{base}/models", headers=headers) as reply:
                assert (reply.status, await reply.json()) == (status, {"error": error})
        async with session.get(server.url + "/oak/health") as reply:
            assert reply.status == 200
        key = {"Authorization": "Bearer cs-sk-1"}
        async with session.get(f"{base}/models?offset=0&limit=1", headers=key) as reply:
            (item,) = (await reply.json())["data"]
            assert (item["provider"], item["provider_model_id"]) == ("ollama", "qwen3:8b")
            assert {"provider_name", "provider_type", "name", "object", "created", "owned_by"} <= set(item)
        async with session.get(f"{base}/models?offset=1", headers=key) as reply:
            assert [item["id"] for item in (await reply.json())["data"]] == ["my-openai:one"]
        for name, code in (("qwen3", "invalid_model_format"), ("ollama:none", "model_not_available")):
            body = {"model": name, "messages": user("x")}
            async with session.post(f"{base}/chat/completions", json=body, headers=key) as reply:
                assert (reply.status, (await reply.json())["error"]["code"]) == (400, code)


async def test_the_second_line_of_cherrys_program_lends_three_dialects() -> None:
    fleet = oak(VirtualModel("my-openai:one", latency=SWIFT), dialect="cherry-v2", key="cs-sk-1")
    async with simulate(fleet) as server:
        async with claude(server, key="cs-sk-1") as client:
            message = await client.messages.create(model="my-openai:one", max_tokens=99, messages=user("x"))
            assert message.content[0].type == "text"
            with pytest.raises(anthropic.BadRequestError, match="Invalid model format"):
                await client.messages.create(model="one", max_tokens=99, messages=user("x"))
        async with sdk(server, key="cs-sk-1") as client_of_openai:
            response = await client_of_openai.responses.create(model="my-openai:one", input="x")
            assert response.output_text == "x"
        async with aiohttp.ClientSession() as session:
            url = f"{server.url}/oak/v1beta/models/my-openai:one:generateContent?key=cs-sk-1"
            async with session.post(url, json={"contents": [{"parts": [{"text": "x"}]}]}) as reply:
                body = await reply.json()
            assert body["candidates"][0]["content"]["parts"] == [{"text": "x"}]


# --- every dialect ---------------------------------------------------------------------------------


async def test_lists_go_wrong_too() -> None:
    for name, status in (("html-502", 502), ("unauthorised", 401), ("empty-body", 200)):
        fleet = oak(A, dialect="anthropic", list_fault=find_fault(name))
        async with simulate(fleet) as server, aiohttp.ClientSession() as session:
            headers = {"anthropic-version": "2023-06-01"}
            async with session.get(server.base_url("oak") + "/models", headers=headers) as reply:
                assert (reply.status, b"display_name" in await reply.read()) == (status, False)
    async with simulate(oak(A, list_fault=find_fault("reset-mid-stream"))) as server:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                async with session.get(server.base_url("oak") + "/models") as reply:
                    await reply.read()
        await idle(server)


@pytest.mark.parametrize("dialect", SPELLINGS)
async def test_an_address_that_is_not_there_is_refused_in_every_dialect(dialect: str) -> None:
    fleet = oak(VirtualModel("acme:one"), dialect=dialect)
    async with simulate(fleet) as server, aiohttp.ClientSession() as session:
        for path in ("/nowhere", "/models/acme:one/nowhere/else", "/"):
            async with session.post(server.base_url("oak") + path, json={}) as reply:
                assert reply.status == 404
        async with session.get(server.url + "/oak/elsewhere") as reply:
            assert reply.status == 404
        assert server.stats().total.requests == 0
