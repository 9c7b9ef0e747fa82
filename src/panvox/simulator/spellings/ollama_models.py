"""Where the API of an Ollama server is, and what it tells of its models."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from panvox.simulator.exchange import Asked, Complaint, Declined, Page, Reason, invalid, page_of, read_body
from panvox.simulator.offer import Listed, Offer
from panvox.simulator.spelling import Chat, Door, Look
from panvox.simulator.spellings.ollama import VOICE, read_call
from panvox.simulator.wording import moment

_VERSION = "0.30.0"
_KEPT = 300  # seconds that a model stays loaded


class Ollama:
    """A server of Ollama's."""

    name = dialect = "ollama"
    root = ""
    lists = "/api/tags"
    voice = VOICE

    def key(self, asked: Asked) -> str:
        """A bearer key; only the hosted one wants any."""
        return asked.bearer

    def named(self, name: str) -> str:
        """`name` with a tag."""
        return f"{name}:latest"

    def door(self, asked: Asked) -> Door:
        """Chat, the models that are there, one of them, those that are loaded, and the version."""
        match asked.method, *asked.steps:
            case "POST", "api", "chat":
                return Chat(VOICE, read_call)
            case "GET", "api", "tags":
                return Look(VOICE, lambda offer, _: _tags(offer))
            case "POST", "api", "show":
                return Look(VOICE, _show)
            case "GET", "api", "ps":
                return Look(VOICE, lambda offer, _: _loaded(offer))
            case "GET", "api", "version":
                return Look(VOICE, lambda _, __: page_of({"version": _VERSION}), open=True)
            case _:
                raise asked.nowhere()


def _tags(offer: Offer) -> Page:
    models = offer.models.values()
    return page_of(
        {"models": [{**_item(model), "modified_at": moment(model.facts.created)} for model in models]}
    )


def _item(model: Listed) -> dict[str, Any]:
    return {
        "name": model.id,
        "model": model.id,
        "size": _size(model),
        "digest": sha256(model.id.encode()).hexdigest(),
        "details": _details(model),
    }


def _size(model: Listed) -> int:
    """Bytes, at four bits and a half for each parameter."""
    return model.facts.parameters * 9 // 16


def _details(model: Listed) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": _family(model),
        "families": [_family(model)],
        "parameter_size": f"{model.facts.parameters / 1e9:.1f}B",
        "quantization_level": "Q4_K_M",
    }


def _family(model: Listed) -> str:
    """The word at the beginning of its name."""
    return model.id.partition(":")[0].rpartition("/")[2].partition("-")[0]


class _Wanted(msgspec.Struct):
    model: str = ""
    name: str = ""


_decode_wanted = msgspec.json.Decoder(_Wanted).decode


def _show(offer: Offer, body: bytes) -> Page:
    wanted = read_body(_decode_wanted, body)
    name = wanted.model or wanted.name
    if not name:
        raise invalid("model is required")
    if name not in offer.models:
        raise Declined(Complaint(reason=Reason.UNKNOWN_MODEL, model=name))
    model = offer.models[name]
    family = _family(model)
    return page_of(
        {
            "license": "",
            "modelfile": f"FROM {model.id}",
            "parameters": "",
            "template": "{{ .Prompt }}",
            "details": _details(model),
            "model_info": {
                "general.architecture": family,
                "general.parameter_count": model.facts.parameters,
                f"{family}.context_length": model.context,
                f"{family}.embedding_length": 4096,
            },
            "capabilities": _capabilities(model),
            "modified_at": moment(model.facts.created),
        }
    )


def _capabilities(model: Listed) -> list[str]:
    if model.facts.kind == "embedding":
        return ["embedding"]
    told = {"tools": "tools", "reasoning": "thinking", "code": "insert"}
    seen = ["vision"] if "image" in model.facts.inputs else []
    return ["completion", *seen, *(told[word] for word in model.facts.capabilities if word in told)]


def _loaded(offer: Offer) -> Page:
    """The models that were asked; pretended ones take no memory and always stay."""
    expires = moment(offer.now + _KEPT)
    models = (offer.models[name] for name in offer.loaded)
    return page_of(
        {
            "models": [
                {
                    **_item(model),
                    "expires_at": expires,
                    "size_vram": _size(model),
                    "context_length": model.context,
                }
                for model in models
            ]
        }
    )
