"""Reviews that list issues: read, grouped by what they mean and where, ranked by how many lineages agree.

reviews ─► reading (layout, heads, places, tables, JSON) ─► Finding ─► grouping (closeness) ─► Issue
Findings ─► findings.json, SARIF, a section of the summary, lines for the terminal
"""

from panvox.review.findings import sarif
from panvox.review.findings.findings import Finding, Findings, Issue, Severity
from panvox.review.findings.grouping import grouped
from panvox.review.findings.places import Places
from panvox.review.findings.reading import read_findings, says_none
from panvox.review.findings.telling import encode, findings_of, findings_section

__all__ = [
    "Finding",
    "Findings",
    "Issue",
    "Places",
    "Severity",
    "encode",
    "findings_of",
    "findings_section",
    "grouped",
    "read_findings",
    "sarif",
    "says_none",
]
