"""The keys of a provider: which of them is used, and which is left alone for how long."""

from panvox.keys.key import Key, expiry_warnings, first_usable, utc_now
from panvox.keys.pool import KeyPool, KeyStanding, KeyState, Pause

__all__ = [
    "Key",
    "KeyPool",
    "KeyStanding",
    "KeyState",
    "Pause",
    "expiry_warnings",
    "first_usable",
    "utc_now",
]
