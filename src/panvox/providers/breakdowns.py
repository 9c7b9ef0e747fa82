"""What aiohttp, a proxy and the system report when a request breaks, told as a `Failure`.

Messages name the host, the port and what happened; never a header, a path or the key.
"""

from __future__ import annotations

import errno
import os
import ssl
from functools import lru_cache
from typing import NamedTuple

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError
from yarl import URL

from panvox.errors import Failure, InvalidRequest, Malformed, Owner, Retry, TimedOut, Truncated, Unreachable
from panvox.settings import WayOut

_LONGEST = 200  # characters that are quoted from a server

_NO_FILES_LEFT = frozenset({errno.EMFILE, errno.ENFILE})


@lru_cache(maxsize=8192)  # a model is asked at one address again and again, and reading it takes a while
def readable(address: str) -> URL:
    """An address to which a request can be sent. Raises `Unreachable`."""
    try:
        url = URL(address)
    except ValueError as error:
        raise _misspelt("an address that cannot be read") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise _misspelt("an address without http:// or https:// and a host")
    return url


def quoted(text: str) -> str:
    """What a server or a library said, on one line, printable and not too long."""
    line = "".join(character for character in " ".join(text.split()) if character.isprintable())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"


class Taken(NamedTuple):
    """The way that a request took: what the settings say, and the proxy; None if it went straight."""

    way: WayOut
    proxy: URL | None

    @property
    def hint(self) -> str:
        """What to look at when nothing else is known."""
        setting = self.way.proxy_setting
        if self.proxy is None:
            return f"Check the network, the provider's base_url, and {setting} if this network needs a proxy."
        return f"Check the network, {setting} and the provider's base_url."

    def ends_at(self, error: aiohttp.ClientConnectorError) -> bool:
        """Whether the connection that failed is the one to the proxy."""
        return self.proxy is not None and (error.host, error.port) == (self.proxy.host, self.proxy.port)


def before_head(error: Exception, url: URL, taken: Taken, *, connect_timeout: float) -> Failure:
    """No reply came from `url`: `error` of aiohttp, of the SOCKS client or of the system says why."""
    where = _place(url)
    match error:
        case TimeoutError():
            return _late(where, taken, connect_timeout)
        case aiohttp.ClientHttpProxyError():
            return _by_proxy(
                f"The proxy gives no connection to {where}: {error.status} {quoted(error.message)}", taken
            )
        case aiohttp.ClientResponseError() if error.request_info.method == "CONNECT":
            return _by_proxy(f"The reply of the proxy for {where} is no HTTP: {quoted(error.message)}", taken)
        case EOFError() | UnicodeDecodeError():  # of the SOCKS client, in the middle of its handshake
            return _by_proxy(
                f"The proxy gives no connection to {where}: it broke off, or speaks no SOCKS", taken
            )
        case aiohttp.ClientResponseError():
            return Malformed(f"The reply of {where} is no HTTP: {quoted(error.message)}")
        case aiohttp.ServerDisconnectedError():
            return Unreachable(f"{where} closed the connection without a reply.", hint=taken.hint)
        case aiohttp.InvalidURL() | UnicodeError():
            return _misspelt(where)
        case OSError():
            return _of_connection(error, where, taken)
        case ValueError():
            return InvalidRequest(
                f"The request to {where} cannot be sent: a header holds a control character, or the address"
                " holds a password besides the key.",
                hint="Check the key for a line break, and the provider's base_url for a user name.",
            )
        case aiohttp.ClientError():
            return Unreachable(f"The connection to {where} broke: {quoted(str(error))}", hint=taken.hint)
        case _:  # only the SOCKS client has errors of another family
            return _by_proxy(f"The proxy gives no connection to {where}: {quoted(str(error))}", taken)


def in_body(error: BaseException, url: URL) -> Failure:
    """The reply of `url` broke off after its head."""
    where = _place(url)
    match error:
        case HttpProcessingError():
            return Malformed(f"The reply of {where} is no HTTP: {quoted(error.message)}")
        case aiohttp.ClientPayloadError(__cause__=ContentEncodingError()):
            return Malformed(f"The reply of {where} cannot be unpacked.")
        case _:
            return Truncated(f"{where} closed the connection in the middle of the answer.")


def too_long(url: URL, most: int) -> Failure:
    """The reply of `url` has more than `most` bytes."""
    return Malformed(
        f"The reply of {_place(url)} is longer than {most:,} bytes; it was cut off.",
        hint="No answer is that long: the model or its server repeats itself.",
    )


def redirected(url: URL, status: int, location: str) -> Failure:
    """The reply of `url` sends us elsewhere."""
    return Malformed(
        f"{_place(url)} redirects to {quoted(location) or 'nowhere'}; redirects are not followed,"
        " since the key would go along.",
        status=status,
        hint="If that is the right address, set it as the provider's base_url.",
    )


def in_the_clear(url: URL, way: WayOut) -> Failure:
    """What would be sent to `url` could be read on the way, and nothing allows it."""
    return Unreachable(
        f"Nothing was sent to {_place(url)}: its address is plain HTTP beyond this machine, where key,"
        " prompts and answers could be read on the way.",
        owner=Owner.US,
        retry=Retry.NEVER,
        hint=f"Use an https:// address, or set {way.plain_http_setting} to true to accept that.",
    )


def unauthorised_by_proxy(url: URL, taken: Taken) -> Failure:
    """The reply for `url` is not the server's: the proxy wants to know who we are."""
    return _by_proxy(f"The proxy gives no connection to {_place(url)}: 407 and no user it knows", taken)


def _place(url: URL) -> str:
    return f"{url.host}:{url.port}"


def _late(where: str, taken: Taken, connect_timeout: float) -> Failure:
    through = " through the proxy" if taken.proxy else ""
    setting = taken.way.proxy_setting + ("" if taken.proxy else " if this network needs a proxy")
    return TimedOut(
        f"{where} took no connection{through} within {connect_timeout:g} s.",
        owner=Owner.NETWORK,
        hint=f"Check the network, and {setting}, or raise network.connect_timeout.",
    )


def _of_connection(error: OSError, where: str, taken: Taken) -> Failure:
    match error:
        case aiohttp.ClientConnectorError():
            return _not_connected(error, where, taken)
        case aiohttp.ClientOSError(__cause__=ssl.SSLCertVerificationError() as cause):  # through SOCKS
            return _untrusted(cause, where, taken.way)
        case aiohttp.ClientOSError(__cause__=ssl.SSLError() as cause):
            return _without_tls(cause, where)
        case _:
            return _of_system(error, f"The connection to {where} broke", taken)


def _not_connected(error: aiohttp.ClientConnectorError, where: str, taken: Taken) -> Failure:
    if taken.ends_at(error):
        return _no_proxy(error, taken)
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _untrusted(error.certificate_error, where, taken.way)
        case aiohttp.ClientConnectorDNSError():
            return Unreachable(
                f"The name of {where} cannot be resolved: {_reason(error.os_error)}.",
                hint="Check the spelling of the provider's base_url, and the name service of this machine;"
                f" where names are only known to a proxy, set {taken.way.proxy_setting}.",
            )
        case aiohttp.ClientSSLError():
            return _without_tls(error.os_error, where)
        case _:
            return _of_system(error.os_error, f"No connection to {where}", taken)


def _no_proxy(error: aiohttp.ClientConnectorError, taken: Taken) -> Failure:
    """The proxy itself cannot be reached."""
    proxy = f"proxy at {error.host}:{error.port}"
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _untrusted(error.certificate_error, f"the {proxy}", taken.way)
        case aiohttp.ClientSSLError():
            return _by_proxy(f"The {proxy} speaks no TLS that is understood here.", taken)
        case _:
            return _by_proxy(f"The {proxy} cannot be reached: {_reason(error.os_error)}.", taken)


def _of_system(error: OSError, what: str, taken: Taken) -> Failure:
    if error.errno in _NO_FILES_LEFT:
        return Unreachable(
            f"{what}: {_reason(error)}.",
            owner=Owner.US,
            hint="Raise the limit of open files of this process (`ulimit -n`), or ask fewer models.",
        )
    return Unreachable(f"{what}: {_reason(error)}.", hint=taken.hint)


def _by_proxy(message: str, taken: Taken) -> Failure:
    setting = taken.way.proxy_setting
    return Unreachable(message, hint=f"Check {setting}: its address, its user and what it lets through.")


def _misspelt(where: str) -> Failure:
    return Unreachable(
        f"No request can be sent to {where}.",
        owner=Owner.US,
        retry=Retry.NEVER,
        hint="Check the provider's base_url.",
    )


_OF_ANOTHER_HOST = frozenset({62, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


def _untrusted(error: Exception, where: str, way: WayOut) -> Failure:
    reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
    of_another = getattr(error, "verify_code", 0) in _OF_ANOTHER_HOST
    return Unreachable(
        f"The certificate of {where} is not trusted: {quoted(reason)}.",
        retry=Retry.NEVER,
        hint="It belongs to another host: check the provider's base_url, and who answers under that name."
        if of_another
        else f"If it is your own, name the file of its authority in {way.ca_setting}.",
    )


def _without_tls(error: OSError, where: str) -> Failure:
    return Unreachable(f"{where} speaks no TLS that is understood here: {_reason(error)}.")


def _reason(error: OSError) -> str:
    """The system's words, without the address that asyncio adds to them."""
    if error.errno is not None and error.errno > 0 and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno).lower()
    return quoted(error.strerror or str(error) or type(error).__name__).rstrip(".").lower()
