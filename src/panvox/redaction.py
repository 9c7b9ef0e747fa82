"""The one place that knows what must not be shown."""

from __future__ import annotations

from panvox.errors import Failure, failure_from

MASK = "***"
_SHORTEST = 8  # characters; what is shorter keeps nothing secret, and stands in many words by chance


def masked(text: str, secret: str | None) -> str:
    """`text` without `secret`: some providers repeat the key that they refuse."""
    return text.replace(secret, MASK) if secret and len(secret) >= _SHORTEST else text


def masked_body(body: bytes, secret: str | None) -> bytes:
    """The same for a body that is kept."""
    return body.replace(secret.encode(), MASK.encode()) if secret and len(secret) >= _SHORTEST else body


def without_secret(failure: Failure, secret: str | None) -> Failure:
    """The same failure, in words that leave `secret` out."""
    message = masked(failure.fault.message, secret)
    return failure if message == failure.fault.message else failure_from(failure.fault, message)


def masked_address(url: str) -> str:
    """An address without its user, its password and what follows a question mark; for people, not for use."""
    scheme, _, rest = url.partition("://")
    rest = rest.partition("?")[0].partition("#")[0]
    _, at, place = rest.rpartition("@")
    return f"{scheme}://{MASK}@{place}" if at else f"{scheme}://{rest}"
