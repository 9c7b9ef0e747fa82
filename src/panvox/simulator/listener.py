"""Sockets that only this machine can reach."""

from __future__ import annotations

import errno
import ipaddress
import socket

from panvox.errors import UsageError

QUEUE = 4096
"""Connections that wait to be accepted."""


def listen(*, host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A socket of this machine that takes connections; port 0 means any free one.

    Raises `UsageError` for an address that others can reach, and for a port that is taken.
    """
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise UsageError(f"{host!r} is no address of this machine; use 127.0.0.1, ::1 or localhost") from None
    if not address.is_loopback:
        raise UsageError(
            f"{host} can be reached from other machines; the simulator serves this one only (127.0.0.1)"
        )
    if not 0 <= port < 2**16:
        raise UsageError(f"{port} is no port; use 1 to 65535, or 0 for a free one")
    try:
        return socket.create_server(
            (str(address), port),
            family=socket.AF_INET6 if address.version == 6 else socket.AF_INET,
            backlog=QUEUE,
        )
    except OSError as error:
        raise UsageError(_not_bound(error, port)) from None


def _not_bound(error: OSError, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"port {port} is in use, perhaps by another simulator; stop that one, or choose another port "
                "with --port, or --port 0 for a free one"
            )
        case errno.EACCES:
            return f"port {port} needs more rights than you have; choose one above 1023, or --port 0"
        case _:
            return f"port {port} cannot be opened: {error.strerror}"


def url_of(listener: socket.socket) -> str:
    """The address of the front page that is served at `listener`, without a slash at its end."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
