"""Ollama's own dialect: what goes out, and what comes of every reply."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.dialects.ollama import Ollama
from panvox.errors import Owner, PromptError, Retry
from panvox.messages import (
    Answer,
    End,
    Finish,
    ImagePart,
    Message,
    Part,
    Prompt,
    Role,
    Text,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)
from panvox.protocols import Listing, Quirks
from tests.wire import FOLDER, decode, fold, json_values
from tests.wire.ollama import done, line, stream
from tests.wire.ollama.deviations import FAILURES, HI

BASE = "http://127.0.0.1:11434"
PARIS = Prompt.of("Paris?")
OLLAMA = Ollama()
LINES = "application/x-ndjson"
RECORDED = {path.name: path.read_bytes() for path in sorted((FOLDER / "ollama").glob("*.ndjson"))}


# --- requests --------------------------------------------------------------------------------------


def body_of(prompt: Prompt, quirks: Quirks | None = None) -> dict[str, object]:
    request = Ollama(quirks or Quirks()).request(prompt, "m", base_url=BASE, key=None)
    body = json.loads(b"".join(request.body))
    assert isinstance(body, dict)
    return body


def talk(*turns: tuple[Role, tuple[Part, ...]]) -> Prompt:
    return Prompt(messages=tuple(Message(role, parts) for role, parts in turns))


def test_no_header_tells_of_limits() -> None:
    assert OLLAMA.rates({"x-ratelimit-limit-requests": "1"}, now=0.0) == ()


def test_a_question_goes_out_as_a_stream_whose_prompt_is_refused_rather_than_cut() -> None:
    request = OLLAMA.request(PARIS, "m", base_url=BASE + "/", key="secret")
    assert (request.method, request.url) == ("POST", BASE + "/api/chat")
    assert request.headers["Authorization"] == "Bearer secret"
    assert request.headers["Content-Type"] == "application/json"
    assert body_of(PARIS) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Paris?"}],
        "stream": True,
        "truncate": False,
        "shift": False,
    }


def test_every_kind_of_message_is_spelled() -> None:
    prompt = talk(
        ("system", (TextPart("Be brief."),)),
        ("user", (TextPart("What "), TextPart("is it?"), ImagePart("data:image/png;base64,AA=="))),
        ("assistant", (ToolCall("c1", "look", '{"at":1}'), ToolCall("c2", "hear", ""))),
        ("tool", (ToolResult("c2", "a dog"),)),
        ("user", (ToolResult("c1", "a cat"), TextPart("And?"))),
        ("tool", (ToolResult("gone", "a bird"),)),
    )
    assert body_of(prompt)["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is it?", "images": ["AA=="]},
        {
            "role": "assistant",
            "tool_calls": [
                {"function": {"name": "look", "arguments": {"at": 1}}},
                {"function": {"name": "hear", "arguments": {}}},
            ],
        },
        {"role": "tool", "content": "a dog", "tool_name": "hear"},
        {"role": "tool", "content": "a cat", "tool_name": "look"},
        {"role": "user", "content": "And?"},
        {"role": "tool", "content": "a bird"},
    ]


def test_options_go_out_only_when_given() -> None:
    prompt = Prompt(
        messages=PARIS.messages,
        tools=(Tool("look", "Looks.", '{"type":"object"}'),),
        max_tokens=5,
        temperature=0.0,
        top_p=0.5,
        seed=1,
        stop=("\n",),
        schema='{"type":"object"}',
    )
    body = body_of(prompt)
    assert body["options"] == {
        "num_predict": 5,
        "temperature": 0.0,
        "top_p": 0.5,
        "seed": 1,
        "stop": ["\n"],
    }
    assert body["format"] == {"type": "object"}
    function = {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}
    assert body["tools"] == [{"type": "function", "function": function}]


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (
            talk(("user", (ImagePart("https://a.example/cat.png"),))),
            "fetches no images, so 'https://a.example/cat.png'",
        ),
        (talk(("assistant", (ToolCall("c", "look", "[1]"),))), "'look' are not a JSON object"),
    ],
)
def test_what_cannot_be_written_is_the_prompts_fault(prompt: Prompt, said: str) -> None:
    with pytest.raises(PromptError, match=said):
        OLLAMA.request(prompt, "m", base_url=BASE, key=None)


def test_a_vendor_may_differ_and_may_give_every_model_more_context() -> None:
    quirks = Quirks(
        key_header="X-Key",
        headers=(("X-Title", "panvox"),),
        query="beta=1",
        body=(("options", '{"num_ctx":16384,"seed":7}'), ("shift", "true"), ("think", "false")),
        max_tokens=9,
    )
    request = Ollama(quirks).request(PARIS, "m", base_url=BASE, key="secret")
    assert request.url == BASE + "/api/chat?beta=1"
    assert (request.headers["X-Key"], request.headers["X-Title"]) == ("secret", "panvox")
    body = body_of(Prompt(messages=PARIS.messages, seed=1), quirks)
    assert body["options"] == {"num_ctx": 16384, "seed": 1, "num_predict": 9}
    assert (body["shift"], body["truncate"], body["think"]) == (True, False, False)


def test_a_vendors_field_that_is_no_json_is_named() -> None:
    with pytest.raises(PromptError, match="vendor's field 'options' cannot be read"):
        body_of(PARIS, Quirks(body=(("options", "{"),)))


# --- replies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "thinking.ndjson",
            Answer(
                text="Das macht 144 ✔🎉 <b>",
                reasoning="Zwölf mal zwölf …",
                finish=Finish.STOP,
                usage=Usage(prompt_tokens=26, completion_tokens=282),
                model="qwen3:8b",
            ),
        ),
        (
            "tools.ndjson",
            Answer(
                tool_calls=(
                    ToolCall("call_0", "wetter", '{"ort":"Île-de-France","tage":[1,2]}'),
                    ToolCall("call_x7", "uhrzeit", "{}"),
                ),
                finish=Finish.TOOL_CALLS,
                usage=Usage(prompt_tokens=26, completion_tokens=31),
                model="qwen3:8b",
            ),
        ),
    ],
)
def test_a_whole_stream_becomes_the_answer_it_spells(name: str, expected: Answer) -> None:
    events, fault = decode([RECORDED[name]], LINES, dialect=OLLAMA)
    assert fault is None
    assert fold(events) == expected


def test_each_line_is_an_event_as_soon_as_it_is_complete() -> None:
    decoder = OLLAMA.decoder(LINES)
    wire = stream(line("Hello"))
    assert list(decoder.feed(wire[:-1])) == []
    assert list(decoder.feed(wire[-1:])) == [Text("Hello")]
    assert list(decoder.feed(stream(done()))) == [End(Finish.STOP, "m-1")]


def test_what_came_before_a_failure_comes_first() -> None:
    events, fault = decode([stream(line("Hello"), {"error": "it broke"}, HI)], LINES, dialect=OLLAMA)
    assert events == [Text("Hello")]
    assert fault is not None


def test_an_address_to_sign_in_is_not_shown_since_a_key_is_in_it() -> None:
    _, fault = decode([FAILURES["an error of signing in"][0]], LINES, dialect=OLLAMA)
    assert fault is not None
    assert "ollama signin" in fault.hint
    assert "c3NoLWVk" not in fault.message + fault.hint


def test_a_model_that_was_only_loaded_is_not_asked_the_same_again() -> None:
    _, fault = decode([stream(done("load"))], LINES, dialect=OLLAMA)
    assert fault is not None
    assert (fault.owner, fault.retry, fault.code) == (Owner.PROMPT, Retry.NEVER, "load")


# --- properties ------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=5), st.data())
def test_what_goes_in_comes_out_and_any_cut_says_less(
    turns: list[tuple[str, str]], data: st.DataObject
) -> None:
    values = [*(line(text, thinking=thought) for text, thought in turns), line("Amen"), done()]
    events, fault = decode([stream(*values)], LINES, dialect=OLLAMA)
    assert fault is None
    said = "".join(text for text, _ in turns)
    if not said.lstrip().startswith("<think>"):
        assert fold(events).text == said + "Amen"
        assert fold(events).reasoning == "".join(thought for _, thought in turns)
    wire = stream(*values)
    less, fault = decode([wire[: data.draw(st.integers(0, len(wire) - 2))]], LINES, dialect=OLLAMA)
    assert fault is not None
    assert not any(isinstance(event, End) for event in less)


# --- failures --------------------------------------------------------------------------------------
# The sentences are those of Ollama's server, and of the program that runs models under it.

REFUSALS: list[tuple[int, object, str, str]] = [
    (404, {"error": "model 'qwen9' not found"}, "unknown_model", "ollama pull"),
    (404, {"error": 'model "qwen9" not found, try pulling it first'}, "unknown_model", "ollama pull"),
    (400, {"error": "model is required"}, "invalid_request", "message says"),
    (400, {"error": '"nomic-embed-text" does not support chat'}, "invalid_request", "no model to talk to"),
    (
        400,
        {"error": "registry.ollama.ai/library/phi does not support tools"},
        "invalid_request",
        "leave that",
    ),
    (400, {"error": '"phi" does not support thinking'}, "invalid_request", "leave that"),
    (400, {"error": "this model is missing data required for image input"}, "invalid_request", "leave that"),
    (
        400,
        {
            "error": "the prompt is longer than the context length currently available to the model; shorten "
            "the prompt, adjust the context length in settings, or use a model with a longer context length"
        },
        "too_large",
        "OLLAMA_CONTEXT_LENGTH",
    ),
    (400, {"error": "input length exceeds the context length"}, "too_large", "OLLAMA_CONTEXT_LENGTH"),
    (401, {"error": "unauthorized"}, "unauthorised", "key"),
    (401, {"error": "unauthorized", "signin_url": "https://ollama.com/c?key=x"}, "unauthorised", "signin"),
    (402, {"error": "payment required"}, "out_of_money", "Top up"),
    (403, {"error": "this model requires a subscription, upgrade for access"}, "forbidden", "access"),
    (413, {"error": "request body too large"}, "too_large", "Shorten"),
    (
        429,
        {
            "error": "you (box) have reached your weekly usage limit, upgrade for higher limits: "
            "https://ollama.com/upgrade or add usage credits: https://ollama.com/settings"
        },
        "out_of_quota",
        "quota",
    ),
    (429, {"error": "too many concurrent requests"}, "rate_limited", "at the same time"),
    (
        500,
        {"error": "model requires more system memory (9.9 GiB) than is available (7.6 GiB)"},
        "local_unavailable",
        "ollama stop",
    ),
    (
        500,
        {"error": "llama runner process has terminated: cudaMalloc failed: out of memory"},
        "local_unavailable",
        "memory",
    ),
    (500, {"error": "llama runner process has terminated: exit status 2"}, "overloaded", "trouble"),
    (502, {"error": "could not reach ollama.com"}, "overloaded", "trouble"),
    (
        503,
        {"error": "server busy, please try again.  maximum pending requests exceeded"},
        "overloaded",
        "OLLAMA_MAX_QUEUE",
    ),
    (500, b"broken {", "overloaded", "trouble"),
    (404, b"404 page not found", "unknown_model", "base_url"),
]


@pytest.mark.parametrize(("status", "body", "category", "hint"), REFUSALS)
def test_a_refusal_has_its_category_and_a_hint(status: int, body: object, category: str, hint: str) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    fault = OLLAMA.failure(status, {}, data).fault
    assert (fault.category, fault.status) == (category, status), fault
    assert hint in fault.hint
    assert fault.message
    if isinstance(body, dict):
        assert " ".join(body["error"].split()) in fault.message


def test_a_model_too_large_for_memory_is_ours_to_put_right() -> None:
    body = b'{"error": "model requires more system memory (9.9 GiB) than is available (7.6 GiB)"}'
    fault = OLLAMA.failure(500, {}, body).fault
    assert (fault.owner, fault.retry) == (Owner.US, Retry.NEVER)


# --- lists and details -----------------------------------------------------------------------------


def test_the_list_is_asked_for() -> None:
    request = OLLAMA.listing_request(base_url=BASE + "/", key="secret")
    assert (request.method, request.url, request.body) == ("GET", BASE + "/api/tags", ())
    assert request.headers["Authorization"] == "Bearer secret"


def test_a_recorded_list_is_read() -> None:
    page = OLLAMA.listings((FOLDER / "ollama" / "tags.json").read_bytes())
    assert page.more == ""
    assert page.listings == (
        Listing(id="qwen3:8b", family="qwen3", bytes=5225388164),
        Listing(id="nomic-embed-text:latest", kind="embedding", family="nomic-bert", bytes=274302450),
        Listing(id="gpt-oss:120b-cloud", weights="gpt-oss:120b", family="gptoss", remote=True),
    )


def test_one_bad_item_never_drops_the_list() -> None:
    items: list[object] = [
        None,
        5,
        [],
        {},
        {"name": 7},
        {"name": "a", "size": "x", "details": 5, "remote_host": None},
    ]
    page = OLLAMA.listings(json.dumps({"models": [*items, {"name": "mxbai-embed-large"}]}).encode())
    assert page.listings == (Listing(id="a"), Listing(id="mxbai-embed-large", kind="embedding"))


def test_more_of_a_model_is_asked_for_by_its_name() -> None:
    request = OLLAMA.detail_request("qwen3:8b", base_url=BASE, key="secret")
    assert request is not None
    assert (request.method, request.url) == ("POST", BASE + "/api/show")
    assert json.loads(b"".join(request.body)) == {"model": "qwen3:8b"}
    assert request.headers["Authorization"] == "Bearer secret"


def test_recorded_details_tell_context_and_what_it_can_and_cannot_do() -> None:
    listed = Listing(id="qwen3:8b", family="qwen3", bytes=5225388164)
    assert OLLAMA.detailed(listed, (FOLDER / "ollama" / "show.json").read_bytes()) == Listing(
        id="qwen3:8b",
        family="qwen3",
        bytes=5225388164,
        context=40960,
        inputs=("text",),
        capabilities=("text", "reasoning", "tools"),
        denied=("image", "vision"),
    )


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"capabilities": ["embedding"]}, ("embedding", None, ())),
        ({"capabilities": ["image"]}, ("image", None, ())),
        ({"capabilities": ["completion", "insert"]}, ("chat", None, ("text",))),
        ({"parameters": 'stop "a"\nnum_ctx                        8192\n'}, ("chat", 8192, ())),
        ({"model_info": {"general.architecture": "a", "b.context_length": 5}}, ("chat", None, ())),
        ({"model_info": {"general.architecture": "a", "a.context_length": "x"}}, ("chat", None, ())),
    ],
)
def test_details_are_taken_as_far_as_they_go(
    details: object, expected: tuple[str, int | None, tuple[str, ...]]
) -> None:
    found = OLLAMA.detailed(Listing(id="a"), json.dumps(details).encode())
    capabilities = tuple(word for word in found.capabilities if word == "text")
    assert (found.kind, found.context, capabilities) == expected


def test_a_model_that_sees_reads_images() -> None:
    found = OLLAMA.detailed(Listing(id="a"), b'{"capabilities": ["completion", "vision"]}')
    assert found.inputs == ("text", "image")
    assert "vision" in found.capabilities


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"model_info": 5, "capabilities": {}}'])
def test_details_that_cannot_be_read_change_nothing(body: bytes) -> None:
    listing = Listing(id="a", context=7, family="f", kind="chat")
    assert OLLAMA.detailed(listing, body) == listing


@settings(deadline=None)
@given(
    json_values("models", "name", "size", "details", "family", "model_info", "general.architecture"),
    json_values("capabilities", "parameters", "model_info", "general.architecture", "a.context_length"),
)
def test_lists_and_details_of_any_shape_never_raise_anything_but_malformed(
    one: object, other: object
) -> None:
    page = OLLAMA.listings(json.dumps({"models": [one, other]}).encode())
    for listing in page.listings:
        assert OLLAMA.detailed(listing, json.dumps(other).encode()).id == listing.id
