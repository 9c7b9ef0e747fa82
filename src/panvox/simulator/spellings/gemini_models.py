"""Where Gemini's API is, and how it lists models."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from panvox.simulator.exchange import Asked, Complaint, Declined, Page, Reason, invalid, page_of
from panvox.simulator.offer import Listed, Offer
from panvox.simulator.spelling import Chat, Door, Look
from panvox.simulator.spellings.gemini import VOICE, read_call

_USUAL_PAGE, _LARGEST_PAGE = 50, 1000  # models


class Gemini:
    """Google's own API."""

    name = dialect = "gemini"
    root = "/v1beta"
    lists = "/models"
    voice = VOICE

    def key(self, asked: Asked) -> str:
        """From `x-goog-api-key`, or else from the query."""
        return asked.headers.get("x-goog-api-key", "").strip() or asked.query.get("key", "")

    def named(self, name: str) -> str:
        """`name`."""
        return name

    def door(self, asked: Asked) -> Door:
        """Models, what can be done with them, and the list of them."""
        match asked.method, *asked.steps:
            case "GET", "v1beta" | "v1", "models":
                return Look(VOICE, lambda offer, _: _list(asked, offer))
            case "GET", "v1beta" | "v1", "models", *name:
                return Look(VOICE, lambda offer, _: _show("/".join(name), offer))
            case "POST", "v1beta" | "v1", "models", *name:
                return chat_door(asked, "/".join(name))
            case _:
                raise asked.nowhere()


def chat_door(asked: Asked, name: str) -> Chat:
    """The door of `MODEL:generateContent`, and of its stream. Raises `Declined` (404) for other deeds."""
    model, _, deed = name.rpartition(":")
    if deed not in {"generateContent", "streamGenerateContent"}:
        raise asked.nowhere()
    stream = deed == "streamGenerateContent"
    array = asked.query.get("alt") != "sse"
    return Chat(VOICE, lambda body: read_call(body, model=model, stream=stream, array=array))


def _list(asked: Asked, offer: Offer) -> Page:
    """A page of the list; the token of the next one is where it starts. Raises `Declined` (400)."""
    size = asked.number("pageSize", 0) or offer.page_size or _USUAL_PAGE
    start = _start(asked.query.get("pageToken", ""))
    end = start + min(size, _LARGEST_PAGE)
    models = list(offer.models.values())
    body: dict[str, Any] = {"models": [_item(model) for model in models[start:end]]}
    if end < len(models):
        body["nextPageToken"] = base64.urlsafe_b64encode(b"from %d" % end).decode()
    return page_of(body)


def _start(token: str) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token).removeprefix(b"from "))
    except (ValueError, binascii.Error):
        raise invalid("Invalid page token.") from None


def _show(name: str, offer: Offer) -> Page:
    if name not in offer.models:
        raise Declined(Complaint(reason=Reason.UNKNOWN_MODEL, model=name))
    return page_of(_item(offer.models[name]))


def _item(model: Listed) -> dict[str, Any]:
    chats = model.facts.kind == "chat"
    item: dict[str, Any] = {
        "name": f"models/{model.id}",
        "version": "001",
        "displayName": model.title,
        "description": f"{model.title}, simulated.",
        "inputTokenLimit": model.context,
        "supportedGenerationMethods": ["generateContent", "countTokens"] if chats else ["embedContent"],
    }
    if model.facts.max_output is not None:
        item["outputTokenLimit"] = model.facts.max_output
    if chats:
        item |= {"temperature": 1, "topP": 0.95, "topK": 64, "maxTemperature": 2}
    if "reasoning" in model.facts.capabilities:
        item["thinking"] = True
    return item
