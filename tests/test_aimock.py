"""A mock that none of us wrote is asked through the whole of panvox: each dialect, and each fault it injects.

A dialect is one row of `PEERS`, a fault one row of `REFUSALS` or `CHAOS`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from pydantic import SecretStr

import panvox
from panvox.compose.dialects import DIALECTS
from panvox.compose.session import Session  # what the first use would load, from disk, inside the loop
from panvox.messages import (
    Answer,
    Finish,
    Message,
    Outcome,
    Prompt,
    State,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)
from panvox.settings import Settings
from tests import aimock
from tests.aimock import KEY, Aimock

QUESTION = "What is 17 + 25?"
TEXT = "17 and 25 make 42, since 7 + 5 = 12 and 1 + 2 + 1 = 4. Answer: 42"
THOUGHT = "First the ones, then the tens."
CALL = ToolCall("call_1", "add", '{"terms": [17, 25]}')
USAGE = Usage(prompt_tokens=31, completion_tokens=19)
PIECES = len(TEXT) // 4  # of four characters, in which it comes
CUTS = range(2, 48)  # pieces before a stream is cut; no dialect sends more


class Peer(NamedTuple):
    """A dialect as aimock serves it.

    `base` ends the base address, `asked` is the path that is asked for {model}, `key` the header that carries
    the key, `words` are whose code words stand in its errors; `result` is how a tool's 42 arrives.
    `lists`, `schemas`, `reasoning`, `usage` and `limit` tell what aimock leaves out of it; `differs`
    has the states of cases of which it says less.
    """

    name: str
    base: str
    asked: str
    key: str = "authorization"
    words: str = "openai"
    dialect: str = "openai"
    result: str = "42"
    lists: bool = True
    schemas: bool = True
    reasoning: bool = True
    usage: Usage | None = USAGE
    limit: Finish = Finish.LENGTH
    differs: Mapping[str, State] = {}


PEERS = {
    peer.name: peer
    for peer in (
        Peer("openai", "/v1", "/v1/chat/completions"),
        Peer("openrouter", "/api/v1", "/api/v1/chat/completions", words="none"),
        Peer(
            "responses",
            "/v1",
            "/v1/responses",
            dialect="responses",
            limit=Finish.OTHER,  # incomplete, without a reason
            differs={"filtered": State.OVERLOADED},  # failed, without a reason
        ),
        Peer("anthropic", "/v1", "/v1/messages", "x-api-key", "anthropic", "anthropic"),
        Peer(
            "gemini",
            "/v1beta",
            "/v1beta/models/{model}:streamGenerateContent?alt=sse",
            "x-goog-api-key",
            "gemini",
            "gemini",
            result='{"output":"42"}',
            lists=False,
            schemas=False,  # knows `parameters` only
        ),
        Peer(
            "ollama",
            "",
            "/api/chat",
            dialect="ollama",
            reasoning=False,  # under another name than Ollama's
            usage=Usage(),
            limit=Finish.STOP,
            differs={"filtered": State.EMPTY},
        ),
    )
}


class Refusal(NamedTuple):
    """An error reply, with the code words of three vendors; OpenAI's are a type and a code."""

    status: int
    state: State
    message: str
    openai: tuple[str, str]
    anthropic: str
    gemini: str
    wait: int | None = None

    def error(self, words: str) -> dict[str, str]:
        """What is told, in the `words` of a vendor."""
        match words:
            case "openai":
                kind, code = self.openai
                return {"message": self.message, "type": kind, "code": code}
            case "anthropic":
                return {"message": self.message, "type": self.anthropic}
            case "gemini":
                return {"message": self.message, "type": self.gemini}
            case _:
                return {"message": self.message}


REFUSALS = {
    "keyless": Refusal(
        401,
        State.UNAUTHORISED,
        "Incorrect API key provided.",
        ("invalid_request_error", "invalid_api_key"),
        "authentication_error",
        "UNAUTHENTICATED",
    ),
    "unpaid": Refusal(
        402,
        State.OUT_OF_MONEY,
        "Your credit balance is too low.",
        ("insufficient_quota", "insufficient_quota"),
        "billing_error",
        "FAILED_PRECONDITION",
    ),
    "barred": Refusal(
        403,
        State.FORBIDDEN,
        "You may not use this.",
        ("permission_error", "permission_denied"),
        "permission_error",
        "PERMISSION_DENIED",
    ),
    "gone": Refusal(
        404,
        State.UNKNOWN_MODEL,
        "The model `gone` does not exist.",
        ("invalid_request_error", "model_not_found"),
        "not_found_error",
        "NOT_FOUND",
    ),
    "wrong": Refusal(
        400,
        State.INVALID_REQUEST,
        "Unknown parameter: 'mood'.",
        ("invalid_request_error", "unknown_parameter"),
        "invalid_request_error",
        "INVALID_ARGUMENT",
    ),
    "overlong": Refusal(
        400,
        State.TOO_LARGE,
        "The input is longer than the context window of this model.",
        ("invalid_request_error", "context_length_exceeded"),
        "invalid_request_error",
        "INVALID_ARGUMENT",
    ),
    "large": Refusal(
        413,
        State.TOO_LARGE,
        "The request exceeds the maximum size.",
        ("invalid_request_error", "request_too_large"),
        "request_too_large",
        "INVALID_ARGUMENT",
    ),
    "fast": Refusal(
        429,
        State.RATE_LIMITED,
        "Rate limit reached for requests per minute.",
        ("requests", "rate_limit_exceeded"),
        "rate_limit_error",
        "RESOURCE_EXHAUSTED",
        wait=7,
    ),
    "spent": Refusal(
        429,
        State.OUT_OF_QUOTA,
        "Rate limit reached for requests per day.",
        ("requests", "rate_limit_exceeded"),
        "rate_limit_error",
        "RESOURCE_EXHAUSTED",
        wait=1,
    ),
    "broken": Refusal(
        500,
        State.OVERLOADED,
        "The server had an error.",
        ("server_error", "server_error"),
        "api_error",
        "INTERNAL",
    ),
    "busy": Refusal(
        503,
        State.OVERLOADED,
        "The model is at its capacity.",
        ("server_error", "service_unavailable"),
        "overloaded_error",
        "UNAVAILABLE",
    ),
    "jammed": Refusal(
        529,
        State.OVERLOADED,
        "Overloaded",
        ("server_error", "overloaded_error"),
        "overloaded_error",
        "UNAVAILABLE",
    ),
}

CHAOS = {
    "dropRate": State.OVERLOADED,
    "malformedRate": State.MALFORMED,
    "rateLimitRate": State.RATE_LIMITED,
    "disconnectRate": State.UNREACHABLE,
}

ENDS = {
    "blank": ({"content": " "}, State.EMPTY),
    "filtered": ({"content": " ", "finishReason": "content_filter"}, State.REFUSED),
    "dropped": ({"content": TEXT * 20}, State.TRUNCATED),
}


def fixtures(peer: Peer) -> Iterator[dict[str, Any]]:
    """What aimock says for each model of a peer."""
    usage = {"prompt_tokens": USAGE.prompt_tokens, "completion_tokens": USAGE.completion_tokens}
    call = {"id": CALL.id, "name": CALL.name, "arguments": CALL.arguments}
    whole = {"content": TEXT, "reasoning": THOUGHT, "usage": usage}
    said: dict[str, dict[str, Any]] = {
        "whole": whole,
        "short": {"content": TEXT, "finishReason": "length"},
        "calling": {"toolCalls": [call]},
        "both": {"content": TEXT, "toolCalls": [call]},
        "costly": {"content": TEXT, "usage": {**usage, "cost": 0.0125}},
        "relayed": {
            "error": {"message": "Provider returned error", "metadata": {"provider_name": "Acme"}},
            "status": 429,
        },
        **{name: response for name, (response, _) in ENDS.items()},
        **{
            name: {"error": refusal.error(peer.words), "status": refusal.status, "retryAfter": refusal.wait}
            for name, refusal in REFUSALS.items()
        },
    }
    manners: dict[str, dict[str, Any]] = {
        "dropped": {"streamingProfile": {"ttft": 1, "tps": 100}, "disconnectAfterMs": 60},
        "costly": {"openRouterProcessing": True},
    }
    for name, response in said.items():
        given = {key: value for key, value in response.items() if value is not None}
        yield _fixture(peer, name, given, manners.get(name, {}))
    for cut in CUTS:
        # What was written in the same moment as the cut would be lost, so there is one between the pieces.
        yield _fixture(peer, f"cut-{cut}-", whole, {"truncateAfterChunks": cut, "latency": 1})


def _fixture(peer: Peer, name: str, response: dict[str, Any], manner: dict[str, Any]) -> dict[str, Any]:
    return {"match": {"model": f"{peer.name}.{name}"}, "response": response, "chunkSize": 4, **manner}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    aimock.require()
    all_fixtures = [fixture for peer in PEERS.values() for fixture in fixtures(peer)]
    with aimock.serving(all_fixtures, folder=tmp_path_factory.mktemp("aimock")) as running:
        yield running


@pytest.fixture
async def mock(server: Aimock) -> Aimock:
    await server.start_afresh()
    return server


@pytest.fixture(params=list(PEERS.values()), ids=list(PEERS))
def peer(request: pytest.FixtureRequest) -> Peer:
    found: Peer = request.param
    return found


@asynccontextmanager
async def session(
    mock: Aimock, *peers: Peer, models: list[str], key: str = KEY, patience: float = 20.0
) -> AsyncIterator[Session]:
    """A session with aimock as each of `peers`; without `models` it is asked for its list."""
    providers = [
        {
            "id": peer.name,
            "dialect": peer.dialect,
            "base_url": mock.url + peer.base,
            "key_env": "PEER_KEY",
            "models": [f"{peer.name}.{name}" for name in models],
        }
        for peer in peers
    ]
    settings = Settings.model_validate(
        {
            "providers": providers,
            "retry": {"attempts": 1},  # what a call comes to by itself
            "limits": {"learn": False},  # what one model is refused says nothing of the next here
            "cache": {"enabled": False},
            "keys": {"PEER_KEY": SecretStr(key)},
            "store": {"enabled": False},
            "local": {"enabled": False},
            "network": {"first_token_timeout": patience},
        }
    )
    async with panvox.open(settings) as opened:
        yield opened


async def ask(
    mock: Aimock, peer: Peer, *models: str, prompt: str | Prompt = QUESTION, **options: Any
) -> dict[str, Outcome]:
    """How each of `models` ended, by its name."""
    async with session(mock, peer, models=list(models), **options) as opened:
        result = await opened.ask(prompt, models=["*"])
    return {outcome.member.model.removeprefix(f"{peer.name}."): outcome for outcome in result.outcomes}


async def answer_of(mock: Aimock, peer: Peer, model: str, prompt: str | Prompt = QUESTION) -> Answer:
    outcome = (await ask(mock, peer, model, prompt=prompt))[model]
    assert outcome.state is State.ANSWERED, outcome.fault
    assert outcome.answer is not None
    return outcome.answer


def test_every_dialect_that_aimock_knows_has_a_row() -> None:
    assert {peer.dialect for peer in PEERS.values()} == DIALECTS.keys() - {"cherry"}


# --- what aimock says --------------------------------------------------------------------------------


async def test_a_streamed_answer_is_read_with_its_reasoning_its_usage_and_its_end(
    mock: Aimock, peer: Peer
) -> None:
    answer = await answer_of(mock, peer, "whole")
    assert answer.text == TEXT
    assert answer.reasoning == (THOUGHT if peer.reasoning else "")
    assert answer.finish is Finish.STOP
    assert answer.usage == peer.usage


async def test_a_tool_call_is_read_alone_and_after_text(mock: Aimock, peer: Peer) -> None:
    outcomes = await ask(mock, peer, "calling", "both")
    for name, text in {"calling": "", "both": TEXT}.items():
        answer = outcomes[name].answer
        assert outcomes[name].answered
        assert answer is not None
        assert answer.text == text
        assert [(call.name, re.sub(r"\s", "", call.arguments)) for call in answer.tool_calls] == [
            ("add", '{"terms":[17,25]}')
        ]


async def test_an_answer_that_reached_its_limit_says_so(mock: Aimock, peer: Peer) -> None:
    answer = await answer_of(mock, peer, "short")
    assert answer.text == TEXT
    assert answer.finish is peer.limit


async def test_the_cost_that_a_relay_tells_is_read_between_its_comments(mock: Aimock) -> None:
    answer = await answer_of(mock, PEERS["openrouter"], "costly")
    assert answer.text == TEXT
    assert answer.usage is not None
    assert answer.usage.cost == Decimal("0.0125")


# --- what aimock is told -----------------------------------------------------------------------------

TOOL = Tool("add", "Adds numbers.", '{"type":"object","properties":{"terms":{"type":"array"}}}')
CONVERSATION = Prompt(
    messages=(
        Message("system", (TextPart("Be brief."),)),
        Message("user", (TextPart(QUESTION),)),
        Message("assistant", (CALL,)),
        Message("tool", (ToolResult(CALL.id, "42"),)),
        Message("assistant", (TextPart("It is 42."),)),
        Message("user", (TextPart("Are you sure?"),)),
    ),
    tools=(TOOL,),
    max_tokens=512,
    temperature=0.5,
)


async def test_aimock_understands_the_conversation_the_tools_and_the_options(
    mock: Aimock, peer: Peer
) -> None:
    await answer_of(mock, peer, "whole", CONVERSATION)
    (entry,) = await mock.journal()
    body = entry["body"]
    assert (entry["method"], entry["path"]) == ("POST", peer.asked.format(model=body["model"]))
    assert body["model"] == f"{peer.name}.whole"
    assert body["stream"] is True
    assert body["max_tokens"] == 512
    assert body["temperature"] == 0.5
    assert [message["role"] for message in body["messages"]] == [
        *("system", "user", "assistant", "tool", "assistant", "user")
    ]
    assert [_text(message) for message in body["messages"]] == [
        *("Be brief.", QUESTION, "", peer.result, "It is 42.", "Are you sure?")
    ]
    (call,) = body["messages"][2]["tool_calls"]
    assert call["function"]["name"] == "add"
    assert re.sub(r"\s", "", call["function"]["arguments"]) == '{"terms":[17,25]}'
    (tool,) = body["tools"]
    assert tool["function"]["name"] == TOOL.name
    assert tool["function"]["description"] == TOOL.description
    assert not peer.schemas or tool["function"]["parameters"]["properties"] == {"terms": {"type": "array"}}


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


async def test_the_key_goes_into_one_header_and_nowhere_else(mock: Aimock, peer: Peer) -> None:
    await answer_of(mock, peer, "whole")
    (entry,) = await mock.journal()
    with_keys = {"authorization", "x-api-key", "x-goog-api-key", "api-key"}
    assert with_keys & entry["headers"].keys() == {peer.key}
    assert KEY not in str(entry)


async def test_a_wrong_key_is_refused_as_one(mock: Aimock, peer: Peer) -> None:
    outcomes = await ask(mock, peer, "whole", key="sk-of-another")
    assert outcomes["whole"].state is State.UNAUTHORISED
    assert await mock.journal() == []


LISTING = [peer for peer in PEERS.values() if peer.lists]


@pytest.mark.parametrize("peer", LISTING, ids=[peer.name for peer in LISTING])
async def test_the_models_that_aimock_lists_are_found(mock: Aimock, peer: Peer) -> None:
    async with session(mock, peer, models=[]) as opened:
        catalogue = await opened.catalogue()
    assert catalogue.problems == ()
    assert {entry.model for entry in catalogue.entries} == {
        fixture["match"]["model"] for each in PEERS.values() for fixture in fixtures(each)
    }


# --- faults ------------------------------------------------------------------------------------------


async def test_every_refusal_ends_in_the_state_that_it_means(mock: Aimock, peer: Peer) -> None:
    outcomes = await ask(mock, peer, *REFUSALS)
    assert {name: outcome.state for name, outcome in outcomes.items()} == {
        name: peer.differs.get(name, refusal.state) for name, refusal in REFUSALS.items()
    }
    for name, refusal in REFUSALS.items():
        fault = outcomes[name].fault
        assert fault is not None
        assert fault.message == refusal.message
        assert fault.status == refusal.status
        assert fault.wait == refusal.wait
        assert fault.request_id.startswith("req-")


async def test_a_429_of_the_provider_behind_a_relay_is_told_as_such(mock: Aimock) -> None:
    outcome = (await ask(mock, PEERS["openrouter"], "relayed"))["relayed"]
    assert outcome.state is State.RATE_LIMITED
    assert outcome.fault is not None
    assert (outcome.fault.code, outcome.fault.owner) == ("upstream", "provider")
    assert outcome.fault.message == "Acme: Provider returned error"


async def test_an_end_without_an_answer_is_not_taken_for_one(mock: Aimock, peer: Peer) -> None:
    outcomes = await ask(mock, peer, *ENDS)
    assert {name: outcome.state for name, outcome in outcomes.items()} == {
        name: peer.differs.get(name, state) for name, (_, state) in ENDS.items()
    }
    assert (TEXT * 20).startswith(outcomes["dropped"].text)


async def test_a_cut_answer_is_never_taken_for_a_whole_one_wherever_it_is_cut(
    mock: Aimock, peer: Peer
) -> None:
    outcomes = await ask(mock, peer, *(f"cut-{cut}-" for cut in CUTS))
    for name, outcome in outcomes.items():
        if outcome.answered:
            assert outcome.text == TEXT, name
        else:
            assert outcome.state is State.TRUNCATED, (name, outcome.fault)
            assert TEXT.startswith(outcome.text), name
    answered = [outcome.answered for outcome in outcomes.values()]
    assert answered == sorted(answered)  # from some piece on, all that was missing was the connection's end
    assert answered.count(False) >= PIECES
    assert answered[-1]


@pytest.mark.parametrize("fault", CHAOS)
async def test_chaos_ends_in_the_state_that_it_means_and_passes(mock: Aimock, peer: Peer, fault: str) -> None:
    async with session(mock, peer, models=["whole"]) as opened:
        await mock.spoil(**{fault: 1})
        (spoilt,) = (await opened.ask(QUESTION, models=["*"])).outcomes
        await mock.start_afresh()
        result = await opened.ask(QUESTION, models=["*"])
    assert spoilt.state is CHAOS[fault], spoilt.fault
    assert spoilt.text == ""
    assert result.states == {"answered": 1}


async def test_a_server_that_hesitates_too_long_is_given_up(mock: Aimock, peer: Peer) -> None:
    await mock.spoil(latencyMs=30_000)
    outcomes = await ask(mock, peer, "whole", patience=0.1)
    assert outcomes["whole"].state is State.TIMED_OUT


async def test_one_failure_is_one_failure(mock: Aimock, peer: Peer) -> None:
    async with session(mock, peer, models=["whole"]) as opened:
        await mock.fail_once(502, "Bad gateway, for once")
        (first,) = (await opened.ask(QUESTION, models=["*"])).outcomes
        (second,) = (await opened.ask(QUESTION, models=["*"])).outcomes
    assert (first.state, second.state) == (State.OVERLOADED, State.ANSWERED)
    assert first.fault is not None
    assert first.fault.message == "Bad gateway, for once"


async def test_all_dialects_and_all_faults_in_one_panel_disturb_nobody(mock: Aimock) -> None:
    names = ["whole", "short", *REFUSALS, *ENDS]
    async with session(mock, *PEERS.values(), models=names) as opened:
        result = await opened.ask(QUESTION, models=["*"])
    assert len(result.outcomes) == len(PEERS) * len(names)
    answered = [outcome.member.model for outcome in result.outcomes if outcome.answered]
    assert answered == [f"{peer}.{name}" for peer in PEERS for name in ("whole", "short")]
    assert result.verdict.consensus == "42"
