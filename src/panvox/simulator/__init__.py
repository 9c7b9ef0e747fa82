"""A fleet of virtual providers on this machine: the staging environment, and what the tests ask.

    fleet · latency · limits · faults   what is served, as values
    answers · replay                    what the models say: made up, or recorded
    exchange · openai                   calls and answers, and how OpenAI's API spells them
    reception · stats                   a call, its limits, its place in the counts
    conveyor · delivery · server        times, connections, routes
    settings_file                       the settings that make panvox ask the fleet

A second dialect is a module beside `openai`, and a table of its own deviations in `faults`.
"""

from panvox.simulator.answers import Answers, Invented
from panvox.simulator.faults import FAULTS, Fault, find_fault
from panvox.simulator.fleet import (
    Fleet,
    VirtualModel,
    VirtualProvider,
    faulty,
    invented,
    replayed,
    some_faulty,
)
from panvox.simulator.latency import Latency
from panvox.simulator.limits import Kind, Limits, Window, parse_limits
from panvox.simulator.replay import Recording
from panvox.simulator.server import Simulator, listen, serve, simulate, url_of
from panvox.simulator.settings_file import KEY_VARIABLE, SettingsFile, settings_for
from panvox.simulator.stats import ProviderTally, Stats, Tally

__all__ = [
    "FAULTS",
    "KEY_VARIABLE",
    "Answers",
    "Fault",
    "Fleet",
    "Invented",
    "Kind",
    "Latency",
    "Limits",
    "ProviderTally",
    "Recording",
    "SettingsFile",
    "Simulator",
    "Stats",
    "Tally",
    "VirtualModel",
    "VirtualProvider",
    "Window",
    "faulty",
    "find_fault",
    "invented",
    "listen",
    "parse_limits",
    "replayed",
    "serve",
    "settings_for",
    "simulate",
    "some_faulty",
    "url_of",
]
