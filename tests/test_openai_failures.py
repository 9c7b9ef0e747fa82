"""What refusals of the chat-completions dialect mean: category, wait, words and hints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.dialects import refusals, waits
from panvox.dialects.openai import OpenAI
from panvox.errors import Category, Fault, Owner, Retry
from tests.wire import json_values

NOW = 1_795_233_500.0  # 2026-11-21T03:58:20Z


def fault(status: int, body: object = b"", /, **headers: str) -> Fault:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusals.failure(status, spelled, data, now=NOW).fault


def openai(message: str, code: str | None = None, type: str | None = None) -> dict[str, object]:  # noqa: A002 - their word
    return {"error": {"message": message, "type": type, "param": None, "code": code}}


def openrouter(code: int, message: str, **more: object) -> dict[str, object]:
    return {"error": {"message": message, "code": code, **more}, "user_id": "u"}


def google(code: int, status: str, message: str, *details: object) -> object:
    return [{"error": {"code": code, "message": message, "status": status, "details": list(details)}}]


def violation(quota: str) -> dict[str, object]:
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota}]}


RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"}
TPM = "Rate limit reached for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30000, Used 29000, "
RPM = "Rate limit reached on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s."

SEVEN_KINDS = {
    "requests": (
        partial(fault, 429, openai(RPM, "rate_limit_exceeded", "requests")),
        Category.RATE_LIMITED,
        "requests",
        20.0,
    ),
    "requests, said by the headers alone": (
        partial(
            fault, 429, b"slow down", x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="6m0s"
        ),
        Category.RATE_LIMITED,
        "requests",
        360.0,
    ),
    "tokens": (
        partial(
            fault,
            429,
            openai(TPM + "Requested 2000. Please try again in 2.5s.", "rate_limit_exceeded", "tokens"),
        ),
        Category.RATE_LIMITED,
        "tokens",
        2.5,
    ),
    "tokens, said by the headers alone": (
        partial(fault, 429, b"", x_ratelimit_remaining_tokens="0", x_ratelimit_reset_tokens="120ms"),
        Category.RATE_LIMITED,
        "tokens",
        0.12,
    ),
    "concurrency": (
        partial(fault, 429, openai("Too many concurrent requests for this model")),
        Category.RATE_LIMITED,
        "concurrency",
        None,
    ),
    "burst": (
        partial(
            fault, 429, openai("Request rate increased too quickly. To ensure stability, adjust your client.")
        ),
        Category.RATE_LIMITED,
        "burst",
        None,
    ),
    "daily quota": (
        partial(
            fault,
            429,
            openai(
                "Rate limit reached on tokens per day (TPD): Limit 100000, Used 99990, Requested 500. "
                "Please try again in 7m12.5s.",
                "rate_limit_exceeded",
                "tokens",
            ),
        ),
        Category.OUT_OF_QUOTA,
        "rate_limit_exceeded",
        432.5,
    ),
    "daily quota of a relay": (
        partial(
            fault,
            429,
            openrouter(
                429,
                "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free "
                "model requests per day",
                metadata={"headers": {"X-RateLimit-Reset": str(int((NOW + 7200) * 1000))}},
            ),
        ),
        Category.OUT_OF_QUOTA,
        "",
        7200.0,
    ),
    "daily quota of Google": (
        partial(
            fault,
            429,
            google(
                429,
                "RESOURCE_EXHAUSTED",
                "You exceeded your current quota, please check your plan and billing details.",
                violation("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
                RETRY_INFO,
            ),
        ),
        Category.OUT_OF_QUOTA,
        "RESOURCE_EXHAUSTED",
        None,
    ),
    "a limit that stays for hours": (
        partial(fault, 429, openai("Rate limit exceeded"), retry_after="40000"),
        Category.OUT_OF_QUOTA,
        "",
        40000.0,
    ),
    "money": (
        partial(
            fault,
            429,
            openai(
                "You exceeded your current quota, please check your plan and billing details.",
                "insufficient_quota",
                "insufficient_quota",
            ),
        ),
        Category.OUT_OF_MONEY,
        "insufficient_quota",
        None,
    ),
    "money in words": (
        partial(fault, 429, openai("Your credit balance is too low")),
        Category.OUT_OF_MONEY,
        "",
        None,
    ),
    "too large": (
        partial(
            fault,
            429,
            openai(
                "Request too large for gpt-4o on tokens per min (TPM): Limit 30,000, Requested 50,000.",
                "rate_limit_exceeded",
                "tokens",
            ),
        ),
        Category.TOO_LARGE,
        "rate_limit_exceeded",
        None,
    ),
}


@pytest.mark.parametrize("kind", SEVEN_KINDS)
def test_the_kinds_of_429_are_told_apart(kind: str) -> None:
    reply, category, code, wait = SEVEN_KINDS[kind]
    found = reply()
    assert (found.category, found.code, found.status) == (category, code, 429)
    assert found.wait == (pytest.approx(wait) if wait is not None else None)
    assert (
        found.retry
        is {
            Category.RATE_LIMITED: Retry.LATER,
            Category.OUT_OF_QUOTA: Retry.OTHER_KEY,
            Category.OUT_OF_MONEY: Retry.OTHER_KEY,
            Category.TOO_LARGE: Retry.NEVER,
        }[category]
    )


def test_a_quota_by_the_minute_is_a_rate() -> None:
    body = google(
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota",
        violation("RequestsPerMinutePerProject"),
        RETRY_INFO,
    )
    assert (fault(429, body).category, fault(429, body).wait) == (Category.RATE_LIMITED, 37.0)


def test_a_quota_that_nobody_can_tell_from_money_is_a_quota() -> None:
    assert fault(429, openai("You exceeded your current quota, please check your plan")).category is (
        Category.OUT_OF_QUOTA
    )


def test_a_limit_of_nothing_means_no_access() -> None:
    found = fault(429, openai("Quota exceeded for metric: free_tier_requests, limit: 0, model: pro"))
    assert (found.category, found.retry) == (Category.FORBIDDEN, Retry.OTHER_KEY)


def test_the_limit_of_a_provider_behind_a_relay_is_not_ours() -> None:
    raw = json.dumps(
        {"error": {"message": "insufficient_quota for upstream account", "type": "insufficient_quota"}}
    )
    metadata = {"provider_name": "DeepInfra", "provider_code": "insufficient_quota", "raw": raw}
    found = fault(429, openrouter(429, "Provider returned error", metadata=metadata))
    assert (found.category, found.code, found.owner) == (Category.RATE_LIMITED, "upstream", Owner.PROVIDER)
    assert found.message == "DeepInfra: insufficient_quota for upstream account"


@pytest.mark.parametrize("status", [401, 402])
def test_the_key_and_the_money_of_a_provider_behind_a_relay_are_not_ours(status: int) -> None:
    metadata = {"provider_name": "DeepInfra", "raw": "spend limit", "error_type": "payment_required"}
    found = fault(status, openrouter(status, "Provider returned error", metadata=metadata))
    assert (found.category, found.code, found.owner) == (Category.OVERLOADED, "upstream", Owner.PROVIDER)
    assert (found.retry, found.message) == (Retry.LATER, "DeepInfra: spend limit")
    assert fault(status, openrouter(status, "x")).owner is Owner.KEY


@pytest.mark.parametrize("status", [502, 503])
def test_trouble_of_a_provider_behind_a_relay_is_told_from_the_relays_own(status: int) -> None:
    metadata = {"provider_name": "DeepInfra", "error_type": "provider_unavailable", "raw": "no room"}
    found = fault(status, openrouter(status, "Provider returned error", metadata=metadata))
    assert (found.category, found.code, found.owner) == (Category.OVERLOADED, "upstream", Owner.PROVIDER)
    assert "behind the relay" in found.hint
    own = fault(status, openrouter(status, "x", metadata={"error_type": "provider_unavailable"}))
    assert (own.code, "relay" in own.hint) == ("provider_unavailable", False)


@pytest.mark.parametrize(
    ("message", "headers"),
    [
        ("You have reached 60 queries per minute", {"x_ratelimit_remaining": "0"}),
        ("Slow down", {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1"}),
        ("Rate limit exceeded: free-models-per-min.", {"X_RateLimit_Remaining": "0"}),
        ("Rate limit exceeded: free-models-per-min.", {}),
        ("You have reached 60 queries per minute", {}),
        ("max request per minute limit: 3", {}),
    ],
)
def test_too_many_calls_are_recognised_in_every_wording(message: str, headers: dict[str, str]) -> None:
    found = fault(429, openai(message), **headers)
    assert (found.category, found.code) == (Category.RATE_LIMITED, "requests")


@pytest.mark.parametrize(
    "body",
    [
        openai("The engine is currently overloaded, please try again later", None, "engine_overloaded_error"),
        openai("The engine is currently overloaded, please try again later"),
        {
            "object": "error",
            "message": "Service tier capacity exceeded for this model.",
            "type": "service_tier_capacity_exceeded",
            "code": "3505",
        },
        openai("We're experiencing high traffic right now!", "queue_exceeded", "too_many_requests_error"),
    ],
)
def test_a_429_that_says_that_all_together_ask_too_much_is_no_limit_of_ours(body: object) -> None:
    assert fault(429, body, x_ratelimit_remaining_requests="5").category is Category.OVERLOADED


def test_what_a_relay_calls_final_is_not_asked_again() -> None:
    def found(code: str, retryable: object) -> Fault:
        availability = {"code": code, "retryable": retryable, "retry_after": 7}
        return fault(503, openrouter(503, "None left", availability=availability))

    filtered = found("constraint_filtered", retryable=False)
    assert (filtered.category, filtered.retry, filtered.wait) == (
        Category.INVALID_REQUEST,
        Retry.NEVER,
        None,
    )
    gone = found("model_unavailable_upstream", retryable=False)
    assert (gone.category, gone.retry, gone.wait) == (Category.OVERLOADED, Retry.NEVER, None)
    assert "will not help" in gone.hint
    for told in (True, None, "no"):
        full = found("capacity_exhausted", told)
        assert (full.category, full.retry, full.wait) == (Category.OVERLOADED, Retry.LATER, 7.0)


@pytest.mark.parametrize("more", [{}, {"metadata": {"error_type": "not_found"}}])
def test_a_model_that_our_data_policy_hides_is_not_unknown(more: dict[str, object]) -> None:
    message = "No endpoints found matching your data policy (Free model publication). Configure: x"
    body = json.dumps(openrouter(404, message, **more)).encode()
    found = OpenAI().failure(404, {}, body).fault
    assert (found.category, found.status) == (Category.FORBIDDEN, 404)
    assert "privacy settings" in found.hint


OTHERS: list[tuple[int, object, Category]] = [
    (400, openai("Invalid value: 'x'", "invalid_value", "invalid_request_error"), Category.INVALID_REQUEST),
    (
        400,
        openai("'temperature' is not supported with this model.", "unsupported_value"),
        Category.INVALID_REQUEST,
    ),
    (400, openai("too long", "context_length_exceeded"), Category.TOO_LARGE),
    (
        400,
        openai("This model's maximum context length is 8192 tokens. However, you requested 9000"),
        Category.TOO_LARGE,
    ),
    (
        400,
        {
            "error": {
                "message": "the request exceeds the available context size",
                "type": "exceed_context_size_error",
            }
        },
        Category.TOO_LARGE,
    ),
    (400, openai("max_tokens is too large: 100000. This model supports at most 16384"), Category.TOO_LARGE),
    (400, {"object": "error", "message": "The prompt is too long", "code": 400}, Category.TOO_LARGE),
    (400, openai("Your request was rejected", "content_policy_violation"), Category.REFUSED),
    (
        400,
        {"error": {"code": "x", "message": "m", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
        Category.REFUSED,
    ),
    (
        400,
        openai("The prompt was flagged as potentially violating our usage policy", "invalid_prompt"),
        Category.REFUSED,
    ),
    (400, openrouter(400, "meta/llama-9 is not a valid model ID"), Category.UNKNOWN_MODEL),
    (400, openai("Model Not Exist"), Category.UNKNOWN_MODEL),
    (
        400,
        google(
            400,
            "INVALID_ARGUMENT",
            "API key not valid. Please pass a valid API key.",
            {"reason": "API_KEY_INVALID"},
        ),
        Category.UNAUTHORISED,
    ),
    (
        400,
        google(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
        Category.FORBIDDEN,
    ),
    (400, openai("Your credit balance is too low to access the API."), Category.OUT_OF_MONEY),
    (401, openai("Incorrect API key provided", "invalid_api_key"), Category.UNAUTHORISED),
    (401, b"", Category.UNAUTHORISED),
    (
        402,
        openrouter(402, "You requested up to 65536 tokens, but can only afford 1000"),
        Category.OUT_OF_MONEY,
    ),
    (403, openai("no", "unsupported_country_region_territory"), Category.FORBIDDEN),
    (403, openai("Project does not have access to model m", "model_not_found"), Category.FORBIDDEN),
    (
        403,
        openrouter(403, "Input flagged", metadata={"reasons": ["violence"], "flagged_input": "…"}),
        Category.REFUSED,
    ),
    (403, openai("Sorry, your account balance is insufficient: insufficient balance"), Category.OUT_OF_MONEY),
    (404, openai("The model `x` does not exist", "model_not_found"), Category.UNKNOWN_MODEL),
    (404, {"detail": "Not Found"}, Category.UNKNOWN_MODEL),
    (404, openrouter(404, "x", availability={"code": "model_deprecated"}), Category.UNKNOWN_MODEL),
    (405, {"detail": "Method Not Allowed"}, Category.MALFORMED),
    (408, openrouter(408, "Timed out"), Category.TIMED_OUT),
    (413, b"<html><title>413 Request Entity Too Large</title>", Category.TOO_LARGE),
    (418, b"teapot", Category.INVALID_REQUEST),
    (422, {"detail": [{"loc": ["body", "messages"], "msg": "field required"}]}, Category.INVALID_REQUEST),
    (451, b"", Category.FORBIDDEN),
    (500, openai("The server had an error", None, "server_error"), Category.OVERLOADED),
    (500, openai("too long", "context_length_exceeded"), Category.TOO_LARGE),
    (502, b"<html><title>502 Bad Gateway</title></html>", Category.OVERLOADED),
    (503, openai("no channel", "model_not_found"), Category.UNKNOWN_MODEL),
    (503, openrouter(503, "None left", availability={"code": "no_endpoints"}), Category.UNKNOWN_MODEL),
    (504, openai("slow", "timeout"), Category.OVERLOADED),
    (
        529,
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        Category.OVERLOADED,
    ),
    (599, b"", Category.OVERLOADED),
]


@pytest.mark.parametrize(("status", "body", "category"), OTHERS)
def test_every_other_refusal_has_its_category(status: int, body: object, category: Category) -> None:
    found = fault(status, body)
    assert (found.category, found.status) == (category, status), found
    assert found.message
    assert found.hint


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (500, openai("It  broke\n\x1b[31mbadly\x00"), "It broke [31mbadly"),
        (500, {"error": "It broke"}, "It broke"),
        (500, {"message": "It broke"}, "It broke"),
        (500, {"error": "Oops", "message": "It broke"}, "It broke"),
        (500, {"errors": [{"message": "It"}, {"message": "broke"}]}, "It; broke"),
        (422, {"detail": [{"loc": ["body", 0], "msg": "field required"}]}, "body.0: field required"),
        (422, {"object": "error", "message": {"detail": [{"loc": ["a"], "msg": "b"}]}}, "a: b"),
        (500, b"It broke", "It broke"),
        (500, b'" "', "The provider answered 500 Internal Server Error."),
        (500, b"", "The provider answered 500 Internal Server Error."),
        (530, b"", "The provider answered 530."),
        (500, b"<html><title>Caf\xc3\xa9 &amp; more</title><body>secret</body>", "Café & more"),
        (500, b"<html><body>secret</body>", "The provider answered with a page without a title."),
        (500, b"{broken", "{broken"),
        (500, openrouter(500, "Provider returned error", metadata={"raw": "It broke"}), "It broke"),
        (500, openrouter(500, "x", metadata={"raw": {"error": {"message": "It broke"}}}), "It broke"),
        (500, openrouter(500, "x", metadata={"raw": "<title>Gone</title>", "provider_name": "P"}), "P: Gone"),
    ],
)
def test_the_message_is_the_providers_own(status: int, body: object, message: str) -> None:
    assert fault(status, body).message == message


def test_a_long_message_is_cut_and_a_huge_body_is_only_quoted() -> None:
    assert len(fault(500, openai("word " * 1000)).message) == 500
    huge = fault(500, b'{"error": "' + b"x" * 5_000_000 + b'"}')
    assert (huge.category, len(huge.message)) == (Category.OVERLOADED, 500)


def test_the_request_can_be_named_to_the_provider() -> None:
    assert fault(500, b"", X_Request_Id="r-1").request_id == "r-1"
    assert fault(500, {"error": {"message": "m"}, "request_id": "r-2"}).request_id == "r-2"
    assert fault(500, b"").request_id == ""


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_names_the_address_without_what_may_be_secret(status: int) -> None:
    found = fault(status, b"", Location="https://example.org/v1/chat?token=abc#x")
    assert found.category is Category.MALFORMED
    assert "points to https://example.org/v1/chat" in found.message
    assert "base_url" in found.hint
    assert "abc" not in found.message + found.hint


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("/v1/chat/completions/", "/v1/chat/completions/"),
        ("//example.org/a#b", "//example.org/a"),
        ("https://me:secret@example.org/login", "https://example.org/login"),
        ("https://example.org\x1b[31m/", "https://example.org [31m/"),
    ],
)
def test_a_redirect_is_shown_as_far_as_it_is_safe(location: str, shown: str) -> None:
    assert (
        fault(302, b"", location=location).message == f"The provider answered 302 Found and points to {shown}"
    )


def test_a_success_without_an_answer_is_malformed() -> None:
    assert fault(204).message == "The provider answered 204 No Content instead of 200."
    assert fault(304).category is Category.MALFORMED


def test_a_wrong_address_is_hinted_at_where_no_model_is_named() -> None:
    assert "base_url" in fault(404, {"detail": "Not Found"}).hint
    assert "base_url" in fault(404, b"404 page not found").hint
    assert "base_url" in fault(403, b"<html><title>Just a moment...</title>").hint
    assert "base_url" not in fault(404, openai("The model `x` does not exist")).hint
    assert "base_url" not in fault(404, openrouter(404, "No endpoints found for a/b.")).hint


@pytest.mark.parametrize(
    ("status", "said", "retry"),
    [
        (503, "false", Retry.NEVER),
        (429, "false", Retry.NEVER),
        (401, "false", Retry.OTHER_KEY),
        (400, "true", Retry.LATER),
        (409, "TRUE", Retry.LATER),
        (401, "true", Retry.LATER),
        (503, "true", Retry.LATER),
        (503, "perhaps", Retry.LATER),
        (400, "perhaps", Retry.NEVER),
    ],
)
def test_the_word_of_the_provider_on_asking_again_wins(status: int, said: str, retry: Retry) -> None:
    told = fault(status, openai("no"), x_should_retry=said)
    assert told.retry is retry
    assert (told.category, told.message) == (fault(status, openai("no")).category, "no")


def test_a_wait_is_kept_for_limits_where_the_provider_says_that_asking_again_is_of_no_use() -> None:
    told = fault(429, openai(RPM, "rate_limit_exceeded", "requests"), x_should_retry="false")
    assert (told.retry, told.wait, told.code) == (Retry.NEVER, 20.0, "requests")
    assert "not succeed later" in told.hint


def test_only_what_may_pass_has_a_wait() -> None:
    assert fault(400, b"", retry_after="5").wait is None
    assert fault(503, b"", retry_after="5").wait == 5.0


def test_the_dialect_reads_headers_in_any_case() -> None:
    found = OpenAI().failure(429, {"Retry-After-Ms": "1500"}, b"{}").fault
    assert (found.category, found.wait) == (Category.RATE_LIMITED, 1.5)


# --- waits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "told", "message", "seconds"),
    [
        ({}, (), "", None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, (), "", 1.5),
        ({"x-ms-retry-after-ms": "250"}, (), "", 0.25),
        ({"retry-after": "9"}, ("37s",), "", 9.0),
        ({"retry-after": "0"}, (), "", 0.0),
        ({"retry-after": "-5"}, (), "", None),
        ({"retry-after-ms": "-1", "retry-after": "soon"}, (4,), "", 4.0),
        ({"retry-after": "Sat, 21 Nov 2026 04:00:00 GMT"}, (), "", 100.0),
        ({"retry-after": "Sat, 21 Nov 2020 04:00:00 GMT"}, (), "", 0.0),
        ({"retry-after": "2026-11-21T04:00:00Z"}, (), "", 100.0),
        ({"retry-after": "1m30s"}, (), "", 90.0),
        ({"retry-after": str(int(NOW) + 60)}, (), "", 60.0),
        ({"retry-after": str(int(NOW + 60) * 1000)}, (), "", 60.0),
        ({}, (None, True, {}, "37.5s"), "", 37.5),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-remaining-requests": "5"}, (), "", None),
        (
            {
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-reset-tokens": "6m0s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-remaining-tokens": "0",
            },
            (),
            "",
            360.0,
        ),
        ({"x-ratelimit-reset": "12", "x-ratelimit-remaining": "0"}, (), "", 12.0),
        ({"x-tokenlimit-reset": "3", "x-tokenlimit-remaining": "-1"}, (), "", 3.0),
        ({"x-ratelimit-reset-tokens-minute": "7.5"}, (), "", 7.5),
        ({}, (), "Please try again in 1m30s.", 90.0),
        ({}, (), "Please retry after 20 seconds.", 20.0),
        ({}, (), "Please wait 500ms", 0.5),
        ({}, (), "Try again in 2 hours and 5 minutes", 7500.0),
        ({}, (), "retry with 20 models", None),
        ({}, (), "The limit is 30s of audio", None),
    ],
)
def test_a_wait_is_read_in_every_spelling(
    headers: Mapping[str, str], told: tuple[object, ...], message: str, seconds: float | None
) -> None:
    assert waits.wait(headers, now=NOW, told=told, message=message) == seconds


@given(
    st.text(max_size=40) | st.from_regex(r"[\d.,: smhdTZGM+-]{1,30}", fullmatch=True),
    st.floats() | st.integers(),
)
def test_waits_of_any_text_are_none_or_not_negative(text: str, number: float) -> None:
    found = waits.wait({"retry-after": text}, now=NOW, told=(number,), message=f"try again in {text}")
    assert found is None or 0 <= found < float("inf")


# --- garbage ---------------------------------------------------------------------------------------

VALUES = json_values(
    *(
        "error",
        "message",
        "code",
        "type",
        "metadata",
        "raw",
        "details",
        "violations",
        "quotaId",
        "detail",
        "loc",
    ),
    *("errors", "status", "headers", "availability", "retry_after", "object"),
)


@settings(deadline=None)
@given(st.integers(100, 999), VALUES, st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3))
def test_a_refusal_of_any_shape_becomes_a_failure(status: int, body: object, headers: dict[str, str]) -> None:
    found = OpenAI().failure(status, headers, json.dumps(body).encode()).fault
    assert 0 < len(found.message) <= 500
    assert found.message.isprintable()


@given(st.integers(100, 999), st.binary(max_size=200))
def test_a_refusal_of_any_bytes_becomes_a_failure(status: int, body: bytes) -> None:
    found = OpenAI().failure(status, {}, body).fault
    assert 0 < len(found.message) <= 500
