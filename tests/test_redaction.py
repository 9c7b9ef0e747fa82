"""What must not be shown is not, and what is no secret garbles nothing."""

from __future__ import annotations

import pytest

from panvox.errors import Unauthorised
from panvox.redaction import masked, without_secret


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("sk-secret-1", "no such key: *** at 127.0.0.1"),
        ("1", "no such key: sk-secret-1 at 127.0.0.1"),
        ("ollama", "no such key: sk-secret-1 at 127.0.0.1"),
        ("", "no such key: sk-secret-1 at 127.0.0.1"),
        (None, "no such key: sk-secret-1 at 127.0.0.1"),
    ],
)
def test_keys_are_masked_and_dummies_are_left_alone(secret: str | None, shown: str) -> None:
    said = "no such key: sk-secret-1 at 127.0.0.1"
    assert masked(said, secret) == shown
    assert str(without_secret(Unauthorised(said), secret)) == shown
