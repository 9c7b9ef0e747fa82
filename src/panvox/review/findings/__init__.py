"""Reviews that list issues: read, grouped by what they mean and where, ranked by how many lineages agree."""

from panvox.review.findings.findings import Finding, Findings, Issue, Severity
from panvox.review.findings.grouping import grouped
from panvox.review.findings.places import Places
from panvox.review.findings.reading import read_findings, says_none

__all__ = ["Finding", "Findings", "Issue", "Places", "Severity", "grouped", "read_findings", "says_none"]
