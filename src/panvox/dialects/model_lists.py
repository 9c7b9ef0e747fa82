"""Which models a provider lists, read from every shape of list.

    {"data": […]}     OpenAI, OpenRouter and most
    […]               Together
    {"models": […]}   Ollama, Google and some relays

Sizes and prices stand under many names. OpenRouter's prices are text, in USD per token, with "-1" for
"depends"; Together's are numbers, in USD per million tokens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from panvox.dialects.foreign import count, excerpt, fields_at, number, parse, text_at
from panvox.errors import Malformed
from panvox.protocols import Listing, ListPage, Prices

_MILLION = 1e6
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
_CONTEXT = ("context_length", "context_window", "max_context_length", "max_model_len", "max_input_tokens")
_OUTPUT = ("max_completion_tokens", "max_output_tokens", "max_output_length")


def read_listings(body: bytes) -> ListPage:
    """The chat models in a list; items that cannot be read are left out. Raises `Malformed`."""
    try:
        value = parse(body)
    except ValueError:
        raise _malformed(body) from None
    items = value
    if isinstance(value, dict):
        items = next((value[name] for name in ("data", "models") if isinstance(value.get(name), list)), None)
    if not isinstance(items, list):
        raise _malformed(body)
    found = (_listing(item) for item in items if isinstance(item, dict))
    return ListPage(listings=tuple(listing for listing in found if listing is not None))


def _malformed(body: bytes) -> Malformed:
    return Malformed(
        f"The provider's list of models cannot be read: {excerpt(body, limit=120) or 'it is empty'}"
    )


def _listing(item: Mapping[str, object]) -> Listing | None:
    name = next(filter(None, (text_at(item, field) for field in ("id", "name", "model"))), "")
    if not name or not _chats(item, name):
        return None
    places = (item, fields_at(item, "top_provider"))
    pricing = fields_at(item, "pricing")
    return Listing(
        id=name,
        name=text_at(item, "display_name") or text_at(item, "name"),
        context=_size(places, _CONTEXT),
        max_output=_size(places, _OUTPUT),
        prices=Prices(
            input=_price(pricing, "prompt", "input"), output=_price(pricing, "completion", "output")
        ),
        created=_size((item,), ("created",)),
    )


def _chats(item: Mapping[str, object], name: str) -> bool:
    """Whether it is a model to talk to: told by its type or its abilities, else by words in its id."""
    kind = text_at(item, "type").lower()
    if kind in _OTHER_TYPES:
        return False
    modalities = fields_at(item, "architecture").get("output_modalities")
    if isinstance(modalities, list):
        return "text" in modalities
    chats = fields_at(item, "capabilities").get("completion_chat")  # Mistral
    if isinstance(chats, bool):
        return chats
    if name in _COMPLETION_ONLY:
        return False
    return kind == "chat" or not _OTHER_WORDS.intersection(re.split(r"[^a-z]+", name.lower()))


def _price(pricing: Mapping[str, object], by_token: str, by_million: str) -> float | None:
    """USD per million tokens, whichever of the two is told."""
    for name, unit in ((by_token, _MILLION), (by_million, 1.0)):
        price = number(pricing.get(name))
        if price is not None and price >= 0:
            return round(price * unit, 9)
    return None


def _size(places: tuple[Mapping[str, object], ...], names: tuple[str, ...]) -> int | None:
    """The first number above zero that stands under one of `names`."""
    return next(filter(None, (count(place.get(name)) for place in places for name in names)), None)
