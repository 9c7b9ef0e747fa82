"""Findings are read of reviews in whatever layout, with the place that they mean."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from panvox.review.findings import Finding, Places, Severity, read_findings, says_none
from panvox.review.findings.reading import MOST
from tests.review_texts import FILES, REVIEWS, STORE, Review, Told, file

PLACES = Places.of(FILES)
_CART = "src/shop/cart.py"


def _read(text: str) -> tuple[Finding, ...]:
    return read_findings("a/model", "model", text, PLACES)


def _told(finding: Finding, title: str) -> Told:
    shown = title if title in finding.title else finding.title
    return Told(shown, finding.severity, finding.path, finding.line, finding.end_line)


@pytest.mark.parametrize("review", REVIEWS, ids=[review.layout for review in REVIEWS])
def test_reads_each_layout(review: Review) -> None:
    found = _read(review.text)
    assert [_told(finding, told.title) for finding, told in zip(found, review.told, strict=True)] == [
        *review.told
    ]


@pytest.mark.parametrize(
    ("told", "line", "end"),
    [
        ("src/shop/cart.py:12", 12, None),
        ("`src/shop/cart.py:12-20`", 12, 20),
        ("src/shop/cart.py:12:5", 12, None),
        ("src/shop/cart.py#L12", 12, None),
        ("src/shop/cart.py#L12-L20", 12, 20),
        ("src/shop/cart.py(12)", 12, None),
        ("`src/shop/cart.py`, lines 12–20", 12, 20),
        ("src/shop/cart.py, line 12", 12, None),
        ("src/shop/cart.py (L12)", 12, None),
        ("**src/shop/cart.py** (lines 12 to 20)", 12, 20),
        ("./src/shop/cart.py:12", 12, None),
        ("/home/me/shop-repo/src/shop/cart.py:12", 12, None),
        ("SRC\\SHOP\\CART.PY:12", 12, None),
        ("shop/cart.py:12", 12, None),
        ("src/shop/cart.py Zeilen 12 bis 20", 12, 20),
        ("src/shop/cart.py 第12行", 12, None),
        ("src/shop/cart.py:0", None, None),
        ("src/shop/cart.py:20-12", 20, None),
        ("src/shop/cart.py:61-999", 61, 62),
        ("src/shop/cart.py", None, None),
    ],
)
def test_places_are_understood_as_models_write_them(told: str, line: int | None, end: int | None) -> None:
    [found] = _read(f"- [high] {told}: the total is wrong. More.")
    assert (found.path, found.line, found.end_line) == (_CART, line, end)
    assert (found.title, found.text, found.severity) == ("the total is wrong", "More.", Severity.HIGH)


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("[critical]", Severity.CRITICAL),
        ("**[HIGH]**", Severity.HIGH),
        ("**Medium:**", Severity.MEDIUM),
        ("(low severity)", Severity.LOW),
        ("`info`", Severity.INFO),
        ("Severity: High —", Severity.HIGH),
        ("🔴 **Critical** –", Severity.CRITICAL),
        ("🟡", Severity.MEDIUM),
        ("[P0]", Severity.CRITICAL),
        ("Nit:", Severity.INFO),
        ("【高】", Severity.HIGH),
        ("[Mittel]", Severity.MEDIUM),
        ("[faible]", Severity.LOW),
    ],
)
def test_severities_are_understood_as_models_write_them(word: str, severity: Severity) -> None:
    [found] = _read(f"- {word} src/shop/cart.py:2: the total is wrong")
    assert (found.severity, found.title, found.line) == (severity, "the total is wrong", 2)


@pytest.mark.parametrize(
    "title",
    [
        "High memory use of the cache",
        "Low-level errors leak",
        "No input validation in `find`",
        "Critical section is not locked",
    ],
)
def test_words_of_a_title_stay_in_it(title: str) -> None:
    [found] = _read(f"- src/shop/cart.py:2: {title}")
    assert (found.title, found.severity) == (title, None)


def test_names_that_two_files_have_are_no_place() -> None:
    [found] = _read("- [high] cart.py:2: wrong")
    assert found.path == ""


def test_standard_input_and_names_with_spaces_are_places() -> None:
    files = (file("<stdin>", "a\nb\n"), file("my notes/two words.txt", "a\nb\n"))
    found = read_findings("m", "l", "- [low] <stdin>:2: odd\n- [low] my notes/two words.txt:1: even", files)
    assert [(each.path, each.line, each.title) for each in found] == [
        ("<stdin>", 2, "odd"),
        ("my notes/two words.txt", 1, "even"),
    ]


def test_a_line_that_the_finding_quotes_and_names_is_left_as_it_is() -> None:
    [found] = _read(
        "- [high] src/shop/store.py:10-14: `return connection.execute(query).fetchall()`, `except Exception:`"
    )
    assert (found.line, found.end_line) == (10, 14)


def test_nested_items_and_code_belong_to_the_finding_above_them() -> None:
    [found] = _read(
        "- [high] src/shop/cart.py:2: wrong\n  - [low] no\n  ```\n- [low] src/shop/cart.py:1: no\n  ```\n "
        " End."
    )
    assert "[low] no" in found.text
    assert found.text.endswith("End.")


@pytest.mark.parametrize(
    ("text", "none"),
    [
        ("No issues found.", True),
        ("I reviewed all files. I found no significant issues.", True),
        ("- None", True),
        ("```json\n[]\n```", True),
        ("Keine Probleme gefunden.", True),
        ("未发现问题。", True),
        ("Aucun problème détecté.", True),
        ("No input validation", False),
        ("Here is a poem about code.", False),
        ("", False),
    ],
)
def test_tells_whether_a_review_says_that_there_is_nothing(text: str, none: bool) -> None:
    assert says_none(text) is none
    assert not none or _read(text) == ()


_TITLE = st.from_regex(r"[A-Z][a-z]{2,8} [a-z]{3,8} [a-z]{4,9}", fullmatch=True).filter(
    lambda title: title.split()[0] not in ("Good", "Nice", "Great", "Clean", "Solid", "Well")
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Severity),
            st.sampled_from(FILES),
            st.none() | st.integers(1, 60),
            st.sampled_from([0, 0, 3]),
            _TITLE,
        ),
        max_size=30,
    )
)
def test_reads_back_what_is_written_in_the_form_that_is_asked_for(
    written: list[tuple[Severity, object, int | None, int, str]],
) -> None:
    expected, lines = [], []
    for severity, where, line, more, title in written:
        path = getattr(where, "path", "")
        length = len(getattr(where, "text", "").splitlines())
        place = "" if line is None else f"{line}-{line + more}" if more else str(line)
        lines.append(f"- [{severity.value}] {path}:{place}: {title} is wrong. Why.")
        first = None if line is None else min(line, length)
        last = (
            None
            if first is None or min((line or 0) + more, length) <= first
            else min((line or 0) + more, length)
        )
        expected.append((severity, path, first, last, f"{title} is wrong"))
    found = _read("\n".join(lines))
    assert [(f.severity, f.path, f.line, f.end_line, f.title) for f in found] == expected


_PIECES = st.sampled_from(
    [
        "- ",
        "# ",
        "**",
        "`",
        "```",
        "\n",
        "\n\n",
        "|",
        "---",
        "[high]",
        "src/shop/cart.py",
        ":12",
        " ",
        "1. ",
        "  ",
        "a",
        "(",
        ")",
        "{",
        "}",
        '"title"',
        ":",
        "[",
        "]",
        ",",
        "line 5",
        "Severity: ",
        "\x1b[31m",
        "\u202e",
        "No issues found",
        "�",
        "é",
        "高",
    ]
)


@given(st.lists(_PIECES, max_size=60).map("".join) | st.text(max_size=200))
@example("| a |\n|---|\n")
@example("-" * 400)
def test_any_text_is_read_into_clean_findings(text: str) -> None:
    for found in _read(text):
        assert found.title == " ".join(found.title.split())
        assert found.title
        assert all(
            sign.isprintable() or sign in "\n\t" or sign.isspace() for sign in found.title + found.text
        )
        assert found.line is None or found.path
        assert found.end_line is None or found.line


@pytest.mark.parametrize(
    "piece",
    [
        "*",
        "- ",
        "# ",
        "`",
        "```\n",
        "|",
        "| a ",
        "[",
        "{",
        "(",
        "[high] ",
        "- [high] ",
        "1",
        "a.",
        "src/",
        "a/b.c ",
        " ",
        "\n",
        "-",
        "**a",
        "severity: ",
        "- [high] a\n",
        "line 1",
        "No ",
        "Location: ",
        "🔴",
        "— ",
        '{"title":',
        "1. ",
        "\t",
        "_",
        ">",
        "- x\n  - y\n",
    ],
)
def test_megabytes_of_anything_are_read(piece: str) -> None:
    found = _read(piece * (1_500_000 // len(piece)))
    assert len(found) <= MOST
    assert sum(len(each.title) + len(each.text) for each in found) < 5_000_000


def test_no_more_findings_are_read_than_are_kept() -> None:
    assert len(_read("- [high] src/shop/cart.py:2: wrong\n" * (MOST + 10))) == MOST


def test_places_of_many_files_are_made_once_and_found_by_each_review() -> None:
    many = Places.of([file(f"src/part{number}/code.py", "x = 1\n" * 5) for number in range(500)])
    found = read_findings("m", "l", "- [low] part77/code.py:3: odd\n- [low] code.py:3: which?", many)
    assert [each.path for each in found] == ["src/part77/code.py", ""]
    assert STORE.path not in {each.path for each in found}
