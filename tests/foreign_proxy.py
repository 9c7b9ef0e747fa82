"""A proxy that none of us wrote, pproxy, on loopback; in a process of its own, since it patches asyncio.

async with ForeignProxy("socks5", to=server.port, user="me:secret") as proxy:
    ... proxy.url ...
assert proxy.asked == ["model.test:443"]   # known once it has ended
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, Self

from tests.hostile import WIRE


class ForeignProxy:
    """Speaks `scheme`; sends everything on to one port of this machine, whatever host it was asked for."""

    def __init__(self, scheme: str, *, to: int, user: str = "") -> None:
        self.asked: list[str] = []
        self._scheme = scheme
        self._to = to
        self._user = user
        self._port = 0

    @property
    def url(self) -> str:
        """Its address, with user and password."""
        return self.url_of(self._user)

    def url_of(self, user: str) -> str:
        """Its address, for another user."""
        return f"{self._scheme}://{user}{'@' if user else ''}127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        command = [sys.executable, "-W", "ignore", "-m", __name__, self._scheme, str(self._to), self._user]
        self._process = await asyncio.create_subprocess_exec(
            *command,
            cwd=Path(__file__).parents[1],
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        self._port = int(await self._process.stdout.readline())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.terminate()
        said = (await self._process.communicate())[0]
        self.asked = said.decode().split()


def say(what: object) -> None:
    """Tell the parent."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


async def serve(scheme: str, to: int, user: str) -> None:
    """What the child does: print the port, then whatever is asked for."""
    import pproxy  # noqa: PLC0415 - it patches asyncio when it is imported

    class Remote(pproxy.server.ProxyDirect):  # type: ignore[misc] # it has no types
        async def open_connection(self, host: str, port: int, *_: object, **__: object) -> Any:
            say(f"{host}:{port}")
            return await asyncio.open_connection("127.0.0.1", to)

    spelt = "http+ssl" if scheme == "https" else scheme
    proxy = pproxy.Server(f"{spelt}://127.0.0.1:0/{'#' if user else ''}{user}")
    for context in pproxy.server.sslcontexts:
        context.load_cert_chain(WIRE / "server.pem")
    # It would let an address in without a password once it has given one: that is what authtime forbids.
    server = await proxy.start_server({"rserver": [Remote()], "authtime": -1})
    say(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
