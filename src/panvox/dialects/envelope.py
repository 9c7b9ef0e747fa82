"""What every call to a vendor carries besides its body: address, key, and what its row adds."""

from __future__ import annotations

from panvox.protocols import Quirks


def address(base_url: str, path: str, *queries: str) -> str:
    """`path` below `base_url`, with the queries that are not empty; one in `base_url` itself comes first."""
    base, _, query = base_url.partition("?")
    asked = "&".join(filter(None, (query, *queries)))
    return f"{base.rstrip('/')}{path}{'?' if asked else ''}{asked}"


def headers(quirks: Quirks, key: str | None, *, accept: str, body: bool = False) -> dict[str, str]:
    """The headers of a call: the key where the vendor looks for it, and what its row adds.

    `accept` is the type of reply that is wanted; `body` says that the call has one, which is JSON.
    """
    found = {"Content-Type": "application/json"} if body else {}
    found["Accept"] = accept
    if key:
        name = quirks.key_header
        found[name or "Authorization"] = key if name else f"Bearer {key}"
    return {**found, **dict(quirks.headers)}
