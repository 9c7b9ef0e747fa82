"""The table of dialects: every word that settings may use for one, and what speaks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from panvox.dialects.anthropic import Anthropic
from panvox.dialects.cherry import Cherry
from panvox.dialects.gemini import Gemini
from panvox.dialects.ollama import Ollama
from panvox.dialects.openai import OpenAI
from panvox.dialects.responses import Responses
from panvox.protocols import Dialect, Quirks
from panvox.settings import Vendor

DIALECTS: Mapping[str, Callable[[Quirks], Dialect]] = {
    "openai": OpenAI,
    "responses": Responses,
    "anthropic": Anthropic,
    "gemini": Gemini,
    "ollama": Ollama,
    "cherry": Cherry,
}
"""Every dialect by the word for it in settings."""


@lru_cache
def dialect_of(vendor: Vendor) -> Dialect:
    """The dialect that `vendor` speaks, with its quirks; one object for all of its models."""
    return DIALECTS[vendor.dialect](vendor.quirks)
