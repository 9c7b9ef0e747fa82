"""What tests of all dialects must know of each: its streams, its words, its headers and its lists."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from panvox.errors import Category
from panvox.messages import Answer, Finish
from tests.wire import FOLDER, anthropic_deviations, chunk, data, deviations, responses_deviations, stream
from tests.wire import gemini as google
from tests.wire import ollama as lines
from tests.wire.gemini import deviations as gemini_deviations
from tests.wire.ollama import deviations as ollama_deviations


class Spoken(NamedTuple):
    """One dialect.

    - `recorded`: streams as servers sent them. `answers`: further replies, with what they spell.
    - `failures`: replies that are no answer, with what they mean and a part of what is said of it.
    - `all_said`: what a recorded stream must have got to before its end can be taken for one. Only the
      responses of OpenAI and the arrays of Google say themselves that they are over; elsewhere a reason to
      stop is enough, since many servers forget the mark that should follow.
    - `pieces`: pieces of streams. `fields`: names of its JSON. `kinds`: its words for what a piece is.
    - `calls`: an event with calls, which go between the two.
    - `key_header`: where the key goes. `tools`: whether it has words for tools and schemas.
    - `models`: the field of a list that holds the models; `name`: that of a model with its name.
    """

    recorded: Mapping[str, bytes]
    answers: Mapping[str, tuple[bytes, Answer]]
    failures: Mapping[str, tuple[bytes, Category, str]]
    all_said: re.Pattern[bytes]
    pieces: tuple[bytes, ...]
    fields: str
    calls: tuple[bytes, bytes, bytes]
    kinds: str = ""
    key_header: str = "Authorization"
    tools: bool = True
    models: str = "data"
    name: str = "id"

    @property
    def wires(self) -> Mapping[str, bytes]:
        """All replies."""
        read = {name: wire for name, (wire, _) in self.answers.items()}
        failing = {name: wire for name, (wire, _, _) in self.failures.items()}
        return {**self.recorded, **read, **failing}

    def item(self, name: str, **more: object) -> dict[str, object]:
        """A model in a list."""
        return {"type": "model", **more, self.name: name}

    def listed(self, *items: object) -> bytes:
        """A list of models."""
        return json.dumps({self.models: items}).encode()


def _recorded(pattern: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(FOLDER.glob(pattern))}


_OPENAI_FIELDS = """
    choices delta message content reasoning_details tool_calls function id name arguments index usage error
    code metadata raw details x_groq finish_reason type text thinking cost object completion_tokens refusal
"""
_OPENAI_CALLS = (b'data: {"choices": [{"delta": {"tool_calls": [', b'{"id": "%d"}', b"]}}]}\n\n")
_OPENAI_SAID = rb'"finish_reason": ?"[^"]+"[^\r\n]*'
_WHOLE = {"choices": [{"message": {"role": "assistant", "content": "Hi ✔"}, "finish_reason": "stop"}]}

SPOKEN: Mapping[str, Spoken] = {
    "openai": Spoken(
        recorded=_recorded("*.sse"),
        answers={
            **deviations.DEVIATIONS,
            "whole": (json.dumps(_WHOLE).encode(), Answer(text="Hi ✔", finish=Finish.STOP)),
        },
        failures=deviations.FAILURES,
        all_said=re.compile(_OPENAI_SAID),
        pieces=(data(chunk(content="Hi")), data(chunk("stop")), b'{"choices":[{"delta":', b'{"content":"x"}'),
        fields=_OPENAI_FIELDS,
        calls=_OPENAI_CALLS,
    ),
    "responses": Spoken(
        recorded=_recorded("responses/*.sse"),
        answers=responses_deviations.DEVIATIONS,
        failures=responses_deviations.FAILURES,
        all_said=re.compile(rb'"type": ?"response\.(?:completed|incomplete)"[^\r\n]*'),
        pieces=(responses_deviations.HI, responses_deviations.START, responses_deviations.END),
        fields="""
            type output_index content_index summary_index item_id delta text item part response status output
            content summary arguments call_id name refusal usage input_tokens output_tokens_details error code
            message incomplete_details
        """,
        calls=(
            b'data: {"type": "response.failed", "response": {"error": {"message": "x"}, "output": [',
            b'{"type": "function_call", "call_id": "%d"}',
            b"]}}\n\n",
        ),
        kinds="""
            response.created response.completed response.incomplete response.failed response.output_item.added
            response.output_item.done response.output_text.delta response.output_text.done
            response.refusal.delta response.function_call_arguments.delta
            response.reasoning_summary_text.delta error message function_call reasoning output_text completed
            in_progress
        """,
    ),
    "anthropic": Spoken(
        recorded=_recorded("anthropic/*.sse"),
        answers=anthropic_deviations.DEVIATIONS,
        failures=anthropic_deviations.FAILURES,
        all_said=re.compile(rb'"stop_reason": ?"[^"]+"[^\r\n]*'),
        pieces=(
            anthropic_deviations.TEXT,
            anthropic_deviations.START,
            anthropic_deviations.STOP,
            anthropic_deviations.END,
        ),
        fields="""
            type index delta content_block message usage error details error_code text thinking partial_json
            id name input content model stop_reason stop_details explanation category input_tokens
            output_tokens output_tokens_details
        """,
        calls=(
            b'data: {"type": "message", "content": [',
            b'{"type": "tool_use", "id": "%d"}',
            b"]}\n\n",
        ),
        kinds="""
            message_start content_block_start content_block_delta content_block_stop message_delta
            message_stop message error ping text text_delta tool_use thinking input_json_delta refusal
            end_turn
        """,
        key_header="x-api-key",
    ),
    "gemini": Spoken(
        recorded=_recorded("gemini/t*"),
        answers=gemini_deviations.DEVIATIONS,
        failures=gemini_deviations.FAILURES,
        all_said=re.compile(rb'data: [^\r\n]*"finishReason": ?"[^"]+"[^\r\n]*|\](?=\s*\Z)'),
        pieces=(
            data(google.event("Hi")),
            data(google.event("", finish="STOP")),
            google.array(google.event("Hi")),
            b'[{"candidates":[',
        ),
        fields="""
            candidates content parts text thought functionCall name args id index finishReason finishMessage
            promptFeedback blockReason usageMetadata promptTokenCount thoughtsTokenCount modelVersion error
            code message status details reason violations quotaId quotaValue retryDelay
        """,
        calls=(
            b'data: {"candidates": [{"content": {"parts": [',
            b'{"functionCall": {"name": "%d"}}',
            b"]}}]}\n\n",
        ),
        kinds="STOP OTHER SAFETY",
        key_header="x-goog-api-key",
        models="models",
        name="name",
    ),
    "ollama": Spoken(
        recorded=_recorded("ollama/*.ndjson"),
        answers=ollama_deviations.DEVIATIONS,
        failures=ollama_deviations.FAILURES,
        all_said=re.compile(rb'"done": ?true[^\r\n]*'),
        pieces=(lines.stream(lines.line("Hi")), lines.stream(lines.done()), b'{"message":{"content":"x'),
        fields="""
            model message content thinking tool_calls function name arguments id done done_reason eval_count
            prompt_eval_count error signin_url code response
        """,
        calls=(b'{"message": {"tool_calls": [', b'{"function": {"name": "%d"}}', b"]}}\n"),
        models="models",
        name="name",
    ),
    "cherry": Spoken(
        recorded={
            "whole": '{"text": "<think>hm</think>Grüße 🎉", "usage": {"total_tokens": 5}}'.encode(),
            "stream": data({"text": "H"}) + data({"text": "i"}) + data({"text": "", "finish_reason": "stop"}),
            "stream of OpenAI": stream(chunk(content="Hi"), chunk("stop")),
        },
        answers=deviations.DEVIATIONS,
        failures=deviations.FAILURES,
        all_said=re.compile(_OPENAI_SAID + rb"|\}\Z"),
        pieces=(data({"text": "Hi"}), data({"finish_reason": "stop"}), data(chunk(content="Hi"))),
        fields=_OPENAI_FIELDS + " total_tokens",
        calls=_OPENAI_CALLS,
        tools=False,
        models="models",
    ),
}
"""Every dialect by its name."""
