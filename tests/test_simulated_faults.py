"""Every fault of the simulator: what is sent, and what panvox makes of it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import openai
import pytest

from panvox.compose.dialects import DIALECTS
from panvox.errors import Category, Failure, Owner, Retry
from panvox.messages import Fold, Prompt, ReplyBegan
from panvox.protocols import Quirks
from panvox.providers.http import Deadlines, HttpModel
from panvox.providers.transport import HttpTransport
from panvox.simulator import (
    FAULTS,
    Simulator,
    VirtualModel,
    find_fault,
    simulate,
)
from tests.fleets import SUM, SWIFT, body, idle, oak, sdk, spoilt, user

# --- on raw sockets ---

WHOLE = {  # status, content type, and what the body holds, of faults that send a whole reply
    "html-200": (200, "text/html", b"<title>Welcome</title>"),
    "html-502": (502, "text/html", b"<h1>502 Bad Gateway</h1>"),
    "wrong-content-type": (200, "image/png", b"\x89PNG"),
    "empty-body": (200, "text/event-stream", b""),
    "redirect": (307, "text/plain", b""),
    "large-error": (500, "application/json", b'{"error":{"message":"xxx'),
    "bad-request": (400, "application/json", b'"type":"invalid_request_error"'),
    "context-exceeded": (400, "application/json", b'"code":"context_length_exceeded"'),
    "unauthorised": (401, "application/json", b'"code":"invalid_api_key"'),
    "payment-required": (402, "application/json", b'"code":402'),
    "forbidden": (403, "application/json", b"region, or territory not supported"),
    "unknown-model": (404, "application/json", b'"code":"model_not_found"'),
    "request-too-large": (413, "application/json", b"too large"),
    "unprocessable": (422, "application/json", b'"param":null'),
    "rate-limited": (
        429,
        "application/json",
        b"(RPM): Limit 20, Used 20, Requested 1. Please try again in 20s.",
    ),
    "token-rate-limited": (429, "application/json", b'"type":"tokens"'),
    "too-many-at-once": (429, "application/json", b"Too many concurrent requests"),
    "too-sudden": (429, "application/json", b"increased too quickly"),
    "daily-quota": (
        429,
        "application/json",
        b"(RPD): Limit 200, Used 200, Requested 1. Please try again in 7h12m12s.",
    ),
    "insufficient-quota": (429, "application/json", b'"code":"insufficient_quota"'),
    "too-large-for-limit": (429, "application/json", b"(TPM): Limit 10000, Requested 12000."),
    "server-error": (500, "application/json", b'"type":"server_error"'),
    "bad-gateway": (502, "application/json", b"Provider returned error"),
    "unavailable": (503, "application/json", b"currently overloaded"),
    "overloaded": (529, "application/json", b'"type":"overloaded_error"'),
    "bare-error": (400, "application/json", b'{"object":"error","message":'),
    "upstream-rate-limited": (429, "application/json", b'"provider_name":"Acme"'),
    "upstream-unavailable": (503, "application/json", b'"provider_name":"Acme"'),
    "upstream-unpaid": (402, "application/json", b'"provider_name":"Acme"'),
    "error-in-200": (200, "application/json", b'{"error":{"code":502,'),
}
STREAMED = {  # what the body holds, and what it lacks, of faults that stream with status 200
    "error-mid-stream": (rb'"error":\{"code":502,.*"finish_reason":"error"', rb"\[DONE\]"),
    "rate-limit-mid-stream": (rb'"error":\{"code":429,', rb"\[DONE\]"),
    "empty-choices": (rb'"choices":\[\]}\s+data: \[DONE\]', rb"delta"),
    "null-content": (rb'"content":null.*"finish_reason":"stop"', rb'"content":"'),
    "only-reasoning": (rb'"reasoning_content":".*"finish_reason":"stop"', rb'"content":"[^"]'),
    "empty-text": (rb'"content":"".*"finish_reason":"stop"', rb'"content":"[^"]'),
    "length-without-text": (rb'"reasoning":".*"finish_reason":"length"', rb'"content":"[^"]'),
    "broken-json": (rb'"content":"and th\n\n$', rb"\[DONE\]"),
    "content-filter": (rb'"finish_reason":"content_filter"', rb'"content":"[^"]'),
    "refusal": (rb'"refusal":"I\'m sorry', rb'"content":"[^"]'),
    "without-done": (rb'"finish_reason":"stop"', rb"\[DONE\]"),
    "think-tags": (rb'"<think>".*"</think>\\n\\n".*\[DONE\]', rb'"reasoning'),
    "reasoning-content": (rb'"reasoning_content":".*\[DONE\]', rb"<think>"),
    "reasoning-field": (rb'"reasoning":".*\[DONE\]', rb"<think>"),
    "reasoning-details": (rb'"reasoning_details":\[\{"type":"reasoning.text",.*\[DONE\]', rb"<think>"),
    "content-arrays": (rb'"content":\[\{"type":"thinking",.*"content":\[\{"type":"text",', rb'"content":"'),
    "finish-eos": (rb'"finish_reason":"eos"', rb'"stop"'),
    "finish-capitals": (rb'"finish_reason":"STOP"', rb'"stop"'),
    "finish-end-turn": (rb'"finish_reason":"end_turn"', rb'"stop"'),
    "bare-chunks": (rb'data: \{"choices":\[\{"delta":', rb'"(id|object|created|model|index)"'),
    "filter-first": (rb'^data: [^\n]*"choices":\[\],"prompt_filter_results"', rb"\r"),
    "comments": (rb"^: PROCESSING\n\ndata: .*\n\n: PROCESSING\n\ndata:", rb"\r"),
    "no-space": (rb"^data:\{", rb"data: "),
    "carriage-returns": (rb"\r\n\r\ndata: ", rb"[^\r]\n"),
    "invalid-utf8": (rb'"content":"\xff', rb"\r"),
    "cost-event": (rb'"cost":"0","choices":\[\]\}', rb"\r"),
}
CUT = {"hang-before-head", "hang-mid-stream", "slow-drip", "no-reply", "gzip-bomb"}
CUT |= {"reset-mid-stream", "close-mid-stream", "end-without-finish"}


def test_every_fault_has_a_test() -> None:
    assert [*WHOLE, *STREAMED, *CUT] == sorted({*WHOLE, *STREAMED, *CUT}, key=[*WHOLE, *STREAMED, *CUT].index)
    assert {name for name, fault in FAULTS.items() if fault.fits("openai")} == {*WHOLE, *STREAMED, *CUT}


@asynccontextmanager
async def asked(name: str) -> AsyncIterator[tuple[Simulator, aiohttp.ClientSession, str]]:
    async with simulate(spoilt(name)) as server, aiohttp.ClientSession(auto_decompress=False) as session:
        yield server, session, server.base_url("oak") + "/chat/completions"


@pytest.mark.parametrize("name", WHOLE)
async def test_faults_that_reply_at_once(name: str) -> None:
    status, content_type, held = WHOLE[name]
    async with asked(name) as (server, session, url):
        async with session.post(url, json=body(name), allow_redirects=False) as reply:
            data = await reply.read()
            assert (reply.status, reply.content_type) == (status, content_type)
            assert held in data if held else not data
        assert server.stats().total.faults == {name: 1}


@pytest.mark.parametrize("name", STREAMED)
async def test_faults_of_a_stream(name: str) -> None:
    held, lacked = STREAMED[name]
    async with asked(name) as (server, session, url):
        async with session.post(url, json=body(name)) as reply:
            data = await reply.read()
            assert (reply.status, reply.content_type) == (200, "text/event-stream")
            assert re.search(held, data, re.DOTALL)
            assert not re.search(lacked, data, re.DOTALL)
        assert server.stats().total.faults == {name: 1}


@pytest.mark.parametrize("name", [name for name in STREAMED if FAULTS[name].expects is None])
async def test_odd_streams_are_odd_when_sent_whole_and_answers_all_the_same(name: str) -> None:
    async with asked(name) as (_, session, url), session.post(url, json=body(name, stream=False)) as reply:
        message = json.loads((await reply.read()).decode(errors="replace"))["choices"][0]["message"]
        content = message["content"]
        text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
        assert text.endswith(SUM)


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("error-mid-stream", b'{"error":{"code":502,'),
        ("rate-limit-mid-stream", b'{"error":{"code":429,'),
        ("broken-json", b'"content":"and th'),
        ("empty-choices", b'"choices":[]'),
        ("null-content", b'"message":{"role":"assistant","content":null}'),
        ("refusal", b'"refusal":"I\'m sorry'),
        ("content-filter", b'"finish_reason":"content_filter"'),
    ],
)
async def test_faults_of_a_stream_have_a_like_when_the_reply_is_whole(name: str, held: bytes) -> None:
    async with asked(name) as (_, session, url), session.post(url, json=body(name, stream=False)) as reply:
        assert (reply.status, reply.content_type) == (200, "application/json")
        data = await reply.read()
        assert held in data
        assert SUM.encode() not in data


async def test_silence_before_the_head_lasts_until_the_client_leaves() -> None:
    async with asked("hang-before-head") as (server, session, url):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1), session.post(url, json=body("hang-before-head")):
                pass
        await idle(server)
        assert server.stats().total.disconnects == 1


@pytest.mark.parametrize("name", ["hang-mid-stream", "slow-drip"])
async def test_a_stream_that_stalls_has_begun(name: str) -> None:
    async with asked(name) as (server, session, url):
        async with session.post(url, json=body(name)) as reply:
            assert await reply.content.readany()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await reply.content.read()
        await idle(server)
        assert server.stats().total.disconnects == 1
        assert server.stats().total.answered == 0


async def test_a_connection_closed_without_a_reply() -> None:
    async with asked("no-reply") as (_, session, url):
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.post(url, json=body("no-reply"))


@pytest.mark.parametrize(("name", "reset"), [("reset-mid-stream", True), ("close-mid-stream", False)])
async def test_a_connection_that_breaks_within_the_answer(name: str, *, reset: bool) -> None:
    async with asked(name) as (_, session, url), session.post(url, json=body(name)) as reply:
        assert b'"content":"' in await reply.content.readany()
        with pytest.raises(aiohttp.ClientPayloadError) as broken:
            await reply.content.read()
        assert ("Connection reset by peer" in str(broken.value)) is reset


async def test_a_body_that_ends_before_the_answer_does() -> None:
    name = "end-without-finish"
    async with asked(name) as (_, session, url), session.post(url, json=body(name)) as reply:
        data = await reply.read()
        assert b'"content":"' in data
        assert b'"finish_reason":"' not in data


async def test_the_bomb_is_small_and_claims_to_be_packed() -> None:
    async with asked("gzip-bomb") as (_, session, url), session.post(url, json=body("gzip-bomb")) as reply:
        assert reply.headers["content-encoding"] == "gzip"
        assert len(await reply.read()) < 2**20


async def test_a_fault_may_pass_after_some_calls() -> None:
    fleet = oak(
        VirtualModel("brief", latency=SWIFT, fault=find_fault("unavailable"), faulty=2),
        VirtualModel("lasting", latency=SWIFT, fault=find_fault("unavailable")),
    )
    async with simulate(fleet, speed=0) as server, aiohttp.ClientSession() as client:
        url = f"{server.base_url('oak')}/chat/completions"

        async def statuses(model: str) -> list[int]:
            found = []
            for _ in range(4):
                async with client.post(url, json=body(model)) as reply:
                    await reply.read()
                    found.append(reply.status)
            return found

        assert await statuses("brief") == [503, 503, 200, 200]
        assert await statuses("lasting") == [503] * 4


async def test_a_redirect_leads_away_from_this_machine() -> None:
    async with asked("redirect") as (_, session, url):
        reply = await session.post(url, json=body("redirect"), allow_redirects=False)
        assert reply.headers["location"] == "http://redirected.invalid/v1/chat/completions"
        reply.close()


@pytest.mark.parametrize(
    ("dialect", "name"),
    [(dialect, name) for dialect in DIALECTS for name, fault in FAULTS.items() if fault.fits(dialect)],
)
async def test_panvox_reports_each_fault_as_the_table_says_in_every_dialect(dialect: str, name: str) -> None:
    patience = 0.3 if FAULTS[name].expects is Category.TIMED_OUT else 10.0
    deadlines = Deadlines(first_token=patience, idle=patience, total=3 * patience)
    async with simulate(spoilt(name, dialect=dialect)) as server, HttpTransport() as transport:
        model = HttpModel(
            name=f"oak/{name}",
            model=name,
            dialect=DIALECTS[dialect](Quirks()),
            transport=transport,
            base_url=server.base_url("oak"),
            deadlines=deadlines,
        )
        fold, failed = Fold(), None
        try:
            async with model.stream(Prompt.of(SUM)) as events:
                async for event in events:
                    fold.add(event)
        except Failure as failure:
            failed = failure.fault.category
        assert failed == FAULTS[name].expects
        if failed is None:
            assert fold.answer.text.removeprefix("\N{REPLACEMENT CHARACTER}") == SUM


@pytest.mark.parametrize("name", [name for name in FAULTS if name.startswith("upstream-")])
async def test_trouble_behind_a_relay_is_the_upstreams(name: str) -> None:
    async with simulate(spoilt(name, dialect="openrouter")) as server, HttpTransport() as transport:
        model = HttpModel(
            name=f"oak/{name}",
            model=name,
            dialect=DIALECTS["openai"](Quirks()),
            transport=transport,
            base_url=server.base_url("oak"),
            deadlines=Deadlines(),
        )
        async with model.stream(Prompt.of(SUM)) as events:
            assert isinstance(await anext(events), ReplyBegan)
            with pytest.raises(Failure) as caught:
                await anext(events)
    fault = caught.value.fault
    assert (fault.code, fault.owner, fault.retry) == ("upstream", Owner.PROVIDER, Retry.LATER)
    assert fault.message.startswith("Acme: ")


# --- with OpenAI's own client ---


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("bad-request", openai.BadRequestError, None),
        ("context-exceeded", openai.BadRequestError, "context_length_exceeded"),
        ("bare-error", openai.BadRequestError, "400"),
        ("unauthorised", openai.AuthenticationError, "invalid_api_key"),
        ("payment-required", openai.APIStatusError, "402"),
        ("forbidden", openai.PermissionDeniedError, "unsupported_country_region_territory"),
        ("unknown-model", openai.NotFoundError, "model_not_found"),
        ("unprocessable", openai.UnprocessableEntityError, "unprocessable"),
        ("rate-limited", openai.RateLimitError, "rate_limit_exceeded"),
        ("insufficient-quota", openai.RateLimitError, "insufficient_quota"),
        ("server-error", openai.InternalServerError, None),
        ("overloaded", openai.InternalServerError, None),
    ],
)
async def test_refusals_are_the_errors_of_openais_client(
    name: str, kind: type[openai.APIStatusError], code: str | None
) -> None:
    async with simulate(spoilt(name)) as server, sdk(server) as client:
        with pytest.raises(kind) as caught:
            await client.chat.completions.create(model=name, messages=user(SUM))
        assert caught.value.code == code
        assert caught.value.request_id
