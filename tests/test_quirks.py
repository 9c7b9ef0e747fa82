"""How vendors differ from the chat-completions dialect, as data: what goes out, and what headers mean."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from panvox.dialects import refusals
from panvox.dialects.openai import OpenAI
from panvox.errors import Category
from panvox.messages import Prompt, Rate
from panvox.protocols import Quirks, Request
from panvox.settings import VENDORS

BASE = "http://127.0.0.1:9/v1"
PARIS = Prompt.of("Paris?")
NOW = 1_795_233_500.0


def of(vendor: str) -> OpenAI:
    return OpenAI(VENDORS[vendor].quirks)


def asked(quirks: Quirks, prompt: Prompt = PARIS, model: str = "m") -> Request:
    return OpenAI(quirks).request(prompt, model, base_url=BASE, key="secret")


def body(request: Request) -> dict[str, object]:
    read = json.loads(b"".join(request.body))
    assert isinstance(read, dict)
    return read


# --- what goes out -----------------------------------------------------------------------------------


def test_the_key_goes_where_the_vendor_looks_for_it() -> None:
    quirks = Quirks(key_header="api-key")
    listing = OpenAI(quirks).listing_request(base_url=BASE, key="secret")
    for request in (asked(quirks), listing):
        assert request.headers["api-key"] == "secret"
        assert "Authorization" not in request.headers
    assert "api-key" not in OpenAI(quirks).listing_request(base_url=BASE, key=None).headers


def test_every_call_carries_the_vendors_headers_and_query() -> None:
    quirks = Quirks(headers=(("X-Title", "panvox"),), query="api-version=1", page_size=50)
    listing = OpenAI(quirks).listing_request(base_url=f"{BASE}/?verbose=true", key=None, page="100")
    assert listing.url == f"{BASE}/models?verbose=true&api-version=1&limit=50&offset=100"
    assert asked(quirks).url == f"{BASE}/chat/completions?api-version=1"
    assert (listing.headers["X-Title"], asked(quirks).headers["X-Title"]) == ("panvox", "panvox")


def test_openrouter_is_told_who_asks() -> None:
    headers = of("openrouter").request(PARIS, "m", base_url=BASE, key="secret").headers
    assert headers["X-OpenRouter-Title"] == "panvox"
    assert "panvox" in headers["HTTP-Referer"]
    assert of("openrouter").listing_request(base_url=BASE, key=None).url == f"{BASE}/models?limit=1000"


@pytest.mark.parametrize(
    ("quirks", "limit", "model", "sent"),
    [
        (Quirks(), None, "m", {}),
        (Quirks(max_tokens=8192), None, "m", {"max_tokens": 8192}),
        (Quirks(max_tokens=8192), 7, "m", {"max_tokens": 7}),
        (Quirks(max_tokens=8192), None, "o3", {"max_completion_tokens": 8192}),
        (Quirks(max_tokens_name="max_completion_tokens"), 7, "m", {"max_completion_tokens": 7}),
        (Quirks(max_tokens_name="max_tokens"), 7, "gpt-5", {"max_tokens": 7}),
    ],
)
def test_the_limit_of_tokens_has_the_vendors_name_and_default(
    quirks: Quirks, limit: int | None, model: str, sent: dict[str, int]
) -> None:
    found = body(asked(quirks, Prompt.of("Paris?", max_tokens=limit), model))
    assert {name: value for name, value in found.items() if "max" in name} == sent


def test_usage_is_asked_for_only_where_that_is_understood() -> None:
    assert body(asked(Quirks()))["stream_options"] == {"include_usage": True}
    assert "stream_options" not in body(of("mistral").request(PARIS, "m", base_url=BASE, key=None))


def test_cohere_is_not_asked_for_usage_and_lists_in_its_own_way() -> None:
    assert "stream_options" not in body(of("cohere").request(PARIS, "m", base_url=BASE, key=None))
    url = of("cohere").listing_request(base_url=VENDORS["cohere"].list_url, key=None).url
    assert url == "https://api.cohere.ai/v1/models?endpoint=chat&page_size=1000"


def test_a_seed_has_the_vendors_name() -> None:
    prompt = Prompt(messages=PARIS.messages, seed=7)
    found = body(of("mistral").request(prompt, "m", base_url=BASE, key=None))
    assert (found["random_seed"], "seed" in found) == (7, False)
    assert body(of("groq").request(prompt, "m", base_url=BASE, key=None))["seed"] == 7


def test_further_fields_are_values_of_json() -> None:
    found = body(asked(Quirks(body=(("a", '"x"'), ("b", '{"c": [1, null]}')))))
    assert (found["a"], found["b"]) == ("x", {"c": [1, None]})


def test_members_of_one_dialect_share_one_conversation_whatever_their_vendors() -> None:
    prompt = Prompt.of("long " * 1000)
    dialects = [OpenAI(vendor.quirks) for vendor in VENDORS.values() if vendor.dialect == "openai"]
    bodies = [dialect.request(prompt, "m", base_url=BASE, key=None).body for dialect in dialects]
    assert len(bodies) > 25
    assert len({id(tail) for _, tail in bodies}) == 1
    assert max(len(head) for head, _ in bodies) < 200


# --- rates -------------------------------------------------------------------------------------------


def standing(kind: str, limit: object, remaining: object, reset: object) -> dict[str, str]:
    """`kind` is what follows `x-ratelimit-limit`."""
    return {
        f"X-RateLimit-Limit{kind}": str(limit),
        f"x-ratelimit-remaining{kind}": str(remaining),
        f"x-ratelimit-reset{kind}": str(reset),
    }


OPENAI = {**standing("-requests", 500, 499, "120ms"), **standing("-tokens", 30_000, 29_000, "6m0s")}
GROQ = {**standing("-requests", 14_400, 14_370, "2m59.56s"), **standing("-tokens", 6_000, 5_997, "7.66s")}
CEREBRAS = {
    **standing("-requests-day", 14_400, 14_399, "33011.382867097855"),
    **standing("-tokens-minute", 60_000, 59_000, "11.5"),
}
MISTRAL = {
    "x-ratelimit-limit-req-minute": "50",
    "x-ratelimit-remaining-req-minute": "49",
    "x-ratelimit-limit-tokens-minute": "50000",
    "x-ratelimit-remaining-tokens-minute": "47300",
}
FIREWORKS = {"x-ratelimit-limit-tokens-prompt": "60000", "x-ratelimit-limit-tokens-generated": "600"}
TOGETHER = {
    **standing("", 10, 9, "0.5"),
    "x-tokenlimit-limit": "3000",
    "x-tokenlimit-remaining": "0",
    "x-tokenlimit-reset": "1",
}
OPENROUTER = standing("", 20, 0, int((NOW + 30) * 1000))
AZURE = {"x-ratelimit-limit-requests": "-1", "x-ratelimit-limit-tokens": "0", **standing("-x", 1, 1, 1)}


@pytest.mark.parametrize(
    ("vendor", "headers", "rates"),
    [
        (
            "openai",
            OPENAI,
            (
                Rate(unit="requests", window=60.0, limit=500, remaining=499, reset=0.12),
                Rate(unit="tokens", window=60.0, limit=30_000, remaining=29_000, reset=360.0),
            ),
        ),
        (
            "groq",
            GROQ,
            (
                Rate(unit="requests", window=86_400.0, limit=14_400, remaining=14_370, reset=179.56),
                Rate(unit="tokens", window=60.0, limit=6_000, remaining=5_997, reset=7.66),
            ),
        ),
        (
            "cerebras",
            CEREBRAS,
            (
                Rate(
                    unit="requests",
                    window=86_400.0,
                    limit=14_400,
                    remaining=14_399,
                    reset=33011.382867097855,
                ),
                Rate(unit="tokens", window=60.0, limit=60_000, remaining=59_000, reset=11.5),
            ),
        ),
        (
            "mistral",
            MISTRAL,
            (
                Rate(unit="tokens", window=60.0, limit=50_000, remaining=47_300),
                Rate(unit="requests", window=60.0, limit=50, remaining=49),
            ),
        ),
        (
            "fireworks",
            FIREWORKS,
            (
                Rate(unit="input_tokens", window=60.0, limit=60_000),
                Rate(unit="output_tokens", window=60.0, limit=600),
            ),
        ),
        (
            "together",
            TOGETHER,
            (
                Rate(unit="requests", window=1.0, limit=10, remaining=9, reset=0.5),
                Rate(unit="tokens", window=1.0, limit=3_000, remaining=0, reset=1.0),
            ),
        ),
        ("openrouter", OPENROUTER, (Rate(unit="requests", limit=20, remaining=0, reset=30.0),)),
        ("azure", AZURE, ()),
        ("deepseek", {}, ()),
    ],
)
def test_rates_have_the_window_that_the_vendor_means(
    vendor: str, headers: Mapping[str, str], rates: tuple[Rate, ...]
) -> None:
    assert of(vendor).rates(headers, now=NOW) == rates


def test_a_window_in_the_name_is_not_changed_by_a_row() -> None:
    dialect = OpenAI(Quirks(windows=(("requests", 1.0), ("tokens", 1.0))))
    assert {rate.window for rate in dialect.rates(CEREBRAS, now=NOW)} == {86_400.0, 60.0}


@pytest.mark.parametrize(
    ("headers", "code", "wait"),
    [
        (standing("-tokens-minute", 60_000, 0, "11.5"), "tokens", 11.5),
        (standing("-requests-minute", 30, 0, "7"), "requests", 7.0),
        ({"x-ratelimit-remaining-req-minute": "0"}, "requests", None),
        ({"x-tokenlimit-remaining": "0", "x-tokenlimit-reset": "1"}, "tokens", 1.0),
    ],
)
def test_what_is_spent_is_told_in_every_spelling(
    headers: dict[str, str], code: str, wait: float | None
) -> None:
    fault = refusals.failure(429, headers, b"{}", now=NOW).fault
    assert (fault.category, fault.code, fault.wait) == (Category.RATE_LIMITED, code, wait)


def test_a_spent_day_is_a_quota() -> None:
    headers = standing("-requests-day", 14_400, 0, "33011.4")
    assert refusals.failure(429, headers, b"{}", now=NOW).fault.category is Category.OUT_OF_QUOTA


# --- the desktop program of Cherry Studio ------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "category"),
    [
        (401, {"error": "Unauthorized"}, Category.UNAUTHORISED),
        (403, {"error": "Forbidden"}, Category.FORBIDDEN),
        (
            400,
            {"error": {"message": "m", "type": "invalid_request_error", "code": "invalid_model_format"}},
            Category.UNKNOWN_MODEL,
        ),
        (400, {"error": {"message": "m", "code": "provider_not_found"}}, Category.UNKNOWN_MODEL),
        (400, {"error": {"message": "m", "code": "model_not_available"}}, Category.UNKNOWN_MODEL),
        (
            503,
            {"error": {"message": "m", "type": "service_unavailable", "code": "models_unavailable"}},
            Category.OVERLOADED,
        ),
        (
            401,
            {"type": "error", "error": {"type": "authentication_error", "message": "m"}},
            Category.UNAUTHORISED,
        ),
        (404, {"error": {"code": "NOT_FOUND", "message": "m", "details": None}}, Category.UNKNOWN_MODEL),
    ],
)
def test_refusals_of_cherry_studio_end_in_the_right_failures(
    status: int, body: object, category: Category
) -> None:
    assert of("cherry").failure(status, {}, json.dumps(body).encode()).fault.category is category


def test_the_list_of_cherry_studio_is_asked_for_in_pages_with_a_bearer_key() -> None:
    request = of("cherry").listing_request(base_url=BASE, key="cs-sk-1", page="1000")
    assert request.url == f"{BASE}/models?limit=1000&offset=1000"
    assert request.headers["Authorization"] == "Bearer cs-sk-1"
