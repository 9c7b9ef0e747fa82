"""Words without their endings, as far as a few rules tell; the same rules for all languages."""

from __future__ import annotations

from functools import lru_cache

_DOUBLED = frozenset("bdgmnprt")


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """`word` (lower case) without a plural or verbal ending: "boiling", "boils" and "boiled" are "boil".

    The first steps of Porter's stemmer (1980), which harm no language: equal words have equal stems.
    """
    if len(word) < 4:
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return _single(word[: -len(ending)])
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _single(word: str) -> str:
    return word[:-1] if word[-1] == word[-2] and word[-1] in _DOUBLED else word


def stems(words: str) -> frozenset[str]:
    """The stems of the words in a list, and of their forms without a mute e ("caused" is "caus")."""
    return frozenset(form for word in words.split() for form in (stem(word), stem(word).removesuffix("e")))


def kin(one: str, other: str) -> bool:
    """Whether two stems are forms of one word as far as spelling tells: they differ late, or by one letter.

    At least four letters and three quarters of the longer one are common at the start ("absorb", "absorbent"
    are not), or a long word has one letter more within ("color", "colour").
    """
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    common = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if common >= 4 and common >= 0.75 * len(long):
        return True
    return len(short) >= 4 and len(long) == len(short) + 1 and short[common:] == long[common + 1 :]
