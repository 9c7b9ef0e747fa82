"""Providers that speak OpenAI's chat completions: OpenAI itself, and vendors that differ in their lists."""

from __future__ import annotations

from dataclasses import dataclass

from panvox.simulator.exchange import Asked, Complaint, Declined, Page, Reason, page_of
from panvox.simulator.offer import Offer
from panvox.simulator.spelling import Chat, Door, Look, Voice
from panvox.simulator.spellings import openai
from panvox.simulator.spellings.vendor_lists import SHELVES


@dataclass(frozen=True, slots=True, kw_only=True)
class Compatible:
    """A provider under `root` whose list is the one called `shelf`.

    `author`: what stands before a made-up model's name.
    """

    name: str
    shelf: str = "openai"
    root: str = "/v1"
    author: str = ""
    voice: Voice = openai.VOICE
    dialect: str = "openai"
    lists: str = "/models"

    def key(self, asked: Asked) -> str:
        """A bearer key."""
        return asked.bearer

    def named(self, name: str) -> str:
        """`name`, after its author where ids have one."""
        return self.author + name

    def door(self, asked: Asked) -> Door:
        """Chat completions, and the list of models."""
        if not asked.path.startswith(f"{self.root}/"):
            raise asked.nowhere()
        below = asked.path.removeprefix(self.root)
        match asked.method, *below.split("/")[1:]:
            case "POST", "chat", "completions":
                return Chat(self.voice, openai.read_call)
            case "GET", "models":
                return Look(self.voice, lambda offer, _: self._list(asked, offer))
            case "GET", "models", *name:
                return Look(self.voice, lambda offer, _: self._show("/".join(name), offer))
            case _:
                raise asked.nowhere()

    def _list(self, asked: Asked, offer: Offer) -> Page:
        shelf = SHELVES[self.shelf]
        items = (shelf.item(model, offer.provider) for model in offer.models.values())
        return page_of(shelf.whole(asked, offer, items))

    def _show(self, name: str, offer: Offer) -> Page:
        if name not in offer.models:
            raise Declined(Complaint(reason=Reason.UNKNOWN_MODEL, model=name))
        return page_of(SHELVES[self.shelf].item(offer.models[name], offer.provider))
