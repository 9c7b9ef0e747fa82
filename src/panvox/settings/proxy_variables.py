"""The proxies that the environment names for all programs, by the names that other programs look for too.

`HTTP_PROXY` is not among them: it is the proxy for plain `http://` addresses, and models are behind `https://`
or on this machine. Of a variable in both spellings the lower-case one holds, as for curl.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from panvox.settings.hosts import exemption
from panvox.settings.places import NO_PROXY_VARIABLES, PROXY_VARIABLES
from panvox.settings.ways_out import NONE


class ProxyVariables(NamedTuple):
    """What the variables say of the `network` section, and which of them said it."""

    network: dict[str, Any]
    names: dict[str, str]


def read_proxy_variables(environ: Mapping[str, str], *, but: Mapping[str, Any]) -> ProxyVariables:
    """`proxy` and `no_proxy` of the environment, as far as the settings in `but` do not have them.

    A proxy without a scheme speaks HTTP, `socks://` is SOCKS 5. Entries of NO_PROXY that mean nothing here
    are left out: the variable is there for all programs, and some have words of their own in it.
    """
    found = ProxyVariables({}, {})
    for setting, variables in (("proxy", PROXY_VARIABLES), ("no_proxy", NO_PROXY_VARIABLES)):
        name = next((name for name in variables if environ.get(name, "").strip()), None)
        if name is not None and setting not in but:
            text = environ[name].strip()
            found.network[setting] = _address(text) if setting == "proxy" else _understood(text)
            found.names[setting] = name
    return found


def _address(text: str) -> str:
    scheme, colon, rest = text.partition("://")
    if colon:
        return f"socks5://{rest}" if scheme.lower() == "socks" else f"{scheme.lower()}://{rest}"
    return text if text == NONE else f"http://{text}"


def _understood(text: str) -> list[str]:
    return [entry for entry in re.split(r"[\s,]+", text) if entry and exemption(entry)]
