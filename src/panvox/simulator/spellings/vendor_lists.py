"""How providers that speak OpenAI's dialect list their models: each has fields of its own.

Sources: the API references of the vendors; OpenRouter's prices are texts in USD per token, with `-1` for
"depends", Together's are numbers in USD per million tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from panvox.simulator.exchange import Asked
from panvox.simulator.offer import Listed, Offer, Prices

_MILLION = Decimal(1_000_000)
_USUAL_PARAMETERS = ("frequency_penalty", "max_tokens", "presence_penalty", "stop", "temperature", "top_p")
_PARAMETERS = {
    "tools": ("tool_choice", "tools"),
    "reasoning": ("include_reasoning", "reasoning"),
    "json": ("response_format", "structured_outputs"),
}
_USUAL_PAGE, _LARGEST_PAGE = 500, 1000  # models


@dataclass(frozen=True, slots=True)
class Shelf:
    """One kind of list: how a model stands in it, and what is around all of them."""

    item: Callable[[Listed, str], Mapping[str, Any]]
    whole: Callable[[Asked, Offer, Iterable[Mapping[str, Any]]], object]


# --- around the models -----------------------------------------------------------------------------


def _in_data(_: Asked, __: Offer, items: Iterable[Mapping[str, Any]]) -> object:
    return {"object": "list", "data": list(items)}


def _bare(_: Asked, __: Offer, items: Iterable[Mapping[str, Any]]) -> object:
    return list(items)


def _paged(asked: Asked, offer: Offer, items: Iterable[Mapping[str, Any]]) -> object:
    """OpenRouter's: whole, unless a page is asked for; then with a link to the next."""
    data = list(items)
    usual = offer.page_size or (_USUAL_PAGE if "offset" in asked.query else len(data))
    start, size = asked.number("offset", 0), min(asked.number("limit", usual), max(usual, _LARGEST_PAGE))
    end = start + size
    following = f"/{offer.provider}{asked.path}?offset={end}&limit={size}" if end < len(data) else None
    return {"data": data[start:end], "total_count": len(data), "links": {"next": following}}


# --- the models ------------------------------------------------------------------------------------


def _plain(model: Listed, provider: str) -> dict[str, Any]:
    return {"id": model.id, "object": "model", "created": model.facts.created, "owned_by": provider}


def _groq(model: Listed, provider: str) -> dict[str, Any]:
    limit = model.facts.max_output or model.context
    more = {"active": True, "context_window": model.context, "public_apps": None}
    return {**_plain(model, provider), **more, "max_completion_tokens": limit}


def _mistral(model: Listed, provider: str) -> dict[str, Any]:
    abilities = model.facts.capabilities
    return {
        **_plain(model, provider),
        "name": model.title,
        "description": f"{model.title}, simulated.",
        "max_context_length": model.context,
        "aliases": [],
        "deprecation": None if model.facts.expires is None else f"{model.facts.expires}T12:00:00Z",
        "type": "base",
        "capabilities": {
            "completion_chat": model.facts.kind == "chat",
            "completion_fim": "code" in abilities,
            "function_calling": "tools" in abilities,
            "fine_tuning": False,
            "vision": "image" in model.facts.inputs,
        },
    }


def _vllm(model: Listed, _: str) -> dict[str, Any]:
    weights = model.facts.weights or model.id
    more: dict[str, Any] = {"root": weights, "parent": None, "max_model_len": model.context, "permission": []}
    return {**_plain(model, "vllm"), **more}


def _together(model: Listed, _: str) -> dict[str, Any]:
    facts = model.facts
    item = {
        "id": model.id,
        "object": "model",
        "created": facts.created,
        "type": facts.kind,
        "running": False,
        "display_name": model.title,
        "organization": (facts.weights or model.id).partition("/")[0],
        "link": "",
        "license": "",
        "context_length": model.context,
        "config": {"chat_template": None, "stop": [], "bos_token": None, "eos_token": None},
    }
    if facts.prices is not None and not facts.prices.variable:
        item["pricing"] = _by_million(facts.prices)
    return item


def _by_million(prices: Prices) -> dict[str, float]:
    cached = {} if prices.cached is None else {"cached_input": float(prices.cached)}
    told = {"hourly": 0, "input": float(prices.prompt), "output": float(prices.completion)}
    return {**told, **cached, "base": 0, "finetune": 0}


def _openrouter(model: Listed, _: str) -> dict[str, Any]:
    facts = model.facts
    inputs, outputs = list(facts.inputs), list(facts.outputs)
    parameters = {name for word in facts.capabilities for name in _PARAMETERS.get(word, ())}
    item: dict[str, Any] = {
        "id": model.id,
        "canonical_slug": facts.weights or model.id.partition(":")[0],
        "hugging_face_id": facts.weights or None,
        "name": model.title,
        "created": facts.created,
        "description": f"{model.title}, simulated.",
        "context_length": model.context,
        "architecture": {
            "modality": f"{'+'.join(inputs)}->{'+'.join(outputs)}",
            "input_modalities": inputs,
            "output_modalities": outputs,
            "tokenizer": "Other",
            "instruct_type": None,
        },
        "pricing": _by_token(facts.prices),
        "top_provider": {
            "context_length": model.context,
            "max_completion_tokens": facts.max_output,
            "is_moderated": False,
        },
        "per_request_limits": None,
        "supported_parameters": sorted(parameters.union(_USUAL_PARAMETERS)),
        "default_parameters": {},
        "knowledge_cutoff": None,
        "expiration_date": facts.expires,
        "links": {"details": f"/api/v1/models/{model.id}/endpoints"},
    }
    if facts.alias_of:
        item["alias_target"] = {"name": facts.alias_of, "slug": facts.alias_of}
    if "reasoning" in facts.capabilities:
        item["reasoning"] = {
            "mandatory": False,
            "default_enabled": True,
            "supported_efforts": ["low", "medium", "high"],
            "default_effort": "medium",
            "supports_max_tokens": True,
        }
    return item


def _by_token(prices: Prices | None) -> dict[str, str]:
    if prices is None or prices.variable:
        return {"prompt": "-1", "completion": "-1"}
    told = {"prompt": prices.prompt, "completion": prices.completion, "request": Decimal(0)}
    told |= {"image": Decimal(0), "web_search": Decimal(0), "internal_reasoning": Decimal(0)}
    if prices.cached is not None:
        told["input_cache_read"] = prices.cached
    return {name: _plain_digits(price / _MILLION) for name, price in told.items()}


def _plain_digits(price: Decimal) -> str:
    """`0.0000015`, never `1.5E-6`."""
    return f"{price.normalize():f}"


SHELVES: Mapping[str, Shelf] = {
    "openai": Shelf(_plain, _in_data),
    "openrouter": Shelf(_openrouter, _paged),
    "together": Shelf(_together, _bare),
    "groq": Shelf(_groq, _in_data),
    "mistral": Shelf(_mistral, _in_data),
    "vllm": Shelf(_vllm, _in_data),
}
"""How vendors list, by name."""
