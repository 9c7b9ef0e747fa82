"""Which models there are, what is known of each, and how people choose among them."""

from panvox.catalog.discovery import discover
from panvox.catalog.entries import Catalogue, Entry, Problem
from panvox.catalog.lineage import kin, lineage
from panvox.catalog.selection import default_selection, select
from panvox.catalog.sources import Source, sources

__all__ = [
    "Catalogue",
    "Entry",
    "Problem",
    "Source",
    "default_selection",
    "discover",
    "kin",
    "lineage",
    "select",
    "sources",
]
