"""Settings: one frozen value out of files and environment; the only reader of the environment."""

from panvox.settings.load import FILE_NAME, load
from panvox.settings.schema import Local, Network, Provider, Run, Settings, Store
from panvox.settings.vendors import VENDORS, Vendor

__all__ = [
    "FILE_NAME",
    "VENDORS",
    "Local",
    "Network",
    "Provider",
    "Run",
    "Settings",
    "Store",
    "Vendor",
    "load",
]
