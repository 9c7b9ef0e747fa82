"""Which models an Ollama has, and what more it tells of one of them.

GET /api/tags    {"models": [{"name", "size", "remote_host"?, "details": {"family", …}}]}
POST /api/show   {"model_info": {"general.architecture", "<it>.context_length"}, "capabilities", "parameters"}
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from panvox.dialects.foreign import count, excerpt, fields_at, items_at, parse, text_at
from panvox.errors import Malformed
from panvox.protocols import Listing, ListPage

_CAPABILITIES = {
    "completion": "text",
    "image": "image",
    "thinking": "reasoning",
    "tools": "tools",
    "vision": "vision",
}
"""Ollama's words for what a model can do, and panvox's."""
_TALKS = "completion"
_PINNED = re.compile(r"^num_ctx\s+(\d+)\s*$", re.MULTILINE)


def read_listings(body: bytes) -> ListPage:
    """The models that are there; items that cannot be read are left out. Raises `Malformed`."""
    fields = _object(body)
    if not isinstance(fields.get("models"), list):
        said = excerpt(body, limit=120) or "it is empty"
        raise Malformed(f"The provider's list of models cannot be read: {said}")
    found = (_listing(item) for item in items_at(fields, "models") if isinstance(item, dict))
    return ListPage(listings=tuple(listing for listing in found if listing is not None))


def add_details(listing: Listing, body: bytes) -> Listing:
    """`listing` with what `/api/show` tells; unchanged where that cannot be read."""
    fields = _object(body)
    model = fields_at(fields, "model_info")
    context = count(model.get(f"{text_at(model, 'general.architecture')}.context_length"))
    return msgspec.structs.replace(
        _able(listing, fields),
        context=_pinned(text_at(fields, "parameters")) or context or listing.context,
        family=listing.family or text_at(fields_at(fields, "details"), "family"),
    )


def _object(body: bytes) -> Mapping[str, object]:
    try:
        value = parse(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _listing(item: Mapping[str, object]) -> Listing | None:
    name = text_at(item, "model") or text_at(item, "name")
    if not name:
        return None
    family = text_at(fields_at(item, "details"), "family")
    remote = bool(text_at(item, "remote_host"))
    embeds = "bert" in family.lower() or "embed" in name.lower()
    listing = Listing(
        id=name,
        kind="embedding" if embeds else "chat",
        weights=text_at(item, "remote_model"),
        family=family,
        remote=remote,
        bytes=None if remote else count(item.get("size")) or None,
    )
    return _able(listing, item)


def _able(listing: Listing, fields: Mapping[str, object]) -> Listing:
    """`listing` with what the model can do, where that is told: the list of it is complete."""
    told = [word for word in items_at(fields, "capabilities") if isinstance(word, str)]
    if not told:
        return listing
    return msgspec.structs.replace(
        listing,
        kind="chat" if _TALKS in told else excerpt(told[0], limit=60),
        inputs=("text", "image") if "vision" in told else ("text",),
        capabilities=tuple(word for each, word in _CAPABILITIES.items() if each in told),
        denied=tuple(word for each, word in _CAPABILITIES.items() if each not in told),
    )


def _pinned(parameters: str) -> int | None:
    """The context that the model is loaded with, where its own settings say so: less than it could take."""
    found = _PINNED.search(parameters)
    return count(found[1]) if found else None
