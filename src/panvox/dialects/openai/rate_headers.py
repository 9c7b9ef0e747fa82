"""The names of rate headers in the chat-completions dialect: OpenAI's, and those of other vendors."""

from __future__ import annotations

from panvox.dialects.rates import Names, Unit

_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0


def _named(unit: Unit, ending: str, *, window: float | None = None, said: bool = False) -> Names:
    """Such as `x-ratelimit-limit-requests`, with `-remaining-` and `-reset-` beside it."""
    limit, remaining, reset = (f"x-ratelimit-{kind}{ending}" for kind in ("limit", "remaining", "reset"))
    return Names(unit=unit, limit=limit, remaining=remaining, reset=reset, window=window, said=said)


RATES = (
    # OpenAI means a minute; Groq takes the same names and means a day by requests.
    _named("requests", "-requests", window=_MINUTE),
    _named("tokens", "-tokens", window=_MINUTE),
    # Cerebras, with the window in the name; Mistral too, with a word of its own for requests.
    _named("requests", "-requests-minute", window=_MINUTE, said=True),
    _named("requests", "-requests-hour", window=_HOUR, said=True),
    _named("requests", "-requests-day", window=_DAY, said=True),
    _named("tokens", "-tokens-minute", window=_MINUTE, said=True),
    _named("tokens", "-tokens-hour", window=_HOUR, said=True),
    _named("tokens", "-tokens-day", window=_DAY, said=True),
    _named("requests", "-req-minute", window=_MINUTE, said=True),
    # Fireworks; its limits grow and shrink with the traffic.
    _named("input_tokens", "-tokens-prompt", window=_MINUTE),
    _named("output_tokens", "-tokens-generated", window=_MINUTE),
    # Together means a second; OpenRouter sends it with its own refusals only, and means whatever was hit.
    _named("requests", ""),
    Names(
        unit="tokens",
        limit="x-tokenlimit-limit",
        remaining="x-tokenlimit-remaining",
        reset="x-tokenlimit-reset",
    ),
)
"""Every spelling; a vendor sends few of them, and the windows of a row hold where the name says none."""
