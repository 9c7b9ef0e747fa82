"""The model on this machine answers, and its process ends with us, however we end."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from panvox.dialects.openai import OpenAI
from panvox.errors import InvalidRequest, LocalUnavailable, TooLarge, Truncated, Unauthorised
from panvox.messages import Answer, End, Fold, ImagePart, Message, Prompt, ReplyBegan, Text, TextPart
from panvox.protocols import Model
from panvox.providers import local_server
from panvox.providers.http import HttpModel
from panvox.providers.local import LocalModel, LocalServer
from panvox.providers.transport import HttpTransport
from panvox.testing import check_model

CAPITAL = "What is the capital of France?"
STORY = Prompt.of("Write a long story about a fox.")

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

# An engine that loads nothing, repeats what it was asked, and dies as it is told.
ENGINE = """
import http.server, json, os, pathlib, sys, threading, types


class CommonParams(types.SimpleNamespace):
    def __init__(self):
        part = types.SimpleNamespace
        super().__init__(model=part(), sampling=part(), cpuparams=part(), cpuparams_batch=part())


class Server:
    def __init__(self, parameters):
        told = pathlib.Path(parameters.model.path).read_bytes()
        exec(told[6:] if told.startswith(b"GGUF #") else "")

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                said = json.dumps({"asked": asked, "headers": dict(self.headers), "served": vars(parameters)},
                                  default=lambda value: sorted(value) if type(value) is set else vars(value))
                choice = {"index": 0, "delta": {"content": said}, "finish_reason": "stop"}
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.wfile.write(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\\n\\n")

            def log_message(self, *about):
                pass

        server = http.server.ThreadingHTTPServer((parameters.hostnames[0], parameters.port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.listening_address = f"http://127.0.0.1:{server.server_port}"
"""


@pytest.fixture
def pretended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights for the pretended engine, which does what comes after the `#` in them."""
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / "xllamacpp.py").write_text(ENGINE)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    weights = tmp_path / "small.gguf"
    engine_will(weights, "")
    return weights


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    async with HttpTransport() as opened:
        yield opened


async def ask(model: Model, prompt: Prompt | str) -> Answer:
    fold = Fold()
    async with model.stream(Prompt.of(prompt) if isinstance(prompt, str) else prompt) as events:
        async for event in events:
            fold.add(event)
    return fold.answer


async def ask_all(models: list[LocalModel], prompt: Prompt | str) -> list[Answer | BaseException]:
    """What each says, or raises; all are asked at the same time."""

    async def outcome(model: LocalModel) -> Answer | BaseException:
        try:
            return await ask(model, prompt)
        except LocalUnavailable as failure:
            return failure

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(outcome(model)) for model in models]
    return [task.result() for task in tasks]


def samples(server: LocalServer, transport: HttpTransport, *, max_tokens: int = 512) -> list[LocalModel]:
    return [
        LocalModel(name=f"local#{n}", server=server, transport=transport, sample=n, max_tokens=max_tokens)
        for n in range(5)
    ]


def children() -> list[int]:
    """Our children that serve a model; zombies are among them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status, command = (folder / "status").read_text(), (folder / "cmdline").read_text()
        except OSError:
            continue
        ours = f"PPid:\t{os.getpid()}\n" in status
        if ours and ("local_server" in command or "State:\tZ" in status):
            found.append(int(folder.name))
    return found


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def engine_will(weights: Path, deed: str) -> None:
    weights.write_text(f"GGUF #{deed}")


# --- answers -----------------------------------------------------------------------------------------


@pytest.mark.local
@linux
async def test_five_samples_answer_a_real_prompt_from_one_child(transport: HttpTransport) -> None:
    async with LocalServer() as server:
        assert children() == []
        models = samples(server, transport, max_tokens=12)
        answers = await ask_all(models, CAPITAL)
        assert children() == [server.pid]
        for answer in answers:
            assert isinstance(answer, Answer)
            assert answer.text
            assert answer.finish is not None
            assert answer.model == "SmolLM2-135M-Instruct.Q4_1"
            assert answer.usage is not None
            assert 20 < answer.usage.prompt_tokens < 60
            assert 0 < answer.usage.completion_tokens <= 12
        greedy = answers[0]
        assert isinstance(greedy, Answer)
        assert "Paris" in greedy.text
        assert len({answer.text for answer in answers if isinstance(answer, Answer)}) > 1

        first, *_ = models
        with pytest.raises(TooLarge, match="context size"):
            await ask(first, "word " * 3000)
        picture = Prompt(messages=(Message("user", (TextPart("What is it?"), ImagePart("data:,"))),))
        with pytest.raises(InvalidRequest):
            await ask(first, picture)
        child = await server.started()
        stranger = HttpModel(
            name="stranger",
            model=child.model,
            dialect=OpenAI(),
            transport=transport,
            base_url=child.base_url,
            key="guessed",
        )
        with pytest.raises(Unauthorised):
            await ask(stranger, CAPITAL)
        assert child.key not in repr(server) + repr(child) + repr(first)
        assert child.key not in command_of(child.pid)
    assert server.pid is None
    assert children() == []


@pytest.mark.local
@linux
async def test_the_local_model_keeps_the_promises_of_a_model(
    transport: HttpTransport, tmp_path: Path
) -> None:
    async with LocalServer(slots=2) as server, LocalServer(weights=tmp_path / "none.gguf") as broken:

        async def at_rest() -> bool:
            child = await server.started()
            return await asyncio.to_thread(open_connections, child.base_url) == 0

        await check_model(
            answering=LocalModel(name="short", server=server, transport=transport, max_tokens=4),
            failing=LocalModel(name="none", server=broken, transport=transport),
            endless=LocalModel(name="long", server=server, transport=transport),
            at_rest=at_rest,
            prompt=STORY,
        )


def open_connections(base_url: str) -> int:
    found = re.search(r":(\d+)/", base_url)
    assert found is not None
    ends = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    port = f":{int(found[1]):04X}"
    return sum(fields[2].endswith(port) and fields[3] == "01" for fields in ends)


@pytest.mark.local
async def test_leaving_a_stream_stops_the_engine(transport: HttpTransport) -> None:
    async with LocalServer(slots=1, context=8192) as server:
        endless = LocalModel(name="long", server=server, transport=transport, max_tokens=8000)
        async with endless.stream(STORY) as events:
            assert isinstance(await anext(events), ReplyBegan)
            assert isinstance(await anext(events), Text)
        async with asyncio.timeout(60):  # the only slot would be taken for minutes
            assert (await ask(endless, Prompt.of(CAPITAL, max_tokens=2))).text


@pytest.mark.local
async def test_a_child_that_dies_fails_its_callers_and_the_next_call_starts_another(
    transport: HttpTransport,
) -> None:
    async with LocalServer() as server:
        model = LocalModel(name="local", server=server, transport=transport)
        async with model.stream(STORY) as events:
            assert isinstance(await anext(events), ReplyBegan)
            assert isinstance(await anext(events), Text)
            os.kill((await server.started()).pid, signal.SIGKILL)
            with pytest.raises(Truncated):
                assert not [event async for event in events if isinstance(event, End)]
        assert (await ask(model, Prompt.of(CAPITAL, max_tokens=8))).text


# --- what is asked -------------------------------------------------------------------------------------


async def test_samples_differ_by_seed_and_temperature(transport: HttpTransport, pretended: Path) -> None:
    async with LocalServer(weights=pretended, context=512, slots=3, threads=2) as server:
        answers = await ask_all(samples(server, transport, max_tokens=99), CAPITAL)
        told = [json.loads(answer.text) for answer in answers if isinstance(answer, Answer)]
        asked = [(t["asked"]["seed"], t["asked"]["temperature"], t["asked"]["max_tokens"]) for t in told]
        assert asked == [(0, 0.0, 99), (1, 0.4, 99), (2, 0.4, 99), (3, 0.4, 99), (4, 0.4, 99)]
        assert [m["role"] for m in told[0]["asked"]["messages"]] == ["user"]
        assert told[0]["headers"]["Connection"] == "close"
        served = told[0]["served"]
        assert told[0]["headers"]["Authorization"] == f"Bearer {served['api_keys'][0]}"
        assert len(served["api_keys"][0]) >= 32
        assert served["hostnames"] == ["127.0.0.1"]
        assert (served["n_ctx"], served["n_parallel"], served["model_alias"]) == (1536, 3, ["small"])
        assert served["cpuparams"]["n_threads"] == 2

        own = Prompt(messages=Prompt.of(CAPITAL).messages, temperature=0.9, seed=70, max_tokens=3)
        mine = json.loads((await ask(samples(server, transport)[4], own)).text)["asked"]
        assert (mine["seed"], mine["temperature"], mine["max_tokens"]) == (74, 0.9, 3)


@pytest.mark.usefixtures("pretended")
async def test_the_installed_model_gets_a_system_message_unless_there_is_one(
    transport: HttpTransport,
) -> None:
    async with LocalServer() as server:
        model = LocalModel(name="local", server=server, transport=transport)
        plain = json.loads((await ask(model, CAPITAL)).text)
        assert [m["role"] for m in plain["asked"]["messages"]] == ["system", "user"]
        assert plain["served"]["sampling"]["penalty_freq"] > 0
        own = json.loads((await ask(model, Prompt.of(CAPITAL, system="Be short."))).text)
        assert [m["content"] for m in own["asked"]["messages"]] == ["Be short.", CAPITAL]


# --- starting ------------------------------------------------------------------------------------------


async def test_a_server_that_nobody_asks_starts_nothing() -> None:
    async with LocalServer() as server:
        assert server.pid is None
        assert repr(server) == "LocalServer(not running, slots=5, context=2048)"
    with pytest.raises(RuntimeError, match="was left"):
        await server.started()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, r"none\.gguf cannot be read: No such file"),
        (b"no model at all", r"none\.gguf are no GGUF file"),
        pytest.param(b"GGUF, says it", "ended with status 1: .*version", marks=pytest.mark.local),
    ],
)
async def test_bad_weights_are_told_to_everybody_who_waits(
    transport: HttpTransport, tmp_path: Path, content: bytes | None, words: str
) -> None:
    weights = tmp_path / "none.gguf"
    if content is not None:
        weights.write_bytes(content)
    async with LocalServer(weights=weights) as server:
        outcomes = await ask_all(samples(server, transport), CAPITAL)
        for outcome in outcomes:
            assert isinstance(outcome, LocalUnavailable)
            assert re.search(words, str(outcome)), outcome
            assert outcome.fault.hint
        assert server.pid is None


@pytest.mark.parametrize(
    ("deed", "words", "hint"),
    [
        ("os.kill(os.getpid(), 4)", "instructions that the processor lacks", "local.enabled"),
        ("os.kill(os.getpid(), 9)", "was killed, as happens when memory runs out", "local.context"),
        ("os.kill(os.getpid(), 11)", "ended by SIGSEGV", "local install"),
        ("raise MemoryError('no room')", "ended with status 1: MemoryError: no room", "local install"),
        ("print('0.1 E cause\\n0.2 E effect', file=sys.stderr); sys.exit(3)", "status 3: cause", "local"),
    ],
)
async def test_an_engine_that_dies_at_its_start_is_explained(
    transport: HttpTransport, pretended: Path, deed: str, words: str, hint: str
) -> None:
    engine_will(pretended, deed)
    async with LocalServer(weights=pretended) as server:
        model = LocalModel(name="local", server=server, transport=transport)
        with pytest.raises(LocalUnavailable, match=words) as caught:
            await ask(model, CAPITAL)
        assert hint in caught.value.fault.hint
        engine_will(pretended, "")
        assert (await ask(model, CAPITAL)).text


@linux
async def test_weights_that_take_for_ever_to_load_are_given_up(
    transport: HttpTransport, pretended: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("panvox.providers.local._LOADING", 0.2)
    engine_will(pretended, "threading.Event().wait()")
    async with LocalServer(weights=pretended) as server:
        for outcome in await ask_all(samples(server, transport), CAPITAL):
            assert isinstance(outcome, LocalUnavailable)
            assert str(outcome) == "The model small was not loaded after 0.2 s."
        assert children() == []


async def test_an_engine_that_is_not_installed_is_named(
    transport: HttpTransport, pretended: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    async with LocalServer(weights=pretended) as server:
        model = LocalModel(name="local", server=server, transport=transport)
        with pytest.raises(LocalUnavailable, match="xllamacpp, is not installed") as caught:
            await ask(model, CAPITAL)
    assert "panvox local install" in caught.value.fault.hint


@linux
async def test_who_gives_up_waiting_leaves_the_child_to_the_others(
    transport: HttpTransport, pretended: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    engine_will(pretended, f"open({str(gate)!r}).read()")
    async with LocalServer(weights=pretended) as server, asyncio.TaskGroup() as group:
        patient, hasty = (group.create_task(ask(model, CAPITAL)) for model in samples(server, transport)[:2])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await hasty
        assert hasty.cancelled()
        assert children() == [server.pid]
        await asyncio.to_thread(gate.write_text, "go on")
        assert (await patient).text


# --- ending --------------------------------------------------------------------------------------------

PARENT = """
import asyncio, sys
from pathlib import Path
from panvox.providers.local import LocalServer

async def main():
    async with LocalServer(weights=Path(sys.argv[1]) if sys.argv[1:] else None) as server:
        if not sys.argv[1:]:
            await server.started()
            print(server.pid, flush=True)
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(server.started())
            while server.pid is None:
                await asyncio.sleep(0.001)
            print(server.pid, flush=True)

asyncio.run(main())
"""


@linux
@pytest.mark.parametrize("loaded", [pytest.param(True, marks=pytest.mark.local), False])
def test_a_killed_parent_takes_its_child_along(pretended: Path, *, loaded: bool, monkeypatch) -> None:
    engine_will(pretended, "threading.Event().wait()")
    if loaded:
        monkeypatch.delenv("PYTHONPATH")
    arguments = [] if loaded else [str(pretended)]
    with subprocess.Popen([sys.executable, "-c", PARENT, *arguments], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    assert select.select([child], [], [], 2.0)[0], "the child outlived its parent by two seconds"
    os.close(child)


def program(order: dict[str, object]) -> subprocess.Popen[bytes]:
    """The program of the child, with an order."""
    process = subprocess.Popen(
        [sys.executable, "-P", local_server.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(order).encode() + b"\n")
    process.stdin.flush()
    return process


def order(weights: Path, *, parent: int) -> dict[str, object]:
    return {
        "weights": str(weights),
        "model": "small",
        "context": 128,
        "slots": 1,
        "threads": None,
        "frequency_penalty": 0.0,
        "key": "key",
        "parent": parent,
    }


def test_the_end_of_its_input_ends_the_program(pretended: Path) -> None:
    with program(order(pretended, parent=os.getpid())) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["address"].startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)  # Ctrl-C reaches the whole group; it is not for the child
        assert process.poll() is None
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=2) == 0


@linux
def test_an_orphan_does_not_even_start(pretended: Path) -> None:
    with program(order(pretended, parent=1)) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b""
        assert process.wait(timeout=2) == 1


def test_without_an_order_the_program_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-P", local_server.__file__],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=10,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_program_imports_nothing_of_panvox() -> None:
    code = f"import runpy, sys; runpy.run_path({local_server.__file__!r}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [
        name for name in loaded.stdout.split() if name.startswith(("panvox", "xllamacpp", "asyncio"))
    ] == []
