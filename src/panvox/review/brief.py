"""What is to be reviewed, how, and that no secret is in it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from panvox.errors import UsageError
from panvox.review.contract import InputRecord, RunFile
from panvox.review.fitting import Oversize
from panvox.review.instructions import SHIPPED, Instructions
from panvox.review.material import InputFile, Material
from panvox.review.prompting import files_in
from panvox.review.secrets import find_secrets, masked, refusal, unused_allowances


class Screening(msgspec.Struct, frozen=True, kw_only=True):
    """What is done about what looks like a secret: it stops the review unless one of these says otherwise.

    `mask` replaces it by a word, `allowed` has the marks and places that are none, `everything` lets all out.
    """

    mask: bool = False
    allowed: tuple[str, ...] = ()
    everything: bool = False


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """What models review and what they are told to do. `brief_of` makes one, and looks for secrets.

    `topic` is a short name for the folder. `max_tokens` are those of a review at most. `notes` are sentences
    that people should know before it goes out.
    """

    instructions: Instructions
    material: Material
    topic: str
    oversize: Oversize = Oversize.SKIP
    max_tokens: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What is asked, in a line."""
        files = self.material.files
        what = files[0].path if len(files) == 1 else f"{len(files):,} files"
        return f"{self.instructions.title}: {what}"

    @property
    def question(self) -> str:
        """What is asked in words, without the texts: what whoever puts the reviews together is told."""
        named = "\n".join(f"- {file.path}" for file in self.material.files[:_NAMED])
        more = len(self.material.files) - _NAMED
        rest = f"\n- and {more:,} more" if more > 0 else ""
        return f"{self.instructions.text.strip()}\n\nThe files were:\n{named}{rest}"


_NAMED = 200  # files that are named to whoever writes the synthesis


def brief_of(
    instructions: Instructions,
    material: Material,
    *,
    topic: str,
    oversize: Oversize = Oversize.SKIP,
    max_tokens: int | None = None,
    screening: Screening | None = None,
) -> Brief:
    """A brief without secrets. Raises `UsageError`, which names the places of those that there are."""
    instructions, material, notes = screened(instructions, material, screening or Screening())
    return Brief(
        instructions=instructions,
        material=material,
        topic=topic,
        oversize=oversize,
        max_tokens=max_tokens,
        notes=notes,
    )


def screened(
    instructions: Instructions, material: Material, screening: Screening
) -> tuple[Instructions, Material, tuple[str, ...]]:
    """What may go out, and sentences on what was let through. Raises `UsageError` for what must not."""
    if screening.everything:
        return instructions, material, ("nobody looked for secrets, as --allow-secrets says",)
    told = () if instructions.source == SHIPPED else (instructions.as_input(),)
    whole = replace(material, files=(*told, *material.files))
    secrets = find_secrets(whole, allowed=screening.allowed)
    unused = tuple(unused_allowances(whole, screening.allowed)) if screening.allowed else ()
    notes = tuple(f"--allow-secret {each}: there is nothing of that name to allow" for each in unused)
    if not secrets:
        return instructions, material, notes
    if not screening.mask:
        raise UsageError(refusal(secrets))
    clean = masked(whole, allowed=screening.allowed)
    if told:
        instructions = replace(instructions, text=clean.files[0].text)
    files = clean.files[len(told) :]
    if not files:
        raise UsageError("there is nothing to review but files that are secrets as a whole")
    count = sum(file.masked for file in files)
    return (
        instructions,
        replace(clean, files=files),
        (*notes, f"{count:,} of what looks like secrets is masked"),
    )


def lists_issues(brief: Brief) -> bool:
    """Whether reviews may list issues: only the sets that ship and do not ask for them are known not to."""
    return brief.instructions.findings or brief.instructions.source != SHIPPED


def digest(data: bytes) -> str:
    """The SHA-256 of `data` in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def instructions_digest(text: str) -> str:
    """The SHA-256 of instructions as they stand in a prompt."""
    return digest(text.strip().encode("utf-8", "surrogatepass"))


def inputs_of(files: Sequence[InputFile]) -> tuple[InputRecord, ...]:
    """What `run.json` tells of each."""
    return tuple(
        InputRecord(path=file.path, sha256=file.sha256, bytes=file.bytes, kind=file.kind, masked=file.masked)
        for file in files
    )


def brief_in(record: RunFile, prompt: str) -> Brief:
    """The brief of an earlier review, out of its `run.json` and `prompt.md`.

    Raises `UsageError` where the prompt is not the one that was sent.
    """
    text = _instructions_in(prompt, record.instructions_sha256)
    max_tokens = record.settings.get("max_tokens")
    return Brief(
        instructions=Instructions(
            name=record.instructions,
            title=str(record.settings.get("title") or record.instructions),
            text=text,
            source=record.instructions_source,
        ),
        material=Material(files=files_in(prompt, text, record.inputs), left_out=record.left_out),
        topic=record.topic,
        oversize=Oversize(str(record.settings.get("oversize") or Oversize.SKIP)),
        max_tokens=max_tokens if isinstance(max_tokens, int) else None,
    )


def _instructions_in(prompt: str, sha256: str) -> str:
    """The instructions at the head of a prompt: what comes before a blank line and has this digest."""
    end = prompt.find("\n\n")
    while end >= 0:
        if instructions_digest(prompt[:end]) == sha256:
            return prompt[:end]
        end = prompt.find("\n\n", end + 1)
        if end > _LONGEST:
            break
    raise UsageError("the prompt is not the one that was sent: its instructions were changed")


_LONGEST = 1 << 20
"""Bytes of instructions that are looked for; hashing anew for each blank line takes the square of them."""
