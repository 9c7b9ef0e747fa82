"""What a refusal means: which failure, in whose words, and when to come back.

A provider says why by a status, by code words, by sentences, or by all of them in conflict. They are asked
in the order of how precise they are: numbers that can never fit, code words, sentences, status. The words
stand in the tables of `refusal_words`.

A 429 has seven kinds. Money is `OutOfMoney`, a spent day or month `OutOfQuota`, what will never fit
`TooLarge`; the other four are `RateLimited`, with the kind as `code`: "requests", "tokens", "concurrency" or
"burst" (or "upstream", where the relay is fine and the provider behind it is not).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from http import HTTPStatus

import msgspec

from panvox.dialects import refusal_words as words
from panvox.dialects import waits
from panvox.dialects.complaints import Complaint, complaint_in, read_complaint
from panvox.dialects.foreign import excerpt
from panvox.errors import (
    Failure,
    Forbidden,
    InvalidRequest,
    Malformed,
    OutOfMoney,
    OutOfQuota,
    Overloaded,
    Owner,
    RateLimited,
    Retry,
    TooLarge,
    UnknownModel,
    failure_from,
)

_LONG_WAIT = 3600.0  # seconds; a limit that stays away longer is a quota, not a rate
_SECRET_PARTS = re.compile(r"(?<=//)[^/?#]*@|[?#].*")  # of an address: who asks, and what for
_REQUEST_IDS = (
    "x-request-id",
    "request-id",
    "apim-request-id",
    "x-amzn-requestid",
    "x-generation-id",
    "cf-ray",
)


_SHOULD_RETRY = "x-should-retry"  # read by the clients of OpenAI and Anthropic; it wins over the status


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence that servers of one dialect say, with what it means; asked before all else."""

    pattern: re.Pattern[str]
    kind: type[Failure]
    hint: str


def failure(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float | None = None,
    sentences: Iterable[Sentence] = (),
) -> Failure:
    """What a reply with a status other than 200 means; `now` is in seconds since 1970."""
    headers = {name.lower(): value for name, value in headers.items()}
    request_id = next((headers[name] for name in _REQUEST_IDS if headers.get(name)), "")
    if status < HTTPStatus.BAD_REQUEST:
        return _unexpected(status, headers.get("location", ""), request_id)
    complaint = read_complaint(body)
    if request_id:
        complaint = msgspec.structs.replace(complaint, request_id=request_id)
    found = _failure(complaint, status, headers, time.time() if now is None else now, sentences)
    return _as_told(found, headers.get(_SHOULD_RETRY, ""))


def stream_failure(error: object, *, sentences: Iterable[Sentence] = ()) -> Failure:
    """What an error inside a reply with status 200 means."""
    complaint = complaint_in(error)
    return _failure(complaint, complaint.status, {}, time.time(), sentences)


def _unexpected(status: int, location: str, request_id: str) -> Failure:
    """A redirect, or a success that is none."""
    if not location:
        message, hint = f"The provider answered {_phrase(status)} instead of 200.", None
    else:
        place = _SECRET_PARTS.sub("", excerpt(location, limit=300))
        message = f"The provider answered {_phrase(status)} and points to {place}"
        hint = f"Redirects are not followed; if {place} is right, make the provider's base_url match it."
    return Malformed(message, hint=hint, status=status, request_id=excerpt(request_id, limit=100))


def _failure(
    complaint: Complaint,
    status: int | None,
    headers: Mapping[str, str],
    now: float,
    sentences: Iterable[Sentence],
) -> Failure:
    wait = waits.wait(headers, now=now, told=complaint.waits, message=complaint.message)
    own = next((sentence for sentence in sentences if sentence.pattern.search(complaint.message)), None)
    kind = own.kind if own else _kind(complaint, status, wait)
    message = complaint.message or (
        f"The provider answered {_phrase(status)}."
        if status
        else "The provider broke off without saying why."
    )
    if complaint.upstream and not message.startswith(complaint.upstream):
        message = f"{complaint.upstream}: {message}"
    code = _code(complaint, headers, kind)
    final = complaint.retryable is False
    return kind(
        excerpt(message),
        hint=own.hint if own else _hint(complaint, status, kind, code),
        owner=Owner.PROVIDER if code == "upstream" else None,
        retry=Retry.NEVER if final else None,
        status=status,
        wait=None if final else _wait(complaint, kind, wait),
        code=code,
        request_id=excerpt(complaint.request_id, limit=100),
    )


def _as_told(found: Failure, should_retry: str) -> Failure:
    """The same failure with the word of the provider on asking again; with another key is another call."""
    fault = found.fault
    match should_retry.strip().lower():
        case "true":
            fault = msgspec.structs.replace(fault, retry=Retry.LATER)
        case "false" if fault.retry is Retry.LATER:
            fault = msgspec.structs.replace(fault, retry=Retry.NEVER, hint=words.NOT_AGAIN_HINT)
        case _:
            return found
    return failure_from(fault)


def _wait(complaint: Complaint, kind: type[Failure], told: float | None) -> float | None:
    """When to come back, where that can help.

    Google tells with a spent day, or with a quota of nothing, how soon a minute has passed.
    """
    short = told is not None and told < _LONG_WAIT
    of_less = complaint.quotas and (kind is Forbidden or (kind is OutOfQuota and short))
    return None if kind.retry is Retry.NEVER or of_less else told


def _hint(complaint: Complaint, status: int | None, kind: type[Failure], code: str) -> str | None:
    """Advice where the usual one of the category says too little, or would mislead."""
    if complaint.retryable is False and kind.retry is Retry.LATER:
        return words.FINAL_HINT
    if kind is RateLimited:
        return words.RATE_HINTS.get(code)
    if code == "upstream":
        return words.UPSTREAM_HINT
    if complaint.page and status == HTTPStatus.FORBIDDEN:
        return "A page came instead of the API's reply: check the provider's base_url, and the proxy."
    said = complaint.codes or "model" in complaint.message.lower() or _said(complaint.message)
    if status == HTTPStatus.NOT_FOUND and not said:
        return "Nothing is at this address: check the provider's base_url, then `panvox models`."
    return None


def _kind(complaint: Complaint, status: int | None, wait: float | None) -> type[Failure]:
    """What it means to us; an upstream's key and money are the relay's, so that it has trouble of its own."""
    kind = _told_kind(complaint, status, wait)
    return Overloaded if complaint.upstream and kind in words.OF_AN_ACCOUNT else kind


def _told_kind(complaint: Complaint, status: int | None, wait: float | None) -> type[Failure]:
    if _never_fits(complaint.message):
        return TooLarge
    if status in words.CLEAR_STATUSES:
        return words.STATUSES[status]
    coded = [words.CODES[code] for code in complaint.codes if code in words.CODES]
    vague = {kind for kind in words.VAGUE if complaint.retryable is not False or kind.retry is Retry.LATER}
    precise = next((kind for kind in coded if kind not in vague), None)
    client = status is None or status < HTTPStatus.INTERNAL_SERVER_ERROR
    if status == HTTPStatus.TOO_MANY_REQUESTS or (client and not precise and RateLimited in coded):
        return _kind_of_limit(complaint, precise, wait)
    kind = precise or (_said(complaint.message) if client else None)
    if kind is UnknownModel and status == HTTPStatus.FORBIDDEN:
        return Forbidden  # the model is there, but not for this key
    return kind or _by_status(status) or next(iter(coded), Overloaded)


def _kind_of_limit(complaint: Complaint, precise: type[Failure] | None, wait: float | None) -> type[Failure]:
    """Which of the kinds of 429 this is; see the top of this module."""
    if precise is not None:
        return precise
    if complaint.upstream:
        return RateLimited  # whatever it is, it is not our account's
    if not words.BUSY_CODES.isdisjoint(complaint.codes) or words.BUSY.search(complaint.message):
        return Overloaded
    if complaint.no_quota or words.NO_LIMIT.search(complaint.message):
        return Forbidden
    told = f"{complaint.message} {complaint.quotas}"
    of_days = words.LONG_SPELL.search(told) and not words.SHORT_SPELL.search(told)
    # Two quotas can be spent at once: the longer one counts, whatever the message says of the shorter.
    if of_days or words.LONG_SPELL.search(complaint.quotas) or (wait is not None and wait >= _LONG_WAIT):
        return OutOfQuota
    return OutOfMoney if _said(complaint.message) is OutOfMoney else RateLimited


def _code(complaint: Complaint, headers: Mapping[str, str], kind: type[Failure]) -> str:
    """What there was too much of, that it is an upstream's trouble, or the provider's own word."""
    if kind is RateLimited:
        return _rate_kind(complaint, headers)
    return "upstream" if complaint.upstream and kind is Overloaded else complaint.code


def _rate_kind(complaint: Complaint, headers: Mapping[str, str]) -> str:
    """What there was too much of: a key of `RATE_HINTS`, or the provider's own word."""
    if complaint.upstream:
        return "upstream"
    said = " ".join((complaint.quotas, *complaint.codes, complaint.message))
    for kind, pattern in words.RATE_KINDS.items():
        if pattern.search(said):
            return kind
    spent = {name for name, left in headers.items() if left == "0"}
    found = (kind for kind, names in words.SPENT.items() if any(map(names.match, spent)))
    return next(found, None) or ("requests" if words.REQUESTS.search(said) else complaint.code)


def _never_fits(message: str) -> bool:
    """Whether more was requested than the limit ever allows."""
    found = next(filter(None, (pattern.search(message) for pattern in words.LIMIT_AND_REQUESTED)), None)
    return found is not None and _digits(found["requested"]) > _digits(found["limit"]) > 0


def _digits(text: str) -> int:
    return int(text.replace(",", "")[:30] or "0")


def _said(message: str) -> type[Failure] | None:
    return next((kind for kind, pattern in words.SENTENCES.items() if pattern.search(message)), None)


def _by_status(status: int | None) -> type[Failure] | None:
    if status is None:
        return None
    return words.STATUSES.get(status) or (
        Overloaded if status >= HTTPStatus.INTERNAL_SERVER_ERROR else InvalidRequest
    )


def _phrase(status: int) -> str:
    """Such as `502 Bad Gateway`."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
