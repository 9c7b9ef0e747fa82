"""Google's and Ollama's own clients as oracles.

From the same bytes they read what panvox reads, and for the same prompt they send what panvox sends.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import google.genai as google
import msgspec
import ollama
import pytest
from google.genai import types

from panvox.dialects.gemini import Gemini
from panvox.dialects.ollama import Ollama
from panvox.errors import Failure
from panvox.messages import (
    Answer,
    Finish,
    Fold,
    ImagePart,
    Message,
    Prompt,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)
from panvox.protocols import Dialect
from panvox.providers.http import HttpModel
from panvox.providers.transport import HttpTransport
from tests.hostile import Exchange, HostileServer, reply
from tests.wire import FOLDER

# Google's client makes a class of its own of aiohttp's session, which aiohttp does not like.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

PARAMETERS: dict[str, object] = {
    "type": "object",
    "properties": {"ort": {"type": "string"}},
    "required": ["ort"],
}
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
}
PNG = "iVBORw0KGgo="
PROMPT = Prompt(
    messages=(
        Message("system", (TextPart("Be brief."),)),
        Message("user", (TextPart("What is it?"), ImagePart(f"data:image/png;base64,{PNG}"))),
        Message("assistant", (ToolCall("c1", "wetter", '{"ort":"Paris"}'),)),
        Message("tool", (ToolResult("c1", "sunny"),)),
        Message("user", (TextPart("And now?"),)),
    ),
    tools=(Tool("wetter", "Tells the weather.", json.dumps(PARAMETERS)),),
    max_tokens=99,
    temperature=0.5,
    top_p=0.9,
    seed=7,
    stop=("END",),
    schema=json.dumps(SCHEMA),
)


@asynccontextmanager
async def serving(wire: bytes, kind: str) -> AsyncIterator[HostileServer]:
    """A server that answers everything with `wire`."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(wire, kind=kind))

    async with HostileServer(answer) as server:
        yield server


def address(server: HostileServer) -> str:
    return f"http://127.0.0.1:{server.port}"


async def asked(dialect: Dialect, server: HostileServer, base_url: str, prompt: Prompt, model: str) -> Answer:
    """What panvox makes of the server's answer, over the real transport."""
    fold = Fold()
    async with HttpTransport() as transport:
        known = HttpModel(
            name="a/b", model=model, dialect=dialect, transport=transport, base_url=base_url, key="secret"
        )
        async with known.stream(prompt) as events:
            async for event in events:
                fold.add(event)
    return fold.answer


def body_of(exchange: Exchange) -> dict[str, object]:
    body = json.loads(exchange.body)
    assert isinstance(body, dict)
    return body


# --- Google ----------------------------------------------------------------------------------------


@asynccontextmanager
async def google_client(server: HostileServer) -> AsyncIterator[google.Client]:
    options = types.HttpOptions(base_url=address(server), api_version="v1beta")
    client = google.Client(api_key="secret", http_options=options)
    try:
        yield client
    finally:
        await client.aio.aclose()
        client.close()


def config() -> types.GenerateContentConfig:
    declaration = types.FunctionDeclaration(
        name="wetter", description="Tells the weather.", parameters_json_schema=PARAMETERS
    )
    return types.GenerateContentConfig(
        system_instruction="Be brief.",
        max_output_tokens=99,
        temperature=0.5,
        top_p=0.9,
        seed=7,
        stop_sequences=["END"],
        response_mime_type="application/json",
        response_json_schema=SCHEMA,
        tools=[types.Tool(function_declarations=[declaration])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


CONTENTS = [
    types.Content(
        role="user",
        parts=[
            types.Part(text="What is it?"),
            types.Part(inline_data=types.Blob(mime_type="image/png", data=b"\x89PNG\r\n\x1a\n")),
        ],
    ),
    types.Content(
        role="model",
        parts=[types.Part(function_call=types.FunctionCall(id="c1", name="wetter", args={"ort": "Paris"}))],
    ),
    types.Content(
        role="user",
        parts=[
            types.Part(
                function_response=types.FunctionResponse(id="c1", name="wetter", response={"output": "sunny"})
            ),
            types.Part(text="And now?"),
        ],
    ),
]


async def read_by_google(client: google.Client) -> Answer:
    """What Google's client makes of the server's answer, in panvox's words."""
    fold: dict[str, str] = {"text": "", "reasoning": ""}
    calls: list[ToolCall] = []
    last: types.GenerateContentResponse | None = None
    stream = await client.aio.models.generate_content_stream(
        model="gemini-2.5-flash", contents=list(CONTENTS), config=config()
    )
    async for last in stream:
        candidate = (last.candidates or [types.Candidate()])[0]
        for part in (candidate.content and candidate.content.parts) or []:
            fold["reasoning" if part.thought else "text"] += part.text or ""
            if call := part.function_call:
                identity = call.id or f"call_{len(calls)}"
                arguments = json.dumps(call.args, ensure_ascii=False, separators=(",", ":"))
                calls.append(ToolCall(identity, call.name or "", arguments))
    assert last is not None
    assert last.candidates
    assert last.candidates[0].finish_reason is types.FinishReason.STOP
    return answer_of(fold, calls, last)


def answer_of(fold: Mapping[str, str], calls: list[ToolCall], last: types.GenerateContentResponse) -> Answer:
    counts = last.usage_metadata
    assert counts is not None
    thoughts = counts.thoughts_token_count or 0
    return Answer(
        text=fold["text"],
        reasoning=fold["reasoning"],
        tool_calls=tuple(calls),
        finish=Finish.TOOL_CALLS if calls else Finish.STOP,
        usage=Usage(
            prompt_tokens=counts.prompt_token_count or 0,
            completion_tokens=(counts.candidates_token_count or 0) + thoughts,
            reasoning_tokens=thoughts,
            cached_tokens=counts.cached_content_token_count or 0,
        ),
        model=last.model_version or "",
    )


@pytest.mark.parametrize("name", ["thinking.sse", "tools.sse"])
async def test_googles_client_reads_what_panvox_reads(name: str) -> None:
    wire = (FOLDER / "gemini" / name).read_bytes()
    async with serving(wire, "text/event-stream") as server:
        async with google_client(server) as client:
            expected = await read_by_google(client)
        found = await asked(Gemini(), server, address(server) + "/v1beta", PROMPT, "gemini-2.5-flash")
    assert found == expected


async def test_googles_client_asks_as_panvox_asks() -> None:
    wire = (FOLDER / "gemini" / "thinking.sse").read_bytes()
    async with serving(wire, "text/event-stream") as server:
        async with google_client(server) as client:
            await read_by_google(client)
        await asked(Gemini(), server, address(server) + "/v1beta", PROMPT, "gemini-2.5-flash")
    theirs, ours = server.requests
    assert (ours.method, ours.target) == (theirs.method, theirs.target)
    assert ours.headers["x-goog-api-key"] == theirs.headers["x-goog-api-key"] == "secret"
    expected, found = body_of(theirs), body_of(ours)
    instruction = expected["systemInstruction"]
    assert isinstance(instruction, dict)
    instruction.pop("role")  # which Google does not read there
    assert found == camel_case(expected)


def camel_case(value: object) -> object:
    """Names as Google documents them: its client writes some with underscores, which Google takes as well."""
    if isinstance(value, list):
        return [camel_case(item) for item in value]
    if isinstance(value, dict):
        return {re.sub(r"_(\w)", lambda m: m[1].upper(), k): camel_case(v) for k, v in value.items()}
    return value


async def test_the_array_form_says_what_googles_client_reads_from_events() -> None:
    array = (FOLDER / "gemini" / "thinking.json").read_bytes()
    async with serving(array, "application/json") as server:
        found = await asked(Gemini(), server, address(server) + "/v1beta", PROMPT, "gemini-2.5-flash")
    events = (FOLDER / "gemini" / "thinking.sse").read_bytes()
    async with serving(events, "text/event-stream") as server, google_client(server) as client:
        assert found == await read_by_google(client)


async def test_googles_client_lists_what_panvox_lists() -> None:
    wire = json.dumps({**json.loads((FOLDER / "gemini" / "models.json").read_bytes()), "nextPageToken": ""})
    async with serving(wire.encode(), "application/json") as server, google_client(server) as client:
        theirs = [model async for model in await client.aio.models.list()]
    ours = Gemini().listings(wire.encode()).listings
    assert [(m.name, m.display_name, m.input_token_limit, m.output_token_limit) for m in theirs] == [
        (f"models/{listing.id}", listing.name, listing.context, listing.max_output) for listing in ours
    ]
    assert [listing.kind == "chat" for listing in ours if listing.kind != "tts"] == [
        "generateContent" in (model.supported_actions or [])
        for model in theirs
        if "tts" not in (model.name or "")
    ]


# --- Ollama ----------------------------------------------------------------------------------------

MESSAGES: list[dict[str, object]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is it?", "images": [PNG]},
    {
        "role": "assistant",
        "tool_calls": [{"function": {"name": "wetter", "arguments": {"ort": "Paris"}}}],
    },
    {"role": "tool", "content": "sunny", "tool_name": "wetter"},
    {"role": "user", "content": "And now?"},
]


def ollama_client(server: HostileServer) -> ollama.AsyncClient:
    return ollama.AsyncClient(host=address(server), headers={"Authorization": "Bearer secret"})


async def read_by_ollama(client: ollama.AsyncClient) -> Answer:
    """What Ollama's client makes of the server's answer, in panvox's words."""
    said, thought, calls = "", "", []
    function: dict[str, object] = {
        "name": "wetter",
        "description": "Tells the weather.",
        "parameters": PARAMETERS,
    }
    last: ollama.ChatResponse | None = None
    async for last in await client.chat(
        "qwen3:8b",
        MESSAGES,
        stream=True,
        tools=[{"type": "function", "function": function}],
        format=SCHEMA,
        options={"num_predict": 99, "temperature": 0.5, "top_p": 0.9, "seed": 7, "stop": ["END"]},
    ):
        said += last.message.content or ""
        thought += last.message.thinking or ""
        for call in last.message.tool_calls or ():
            arguments = json.dumps(call.function.arguments, ensure_ascii=False, separators=(",", ":"))
            calls.append(ToolCall("", call.function.name, arguments))
    assert last is not None
    assert (last.done, last.done_reason) == (True, "stop")
    return Answer(
        text=said,
        reasoning=thought,
        tool_calls=tuple(calls),
        finish=Finish.TOOL_CALLS if calls else Finish.STOP,
        usage=Usage(prompt_tokens=last.prompt_eval_count or 0, completion_tokens=last.eval_count or 0),
        model=last.model or "",
    )


@pytest.mark.parametrize("name", ["thinking.ndjson", "tools.ndjson"])
async def test_ollamas_client_reads_what_panvox_reads_and_asks_as_panvox_asks(name: str) -> None:
    async with serving((FOLDER / "ollama" / name).read_bytes(), "application/x-ndjson") as server:
        async with ollama_client(server) as client:
            expected = await read_by_ollama(client)
        found = await asked(Ollama(), server, address(server), PROMPT, "qwen3:8b")
    nameless = tuple(
        msgspec.structs.replace(call, id="") for call in found.tool_calls
    )  # as the client has them
    assert msgspec.structs.replace(found, tool_calls=nameless) == expected
    theirs, ours = server.requests
    assert (ours.method, ours.target) == (theirs.method, theirs.target)
    assert ours.headers["authorization"] == theirs.headers["authorization"] == "Bearer secret"
    assert body_of(ours) == {**body_of(theirs), "truncate": False, "shift": False}


async def test_ollamas_client_lists_and_shows_what_panvox_does() -> None:
    tags, show = ((FOLDER / "ollama" / name).read_bytes() for name in ("tags.json", "show.json"))
    async with serving(tags, "application/json") as server, ollama_client(server) as client:
        listed = await client.list()
    async with serving(show, "application/json") as server, ollama_client(server) as client:
        shown = await client.show("qwen3:8b")
    ours = Ollama().listings(tags).listings
    assert [(m.model, m.details and m.details.family) for m in listed.models] == [
        (listing.id, listing.family) for listing in ours
    ]
    assert [m.size for m in listed.models][:2] == [listing.bytes for listing in ours][:2]
    detailed = Ollama().detailed(ours[0], show)
    assert detailed.context == (shown.modelinfo or {})["qwen3.context_length"]
    assert shown.capabilities == ["completion", "tools", "thinking"]
    assert set(detailed.capabilities) == {"text", "tools", "reasoning"}


async def test_ollamas_client_fails_where_panvox_fails() -> None:
    line = (FOLDER / "ollama" / "thinking.ndjson").read_bytes().splitlines(keepends=True)[2]
    async with serving(line + b'{"error": "unexpected EOF"}\n', "application/x-ndjson") as server:
        async with ollama_client(server) as client:
            with pytest.raises(ollama.ResponseError, match="unexpected EOF"):
                await read_by_ollama(client)
        with pytest.raises(Failure, match="unexpected EOF"):
            await asked(Ollama(), server, address(server), PROMPT, "qwen3:8b")
