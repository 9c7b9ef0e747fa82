"""Which models a provider lists: a page of Anthropic's list, or a list as OpenAI has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from panvox.dialects.foreign import count, fields_at, items_at, parse, text_at
from panvox.dialects.model_lists import read_listings as read_other_listings
from panvox.protocols import Listing, ListPage

_CAPABILITIES: Mapping[str, tuple[str, ...]] = {
    "image_input": ("vision", "multimodal"),
    "pdf_input": ("multimodal",),
    "structured_outputs": ("json",),
    "thinking": ("reasoning",),
    "server_tools": ("tools",),
}
"""The provider's names, and the words of the catalogue that follow from them."""
_WHOLE = frozenset({"image_input", "structured_outputs", "thinking"})
"""Those names whose lack means the lack of what their words say: without PDFs there may still be images."""
_INPUTS = {"image_input": "image", "pdf_input": "file"}


def read_listings(body: bytes) -> ListPage:
    """The models on a page; items that cannot be read are left out. Raises `Malformed`.

    Lists of another shape are read as the ones that OpenAI and its like have: vendors who speak this dialect
    besides another have one list for both.
    """
    try:
        page = parse(body)
    except ValueError:
        page = None
    items = items_at(page, "data") if isinstance(page, dict) else []
    models = [item for item in items if isinstance(item, dict) and item.get("type") == "model"]
    if not isinstance(page, dict):
        return read_other_listings(body)
    more = text_at(page, "last_id") if page.get("has_more") is True else ""
    if not models:
        return ListPage(listings=read_other_listings(body).listings, more=more)
    return ListPage(listings=tuple(_listing(item) for item in models if text_at(item, "id")), more=more)


def _listing(item: Mapping[str, object]) -> Listing:
    supported = dict(_supported(fields_at(item, "capabilities")))
    able = _words(name for name, does in supported.items() if does)
    unable = _words(name for name, does in supported.items() if not does and name in _WHOLE)
    inputs = [kind for name, kind in _INPUTS.items() if supported.get(name)]
    return Listing(
        id=text_at(item, "id"),
        name=text_at(item, "display_name"),
        kind="retired" if item.get("lifecycle") == "retired" else "chat",
        family=text_at(item, "line"),
        context=count(item.get("max_input_tokens")) or None,
        max_output=count(item.get("max_tokens")) or None,
        inputs=("text", *inputs) if supported else (),
        outputs=("text",) if supported else (),
        capabilities=able,
        denied=tuple(word for word in unable if word not in able),
        created=_seconds(text_at(item, "created_at")) or None,
        retires=_retirement(item),
    )


def _supported(capabilities: Mapping[str, object]) -> Iterator[tuple[str, bool]]:
    """What the list says of each capability that has a word."""
    for name in _CAPABILITIES:
        told = fields_at(capabilities, name).get("supported")
        if isinstance(told, bool):
            yield name, told


def _words(names: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for name in names for word in _CAPABILITIES[name]))


def _retirement(item: Mapping[str, object]) -> str:
    """The day on which the model goes; "yes" where it is deprecated and no day is set."""
    moment = text_at(item, "retires_at")
    if _seconds(moment) is not None:
        return moment[:10]
    return "yes" if item.get("lifecycle") in ("deprecated", "retired") else ""


def _seconds(moment: str) -> int | None:
    """Seconds since 1970 of an RFC 3339 time."""
    try:
        found = datetime.fromisoformat(moment)
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None
