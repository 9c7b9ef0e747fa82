"""The generateContent dialect: what goes out, and what comes of every reply."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.dialects.gemini import Gemini
from panvox.errors import Owner, PromptError, Retry, UnknownModel
from panvox.messages import (
    Answer,
    End,
    Finish,
    ImagePart,
    Message,
    Part,
    Prompt,
    Reasoning,
    Role,
    Text,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
    UsageReport,
)
from panvox.protocols import Listing, Quirks
from tests.wire import FOLDER, decode, fold
from tests.wire.gemini import array, event, stream, usage
from tests.wire.gemini.deviations import FAILURES, HI

BASE = "http://127.0.0.1:9/v1beta"
PARIS = Prompt.of("Paris?")
GEMINI = Gemini()
RECORDED = {path.name: path.read_bytes() for path in sorted((FOLDER / "gemini").glob("t*"))}


# --- requests --------------------------------------------------------------------------------------


def body_of(prompt: Prompt, model: str = "m", quirks: Quirks | None = None) -> dict[str, object]:
    request = Gemini(quirks or Quirks()).request(prompt, model, base_url=BASE, key=None)
    body = json.loads(b"".join(request.body))
    assert isinstance(body, dict)
    return body


def talk(*turns: tuple[Role, tuple[Part, ...]]) -> Prompt:
    return Prompt(messages=tuple(Message(role, parts) for role, parts in turns))


def test_no_header_tells_of_limits() -> None:
    assert GEMINI.rates({"x-ratelimit-limit-requests": "1"}, now=0.0) == ()


def test_a_question_goes_out_as_a_stream_to_the_address_of_the_model() -> None:
    request = GEMINI.request(PARIS, "gemini-2.5-flash", base_url=BASE + "/", key="secret")
    assert request.method == "POST"
    assert request.url == BASE + "/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    assert request.headers["x-goog-api-key"] == "secret"
    assert "secret" not in request.url
    assert request.headers["Content-Type"] == "application/json"
    assert body_of(PARIS) == {"contents": [{"role": "user", "parts": [{"text": "Paris?"}]}]}


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("m-1.5", "models/m-1.5"),
        ("models/m", "models/m"),
        ("tunedModels/mine-7", "tunedModels/mine-7"),
        ("a b#c", "models/a%20b%23c"),
        ("openrouter:google/gemini-2.5-pro", "models/openrouter:google/gemini-2.5-pro"),
        ("publishers/google/models/m", "models/publishers/google/models/m"),
    ],
)
def test_a_model_stands_under_models_unless_its_name_has_a_place(model: str, path: str) -> None:
    url = GEMINI.request(PARIS, model, base_url=BASE, key=None).url
    assert url == f"{BASE}/{path}:streamGenerateContent?alt=sse"


@pytest.mark.parametrize("model", ["../files", "models/../../v1/m", "m?key=x", "m&key=x"])
def test_what_leads_elsewhere_is_not_the_name_of_a_model(model: str) -> None:
    with pytest.raises(UnknownModel, match="cannot be the name of a model"):
        GEMINI.request(PARIS, model, base_url=BASE, key=None)


def test_what_a_proxy_says_is_no_part_of_the_answer() -> None:
    events, _ = decode([FAILURES["the fault of a proxy after text"][0]], dialect=GEMINI)
    assert events == [Text("Hi")]


def test_every_kind_of_message_is_spelled() -> None:
    prompt = talk(
        ("system", (TextPart("Be brief."), TextPart("Be kind."))),
        ("user", (TextPart("What "), TextPart(""), TextPart("is it?"))),
        ("user", (ImagePart("data:image/jpeg;base64,AA=="), ImagePart("https://a.example/b.PNG?c=d.gif"))),
        ("user", (ImagePart("https://a.example/view"),)),
        ("assistant", (TextPart("Well."), ToolCall("c1", "look", '{"at":1}'), ToolCall("c2", "hear", ""))),
        ("tool", (ToolResult("c2", "a dog"),)),
        ("tool", (ToolResult("c1", "a cat"),)),
        ("user", (TextPart("And?"),)),
        ("assistant", (TextPart(""),)),
        ("system", (TextPart("Be quick."),)),
    )
    assert body_of(prompt) == {
        "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}, {"text": "Be quick."}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "What "},
                    {"text": "is it?"},
                    {"inlineData": {"mimeType": "image/jpeg", "data": "AA=="}},
                    {"fileData": {"mimeType": "image/png", "fileUri": "https://a.example/b.PNG?c=d.gif"}},
                    {"fileData": {"fileUri": "https://a.example/view"}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {"text": "Well."},
                    {"functionCall": {"id": "c1", "name": "look", "args": {"at": 1}}},
                    {"functionCall": {"id": "c2", "name": "hear", "args": {}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": "c2", "name": "hear", "response": {"output": "a dog"}}},
                    {"functionResponse": {"id": "c1", "name": "look", "response": {"output": "a cat"}}},
                    {"text": "And?"},
                ],
            },
        ],
    }


def test_ids_that_come_again_mean_the_latest_call() -> None:
    """Where Google gives calls no ids they are made up, and begin anew with every answer."""
    prompt = talk(
        ("assistant", (ToolCall("call_0", "look", "{}"),)),
        ("tool", (ToolResult("call_0", "a cat"),)),
        ("assistant", (ToolCall("call_0", "hear", "{}"),)),
        ("tool", (ToolResult("call_0", "a dog"),)),
    )
    contents = body_of(prompt)["contents"]
    assert isinstance(contents, list)
    responses = [turn["parts"][0]["functionResponse"] for turn in contents if turn["role"] == "user"]
    assert [response["name"] for response in responses] == ["look", "hear"]


def test_options_go_out_only_when_given() -> None:
    prompt = Prompt(
        messages=PARIS.messages,
        tools=(Tool("look", "Looks.", '{"type":"object"}'),),
        max_tokens=5,
        temperature=0.0,
        top_p=0.5,
        seed=1,
        stop=("\n",),
        schema='{"type":"object","additionalProperties":false}',
    )
    body = body_of(prompt)
    assert body["generationConfig"] == {
        "maxOutputTokens": 5,
        "temperature": 0.0,
        "topP": 0.5,
        "seed": 1,
        "stopSequences": ["\n"],
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object", "additionalProperties": False},
    }
    declared = {"name": "look", "description": "Looks.", "parametersJsonSchema": {"type": "object"}}
    assert body["tools"] == [{"functionDeclarations": [declared]}]


REPEATS_A_CALL = talk(
    ("user", (TextPart("Look."),)),
    ("assistant", (ToolCall("a", "look", "{}"), ToolCall("b", "hear", "{}"))),
    ("tool", (ToolResult("a", "a cat"), ToolResult("b", "meow"))),
)


@pytest.mark.parametrize(
    ("model", "signed"),
    [
        ("gemini-2.5-pro", False),
        ("gemini-2.0-flash-001", False),
        ("gemma-3-27b-it", False),
        ("gemini-3-pro-preview", True),
        ("gemini-3.1-flash", True),
        ("gemini-10-pro", True),
        ("gemini-flash-latest", True),
    ],
)
def test_models_since_gemini_3_get_a_signature_with_the_first_call_of_a_step(
    model: str, signed: bool
) -> None:
    contents = body_of(REPEATS_A_CALL, model)["contents"]
    assert isinstance(contents, list)
    first, second = contents[1]["parts"]
    assert first.get("thoughtSignature") == ("skip_thought_signature_validator" if signed else None)
    assert "thoughtSignature" not in second


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (Prompt(messages=PARIS.messages, stop=tuple("abcdef")), "5 stop sequences at most, and here are 6"),
        (talk(("assistant", (ToolCall("c", "look", "[1]"),))), "'look' are not a JSON object"),
        (talk(("assistant", (ToolCall("c", "look", '{"a'),))), "'look' cannot be read"),
        (talk(("tool", (ToolResult("c", "x"),))), "'c', but no such call before it"),
    ],
)
def test_what_cannot_be_written_is_the_prompts_fault(prompt: Prompt, said: str) -> None:
    with pytest.raises(PromptError, match=said):
        GEMINI.request(prompt, "m", base_url=BASE, key=None)


def test_a_vendor_may_differ() -> None:
    quirks = Quirks(
        key_header="Authorization",
        headers=(("X-Title", "panvox"),),
        query="beta=1",
        body=(("safetySettings", "[]"), ("generationConfig", '{"topK":3,"topP":0.1}')),
        max_tokens_name="limit",
        max_tokens=9,
        page_size=7,
    )
    request = Gemini(quirks).request(PARIS, "m", base_url=BASE, key="secret")
    assert request.url.endswith(":streamGenerateContent?alt=sse&beta=1")
    assert (request.headers["Authorization"], request.headers["X-Title"]) == ("Bearer secret", "panvox")
    prompt = Prompt(messages=PARIS.messages, top_p=0.5)
    body = body_of(prompt, quirks=quirks)
    assert body["safetySettings"] == []
    assert body["generationConfig"] == {"topK": 3, "topP": 0.5, "limit": 9}
    config = body_of(Prompt.of("Paris?", max_tokens=5), quirks=quirks)["generationConfig"]
    assert config == {"topK": 3, "topP": 0.1, "limit": 5}
    listing = Gemini(quirks).listing_request(base_url=BASE, key=None)
    assert listing.url == BASE + "/models?pageSize=7&beta=1"


# --- replies ---------------------------------------------------------------------------------------


THOUGHTFUL = Answer(
    text='Das macht 144 ✔🎉 und "{[\\" bleibt Text.',
    reasoning="**Zwölf mal zwölf**\n\nIch rechne … 10 × 12 + 2 × 12.",
    finish=Finish.STOP,
    usage=Usage(prompt_tokens=15, completion_tokens=62, reasoning_tokens=43, cached_tokens=8),
    model="gemini-2.5-flash",
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("thinking.sse", THOUGHTFUL),
        ("thinking.json", THOUGHTFUL),
        (
            "tools.sse",
            Answer(
                text="Ich sehe nach.",
                tool_calls=(
                    ToolCall("call_0", "wetter", '{"ort":"Île-de-France","tage":[1,2]}'),
                    ToolCall("fc-7", "uhrzeit", "{}"),
                ),
                finish=Finish.TOOL_CALLS,
                usage=Usage(prompt_tokens=92, completion_tokens=38, reasoning_tokens=14),
                model="gemini-2.5-flash",
            ),
        ),
    ],
)
def test_a_whole_stream_becomes_the_answer_it_spells(name: str, expected: Answer) -> None:
    kind = "application/json" if name.endswith("json") else "text/event-stream"
    events, fault = decode([RECORDED[name]], kind, dialect=GEMINI)
    assert fault is None
    assert fold(events) == expected


def test_each_element_of_an_array_is_an_event_as_soon_as_it_is_complete() -> None:
    decoder = GEMINI.decoder("application/json; charset=UTF-8")
    first, second = array(event("Hello"))[:-2], array(event(", you"))[1:]
    assert list(decoder.feed(first)) == [Text("Hello")]
    assert list(decoder.feed(b"\n,\r\n" + second)) == [Text(", you")]


def test_what_came_before_a_failure_comes_first() -> None:
    broken = {"error": {"code": 500, "message": "x", "status": "INTERNAL"}}
    events, fault = decode([stream({**event("Hello"), **usage(3, 2)}, broken, HI)], dialect=GEMINI)
    assert events == [Text("Hello"), UsageReport(Usage(prompt_tokens=3, completion_tokens=2))]
    assert fault is not None
    assert fault.status == 500


def test_a_model_that_calls_tools_badly_may_be_asked_again_and_one_that_is_refused_not() -> None:
    _, badly = decode([FAILURES["a call that cannot be read"][0]], dialect=GEMINI)
    _, blocked = decode([FAILURES["a blocked prompt"][0]], dialect=GEMINI)
    assert badly is not None
    assert (badly.retry, badly.code) == (Retry.LATER, "MALFORMED_FUNCTION_CALL")
    assert "base_url" not in badly.hint
    assert blocked is not None
    assert (blocked.owner, blocked.retry, blocked.code) == (Owner.PROMPT, Retry.NEVER, "PROHIBITED_CONTENT")


# --- properties ------------------------------------------------------------------------------------


PIECES = st.one_of(
    st.text(max_size=9).map(lambda text: {"text": text}),
    st.text(max_size=9).map(lambda text: {"text": text, "thought": True}),
    st.builds(lambda name: {"functionCall": {"name": name, "args": {"a": [name]}}}, st.text(max_size=5)),
)


@settings(deadline=None)
@given(st.lists(st.lists(PIECES, max_size=3), max_size=4), st.data())
def test_events_and_array_say_the_same_and_any_cut_says_less(
    turns: list[list[dict[str, object]]], data: st.DataObject
) -> None:
    values = [*(event(*parts) for parts in turns), event("Amen", finish="STOP")]
    expected, fault = decode([stream(*values)], dialect=GEMINI)
    assert fault is None
    assert decode([array(*values)], dialect=GEMINI) == (expected, None)
    said = "".join(part["text"] for parts in turns for part in parts if part.keys() == {"text"})  # type: ignore[misc]
    if not said.lstrip().startswith("<think>"):
        assert fold(expected).text == said + "Amen"
    wire = array(*values)
    cut = data.draw(st.integers(0, len(wire) - 1))
    events, fault = decode([wire[:cut]], dialect=GEMINI)
    assert fault is not None
    assert not any(isinstance(event, End | Reasoning) for event in events[len(expected) :])


# --- lists -----------------------------------------------------------------------------------------


def test_the_list_is_asked_for_page_by_page_with_the_key() -> None:
    request = GEMINI.listing_request(base_url=BASE + "/", key="secret")
    assert (request.method, request.url, request.body) == ("GET", BASE + "/models?pageSize=1000", ())
    assert request.headers["x-goog-api-key"] == "secret"
    more = GEMINI.listings((FOLDER / "gemini" / "models.json").read_bytes()).more
    assert more == "Ch9tb2RlbHMvZ2VtaW5p+/=="
    following = GEMINI.listing_request(base_url=BASE, key=None, page=more)
    assert following.url == BASE + "/models?pageSize=1000&pageToken=Ch9tb2RlbHMvZ2VtaW5p%2B%2F%3D%3D"


def test_a_recorded_list_is_read() -> None:
    embedding, flash, speaker, gemma = GEMINI.listings(
        (FOLDER / "gemini" / "models.json").read_bytes()
    ).listings
    assert (embedding.id, embedding.kind) == ("embedding-001", "embedContent")
    assert flash == Listing(
        id="gemini-2.5-flash",
        name="Gemini 2.5 Flash",
        context=1048576,
        max_output=65536,
        capabilities=("reasoning",),
    )
    assert (speaker.id, speaker.kind) == ("gemini-2.5-flash-preview-tts", "tts")
    assert (gemma.id, gemma.kind, gemma.capabilities, gemma.denied) == ("gemma-3-27b-it", "chat", (), ())


def test_one_bad_item_never_drops_the_list() -> None:
    items: list[object] = [
        None,
        5,
        [],
        {},
        {"name": 7},
        {"name": "models/"},
        {"name": "models/a", "inputTokenLimit": "x"},
    ]
    odd = {"name": "b", "supportedGenerationMethods": [7], "thinking": False, "baseModelId": "b-base"}
    page = GEMINI.listings(json.dumps({"models": [*items, odd], "nextPageToken": 7}).encode())
    assert page.listings == (
        Listing(id="a"),
        Listing(id="b", denied=("reasoning",), weights="b-base"),
    )
    assert page.more == ""


@pytest.mark.parametrize("body", [b"{}", b'{"models": []}', b'{"nextPageToken": "x"}'])
def test_a_page_may_be_empty(body: bytes) -> None:
    assert GEMINI.listings(body).listings == ()


def test_there_is_nothing_more_to_be_told_of_a_model() -> None:
    listing = Listing(id="a")
    assert GEMINI.detail_request("a", base_url=BASE, key=None) is None
    assert GEMINI.detailed(listing, b"{}") is listing
