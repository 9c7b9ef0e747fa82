"""Texts that go round in circles, as models do that have lost their way. Linear in the length of the text."""

from __future__ import annotations

from collections import Counter

_WINDOW = 6_000
"""Last characters in which a loop is looked for."""

_PROBE = 24
"""Characters that must come back for a period to be tried."""


def share_repeated(text: str) -> float:
    """Which part of a text, 0 to 1, is a loop: one passage over and over at its end, or the same lines."""
    text = text.rstrip()
    if len(text) < 200:
        return 0.0
    return max(_at_the_end(text), _in_lines(text))


def _at_the_end(text: str) -> float:
    """The share of a text that its last passage makes up when it stands there three times or more."""
    tail = text[-_WINDOW:]
    for cut in (0, _PROBE // 2):  # a loop may have been cut in the middle of a word
        end = len(tail) - cut
        earlier = tail.rfind(tail[end - _PROBE : end], 0, end - 1)
        if earlier < 0:
            continue
        period = end - _PROBE - earlier
        covered = _covered(tail[:end], period)
        if covered >= max(3 * period, 120):
            whole = covered > end - period  # the loop began before the window
            return 1.0 if whole else covered / len(text)
    return 0.0


def _covered(tail: str, period: int) -> int:
    """How many last characters repeat with this period."""
    block = tail[-period:]
    times = 1
    while tail.endswith(block, 0, len(tail) - times * period):
        times += 1
    return times * period if times > 1 else 0


def _in_lines(text: str) -> float:
    """The share of a text in lines that stand there six times or more."""
    lines = Counter(line.strip() for line in text[-4 * _WINDOW :].split("\n"))
    if lines.total() < 12:
        return 0.0
    again = sum(len(line) * times for line, times in lines.items() if times > 5 and len(line) > 15)
    return again / sum(len(line) * times for line, times in lines.items())
