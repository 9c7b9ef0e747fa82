"""Runs on disk: every run, turn, member, outcome, attempt and answer, in a database of the user's.

    journal ─► writer ─► rows ─► schema      writing: entries, committed in groups
    journal ─► reading ─► rows ─► schema     reading: snapshots
    journal ─► money ─► schema               money that is set aside and spent
    database ─► migrations                   opening, upgrading, explaining errors
    answers                                  a file of its own: answers that are given again, and may be lost

SQL is here and nowhere else. Importing this imports SQLAlchemy, which takes a while: import it late.
"""

from panvox.store.answers import AnswerCache, NullCache, answers_path
from panvox.store.journal import NullJournal, SqlJournal, default_path, open_journal
from panvox.store.money import Money
from panvox.store.reading import RunSummary, StoredRun, StoredTurn

__all__ = [
    "AnswerCache",
    "Money",
    "NullCache",
    "NullJournal",
    "RunSummary",
    "SqlJournal",
    "StoredRun",
    "StoredTurn",
    "answers_path",
    "default_path",
    "open_journal",
]
