"""The way out of this machine that the requests of one provider take."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr

NONE = "none"
"""What stands in place of the address of a proxy where there shall be none."""


class WayOut(msgspec.Struct, frozen=True, kw_only=True):
    """How requests leave this machine, and which settings say so, as errors name them.

    `proxy` is an address, perhaps with a password; None goes straight, and so does what is on this machine
    or covered by `no_proxy`. `ca_file` holds certificates to trust besides those of the system, for servers
    and for a proxy that is reached by HTTPS. Without `allow_plain_http` nothing is sent to an `http://`
    address beyond this machine.
    """

    proxy: SecretStr | None = None
    no_proxy: tuple[str, ...] = ()
    ca_file: Path | None = None
    allow_plain_http: bool = False
    proxy_setting: str = "network.proxy"
    ca_setting: str = "network.ca_file"
    plain_http_setting: str = "network.allow_plain_http"

    @property
    def shown_proxy(self) -> str:
        """The address of the proxy without user and password; empty if there is none."""
        parts = urlsplit(self.proxy.get_secret_value() if self.proxy else "")
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""


STRAIGHT = WayOut()
"""Without a proxy, with the certificates of the system, and in the clear to this machine only."""
