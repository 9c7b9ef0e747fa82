"""What Google's API sends: streams with the answer that they spell, and those that mean a failure."""

from __future__ import annotations

from panvox.errors import Category
from panvox.messages import Answer, Finish, ToolCall, Usage
from tests.wire.gemini import array, event, stream, usage

HI = event("Hi")
STOP = event("", finish="STOP")
THOUGHT = event({"text": "hm", "thought": True})
NO_CONTENT = {"candidates": [{"content": {}, "finishReason": "STOP", "index": 0}], "modelVersion": "m-1"}


def answer(text: str = "Hi", **fields: object) -> Answer:
    return Answer(**{"text": text, "finish": Finish.STOP, "model": "m-1", **fields})  # type: ignore[arg-type]  # a table


def call(name: object, args: object = None, **more: object) -> dict[str, object]:
    return {"functionCall": {"name": name, "args": args, **more}}


def ended(reason: str, **more: object) -> dict[str, object]:
    """An event that only ends."""
    return {"candidates": [{"finishReason": reason, "index": 0, **more}], "modelVersion": "m-1"}


LOOKED = (ToolCall("call_0", "look", '{"at":1}'), ToolCall("b", "hear", "{}"))

DEVIATIONS: dict[str, tuple[bytes, Answer]] = {
    "none": (stream(HI, STOP), answer()),
    "one JSON array": (array(HI, STOP), answer()),
    "one JSON array on one line": (array(HI, STOP).replace(b"\n", b"").replace(b"\r", b""), answer()),
    "more after the array": (array(HI, STOP) + b"\n[{]", answer()),
    "an array of one": (array(event("Hi", finish="STOP")), answer()),
    "brackets and quotes in the text": (array(event('{"]\\"['), STOP), answer('{"]\\"[')),
    "content empty at the end": (stream(HI, NO_CONTENT), answer()),
    "content missing at the end": (stream(HI, ended("STOP")), answer()),
    "parts missing": (stream(event(), {"candidates": [{"content": {"role": "model"}}]}, HI, STOP), answer()),
    "index missing": (stream({"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]}, STOP), answer()),
    "a second candidate": (
        stream(HI, {"candidates": [{"index": 1, "content": {"parts": [{"text": "Ho"}]}}]}, STOP),
        answer(),
    ),
    "candidates empty": (stream({"candidates": [], "modelVersion": "m-1"}, HI, STOP), answer()),
    "a first event of usage only": (stream(usage(3, 0), HI, STOP), answer(usage=Usage(prompt_tokens=3))),
    "a reason in every event": (stream(event("H", finish="STOP"), event("i", finish="STOP")), answer()),
    "another reason in the last event": (
        stream(event("H", finish="STOP"), event("i", finish="MAX_TOKENS")),
        answer(finish=Finish.LENGTH),
    ),
    "a reason that is none": (stream(event("Hi", finish="FINISH_REASON_UNSPECIFIED"), STOP), answer()),
    "fields of wrong types": (
        stream(
            {"candidates": [5, None, {"content": [], "finishReason": 7}], "modelVersion": 5},
            {"candidates": {}, "usageMetadata": []},
            event(None, 7, {"text": 5}, {"text": "Hi", "thought": None}),
            STOP,
        ),
        answer(),
    ),
    "unknown fields": (stream({**HI, "hello": {"text": "Ho"}}, event({"video": {}}), STOP), answer()),
    "carriage returns": (stream(HI, STOP).replace(b"\n", b"\r\n"), answer()),
    "no blank line at the end": (stream(HI, STOP).rstrip(), answer()),
    "no space after the colon": (stream(HI, STOP).replace(b"data: ", b"data:"), answer()),
    "an empty prompt feedback": (stream({**HI, "promptFeedback": {}}, STOP), answer()),
    "a block that is none": (
        stream({"promptFeedback": {"blockReason": "BLOCKED_REASON_UNSPECIFIED"}}, HI, STOP),
        answer(),
    ),
    "a reason as relays write it": (stream(HI, ended("stop")), answer()),
    "thoughts": (stream(THOUGHT, HI, STOP), answer(reasoning="hm")),
    "thoughts and text in one event": (
        stream(event({"text": "hm", "thought": True}, "Hi", finish="STOP")),
        answer(reasoning="hm"),
    ),
    "thoughts in tags": (stream(event("<think>hm</think>"), HI, STOP), answer(reasoning="hm")),
    "a signature without text": (stream(HI, event({"thoughtSignature": "AA=="}, finish="STOP")), answer()),
    "calls of tools": (
        stream(event(call("look", {"at": 1}), call("hear", {}, id="b")), STOP),
        answer("", tool_calls=LOOKED, finish=Finish.TOOL_CALLS),
    ),
    "calls of tools in two events": (
        array(event(call("look", {"at": 1})), event(call("hear", None, id="b"), finish="STOP")),
        answer("", tool_calls=LOOKED, finish=Finish.TOOL_CALLS),
    ),
    "a call without a name": (stream(event(call(None), call("", {})), HI, STOP), answer()),
    "calls of tools cut by the limit": (
        stream(event(call("look", {"at": 1})), event(finish="MAX_TOKENS")),
        answer("", tool_calls=LOOKED[:1], finish=Finish.LENGTH),
    ),
    "code that Google ran": (
        stream(event({"executableCode": {"code": "2"}}, {"codeExecutionResult": {"output": "2"}}), HI, STOP),
        answer(),
    ),
    "usage as running totals": (
        stream(
            {**HI, **usage(9, 1)}, {**STOP, **usage(9, 5, thoughtsTokenCount=7, cachedContentTokenCount=4)}
        ),
        answer(
            usage=Usage(prompt_tokens=9, completion_tokens=12, reasoning_tokens=7, cached_tokens=4),
        ),
    ),
    "usage with tools of Google's": (
        stream(HI, {**STOP, **usage(9, 5, toolUsePromptTokenCount=100)}),
        answer(usage=Usage(prompt_tokens=109, completion_tokens=5)),
    ),
    "usage that leaves out what it told before": (
        stream({**HI, **usage(9, 5)}, {**STOP, "usageMetadata": {"thoughtsTokenCount": 2}}),
        answer(usage=Usage(prompt_tokens=9, completion_tokens=7, reasoning_tokens=2)),
    ),
    "usage of nonsense": (stream({**HI, "usageMetadata": {"promptTokenCount": "x"}}, STOP), answer()),
    "finish MAX_TOKENS": (stream(HI, ended("MAX_TOKENS")), answer(finish=Finish.LENGTH)),
    "finish CONTINUATION": (stream(HI, ended("CONTINUATION")), answer(finish=Finish.LENGTH)),
    "finish SAFETY after text": (stream(HI, ended("SAFETY")), answer(finish=Finish.FILTERED)),
    "finish RECITATION after text": (stream(HI, ended("RECITATION")), answer(finish=Finish.FILTERED)),
    "finish LANGUAGE after text": (stream(HI, ended("LANGUAGE")), answer(finish=Finish.FILTERED)),
    "finish OTHER after text": (stream(HI, ended("OTHER")), answer(finish=Finish.OTHER)),
    "finish unknown": (stream(HI, ended("TIRED")), answer(finish=Finish.OTHER)),
    "a whole reply": (b'{"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]}', answer(
        model="", finish=Finish.OTHER)),
    "a whole reply over several lines": (array(event("Hi", finish="STOP"))[1:-1], answer()),
}  # fmt: skip

PROXY = "upstream connect error or disconnect/reset before headers"
ERROR = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
QUOTA = {"error": {"code": 429, "message": "Resource has been exhausted.", "status": "RESOURCE_EXHAUSTED"}}

FAILURES: dict[str, tuple[bytes, Category, str]] = {
    "closed at once": (b"", Category.TRUNCATED, "before anything"),
    "closed without a reason": (stream(HI), Category.TRUNCATED, "without saying"),
    "closed without a reason, as an array": (array(HI), Category.TRUNCATED, "without saying"),
    "closed after the bracket": (b"[", Category.TRUNCATED, "without saying"),
    "an empty array": (b"[]", Category.TRUNCATED, "without saying"),
    "closed inside of an element": (array(HI, STOP)[:-20], Category.TRUNCATED, "without saying"),
    "closed before the bracket": (array(HI, STOP).rstrip(b"\n]"), Category.TRUNCATED, "without saying"),
    "closed between elements that all have a reason": (
        array(event("H", finish="STOP"), event("i", finish="STOP")).partition(b"\r\n")[0],
        Category.TRUNCATED,
        "without saying",
    ),
    "closed inside of a string": (b'[{"candidates": [{"content": "', Category.TRUNCATED, "without saying"),
    "closed inside of an event": (stream(HI, b'data: {"candidates'), Category.TRUNCATED, "without saying"),
    "closed inside of a whole reply": (b'{"candidates": [{"content"', Category.TRUNCATED, "in the middle"),
    "no text": (stream(event(finish="STOP")), Category.EMPTY, "without text and without a tool call"),
    "no text for other reasons": (stream(ended("OTHER")), Category.EMPTY, "(OTHER)"),
    "only thoughts": (stream(THOUGHT, STOP), Category.EMPTY, "on reasoning"),
    "only thoughts, then the limit": (
        stream(THOUGHT, {**ended("MAX_TOKENS"), **usage(3, 0, thoughtsTokenCount=64)}),
        Category.EMPTY,
        "64 tokens on reasoning and reached its limit",
    ),
    "the limit at once": (stream(ended("MAX_TOKENS")), Category.EMPTY, "limit of tokens without writing"),
    "an image alone": (
        stream(event({"inlineData": {"mimeType": "image/png", "data": "AA=="}}, finish="STOP")),
        Category.EMPTY,
        "without text",
    ),
    "filtered at once": (
        stream(ended("SAFETY", finishMessage="Blocked by a safety setting.")),
        Category.REFUSED,
        "SAFETY: Blocked by a safety setting.",
    ),
    "recited at once": (stream(ended("RECITATION")), Category.REFUSED, "RECITATION"),
    "personal data": (stream(ended("SPII")), Category.REFUSED, "SPII"),
    "a forbidden word": (stream(ended("BLOCKLIST")), Category.REFUSED, "BLOCKLIST"),
    "prohibited": (stream(ended("PROHIBITED_CONTENT")), Category.REFUSED, "PROHIBITED_CONTENT"),
    "a language": (stream(ended("LANGUAGE")), Category.REFUSED, "LANGUAGE"),
    "an image that is not safe": (stream(ended("IMAGE_SAFETY")), Category.REFUSED, "IMAGE_SAFETY"),
    "a blocked prompt": (
        stream({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {}}),
        Category.REFUSED,
        "blocked the prompt before any model saw it (PROHIBITED_CONTENT).",
    ),
    "a blocked prompt with a sentence": (
        array({"promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": "No."}}),
        Category.REFUSED,
        "(OTHER): No.",
    ),
    "a call that cannot be read": (
        stream(ended("MALFORMED_FUNCTION_CALL", finishMessage="print(look(at=")),
        Category.MALFORMED,
        "(MALFORMED_FUNCTION_CALL): print(look(at=",
    ),
    "a call that cannot be read, after text, without a blank line": (
        stream(HI, ended("MALFORMED_FUNCTION_CALL")).rstrip(),
        Category.MALFORMED,
        "MALFORMED_FUNCTION_CALL",
    ),
    "a call of no tool": (stream(ended("UNEXPECTED_TOOL_CALL")), Category.MALFORMED, "UNEXPECTED_TOOL_CALL"),
    "calls without end": (stream(ended("TOO_MANY_TOOL_CALLS")), Category.MALFORMED, "again and again"),
    "a signature that is missing": (
        stream(ended("MISSING_THOUGHT_SIGNATURE")),
        Category.INVALID_REQUEST,
        "wants its signature",
    ),
    "an account that is limited": (stream(ended("PUP_LIMITED_DISABLED")), Category.FORBIDDEN, "rules of use"),
    "the fault of a proxy as an answer": (
        stream(event("upstream connect error, reset before headers", finish="OTHER")),
        Category.OVERLOADED,
        "upstream connect error",
    ),
    "the fault of a proxy as a reason": (
        stream(HI, ended(PROXY)),
        Category.OVERLOADED,
        f"broken off: {PROXY}",
    ),
    "the fault of a proxy after text": (
        stream(HI, event(PROXY, finish="OTHER")),
        Category.OVERLOADED,
        f"broken off: {PROXY}",
    ),
    "the fault of a proxy before its reason": (
        stream(HI, event(PROXY), ended("OTHER")),
        Category.OVERLOADED,
        f"broken off: {PROXY}",
    ),
    "an error in the stream": (stream(HI, ERROR), Category.OVERLOADED, "overloaded"),
    "an error in the stream, as an array": (array(HI, ERROR), Category.OVERLOADED, "overloaded"),
    "an error in a list of one": (array(QUOTA), Category.RATE_LIMITED, "exhausted"),
    "an error in a list of one, as an event": (stream(HI, [QUOTA]), Category.RATE_LIMITED, "exhausted"),
    "an error in bare lines": (stream(HI) + array(ERROR)[1:-1], Category.OVERLOADED, "overloaded"),
    "an error in bare lines, in a list": (stream(HI) + array(ERROR) + b"\n", Category.OVERLOADED, "overl"),
    "an error as a whole reply": (array(ERROR)[1:-1], Category.OVERLOADED, "overloaded"),
    "not JSON": (stream(HI, b"data: Internal Server Error\n\n"), Category.MALFORMED, "Internal Server"),
    "brackets that do not fit": (b'[{"candidates": []]', Category.MALFORMED, "not a JSON object"),
    "brackets that do not fit inside": (b'[{"candidates": [}]}]', Category.MALFORMED, "not a JSON object"),
    "an array of something else": (b"[1, 2]", Category.MALFORMED, "not a JSON object: 1"),
    "another dialect's stream": (
        stream({"choices": [{"delta": {"content": "Hi"}}]}),
        Category.MALFORMED,
        "not an answer",
    ),
    "something else": (b'{"object": "list"}', Category.MALFORMED, "not an answer"),
    "a page": (b"<html><title>Log in</title>", Category.MALFORMED, "a page titled 'Log in'"),
}
