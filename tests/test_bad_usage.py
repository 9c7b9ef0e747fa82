"""What cannot be meant is refused at once: with the value, what to do, and the exit code of wrong usage."""

from __future__ import annotations

from pathlib import Path

import pytest

import panvox.compose.opening  # what commands would load inside the loop
import panvox.store  # noqa: F401
from panvox.cli import app


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with nothing but garbage in it."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "garbage").write_bytes(bytes(range(256)) * 64)
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["ask", "x", "--method", "weigthed"], 2, "did you mean weighted?"),
        (["ask", "x", "--method", ""], 2, "'' is not one of"),
        (["ask", "x", "--method", "\x1b[2J"], 2, "is not one of"),
        (["ask", "x", "--expect", "nmber"], 2, "did you mean number?"),
        (["ask", "x", "--expect", "number,choice"], 2, "'number,choice' is not one of"),
        (["ask", "x", "--stop", "always"], 2, "always"),
        (["ask", "x", "--stop", ""], 2, "never"),
        (["ask", "x", "--judge-when", "low"], 2, "add --judge or --synthesise"),
        (["ask", "x", "--judge-when", "perhaps"], 2, "perhaps"),
        (["ask", "x", "--explain", "--quiet"], 2, "leave out --explain"),
        (["ask", "x", "--json", "--full"], 2, "leave out --quiet and --full"),
        (["evaluate", "garbage"], 2, "garbage"),
        (["evaluate", "empty"], 2, "empty"),
        (["evaluate", "nowhere"], 2, "nowhere"),
        (["evaluate", "empty", "--labels", "-3"], 2, "-3"),
        (["evaluate", "empty", "--labels", "nan"], 2, "nan"),
        (["evaluate", "empty", "--labels", "1e9"], 2, "1e9"),
        (["evaluate", "empty", "--pool", "strongest:0"], 2, "strongest:0"),
        (["evaluate", "empty", "--pool", "random"], 2, "random"),
        (["evaluate", "empty", "--pool", "without-best:-1"], 2, "without-best:-1"),
        (["evaluate", "empty", "--method", "oracle"], 2, "oracle"),
        (["learn", "garbage"], 1, "There is no run 'garbage'"),
        (["learn", "nowhere"], 1, "There is no run 'nowhere'"),
        (["weights", "import", "garbage"], 2, "holds no weights, or is damaged"),
        (["weights", "import", "nowhere"], 2, "nowhere"),
        (["weights", "import", "empty"], 2, "empty"),
        (["feedback", "last"], 2, "--best"),
        (["feedback", "last", "--best", "a", "--bad", "b"], 2, "--best"),
        (["feedback", "nothing", "--best", "a"], 1, "nothing"),
        (["judge", "nothing"], 1, "nothing"),
        (["judge", "last", "--method", "nonsense"], 2, "nonsense"),
    ],
    ids=lambda value: " ".join(value).replace("\x1b", "ESC") if isinstance(value, list) else None,
)
def test_what_cannot_be_meant_is_refused_with_the_reason(
    arguments: list[str], code: int, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(arguments) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert why in told.err
    assert "unexpected error" not in told.err
    assert "\x1b" not in told.err
