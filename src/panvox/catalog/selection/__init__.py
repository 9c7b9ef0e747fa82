"""The selection language: which models of the catalogue a few patterns mean, and why.

choice       what a selection chooses, with the reasons
language     the language as text
terms        what a selection is made of, as values
names        what names and globs mean, and what is near to one that means nothing
conditions   what a condition means for an entry
pickers      which of the entries that fit are taken
"""

from panvox.catalog.selection.choice import Explanation, default_selection, explain, select

__all__ = ["Explanation", "default_selection", "explain", "select"]
