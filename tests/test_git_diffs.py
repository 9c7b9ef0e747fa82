"""Differences that git tells, from repositories that may be a stranger's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from panvox.errors import UsageError
from panvox.review.gathering import Bounds, Wanted, gather
from panvox.review.material import Material

WHO = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgSign=false")


def git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *WHO, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


def put(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def commit(folder: Path, files: dict[str, str]) -> None:
    put(folder, files)
    git(folder, "add", "-A", "-f")
    git(folder, "commit", "-q", "-m", "change")


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


@pytest.fixture
def repository(empty: Path) -> Path:
    commit(empty, {"a.py": "one\n", "src/b.py": "one\n", "src/c.txt": "one\n"})
    return empty


def diffed(
    where: Path, revision: str = "", *paths: str, bounds: Bounds | None = None, **more: object
) -> Material:
    wanted = Wanted(paths=paths, diffs=(revision,), **more)  # type: ignore[arg-type]
    return gather(wanted, where=where, bounds=bounds or Bounds())


def touched(material: Material) -> list[str]:
    lines = "\n".join(file.text for file in material.files).splitlines()
    return [line.rpartition(" b/")[2] for line in lines if line.startswith("diff --git ")]


def reasons(material: Material) -> dict[str, str]:
    return {left.path: left.reason for left in material.left_out}


def test_what_is_not_committed_is_staged_or_not(repository: Path) -> None:
    put(repository, {"a.py": "two\n", "src/b.py": "two\n", "new.py": "new\n", "new/deep.py": "new\n"})
    git(repository, "add", "a.py")
    material = diffed(repository)
    (file,) = material.files
    assert (file.path, file.kind, file.bytes) == ("<diff>", "diff", len(file.text))
    assert "-one\n+two\n" in file.text
    assert touched(material) == ["a.py", "src/b.py"]
    assert reasons(material) == dict.fromkeys(("new.py", "new"), "not tracked by git, so not in the diff")


def test_before_the_first_commit_all_that_is_staged_is_new(empty: Path) -> None:
    put(empty, {"a.py": "one\n"})
    git(empty, "add", "a.py")
    assert "+one\n" in diffed(empty).files[0].text


def test_ranges_commits_and_several_diffs(repository: Path) -> None:
    git(repository, "switch", "-q", "-c", "feature")
    commit(repository, {"a.py": "two\n"})
    commit(repository, {"src/b.py": "three\n"})
    assert touched(diffed(repository, "main..HEAD")) == ["a.py", "src/b.py"]
    assert touched(diffed(repository, "HEAD~1")) == ["src/b.py"]
    both = gather(Wanted(diffs=("HEAD~1", "HEAD~2..HEAD~1")), where=repository, bounds=Bounds())
    assert [file.path for file in both.files] == ["<diff HEAD~1>", "<diff HEAD~2..HEAD~1>"]
    assert touched(both) == ["src/b.py", "a.py"]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (("src",), ["src/b.py", "src/c.txt"]),
        (("*.py",), ["a.py"]),
        (("**/*.py",), ["a.py", "src/b.py"]),
        (("a.py", "src/c.txt"), ["a.py", "src/c.txt"]),
    ],
)
def test_paths_limit_a_diff(repository: Path, paths: tuple[str, ...], expected: list[str]) -> None:
    put(repository, {"a.py": "two\n", "src/b.py": "two\n", "src/c.txt": "two\n"})
    assert touched(diffed(repository, "", *paths)) == expected


def test_a_path_that_is_gone_can_limit_a_diff(repository: Path) -> None:
    (repository / "a.py").unlink()
    assert "-one\n" in diffed(repository, "HEAD", "a.py").files[0].text


def test_from_a_subfolder_the_whole_repository_is_meant(repository: Path) -> None:
    put(repository, {"a.py": "two\n", "src/b.py": "two\n", "src/uv.lock": "x\n"})
    git(repository, "add", "-A")
    material = diffed(repository / "src")
    assert touched(material) == ["a.py", "src/b.py"]
    assert reasons(material) == {"uv.lock": "generated"}


def test_exclude_include_and_panvoxignore_hold_in_diffs(repository: Path) -> None:
    commit(repository, {".panvoxignore": "private/\n", "private/key": "x\n", "old/d.py": "one\n"})
    put(repository, dict.fromkeys(("a.py", "src/b.py", "src/c.txt", "private/key", "old/d.py"), "two\n"))
    material = diffed(repository, "", include=("*.py", "private/"), exclude=("old/",))
    assert touched(material) == ["a.py", "src/b.py"]
    assert reasons(material) == {"private/key": "ignored by .panvoxignore", "old/d.py": "excluded"}


def test_hard_names_and_signs_of_git_are_plain_names(repository: Path) -> None:
    hard = {":(top)x": "one\n", "a\nb.lock": "one\n", "[a].py": "one\n", "*.lock": "one\n"}
    commit(repository, hard)
    put(repository, dict.fromkeys((*hard, "a.py"), "two\n"))
    assert touched(diffed(repository, "", "[a].py")) == ["[a].py"]
    assert touched(diffed(repository, "", ":(top)x")) == [":(top)x"]
    material = diffed(repository)
    assert touched(material) == [":(top)x", "[a].py", "a.py"]
    assert reasons(material) == dict.fromkeys((r"a\x0ab.lock", "*.lock"), "generated")


def test_no_difference_is_nothing_to_review(repository: Path) -> None:
    with pytest.raises(UsageError, match=r"no text to review.* 1 left out .1 empty"):
        diffed(repository)


@pytest.mark.parametrize("revision", ["-O/dev/null", "--output=a.py", "--no-index", "--"])
def test_options_are_no_revisions(repository: Path, revision: str) -> None:
    with pytest.raises(UsageError, match="is no revision"):
        diffed(repository, revision)
    assert (repository / "a.py").read_text() == "one\n"


def test_what_git_does_not_know_is_told_in_its_words(repository: Path) -> None:
    with pytest.raises(UsageError, match=r"git says: .*nothing-like-it"):
        diffed(repository, "nothing-like-it")
    with pytest.raises(UsageError, match=r"git says: ") as error:
        diffed(repository, "no\x1b[31m\nthing")
    assert str(error.value).isprintable()


@pytest.mark.parametrize("revision", ["", "HEAD"])
def test_without_a_repository_there_is_no_diff(tmp_path: Path, revision: str) -> None:
    with pytest.raises(UsageError, match=r"git says: .*not a git repository"):
        diffed(tmp_path, revision)


def test_without_git_there_is_no_diff(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    with pytest.raises(UsageError, match="git is not installed"):
        diffed(repository)
    material = gather(Wanted(paths=("src",)), where=repository, bounds=Bounds())
    assert [file.path for file in material.files] == ["src/b.py", "src/c.txt"]


def test_a_diff_without_end_is_stopped(repository: Path) -> None:
    put(repository, {"a.py": "line\n" * 100_000})
    with pytest.raises(UsageError, match=r"the diff is larger than 9\.766 KiB.*review\.max_bytes"):
        diffed(repository, bounds=Bounds(bytes=10_000))


def test_text_in_other_encodings_is_shown_as_far_as_it_can_be(repository: Path) -> None:
    (repository / "a.py").write_bytes(b"caf\xe9\n")
    assert "+caf\ufffd\n" in diffed(repository).files[0].text


def test_a_repository_runs_no_program_of_its_own(repository: Path, tmp_path: Path) -> None:
    """All of these would leave a mark if git obeyed the settings that came with the repository."""
    mark = tmp_path / "was-run"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    program.chmod(0o755)
    commit(repository, {".gitattributes": "*.py filter=evil diff=evil\n"})
    for name in ("core.fsmonitor", "diff.external", "diff.evil.textconv", "diff.evil.command", "core.pager"):
        git(repository, "config", name, str(program))
    for name in ("filter.evil.clean", "filter.evil.smudge", "filter.evil.process"):
        git(repository, "config", name, str(program))
    git(repository, "config", "filter.evil.required", "true")
    put(repository, {"a.py": "two\n", "src/b.py": "other\n", "new.py": "new\n"})
    material = diffed(repository)
    assert touched(material) == ["a.py", "src/b.py"]
    assert not mark.exists()
    # The settings are real: git itself obeys them.
    subprocess.run(["git", "diff"], cwd=repository, check=False, capture_output=True)
    assert mark.exists()


def test_a_filter_that_cannot_be_switched_off_stops_the_diff(repository: Path) -> None:
    git(repository, "config", "filter.a=b.clean", "cat")
    with pytest.raises(UsageError, match="a filter that cannot be switched off"):
        diffed(repository)


def test_settings_of_looks_change_nothing(repository: Path) -> None:
    put(repository, {"a.py": "two\n"})
    plain = diffed(repository)
    for name, value in (("diff.noprefix", "true"), ("color.ui", "always"), ("diff.mnemonicPrefix", "true")):
        git(repository, "config", name, value)
    assert diffed(repository) == plain


def test_a_new_file_that_git_was_told_of_is_in_the_diff(repository: Path) -> None:
    put(repository, {"new.py": "new\n"})
    git(repository, "add", "-N", "new.py")
    assert touched(diffed(repository)) == ["new.py"]
