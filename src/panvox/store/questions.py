"""The prompts of answers that may be given again to others: their text and their vector, beside the answers.

They are written only where that is wanted (`cache.semantic`), and go with their answers.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # a tenth of a second, needed only where prompts are compared
    import numpy as np
    from numpy.typing import NDArray

MOST = 5_000
"""Prompts that are kept at most; the oldest go first. Their vectors take 5 MB."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS questions (
    key BLOB PRIMARY KEY, scope BLOB NOT NULL, at REAL NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS questions_by_scope ON questions (scope, at);
CREATE INDEX IF NOT EXISTS questions_by_age ON questions (at);
CREATE TRIGGER IF NOT EXISTS questions_go_with_answers AFTER DELETE ON answers
BEGIN
    DELETE FROM questions WHERE key = OLD.key;
END;
"""
_KEEP = """
INSERT OR REPLACE INTO questions (key, scope, at, text, vector)
SELECT key, ?, at, ?, ? FROM answers WHERE key = ?
"""
_IN_SCOPE = """
SELECT questions.key, questions.text, questions.vector FROM questions JOIN answers USING (key)
WHERE questions.scope = ? AND length(questions.vector) = ? AND answers.at BETWEEN ? AND ?
"""
_DROP_OLDEST = """
DELETE FROM questions WHERE key IN (SELECT key FROM questions ORDER BY at DESC LIMIT -1 OFFSET ?)
"""


class Nearest(NamedTuple):
    """A prompt with an answer: the key of that, the text, and the cosine of their vectors."""

    key: bytes
    text: str
    cosine: float


def keep(
    connection: sqlite3.Connection, *, key: bytes, scope: bytes, text: str, vector: NDArray[np.float32]
) -> None:
    """Keep a prompt whose answer is kept under `key`; nothing where there is none."""
    connection.execute(_KEEP, (scope, text, vector.tobytes(), key))
    connection.execute(_DROP_OLDEST, (MOST,))


def nearest(
    connection: sqlite3.Connection,
    *,
    scope: bytes,
    vector: NDArray[np.float32],
    since: float,
    until: float,
    least: float,
    most: int,
) -> list[Nearest]:
    """The `most` nearest prompts of `scope` with a cosine of at least `least`, the nearest first.

    Their answers were given between `since` and `until`. One product of a matrix with the vector.
    """
    import numpy as np  # noqa: PLC0415 - in the thread of the file, where it is needed

    rows = connection.execute(_IN_SCOPE, (scope, vector.nbytes, since, until)).fetchall()
    if not rows:
        return []
    vectors = np.frombuffer(b"".join(row[2] for row in rows), dtype=np.float32).reshape(len(rows), -1)
    cosines = vectors @ vector
    order = np.argsort(-cosines, kind="stable")[:most]
    return [Nearest(rows[at][0], rows[at][1], float(cosines[at])) for at in order if cosines[at] >= least]
