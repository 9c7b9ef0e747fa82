"""The words of refusals, as tables: code words, sentences and statuses, and the failures they mean.

Taken from the documentation of the providers and from replies seen in their clients' source. A new provider
adds a word here, and no branch anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from panvox.errors import (
    Failure,
    Forbidden,
    InvalidRequest,
    Malformed,
    OutOfMoney,
    OutOfQuota,
    Overloaded,
    RateLimited,
    Refused,
    TimedOut,
    TooLarge,
    Unauthorised,
    UnknownModel,
)

_CODE_WORDS: Mapping[type[Failure], str] = {
    Unauthorised: """
        access_token_expired access_token_type_unsupported api_key_invalid authentication authentication_error
        credentials_missing invalid_api_key invalid_authentication_error missing_api_key unauthenticated
        unauthorized
    """,
    OutOfMoney: """
        arrearage billing_disabled billing_error billing_hard_limit_reached billing_not_active
        contract_spend_limit_reached credit_limit_reached credits_exhausted enforced_spend_limit_reached
        exceeded_current_quota_error insufficient_balance insufficient_credits insufficient_quota
        insufficient_user_quota linked_organization_billing_unavailable
        linked_organization_spend_limit_reached payment_required spend_limit_exceeded spend_limit_reached
    """,
    TooLarge: """
        context_length_exceeded exceed_context_size_error max_tokens_exceeded payload_too_large
        request_too_large string_above_max_length string_too_long token_limit_exceeded
    """,
    Refused: """
        bio_policy content_filter content_policy_violation data_inspection_failed
        image_content_policy_violation misalignment_policy_violation moderation_blocked refusal
        responsibleaipolicyviolation
    """,
    UnknownModel: """
        free_variant_ended invalid_model_format model_deprecated model_not_available model_not_found
        no_endpoints not_found not_found_error provider_not_found
    """,
    Forbidden: """
        api_key_http_referrer_blocked api_key_ip_address_blocked api_key_service_blocked consumer_invalid
        consumer_suspended organization_on_hold permission_denied permission_error privacy_restricted
        region_restricted service_disabled unsupported_country_region_territory user_project_denied
    """,
    InvalidRequest: """
        bad_request badrequesterror constraint_filtered empty_image_file failed_to_download_image
        image_file_not_found image_file_too_large image_parse_error image_too_large image_too_small
        invalid_argument invalid_base64_image invalid_image invalid_image_format invalid_image_mode
        invalid_image_url invalid_prompt invalid_request invalid_request_error unprocessable
        unsupported_image_media_type unsupported_parameter unsupported_value wrong_endpoint
    """,
    Overloaded: """
        api_error capacity_exhausted engine_overloaded engine_overloaded_error internal internal_server_error
        model_unavailable_upstream models_unavailable overloaded_error provider_overloaded
        provider_unavailable queue_exceeded server server_error service_tier_capacity_exceeded
        service_unavailable temporarily_unavailable unavailable
    """,
    TimedOut: "deadline_exceeded timeout timeout_error",
    RateLimited: """
        rate_limit_error rate_limit_exceeded rate_limit_reached requests resource_exhausted throttling tokens
        too_many_requests too_many_requests_error
    """,
}
CODES: Mapping[str, type[Failure]] = {
    word: kind for kind, words in _CODE_WORDS.items() for word in words.split()
}
"""Code words in lower case."""

VAGUE = frozenset({InvalidRequest, Overloaded, RateLimited, TimedOut})
"""Whose code words many use for whatever went wrong: a sentence, or the status, says more."""

BUSY_CODES = frozenset(
    {
        *("capacity_exhausted", "engine_overloaded", "engine_overloaded_error", "overloaded_error"),
        *("provider_overloaded", "queue_exceeded", "service_tier_capacity_exceeded"),
    }
)
"""Which say, even with a 429, that all together ask too much, and not we: Moonshot, Mistral, Cerebras."""

OF_AN_ACCOUNT = frozenset({Unauthorised, OutOfMoney})
"""What a provider behind a relay says of the relay's account with it, and never of ours."""

_PHRASES: Mapping[type[Failure], tuple[str, ...]] = {
    TooLarge: (
        r"context (length|window|size)",
        r"(maximum|exceeds?|over|available) (the )?(model'?s )?(maximum |available )?context",
        r"(prompt|input|request|message)s? (is|are|was) too (long|large)",
        r"too many (input )?tokens",
        r"max_(completion_)?tokens\b.{0,40}too (large|high)",
        r"max_tokens: \d+ > \d+",
        r"reduce the length",
        r"payload size exceeds",
        r"model token limit",
        r"tokens`? must be <=",
        r"token count\b.{0,60}exceeds",
        r"maxOutputTokens\b.{0,60}supported range",
    ),
    OutOfMoney: (
        r"insufficient (account )?(balance|credits?|funds|quota)",
        r"balance is too low",
        r"(negative|no) (account )?balance",
        r"(out of|not enough|more) credits",
        r"credits are depleted",
        r"can only afford",
        r"(billing (hard )?|spend(ing)? )limit",
        r"payment required",
        r"account is not active",
        r"in arrears",
        r"extra usage is required",
        r"enable billing",
    ),
    OutOfQuota: (r"reached your specified .{0,20}usage limits?", r"will regain access on"),
    Unauthorised: (
        r"api.?key (is )?(not valid|invalid|expired|missing)",
        r"(invalid|incorrect|expired|missing|no) (api.?key|access token|auth|credentials)",
    ),
    UnknownModel: (
        r"model\b.{0,120}(not exist|not found|not available|no longer|decommissioned)",
        r"model\b.{0,120}been (deprecated|retired|removed)",
        r"model [`'\"]?[\w./:@-]+[`'\"]? is not supported",
        r"(not a valid|invalid|unknown|no such) model\b",
        r"no endpoints found",
    ),
    Refused: (
        r"content (policy|filter|management|moderation)",
        r"usage polic",
        r"safety (system|filter|polic)",
        r"flagged",
        r"inappropriate content",
    ),
    Forbidden: (
        r"organization has been disabled",
        r"(country|region|location|territory)\b.{0,40}not (supported|available|allowed)",
        r"not (supported|available|allowed) in your (country|region|location|territory)",
    ),
}


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


SENTENCES: Mapping[type[Failure], re.Pattern[str]] = {
    kind: _any_of(*patterns) for kind, patterns in _PHRASES.items()
}
"""Sentences, in the order in which to look for them."""

STATUSES: Mapping[int, type[Failure]] = {
    400: InvalidRequest,
    401: Unauthorised,
    402: OutOfMoney,
    403: Forbidden,
    404: UnknownModel,
    405: Malformed,
    408: TimedOut,
    410: UnknownModel,
    413: TooLarge,
    415: InvalidRequest,
    422: InvalidRequest,
    425: Overloaded,
    429: RateLimited,
    451: Forbidden,
    498: Overloaded,  # Groq: the flexible tier has no room
    499: Overloaded,
}

CLEAR_STATUSES = frozenset({401, 402, 413})
"""Which need no word beside them."""

LIMIT_AND_REQUESTED = (
    re.compile(r"\blimit:? ?(?P<limit>[\d,]+)\b.{0,80}?\brequested:? ?(?P<requested>[\d,]+)", re.IGNORECASE),
    re.compile(r"\brequested:? ?(?P<requested>[\d,]+)\b.{0,80}?\blimit:? ?(?P<limit>[\d,]+)", re.IGNORECASE),
)
"""Both numbers of a refusal such as `Limit 10000, Used 0, Requested 12000`."""

NO_LIMIT = _any_of(r"\blimit(?: for your organization(?: \([\w-]*\))?)?(?: is|:| of)? ?0\b(?![.,]\d)")
"""A limit of nothing: the model is not for this account."""

BUSY = _any_of(r"\b(is|are) (currently |temporarily )?overloaded\b")
"""The same in a sentence."""

LONG_SPELL = _any_of(
    r"per[\s_-]?(day|week|month)",
    r"\b(daily|weekly|monthly)\b",
    r"\b[rt]pd\b",
    r"usage limit",
    r"current quota",
)
"""A limit over days: a quota."""

SHORT_SPELL = _any_of(r"per[\s_-]?(min|sec)", r"\b[rt]p[ms]\b")
"""A limit over seconds or minutes: a rate."""

RATE_KINDS: Mapping[str, re.Pattern[str]] = {
    "concurrency": _any_of(r"concurren", r"parallel", r"simultaneous", r"in.flight"),
    "burst": _any_of(
        r"burst",
        r"slope",
        r"ramp_limit",
        r"\bincrease rate",
        r"(increas|ramp|grow)\w*\b.{0,30}\b(fast|quick|rapid|slow)",
    ),
    "tokens": _any_of(r"(?<!maximum )\btokens?\b", r"\btpm\b"),  # Anthropic advises to lower the maximum
}
"""What there was too much of, in the order in which to look for it."""

SPENT: Mapping[str, re.Pattern[str]] = {
    "tokens": re.compile(r"x-ratelimit-remaining-tokens|x-tokenlimit-remaining|anthropic-.*tokens-remaining"),
    "requests": re.compile(r"x-ratelimit-remaining(-req|$)|anthropic-ratelimit-requests-remaining"),
}
"""How the names of headers begin that say with a 0 what is spent; a window may follow."""

REQUESTS = _any_of(r"requests\b", r"queries\b", r"\brpm\b", r"\brequest (rate|per)\b", r"\bmodels-per-")
"""Calls, where the headers tell nothing else."""

RATE_HINTS: Mapping[str, str] = {
    "concurrency": "The provider takes fewer calls at the same time; ask fewer of its models at once.",
    "burst": "The provider wants calls to grow slowly; ask fewer of its models at once.",
    "tokens": "The limit on tokens was hit; ask later, or with a shorter prompt.",
    "requests": "The limit on calls was hit; ask later, or fewer models of this provider.",
    "upstream": "The provider behind the relay is at its limit; ask later, or the same model elsewhere.",
}

UPSTREAM_HINT = (
    "The provider behind the relay has trouble of its own; ask later, or the same model elsewhere."
)
NOT_AGAIN_HINT = "The provider says that the same call will not succeed later; choose another model."

FINAL_HINT = "The relay says that asking again will not help; choose another model."
