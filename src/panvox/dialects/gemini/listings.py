"""Which models Google lists, page by page.

    {"models": [{"name": "models/…", "inputTokenLimit", "supportedGenerationMethods": […]}], "nextPageToken"}

What is talked to has `generateContent` among its methods. Models that speak have it too, and refuse to answer
in text; only `tts` in their names tells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from panvox.dialects.foreign import count, excerpt, items_at, parse, text_at
from panvox.errors import Malformed
from panvox.protocols import Listing, ListPage

_SPEAKS = re.compile(r"(?:^|-)tts(?:$|-)")


def read_listings(body: bytes) -> ListPage:
    """The models on a page; items that cannot be read are left out. Raises `Malformed`."""
    try:
        value = parse(body)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not (isinstance(value.get("models"), list) or _is_empty(value)):
        said = excerpt(body, limit=120) or "it is empty"
        raise Malformed(f"The provider's list of models cannot be read: {said}")
    found = (_listing(item) for item in items_at(value, "models") if isinstance(item, dict))
    return ListPage(
        listings=tuple(listing for listing in found if listing is not None),
        more=text_at(value, "nextPageToken"),
    )


def _is_empty(page: Mapping[str, object]) -> bool:
    """Whether it is a page without models: Google leaves out what is empty."""
    return not page.keys() - {"nextPageToken"}


def _listing(item: Mapping[str, object]) -> Listing | None:
    name = text_at(item, "name").removeprefix("models/")
    if not name:
        return None
    thinks = item.get("thinking")
    return Listing(
        id=name,
        name=text_at(item, "displayName"),
        kind=_kind(item, name),
        weights=text_at(item, "baseModelId"),
        context=count(item.get("inputTokenLimit")) or None,
        max_output=count(item.get("outputTokenLimit")) or None,
        capabilities=("reasoning",) if thinks is True else (),
        denied=("reasoning",) if thinks is False else (),
    )


def _kind(item: Mapping[str, object], name: str) -> str:
    methods = [method for method in items_at(item, "supportedGenerationMethods") if isinstance(method, str)]
    if methods and "generateContent" not in methods:
        return excerpt(methods[0], limit=60)
    return "tts" if _SPEAKS.search(name) else "chat"
