"""From answers to one answer: extract the final answer, group equal ones, count votes, choose.

Pure: texts in, values out; nothing here waits, reads or writes.
"""

from panvox.curation.curate import Curator
from panvox.curation.extract import Extract, extract

__all__ = ["Curator", "Extract", "extract"]
