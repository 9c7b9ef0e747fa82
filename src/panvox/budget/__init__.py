"""Money: set aside before a prompt goes out, given back where it was not needed.

prices ──► what a call may cost, and what it did
purse ───► who may be asked for the money that there is
account ─► the purse of a run, over a book: the store, or memory
"""

from panvox.budget.account import Book, LimitedPurse
from panvox.budget.memory import MemoryBook
from panvox.budget.prices import cost_of, expected_cost
from panvox.budget.purse import Ceilings

__all__ = [
    "Book",
    "Ceilings",
    "LimitedPurse",
    "MemoryBook",
    "cost_of",
    "expected_cost",
]
