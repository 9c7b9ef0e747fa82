"""Issues as SARIF 2.1.0 (OASIS, 2020), which editors and code hosts show beside the code. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

import msgspec

from panvox.plain_text import clean, one_line
from panvox.review.findings.findings import Findings, Issue, Severity
from panvox.review.material import InputFile

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "panvoxIssue/v1"
_ROOT = "%SRCROOT%"
_LEVELS: Mapping[Severity | None, str] = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
    None: "warning",
}
_RULES: tuple[Severity | None, ...] = (*Severity, None)


def encode(findings: Findings, files: Sequence[InputFile], version: str) -> bytes:
    """A log with one run: a rule for each severity, a result for each issue, the files with their hashes.

    `rank` is the share of lineages in percent; who tells an issue stands in its `properties`. What was read
    from standard input or is a diff is no file that a viewer could open: its name stands in the message.
    """
    shown = [file for file in files if file.kind == "file"]
    indices = {file.path: index for index, file in enumerate(shown)}
    run = {
        "tool": {"driver": _driver(version)},
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The folder that panvox was called in."}}},
        "artifacts": [_artifact(file) for file in shown],
        "results": [_result(issue, findings.lineages, indices) for issue in findings.issues],
        "properties": {
            "reviews": findings.reviews,
            "lineages": findings.lineages,
            "unread": [one_line(model) for model in findings.unread],
        },
    }
    return msgspec.json.encode({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _driver(version: str) -> dict[str, object]:
    return {
        "name": "panvox",
        "version": version,
        "rules": [
            {
                "id": _rule(severity),
                "shortDescription": {
                    "text": f"An issue that reviews call {severity or 'neither bad nor good'}."
                },
                "defaultConfiguration": {"level": _LEVELS[severity]},
            }
            for severity in _RULES
        ],
    }


def _rule(severity: Severity | None) -> str:
    return f"review/{severity.value if severity else 'unrated'}"


def _artifact(file: InputFile) -> dict[str, object]:
    hashes = {"sha-256": file.sha256} if file.sha256 else {}
    return {
        "location": _location(file.path),
        "length": file.bytes,
        "roles": ["analysisTarget"],
        "hashes": hashes,
    }


def _location(path: str) -> dict[str, object]:
    """A reference relative to the root, percent-encoded; an absolute path is one of its own."""
    told = quote(path.encode(errors="replace"), safe="/~!$&'()*+,;=@")
    return {"uri": f"file://{told}"} if path.startswith("/") else {"uri": told, "uriBaseId": _ROOT}


def _result(issue: Issue, reviewed: int, indices: Mapping[str, int]) -> dict[str, object]:
    elsewhere = issue.path if issue.path not in indices else ""
    result: dict[str, object] = {
        "ruleId": _rule(issue.severity),
        "ruleIndex": _RULES.index(issue.severity),
        "level": _LEVELS[issue.severity],
        "message": {"text": _message(issue, reviewed, elsewhere)},
        "rank": round(100 * issue.share, 1),
        "partialFingerprints": {FINGERPRINT: issue.id},
        "properties": {
            "severity": issue.severity.value if issue.severity else None,
            "share": round(issue.share, 4),
            "lineages": _names(finding.lineage or finding.model for finding in issue.findings),
            "models": _names(issue.members),
        },
    }
    if issue.path in indices:
        place: dict[str, object] = {
            "artifactLocation": {**_location(issue.path), "index": indices[issue.path]}
        }
        if issue.line:
            place["region"] = {"startLine": issue.line, "endLine": issue.end_line or issue.line}
        result["locations"] = [{"physicalLocation": place}]
    return result


def _names(names: Iterable[str]) -> list[str]:
    return sorted({one_line(name) for name in names})


def _message(issue: Issue, reviewed: int, elsewhere: str) -> str:
    """Title, text and who tells it, as plain text in which nothing is a placeholder or a link."""
    where = (
        f"{elsewhere}:{issue.line}: " if elsewhere and issue.line else f"{elsewhere}: " if elsewhere else ""
    )
    told = f"Told by {issue.lineages:,} of {reviewed:,} lineages."
    text = clean("\n\n".join(filter(None, (f"{where}{issue.title}", issue.text, told))))
    return text.replace("{", "{{").replace("}", "}}").replace("](", "] (")
