"""Issues leave as findings.json, SARIF, a section of Markdown and lines for the terminal."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from sarif_pydantic import Sarif  # type: ignore[import-untyped]

from panvox.cli.findings import findings_lines
from panvox.review.findings import Finding, Findings, Severity, encode, findings_section, grouped, sarif
from panvox.review.material import InputFile
from tests.review_texts import file

_FILES = (file("src/a b/ü#%.py", "x = 1\n" * 30), file("src/b.py", "y\n"), file("/etc/hosts", "z\n"))
_STDIN = msgspec.structs.replace(file("<stdin>", "diff\n" * 9), kind="stdin")
_EVIL = "\x1b[31m{0} [see](1) \u202e<img src=x> |a|\x07"


def _findings(*told: Finding, unread: tuple[str, ...] = ()) -> Findings:
    found: dict[str, list[Finding]] = {}
    for each in told:
        found.setdefault(each.model, []).append(each)
    return grouped(found, {each.model: each.lineage for each in told}, unread=unread)


def _told(**more: Any) -> Finding:
    return Finding(**{"model": "p/a", "lineage": "x", "title": "SQL injection", "path": "src/b.py", **more})


def _log(findings: Findings, files: tuple[InputFile, ...] = (*_FILES, _STDIN)) -> Any:
    document = sarif.encode(findings, files, "1.2.3")
    Sarif.model_validate_json(document)
    return json.loads(document)


def test_a_log_says_what_where_and_how_sure() -> None:
    findings = _findings(
        _told(path="src/a b/ü#%.py", line=12, end_line=14, severity=Severity.HIGH, text="Use parameters."),
        _told(model="p/b", lineage="y", path="src/a b/ü#%.py", line=12, end_line=14, severity=Severity.HIGH),
    )
    [run] = _log(findings)["runs"]
    [result] = run["results"]
    [location] = result["locations"]
    place = location["physicalLocation"]
    assert unquote(place["artifactLocation"]["uri"]) == "src/a b/ü#%.py"
    assert place["artifactLocation"]["uri"].isascii()
    assert not {" ", "#"} & {*place["artifactLocation"]["uri"]}
    assert place["region"] == {"startLine": 12, "endLine": 14}
    assert (result["level"], result["rank"], result["properties"]["models"]) == (
        "error",
        100.0,
        ["p/a", "p/b"],
    )
    assert result["properties"]["lineages"] == ["x", "y"]
    assert result["partialFingerprints"] == {sarif.FINGERPRINT: findings.issues[0].id}
    assert "Told by 2 of 2 lineages." in result["message"]["text"]


@pytest.mark.parametrize(
    ("severity", "level"),
    [
        (Severity.CRITICAL, "error"),
        (Severity.HIGH, "error"),
        (Severity.MEDIUM, "warning"),
        (Severity.LOW, "note"),
        (Severity.INFO, "note"),
        (None, "warning"),
    ],
)
def test_severities_are_levels(severity: Severity | None, level: str) -> None:
    [run] = _log(_findings(_told(severity=severity)))["runs"]
    assert run["results"][0]["level"] == level


def test_what_is_no_file_is_named_in_the_message() -> None:
    [run] = _log(
        _findings(_told(path="<stdin>", line=3), _told(model="p/c", path="", title="No tests at all"))
    )["runs"]
    assert all("locations" not in result for result in run["results"])
    assert any(result["message"]["text"].startswith("<stdin>:3: ") for result in run["results"])
    assert [each["location"]["uri"] for each in run["artifacts"]][1:] == ["src/b.py", "file:///etc/hosts"]


@given(
    st.lists(
        st.builds(
            Finding,
            model=st.text(min_size=1, max_size=8),
            lineage=st.sampled_from(["x", "y", ""]),
            title=st.text(min_size=1, max_size=30) | st.just(_EVIL),
            text=st.text(max_size=30) | st.just(_EVIL),
            severity=st.none() | st.sampled_from(Severity),
            path=st.sampled_from(["", *(each.path for each in _FILES), "<stdin>"]),
            line=st.none() | st.integers(1, 20),
        ),
        max_size=6,
    )
)
def test_every_log_keeps_what_sarif_demands(told: list[Finding]) -> None:
    log = _log(_findings(*told))
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert 0 <= result["rank"] <= 100
        bare = result["message"]["text"].replace("{{", "").replace("}}", "")
        assert not {"{", "}"} & {*bare}
        assert "](" not in bare
        assert not {"\x1b", "\x07", "\u202e"} & {*bare}
        for location in result.get("locations", ()):
            artifact = location["physicalLocation"]["artifactLocation"]
            assert run["artifacts"][artifact["index"]]["location"]["uri"] == artifact["uri"]
            assert artifact.get("uriBaseId", "%SRCROOT%") in run["originalUriBaseIds"]


def test_findings_json_reads_back_as_it_was() -> None:
    findings = _findings(
        _told(line=3, severity=Severity.LOW), _told(model="p/b", lineage="y"), unread=("p/z",)
    )
    assert msgspec.json.decode(encode(findings), type=Findings) == findings


def test_the_section_counts_names_and_obeys_nothing() -> None:
    findings = _findings(
        _told(line=3, severity=Severity.LOW),
        _told(model="p/b", lineage="y", line=3),
        _told(model="p/c", lineage="z", title=_EVIL, path=""),
        unread=("q/*z*",),
    )
    section = findings_section(findings, most=1)
    assert section.startswith("## Findings\n\n2 issues in 3 reviews, 1 of them told by one lineage alone.\n")
    assert "- **2 of 3 lineages** · low · src/b.py:3 · SQL injection\n" in section
    assert "- and 1 more in `findings.json`" in section
    assert "<img" not in findings_section(findings)
    assert "Reviews without a list that could be read: q/\\*z\\*" in section


@given(st.integers(10, 120), st.integers(0, 5))
def test_lines_for_the_terminal_fit_and_are_clean(width: int, most: int) -> None:
    findings = _findings(
        _told(line=3, severity=Severity.CRITICAL), _told(model="p/c", lineage="z", title=_EVIL, path="")
    )
    lines = [*findings_lines(findings, most=most, width=width)]
    assert len(lines) == min(2, most) + (most < 2)
    assert all(cell_len(line.plain) <= width for line in lines[: min(2, most)])
    assert not any("\x1b" in line.plain or "\u202e" in line.plain for line in lines)


def test_a_line_for_the_terminal_says_who_how_bad_where_and_what() -> None:
    findings = _findings(_told(line=3, severity=Severity.HIGH), _told(model="p/b", lineage="y", line=3))
    assert [line.plain for line in findings_lines(findings, most=3, width=100)] == [
        "2 of 2 lineages · high · src/b.py:3 · SQL injection"
    ]
