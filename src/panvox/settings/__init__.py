"""Settings: one frozen value out of files and environment; the only reader of the environment.

The names are loaded when they are first used: what only has to know where settings stand need not wait for
what checks them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from panvox.settings.loading import load
    from panvox.settings.places import FILE_NAME
    from panvox.settings.schema import Local, Network, Provider, Run, Settings, Store
    from panvox.settings.vendors import VENDORS, Vendor
    from panvox.settings.ways_out import STRAIGHT, WayOut

_HOMES = {
    "load": "loading",
    "FILE_NAME": "places",
    **dict.fromkeys(("Local", "Network", "Provider", "Run", "Settings", "Store"), "schema"),
    **dict.fromkeys(("VENDORS", "Vendor"), "vendors"),
    **dict.fromkeys(("STRAIGHT", "WayOut"), "ways_out"),
}

__all__ = [
    "FILE_NAME",
    "STRAIGHT",
    "VENDORS",
    "Local",
    "Network",
    "Provider",
    "Run",
    "Settings",
    "Store",
    "Vendor",
    "WayOut",
    "load",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'panvox.settings' has no attribute {name!r}")
    return getattr(import_module(f"panvox.settings.{_HOMES[name]}"), name)
