"""Numbers as people read them; see `panvox.figures`."""

from panvox.figures import age, money, percent, plural, seconds, short, size, votes

__all__ = ["age", "money", "percent", "plural", "seconds", "short", "size", "votes"]
