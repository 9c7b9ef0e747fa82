"""What Ollama sends: streams with the answer that they spell, and those that mean a failure."""

from __future__ import annotations

import json

from panvox.errors import Category
from panvox.messages import Answer, Finish, ToolCall, Usage
from tests.wire import data
from tests.wire.ollama import HEAD, done, line, stream

HI = line("Hi")
DONE = done()
COUNTS = {"prompt_eval_count": 3, "eval_count": 2, "eval_duration": 4535599000}
COUNTED = Usage(prompt_tokens=3, completion_tokens=2)


def answer(text: str = "Hi", **fields: object) -> Answer:
    return Answer(**{"text": text, "finish": Finish.STOP, "model": "m-1", **fields})  # type: ignore[arg-type]  # a table


def call(name: object, arguments: object, **more: object) -> dict[str, object]:
    return {"function": {"name": name, "arguments": arguments}, **more}


LOOKED = (ToolCall("call_0", "look", '{"at":1}'), ToolCall("b", "hear", "{}"))

DEVIATIONS: dict[str, tuple[bytes, Answer]] = {
    "none": (stream(HI, DONE), answer()),
    "carriage returns": (stream(HI, DONE).replace(b"\n", b"\r\n"), answer()),
    "blank lines": (stream(b"\n \n", HI, b"\n\n", DONE, b"\n"), answer()),
    "no line feed at the end": (stream(HI, DONE).rstrip(), answer()),
    "more after the end": (stream(HI, DONE, HI, b"rubbish"), answer()),
    "text in the last line": (stream({**done(), "message": {"content": "Hi"}}), answer()),
    "no message in the last line": (stream(HI, {**HEAD, "done": True, "done_reason": "stop"}), answer()),
    "message null": (stream({**HEAD, "message": None, "done": False}, HI, DONE), answer()),
    "no reason": (stream(HI, done(None)), answer(finish=Finish.OTHER)),
    "an unknown reason": (stream(HI, done("tired")), answer(finish=Finish.OTHER)),
    "reason length": (stream(HI, done("length")), answer(finish=Finish.LENGTH)),
    "reason load after text": (stream(HI, done("load")), answer(finish=Finish.OTHER)),
    "a whole reply": (json.dumps({**DONE, "message": {"content": "Hi"}}).encode(), answer()),
    "server-sent events": (data(HI) + data(DONE), answer()),
    "fields of wrong types": (
        stream(
            {"model": 5, "message": {"content": 5, "thinking": [], "tool_calls": [None, {"function": 7}]}},
            {"message": [], "done": "no"},
            HI,
            {**DONE, "done_reason": 7, "eval_count": "x"},
        ),
        answer(finish=Finish.OTHER),
    ),
    "error fields that say nothing": (stream({**HI, "error": ""}, {**DONE, "error": None}), answer()),
    "thinking": (stream(line(thinking="hm"), HI, DONE), answer(reasoning="hm")),
    "thinking tags": (stream(line("<think>hm</think>"), HI, DONE), answer(reasoning="hm")),
    "thinking tags in pieces": (
        stream(*(line(letter) for letter in "<think>hm</think>\n\nHi"), DONE),
        answer(reasoning="hm"),
    ),
    "calls of tools": (
        stream(line(tool_calls=[call("look", {"at": 1}), call("hear", {}, id="b")]), DONE),
        answer("", tool_calls=LOOKED, finish=Finish.TOOL_CALLS),
    ),
    "calls of tools in two lines": (
        stream(
            line(tool_calls=[call("look", {"at": 1})]), line(tool_calls=[call("hear", None, id="b")]), DONE
        ),
        answer("", tool_calls=LOOKED, finish=Finish.TOOL_CALLS),
    ),
    "arguments as text": (
        stream(line(tool_calls=[call("look", '{"at":1}'), call("hear", "{}", id="b")]), DONE),
        answer("", tool_calls=LOOKED, finish=Finish.TOOL_CALLS),
    ),
    "a call without a name": (stream(line("Hi", tool_calls=[call(None, {})]), DONE), answer()),
    "usage": (stream(HI, done(**COUNTS)), answer(usage=COUNTED)),
    "usage without the prompt's": (
        stream(HI, done(eval_count=2)),
        answer(usage=Usage(completion_tokens=2)),
    ),
    "usage with a cache": (
        stream(HI, done(**COUNTS, prompt_eval_cached_count=1)),
        answer(usage=Usage(prompt_tokens=3, completion_tokens=2, cached_tokens=1)),
    ),
    "invalid UTF-8": (stream(HI, DONE).replace(b"Hi", b"H\xffi"), answer("H\ufffdi")),
    "half a surrogate pair": (stream(HI, DONE).replace(b"Hi", rb"H\ud83di"), answer("H\ufffdi")),
}

FAILURES: dict[str, tuple[bytes, Category, str]] = {
    "closed at once": (b"", Category.TRUNCATED, "before anything"),
    "closed without the end": (stream(HI), Category.TRUNCATED, "without saying"),
    "closed inside of the first line": (b'{"model": "m', Category.TRUNCATED, "without saying"),
    "closed inside of the last line": (stream(HI, DONE)[:-9], Category.TRUNCATED, "without saying"),
    "no text": (stream(DONE), Category.EMPTY, "without text"),
    "only thinking": (stream(line(thinking="hm"), DONE), Category.EMPTY, "on reasoning"),
    "only thinking, then the limit": (
        stream(line(thinking="hm"), done("length", eval_count=64)),
        Category.EMPTY,
        "64 tokens on reasoning and reached its limit",
    ),
    "the limit at once": (stream(done("length")), Category.EMPTY, "limit of tokens without writing"),
    "only loaded": (stream(done("load")), Category.EMPTY, "only loaded the model"),
    "only unloaded": (stream(done("unload")), Category.EMPTY, "out of memory"),
    "an error": (stream(HI, {"error": "an error was encountered while running the model: unexpected EOF"}),
                 Category.OVERLOADED, "unexpected EOF"),
    "an error beside a message": (stream({**HI, "error": "it broke"}), Category.OVERLOADED, "it broke"),
    "an error beside the end": (stream(HI, {**DONE, "error": "it broke"}), Category.OVERLOADED, "it broke"),
    "an error of memory": (
        stream({"error": "llama runner process has terminated: cudaMalloc failed: out of memory"}),
        Category.LOCAL_UNAVAILABLE,
        "out of memory",
    ),
    "an error of signing in": (
        stream({"error": "unauthorized", "signin_url": "https://ollama.com/connect?name=box&key=c3NoLWVk"}),
        Category.UNAUTHORISED,
        "unauthorized",
    ),
    "an error of context": (
        stream({"error": "the prompt is longer than the context length currently available to the model"}),
        Category.TOO_LARGE,
        "longer than the context",
    ),
    "an error that is an object": (stream({"error": {"message": "no", "code": 429}}),
                                   Category.RATE_LIMITED, "no"),
    "an error in server-sent events": (data(HI) + data({"error": "it broke"}), Category.OVERLOADED, "broke"),
    "not JSON": (stream(HI, b"Internal Server Error\n"), Category.MALFORMED, "Internal Server Error"),
    "a list": (b"[1]", Category.MALFORMED, "not a stream of lines: [1]"),
    "another dialect's reply": (stream({"choices": []}), Category.MALFORMED, "not an answer"),
    "the other endpoint's reply": (stream({"model": "m-1", "response": "Hi"}), Category.MALFORMED, "not an"),
    "a page": (b"<html><title>Log in</title>", Category.MALFORMED, "a page titled 'Log in'"),
}  # fmt: skip
