"""The final answer in a text: what two models must share to have said the same.

prompt ─► expect.asked ─► Asked ─┐
text ──────────────────► marks ──┴─► numbers, choice, dates, literals, words, code, JSON ─► Reading
"""

from panvox.curation.extract.numbers import plain_decimal
from panvox.curation.extract.reading import extract, read, truth_key
from panvox.curation.extract.readings import Extract, Reading
from panvox.curation.extract.short import canonical

__all__ = ["Extract", "Reading", "canonical", "extract", "plain_decimal", "read", "truth_key"]
