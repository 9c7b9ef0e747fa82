"""Streams that deviate, with the answer they spell, and streams that are none, with the failure they mean.

One row for each deviation that is known of servers which call themselves compatible.
"""

from __future__ import annotations

from decimal import Decimal

from panvox.errors import Category
from panvox.messages import Answer, Finish, ToolCall, Usage
from tests.wire import chunk, data, stream

HI = chunk(content="Hi")
STOP = chunk("stop")
NO_CHOICES = {"id": "c1", "object": "chat.completion.chunk", "choices": []}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
COUNTED = Usage(prompt_tokens=3, completion_tokens=2)


def answer(text: str = "Hi", **fields: object) -> Answer:
    return Answer(**{"text": text, "finish": Finish.STOP, "model": "m-1", **fields})  # type: ignore[arg-type]  # a table


def without(value: dict[str, object], *names: str) -> dict[str, object]:
    return {name: field for name, field in value.items() if name not in names}


def bare(**delta: object) -> dict[str, object]:
    return {"choices": [{"delta": delta}]}


def tools(*calls: object, finish: str | None = None) -> dict[str, object]:
    return chunk(finish, tool_calls=list(calls))


def call(arguments: object, **fields: object) -> dict[str, object]:
    return {"function": {"name": fields.pop("name", None), "arguments": arguments}, **fields}


LOOKED = (ToolCall("a", "look", '{"at": 1}'), ToolCall("b", "hear", "{}"))

DEVIATIONS: dict[str, tuple[bytes, Answer]] = {
    "none": (stream(chunk(role="assistant", content=""), HI, STOP), answer()),
    "object missing": (stream(without(HI, "object"), without(STOP, "object")), answer()),
    "object empty": (stream({**HI, "object": ""}, STOP), answer()),
    "object of a whole reply": (stream({**HI, "object": "chat.completion"}, STOP), answer()),
    "message instead of delta": (
        stream({"model": "m-1", "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}),
        answer(),
    ),
    "message repeats the deltas at the end": (
        stream(
            HI,
            {
                "object": "chat.completion.done",
                "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}],
            },
        ),
        answer(),
    ),
    "message beside every delta": (
        stream(
            {"model": "m-1", "choices": [{"delta": {"content": "H"}, "message": {"content": "H"}}]},
            {"model": "m-1", "choices": [{"delta": {"content": "i"}, "message": {"content": "Hi"}}]},
            STOP,
        ),
        answer(),
    ),
    "created, index, model, finish missing": (
        stream(bare(content="Hi"), {"choices": [{"delta": {}, "finish_reason": "stop"}]}),
        answer(model=""),
    ),
    "created, index, model, usage null": (
        stream(
            {
                "created": None,
                "model": None,
                "usage": None,
                "choices": [{"index": None, "delta": {"content": "Hi"}}],
            },
            {**STOP, "usage": None},
        ),
        answer(),
    ),
    "fields of wrong types": (
        stream({"created": "x", "model": 5, "choices": [{"index": "0", "delta": {"content": "Hi"}}]}, STOP),
        answer(),
    ),
    "finish reason missing but done": (stream(HI), answer(finish=Finish.OTHER)),
    "finish reason empty until the end": (stream(chunk("", content="Hi"), STOP), answer()),
    "finish reason twice": (stream(HI, STOP, chunk("length")), answer()),
    "first packet of filter results only": (
        stream({"choices": [], "model": "", "object": "", "prompt_filter_results": []}, HI, STOP),
        answer(),
    ),
    "choices null": (stream({"choices": None}, HI, STOP), answer()),
    "a second answer": (
        stream(HI, {"choices": [{"index": 1, "delta": {"content": "Ho"}, "finish_reason": "length"}]}, STOP),
        answer(),
    ),
    "comment lines": (stream(b": OPENROUTER PROCESSING\n\n", HI, b":\n\n", STOP), answer()),
    "keep-alive events": (
        stream(b"event: ping\ndata: {}\n\n", HI, b"data: {}\n\n", b"data:\n\n", b"data: ping\n\n", STOP),
        answer(),
    ),
    "named keep-alive of any content": (stream(b"event: keepalive\ndata: 12:00\n\n", HI, STOP), answer()),
    "trailing event of cost only": (
        stream(HI, STOP, {"usage": USAGE, "choices": []}, {"choices": [], "cost": "0.25"}),
        answer(usage=Usage(prompt_tokens=3, completion_tokens=2, cost=Decimal("0.25"))),
    ),
    "trailing event of cost without choices": (
        stream(HI, STOP, {"cost": 0.25}),
        answer(usage=Usage(cost=Decimal("0.25"))),
    ),
    "reasoning_content": (
        stream(chunk(content=None, reasoning_content="hm"), HI, STOP),
        answer(reasoning="hm"),
    ),
    "reasoning": (stream(chunk(content=None, reasoning="hm"), HI, STOP), answer(reasoning="hm")),
    "reasoning details": (
        stream(
            chunk(reasoning_details=[{"type": "reasoning.summary", "summary": "h"}]),
            chunk(reasoning_details=[{"type": "reasoning.text", "text": "m", "signature": "x"}]),
            chunk(reasoning_details=[{"type": "reasoning.encrypted", "data": "AAAA"}]),
            chunk(reasoning_details=None),
            HI,
            STOP,
        ),
        answer(reasoning="hm"),
    ),
    "reasoning in two places at once": (
        stream(
            chunk(reasoning="h", reasoning_details=[{"type": "reasoning.text", "text": "h"}]),
            chunk(reasoning="m", reasoning_content="m"),
            HI,
            STOP,
        ),
        answer(reasoning="hm"),
    ),
    "content in parts": (
        stream(
            chunk(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "h"}]}]),
            chunk(content=[{"type": "thinking", "thinking": "m"}, {"type": "text", "text": "H"}]),
            chunk(content=[{"text": "i"}, {"type": "reference"}, 5, None, "!"]),
            STOP,
        ),
        answer("Hi!", reasoning="hm"),
    ),
    "thinking tags": (
        stream(chunk(content="<think>hm</think>\n\nHi"), STOP),
        answer(reasoning="hm"),
    ),
    "thinking tags in pieces": (
        stream(*(chunk(content=letter) for letter in "\n<think>h</m</think>\n\nHi <think>"), STOP),
        answer("Hi <think>", reasoning="h</m"),
    ),
    "what looks like a tag": (stream(chunk(content=" <thi"), chunk(content="s>"), STOP), answer(" <this>")),
    "finish STOP": (stream(HI, chunk("STOP")), answer()),
    "finish COMPLETE": (stream(HI, chunk("COMPLETE")), answer()),
    "finish end_turn": (stream(HI, chunk("end_turn")), answer()),
    "finish stop_sequence": (stream(HI, chunk("stop_sequence")), answer()),
    "finish eos": (stream(HI, chunk("eos")), answer()),
    "finish max_tokens": (stream(HI, chunk("MAX_TOKENS")), answer(finish=Finish.LENGTH)),
    "finish length": (stream(HI, chunk("length")), answer(finish=Finish.LENGTH)),
    "finish content_filter after text": (
        stream(HI, chunk("content_filter")),
        answer(finish=Finish.FILTERED),
    ),
    "finish unknown": (stream(HI, chunk("tired")), answer(finish=Finish.OTHER)),
    "tool calls": (
        stream(
            tools({"index": 0, "type": "function", **call("", name="look", id="a")}),
            tools(call('{"at"', index=0)),
            tools(call(": 1}", index=0)),
            tools(call("{}", index=1, name="hear", id="b")),
            chunk("tool_calls"),
        ),
        answer("", tool_calls=LOOKED, finish=Finish.TOOL_CALLS),
    ),
    "tool calls without index and type": (
        stream(
            tools(call('{"at"', name="look", id="a")),
            tools(call(": 1}")),
            tools(call("{}", name="hear", id="b"), finish="tool_use"),
        ),
        answer("", tool_calls=LOOKED, finish=Finish.TOOL_CALLS),
    ),
    "tool calls all with index 0": (
        stream(
            tools(call('{"at": 1}', index=0, name="look", id="a"), call("{}", index=0, name="hear", id="b")),
            STOP,
        ),
        answer("", tool_calls=LOOKED),
    ),
    "tool call repeats its id and not its name": (
        stream(
            tools(call('{"at"', index=0, name="look", id="a"), call("{}", index=1, name="hear", id="b")),
            tools(call(": 1}", index=0, id="a")),
            STOP,
        ),
        answer("", tool_calls=LOOKED),
    ),
    "tool calls without index, in turns": (
        stream(
            tools(call('{"at"', name="look", id="a"), call("{", name="hear", id="b")),
            tools(call(": 1}", id="a"), call("}", id="b")),
            STOP,
        ),
        answer("", tool_calls=LOOKED),
    ),
    "tool call with arguments as an object": (
        stream(tools(call({"at": 1}, name="look", id="a"), call({}, name="hear", id="b")), STOP),
        answer("", tool_calls=LOOKED),
    ),
    "legacy function call": (
        stream(
            chunk(function_call={"name": "look", "arguments": '{"at"'}),
            chunk(function_call={"arguments": ": 1}"}),
            chunk("function_call"),
        ),
        answer("", tool_calls=(ToolCall("", "look", '{"at": 1}'),), finish=Finish.TOOL_CALLS),
    ),
    "tool calls empty or null": (
        stream(chunk(content="Hi", tool_calls=[], function_call=None), STOP),
        answer(),
    ),
    "usage in the last chunk": (stream(HI, STOP, {**NO_CHOICES, "usage": USAGE}), answer(usage=COUNTED)),
    "usage in every chunk": (
        stream({**HI, "usage": {**USAGE, "completion_tokens": 1}}, {**STOP, "usage": USAGE}),
        answer(usage=COUNTED),
    ),
    "usage all zero at last": (
        stream({**HI, "usage": USAGE}, {**STOP, "usage": {"prompt_tokens": 0, "completion_tokens": 0}}),
        answer(usage=COUNTED),
    ),
    "usage under x_groq": (
        stream({**HI, "x_groq": {"id": "r"}}, {**STOP, "x_groq": {"id": "r", "usage": USAGE}}),
        answer(usage=COUNTED),
    ),
    "usage with details": (
        stream(
            HI,
            {
                **STOP,
                "usage": {
                    **USAGE,
                    "prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": None},
                    "completion_tokens_details": {"reasoning_tokens": 1},
                    "cost": 1e-05,
                },
            },
        ),
        answer(
            usage=Usage(
                prompt_tokens=3,
                completion_tokens=2,
                cached_tokens=1,
                reasoning_tokens=1,
                cost=Decimal("0.00001"),
            )
        ),
    ),
    "usage with cache hits and misses": (
        stream(
            HI,
            {
                **STOP,
                "usage": {
                    "prompt_cache_hit_tokens": 1,
                    "prompt_cache_miss_tokens": 2,
                    "completion_tokens": 2,
                },
            },
        ),
        answer(usage=Usage(prompt_tokens=3, completion_tokens=2, cached_tokens=1)),
    ),
    "usage with a cost that is an object": (
        stream(HI, {**STOP, "usage": {**USAGE, "cost": {"input_tokens_cost": 0.1, "total_cost": 0.5}}}),
        answer(usage=Usage(prompt_tokens=3, completion_tokens=2, cost=Decimal("0.5"))),
    ),
    "usage with an estimated cost": (
        stream(HI, {**STOP, "usage": {**USAGE, "estimated_cost": 0.5, "prompt_tokens_details": None}}),
        answer(usage=Usage(prompt_tokens=3, completion_tokens=2, cost=Decimal("0.5"))),
    ),
    "usage that counts the thinking apart": (
        stream(
            HI,
            {
                **STOP,
                "usage": {**USAGE, "total_tokens": 14, "completion_tokens_details": {"reasoning_tokens": 9}},
            },
        ),
        answer(usage=Usage(prompt_tokens=3, completion_tokens=11, reasoning_tokens=9)),
    ),
    "usage that leaves the thinking out of all but the total": (
        stream(HI, {**STOP, "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 112}}),
        answer(usage=Usage(prompt_tokens=10, completion_tokens=102)),
    ),
    "usage whose total counts what was read from a cache": (
        stream(HI, {**STOP, "usage": {**USAGE, "cache_read_input_tokens": 7, "total_tokens": 12}}),
        answer(usage=Usage(prompt_tokens=3, completion_tokens=2, cached_tokens=7)),
    ),
    "usage of nonsense": (
        stream(
            {**HI, "usage": "none"},
            {**STOP, "usage": {"prompt_tokens": -1, "cost": "free", "completion_tokens": None}},
        ),
        answer(usage=Usage()),
    ),
    "error fields that say nothing": (stream({**HI, "error": None}, {**STOP, "error": {}}), answer()),
    "no [DONE]": (stream(HI, STOP, done=False), answer()),
    "no [DONE], and cut off after the finish": (
        stream(HI, STOP, b'data: {"usage": {"pro', done=False),
        answer(),
    ),
    "no blank line at the end": (stream(HI, STOP, done=False).rstrip(), answer()),
    "[DONE] without a blank line": (stream(HI, STOP, b"data: [DONE]", done=False), answer()),
    "more after [DONE]": (stream(HI, STOP) + data(HI) + b"rubbish", answer()),
    "no space after the colon": (stream(HI, STOP).replace(b"data: ", b"data:"), answer()),
    "carriage returns": (stream(HI, STOP).replace(b"\n", b"\r\n"), answer()),
    "byte order mark": (b"\xef\xbb\xbf" + stream(HI, STOP), answer()),
    "data over several lines": (
        stream(b'data: {"choices": [{"delta":\ndata: {"content": "Hi"}}],\ndata: "model": "m-1"}\n\n', STOP),
        answer(),
    ),
    "invalid UTF-8": (stream(data(HI).replace(b"Hi", b"H\xffi"), STOP), answer("H\ufffdi")),
    "half a surrogate pair": (
        stream(data(HI).replace(b"Hi", rb"H\ud83d\\ud83d\ud83c\udf89"), STOP),
        answer("H\ufffd\\ud83d🎉"),
    ),
    "numbers that JSON does not have": (
        stream({**HI, "logprobs": float("nan"), "usage": {**USAGE, "cost": float("nan")}}, STOP),
        answer(usage=COUNTED),
    ),
    "line ends inside of JSON strings": (stream(data(HI).replace(b"Hi", b"H\ti"), STOP), answer("H\ti")),
    "one chunk in a list": (stream([HI], [STOP]), answer()),
    "choices that are no list": (
        stream({"model": "m-1", "choices": {"delta": {"content": "Hi"}}}, STOP),
        answer(),
    ),
}


MODERATED = {"message": "flagged", "code": 403, "metadata": {"reasons": ["violence"], "flagged_input": "…"}}
CAPACITY = {"message": "Full", "availability": {"code": "capacity_exhausted", "retry_after": 9}}

FAILURES: dict[str, tuple[bytes, Category, str]] = {
    "closed at once": (b"", Category.TRUNCATED, "before anything"),
    "closed after blanks": (b"\n\n \r\n", Category.TRUNCATED, "before anything"),
    "closed after comments": (b": hello\n\n", Category.TRUNCATED, "without saying"),
    "closed in the middle of a field name": (b"dat", Category.TRUNCATED, "without saying"),
    "closed without a finish": (stream(HI, done=False), Category.TRUNCATED, "without saying"),
    "closed with an empty finish": (
        stream(chunk("", content="Hi"), done=False),
        Category.TRUNCATED,
        "without",
    ),
    "closed inside of JSON": (stream(HI, b'data: {"cho', done=False), Category.TRUNCATED, "without saying"),
    "closed with only usage": (stream(HI, {"usage": USAGE}, done=False), Category.TRUNCATED, "without"),
    "nothing but the end": (stream(), Category.EMPTY, "without text"),
    "no text": (stream(chunk(content=""), STOP), Category.EMPTY, "without text and without a tool call"),
    "content null": (stream(chunk(content=None), STOP), Category.EMPTY, "without text"),
    "choices empty": (stream({"choices": []}), Category.EMPTY, "without text"),
    "blank text": (stream(chunk(content="\n \n"), STOP), Category.EMPTY, "without text"),
    "tool calls promised and not made": (stream(chunk("tool_calls")), Category.EMPTY, "without text"),
    "only reasoning": (stream(chunk(reasoning="hm"), STOP), Category.EMPTY, "on reasoning and ended"),
    "only reasoning, then the limit": (
        stream(chunk(reasoning="hm"), chunk("length"), {"usage": {"completion_tokens": 4096}}),
        Category.EMPTY,
        "4,096 tokens on reasoning and reached its limit",
    ),
    "only reasoning in tags": (stream(chunk(content="<think>hm"), STOP), Category.EMPTY, "on reasoning"),
    "the limit at once": (stream(chunk("length")), Category.EMPTY, "limit of tokens without writing"),
    "filtered at once": (stream(chunk("content_filter")), Category.REFUSED, "filter withheld"),
    "refused": (
        stream(chunk(refusal="I can"), chunk(refusal="not."), STOP),
        Category.REFUSED,
        "I cannot.",
    ),
    "finish error": (stream(HI, chunk("error")), Category.OVERLOADED, "error"),
    "finish network_error": (stream(HI, chunk("network_error")), Category.OVERLOADED, "network_error"),
    "finish error with its reason": (
        stream(
            HI,
            {"choices": [{"delta": {}, "finish_reason": "error", "error": {"code": 502, "message": "gone"}}]},
        ),
        Category.OVERLOADED,
        "gone",
    ),
    "an error and a finish in one chunk": (
        stream(HI, {**chunk("error", content=""), "error": {"code": 429, "message": "Slow down"}}),
        Category.RATE_LIMITED,
        "Slow down",
    ),
    "error with a numeric code": (
        stream(HI, {"error": {"code": 402, "message": "pay"}}),
        Category.OUT_OF_MONEY,
        "pay",
    ),
    "error with a code of digits": (
        stream({"error": {"code": "401", "message": "who"}}),
        Category.UNAUTHORISED,
        "who",
    ),
    "error with a code word": (
        stream({"error": {"code": "context_length_exceeded", "message": "long"}}),
        Category.TOO_LARGE,
        "long",
    ),
    "error that is text": (stream({"error": "out of memory"}), Category.OVERLOADED, "out of memory"),
    "error without its wrapper": (
        stream({"object": "error", "message": "no such thing", "type": "BadRequestError", "code": 400}),
        Category.INVALID_REQUEST,
        "no such thing",
    ),
    "error under x_groq": (
        stream({"choices": [], "x_groq": {"error": "over capacity"}}),
        Category.OVERLOADED,
        "over",
    ),
    "error in a list": (stream([{"error": {"code": 503, "message": "busy"}}]), Category.OVERLOADED, "busy"),
    "error as a named event": (stream(b"event: error\ndata: it broke\n\n"), Category.OVERLOADED, "it broke"),
    "error as a named event of JSON": (
        stream(b'event: error\ndata: {"message": "it broke", "code": 400}\n\n'),
        Category.INVALID_REQUEST,
        "it broke",
    ),
    "error of a guard": (stream({"error": MODERATED}), Category.REFUSED, "flagged"),
    "error of a full relay": (stream({"error": CAPACITY}), Category.OVERLOADED, "Full"),
    "an empty error": (stream({"error": True}), Category.OVERLOADED, "without saying why"),
    "not JSON": (
        stream(HI, b"data: Internal <b>Server\x1b[31m Error\n\n"),
        Category.MALFORMED,
        "Internal <b>Server",
    ),
    "a number": (stream(b"data: 5\n\n"), Category.MALFORMED, "not a JSON object: 5"),
    "nested too deeply": (
        stream(b"data: " + b'{"a":' * 100_000 + b"\n\n"),
        Category.MALFORMED,
        "not a JSON object",
    ),
    "text that is no stream": (b"upstream connect error", Category.MALFORMED, "upstream connect error"),
    "a page": (b"<html><title>Log in</title>", Category.MALFORMED, "a page titled 'Log in'"),
}
