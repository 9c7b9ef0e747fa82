"""The program of the child process: it serves one GGUF file on 127.0.0.1 until its parent is gone.

Standard input brings an order, one line of JSON, and then nothing but its end, which is the end of the
parent. Standard output carries back one line of JSON, the address, once the model is loaded. Standard error
has the words of the engine. The key of the server travels in the order, where other users cannot see it.

`panvox.providers.local` starts this file by its path: it imports nothing of panvox, so that it starts soon.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict

_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_MOST_THREADS = 8  # without being asked for; more get into each other's way with a small model
_WARNINGS = 2  # verbosity of the engine: what it complains of, but not every call
_REMEMBERED = 256  # tokens that the penalty on repetition looks back on


class Order(TypedDict):
    """What to serve, and for whom.

    `context` is in tokens of each slot; `frequency_penalty` is what a call that names none gets; `parent` is
    a process id.
    """

    weights: str
    model: str
    context: int
    slots: int
    threads: int | None
    frequency_penalty: float
    key: str
    parent: int


def main() -> None:
    """Serve; ends with the parent, or at once if the engine refuses."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which may want to keep on
    report = os.dup(1)
    os.dup2(2, 1)  # whatever libraries print is no report
    line = sys.stdin.buffer.readline()
    if not line:
        return
    order: Order = json.loads(line)
    _end_with(order["parent"])
    watch = threading.Thread(target=_end_with_input, daemon=True)
    watch.start()
    server = _serve(order)
    os.write(report, json.dumps({"address": server.listening_address}).encode() + b"\n")
    os.close(report)
    watch.join()


def _end_with(parent: int) -> None:
    """Let Linux kill this process when its parent dies.

    The end of the input says so everywhere, but cannot be heard while a model is being loaded, since the
    engine holds the interpreter's lock. To Linux the parent is the thread that started us: that of the loop.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)


def _end_with_input() -> None:
    while os.read(
        0, 1024
    ):  # not through sys.stdin, whose lock would abort an interpreter that fails meanwhile
        pass
    os._exit(0)  # without a goodbye to threads of the engine, which may be busy


def _serve(order: Order) -> Any:  # noqa: ANN401 - the engine has no types
    """The engine's server; it listens and the model is loaded when this returns."""
    from xllamacpp import CommonParams, Server  # noqa: PLC0415 - once we are sure to end with the parent

    parameters = CommonParams()
    parameters.model.path = order["weights"]
    parameters.model_alias = {order["model"]}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [order["key"]]
    parameters.n_parallel = order["slots"]
    parameters.n_ctx = order["context"] * order["slots"]
    threads = order["threads"] or _fitting_threads()
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.sampling.penalty_freq = order["frequency_penalty"]
    parameters.sampling.penalty_last_n = _REMEMBERED
    parameters.verbosity = _WARNINGS
    parameters.cache_ram_mib = 0  # else it keeps up to 8 GiB of prompts
    parameters.cache_idle_slots = False
    parameters.ui = False
    parameters.endpoint_slots = False
    try:
        return Server(parameters)
    except RuntimeError:  # says less than the log, into which a traceback would be mixed letter by letter
        sys.exit(1)


def _fitting_threads() -> int:
    """All cores but one: the engine's threads wait for each other at every step, without sleep.

    One thread too many makes it ten times slower, and the parent and its terminal need a core, too.
    """
    return max(1, min(_cores() - 1, _MOST_THREADS))


def _cores() -> int:
    """Cores that this process may use, also in a container."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # not Linux, or "max": no limit
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, max(1, int(quota) // int(period)))
    return cores


if __name__ == "__main__":
    main()
