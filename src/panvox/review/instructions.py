"""What models are told to do with the files: a set that ships, one of the user, a file, or the words given.

A set is a Markdown file whose first line is its title (`# Review`) and whose first sentence tells what it is
for. One in the user's folder of instructions takes the place of the shipped one with its name; nothing in the
files that are reviewed ever does.
"""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from panvox.errors import UsageError
from panvox.review.material import InputFile

SHIPPED = "shipped"
GIVEN = "given"
MOST_BYTES = 256 * 1024
"""Of a file with instructions."""
MARK_OF_FINDINGS = "[severity]"
"""What stands in instructions that ask for a list of findings, in the form that is read from reviews."""


class Instructions(msgspec.Struct, frozen=True, kw_only=True):
    """What models are told. `source` is "shipped", "given", or the path of the file."""

    name: str
    title: str
    text: str
    source: str

    @property
    def findings(self) -> bool:
        """Whether they ask for a list of findings: whether the form `[severity]` stands in the text."""
        return MARK_OF_FINDINGS in self.text

    @property
    def purpose(self) -> str:
        """The first sentence below the title."""
        lines = (line.strip() for line in self.text.splitlines())
        first = next((line for line in lines if line and not line.startswith("#")), "")
        return first.partition(". ")[0].rstrip(".:")

    def as_input(self) -> InputFile:
        """The text as one that goes out, to be looked through for secrets like all others."""
        data = self.text.encode("utf-8", "surrogatepass")
        path = f"<instructions {self.name}>"
        return InputFile(path=path, text=self.text, sha256=sha256(data).hexdigest(), bytes=len(data))


def instruction_sets(folder: Path | None) -> tuple[Instructions, ...]:
    """All sets by name; those in `folder` in the place of shipped ones. Raises `UsageError`."""
    return tuple(_read_set(name, file) for name, file in sorted(_sets(folder).items()))


def find_instructions(what: str, folder: Path | None) -> Instructions:
    """The set of this name, else the file at this path, else `what` itself where it is several words.

    Raises `UsageError` for what is none of these, with the names that there are, and for a file that is
    missing, empty, no text, or larger than `MOST_BYTES`.
    """
    known = _sets(folder)
    if what in known:
        return _read_set(what, known[what])
    if not what.strip():
        raise UsageError(
            f"the instructions are empty; name some ({', '.join(sorted(known))}), a file, or write them"
        )
    if (path := _path(what)) is not None:
        text = _text(path, what)
        return Instructions(name=path.stem, title=_title(text, path.stem), text=text, source=str(path))
    if len(what.split()) > 1:
        return Instructions(name=GIVEN, title="Instructions", text=what, source=GIVEN)
    raise UsageError(_unknown(what, sorted(known)))


def _sets(folder: Path | None) -> dict[str, Traversable]:
    """The file of each set by its name."""
    shipped = files("panvox.review") / "data" / "instructions"
    found = {each.name.removesuffix(".md"): each for each in shipped.iterdir() if each.name.endswith(".md")}
    try:
        own = list(folder.iterdir()) if folder is not None and folder.is_dir() else []
    except OSError as error:
        raise UsageError(f"the folder of instructions {folder} cannot be read: {error.strerror}") from None
    return found | {file.stem: file for file in own if file.suffix == ".md" and not file.name.startswith(".")}


def _read_set(name: str, file: Traversable) -> Instructions:
    text = _text(file, str(file))
    source = SHIPPED if _ships(file) else str(file)
    return Instructions(name=name, title=_title(text, name), text=text, source=source)


def _ships(file: Traversable) -> bool:
    return str(file).startswith(str(files("panvox.review") / "data"))


def _path(what: str) -> Path | None:
    """The path that is meant, there or not; None where it looks like none."""
    if "\n" in what or "\0" in what:
        return None
    try:
        path = Path(what).expanduser()
        if path.exists() and (path.is_file() or "/" in what or not path.is_dir()):
            return path
    except (OSError, RuntimeError):  # too long for a name, no such home
        return None
    spelt = what.endswith((".md", ".txt"))
    if len(what.split()) > 1:
        return path if spelt and what.startswith(("/", "./", "../", "~")) else None
    return path if spelt or "/" in what else None


def _text(file: Traversable, shown: str) -> str:
    """What a file says. Raises `UsageError`."""
    try:
        if file.is_dir():
            raise UsageError(f"the instructions {shown} are a folder; name a file in it")
        with file.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"the instructions {shown} cannot be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise UsageError(
            f"the instructions {shown} are larger than {MOST_BYTES // 1024} KiB; "
            "what is to be reviewed is given by its path instead"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"the instructions {shown} are no UTF-8 text (byte {error.start + 1:,})") from None
    if "\0" in text:
        raise UsageError(f"the instructions {shown} are no text: they hold a null byte")
    if not text.strip():
        raise UsageError(f"the instructions {shown} are empty")
    return text


def _title(text: str, name: str) -> str:
    """The first heading, else the name."""
    first = text.lstrip().partition("\n")[0]
    return first.lstrip("#").strip() or name if first.startswith("#") else name


def _unknown(what: str, names: list[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only mistakes pay for loading it

    near = get_close_matches(what.lower(), names, n=1, cutoff=0.5)
    meant = f"did you mean {near[0]}? There" if near else "there"
    return (
        f"there are no instructions called {what[:80]!r}; {meant} are {', '.join(names)}; "
        "a file is given by its path, and several words are taken as they are"
    )
