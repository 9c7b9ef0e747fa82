"""What families of OpenAI's models refuse, going by their names, with or without a vendor's before it.

Source: OpenAI's API reference and its guides to models that think.
"""

from __future__ import annotations

import re

# Models that think unless told otherwise refuse `temperature` and `top_p`: all of the families o and gpt-5,
# but not gpt-5-chat, nor gpt-5.1 and gpt-5.2 in their plain forms, which think only when asked to.
_NO_SAMPLING = re.compile(r"(?:^|/)(?:o\d|gpt-5(?!-chat|\.[12](?!-(?:pro|codex)))|gpt-[6-9])")
# Their thinking counts too, so that they refuse `max_tokens`.
_COUNTS_THINKING = re.compile(r"(?:^|/)(?:o1|o3|o4|gpt-5)(?:$|[^a-z0-9])")
_NO_STOP = re.compile(r"(?:^|/)(?:o3|o4-mini)(?:$|[^a-z0-9])")


def takes_sampling(model: str) -> bool:
    """Whether `model` may be told a temperature and `top_p`."""
    return _NO_SAMPLING.search(model) is None


def takes_stop(model: str) -> bool:
    """Whether `model` may be told texts at which to stop."""
    return _NO_STOP.search(model) is None


def counts_thinking(model: str) -> bool:
    """Whether the limit of an answer's tokens is called `max_completion_tokens`, and never `max_tokens`."""
    return _COUNTS_THINKING.search(model) is not None
