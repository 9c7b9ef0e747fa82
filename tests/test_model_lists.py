"""Lists of models in the chat-completions dialect."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.dialects.openai import OpenAI
from panvox.errors import Malformed
from panvox.protocols import Prices
from tests.wire import json_values

BASE = "http://127.0.0.1:9/v1"


def listed(*items: object) -> bytes:
    return json.dumps({"object": "list", "data": items}).encode()


def ids(body: bytes) -> list[str]:
    return [listing.id for listing in OpenAI().listings(body).listings]


def test_the_list_is_asked_for_with_the_key() -> None:
    request = OpenAI().listing_request(base_url=BASE + "/", key="secret")
    assert (request.method, request.url, request.body) == ("GET", BASE + "/models", ())
    assert request.headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": [{"id": "a"}]}',
        b'[{"id": "a"}]',
        b'{"models": [{"name": "a"}]}',
        b'{"models": [{"model": "a"}]}',
    ],
)
def test_every_shape_of_list_is_read(body: bytes) -> None:
    assert ids(body) == ["a"]


def test_one_bad_item_never_drops_the_list() -> None:
    assert ids(
        listed(None, 5, {}, {"id": None}, {"id": 7}, [], {"id": "a", "pricing": "x", "created": {}})
    ) == ["a"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"data": 5}', b'"a"', b"[" * 100_000])
def test_what_is_no_list_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed, match="list of models"):
        OpenAI().listings(body)


def test_models_that_do_not_chat_are_left_out() -> None:
    body = listed(
        {"id": "gpt-5"},
        {"id": "llama-3.3-70b-instruct", "type": "chat"},
        {"id": "davinci-002"},
        {"id": "text-embedding-3-small"},
        {"id": "whisper-1"},
        {"id": "dall-e-3"},
        {"id": "omni-moderation-latest"},
        {"id": "gpt-4o-mini-tts"},
        {"id": "some/base", "type": "language"},
        {"id": "some/picture", "type": "image"},
        {"id": "BAAI/bge", "type": "embedding"},
        {"id": "mistral-ocr", "capabilities": {"completion_chat": False}},
        {"id": "mistral-large", "capabilities": {"completion_chat": True}},
        {"id": "a/draws", "architecture": {"output_modalities": ["image"]}},
        {"id": "a/draws-and-tells-image", "architecture": {"output_modalities": ["image", "text"]}},
    )
    assert ids(body) == ["gpt-5", "llama-3.3-70b-instruct", "mistral-large", "a/draws-and-tells-image"]


def test_sizes_and_prices_are_the_same_for_every_provider() -> None:
    openrouter, together, groq, router = (
        OpenAI()
        .listings(
            listed(
                {
                    "id": "a/b:free",
                    "name": "A: B",
                    "created": 1700000000,
                    "context_length": 8192,
                    "pricing": {"prompt": "0.0000015", "completion": "0"},
                    "top_provider": {"max_completion_tokens": 4096},
                },
                {
                    "id": "c/d",
                    "type": "chat",
                    "display_name": "C D",
                    "context_length": 10,
                    "pricing": {"input": 0.5, "output": 2},
                },
                {"id": "e", "context_window": 131072, "max_completion_tokens": 32768, "active": True},
                {"id": "auto", "pricing": {"prompt": "-1", "completion": "-1"}, "context_length": None},
            )
        )
        .listings
    )
    assert (openrouter.name, openrouter.created) == ("A: B", 1700000000)
    assert (openrouter.context, openrouter.max_output) == (8192, 4096)
    assert openrouter.prices == Prices(input=1.5, output=0.0)
    assert (together.name, together.prices) == ("C D", Prices(input=0.5, output=2))
    assert (groq.context, groq.max_output, groq.prices) == (131072, 32768, Prices())
    assert (router.context, router.prices) == (None, Prices())


@settings(deadline=None)
@given(
    st.lists(
        json_values("id", "type", "name", "pricing", "prompt", "architecture", "capabilities", "created")
    )
)
def test_lists_of_any_shape_never_raise_anything_but_malformed(values: list[object]) -> None:
    assert len(OpenAI().listings(json.dumps(values).encode()).listings) <= len(values)
