"""Messages that deviate, with the answer they spell, and streams that are none, with the failure they mean.

One row for each deviation that is known of servers which offer Anthropic's dialect, and one for each thing
that the dialect allows and few streams have.
"""

from __future__ import annotations

from panvox.errors import Category
from panvox.messages import Answer, Finish, ToolCall, Usage
from tests.wire import named

USAGE = {"input_tokens": 3, "output_tokens": 1}
COUNTED = Usage(prompt_tokens=3, completion_tokens=2)


def answer(text: str = "Hi", **fields: object) -> Answer:
    base = {"text": text, "finish": Finish.STOP, "model": "m-1", "usage": COUNTED}
    return Answer(**{**base, **fields})  # type: ignore[arg-type]  # a table


def start(**fields: object) -> bytes:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "content": []}
    return named("message_start", message={**message, "stop_reason": None, "usage": USAGE, **fields})


def block(index: int = 0, **content: object) -> bytes:
    return named("content_block_start", index=index, content_block=content)


def delta(index: int = 0, **content: object) -> bytes:
    return named("content_block_delta", index=index, delta=content)


def close(index: int = 0) -> bytes:
    return named("content_block_stop", index=index)


def text(words: str = "Hi", index: int = 0) -> bytes:
    begun = block(index, type="text", text="")
    return begun + delta(index, type="text_delta", text=words) + close(index)


def stop(reason: str | None = "end_turn", **fields: object) -> bytes:
    why = {"stop_reason": reason, "stop_sequence": None, **fields}
    return named("message_delta", delta=why, usage={"output_tokens": 2})


def tool(index: int = 0, **fields: object) -> bytes:
    return block(index, **{"type": "tool_use", "id": "a", "name": "look", "input": {}, **fields})


def json_delta(partial: str, index: int = 0) -> bytes:
    return delta(index, type="input_json_delta", partial_json=partial)


START, TEXT, STOP, END = start(), text(), stop(), named("message_stop")
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
LOOKED = answer("", tool_calls=(ToolCall("a", "look", '{"at": 1}'),), finish=Finish.TOOL_CALLS)
CALLED = stop("tool_use") + END

DEVIATIONS: dict[str, tuple[bytes, Answer]] = {
    "none": (START + TEXT + STOP + END, answer()),
    "pings anywhere": (PING + START + PING + TEXT + PING + STOP + PING + END, answer()),
    "no event names": (
        b"".join(line + b"\n" for line in (START + TEXT + STOP + END).split(b"\n") if line[:5] != b"event"),
        answer(),
    ),
    "no types beside the names": (
        (START + TEXT + STOP + END).replace(b'"type": "message_', b'"kind": "message_'),
        answer(),
    ),
    "carriage returns": ((START + TEXT + STOP + END).replace(b"\n", b"\r\n"), answer()),
    "no space after the colon": ((START + TEXT + STOP + END).replace(b": ", b":"), answer()),
    "no message_stop": (START + TEXT + STOP, answer()),
    "no message_stop, and cut off after the reason": (START + TEXT + STOP + END[:20], answer()),
    "no blank line at the end": ((START + TEXT + STOP + END).rstrip(), answer()),
    "more after message_stop": (START + TEXT + STOP + END + TEXT + b"rubbish", answer()),
    "no reason but message_stop": (
        START + TEXT + END,
        answer(finish=Finish.OTHER, usage=Usage(prompt_tokens=3, completion_tokens=1)),
    ),
    "a reason that is null, then one": (START + TEXT + stop(None) + STOP + END, answer()),
    "unknown events, blocks and deltas": (
        START
        + named("content_block_begin", index=0)
        + block(0, type="hologram", text="no")
        + delta(0, type="hologram_delta", text="no")
        + close(0)
        + text(index=1)
        + delta(1, type="compaction_delta", content="no")
        + STOP
        + END,
        answer(),
    ),
    "text at the beginning of its block": (
        START + block(type="text", text="H") + delta(type="text_delta", text="i") + close() + STOP + END,
        answer(),
    ),
    "two texts": (START + text("Hi, ") + text("you.", 1) + STOP + END, answer("Hi, you.")),
    "empty deltas": (
        START
        + block(type="text", text="")
        + delta(type="text_delta", text="")
        + delta(type="text_delta", text="Hi")
        + delta(type="text_delta")
        + STOP
        + END,
        answer(),
    ),
    "fields of wrong types": (
        named("message_start", message=5)
        + named("content_block_start", index=[], content_block="text")
        + named("content_block_delta", index="0", delta={"type": "text_delta", "text": 5})
        + named("content_block_delta", index=None, delta={"type": "text_delta", "text": "Hi"})
        + named("content_block_stop", index={})
        + named("message_delta", delta={"stop_reason": "end_turn"}, usage=[1])
        + END,
        answer(model="", usage=None),
    ),
    "invalid UTF-8": (START + TEXT.replace(b"Hi", b"H\xffi") + STOP + END, answer("H\ufffdi")),
    "thinking": (
        START
        + block(type="thinking", thinking="h", signature="")
        + delta(type="thinking_delta", thinking="m")
        + delta(type="signature_delta", signature="EqQB")
        + close()
        + block(1, type="redacted_thinking", data="EmwK")
        + close(1)
        + text(index=2)
        + STOP
        + END,
        answer(reasoning="hm"),
    ),
    "thinking in tags": (START + text("<think>hm</think>Hi") + STOP + END, answer(reasoning="hm")),
    "citations": (
        START
        + block(type="text", text="", citations=[])
        + delta(type="citations_delta", citation={"type": "char_location", "cited_text": "Ho"})
        + delta(type="text_delta", text="Hi")
        + STOP
        + END,
        answer(),
    ),
    "a call in pieces": (
        START + tool() + json_delta("") + json_delta('{"at"') + json_delta(": 1}") + close() + CALLED,
        LOOKED,
    ),
    "a call of which the arguments come at the beginning": (
        START + tool(input={"at": 1}) + close() + CALLED,
        LOOKED,
    ),
    "a call of which the arguments come twice": (
        START + tool(input={"at": 2}) + json_delta('{"at": 1}') + close() + CALLED,
        LOOKED,
    ),
    "a call of which the arguments are text": (START + tool(input='{"at": 1}') + CALLED, LOOKED),
    "a call without arguments": (
        START + tool() + json_delta("") + close() + CALLED,
        answer("", tool_calls=(ToolCall("a", "look", "{}"),), finish=Finish.TOOL_CALLS),
    ),
    "a call whose block never ends": (START + tool(input={"at": 1}) + CALLED, LOOKED),
    "calls without an index": (
        START
        + named("content_block_start", content_block={"type": "tool_use", "id": "a", "name": "look"})
        + named("content_block_delta", delta={"type": "input_json_delta", "partial_json": "[]"})
        + named("content_block_start", content_block={"type": "tool_use", "id": "b", "name": "hear"})
        + named("content_block_stop")
        + CALLED,
        answer(
            "",
            tool_calls=(ToolCall("a", "look", "[]"), ToolCall("b", "hear", "{}")),
            finish=Finish.TOOL_CALLS,
        ),
    ),
    "a call of the provider's own tool": (
        START
        + block(0, type="server_tool_use", id="s", name="web_search", input={})
        + json_delta('{"query": "x"}', 0)
        + close(0)
        + block(1, type="web_search_tool_result", tool_use_id="s", content=[])
        + close(1)
        + text(index=2)
        + STOP
        + END,
        answer(),
    ),
    "a pause": (START + TEXT + stop("pause_turn") + END, answer(finish=Finish.OTHER)),
    "a stop sequence": (START + TEXT + stop("stop_sequence", stop_sequence="\n") + END, answer()),
    "max_tokens": (START + TEXT + stop("max_tokens") + END, answer(finish=Finish.LENGTH)),
    "the window is full": (
        START + TEXT + stop("model_context_window_exceeded") + END,
        answer(finish=Finish.LENGTH),
    ),
    "an unknown reason": (START + TEXT + stop("tired") + END, answer(finish=Finish.OTHER)),
    "cached tokens, which count": (
        start(
            usage={
                "input_tokens": 3,
                "cache_creation_input_tokens": 10,
                "cache_read_input_tokens": 100,
                "output_tokens": 1,
            }
        )
        + TEXT
        + STOP
        + END,
        answer(usage=Usage(prompt_tokens=113, completion_tokens=2, cached_tokens=100)),
    ),
    "all usage in the last report": (
        start(usage=None)
        + TEXT
        + named(
            "message_delta",
            delta={"stop_reason": "end_turn"},
            usage={"input_tokens": 3, "output_tokens": 2, "output_tokens_details": {"thinking_tokens": 1}},
        )
        + END,
        answer(usage=Usage(prompt_tokens=3, completion_tokens=2, reasoning_tokens=1)),
    ),
    "zeros at last": (
        START
        + TEXT
        + named(
            "message_delta",
            delta={"stop_reason": "end_turn"},
            usage={"input_tokens": 0, "cache_read_input_tokens": None, "output_tokens": 2},
        )
        + END,
        answer(),
    ),
    "usage of nonsense": (
        start(usage={"input_tokens": -1, "output_tokens": "x", "cache_read_input_tokens": []})
        + TEXT
        + named("message_delta", delta={"stop_reason": "end_turn"}, usage="none")
        + END,
        answer(usage=None),
    ),
    "the whole message in one event": (
        named(
            "message",
            model="m-1",
            content=[{"type": "text", "text": "Hi"}],
            stop_reason="end_turn",
            usage={"input_tokens": 3, "output_tokens": 2},
        ),
        answer(),
    ),
}

OVERLOADED = {"type": "overloaded_error", "message": "Overloaded"}
LONG = {"type": "invalid_request_error", "message": "prompt is too long: 208310 tokens > 200000 maximum"}
DETAILS = {"type": "refusal", "category": "cyber", "explanation": "This could be used for an attack."}

FAILURES: dict[str, tuple[bytes, Category, str]] = {
    "closed at once": (b"", Category.TRUNCATED, "before anything"),
    "closed after the start": (START, Category.TRUNCATED, "without saying"),
    "closed after pings": (PING, Category.TRUNCATED, "without saying"),
    "closed after the text": (START + TEXT, Category.TRUNCATED, "without saying"),
    "closed inside of the reason": (START + TEXT + STOP[:-30], Category.TRUNCATED, "without saying"),
    "closed after a reason that is null": (START + TEXT + stop(None), Category.TRUNCATED, "without saying"),
    "closed after a call": (START + tool(input={"at": 1}) + close(), Category.TRUNCATED, "without saying"),
    "nothing but the end": (START + STOP + END, Category.EMPTY, "without text"),
    "blank text": (START + text(" \n") + STOP + END, Category.EMPTY, "without text"),
    "only thinking": (
        START + block(type="thinking", thinking="hm") + STOP + END,
        Category.EMPTY,
        "2 tokens on reasoning and ended",
    ),
    "only thinking that is not shown, then the limit": (
        START + block(type="redacted_thinking", data="EmwK") + stop("max_tokens") + END,
        Category.EMPTY,
        "2 tokens on reasoning and reached its limit",
    ),
    "refused with an explanation": (
        START + TEXT + stop("refusal", stop_details=DETAILS) + END,
        Category.REFUSED,
        "could be used for an attack",
    ),
    "refused with a category": (
        START + stop("refusal", stop_details={"type": "refusal", "category": "bio"}) + END,
        Category.REFUSED,
        "(bio)",
    ),
    "refused without a word": (START + stop("refusal", stop_details=None), Category.REFUSED, "declined"),
    "overloaded after the text": (
        START + TEXT + named("error", error=OVERLOADED),
        Category.OVERLOADED,
        "Overloaded",
    ),
    "overloaded after the reason": (
        START + TEXT + STOP + named("error", error=OVERLOADED),
        Category.OVERLOADED,
        "Ov",
    ),
    "overloaded at once": (named("error", error=OVERLOADED), Category.OVERLOADED, "Overloaded"),
    "an error that only its type names": (
        START + b'data: {"type": "error", "error": {"type": "api_error", "message": "Internal"}}\n\n',
        Category.OVERLOADED,
        "Internal",
    ),
    "an error without a type": (
        START + b'data: {"error": {"type": "rate_limit_error", "message": "Slow down"}}\n\n',
        Category.RATE_LIMITED,
        "Slow down",
    ),
    "too long, told late": (START + named("error", error=LONG), Category.TOO_LARGE, "prompt is too long"),
    "an error that is text": (START + b"event: error\ndata: it broke\n\n", Category.OVERLOADED, "it broke"),
    "not JSON": (START + b"data: Internal <b>Error\n\n", Category.MALFORMED, "Internal <b>Error"),
    "a number": (START + b"data: 5\n\n", Category.MALFORMED, "not a JSON object: 5"),
    "nested too deeply": (b"data: " + b'{"a":' * 100_000 + b"\n\n", Category.MALFORMED, "not a JSON object"),
    "a page": (b"<html><title>Log in</title>", Category.MALFORMED, "a page titled 'Log in'"),
    "chunks of another dialect": (
        b'data: {"object": "chat.completion.chunk", "choices": [{"delta": {"content": "Hi"}}]}\n\n',
        Category.TRUNCATED,
        "without saying",
    ),
}
