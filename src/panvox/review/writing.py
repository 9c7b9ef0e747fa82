"""What is written into the folder of a review, and in which order. Everything here blocks, in one thread.

    outcome ─► line in the ledger, on the disk ─► page ─► run.json ─► at the end: summary, synthesis, findings

What cannot be written is kept, told by `problem`, and tried again: at most once a second while others land,
and at the end. Of the pages and files here only those are replaced that panvox wrote itself.
"""

from __future__ import annotations

import errno
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec.structs import replace

from panvox import whole_files
from panvox.messages import Identity, Outcome, RunEnded
from panvox.review import contract, ledger_file, pages
from panvox.review.contract import RunFile, SynthesisRecord
from panvox.review.ledger_file import LedgerFile, Line
from panvox.review.names import SUFFIX, page_names
from panvox.verdicts import Verdict

REFRESH = 1.0
"""Seconds between two versions of `run.json` while outcomes land, and between two tries on a full disk."""


class _Entry(msgspec.Struct, frozen=True):
    """An outcome that is to be written: as its line, as the bytes of it, and as its page, if it has one."""

    line: Line
    data: bytes
    page: str


class Writer:
    """Writes one review; `record` is `run.json` as it stands."""

    def __init__(
        self,
        path: Path,
        record: RunFile,
        lines: Sequence[Line],
        ledger: LedgerFile,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`lines` are those that the ledger has already."""
        self.record = record
        self._path = path
        self._ledger = ledger
        self._clock = clock
        self._notes: Mapping[str, str] = {}
        self._models = {model.model: model for model in record.models}
        self._names: dict[str, str] = {}
        self._answered: set[str] = set()
        self._ours: dict[str, set[str]] = {}
        self._spent: Decimal | None = record.synthesis.cost if record.synthesis else None
        self._ran = record.duration
        self._unwritten: list[_Entry] = []
        self._unpaged: dict[str, str] = {}
        self._problems: dict[str, str] = {}
        self._section = ""
        self._next = 0.0
        self._stale = False
        for line in lines:
            self._took(line)

    @property
    def problem(self) -> str | None:
        """What is not on the disk, and why, as a sentence; None where all is."""
        return next(iter(tuple(self._problems.values())), None)

    def fail(self, what: str, said: str) -> None:
        """Note that something could not be written."""
        self._problems[what] = said

    # --- as the review goes on ---

    def restore(self, lines: Mapping[str, Line]) -> None:
        """Write the pages that are missing, or are older than their `lines`."""
        for line in lines.values():
            if line.page:
                found = _digest_of(self._path / pages.MODELS / line.page)
                if found is None or (found != line.page_sha256 and found in self._ours[line.page]):
                    self._unpaged[line.page] = pages.model_page(line.outcome, line.note)
        self._write_pages()

    def begin(self, run: str, members: Sequence[Identity], notes: Mapping[str, str]) -> None:
        """A run starts, which asks `members`; `notes` tell how their prompts were made to fit."""
        self._notes = notes
        self._names = page_names([member.name for member in members], self._names)
        waiting = {
            member.name: contract.waiting_record(member, note=notes.get(member.name, ""))
            for member in members
        }
        self._models = {name: self._models.get(name, record) for name, record in waiting.items()} | {
            name: model for name, model in self._models.items() if name not in waiting
        }
        runs = self.record.runs if run in self.record.runs else (*self.record.runs, run)
        self.record = replace(self.record, runs=runs)
        self._refresh(durable=True)

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Members have ended. One that has answered already stands."""
        for outcome in outcomes:
            if outcome.member.name not in self._answered:
                self._unwritten.append(self._entry(outcome))
            if outcome.answered:
                self._answered.add(outcome.member.name)
        self._stale = True
        now = self._clock()
        if not self._problems or now >= self._next:
            self._commit()
        if now >= self._next:
            self._refresh()

    def end(self, ended: RunEnded) -> None:
        """All of a run have ended."""
        self._commit()
        self._ran += ended.duration
        self.record = replace(self.record, stopped=ended.stopped)
        self._close()

    def conclude(
        self, verdict: Verdict, findings: bytes | None, sarif: bytes | None, section: str = ""
    ) -> None:
        """Everything is there: write what the reviews amount to."""
        self._commit()
        self._section = section
        told = verdict.synthesis
        if told is not None:
            page = pages.synthesis_page(
                told,
                {model.model: model.page for model in self._models.values()},
                title=f"Synthesis of {sum(each.answered for each in self._models.values()):,} reviews",
            )
            if page:
                self._write_own("synthesis.md", page.encode())
            record = SynthesisRecord(by=told.by, calls=told.calls, cost=told.cost, failed=told.failed)
            self.record = replace(self.record, synthesis=record)
        for each in (told, verdict.judgement):
            self._spent = _sum(self._spent, each.cost if each is not None else None)
        for name, data in (("findings.json", findings), ("findings.sarif", sarif)):
            if data is not None:
                self._write_own(name, data)
        self.record = replace(self.record, ended=datetime.now(UTC).isoformat(timespec="seconds"))
        self._close()

    def leave(self) -> None:
        """Nothing more comes: try again what could not be written, and tell of what no end was seen."""
        if self._stale or self._problems:
            self._commit()
            self._refresh(durable=True)

    # --- outcomes ---

    def _entry(self, outcome: Outcome) -> _Entry:
        name = outcome.member.name
        note = self._notes.get(name, "")
        page = pages.model_page(outcome, note) if outcome.answered or outcome.text.strip() else ""
        if page:
            self._names = page_names([name], self._names)
            self._names[name] = self._free(self._names[name])
        line = Line.of(
            outcome,
            note=note,
            page=self._names[name] if page else "",
            page_sha256=_sha256(page.encode()) if page else "",
        )
        return _Entry(line, ledger_file.encode(line), page)

    def _free(self, page: str) -> str:
        """The name under which a page can be written without replacing what somebody changed."""
        others = set(self._names.values())
        stem = page.removesuffix(SUFFIX)
        for name in (page, *(f"{stem}-{number}{SUFFIX}" for number in range(2, 100))):
            if name == page or name not in others:
                found = _digest_of(self._path / pages.MODELS / name)
                if found is None or found in self._ours.get(name, ()):
                    return name
        return page

    def _commit(self) -> None:
        """Write what is not written: all lines at once, or, where that fails, those that find room."""
        entries, self._unwritten = self._unwritten, []
        self._problems.pop("ledger", None)
        try:
            if entries:
                self._ledger.append(b"".join(entry.data for entry in entries))
            written = entries
        except OSError:
            written = [entry for entry in entries if self._append(entry)]
        for entry in written:
            self._took(entry.line)
            if entry.page:
                self._unpaged[entry.line.page] = entry.page
        self._write_pages()

    def _append(self, entry: _Entry) -> bool:
        try:
            self._ledger.append(entry.data)
        except OSError as error:
            self._tell("ledger", "ledger.jsonl", error)
            self._unwritten.append(entry)
            return False
        return True

    def _took(self, line: Line) -> None:
        """A line is in the ledger: from now on it is told."""
        name = line.member.name
        self._spent = _sum(self._spent, line.cost)
        if line.page:
            self._names[name] = line.page
            self._ours.setdefault(line.page, set()).add(line.page_sha256)
        known = self._models.get(name)
        if known is None or not known.answered:
            self._models[name] = contract.record_of(line, page=line.page, note=line.note)
        if line.answered:
            self._answered.add(name)

    def _write_pages(self) -> None:
        self._problems.pop("pages", None)
        for name, text in list(self._unpaged.items()):
            try:
                self._put(f"{pages.MODELS}/{name}", text.encode())
            except OSError as error:
                self._tell("pages", f"{pages.MODELS}/{name}", error)
            else:
                del self._unpaged[name]

    # --- files ---

    def _close(self) -> None:
        self._refresh(told=False)
        page = pages.summary_page(self.record, folder=str(self._path), findings=self._section)
        self._write_own("summary.md", page.encode())
        self._refresh(durable=True)

    def _refresh(self, *, durable: bool = False, told: bool = True) -> None:
        """`run.json` as things stand; only the value of it unless it is to be `told`."""
        self._problems.pop("run.json", None)
        models = tuple(self._models.values())
        self.record = replace(
            self.record,
            models=models,
            states=contract.counted(models),
            cost=self._spent,
            duration=self._ran,
            problem=self.problem or "",
        )
        if told:
            self._next = self._clock() + REFRESH
            try:
                self._put("run.json", contract.encode(self.record), durable=durable)
            except OSError as error:
                self._tell("run.json", "run.json", error)
            else:
                self._stale = False

    def _write_own(self, name: str, data: bytes) -> None:
        """Write a file beside the pages; one that somebody has changed stays, and ours gets another name."""
        self._problems.pop(name, None)
        try:
            for each in _numbered(name):
                found = _digest_of(self._path / each)
                if found is None or found == self.record.files.get(each):
                    self._put(each, data)
                    self.record = replace(self.record, files={**self.record.files, each: _sha256(data)})
                    return
        except OSError as error:
            self._tell(name, name, error)

    def _put(self, name: str, data: bytes, *, durable: bool = False) -> None:
        path = self._path / name
        if path.parent != self._path:
            path.parent.mkdir(mode=0o700, exist_ok=True)
        whole_files.write(path, data, durable=durable)

    def _tell(self, what: str, name: str, error: OSError) -> None:
        said = (error.strerror or str(error)).lower()
        self.fail(what, f"{self._path / name} could not be written: {said}; {self._advice(error)}")

    def _advice(self, error: OSError) -> str:
        if not self._path.is_dir():
            return f"the folder is gone; what arrived is kept in the store, {self._in_store()}"
        again = f"run `panvox review --resume {self._path}`"
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
                return f"free some space and {again}"
            case errno.EACCES | errno.EPERM | errno.EROFS:
                return f"make the folder writable and {again}"
            case _:
                return f"when that is put right, {again}"

    def _in_store(self) -> str:
        return f"see `panvox show {self.record.runs[-1]}`" if self.record.runs else "see `panvox runs`"


def _numbered(name: str) -> Iterator[str]:
    """The names that a file can have: `summary.md`, `summary-2.md` and so on."""
    yield name
    stem, _, suffix = name.rpartition(".")
    yield from (f"{stem}-{number}.{suffix}" for number in range(2, 1000))


def _digest_of(path: Path) -> str | None:
    """The hash of a file; None where there is none."""
    try:
        return _sha256(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return ""  # whatever it is, it is none of ours


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if one is None else one + (other or 0)
