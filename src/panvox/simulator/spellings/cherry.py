"""How Cherry Studio spells: its cloud form, and both lines of the server within its desktop program.

The cloud form answers whole, never as a stream. The desktop program lends OpenAI's, Anthropic's and (in its
second line) Google's dialect to the models of all its providers, each called `provider:model`. Source: its
public code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import orjson

from panvox.simulator.exchange import (
    JSON,
    Asked,
    Call,
    Complaint,
    Page,
    Reason,
    Speech,
    Utterance,
    count_tokens,
    invalid,
    page_of,
    read_body,
)
from panvox.simulator.offer import Listed, Offer
from panvox.simulator.spelling import Chat, Door, Look, Voice
from panvox.simulator.spellings import anthropic, openai, responses
from panvox.simulator.spellings.gemini_models import chat_door

# --- the cloud form --------------------------------------------------------------------------------


class _Message(msgspec.Struct):
    role: str
    content: str


class _Body(msgspec.Struct):
    messages: list[_Message]
    max_tokens: int | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


def _read_call(data: bytes, *, model: str) -> Call:
    body = read_body(_decode_body, data)
    if not body.messages:
        raise invalid("Invalid 'messages': empty array. Expected an array with minimum length 1.")
    if body.max_tokens is not None and body.max_tokens < 1:
        raise invalid(f"Invalid 'max_tokens': expected a value >= 1, but got {body.max_tokens} instead.")
    return Call(
        model=model,
        question=next((said.content for said in reversed(body.messages) if said.role == "user"), ""),
        tokens=sum(count_tokens(said.content) for said in body.messages),
        usage=True,
        max_tokens=body.max_tokens,
    )


def render(speech: Speech) -> Utterance:
    """A speech in its usual field, with the tokens it took."""
    return spell({"text": speech.text, "usage": usage(speech)})


def spell(reply: object) -> Utterance:
    """A whole reply."""
    return Utterance(content_type=JSON, pieces=(orjson.dumps(reply),))


def usage(speech: Speech) -> dict[str, int]:
    """The tokens of a speech, together."""
    return {"total_tokens": speech.prompt_tokens + speech.completion_tokens}


VOICE = Voice(
    name="cherry", stream_type=JSON, render=render, complain=openai.complain, headers=openai.headers
)
"""The cloud form."""


class Cloud:
    """The cloud form."""

    name = dialect = "cherry"
    root = "/v1"
    lists = "/models"
    voice = VOICE

    def key(self, asked: Asked) -> str:
        """A bearer key."""
        return asked.bearer

    def named(self, name: str) -> str:
        """`name` after the provider behind it."""
        return f"acme:{name}"

    def door(self, asked: Asked) -> Door:
        """The list of models, and chat with each of them."""
        match asked.method, *asked.steps:
            case "GET", "v1", "models":
                return Look(VOICE, lambda offer, _: _cloud_list(offer))
            case "POST", "v1", "models", *name, "chat":
                return Chat(VOICE, lambda body: _read_call(body, model="/".join(name)))
            case _:
                raise asked.nowhere()


def _cloud_list(offer: Offer) -> Page:
    return page_of({"models": [_cloud_item(model, offer.provider) for model in offer.models.values()]})


def _cloud_item(model: Listed, provider: str) -> dict[str, Any]:
    prices = model.facts.prices
    cost = None if prices is None or prices.variable else float(prices.prompt)
    return {
        "id": model.id,
        "name": model.title,
        "provider": provider,
        "endpoint": f"/v1/models/{model.id}/chat",
        "cost": cost,
    }


# --- the desktop program ---------------------------------------------------------------------------


def _validated(read: Callable[[bytes], Call]) -> Callable[[bytes], Call]:
    """`read`, for models called `provider:model`."""

    def read_validated(data: bytes) -> Call:
        call = read(data)
        provider, colon, model = call.model.partition(":")
        if not (provider and colon and model):
            raise invalid(
                "Invalid model format. Expected format: 'provider:model_id' (e.g., 'my-openai:gpt-4')"
            )
        return call

    return read_validated


def _complain_early(complaint: Complaint) -> Page:
    """The first line: keys are refused in a word, and models with a code that says what is wrong."""
    match complaint.reason:
        case Reason.NO_KEY:
            return page_of({"error": "Unauthorized"}, status=401)
        case Reason.UNAUTHORISED:
            return page_of({"error": "Forbidden"}, status=403)
        case Reason.INVALID if complaint.message.startswith("Invalid model format"):
            return _error(400, complaint.message, "invalid_model_format")
        case Reason.UNKNOWN_MODEL:
            provider, _, model = complaint.model.partition(":")
            return _error(
                400, f"Model '{model}' not available in provider '{provider}'.", "model_not_available"
            )
        case Reason.UNAVAILABLE:
            return _error(503, "Failed to retrieve models", "models_unavailable", "service_unavailable")
        case _:
            return openai.complain(complaint)


def _error(status: int, message: str, code: str, kind: str = "invalid_request_error") -> Page:
    return page_of({"error": {"message": message, "type": kind, "code": code}}, status=status)


EARLY = replace(openai.VOICE, complain=_complain_early)
"""OpenAI's dialect, as the first line of the desktop program speaks it."""


@dataclass(frozen=True, slots=True)
class Desktop:
    """The server of the desktop program: `early` is its first line, which pages its list."""

    name: str
    early: bool
    dialect: str = "openai"
    root: str = "/v1"
    lists: str = "/models"

    @property
    def voice(self) -> Voice:
        """OpenAI's dialect, with words of its own."""
        return EARLY if self.early else openai.VOICE

    def key(self, asked: Asked) -> str:
        """A bearer key; the second line looks at `x-api-key` first, and at Google's places last."""
        if self.early:
            return asked.bearer
        api, google = (asked.headers.get(f"x-{whose}api-key", "").strip() for whose in ("", "goog-"))
        return api or asked.bearer or google or asked.query.get("key", "")

    def named(self, name: str) -> str:
        """`name` after the provider behind it."""
        return f"my-openai:{name}"

    def door(self, asked: Asked) -> Door:
        """Three dialects for the same models, and the list of them."""
        match asked.method, *asked.steps:
            case "GET", "v1", "models":
                return Look(self.voice, lambda offer, _: self._list(asked, offer))
            case "POST", "v1", "chat", "completions":
                return Chat(self.voice, _validated(openai.read_call))
            case "POST", "v1", "messages":
                return Chat(anthropic.VOICE, _validated(anthropic.read_call))
            case "POST", "v1", "responses":
                return Chat(responses.VOICE, _validated(responses.read_call))
            case "POST", "v1beta", "models", *name if not self.early:
                door = chat_door(asked, "/".join(name))
                return Chat(door.voice, _validated(door.read))
            case "GET", "health" | "":
                return Look(self.voice, lambda _, __: page_of({"status": "ok"}), open=True)
            case _:
                raise asked.nowhere()

    def _list(self, asked: Asked, offer: Offer) -> Page:
        models = list(offer.models.values())
        if not self.early:
            return page_of({"object": "list", "data": [_plain_item(model) for model in models]})
        start = asked.number("offset", 0)
        limit = asked.number("limit", 0) or offer.page_size
        shown = models[start : start + limit] if limit else models[start:]
        body: dict[str, Any] = {"object": "list", "data": [_early_item(model) for model in shown]}
        if limit or "offset" in asked.query:
            body |= {"total": len(models), "offset": start}
        return page_of({**body, "limit": limit} if limit else body)


def _plain_item(model: Listed) -> dict[str, Any]:
    provider = model.id.partition(":")[0]
    return {"id": model.id, "object": "model", "created": model.facts.created, "owned_by": provider}


def _early_item(model: Listed) -> dict[str, Any]:
    provider, _, name = model.id.partition(":")
    return {
        **_plain_item(model),
        "name": model.title,
        "provider": provider,
        "provider_name": provider.replace("-", " ").title(),
        "provider_type": "openai",
        "provider_model_id": name,
    }
