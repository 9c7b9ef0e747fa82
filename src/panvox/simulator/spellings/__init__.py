"""The dialects that the simulator speaks, and the table of them.

openai · vendor_lists · compatible        chat completions: their spelling, lists of vendors, addresses
openrouter · rate_headers                 how a relay refuses, and how vendors tell their limits
responses · anthropic · gemini · ollama   the other spellings
… _models                                 where those are addressed, and how they list models
cherry                                    Cherry Studio, which has one of its own and lends the others
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from panvox.errors import UsageError
from panvox.simulator.spelling import Spelling
from panvox.simulator.spellings import cherry, openrouter, rate_headers
from panvox.simulator.spellings.anthropic_models import Anthropic
from panvox.simulator.spellings.compatible import Compatible
from panvox.simulator.spellings.gemini_models import Gemini
from panvox.simulator.spellings.ollama_models import Ollama
from panvox.simulator.spellings.responses import Responses

_SPELLINGS: tuple[Spelling, ...] = (
    Compatible(name="openai"),
    Compatible(name="openrouter", shelf="openrouter", root="/api/v1", author="acme/", voice=openrouter.VOICE),
    Compatible(name="together", shelf="together", author="acme/", voice=rate_headers.TOGETHER),
    Compatible(name="groq", shelf="groq", voice=rate_headers.GROQ),
    Compatible(name="cerebras", voice=rate_headers.CEREBRAS),
    Compatible(name="mistral", shelf="mistral", voice=rate_headers.MISTRAL),
    Compatible(name="vllm", shelf="vllm"),
    Responses(),
    Anthropic(),
    Gemini(),
    Ollama(),
    cherry.Cloud(),
    cherry.Desktop("cherry-v1", early=True),
    cherry.Desktop("cherry-v2", early=False),
)

SPELLINGS: Mapping[str, Spelling] = {spelling.name: spelling for spelling in _SPELLINGS}
"""Every dialect, and every vendor's variant of one, by its name."""


def find_spelling(name: str) -> Spelling:
    """The dialect called `name`; raises `UsageError` that names the nearest."""
    if name not in SPELLINGS:
        near = get_close_matches(name, SPELLINGS, n=1)
        meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(SPELLINGS)}"
        raise UsageError(f"the simulator speaks no dialect {name!r}; {meant}")
    return SPELLINGS[name]
