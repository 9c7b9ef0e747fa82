"""Lists of models in the chat-completions dialect."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.dialects.model_lists import read_listings
from panvox.dialects.openai import OpenAI
from panvox.errors import Malformed
from panvox.protocols import Capability, Listing, ListPage, Prices
from tests.wire import FOLDER, json_values

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
        {"id": "some/new", "type": "hologram"},
        {"id": "off", "available_on_current_plan": False},
        {"id": "on", "available_on_current_plan": True, "type": "model"},
        {"id": "tuned", "type": "fine-tuned"},
        {"id": "embed-v4.0", "endpoints": ["embed", "classify"]},
        {"id": "relays", "endpoints": ["/v1/chat/completions"]},
        {"id": "hosted", "endpoints": [{"provider": "x"}]},
        {"id": "BAAI/bge", "type": "embedding"},
        {"id": "mistral-ocr", "capabilities": {"completion_chat": False}},
        {"id": "mistral-large", "capabilities": {"completion_chat": True}},
        {"id": "a/draws", "architecture": {"output_modalities": ["image"]}},
        {"id": "a/draws-and-tells-image", "architecture": {"output_modalities": ["image", "text"]}},
    )
    assert ids(body) == [
        *("gpt-5", "llama-3.3-70b-instruct", "on", "tuned", "relays", "hosted"),
        *("mistral-large", "a/draws-and-tells-image"),
    ]


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


# --- what each vendor tells --------------------------------------------------------------------------


def read(vendor: str) -> ListPage:
    """A page in the shape that the vendor documents."""
    page = read_listings((FOLDER / "lists" / f"{vendor}.json").read_bytes())
    listings = tuple(msgspec.structs.replace(listing, owner="") for listing in page.listings)
    return msgspec.structs.replace(page, listings=listings)


LISTS = {path.stem: path.read_bytes() for path in sorted((FOLDER / "lists").glob("*.json"))}

TOLD: dict[str, tuple[Listing, ...]] = {
    "openrouter": (
        Listing(
            id="deepseek/deepseek-r1",
            name="DeepSeek: R1",
            weights="deepseek-ai/DeepSeek-R1",
            context=163840,
            max_output=16000,
            prices=Prices(input=0.7, output=2.5, cached=0.35, request=0.0),
            inputs=("text",),
            outputs=("text",),
            capabilities=("json", "reasoning", "tools"),
            denied=("image", "vision"),
            created=1737381095,
        ),
        Listing(
            id="google/gemini-2.5-flash-image",
            name="Google: Gemini 2.5 Flash Image",
            context=32768,
            max_output=8192,
            prices=Prices(
                input=0.3, output=2.5, cached=0.03, cache_write=0.3833, reasoning=3.5, request=0.01
            ),
            inputs=("image", "text", "file"),
            outputs=("image", "text"),
            capabilities=("image", "vision"),
            denied=("reasoning", "tools"),
            created=1759870431,
            retires="2026-12-31",
            free=False,
        ),
        Listing(
            id="openrouter/auto",
            name="Auto Router",
            context=2_000_000,
            inputs=("text",),
            outputs=("text",),
            denied=("image", "vision"),
            created=1699401600,
        ),
        Listing(
            id="~anthropic/claude-sonnet-latest",
            name="Claude Sonnet Latest",
            weights="anthropic/claude-sonnet-5",
            context=200_000,
            max_output=64_000,
            prices=Prices(input=3.0, output=15.0),
            inputs=("text", "image"),
            outputs=("text",),
            capabilities=("tools", "vision"),
            denied=("image", "json", "reasoning"),
            created=1770000000,
        ),
        Listing(
            id="qwen/qwen3-8b:free",
            name="Qwen: Qwen3 8B (free)",
            weights="Qwen/Qwen3-8B",
            context=40960,
            prices=Prices(input=0.0, output=0.0, request=0.0),
            inputs=("text",),
            outputs=("text",),
            capabilities=("tools",),
            denied=("image", "json", "reasoning", "vision"),
            created=1745876632,
            free=True,
        ),
    ),
    "together": (
        Listing(
            id="meta-llama/Llama-3.3-70B-Instruct-Turbo",
            name="Meta Llama 3.3 70B Instruct Turbo",
            context=131072,
            prices=Prices(input=0.88, output=0.88, cached=0.44),
            created=1733466629,
        ),
        Listing(
            id="deepseek-ai/DeepSeek-V3.1",
            name="DeepSeek V3.1",
            context=131072,
            prices=Prices(input=0.0, output=0.0),
        ),
    ),
    "groq": (Listing(id="openai/gpt-oss-120b", context=131072, max_output=65536, created=1754408224),),
    "mistral": (
        Listing(
            id="mistral-medium-latest",
            name="mistral-medium-2508",
            weights="mistral-medium-2508",
            context=131072,
            capabilities=("tools", "vision"),
            created=1756746619,
        ),
        Listing(
            id="open-mistral-7b",
            name="open-mistral-7b",
            context=32768,
            denied=("tools", "vision"),
            created=1756746619,
            retires="2025-03-30",
        ),
    ),
    "vllm": (
        Listing(id="house-model", weights="Qwen/Qwen3-8B-AWQ", context=40960, created=1756746619),
        Listing(id="house-lora", created=1756746619),
    ),
    "llamacpp": (Listing(id="qwen3-8b-q4_k_m.gguf", context=40960, created=1756746619),),
    "synthetic": (
        Listing(
            id="hf:zai-org/GLM-4.6",
            name="zai-org/GLM-4.6",
            weights="zai-org/GLM-4.6",
            context=202752,
            max_output=65536,
            prices=Prices(input=0.55, output=2.19, cached=0.11, request=0.0),
            inputs=("text",),
            outputs=("text",),
            capabilities=("json", "reasoning", "tools"),
            denied=("image", "vision"),
        ),
    ),
    "deepinfra": (
        Listing(
            id="Qwen/Qwen3-VL-30B-A3B-Instruct",
            context=262144,
            max_output=32768,
            prices=Prices(input=0.29, output=0.99, cached=0.1),
            capabilities=("vision",),
        ),
        Listing(id="no-facts"),
    ),
    "novita": (
        Listing(
            id="deepseek/deepseek-v3.2",
            name="DeepSeek V3.2",
            context=163840,
            max_output=65536,
            prices=Prices(input=0.269, output=0.4, cached=0.1345),
            inputs=("text",),
            outputs=("text",),
            capabilities=("json", "reasoning", "tools"),
            denied=("image", "vision"),
            created=1764547200,
        ),
    ),
    "nebius": (
        Listing(
            id="Qwen/Qwen2.5-VL-72B-Instruct",
            name="Qwen2.5-VL-72B-Instruct",
            context=32000,
            prices=Prices(input=0.25, output=0.75, request=0.0),
            inputs=("text", "image"),
            outputs=("text",),
            capabilities=("vision",),
            denied=("image",),
            created=1740000000,
        ),
    ),
    "fireworks": (
        Listing(
            id="accounts/fireworks/models/qwen3-vl-235b-a22b-thinking",
            context=262144,
            capabilities=("tools", "vision"),
            created=1758600000,
        ),
    ),
    "github": (
        Listing(
            id="openai/gpt-4.1",
            name="OpenAI GPT-4.1",
            context=1048576,
            max_output=32768,
            inputs=("text", "image", "audio"),
            outputs=("text",),
            capabilities=("tools", "vision"),
            denied=("image",),
        ),
    ),
    "huggingface": (
        Listing(
            id="openai/gpt-oss-120b",
            context=131000,
            prices=Prices(input=0.35, output=0.75),
            inputs=("text",),
            outputs=("text",),
            capabilities=("tools",),
            denied=("image", "json", "vision"),
            created=1754408224,
        ),
    ),
    "moonshot": (
        Listing(id="kimi-k2.5", context=262144, capabilities=("reasoning", "vision"), created=1769385600),
    ),
    "cherry-v1": (
        Listing(id="ollama:qwen3:8b", name="qwen3:8b", weights="qwen3:8b", created=1756746619),
        Listing(id="openai:gpt-4o", name="GPT-4o", weights="gpt-4o", created=1756746619),
    ),
    "cherry-v2": (Listing(id="ollama:qwen3:8b", created=1756746619),),
    "cohere": (
        Listing(
            id="command-a-03-2025",
            name="command-a-03-2025",
            context=288000,
            capabilities=("json", "tools"),
        ),
        Listing(id="command-r-03-2024", name="command-r-03-2024", context=128000, retires="yes"),
    ),
    "cherry-cloud": (
        Listing(id="gpt-4", name="GPT-4", free=False),
        Listing(id="llama-3.1-8b", name="Llama 3.1 8B", free=True),
        Listing(id="claude-3", name="Claude 3"),
    ),
}


@pytest.mark.parametrize("vendor", LISTS)
def test_everything_that_a_list_tells_is_read_in_one_set_of_units(vendor: str) -> None:
    assert read(vendor).listings == TOLD[vendor]


def test_abilities_are_told_in_the_words_of_the_catalogue() -> None:
    told = [listing for page in TOLD.values() for listing in page]
    words = {word for listing in told for word in (*listing.capabilities, *listing.denied)}
    assert words <= set(Capability)
    assert [listing.id for listing in told if set(listing.capabilities) & set(listing.denied)] == []


def test_the_next_page_is_told_by_a_link_or_by_how_many_there_are() -> None:
    assert read("openrouter").more == "500"
    assert read("cherry-v1").more == "4"
    assert {vendor for vendor in LISTS if read(vendor).more} == {"openrouter", "cherry-v1"}


@pytest.mark.parametrize(
    ("around", "more"),
    [
        ({"links": {"next": None}}, ""),
        ({"links": {"next": "https://host.example/api/v1/models?limit=2&offset=7"}}, "7"),
        ({"links": {"next": "/models?offset=soon"}}, ""),
        ({"links": {"next": "/models?offset=0"}}, ""),
        ({"links": {"next": "http://[/"}}, ""),
        ({"links": {"next": 5}}, ""),
        ({"total": 3, "offset": 0}, "1"),
        ({"total": 1, "offset": 0}, ""),
        ({"total": 9}, ""),
        ({"total": "9", "offset": "1"}, "2"),
        ({"total": -1, "offset": 0}, ""),
        ({"total_count": 9}, "1"),
        ({"total_count": 1}, ""),
        ({"total_count": "many"}, ""),
    ],
)
def test_pages_end_where_nothing_says_that_they_go_on(around: dict[str, object], more: str) -> None:
    page = read_listings(json.dumps({"data": [{"id": "a"}], **around}).encode())
    assert (page.more, [listing.id for listing in page.listings]) == (more, ["a"])


def test_pages_are_counted_from_what_was_asked_for() -> None:
    body = b'{"data": [{"id": "a"}, {"id": "b"}], "total_count": 9}'
    assert OpenAI().listings(body, page="5").more == "7"
    assert OpenAI().listings(body, page="7").more == ""
    assert OpenAI().listings(b'{"data": [], "total_count": 9}', page="3").more == ""


def test_the_dearest_prices_stand_beside_the_usual_ones() -> None:
    overrides: list[object] = [
        {"min_prompt_tokens": 200_000, "prompt": "0.000005", "completion": "0.00001"},
        {"utc_start": "16:30", "utc_end": "00:30", "prompt": "0.000006", "completion": "-1"},
        None,
        {"prompt": "soon"},
    ]
    pricing = {"prompt": "0.0000025", "completion": "0.0000075", "overrides": overrides}
    (listing,) = read_listings(listed({"id": "a", "pricing": pricing})).listings
    assert listing.prices == Prices(input=2.5, output=7.5)
    assert listing.tiers == Prices(input=6.0, output=10.0)


def test_an_empty_page_is_the_last() -> None:
    assert read_listings(b'{"data": [], "total": 9, "offset": 3}').more == ""


@pytest.mark.parametrize(
    ("told", "prices"),
    [
        ({"pricing": {"prompt": "1e-6", "completion": 0.000002}}, Prices(input=1.0, output=2.0)),
        ({"pricing": {"prompt": "-1", "completion": "0"}}, Prices(output=0.0)),
        ({"pricing": {"prompt": "NaN", "completion": "1e300"}}, Prices()),
        ({"pricing": {"input": 3, "output": "4"}}, Prices(input=3.0, output=4.0)),
        ({"pricing": {"prompt": "0.000001", "input": 9}}, Prices(input=1.0)),
        ({"pricing": {"prompt": True, "completion": None}}, Prices()),
        ({"pricing": [1, 2]}, Prices()),
        ({"input_price": 0.1, "output_price": 0.2}, Prices(input=0.1, output=0.2)),
    ],
)
def test_what_varies_and_what_is_no_price_is_unknown(told: dict[str, object], prices: Prices) -> None:
    (listing,) = read_listings(listed({"id": "a", **told})).listings
    assert listing.prices == prices


@pytest.mark.parametrize(
    ("told", "date"),
    [
        ({"expiration_date": "2026-01-31"}, "2026-01-31"),
        ({"deprecation": "2026-01-31T12:00:00Z"}, "2026-01-31"),
        ({"expiration_date": "soon"}, ""),
        ({"expiration_date": 20260131}, ""),
        ({"deprecated": True}, "yes"),
        ({"deprecated": False}, ""),
        ({"is_deprecated": True}, "yes"),
        ({"is_deprecated": False}, ""),
        ({"status": "deprecated"}, "yes"),
    ],
)
def test_the_end_of_a_model_is_a_date_or_a_yes(told: dict[str, object], date: str) -> None:
    (listing,) = read_listings(listed({"id": "a", **told})).listings
    assert listing.retires == date


def test_times_in_milliseconds_are_seconds_and_zero_is_unknown() -> None:
    items = [{"id": str(n), "created": created} for n, created in enumerate((1700000000123, 1700000000, 0))]
    listings = read_listings(listed(*items)).listings
    assert [listing.created for listing in listings] == [1700000000, 1700000000, None]


# --- any list ----------------------------------------------------------------------------------------

FIELDS = (
    *("id", "type", "name", "pricing", "prompt", "input", "request", "architecture", "capabilities"),
    *("created", "input_modalities", "output_modalities", "modality", "supported_parameters", "reasoning"),
    *("top_provider", "metadata", "tags", "features", "providers", "status", "context_length", "limits"),
    *("links", "next", "offset", "total", "data", "models", "cost", "expiration_date", "hugging_face_id"),
    *("overrides", "endpoints", "total_count", "is_deprecated"),
    *("alias_target", "slug", "active", "aliases", "root", "parent", "supports_tools", "price_per_m"),
)


@settings(deadline=None)
@given(json_values(*FIELDS))
def test_a_body_of_any_shape_is_a_list_or_malformed(value: object) -> None:
    try:
        page = read_listings(json.dumps(value).encode())
    except Malformed:
        return
    for listing in page.listings:
        assert listing.id
        assert msgspec.convert(msgspec.to_builtins(listing), Listing) == listing


@settings(deadline=None)
@given(st.sampled_from(sorted(LISTS)), st.data())
def test_one_bad_field_or_item_never_drops_the_others(vendor: str, data: st.DataObject) -> None:
    body = json.loads(LISTS[vendor])
    items = body if isinstance(body, list) else body.get("data") or body["models"]
    spoilt = data.draw(st.sampled_from(items))
    others = {listing.id for listing in read(vendor).listings} - {spoilt.get("id"), spoilt.get("name")}
    spoilt[data.draw(st.sampled_from(sorted(spoilt)))] = data.draw(json_values(*FIELDS))
    found = {listing.id for listing in read_listings(json.dumps(body).encode()).listings}
    assert others <= found


@settings(deadline=None)
@given(
    st.lists(
        json_values("id", "type", "name", "pricing", "prompt", "architecture", "capabilities", "created")
    )
)
def test_lists_of_any_shape_never_raise_anything_but_malformed(values: list[object]) -> None:
    assert len(OpenAI().listings(json.dumps(values).encode()).listings) <= len(values)


@pytest.mark.parametrize(
    ("pricing", "prices"),
    [
        ({"input": "0.00000125", "output": "0.00001"}, Prices(input=1.25, output=10.0)),  # per token, as text
        ({"prompt": 0.25, "completion": 1.0}, Prices(input=0.25, output=1.0)),  # per million, as numbers
        ({"prompt": "0.0006", "completion": "0.0018"}, Prices(input=600.0, output=1800.0)),
        ({"input": 0.0001, "output": 0.0001}, Prices(input=0.0001, output=0.0001)),
        ({"prompt": "-1", "completion": "NaN"}, Prices()),
        ({"input": 1e9}, Prices()),
    ],
)
def test_a_price_that_can_only_be_meant_in_the_other_unit_is_taken_so(
    pricing: dict[str, object], prices: Prices
) -> None:
    (listing,) = read_listings(listed({"id": "a", "pricing": pricing})).listings
    assert listing.prices == prices


def test_other_fees_deny_that_a_model_is_free() -> None:
    pricing = {"prompt": "0", "completion": "0", "image": "0.04"}
    (listing,) = read_listings(listed({"id": "a", "pricing": pricing, "owned_by": "acme"})).listings
    assert (listing.free, listing.owner) == (False, "acme")
    free = {**pricing, "image": "0"}
    (listing,) = read_listings(listed({"id": "a:free", "pricing": free})).listings
    assert listing.free
