"""What must not be shown is not, and what is no secret garbles nothing."""

from __future__ import annotations

import pytest

from panvox.errors import Unauthorised
from panvox.redaction import masked, masked_address, without_secret


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


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("valkey://cache.example:6379/0", "valkey://cache.example:6379/0"),
        ("valkey://me:p@ss/word@cache.example:6379", "valkey://***@cache.example:6379"),
        ("valkeys://:p@cache.example?password=p", "valkeys://***@cache.example"),
        ("unix://me@/run/valkey.sock?db=1", "unix://***@/run/valkey.sock"),
        ("valkey://me@x:p?w@cache.example", "valkey://***"),
        ("valkey://me:p#w@cache.example", "valkey://***"),
        ("unix:///run/valkey.sock?db=1&password=p", "unix:///run/valkey.sock"),
        ("me:secret@cache.example", "***@cache.example"),
    ],
)
def test_an_address_is_shown_without_whom_it_lets_in(address: str, shown: str) -> None:
    assert masked_address(address) == shown
