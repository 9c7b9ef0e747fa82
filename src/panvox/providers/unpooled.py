"""A transport whose connections serve one call each."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import msgspec

from panvox.protocols import Reply, Request, Transport


class Unpooled:
    """Sends through `transport`, and asks the server to close the connection after the reply.

    For servers on this machine. The engine of llama.cpp promises to keep a connection and closes it after
    each stream, so that the next call on it would fail; a new connection to this machine costs little.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def send(self, request: Request, *, connect_timeout: float) -> AbstractAsyncContextManager[Reply]:
        """See `Transport`."""
        headers = {**request.headers, "Connection": "close"}
        return self._transport.send(
            msgspec.structs.replace(request, headers=headers), connect_timeout=connect_timeout
        )
