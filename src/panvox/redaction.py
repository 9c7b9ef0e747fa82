"""The one place that knows what must not be shown."""

from __future__ import annotations

import re

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
    scheme, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    place, *others = re.split(r"[?#]", rest, maxsplit=1)
    if any("@" in other for other in others):
        # Perhaps a password that should have been quoted: nobody can tell where it ends.
        return scheme + separator + MASK
    _, at, host = place.rpartition("@")
    return scheme + separator + (f"{MASK}@{host}" if at else place)
