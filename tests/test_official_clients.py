"""The official clients as judges: what they read in the same bytes, and what they would send themselves."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2
import msgspec
import openai
import pytest
from anthropic.types import Message as AnthropicMessage
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from openai.types.responses import Response
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import TypeAdapter

from panvox.dialects.anthropic import Anthropic
from panvox.dialects.responses import Responses
from panvox.messages import (
    Answer,
    Finish,
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
from tests.wire import FOLDER, decode, fold
from tests.wire import anthropic_deviations as messages

ANTHROPIC_FINISHES = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "tool_use": Finish.TOOL_CALLS,
}
RECORDED = {
    kind: {path.stem: path.read_bytes() for path in sorted((FOLDER / kind).glob("*.sse"))}
    for kind in ("anthropic", "responses")
}
RECORDED["anthropic"] |= {
    name: messages.DEVIATIONS[name][0]
    for name in (
        "none",
        "two texts",
        "citations",
        "a call in pieces",
        "cached tokens, which count",
        "max_tokens",
    )
}


def serving(body: bytes, content_type: str) -> httpx2.Client:
    """An HTTP client that is answered with these bytes."""
    headers = {"Content-Type": content_type}
    return httpx2.Client(
        transport=httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, content=body))
    )


def claude(body: bytes, content_type: str = "text/event-stream") -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="k", http_client=serving(body, content_type), max_retries=0)


def gpt(body: bytes) -> openai.OpenAI:
    return openai.OpenAI(api_key="k", http_client=serving(body, "text/event-stream"), max_retries=0)


def read_message(message: AnthropicMessage) -> Answer:
    """The answer that Anthropic's client found."""
    blocks, usage = message.content, message.usage
    written = (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)
    details = usage.output_tokens_details
    return Answer(
        text="".join(block.text for block in blocks if block.type == "text"),
        reasoning="".join(block.thinking for block in blocks if block.type == "thinking"),
        tool_calls=tuple(
            ToolCall(block.id, block.name, json.dumps(block.input))
            for block in blocks
            if block.type == "tool_use"
        ),
        finish=ANTHROPIC_FINISHES[message.stop_reason or ""],
        usage=Usage(
            prompt_tokens=usage.input_tokens + written,
            completion_tokens=usage.output_tokens,
            cached_tokens=usage.cache_read_input_tokens or 0,
            reasoning_tokens=details.thinking_tokens if details else 0,
        ),
        model=message.model,
    )


def read_response(response: Response) -> Answer:
    """The answer that OpenAI's client found."""
    calls = [item for item in response.output if item.type == "function_call"]
    thoughts = [item.summary for item in response.output if item.type == "reasoning"]
    usage = response.usage
    assert usage is not None
    finished = Finish.TOOL_CALLS if calls else Finish.STOP
    return Answer(
        text=response.output_text,
        reasoning="\n\n".join(part.text for summary in thoughts for part in summary),
        tool_calls=tuple(ToolCall(call.call_id, call.name, call.arguments) for call in calls),
        finish=finished if response.status == "completed" else Finish.LENGTH,
        usage=Usage(
            prompt_tokens=usage.input_tokens,
            completion_tokens=usage.output_tokens,
            cached_tokens=usage.input_tokens_details.cached_tokens,
            reasoning_tokens=usage.output_tokens_details.reasoning_tokens,
        ),
        model=response.model,
    )


def respelled(answer: Answer) -> Answer:
    """The answer with the arguments of its calls as JSON is written here."""
    calls = tuple(
        ToolCall(call.id, call.name, json.dumps(json.loads(call.arguments))) for call in answer.tool_calls
    )
    return msgspec.structs.replace(answer, tool_calls=calls)


ASKED: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Paris?"}]}


@pytest.mark.parametrize("name", RECORDED["anthropic"])
def test_a_stream_is_read_as_anthropics_client_reads_it(name: str) -> None:
    wire = RECORDED["anthropic"][name]
    with claude(wire).messages.stream(**ASKED) as stream:
        message = stream.get_final_message()
    events, fault = decode([wire], dialect=Anthropic())
    assert fault is None
    assert respelled(fold(events)) == read_message(message)


@pytest.mark.parametrize("name", RECORDED["anthropic"])
def test_a_whole_message_is_read_as_anthropics_client_reads_it(name: str) -> None:
    with claude(RECORDED["anthropic"][name]).messages.stream(**ASKED) as stream:
        body = stream.get_final_message().to_json().encode()
    message = claude(body, content_type="application/json").messages.create(**ASKED)
    events, fault = decode([body], "application/json", dialect=Anthropic())
    assert fault is None
    assert respelled(fold(events)) == respelled(read_message(message))


@pytest.mark.parametrize("name", RECORDED["responses"])
def test_a_stream_is_read_as_openais_client_reads_it(name: str) -> None:
    wire = RECORDED["responses"][name]
    with gpt(wire).responses.stream(model="m", input="Paris?") as stream:
        response = next(
            event.response for event in stream if hasattr(event, "response") and event.response.usage
        )
    events, fault = decode([wire], dialect=Responses())
    assert fault is None
    assert fold(events) == read_response(response)


def test_an_error_inside_of_a_stream_is_one_for_anthropics_client_too() -> None:
    wire = messages.FAILURES["overloaded after the text"][0]
    with claude(wire).messages.stream(**ASKED) as stream, pytest.raises(anthropic.APIStatusError) as raised:
        stream.get_final_message()
    _, fault = decode([wire], dialect=Anthropic())
    assert fault is not None
    assert (raised.value.api_message, raised.value.type) == (fault.message, fault.code)


LISTED = {
    "type": "model",
    "id": "claude-opus-4-5-20251101",
    "display_name": "Claude Opus 4.5",
    "created_at": "2025-11-24T00:00:00Z",
    "lifecycle": "deprecated",
    "line": "opus",
    "max_input_tokens": 200_000,
    "max_tokens": 64_000,
    "retires_at": "2026-12-01T00:00:00Z",
    "capabilities": {"image_input": {"supported": True}, "thinking": {"supported": False, "types": {}}},
}


def test_a_list_is_read_as_anthropics_client_reads_it() -> None:
    page = {"data": [LISTED], "has_more": True, "first_id": LISTED["id"], "last_id": LISTED["id"]}
    body = json.dumps(page).encode()
    theirs = claude(body, content_type="application/json").models.list(limit=1)
    (model,) = theirs.data
    ours = Anthropic().listings(body)
    (listing,) = ours.listings
    assert (listing.id, listing.name, listing.family) == (model.id, model.display_name, model.line)
    assert (listing.context, listing.max_output) == (model.max_input_tokens, model.max_tokens)
    assert listing.created == model.created_at.timestamp()
    assert model.retires_at is not None
    assert listing.retires == model.retires_at.date().isoformat()
    assert model.capabilities is not None
    assert ("vision" in listing.capabilities) is model.capabilities.image_input.supported
    assert ("reasoning" in listing.denied) is not model.capabilities.thinking.supported
    following = theirs.next_page_info()
    assert following is not None
    assert following.params == {"after_id": ours.more}


PARAMETERS: dict[str, tuple[Any, set[str]]] = {
    # Anthropic's client has no word any more for what models before Claude Opus 4.7 still take.
    "anthropic": (MessageCreateParamsStreaming, {"temperature", "top_p"}),
    "responses": (ResponseCreateParamsStreaming, set()),
}
PROMPT = Prompt(
    messages=(
        Message("system", (TextPart("Be brief."),)),
        Message("user", (TextPart("This:"), ImagePart("data:image/png;base64,AA=="))),
        Message("user", (ImagePart("https://example.org/cat.png"),)),
        Message("assistant", (TextPart("Let me look."), ToolCall("c1", "look", '{"at":1}'))),
        Message("tool", (ToolResult("c1", "a cat"),)),
        Message("user", (TextPart("And?"),)),
    ),
    tools=(Tool("look", "Looks.", '{"type":"object"}'),),
    max_tokens=5,
    temperature=0.5,
    top_p=0.5,
    stop=("\n\n",),
    schema='{"type":"object"}',
)


@pytest.mark.parametrize("prompt", [PROMPT, Prompt.of("Paris?")], ids=["all", "least"])
@pytest.mark.parametrize("dialect", [Anthropic(), Responses()], ids=["anthropic", "responses"])
def test_what_is_sent_has_the_types_of_the_official_client(dialect: Dialect, prompt: Prompt) -> None:
    parameters, more = PARAMETERS[dialect.name]
    body = json.loads(b"".join(dialect.request(prompt, "m", base_url="https://a", key=None).body))
    assert set(body) <= parameters.__annotations__.keys() | more
    TypeAdapter(parameters).validate_python(body)
