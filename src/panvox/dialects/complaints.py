"""What a provider says when it does not answer, read from every shape that it is said in.

{"error": {"message", "type", "param", "code"}}             OpenAI, and most
{"error": {"message", "code": 429, "metadata", "availability"}}   OpenRouter, with what an upstream said
{"error": {"message", "code": 429, "status", "details"}}    Google; sometimes in a list
{"type": "error", "error": {"type", "message", "details": {"error_code"}}, "request_id"}   Anthropic
{"object": "error", "message", "type", "code": 400}         vLLM
{"error": "…"}, {"message": "…"}, {"detail": [{"loc", "msg"}]}, text, an HTML page
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from panvox.dialects.foreign import excerpt, fields_at, is_page, items_at, page_title, parse, text_at

_LARGEST_BODY = 1024 * 1024  # bytes; what is larger is quoted, not understood
_DEEPEST = 4
_JOINS = re.compile(r"(?<=[a-z])(?=[A-Z])|[_/.-]+")  # of the words in `InputTokensPerDay` and `token_count`
_SENTENCES = ("message", "msg", "detail", "error_description", "errors", "error")


class Complaint(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of an error, as told.

    `codes` are all its code words in lower case, the most precise first, and `code` the one to quote;
    `upstream` is the provider behind a relay whose trouble it is; `waits` say when to come back; `quotas` are
    the names of spent quotas as words, and `no_quota` tells that one of them is a quota of nothing; `page`
    tells that a page came where an API's reply should be; `retryable` is what a relay says of asking again.
    """

    message: str = ""
    codes: tuple[str, ...] = ()
    code: str = ""
    status: int | None = None
    upstream: str = ""
    waits: tuple[object, ...] = ()
    quotas: str = ""
    no_quota: bool = False
    request_id: str = ""
    page: bool = False
    retryable: bool | None = None


def read_complaint(body: bytes) -> Complaint:
    """What the body of an error says; never raises."""
    return _read(body, 0)


def complaint_in(value: object) -> Complaint:
    """What an error says that stands in a reply; never raises."""
    return _complaint(value, 0)


def _read(body: bytes, depth: int) -> Complaint:
    """`depth` tells how many relays handed it on."""
    if is_page(body):
        title = page_title(body) or "The provider answered with a page without a title."
        return Complaint(message=title, page=True)
    try:
        return (
            _complaint(parse(body), depth) if len(body) <= _LARGEST_BODY else Complaint(message=excerpt(body))
        )
    except ValueError:
        return Complaint(message=excerpt(body))


def _complaint(value: object, depth: int) -> Complaint:
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return Complaint(message=excerpt(_sentence(value)))
    inner = value.get("error")
    error = inner if isinstance(inner, dict) else value
    metadata, availability = fields_at(error, "metadata"), fields_at(error, "availability")
    details = [detail for detail in items_at(error, "details") if isinstance(detail, dict)]
    codes = tuple(_codes(error, metadata, availability, details))
    violations = list(_violations(details))
    return Complaint(
        message=excerpt(_upstream_words(metadata, depth) or _sentence(error)),
        codes=tuple(code.lower() for code in codes),
        code=codes[0] if codes else "",
        status=_status(error),
        upstream=excerpt(text_at(metadata, "provider_name"), limit=60),
        waits=tuple(_waits(error, metadata, availability, details)),
        quotas=" ".join(_words(violation) for violation in violations),
        no_quota=any(text_at(violation, "quotaValue") == "0" for violation in violations),
        request_id=text_at(value, "request_id") or text_at(error, "request_id"),
        retryable=told if isinstance(told := availability.get("retryable"), bool) else None,
    )


def _codes(
    error: Mapping[str, object],
    metadata: Mapping[str, object],
    availability: Mapping[str, object],
    details: list[dict[str, object]],
) -> Iterator[str]:
    """Code words. Those of an upstream are left out: its account and its key are not ours."""
    if metadata.get("flagged_input") or metadata.get("reasons"):
        yield "moderation_blocked"
    inner = fields_at(error, "innererror")  # Azure's content filter
    reasons = [(detail, "reason") for detail in details]
    for fields, name in (
        (fields_at(error, "details"), "error_code"),  # Anthropic's stable code, where it has one
        (error, "code"),
        (availability, "code"),
        (metadata, "error_type"),
        (inner, "code"),
        (error, "type"),
        (error, "error_type"),
        *reasons,  # Google's, which its status puts into classes
        (error, "status"),
    ):
        word = text_at(fields, name)
        if word and not word.isdigit():
            yield word[:100]


def _status(error: Mapping[str, object]) -> int | None:
    """The HTTP status that is told as a code."""
    for name in ("code", "status", "status_code"):
        told = error.get(name)
        if isinstance(told, str) and told.isascii() and told.isdigit():
            told = int(told[:4])
        if isinstance(told, int) and not isinstance(told, bool) and 400 <= told < 600:
            return told
    return None


def _upstream_words(metadata: Mapping[str, object], depth: int) -> str:
    """The words of the provider behind a relay, which OpenRouter hands on as they came."""
    raw = metadata.get("raw")
    if depth >= _DEEPEST:
        return ""
    if isinstance(raw, str):
        return _read(raw.encode("utf-8", errors="replace"), depth + 1).message
    return _complaint(raw, depth + 1).message if raw else ""


def _waits(
    error: Mapping[str, object],
    metadata: Mapping[str, object],
    availability: Mapping[str, object],
    details: list[dict[str, object]],
) -> Iterator[object]:
    """Values that say when to come back, in the order of how far to trust them."""
    for detail in details:
        yield detail.get("retryDelay")
    yield availability.get("retry_after")
    yield metadata.get("retry_after_seconds")
    yield error.get("retry_after")
    for name, value in fields_at(metadata, "headers").items():
        if name.lower() in {"retry-after", "x-ratelimit-reset"}:
            yield value


def _violations(details: list[dict[str, object]]) -> Iterator[dict[str, object]]:
    """The quotas that Google says are spent."""
    for detail in details:
        for violation in items_at(detail, "violations"):
            if isinstance(violation, dict):
                yield violation


def _words(violation: Mapping[str, object]) -> str:
    """The names of a quota, as words: the id tells its span, the metric what is counted."""
    names = (text_at(violation, "quotaId")[:200], text_at(violation, "quotaMetric")[:200])
    return " ".join(_JOINS.sub(" ", name) for name in names if name)


def _sentence(value: object, depth: int = 0) -> str:
    """The words in `value`, wherever they stand."""
    match value:
        case str():
            return value
        case list() if depth < _DEEPEST:
            said = (_sentence(item, depth + 1) for item in value[:3])
            return "; ".join(filter(None, said))
        case dict() if depth < _DEEPEST:
            found = (_sentence(value.get(name), depth + 1) for name in _SENTENCES)
            said_first = next(filter(None, found), "")
            steps = (step for step in items_at(value, "loc")[:5] if isinstance(step, str | int))
            place = ".".join(map(str, steps))
            return f"{place}: {said_first}" if place and said_first else said_first
        case _:
            return ""
