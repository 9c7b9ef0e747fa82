"""Which models a provider lists, read from every OpenAI-shaped list.

    {"data": […]}     OpenAI, OpenRouter and most; some with the way to the next page
    […]               Together, GitHub's catalogue
    {"models": […]}   Cohere, Cherry Studio's cloud and some relays

What an item tells beside its id stands under many names: see `model_facts`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from panvox.dialects import model_facts as facts
from panvox.dialects.foreign import count, excerpt, fields_at, items_at, parse, text_at
from panvox.errors import Malformed
from panvox.protocols import Listing, ListPage

_OTHER_WORDS = frozenset(
    {
        *(
            "audio",
            "dall",
            "dalle",
            "embed",
            "embedding",
            "embeddings",
            "image",
            "imagen",
        ),
        *("moderation", "realtime", "rerank", "reranker", "sora", "speech", "stt", "transcribe"),
        *("transcription", "tts", "veo", "video", "whisper"),
    }
)
"""Types, and parts of ids, that name another kind wherever they appear."""
_COMPLETION_ONLY = frozenset({"babbage-002", "davinci-002", "gpt-3.5-turbo-instruct"})
"""OpenAI's last models that continue a text and refuse to chat; nothing but their names tells."""
_OTHER_TYPES = _OTHER_WORDS | {"code", "language"}  # Together's models that continue a text
_CHAT_TYPES = frozenset({"", "base", "chat", "fine-tuned", "llm", "model", "vlm"})
"""Types of what may be talked to: Together's, Mistral's, Anthropic's, LM Studio's."""
_CHATS = (("capabilities", "completion_chat"), ("", "supports_chat"))  # Mistral; Fireworks and Hyperbolic
_AVAILABLE = ("active", "available_on_current_plan")  # Groq; Featherless
_NAMES = ("id", "name", "model")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?!\d)")
_MILLISECONDS = 10**11  # what is more cannot be seconds since 1970


def read_listings(body: bytes, *, asked: str = "") -> ListPage:
    """The chat models on a page; `more` is the offset of the next one. Raises `Malformed`.

    `asked` is the offset with which this page was asked for. Items that cannot be read, and those that the
    provider says are off, are left out.
    """
    value = _parsed(body)
    items = _items(value, body)
    found = (_listing(item) for item in items if isinstance(item, dict))
    return ListPage(
        listings=tuple(listing for listing in found if listing is not None),
        more=_more(value, len(items), asked) if isinstance(value, dict) else "",
    )


def _parsed(body: bytes) -> object:
    try:
        return parse(body)
    except ValueError:
        raise _malformed(body) from None


def _items(value: object, body: bytes) -> list[object]:
    if isinstance(value, dict):
        value = next((value[name] for name in ("data", "models") if isinstance(value.get(name), list)), None)
    if not isinstance(value, list):
        raise _malformed(body)
    return value


def _malformed(body: bytes) -> Malformed:
    return Malformed(
        f"The provider's list of models cannot be read: {excerpt(body, limit=120) or 'it is empty'}"
    )


def _more(page: Mapping[str, object], length: int, asked: str) -> str:
    """The offset of the next page: told by a link (OpenRouter), or by how many there are.

    Cherry Studio tells the offset of a page beside their number, OpenRouter expects that it is known.
    """
    try:
        query = urlsplit(text_at(fields_at(page, "links"), "next")).query
        linked = count(next(iter(parse_qs(query).get("offset", ())), None))
    except ValueError:
        linked = None
    if linked:
        return str(linked)
    offset, total = count(page.get("offset")), count(page.get("total"))
    if total is None:
        offset, total = count(asked or 0), count(page.get("total_count"))
    if offset is None or total is None or not length:
        return ""
    return str(offset + length) if offset + length < total else ""


def _listing(item: Mapping[str, object]) -> Listing | None:
    name = next(filter(None, (text_at(item, field) for field in _NAMES)), "")
    offer = facts.routed(item)
    if not name or offer is None or any(item.get(flag) is False for flag in _AVAILABLE):
        return None
    inputs, outputs = facts.modalities(item)
    if not _chats(item, name, outputs):
        return None
    capabilities, denied = facts.abilities(offer, inputs, outputs)
    return Listing(
        id=name,
        name=text_at(item, "display_name") or text_at(item, "name"),
        weights=_weights(item, name),
        context=facts.context(offer),
        max_output=facts.max_output(offer),
        prices=facts.prices(offer),
        tiers=facts.tiers(offer),
        inputs=tuple(word for word in inputs if word != facts.OTHER),
        outputs=tuple(word for word in outputs if word != facts.OTHER),
        capabilities=capabilities,
        denied=denied,
        created=_created(item),
        retires=_retires(item),
        free=_free(item, name),
        owner=text_at(item, "owned_by"),
    )


def _chats(item: Mapping[str, object], name: str, outputs: tuple[str, ...]) -> bool:
    """Whether it is a model to talk to: told by its type or its abilities, else by words in its id."""
    kind = (text_at(item, "type") or text_at(item, "model_type")).lower()
    if kind in _OTHER_TYPES or text_at(item, "type").lower() not in _CHAT_TYPES:
        return False
    endpoints = [word for word in items_at(item, "endpoints") if isinstance(word, str)]
    if endpoints and not any("chat" in word for word in endpoints):  # Cohere
        return False
    if outputs:
        return "text" in outputs
    for place, flag in _CHATS:
        told = (fields_at(item, place) if place else item).get(flag)
        if isinstance(told, bool):
            return told
    if name in _COMPLETION_ONLY:
        return False
    return kind == "chat" or not _OTHER_WORDS.intersection(re.split(r"[^a-z]+", name.lower()))


def _weights(item: Mapping[str, object], name: str) -> str:
    """What the provider says that the weights are, best first; empty if that is what the id says.

    OpenRouter and Synthetic name a repository, OpenRouter also a canonical slug and what an alias stands
    for, Cherry Studio the upstream's own name, Mistral the version behind an alias, vLLM what it loaded.
    """
    root = "" if item.get("parent") else text_at(item, "root")  # the parent of an adapter is other weights
    told = (
        text_at(item, "hugging_face_id"),
        text_at(fields_at(item, "alias_target"), "slug"),
        text_at(item, "canonical_slug"),
        text_at(item, "provider_model_id"),
        text_at(item, "name") if items_at(item, "aliases") else "",
        root,
    )
    found = next(filter(None, told), "")
    return "" if found == name else found


def _created(item: Mapping[str, object]) -> int | None:
    """Unix seconds; providers that do not know write 0."""
    told = count(item.get("created")) or None
    return told // 1000 if told is not None and told >= _MILLISECONDS else told


def _retires(item: Mapping[str, object]) -> str:
    """When the model goes (OpenRouter, Mistral), or that it will (Cohere)."""
    for name in ("expiration_date", "deprecation", "deprecation_date"):
        if date := _DATE.match(text_at(item, name)):
            return date[0]
    said = item.get("deprecated") is True or item.get("is_deprecated") is True
    said = said or text_at(item, "status").lower() == "deprecated"
    return "yes" if said else ""


def _free(item: Mapping[str, object], name: str) -> bool | None:
    """What the name of an offer (OpenRouter), another fee or the cost (Cherry Studio's cloud) says."""
    if facts.other_fees(item):
        return False
    if name.endswith(":free"):
        return True
    cost = item.get("cost")
    return cost == 0 if isinstance(cost, int | float) and not isinstance(cost, bool) else None
