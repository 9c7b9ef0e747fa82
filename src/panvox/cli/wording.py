"""What a verdict says, in words: pieces of sentences that the report and the live view share."""

from __future__ import annotations

from panvox.cli.text import one_line, shorten
from panvox.verdicts import Feedback


def told(said: Feedback) -> str:
    """What a user told of a turn."""
    words = shorten(one_line(said.said), 60)
    match said.kind:
        case "best":
            return f"{words} was right"
        case "bad":
            return f"{words} was wrong"
        case "answer":
            return f"the right answer is {words}"
        case "undo":
            return "taken back"
