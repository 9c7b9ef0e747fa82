"""A fleet of virtual providers on this machine: the staging environment, and what the tests ask.

    fleet · latency · limits · faults   what is served, as values
    invention                           fleets that are made up, or recorded
    answers · replay                    what the models say: made up, or recorded
    offer · exchange                    lists, calls and answers, in nobody's spelling
    spelling · spellings                the seam of the dialects, and the dialects
    reception · stats                   a call, its limits, its place in the counts
    conveyor · delivery · bombs         times, and ways of a reply
    listener · server                   connections, routes
    settings_file                       the settings that make panvox ask the fleet

Another dialect is a module in `spellings`, a line in its table, and a table of deviations in `faults`.
"""

from panvox.simulator.answers import Answers, Invented
from panvox.simulator.faults import FAULTS, Fault, find_fault
from panvox.simulator.fleet import (
    Fleet,
    Outage,
    Tells,
    VirtualModel,
    VirtualProvider,
    faulty,
    some_faulty,
    with_outages,
)
from panvox.simulator.invention import invented, replayed
from panvox.simulator.latency import Latency
from panvox.simulator.limits import Kind, Limits, Window, parse_limits
from panvox.simulator.listener import listen, url_of
from panvox.simulator.offer import Facts, Prices
from panvox.simulator.replay import Recording
from panvox.simulator.server import Simulator, serve, simulate
from panvox.simulator.settings_file import KEY_VARIABLE, SettingsFile, settings_for
from panvox.simulator.spellings import SPELLINGS, find_spelling
from panvox.simulator.stats import ProviderTally, Stats, Tally

__all__ = [
    "FAULTS",
    "KEY_VARIABLE",
    "SPELLINGS",
    "Answers",
    "Facts",
    "Fault",
    "Fleet",
    "Invented",
    "Kind",
    "Latency",
    "Limits",
    "Outage",
    "Prices",
    "ProviderTally",
    "Recording",
    "SettingsFile",
    "Simulator",
    "Stats",
    "Tally",
    "Tells",
    "VirtualModel",
    "VirtualProvider",
    "Window",
    "faulty",
    "find_fault",
    "find_spelling",
    "invented",
    "listen",
    "parse_limits",
    "replayed",
    "serve",
    "settings_for",
    "simulate",
    "some_faulty",
    "url_of",
    "with_outages",
]
