"""What is left out of a folder, compared with what git itself leaves out."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.errors import UsageError
from panvox.review.gathering import Bounds, Wanted, gather
from panvox.review.patterns import Patterns

_NAMES = st.text(alphabet="ab.c-[]! ", min_size=1, max_size=3).filter(lambda name: name not in {".", ".."})
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)
_PIECES = st.one_of(
    st.sampled_from(
        ["**", "**/", "/**", "*.", "[a-c]", "[!a]", "[^b-]", "[[:alpha:]]", "[]a]", "\\ ", "!", "/"]
    ),
    st.text(alphabet="ab*/?[]!-\\ .^:c#", min_size=1, max_size=3),
    _NAMES,
)
_LINES = st.lists(_PIECES, min_size=1, max_size=4).map("".join)
_FILES = st.lists(_LINES, min_size=1, max_size=4).map("\n".join)


def repository(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "init", "-q", folder], check=True)
    return folder


def put(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def git_finds(folder: Path) -> set[str]:
    command = ["git", "ls-files", "-coz", "--exclude-standard"]
    listed = subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout
    return {os.fsdecode(name) for name in listed.split(b"\0") if name}


def found(folder: Path, *paths: str, **wanted: object) -> set[str]:
    material = gather(
        Wanted(paths=paths or (".",), **wanted),  # type: ignore[arg-type]
        where=folder,
        bounds=Bounds(),
    )
    return {file.path for file in material.files}


@given(top=_FILES, nested=_FILES, nested_in=_NAMES, paths=st.lists(_PATHS, min_size=5, max_size=25))
@settings(max_examples=150)
def test_what_git_ignores_is_ignored(
    tmp_path_factory: pytest.TempPathFactory, top: str, nested: str, nested_in: str, paths: list[str]
) -> None:
    folder = repository(tmp_path_factory.mktemp("tree"))
    put(folder, {"kept/always": "text", ".gitignore": f"{top}\n!/kept\n!/kept/always\n"})
    for path in paths:
        try:
            put(folder, {path: f"text of {path}"})
        except OSError:  # a file stands where a folder should be
            continue
    if (folder / nested_in).is_dir():
        put(folder, {f"{nested_in}/.gitignore": nested})
    names = {path.replace("\\", "\\\\") for path in git_finds(folder)}
    assert found(folder) == names


@pytest.mark.parametrize(
    "pattern", ["*a" * 60 + "b", "**/a*/" * 30 + "b", "a/" + "**/a/" * 60 + "b", "?*" * 50 + "b"]
)
def test_no_pattern_is_slow(pattern: str) -> None:
    """Each of them would take a backtracking matcher longer than the universe has been there."""
    patterns = Patterns(pattern.encode())
    path = b"a/" * 120 + b"a" * 200
    assert patterns.verdict(path, b"a" * 200, folder=False) is None


def test_patterns_of_all_places_hold_at_once(tmp_path: Path) -> None:
    folder = repository(tmp_path / "repository")
    home = Path.home() / "config" / "git"
    put(home, {"ignore": "*.global\n"})
    put(folder / ".git" / "info", {"exclude": "*.own\n"})
    put(folder, {".gitignore": "*.top\n", "src/.gitignore": "*.near\n!b.top\n"})
    put(folder / "src", {name: name for name in ("a.global", "a.own", "a.top", "a.near", "b.top", "a.py")})
    assert found(folder, "src") == {"src/.gitignore", "src/a.py", "src/b.top"}
    assert found(folder / "src", ".") == {".gitignore", "a.py", "b.top"}
    assert "src/a.near" in found(folder, "src", ignored=True)


def test_the_users_own_file_of_patterns_may_be_elsewhere(tmp_path: Path) -> None:
    folder = repository(tmp_path / "repository")
    subprocess.run(["git", "config", "--global", "core.excludesFile", "~/mine"], check=True)
    put(Path.home(), {"mine": "*.mine\n"})
    put(folder, {"a.mine": "a", "b": "b"})
    assert found(folder) == {"b"}


def test_a_linked_working_tree_has_the_excludes_of_its_repository(tmp_path: Path) -> None:
    folder = repository(tmp_path / "repository")
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", "-C", folder, *who, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    subprocess.run(["git", "-C", folder, "worktree", "add", "-q", tmp_path / "linked"], check=True)
    put(folder / ".git" / "info", {"exclude": "*.own\n"})
    put(tmp_path / "linked", {"a.own": "a", "b": "b"})
    assert found(tmp_path / "linked") == {"b"}


def test_panvoxignore_stands_above_gitignore(tmp_path: Path) -> None:
    folder = repository(tmp_path / "repository")
    put(folder, {".gitignore": "build/\n*.log\n", ".panvoxignore": "!build/\n!a.log\ndocs\n.*ignore\n"})
    put(folder, {"build/a.c": "a", "a.log": "a", "b.log": "b", "docs/a.md": "a", "sub/a.log": "a"})
    assert found(folder) == {"build/a.c", "a.log", "sub/a.log"}
    assert "docs/a.md" not in found(folder, ".", ignored=True)


def test_an_ignored_folder_is_one_entry(tmp_path: Path) -> None:
    folder = repository(tmp_path / "repository")
    put(folder, {f"build/{number}.c": "text" for number in range(20)})
    put(folder, {".gitignore": "build/", "a.c": "text"})
    material = gather(Wanted(paths=(".",)), where=folder, bounds=Bounds())
    assert [(left.path, left.reason) for left in material.left_out if left.path != ".git"] == [
        ("build", "ignored by .gitignore")
    ]


@pytest.mark.parametrize(
    "files",
    [
        {".git/config": "x"},
        {".hg/store": "x"},
        {".svn/entries": "x"},
        {"node_modules/a/index.js": "x"},
        {"deep/__pycache__/a.txt": "x"},
        {"any/pyvenv.cfg": "home = /usr", "any/lib/a.py": "x"},
        {
            "reviews/one/run.json": '{"panvox":"1.0"}',
            "reviews/one/prompt.md": "x",
            "reviews/one/models/a.md": "x",
        },
    ],
    ids=lambda files: next(iter(files)),
)
def test_what_nobody_wrote_is_never_walked_into(tmp_path: Path, files: dict[str, str]) -> None:
    put(tmp_path / "tree", {**files, "a.py": "text", ".panvoxignore": "!*\n!**/*\n.panvoxignore\n"})
    assert found(tmp_path / "tree") == {"a.py"}


def test_a_run_of_something_else_is_walked_into(tmp_path: Path) -> None:
    put(tmp_path / "tree", {"job/run.json": '{"name": "job"}', "job/prompt.md": "text"})
    assert found(tmp_path / "tree") == {"job/run.json", "job/prompt.md"}


def test_patterns_without_end_are_an_error(tmp_path: Path) -> None:
    put(tmp_path / "tree", {"a.py": "text", ".gitignore": "a\n" * 200_000})
    with pytest.raises(UsageError, match=r"\.gitignore has .* of patterns, more than the 256 KiB"):
        found(tmp_path / "tree")


def test_a_file_of_patterns_that_is_a_pipe_or_a_link_is_none(tmp_path: Path) -> None:
    put(tmp_path / "tree", {"a.py": "text", "sub/b.py": "text", "all": "*"})
    os.mkfifo(tmp_path / "tree" / ".gitignore")
    (tmp_path / "tree" / "sub" / ".gitignore").symlink_to("../all")
    assert {"a.py", "sub/b.py"} <= found(tmp_path / "tree")
