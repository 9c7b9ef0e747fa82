"""Which hosts are meant: this machine, and those that a proxy is not asked for.

Entries of `no_proxy` mean what they mean to curl (https://curl.se/libcurl/c/CURLOPT_NOPROXY.html): a name
stands for itself and for all names below it. Names are never looked up, so that an address range covers
hosts that are given as addresses and no others.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_DIGITS_AND_DOTS = re.compile(r"[0-9.]*")
_PORT = re.compile(r":([0-9]{1,5})$")


class Exemption(NamedTuple):
    """One entry of `no_proxy`: a name or a range of addresses (neither: every host), perhaps a port."""

    name: str = ""
    network: IPv4Network | IPv6Network | None = None
    port: int | None = None

    def covers(self, host: str, port: int | None) -> bool:
        """Whether it stands for `host`, a name or an address without brackets, at `port`."""
        if self.port not in {None, port}:
            return False
        host = host.lower().rstrip(".")
        address = _address(host)
        if self.network is not None:
            return address is not None and address in self.network
        if self.name:
            return address is None and f".{host}".endswith(f".{self.name}")
        return True


@lru_cache(maxsize=1024)
def exemption(entry: str) -> Exemption | None:
    """What an entry means; None if it means nothing.

    `*`, `example.org`, `.example.org`, `*.example.org`, `10.1.2.3`, `10.0.0.0/8`, `fd00::/8`, and each with
    `:8080` behind it (an IPv6 address then in brackets).
    """
    text = entry.strip().lower()
    if (network := _network(text)) is not None:  # first, since the end of an IPv6 address looks like a port
        return Exemption(network=network)
    port = _PORT.search(text)
    if port is not None and int(port[1]) > 65_535:
        return None
    number = int(port[1]) if port else None
    return _hosts(text[: port.start()] if port else text, number)


def _hosts(text: str, port: int | None) -> Exemption | None:
    if text == "*":
        return Exemption(port=port)
    if (network := _network(text)) is not None:
        return Exemption(network=network, port=port)
    name = _encoded(text.removeprefix("*").removeprefix(".").rstrip("."))
    if not _NAME.fullmatch(name) or _DIGITS_AND_DOTS.fullmatch(name):
        return None  # such as 192.168: no name ends in a number, and it is half an address
    return Exemption(name=name, port=port)


def goes_straight(host: str, port: int | None, no_proxy: tuple[str, ...]) -> bool:
    """Whether `host` is reached without a proxy: this machine always is, others if an entry covers them."""
    if is_this_machine(host):
        return True
    known = (exemption(entry) for entry in no_proxy)
    return any(entry is not None and entry.covers(host, port) for entry in known)


def is_this_machine(host: str) -> bool:
    """Whether `host` is a loopback address, `localhost` or a name below it."""
    host = host.lower().rstrip(".")
    address = _address(host)
    return address.is_loopback if address else host == "localhost" or host.endswith(".localhost")


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text[1:-1] if text[:1] + text[-1:] == "[]" else text, strict=False)
    except ValueError:
        return None


def _encoded(name: str) -> str:
    """A name as it goes over the wire."""
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        return ""
