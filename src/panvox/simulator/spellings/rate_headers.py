"""How vendors of chat completions tell their limits, where they do not do it as OpenAI does.

Each tells of windows of its own and of no others: Groq of requests by the day and tokens by the minute,
Together of seconds, Cerebras and Mistral of those that they name. Sources: the vendors' documentation; for
Together the clients that read its headers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from panvox.simulator.limits import DAY, Meter
from panvox.simulator.spelling import Standing
from panvox.simulator.spellings import openai
from panvox.simulator.wording import duration

_SECOND, _MINUTE = 1.0, 60.0


def _told(
    meter: Meter | None, start: str, end: str = "", reset: Callable[[float], str] | None = None
) -> dict[str, str]:
    """The headers of one limit, such as `x-ratelimit-remaining-requests`; none where there is none."""
    if meter is None:
        return {}
    told = {f"{start}-limit{end}": str(meter.limit), f"{start}-remaining{end}": str(meter.remaining)}
    return told if reset is None else {**told, f"{start}-reset{end}": reset(meter.reset)}


def _groq(standing: Standing) -> dict[str, str]:
    """OpenAI's names, with windows of Groq's own."""
    return {
        "x-request-id": standing.request,
        **_told(standing.tightest("requests", DAY), "x-ratelimit", "-requests", duration),
        **_told(standing.tightest("tokens", _MINUTE), "x-ratelimit", "-tokens", duration),
    }


def _together(standing: Standing) -> dict[str, str]:
    return {
        "x-request-id": standing.request,
        **_told(standing.tightest("requests", _SECOND), "x-ratelimit", reset=_seconds),
        **_told(standing.tightest("tokens", _SECOND), "x-tokenlimit", reset=_seconds),
    }


def _cerebras(standing: Standing) -> dict[str, str]:
    return {
        "x-request-id": standing.request,
        **_told(standing.tightest("requests", DAY), "x-ratelimit", "-requests-day", _seconds),
        **_told(standing.tightest("tokens", _MINUTE), "x-ratelimit", "-tokens-minute", _seconds),
    }


def _mistral(standing: Standing) -> dict[str, str]:
    """Without a time: the window is in the name."""
    return {
        "x-request-id": standing.request,
        **_told(standing.tightest("requests", _MINUTE), "x-ratelimit", "-req-minute"),
        **_told(standing.tightest("tokens", _MINUTE), "x-ratelimit", "-tokens-minute"),
    }


def _seconds(left: float) -> str:
    return repr(round(left, 3))


GROQ, TOGETHER, CEREBRAS, MISTRAL = (
    replace(openai.VOICE, headers=headers) for headers in (_groq, _together, _cerebras, _mistral)
)
"""Chat completions, with limits as these vendors tell them."""
