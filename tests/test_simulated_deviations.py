"""The faults of the simulator in every dialect but OpenAI's, which has tests of its own.

Odd answers are read by the clients of their vendors where those can read them; else by what is on the wire.
"""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from panvox.errors import UsageError
from panvox.simulator import (
    FAULTS,
    SPELLINGS,
    Simulator,
    VirtualModel,
    faulty,
    invented,
    simulate,
    some_faulty,
)
from tests.fleets import SUM, SWIFT, idle, oak, spoilt, user

HEADERS = {"anthropic-version": "2023-06-01"}
STREAM_TYPES = {
    "openai": "text/event-stream",
    "responses": "text/event-stream",
    "anthropic": "text/event-stream",
    "gemini": "text/event-stream",
    "ollama": "application/x-ndjson",
    "cherry": "application/json",
}


def call(dialect: str, model: str, *, stream: bool = True, text: str = SUM) -> tuple[str, dict[str, Any]]:
    """Where to ask, and what."""
    match dialect:
        case "openai":
            return "/chat/completions", {"model": model, "stream": stream, "messages": user(text)}
        case "responses":
            return "/responses", {"model": model, "stream": stream, "input": text}
        case "anthropic":
            return "/messages", {"model": model, "stream": stream, "max_tokens": 99, "messages": user(text)}
        case "gemini":
            deed = "streamGenerateContent?alt=sse" if stream else "generateContent"
            return f"/models/{model}:{deed}", {"contents": [{"parts": [{"text": text}]}]}
        case "ollama":
            return "/api/chat", {"model": model, "stream": stream, "messages": user(text)}
        case _:
            return f"/models/{model}/chat", {"messages": user(text)}


@asynccontextmanager
async def asked(
    dialect: str, name: str, *, stream: bool = True
) -> AsyncIterator[tuple[Simulator, aiohttp.ClientResponse]]:
    path, body = call(dialect, name, stream=stream)
    async with (
        simulate(spoilt(name, dialect=dialect)) as server,
        aiohttp.ClientSession(auto_decompress=False, headers=HEADERS) as session,
        session.post(server.base_url("oak") + path, json=body, allow_redirects=False) as reply,
    ):
        yield server, reply


# --- below and beside the dialects -----------------------------------------------------------------


@pytest.mark.parametrize("dialect", STREAM_TYPES)
async def test_a_stream_without_a_body_has_the_content_type_of_its_dialect(dialect: str) -> None:
    async with asked(dialect, "empty-body") as (_, reply):
        assert (reply.status, reply.content_type) == (200, STREAM_TYPES[dialect])
        assert await reply.read() == b""


@pytest.mark.parametrize("dialect", STREAM_TYPES)
async def test_the_bomb_is_an_answer_that_begins_as_the_dialect_says(dialect: str) -> None:
    async with asked(dialect, "gzip-bomb") as (_, reply):
        data = await reply.read()
        assert (reply.status, reply.content_type, len(data) < 2**20) == (200, STREAM_TYPES[dialect], True)
    unpacked = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data, 10_000)
    assert re.search(rb'"(text|content|delta)":"aaaaaaaa', unpacked)
    assert len(unpacked) == 10_000


@pytest.mark.parametrize("dialect", STREAM_TYPES)
@pytest.mark.parametrize("name", ["reset-mid-stream", "close-mid-stream"])
async def test_a_connection_breaks_in_every_dialect(dialect: str, name: str) -> None:
    async with asked(dialect, name) as (_, reply):
        assert reply.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await reply.read()


@pytest.mark.parametrize("dialect", STREAM_TYPES)
async def test_half_an_answer_ends_properly_in_every_dialect(dialect: str) -> None:
    ends = rb"message_stop|finishReason|\"done\":true|response\.completed|\[DONE\]|total_tokens"
    async with asked(dialect, "end-without-finish") as (_, reply):
        data = await reply.read()
    assert data
    assert not re.search(ends, data)


@pytest.mark.parametrize("dialect", STREAM_TYPES)
async def test_silence_lasts_until_the_client_leaves_in_every_dialect(dialect: str) -> None:
    async with asked(dialect, "hang-mid-stream") as (server, reply):
        assert await reply.content.readany()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await reply.content.read()
        reply.close()
        await idle(server)
        assert server.stats().total.disconnects == 1


@pytest.mark.parametrize("dialect", STREAM_TYPES)
async def test_an_error_of_five_megabytes_is_spelled_in_every_dialect(dialect: str) -> None:
    async with asked(dialect, "large-error") as (_, reply):
        data = await reply.read()
        assert (reply.status, len(data) > 5_000_000) == (500, True)
        assert "error" in json.loads(data)


# --- deviations ------------------------------------------------------------------------------------

REPLIES = {  # status, and what the body holds, of deviations that reply at once
    "anthropic-timeout": (504, rb'"type":"timeout_error"'),
    "anthropic-no-access": (429, rb"rate limit .* of 0 input tokens"),
    "gemini-error-array": (503, rb'^\[\{"error":\{"code":503,.*\]$'),
    "gemini-daily-quota": (429, rb'PerDay.*"retryDelay":"37s"'),
    "gemini-region": (400, rb"User location is not supported.*FAILED_PRECONDITION"),
    "ollama-signin": (401, rb'"signin_url":'),
}
STREAMS = {  # what the stream holds, and what it lacks
    "responses-failed": (rb'"delta":.*event: response\.failed\n.*"code":"server_error"', rb"completed\n"),
    "responses-rate-limit": (rb'response\.failed\n.*"code":"rate_limit_exceeded"', rb'"delta"'),
    "responses-error-event": (rb'"delta":.*event: error\n.*"message":', rb"response\.output_text\.done"),
    "responses-error-within": (rb'"delta":.*event: error\n.*"error":\{', rb"response\.output_text\.done"),
    "responses-filtered": (rb'response\.incomplete\n.*"reason":"content_filter"', rb'completed\n|"delta"'),
    "responses-refusal": (rb'response\.refusal\.delta\n.*"refusal":"I\'m sorry', rb"output_text"),
    "responses-only-reasoning": (rb"reasoning_summary_text\.delta\n.*response\.completed\n", rb"output_text"),
    "responses-reasoning-spent": (rb"response\.reasoning_text\.delta\n.*max_output_tokens", rb"output_text"),
    "responses-empty": (rb'response\.completed\n.*"output":\[\]', rb'"delta"'),
    "responses-no-end": (rb"response\.output_item\.done\n", rb"response\.completed\n"),
    "anthropic-overloaded-mid-stream": (
        rb'text_delta.*event: error\ndata: \{"type":"error","error":\{"type":"overloaded_error"',
        rb"content_block_stop|message_stop",
    ),
    "anthropic-error-mid-stream": (rb"text_delta.*event: error\n.*api_error", rb"message_stop"),
    "anthropic-rate-limit-mid-stream": (rb"text_delta.*event: error\n.*rate_limit_error", rb"message_stop"),
    "anthropic-refusal": (rb'"stop_reason":"refusal".*"stop_details".*message_stop', rb"content_block"),
    "anthropic-refusal-mid-stream": (rb'text_delta.*"stop_reason":"refusal".*message_stop', rb"end_turn"),
    "anthropic-only-thinking": (rb"thinking_delta.*signature_delta.*end_turn", rb"text_delta"),
    "anthropic-thinking-spent": (rb'thinking_delta.*"stop_reason":"max_tokens"', rb"text_delta"),
    "anthropic-no-content": (rb'"stop_reason":"end_turn".*message_stop', rb"content_block"),
    "anthropic-no-stop": (rb"text_delta.*content_block_stop", rb"message_delta|message_stop"),
    "gemini-blocked-prompt": (rb'"promptFeedback":\{"blockReason":"SAFETY"', rb"candidates\""),
    "gemini-safety": (rb'"content":\{\},"finishReason":"SAFETY"', rb'"text"'),
    "gemini-prohibited": (rb'"finishReason":"PROHIBITED_CONTENT"', rb'"text"'),
    "gemini-recitation": (rb'"finishReason":"RECITATION"', rb'"text"'),
    "gemini-empty-content": (rb'"content":\{\},"finishReason":"STOP"', rb'"text"'),
    "gemini-only-thoughts": (rb'"thought":true.*"finishReason":"STOP".*"thoughtsTokenCount":40', rb"17 \*"),
    "gemini-thoughts-spent": (rb'"content":\{\},"finishReason":"MAX_TOKENS".*thoughtsToken', rb'"text"'),
    "gemini-error-mid-stream": (rb'"text":.*data: \{"error":\{"code":503', rb"finishReason"),
    "gemini-no-finish": (rb'"text":', rb"finishReason"),
    "ollama-error-line": (rb'^\{"error":"[^"]+"\}\n$', rb"message"),
    "ollama-error-mid-stream": (rb'"content":"W.*\n\{"error":"[^"]+"\}\n$', rb'"done":true'),
    "ollama-broken-line": (rb'"content":"and th\n$', rb'"done":true'),
    "ollama-no-done": (rb'"content":"W', rb'"done":true'),
    "ollama-empty": (rb'"content":"".*"done_reason":"stop"', rb'"content":"W'),
    "ollama-load": (rb'"content":"".*"done_reason":"load"', rb'"content":"W'),
    "ollama-only-thinking": (rb'"thinking":"The question.*"done_reason":"stop"', rb'"content":"W'),
    "ollama-length-without-text": (rb'"thinking":"The question.*"done_reason":"length"', rb'"content":"W'),
    "cherry-error-in-200": (rb'^\{"error":\{"message"', rb"text"),
    "cherry-empty": (rb'"text":""', rb"content"),
}
ANSWERS = {  # what is odd in those that answer all the same
    "responses-incomplete": rb'"reason":"max_output_tokens"',
    "responses-filtered-late": rb'"reason":"content_filter"',
    "responses-reasoning": rb"response\.reasoning_text\.delta\n",
    "responses-reasoning-summary": rb"response\.reasoning_summary_text\.delta\n",
    "responses-unknown-event": rb"event: response\.sparkle\.delta\n.*event: keepalive\n",
    "anthropic-pings": rb'event: ping\ndata: \{"type":"ping"\}\n\n',
    "anthropic-thinking": rb'"index":0,"content_block":\{"type":"thinking".*"index":1,"content_block"',
    "anthropic-redacted-thinking": rb'"type":"redacted_thinking","data":',
    "anthropic-unknown-delta": rb'"delta":\{"type":"sparkle_delta"',
    "anthropic-unknown-event": rb"event: message_sparkle\n",
    "anthropic-unknown-block": rb'"content_block":\{"type":"sparkle"\}',
    "anthropic-stop-sequence": rb'"stop_reason":"stop_sequence","stop_sequence":"',
    "anthropic-window-exceeded": rb'"stop_reason":"model_context_window_exceeded"',
    "anthropic-no-block-ends": rb"text_delta",
    "gemini-thoughts": rb'"thought":true.*"thoughtsTokenCount":40',
    "gemini-array": rb'^\[\{"candidates".*\},\r\n\{"candidates".*\]$',
    "gemini-end-apart": rb'"parts":\[\{"text":""\}\],"role":"model"\},"finishReason":"STOP"',
    "gemini-safety-late": rb'"content":\{\},"finishReason":"SAFETY"',
    "gemini-usage-apart": rb'^data: \{"usageMetadata"',
    "gemini-other-parts": rb'"parts":\[\{"sparkle":',
    "ollama-thinking": rb'"thinking":"The question',
    "ollama-no-prompt-count": rb'"done":true,"total_duration":\d+,"load_duration":\d+,"prompt_eval_duration"',
    "ollama-blank-lines": rb"^\n\{.*\}\n\n\{",
    "ollama-at-once": rb'^\{[^\n]*"done":true[^\n]*\}$',
    "cherry-content": rb'^\{"content":',
    "cherry-no-usage": rb'^\{"text":"[^}]*\}$',
    "cherry-null-text": rb'^\{"text":null,"content":',
}


def test_every_deviation_has_a_test_and_the_name_of_its_dialect() -> None:
    known = {name: fault for name, fault in FAULTS.items() if fault.dialect not in {None, "openai"}}
    assert set(known) == {*REPLIES, *STREAMS, *ANSWERS}
    assert all(name.startswith(f"{fault.dialect}-") for name, fault in known.items())
    assert all((fault.expects is None) == (name in ANSWERS) for name, fault in known.items())


def dialect_of(name: str) -> str:
    return name.partition("-")[0]


@pytest.mark.parametrize("name", REPLIES)
async def test_deviations_that_reply_at_once(name: str) -> None:
    status, held = REPLIES[name]
    async with asked(dialect_of(name), name) as (server, reply):
        assert (reply.status, reply.content_type) == (status, "application/json")
        assert re.search(held, await reply.read(), re.DOTALL)
        assert server.stats().total.faults == {name: 1}


@pytest.mark.parametrize("name", STREAMS)
async def test_deviations_of_a_stream(name: str) -> None:
    held, lacked = STREAMS[name]
    async with asked(dialect_of(name), name) as (server, reply):
        data = await reply.read()
        assert (reply.status, reply.content_type) == (200, STREAM_TYPES[dialect_of(name)])
        assert re.search(held, data, re.DOTALL), data
        assert not re.search(lacked, data), data
        assert server.stats().total.faults == {name: 1}


@pytest.mark.parametrize("name", ANSWERS)
async def test_odd_streams_hold_the_answer(name: str) -> None:
    async with asked(dialect_of(name), name) as (_, reply):
        data = await reply.read()
        assert reply.status == 200
    assert re.search(ANSWERS[name], data, re.DOTALL), data
    pieces = re.findall(rb'"text":"([^"]*)"(?!,"thought")|"content":"([^"]*)"|"delta":"([^"]*)"', data)
    assert SUM in "".join(piece.decode() for groups in pieces for piece in groups)


@pytest.mark.parametrize("name", [*STREAMS, *ANSWERS])
async def test_deviations_have_a_like_when_the_reply_is_whole(name: str) -> None:
    async with asked(dialect_of(name), name, stream=False) as (_, reply):
        data = await reply.read()
        assert (reply.status, reply.content_type) == (200, "application/json")
        if name == "ollama-broken-line":
            assert data.endswith(b'"content":"and th')
        elif FAULTS[name].expects is None:
            assert SUM.encode() in data
            json.loads(data)
        else:
            assert json.loads(data)


# --- where faults go -------------------------------------------------------------------------------


def test_faults_of_a_dialect_go_to_models_that_speak_it() -> None:
    fleet = some_faulty(invented(providers=13, models=100, dialects=tuple(SPELLINGS)), 1)
    placed = {
        (provider.spelling.voice.name, model.fault.name)
        for provider in fleet.providers
        for model in provider.models
        if model.fault is not None
    }
    assert all(FAULTS[fault].fits(voice) for voice, fault in placed)
    assert {fault for _, fault in placed} == set(FAULTS)


def test_a_fault_of_another_dialect_matches_no_model() -> None:
    fleet = invented(providers=2, models=2, dialects=("openai", "gemini"))
    spoiled = faulty(fleet, ["gemini-safety:*"])
    assert [model.fault is None for provider in spoiled.providers for model in provider.models] == [
        True,
        True,
        False,
        False,
    ]
    with pytest.raises(UsageError, match="whose provider speaks ollama"):
        faulty(fleet, ["ollama-load:*"])


async def test_a_fault_of_another_dialect_than_the_call_is_no_fault() -> None:
    model = VirtualModel("my-openai:one", latency=SWIFT, fault=FAULTS["null-content"])
    async with simulate(oak(model, dialect="cherry-v2")) as server, aiohttp.ClientSession() as session:
        path, body = call("anthropic", "my-openai:one", stream=False)
        async with session.post(server.base_url("oak") + path, json=body) as reply:
            assert SUM in await reply.text()
        path, body = call("openai", "my-openai:one", stream=False)
        async with session.post(server.base_url("oak") + path, json=body) as reply:
            assert (await reply.json())["choices"][0]["message"]["content"] is None
        assert server.stats().total.faults == {"null-content": 1}
        assert server.stats().total.answered == 1
