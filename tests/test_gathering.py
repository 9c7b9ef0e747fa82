"""From paths to the texts that are reviewed, and what is left out of them."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.errors import UsageError
from panvox.review.gathering import Bounds, Wanted, gather, left_out_summary, topic_of
from panvox.review.material import InputFile, LeftOut, Material
from panvox.review.paths import escaped
from panvox.review.reading import NotRead, decoded, load

SMALL = Bounds(file_bytes=1000, bytes=3000, files=5)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


def put(folder: Path, **files: str | bytes) -> None:
    for name, content in files.items():
        write(folder / name, content)


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def gathered(where: Path, *paths: str, bounds: Bounds | None = None, stdin: bytes | None = None) -> Material:
    return gather(Wanted(paths=paths, stdin=stdin), where=where, bounds=bounds or Bounds())


def names(material: Material) -> list[str]:
    return [file.path for file in material.files]


def reasons(material: Material) -> dict[str, str]:
    return {left.path: left.reason for left in material.left_out}


def test_a_file_is_what_it_was_on_the_disk(tree: Path) -> None:
    data = b"one\r\ntwo \xc3\xa9\r\n"
    write(tree / "a.txt", data)
    assert gathered(tree, "a.txt").files == (
        InputFile(
            path="a.txt", text="one\r\ntwo é\r\n", sha256=hashlib.sha256(data).hexdigest(), bytes=len(data)
        ),
    )


def test_standard_input_is_read_behind_the_files(tree: Path) -> None:
    write(tree / "a.txt", "text")
    material = gathered(tree, "-", "a.txt", stdin=b"\xef\xbb\xbfhello")
    assert [(file.path, file.kind, file.text) for file in material.files] == [
        ("a.txt", "file", "text"),
        ("<stdin>", "stdin", "hello"),
    ]


def test_paths_come_as_given_and_folders_files_first(tree: Path) -> None:
    for name in ("b/z.py", "b/a/a.py", "b/y.py", "b/a/b/c.py", "c.py", "a.py"):
        write(tree / name, name)
    assert names(gathered(tree, "c.py", "b")) == ["c.py", "b/y.py", "b/z.py", "b/a/a.py", "b/a/b/c.py"]


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("*.py", ["a.py"]),
        ("**/*.py", ["a.py", "src/b.py", "src/deep/c.py"]),
        ("src/**/*.py", ["src/b.py", "src/deep/c.py"]),
        ("src/*", ["src/b.py", "src/d.txt", "src/deep/c.py"]),
        ("./src/../s*/?.py", ["src/b.py"]),
        ("src/[!b].*", ["src/d.txt"]),
        ("*/deep", ["src/deep/c.py"]),
    ],
)
def test_a_glob_that_the_shell_left_is_followed(tree: Path, glob: str, expected: list[str]) -> None:
    for name in ("a.py", "src/b.py", "src/d.txt", "src/deep/c.py", "read.me"):
        write(tree / name, name)
    assert names(gathered(tree, glob)) == expected


def test_a_file_whose_name_is_a_glob_wins(tree: Path) -> None:
    write(tree / "[a].py", "brackets")
    write(tree / "a.py", "plain")
    assert names(gathered(tree, "[a].py")) == ["[a].py"]


def test_a_glob_above_is_shown_from_here(tree: Path) -> None:
    write(tree / "a" / "x.py", "x")
    (tree / "b").mkdir()
    assert names(gathered(tree / "b", "../a/*.py")) == ["../a/x.py"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [("../other/a.py", "../other/a.py"), ("./b/../../other//a.py", "../other/a.py"), ("..", "../other/a.py")],
)
def test_a_path_may_go_up(tree: Path, given: str, shown: str) -> None:
    write(tree / "other" / "a.py", "text")
    (tree / "here" / "b").mkdir(parents=True)
    assert names(gathered(tree / "here", given)) == [shown]


def test_up_from_a_link_is_where_the_system_says(tree: Path) -> None:
    write(tree / "far" / "away" / "a.py", "far")
    write(tree / "far" / "b.py", "the one that is opened")
    write(tree / "here" / "b.py", "the one the words suggest")
    (tree / "here" / "link").symlink_to(tree / "far" / "away")
    material = gathered(tree / "here", "link/../b.py")
    assert [(file.path, file.text) for file in material.files] == [("../far/b.py", "the one that is opened")]


def test_absolute_paths_are_shown_from_here_or_home(tree: Path, tmp_path: Path) -> None:
    write(tree / "a.py", "here")
    write(Path.home() / "b.py", "at home")
    write(tmp_path / "c.py", "elsewhere")
    material = gathered(tree, str(tree / "a.py"), str(Path.home() / "b.py"), str(tmp_path / "c.py"))
    assert names(material) == ["a.py", "~/b.py", str(tmp_path / "c.py")]


def test_a_file_is_read_once_however_often_it_is_named(tree: Path) -> None:
    write(tree / "src" / "a.py", "text")
    assert names(gathered(tree, "src/a.py", "src", "./src//a.py", str(tree / "src"), "**/*.py")) == [
        "src/a.py"
    ]


def test_a_named_file_is_read_though_patterns_leave_it_out(tree: Path) -> None:
    put(tree, **{".gitignore": "*.log", "a.log": "text", "package-lock.json": "{}", "one.min.js": "x()"})
    assert names(gathered(tree, "a.log", "package-lock.json", "one.min.js")) == [
        "a.log",
        "package-lock.json",
        "one.min.js",
    ]


def test_include_and_exclude_are_seen_from_here(tree: Path) -> None:
    for name in ("src/a.py", "src/a.txt", "src/old/b.py", "docs/c.py", "test_d.py"):
        write(tree / name, name)
    wanted = Wanted(paths=(".",), include=("*.py",), exclude=("/src/old/", "test_*"))
    material = gather(wanted, where=tree, bounds=Bounds())
    assert names(material) == ["docs/c.py", "src/a.py"]
    assert reasons(material) == {"src/old": "excluded", "test_d.py": "excluded"}
    folder = gather(Wanted(paths=("src", "test_d.py"), include=("old/",)), where=tree, bounds=Bounds())
    assert names(folder) == ["src/old/b.py"]
    assert reasons(folder) == {"test_d.py": "not included"}


# --- what is text ---


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfa", "a"),
        ("a\u20ac\n".encode("utf-16"), "a\u20ac\n"),
        (b"\xfe\xff" + "a\u20ac".encode("utf-16-be"), "a\u20ac"),
        ("a\U0001f600".encode("utf-32"), "a\U0001f600"),
        (b"\x00\x00\xfe\xff" + "a".encode("utf-32-be"), "a"),
        (b"a" * 9000 + b"\0", "a" * 9000 + "\0"),
    ],
)
def test_text_is_read_in_the_encoding_it_says(data: bytes, text: str) -> None:
    assert decoded(data) == text


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "binary"),
        (b"caf\xe9", "neither UTF-8"),
        (b"\xff\xfea", "neither UTF-8"),
        (b"\xff\xfea\0\0\0b\0", "binary"),
    ],
)
def test_what_is_no_text_is_left_out_with_the_reason(tree: Path, data: bytes, reason: str) -> None:
    write(tree / "a", data)
    write(tree / "b.py", "text")
    for paths in (("a", "b.py"), (".",)):
        material = gathered(tree, *paths)
        assert names(material) == ["b.py"]
        assert reasons(material)["a"].startswith(reason)


@given(st.text().filter(str.strip).filter(lambda text: "\0" not in text and not text.startswith("\ufeff")))
def test_all_text_survives(text: str) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        assert decoded(text.encode(encoding)) == text


@given(st.binary())
def test_all_bytes_are_text_or_have_a_reason(data: bytes) -> None:
    try:
        told = decoded(data)
    except NotRead as reason:
        told = str(reason)
    assert told.strip()


def test_what_tools_wrote_is_left_out_of_folders(tree: Path) -> None:
    put(tree, **{"package-lock.json": "{}", "uv.lock": "x", "a.min.js": "x", "one_line.js": "x=1;" * 10_000})
    put(tree, **{"a.js": "let x = 1;\n" * 5_000})
    material = gathered(tree, ".")
    assert names(material) == ["a.js"]
    assert set(reasons(material).values()) == {"generated"}


# --- bounds ---


def test_a_huge_file_is_never_read(tree: Path) -> None:
    write(tree / "a.py", "text")
    with (tree / "huge.txt").open("wb") as file:
        file.truncate(1 << 30)
    assert reasons(gathered(tree, ".")) == {"huge.txt": "larger than 1 MiB"}
    with pytest.raises(
        UsageError, match=r"huge\.txt has 1 GiB, more than the 1 MiB .*review\.max_file_bytes"
    ):
        gathered(tree, "huge.txt")


def test_too_much_together_is_an_error_that_names_the_largest(tree: Path) -> None:
    put(tree, **{f"{number}.txt": "x" * (700 + number) for number in range(5)})
    with pytest.raises(
        UsageError, match=r"more than 2\.93 KiB \(the largest so far: 3\.txt .*review\.max_bytes"
    ):
        gathered(tree, ".", bounds=SMALL)


def test_too_many_files_are_an_error(tree: Path) -> None:
    put(tree, **{f"{number}.txt": "x" for number in range(6)})
    with pytest.raises(UsageError, match=r"more than 5 files.*review\.max_files"):
        gathered(tree, ".", bounds=SMALL)


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_file_is_read_whole_or_not_at_all(
    tmp_path_factory: pytest.TempPathFactory, size: int, limit: int
) -> None:
    path = tmp_path_factory.mktemp("sized") / "file"
    path.write_bytes(b"x" * size)
    if size <= limit:
        assert load(path, limit).data == b"x" * size
    else:
        with pytest.raises(NotRead, match="larger than"):
            load(path, limit)


def test_a_file_that_tells_no_size_is_read_up_to_the_limit() -> None:
    """What the kernel makes up while it is read has a size of 0, as a file that grows had at first."""
    path = Path("/proc/self/status")
    if not path.exists():
        pytest.skip("this system has no /proc")
    assert load(path, 1 << 20).data.endswith(b"\n")
    with pytest.raises(NotRead, match="larger than 10 bytes"):
        load(path, 10)


# --- what is no file ---


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)  # names of sockets are short
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)


@pytest.mark.parametrize("make", [_pipe, _socket])
def test_what_is_no_file_is_never_opened(tree: Path, make: Callable[[Path], None]) -> None:
    write(tree / "a.py", "text")
    make(tree / "odd")
    assert reasons(gathered(tree, ".")) == {"odd": "not a file but a pipe, a socket or a device"}
    with pytest.raises(UsageError, match=r"odd is a (pipe|socket), not a file"):
        gathered(tree, "odd")


def test_a_device_is_no_file(tree: Path) -> None:
    with pytest.raises(UsageError, match="/dev/zero is a device, not a file"):
        gathered(tree, "/dev/zero")


@pytest.mark.parametrize("path", ["nothing.py", "a/b/c", "*.nothing", "none/**/*.py", "a\nb"])
def test_what_is_not_there_is_an_error(tree: Path, path: str) -> None:
    write(tree / "a.py", "text")
    with pytest.raises(UsageError, match=r"there is no such|no file matches") as error:
        gathered(tree, "a.py", path)
    assert str(error.value).isprintable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_an_error_where_it_was_named(tree: Path) -> None:
    write(tree / "a.py", "text")
    write(tree / "secret.py", "text")
    (tree / "secret.py").chmod(0)
    assert reasons(gathered(tree, ".")) == {"secret.py": "cannot be read: Permission denied"}
    with pytest.raises(UsageError, match=r"secret\.py cannot be read: Permission denied"):
        gathered(tree, "secret.py")


def test_a_name_that_the_system_does_not_take_is_an_error(tree: Path) -> None:
    with pytest.raises(UsageError, match=r"no such file"):
        gathered(tree, "x" * 5000)


def test_nothing_left_says_what_was_left_out(tree: Path) -> None:
    put(tree, **{"a.png": b"\0", "b.png": b"\0", "c.txt": b"", "uv.lock": b"x"})
    with pytest.raises(
        UsageError, match=r"no text to review\. 4 left out \(2 binary, 1 empty, 1 generated\)"
    ):
        gathered(tree, ".")
    (tree / "sub").mkdir()
    with pytest.raises(UsageError, match="no text to review"):
        gathered(tree, "sub")


def test_reasons_are_counted() -> None:
    left = [LeftOut("a", "binary"), LeftOut("b", "cannot be read: x"), LeftOut("c", "cannot be read: y")]
    assert left_out_summary(left) == "2 cannot be read, 1 binary"
    assert not left_out_summary(())


# --- links ---


def test_a_folder_does_not_smuggle_out_what_is_elsewhere(tree: Path) -> None:
    write(Path.home() / ".ssh" / "id_rsa", "private")
    write(tree / "a.py", "text")
    (tree / "key.txt").symlink_to(Path.home() / ".ssh" / "id_rsa")
    (tree / "keys").symlink_to(Path.home() / ".ssh")
    material = gathered(tree, ".")
    assert names(material) == ["a.py"]
    assert reasons(material) == dict.fromkeys(("key.txt", "keys"), "a link that leads out of the folder")
    assert [file.text for file in gathered(tree, "key.txt").files] == ["private"]


def test_a_link_inside_is_the_file_that_it_leads_to(tree: Path) -> None:
    write(tree / "z.py", "text")
    (tree / "a.py").symlink_to("z.py")
    material = gathered(tree, ".")
    assert names(material) == ["z.py"]
    assert reasons(material) == {"a.py": "the same file as another: z.py"}


def test_a_link_leads_around_no_pattern(tree: Path) -> None:
    put(tree, **{".env": "private", ".gitignore": ".env", "a.py": "text"})
    write(tree / "node_modules" / "b.js", "text")
    (tree / "config").symlink_to(".env")
    (tree / "b.js").symlink_to("node_modules/b.js")
    assert names(gathered(tree, ".")) == [".gitignore", "a.py"]


def test_loops_of_links_end(tree: Path) -> None:
    write(tree / "a" / "a.py", "text")
    (tree / "a" / "up").symlink_to("..")
    (tree / "self").symlink_to("self")
    (tree / "gone").symlink_to("nowhere")
    material = gathered(tree, ".")
    assert names(material) == ["a/a.py"]
    assert reasons(material) == {
        "a/up": "a link that leads out of the folder",
        "self": "a link that leads nowhere",
        "gone": "a link that leads nowhere",
    }
    with pytest.raises(UsageError, match="self cannot be read: Too many levels"):
        gathered(tree, "self")


def test_a_folder_that_is_named_by_a_link_is_walked(tree: Path) -> None:
    write(tree / "real" / "a.py", "text")
    (tree / "real" / "b.py").symlink_to("a.py")
    (tree / "link").symlink_to("real")
    assert names(gathered(tree, "link")) == ["link/a.py"]


# --- names ---


def test_hard_names_are_safe_and_different(tree: Path) -> None:
    hard = [
        b"a\nb",
        b"a\\nb",
        b"a\x1b[31m",
        b"a\xff",
        b"a\\xff",
        "a\u202eb".encode(),
        b"~",
        b"<stdin>",
        b"d e",
    ]
    for name in hard:
        with open(os.fsencode(tree) + b"/" + name, "w") as file:  # noqa: PTH123 - Path takes no bytes
            file.write("text")
    shown = names(gathered(tree, ".", stdin=b"text"))
    assert len(set(shown)) == len(hard) + 1
    assert all(name.isprintable() for name in shown)
    assert {"./~", "./<stdin>", "<stdin>", r"a\x0ab", r"a\\nb", r"a\xff", r"a\\xff", r"a\u{202e}b"} <= set(
        shown
    )


@given(st.text(), st.text())
def test_different_paths_are_shown_differently(one: str, other: str) -> None:
    assert escaped(one).isprintable()
    # A path of git or of the system never begins with `./` here: it was normalised before.
    if one != other and not (one.startswith("./") or other.startswith("./")):
        assert escaped(one) != escaped(other)


@pytest.mark.parametrize(
    ("wanted", "topic"),
    [
        (["src"], "src"),
        (["./src/"], "src"),
        (["src/panvox/Cli Text.py"], "cli-text.py"),
        (["src/**/*.py"], "src"),
        (["*.py"], "py"),
        (["src/**"], "src"),
        (["."], "tree"),
        ([".."], "some"),
        (["../"], "some"),
        (["-"], "stdin"),
        (["<stdin>"], "stdin"),
        (["diff main..HEAD"], "diff-main-head"),
        (["<diff main..HEAD>"], "diff-main-head"),
        (["diff "], "diff-uncommitted"),
        (["<diff>"], "diff-uncommitted"),
        (["a.py", "b.py", "c.py"], "a.py-and-2-more"),
        (["\x1b[31m/../\u202e"], "review"),
        (["é"], "review"),
        (["x" * 300], "x" * 40),
        ([], "review"),
    ],
)
def test_a_topic_is_short_and_safe(wanted: list[str], topic: str) -> None:
    assert topic_of(wanted, Path("/some/tree")) == topic


@given(st.lists(st.text(), max_size=3))
def test_a_topic_is_always_a_name_for_a_folder(wanted: list[str]) -> None:
    topic = topic_of(wanted)
    assert 0 < len(topic) <= 40
    assert set(topic) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")
    assert ".." not in topic
    assert topic[0] not in ".-"
