"""From answers to one answer: extract the final answer, judge its quality, group equal ones, count votes.

    expect ─► extract ─► quality ─► grouping ─► tally ─► verdict
                                                  ▲
    ballots ─► (learn) ─► weights ────────────────┘

Pure: texts in, values out; nothing here waits, reads or writes.
"""

from panvox.curation.curate import Curator
from panvox.curation.expect import Expect
from panvox.curation.extract import Extract, extract
from panvox.curation.rules import Method, Rules

__all__ = ["Curator", "Expect", "Extract", "Method", "Rules", "extract"]
