"""What aiohttp, a proxy and the system report when a request breaks, told as a `Failure`.

Messages name the host, the port and what happened; never a header, a path or the key.
"""

from __future__ import annotations

import errno
import os
import ssl
from functools import lru_cache

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError
from yarl import URL

from panvox.errors import Failure, InvalidRequest, Malformed, Owner, Retry, TimedOut, Truncated, Unreachable

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


def before_head(error: Exception, url: URL, *, connect_timeout: float) -> Failure:
    """No reply came from `url`: `error` of aiohttp, of the SOCKS client or of the system says why."""
    where = _place(url)
    match error:
        case TimeoutError():
            return TimedOut(
                f"{where} took no connection within {connect_timeout:g} s.",
                owner=Owner.NETWORK,
                hint="Check the network and the proxy, or raise network.connect_timeout.",
            )
        case aiohttp.ClientHttpProxyError():
            return _by_proxy(
                f"The proxy gives no connection to {where}: {error.status} {quoted(error.message)}"
            )
        case aiohttp.ClientResponseError():
            return Malformed(f"The reply of {where} is no HTTP: {quoted(error.message)}")
        case aiohttp.ServerDisconnectedError():
            return Unreachable(f"{where} closed the connection without a reply.")
        case aiohttp.InvalidURL() | UnicodeError():
            return _misspelt(where)
        case aiohttp.ClientConnectorError():
            return _not_connected(error, where)
        case OSError():
            return _of_system(error, f"The connection to {where} broke")
        case ValueError():
            return InvalidRequest(
                f"The request to {where} cannot be sent: a header holds a control character, or the address"
                " holds a password besides the key.",
                hint="Check the key for a line break, and the provider's base_url for a user name.",
            )
        case aiohttp.ClientError():
            return Unreachable(f"The connection to {where} broke: {quoted(str(error))}")
        case _:  # only the SOCKS client has errors of another family
            return _by_proxy(f"The proxy gives no connection to {where}: {quoted(str(error))}")


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


def _place(url: URL) -> str:
    return f"{url.host}:{url.port}"


def _not_connected(error: aiohttp.ClientConnectorError, where: str) -> Failure:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _untrusted(error.certificate_error, where)
        case aiohttp.ClientConnectorDNSError():
            return Unreachable(
                f"The name of {where} cannot be resolved: {_reason(error.os_error)}.",
                hint="Check the spelling of the provider's base_url, and the name service of this machine.",
            )
        case aiohttp.ClientProxyConnectionError():
            return _by_proxy(
                f"The proxy at {error.host}:{error.port} cannot be reached: {_reason(error.os_error)}."
            )
        case aiohttp.ClientSSLError():
            return Unreachable(f"{where} speaks no TLS that is understood here: {_reason(error.os_error)}.")
        case _:
            return _of_system(error.os_error, f"No connection to {where}")


def _of_system(error: OSError, what: str) -> Failure:
    if error.errno in _NO_FILES_LEFT:
        return Unreachable(
            f"{what}: {_reason(error)}.",
            owner=Owner.US,
            hint="Raise the limit of open files of this process (`ulimit -n`), or ask fewer models.",
        )
    return Unreachable(f"{what}: {_reason(error)}.")


def _by_proxy(message: str) -> Failure:
    return Unreachable(message, hint="Check network.proxy: its address, its user and what it lets through.")


def _misspelt(where: str) -> Failure:
    return Unreachable(
        f"No request can be sent to {where}.",
        owner=Owner.US,
        retry=Retry.NEVER,
        hint="Check the provider's base_url.",
    )


def _untrusted(error: Exception, where: str) -> Failure:
    reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
    return Unreachable(
        f"The certificate of {where} is not trusted: {quoted(reason)}.",
        retry=Retry.NEVER,
        hint="If it is your own, name the file of its authority in network.ca_file.",
    )


def _reason(error: OSError) -> str:
    """The system's words, without the address that asyncio adds to them."""
    if error.errno is not None and error.errno > 0 and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno).lower()
    return quoted(error.strerror or str(error) or type(error).__name__).rstrip(".").lower()
