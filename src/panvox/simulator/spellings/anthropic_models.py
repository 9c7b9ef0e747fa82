"""Where Anthropic's API is, and how it lists models."""

from __future__ import annotations

from typing import Any

from panvox.simulator.exchange import Asked, Complaint, Declined, Page, Reason, invalid, page_of
from panvox.simulator.offer import Listed, Offer
from panvox.simulator.spelling import Chat, Door, Look
from panvox.simulator.spellings.anthropic import VOICE, read_call
from panvox.simulator.wording import moment

_USUAL_PAGE, _LARGEST_PAGE = 20, 1000  # models


class Anthropic:
    """Anthropic's own API."""

    name = dialect = "anthropic"
    root = "/v1"
    lists = "/models"
    voice = VOICE

    def key(self, asked: Asked) -> str:
        """From `x-api-key`, or else a bearer key."""
        return asked.headers.get("x-api-key", "").strip() or asked.bearer

    def named(self, name: str) -> str:
        """`name`."""
        return name

    def door(self, asked: Asked) -> Door:
        """Messages, and the list of models."""
        match asked.method, *asked.steps:
            case "POST", "v1", "messages":
                return Chat(VOICE, lambda body: read_call(_versioned(asked, body)))
            case "GET", "v1", "models":
                return Look(VOICE, lambda offer, body: _list(asked, offer, _versioned(asked, body)))
            case "GET", "v1", "models", *name:
                return Look(VOICE, lambda offer, _: _show("/".join(name), offer))
            case _:
                raise asked.nowhere()


def _versioned(asked: Asked, body: bytes) -> bytes:
    """The body, of a request that says which version of the API it means. Raises `Declined` (400)."""
    if not asked.headers.get("anthropic-version"):
        raise invalid("anthropic-version: header is required")
    return body


def _list(asked: Asked, offer: Offer, _: bytes) -> Page:
    """A page of the list, after or before a model. Raises `Declined` (400)."""
    ids = list(offer.models)
    size = asked.number("limit", offer.page_size or _USUAL_PAGE)
    if not 1 <= size <= _LARGEST_PAGE:
        raise invalid(f"limit: Input should be from 1 to {_LARGEST_PAGE}, and is {size}")
    if before := asked.query.get("before_id"):
        end = _place(ids, before)
        shown, more = ids[max(0, end - size) : end], end > size
    else:
        after = asked.query.get("after_id")
        start = _place(ids, after) + 1 if after else 0
        shown, more = ids[start : start + size], start + size < len(ids)
    return page_of(
        {
            "data": [_item(offer.models[name]) for name in shown],
            "has_more": more,
            "first_id": shown[0] if shown else None,
            "last_id": shown[-1] if shown else None,
        }
    )


def _place(ids: list[str], name: str) -> int:
    if name not in ids:
        raise invalid(f"there is no model {name!r} to go on from")
    return ids.index(name)


def _show(name: str, offer: Offer) -> Page:
    if name not in offer.models:
        raise Declined(Complaint(reason=Reason.UNKNOWN_MODEL, model=name))
    return page_of(_item(offer.models[name]))


def _item(model: Listed) -> dict[str, Any]:
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.title,
        "created_at": moment(model.facts.created),
        "lifecycle": "deprecated" if model.facts.expires else "active",
        "retires_at": f"{model.facts.expires}T00:00:00Z" if model.facts.expires else None,
        "max_input_tokens": model.context,
        "max_tokens": model.facts.max_output,
        "capabilities": _capabilities(model),
    }


def _capabilities(model: Listed) -> dict[str, Any]:
    words, inputs = model.facts.capabilities, model.facts.inputs
    thinks = {"supported": "reasoning" in words}
    names = ("adaptive", "between_tools", "disabled", "enabled")
    return {
        "batch": {"supported": True},
        "citations": {"supported": False},
        "code_execution": {"supported": "code" in words},
        "context_management": {"supported": False},
        "effort": {**thinks, **dict.fromkeys(("low", "medium", "high", "max"), thinks)},
        "image_input": {"supported": "image" in inputs},
        "pdf_input": {"supported": "file" in inputs},
        "server_tools": {
            "supported": False,
            "code_execution": {"supported": False},
            "web_search": {"supported": False},
        },
        "structured_outputs": {"supported": "json" in words},
        "thinking": {**thinks, "types": dict.fromkeys(names, thinks)},
    }
