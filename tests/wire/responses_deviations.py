"""Responses that deviate, with the answer they spell, and streams that are none, with the failure they mean.

One row for each deviation that is known of servers which offer the responses dialect, and one for each thing
that the dialect allows and few streams have.
"""

from __future__ import annotations

from collections.abc import Sequence

from panvox.errors import Category
from panvox.messages import Answer, Finish, ToolCall, Usage
from tests.wire import data, named

USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
COUNTED = Usage(prompt_tokens=3, completion_tokens=2)


def answer(text: str = "Hi", **fields: object) -> Answer:
    base = {"text": text, "finish": Finish.STOP, "model": "m-1", "usage": COUNTED}
    return Answer(**{**base, **fields})  # type: ignore[arg-type]  # a table


def response(status: str = "completed", output: Sequence[object] = (), **fields: object) -> dict[str, object]:
    usage = None if status == "in_progress" else USAGE
    head = {"id": "resp_1", "object": "response", "status": status, "model": "m-1", "output": output}
    return {**head, "error": None, "incomplete_details": None, "usage": usage, **fields}


def event(kind: str, place: int = 0, /, **fields: object) -> bytes:
    return named(f"response.{kind}", output_index=place, **fields)


def delta(words: str = "Hi", place: int = 0, /, **fields: object) -> bytes:
    return event("output_text.delta", place, **{"content_index": 0, "delta": words, **fields})


def ended(status: str = "completed", output: Sequence[object] = (), /, **fields: object) -> bytes:
    return named(f"response.{status}", response=response(status, output, **fields))


def message(*content: object) -> dict[str, object]:
    return {"type": "message", "role": "assistant", "content": content}


def said(words: str = "Hi") -> dict[str, object]:
    return {"type": "output_text", "text": words, "annotations": []}


def tool(place: int = 0, step: str = "added", /, **fields: object) -> bytes:
    item = {"type": "function_call", "id": "fc", "call_id": "a", "name": "look", "arguments": "", **fields}
    return event(f"output_item.{step}", place, item=item)


def arguments(text: str, place: int = 0) -> bytes:
    return event("function_call_arguments.delta", place, delta=text)


START, END = named("response.created", response=response("in_progress")), ended()
HI = delta()
LOOKED = answer("", tool_calls=(ToolCall("a", "look", '{"at": 1}'),), finish=Finish.TOOL_CALLS)
THOUGHT = answer(reasoning="hm")

DEVIATIONS: dict[str, tuple[bytes, Answer]] = {
    "none": (START + HI + END, answer()),
    "no event names": (
        b"".join(line + b"\n" for line in (START + HI + END).split(b"\n") if line[:5] != b"event"),
        answer(),
    ),
    "no types beside the names": ((START + HI + END).replace(b'"type": "resp', b'"kind": "resp'), answer()),
    "carriage returns": ((START + HI + END).replace(b"\n", b"\r\n"), answer()),
    "no space after the colon": ((START + HI + END).replace(b": ", b":"), answer()),
    "no blank line at the end": ((START + HI + END).rstrip(), answer()),
    "more after the end": (START + HI + END + HI + b"rubbish", answer()),
    "[DONE] after the end": (START + HI + END + b"data: [DONE]\n\n", answer()),
    "[DONE] instead of the end": (
        START + HI + b"data: [DONE]\n\n",
        answer(finish=Finish.OTHER, usage=None),
    ),
    "keep-alive events": (
        b'event: keepalive\ndata: {"type": "keepalive", "sequence_number": 3}\n\n: \n\n' + START + HI + END,
        answer(),
    ),
    "unknown events and items": (
        START
        + event("output_item.added", item={"type": "hologram", "id": "h"})
        + event("hologram.delta", delta="no")
        + event("mcp_call_arguments.delta", delta="no")
        + event("output_item.done", item=5)
        + delta("Hi", 1)
        + END,
        answer(),
    ),
    "fields of wrong types": (
        named("response.created", response=5)
        + named("response.output_item.added", output_index={}, item=[])
        + named("response.output_text.delta", output_index=[], content_index="x", delta=5)
        + named("response.output_text.delta", output_index=None, item_id=5, delta="Hi")
        + named("response.completed", response={"usage": [], "output": {}, "status": 5, "model": None}),
        answer(model="", usage=None),
    ),
    "the end without a status": (
        START + HI + named("response.completed", response={"usage": USAGE}),
        answer(),
    ),
    "the end without a response": (
        START + HI + named("response.completed"),
        answer(usage=None),
    ),
    "invalid UTF-8": (START + HI.replace(b"Hi", b"H\xffi") + END, answer("H\ufffdi")),
    "two messages": (START + delta("Hi, ") + delta("you.", 1) + END, answer("Hi, you.")),
    "text that is repeated when it ends": (
        START
        + HI
        + event("output_text.done", content_index=0, text="Hi")
        + ended("completed", [message(said())]),
        answer(),
    ),
    "text that only comes when it ends": (
        START + event("output_text.done", content_index=0, text="Hi") + ended("completed", [message(said())]),
        answer(),
    ),
    "text that only comes with the end": (START + ended("completed", [message(said())]), answer()),
    "items without a place": (
        START
        + named("response.output_text.delta", item_id="msg_1", delta="Hi")
        + named("response.output_text.done", item_id="msg_1", text="Hi")
        + ended("completed", [message(said())]),
        answer(),
    ),
    "thinking in a summary": (
        START
        + event("reasoning_summary_part.added", summary_index=0, part={"type": "summary_text", "text": ""})
        + event("reasoning_summary_text.delta", summary_index=0, delta="h")
        + event("reasoning_summary_text.delta", summary_index=0, delta="m")
        + event("reasoning_summary_text.done", summary_index=0, text="hm")
        + delta("Hi", 1)
        + END,
        THOUGHT,
    ),
    "thinking in a summary of two parts": (
        START
        + event("reasoning_summary_text.delta", summary_index=0, delta="h")
        + event("reasoning_summary_part.added", summary_index=1, part={"type": "summary_text", "text": ""})
        + event("reasoning_summary_text.delta", summary_index=1, delta="m")
        + delta("Hi", 1)
        + END,
        answer(reasoning="h\n\nm"),
    ),
    "thinking as it is": (
        START + event("reasoning_text.delta", content_index=0, delta="hm") + delta("Hi", 1) + END,
        THOUGHT,
    ),
    "thinking in both forms": (
        START
        + event("reasoning_text.delta", content_index=0, delta="hm")
        + event("reasoning_summary_text.delta", summary_index=0, delta="It thought.")
        + delta("Hi", 1)
        + END,
        THOUGHT,
    ),
    "thinking in tags": (START + delta("<think>hm</think>Hi") + END, THOUGHT),
    "a call in pieces": (
        START
        + tool()
        + arguments('{"at"')
        + arguments(": 1}")
        + event("function_call_arguments.done", arguments='{"at": 1}')
        + tool(0, "done", arguments='{"at": 1}')
        + END,
        LOOKED,
    ),
    "a call of which the arguments come when they end": (
        START + tool() + event("function_call_arguments.done", arguments='{"at": 1}') + END,
        LOOKED,
    ),
    "a call that only comes when it ends": (START + tool(0, "done", arguments='{"at": 1}') + END, LOOKED),
    "a call whose arguments come before it": (
        START + arguments('{"at": 1}') + tool(0, "done", arguments='{"at": 1}') + END,
        LOOKED,
    ),
    "a call that only comes with the end": (
        START
        + ended(
            "completed",
            [{"type": "function_call", "call_id": "a", "name": "look", "arguments": '{"at": 1}'}],
        ),
        LOOKED,
    ),
    "two calls in turns": (
        START
        + tool()
        + tool(1, call_id="b", name="hear")
        + arguments("{", 1)
        + arguments('{"at": 1}', 0)
        + arguments("}", 1)
        + END,
        answer(
            "",
            tool_calls=(ToolCall("a", "look", '{"at": 1}'), ToolCall("b", "hear", "{}")),
            finish=Finish.TOOL_CALLS,
        ),
    ),
    "the limit": (
        START + HI + ended("incomplete", incomplete_details={"reason": "max_output_tokens"}),
        answer(finish=Finish.LENGTH),
    ),
    "the filter, after text": (
        START + HI + ended("incomplete", incomplete_details={"reason": "content_filter"}),
        answer(finish=Finish.FILTERED),
    ),
    "incomplete for an unknown reason": (
        START + HI + ended("incomplete", incomplete_details={"reason": "tired"}),
        answer(finish=Finish.OTHER),
    ),
    "incomplete without a reason": (START + HI + ended("incomplete"), answer(finish=Finish.OTHER)),
    "usage with details": (
        START
        + HI
        + ended(
            usage={
                "input_tokens": 9,
                "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
                "output_tokens": 8,
                "output_tokens_details": {"reasoning_tokens": 5},
            }
        ),
        answer(
            usage=Usage(prompt_tokens=9, completion_tokens=8, cached_tokens=4, reasoning_tokens=5),
        ),
    ),
    "usage of nonsense": (
        START + HI + ended(usage={"input_tokens": -1, "output_tokens": "x", "input_tokens_details": 5}),
        answer(usage=Usage()),
    ),
}

BROKE = {"code": "server_error", "message": "It broke"}
QUOTA = {"type": "insufficient_quota", "code": "insufficient_quota", "message": "You exceeded", "param": None}

FAILURES: dict[str, tuple[bytes, Category, str]] = {
    "closed at once": (b"", Category.TRUNCATED, "before anything"),
    "closed after the start": (START, Category.TRUNCATED, "without saying"),
    "closed after the text": (START + HI, Category.TRUNCATED, "without saying"),
    "closed after the text has ended": (
        START + HI + event("output_text.done", content_index=0, text="Hi"),
        Category.TRUNCATED,
        "without saying",
    ),
    "closed inside of the end": (START + HI + END[:-30], Category.TRUNCATED, "without saying"),
    "nothing but the end": (START + END, Category.EMPTY, "without text"),
    "blank text": (START + delta(" \n") + END, Category.EMPTY, "without text"),
    "only thinking that is not shown": (
        START + event("output_item.added", item={"type": "reasoning", "summary": []}) + END,
        Category.EMPTY,
        "2 tokens on reasoning and ended",
    ),
    "only thinking, then the limit": (
        START
        + event("reasoning_text.delta", content_index=0, delta="hm")
        + ended("incomplete", incomplete_details={"reason": "max_output_tokens"}),
        Category.EMPTY,
        "2 tokens on reasoning and reached its limit",
    ),
    "filtered at once": (
        START + ended("incomplete", incomplete_details={"reason": "content_filter"}),
        Category.REFUSED,
        "filter withheld",
    ),
    "refused in pieces": (
        START
        + event("refusal.delta", content_index=0, delta="I can")
        + event("refusal.delta", content_index=0, delta="not.")
        + event("refusal.done", content_index=0, refusal="I cannot.")
        + END,
        Category.REFUSED,
        "I cannot.",
    ),
    "refused at the end": (
        START + ended("completed", [message({"type": "refusal", "refusal": "I cannot."})]),
        Category.REFUSED,
        "I cannot.",
    ),
    "failed": (START + HI + ended("failed", error=BROKE), Category.OVERLOADED, "It broke"),
    "failed without a reason": (START + HI + ended("failed"), Category.OVERLOADED, "broke the answer off"),
    "failed for money": (START + ended("failed", error=QUOTA), Category.OUT_OF_MONEY, "You exceeded"),
    "failed for the rate": (
        START
        + ended(
            "failed",
            error={"code": "rate_limit_exceeded", "message": "Rate limit reached. Try again in 1m30s."},
        ),
        Category.RATE_LIMITED,
        "Rate limit reached",
    ),
    "failed for a policy": (
        START + ended("failed", error={"code": "bio_policy", "message": "Not this"}),
        Category.REFUSED,
        "Not this",
    ),
    "failed for a picture": (
        START + ended("failed", error={"code": "image_too_large", "message": "Too many pixels"}),
        Category.INVALID_REQUEST,
        "Too many pixels",
    ),
    "cancelled": (START + HI + ended("cancelled"), Category.OVERLOADED, "cancelled"),
    "an error": (
        START + HI + named("error", code="server_error", message="It broke", param=None, sequence_number=2),
        Category.OVERLOADED,
        "It broke",
    ),
    "an error in an error": (START + named("error", error=QUOTA), Category.OUT_OF_MONEY, "You exceeded"),
    "an error that only its type names": (
        START
        + data({"type": "error", "code": "context_length_exceeded", "message": "Your input is too long"}),
        Category.TOO_LARGE,
        "input is too long",
    ),
    "an error without a type": (
        data({"error": {"message": "It broke", "code": 503}}),
        Category.OVERLOADED,
        "It",
    ),
    "an error that is text": (START + b"event: error\ndata: it broke\n\n", Category.OVERLOADED, "it broke"),
    "not JSON": (START + b"data: Internal <b>Error\n\n", Category.MALFORMED, "Internal <b>Error"),
    "a number": (START + b"data: 5\n\n", Category.MALFORMED, "not a JSON object: 5"),
    "nested too deeply": (b"data: " + b'{"a":' * 100_000 + b"\n\n", Category.MALFORMED, "not a JSON object"),
    "a page": (b"<html><title>Log in</title>", Category.MALFORMED, "a page titled 'Log in'"),
    "chunks of another dialect": (
        data({"object": "chat.completion.chunk", "choices": [{"delta": {"content": "Hi"}}]}),
        Category.TRUNCATED,
        "without saying",
    ),
}
