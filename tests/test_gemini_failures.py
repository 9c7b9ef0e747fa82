"""What refusals of Google's API mean: category, wait, words and hints."""

from __future__ import annotations

import json

import pytest

from panvox.dialects.gemini import Gemini
from panvox.errors import Category, Fault, Retry

TYPE = "type.googleapis.com/google.rpc."
SPENT = (
    "You exceeded your current quota, please check your plan and billing details. For more information on "
    "this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits."
)
RETRY_INFO = {"@type": TYPE + "RetryInfo", "retryDelay": "37s"}
REQUESTS = "generativelanguage.googleapis.com/generate_content_free_tier_requests"
TOKENS = "generativelanguage.googleapis.com/generate_content_free_tier_input_token_count"


def error(code: int, status: str, message: str, *details: object) -> dict[str, object]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def info(reason: str) -> dict[str, object]:
    return {"@type": TYPE + "ErrorInfo", "reason": reason, "domain": "googleapis.com"}


def violations(*quotas: tuple[str, str, str]) -> dict[str, object]:
    told = [
        {
            "quotaMetric": metric,
            "quotaId": quota,
            "quotaDimensions": {"location": "global", "model": "gemini-2.5-pro"},
            **({"quotaValue": value} if value else {}),
        }
        for metric, quota, value in quotas
    ]
    return {"@type": TYPE + "QuotaFailure", "violations": told}


def fault(status: int, body: object) -> Fault:
    return Gemini().failure(status, {}, json.dumps(body).encode()).fault


def spent(*quotas: tuple[str, str, str], message: str = SPENT) -> Fault:
    return fault(429, error(429, "RESOURCE_EXHAUSTED", message, violations(*quotas), RETRY_INFO))


PER_DAY = (REQUESTS, "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "50")
PER_MINUTE = (REQUESTS, "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "5")
TOKENS_PER_MINUTE = (TOKENS, "GenerateContentInputTokensPerModelPerMinute-FreeTier", "125000")
TOKENS_PER_DAY = (TOKENS, "GenerateContentInputTokensPerModelPerDay-FreeTier", "3000000")


def test_a_spent_day_is_a_quota_however_soon_google_wants_us_back() -> None:
    for quotas in ([PER_DAY], [PER_MINUTE, PER_DAY], [TOKENS_PER_MINUTE, TOKENS_PER_DAY]):
        found = spent(*quotas)
        assert (found.category, found.retry, found.wait) == (Category.OUT_OF_QUOTA, Retry.OTHER_KEY, None)


def test_a_spent_day_keeps_a_wait_that_may_be_its_own() -> None:
    later = {**RETRY_INFO, "retryDelay": "7200s"}
    found = fault(429, error(429, "RESOURCE_EXHAUSTED", SPENT, violations(PER_DAY), later))
    assert (found.category, found.wait) == (Category.OUT_OF_QUOTA, 7200.0)


@pytest.mark.parametrize(
    ("quota", "kind"),
    [
        (PER_MINUTE, "requests"),
        (TOKENS_PER_MINUTE, "tokens"),
        ((TOKENS, "", ""), "tokens"),
        (("", "GenerateContentInputTokensPerModelPerMinute", ""), "tokens"),
        (("", "GenerateRequestsPerMinutePerProjectPerModel", ""), "requests"),
    ],
)
def test_a_spent_minute_is_a_rate_of_what_its_quota_counts(quota: tuple[str, str, str], kind: str) -> None:
    metric, name, value = quota
    if not name:
        name = "PerMinute"
    found = spent((metric, name, value))
    assert (found.category, found.code, found.wait) == (Category.RATE_LIMITED, kind, 37.0)


def test_a_quota_of_nothing_means_that_the_model_is_not_for_this_account() -> None:
    told = spent((TOKENS, "GenerateContentInputTokensPerModelPerMinute-FreeTier", "0"))
    said = spent(
        PER_MINUTE,
        message=f"{SPENT}\n* Quota exceeded for metric: {REQUESTS}, limit: 0\nPlease retry in 37.4s.",
    )
    assert {told.category, said.category} == {Category.FORBIDDEN}
    assert {told.wait, said.wait} == {None}


@pytest.mark.parametrize(
    ("status", "body", "category", "code"),
    [
        (
            400,
            error(
                400,
                "INVALID_ARGUMENT",
                "API key not valid. Please pass a valid API key.",
                info("API_KEY_INVALID"),
            ),
            Category.UNAUTHORISED,
            "API_KEY_INVALID",
        ),
        (
            400,
            error(400, "INVALID_ARGUMENT", 'Invalid JSON payload. Unknown name "x": Cannot find field.'),
            Category.INVALID_REQUEST,
            "INVALID_ARGUMENT",
        ),
        (
            400,
            error(
                400,
                "INVALID_ARGUMENT",
                "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            ),
            Category.TOO_LARGE,
            "INVALID_ARGUMENT",
        ),
        (
            400,
            error(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
            Category.FORBIDDEN,
            "FAILED_PRECONDITION",
        ),
        (
            400,
            error(
                400,
                "FAILED_PRECONDITION",
                "The free tier is not available in your country. Please enable billing on your project "
                "in Google AI Studio.",
            ),
            Category.OUT_OF_MONEY,
            "FAILED_PRECONDITION",
        ),
        (
            400,
            error(400, "FAILED_PRECONDITION", "This is not available in your region."),
            Category.FORBIDDEN,
            "FAILED_PRECONDITION",
        ),
        (
            401,
            error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
            Category.UNAUTHORISED,
            "UNAUTHENTICATED",
        ),
        (
            403,
            error(403, "PERMISSION_DENIED", "The caller does not have permission"),
            Category.FORBIDDEN,
            "PERMISSION_DENIED",
        ),
        (
            403,
            error(
                403,
                "PERMISSION_DENIED",
                "Method doesn't allow unregistered callers. Please use API Key or other form of identity.",
                info("CREDENTIALS_MISSING"),
            ),
            Category.UNAUTHORISED,
            "CREDENTIALS_MISSING",
        ),
        (
            403,
            error(403, "PERMISSION_DENIED", "This API method requires billing.", info("BILLING_DISABLED")),
            Category.OUT_OF_MONEY,
            "BILLING_DISABLED",
        ),
        (
            403,
            error(403, "PERMISSION_DENIED", "It has not been used before.", info("SERVICE_DISABLED")),
            Category.FORBIDDEN,
            "SERVICE_DISABLED",
        ),
        (
            404,
            error(
                404,
                "NOT_FOUND",
                "models/gemini-9 is not found for API version v1beta.",
            ),
            Category.UNKNOWN_MODEL,
            "NOT_FOUND",
        ),
        (
            429,
            error(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
            Category.RATE_LIMITED,
            "RESOURCE_EXHAUSTED",
        ),
        (500, error(500, "INTERNAL", "An internal error has occurred."), Category.OVERLOADED, "INTERNAL"),
        (503, error(503, "UNAVAILABLE", "The model is overloaded."), Category.OVERLOADED, "UNAVAILABLE"),
        (504, error(504, "DEADLINE_EXCEEDED", "Too slow."), Category.OVERLOADED, "DEADLINE_EXCEEDED"),
    ],
)
def test_every_other_refusal_has_its_category_in_a_list_or_not(
    status: int, body: object, category: Category, code: str
) -> None:
    for spelled in (body, [body]):
        found = fault(status, spelled)
        assert (found.category, found.code, found.status) == (category, code, status), found
        assert found.hint
