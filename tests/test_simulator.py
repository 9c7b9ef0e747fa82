"""The simulated fleet, as real clients and raw sockets see it."""

from __future__ import annotations

import asyncio
import io
import json
import re
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.curation.judging.judge import Ruling, ruling, sheet
from panvox.curation.judging.synthesis import Room, prompt_for
from panvox.errors import UsageError
from panvox.settings import load
from panvox.simulator import (
    FAULTS,
    SPELLINGS,
    Fault,
    Fleet,
    Invented,
    Latency,
    SettingsFile,
    VirtualModel,
    VirtualProvider,
    faulty,
    invented,
    listen,
    serve,
    settings_for,
    simulate,
    some_faulty,
)
from panvox.simulator.answers import result_of
from panvox.simulator.chance import seeded
from panvox.simulator.conveyor import Conveyor
from tests.fleets import SWIFT, body, idle, oak, sdk, spoilt, user
from tests.verdicts import answered

# --- with OpenAI's own client ----------------------------------------------------------------------


async def test_a_whole_answer_for_openais_client() -> None:
    async with simulate(oak(VirtualModel("a", latency=SWIFT))) as server, sdk(server) as client:
        reply = await client.chat.completions.create(model="a", messages=user("Twelve chars"))
        assert reply.choices[0].message.content == "Twelve chars"
        assert reply.choices[0].finish_reason == "stop"
        assert reply.model == "a"
        assert reply.usage is not None
        assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (3, 3)


async def test_a_streamed_answer_for_openais_client() -> None:
    text = "A longer text, of more than one event; with ümläuts, 漢字 and \U0001f9ea. " * 5
    async with simulate(oak(VirtualModel("a", latency=SWIFT))) as server, sdk(server) as client:
        stream = await client.chat.completions.create(
            model="a", messages=user(text), stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        said = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert "".join(said) == text
        assert len(said) > 10
        assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens == -(-len(text) // 4)


async def test_an_answer_ends_where_max_tokens_says() -> None:
    async with simulate(oak(VirtualModel("a")), speed=0) as server, sdk(server) as client:
        for name in ("max_tokens", "max_completion_tokens"):
            limit: dict[str, Any] = {name: 2}
            reply = await client.chat.completions.create(model="a", messages=user("0123456789"), **limit)
            assert reply.choices[0].message.content == "01234567"
            assert reply.choices[0].finish_reason == "length"


async def test_the_last_user_message_counts_in_whatever_shape() -> None:
    messages: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "user", "content": [{"type": "text", "text": "sec"}, {"type": "text", "text": "ond"}]},
        {"role": "assistant", "content": "yes?"},
    ]
    async with simulate(oak(VirtualModel("a")), speed=0) as server, sdk(server) as client:
        reply = await client.chat.completions.create(model="a", messages=messages)
        assert reply.choices[0].message.content == "second"


async def test_models_are_listed() -> None:
    fleet = oak(VirtualModel("a"), VirtualModel("meta/llama-3:8b+x"))
    async with simulate(fleet) as server, sdk(server) as client:
        assert [model.id async for model in client.models.list()] == ["a", "meta/llama-3:8b+x"]
        assert (await client.models.retrieve("meta/llama-3:8b+x")).owned_by == "oak"
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("b")


async def test_what_cannot_be_asked_is_declined() -> None:
    fleet = oak(VirtualModel("a", context=8), key="sk-right")
    async with simulate(fleet) as server, sdk(server, key="sk-right") as client:
        with pytest.raises(openai.NotFoundError, match="model `b` does not exist"):
            await client.chat.completions.create(model="b", messages=user("x"))
        with pytest.raises(openai.BadRequestError, match="maximum context length is 8 tokens"):
            await client.chat.completions.create(model="a", messages=user("x" * 33))
        with pytest.raises(openai.BadRequestError, match="empty array"):
            await client.chat.completions.create(model="a", messages=[])
        with pytest.raises(openai.BadRequestError, match="below minimum value"):
            await client.chat.completions.create(model="a", messages=user("x"), max_tokens=-1)
        async with sdk(server, key="sk-wrong") as stranger:
            with pytest.raises(openai.AuthenticationError, match="Incorrect API key"):
                await stranger.chat.completions.create(model="a", messages=user("x"))
            with pytest.raises(openai.AuthenticationError):
                await stranger.models.list()
        assert server.stats().providers["oak"].rejected == {
            "unknown_model": 1,
            "context": 1,
            "invalid": 2,
            "unauthorised": 1,
        }


# --- on raw sockets --------------------------------------------------------------------------------


async def test_other_addresses_say_so() -> None:
    async with simulate(oak(VirtualModel("a"))) as server, aiohttp.ClientSession(server.url) as session:
        for method, path in (
            ("GET", "/oak/v1/chat/completions"),
            ("POST", "/oak/v1/embeddings"),
            ("GET", "/x"),
        ):
            async with session.request(method, path) as reply:
                assert reply.status == 404
                assert (await reply.json())["error"]["code"] == "unknown_url"
        async with session.post("/elm/v1/chat/completions", json=body("a")) as reply:
            assert "No provider called 'elm'" in (await reply.json())["error"]["message"]
        async with session.post("/oak/v1/chat/completions", data=b"{broken") as reply:
            assert (reply.status, (await reply.json())["error"]["type"]) == (400, "invalid_request_error")
        async with session.post("/oak/v1/chat/completions", data=io.BytesIO(bytes(65 * 2**20))) as reply:
            assert (reply.status, (await reply.json())["error"]["code"]) == (413, "request_too_large")
        async with session.get("/") as reply:
            assert f"{server.base_url('oak')}  1 models" in await reply.text()
        with pytest.raises(KeyError):
            server.base_url("elm")


# --- counting --------------------------------------------------------------------------------------


async def test_everything_is_counted_for_all_for_providers_and_for_models() -> None:
    slow = Latency(first_token=0.001, spread=0, slow_share=0, rate=0.001)
    fleet = oak(VirtualModel("a"), VirtualModel("slow", latency=slow))
    async with simulate(fleet) as server, aiohttp.ClientSession(server.url) as session:
        path = "/oak/v1/chat/completions"
        async with session.post(path, json=body("a", text="four")) as reply:
            await reply.read()
        async with session.post(path, json=body("b")) as reply:
            await reply.read()
        async with session.post(path, json=body("slow")) as first, session.post(path, json=body("slow")):
            assert await first.content.readany()
            async with session.get("/stats") as reply:
                counted = await reply.json()
        await idle(server)
        assert (
            counted["total"]["in_flight"] == counted["providers"]["oak"]["models"]["slow"]["in_flight"] == 2
        )
        stats = server.stats()
        oaks = stats.providers["oak"]
        assert stats.total.requests == oaks.requests == 4
        assert stats.total.answered == oaks.answered == oaks.models["a"].answered == 1
        assert stats.total.rejected == oaks.rejected == {"unknown_model": 1}
        assert stats.total.disconnects == oaks.models["slow"].disconnects == 2
        assert stats.total.peak_in_flight == oaks.models["slow"].peak_in_flight == 2
        assert stats.total.in_flight == 0
        assert (oaks.models["a"].prompt_tokens, oaks.models["a"].completion_tokens) == (1, 1)
        async with session.post("/stats/reset") as reply:
            assert (await reply.json())["total"]["requests"] == 0
        assert server.stats().providers["oak"].models["slow"].disconnects == 0


async def test_a_client_that_leaves_is_seen_at_once_and_by_all() -> None:
    async with simulate(spoilt("hang-mid-stream")) as server, aiohttp.ClientSession() as session:
        url = server.base_url("oak") + "/chat/completions"

        async def start() -> aiohttp.ClientResponse:
            return await session.post(url, json=body("hang-mid-stream"))

        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(start()) for _ in range(20)]
        assert server.stats().total.in_flight == 20
        for call in calls:
            call.result().close()
        await idle(server)
        assert server.stats().total.disconnects == 20


async def test_calls_in_flight_are_broken_off_when_the_fleet_closes() -> None:
    async with aiohttp.ClientSession() as session:
        async with simulate(spoilt("hang-mid-stream")) as server:
            reply = await session.post(
                server.base_url("oak") + "/chat/completions", json=body("hang-mid-stream")
            )
            assert await reply.content.readany()
        with pytest.raises(aiohttp.ClientError):
            await reply.content.read()
        reply.close()
        assert (server.stats().total.in_flight, server.stats().total.disconnects) == (0, 0)
        assert repr(server).endswith("1 models, 0 calls in flight>")


# --- times -----------------------------------------------------------------------------------------


def test_a_rerun_repeats_every_time_and_another_prompt_has_others() -> None:
    latency = Latency()
    times = [latency.pace(seeded("seed", prompt)) for prompt in ("a", "a", "b")]
    assert times[0] == times[1] != times[2]
    halved = latency.pace(seeded("seed", "a"), speed=2)
    assert (halved.first, halved.interval) == (times[0].first / 2, times[0].interval / 2)
    none = latency.pace(seeded("seed", "a"), speed=0)
    assert (none.first, none.interval) == (0, 0)


def test_first_tokens_have_a_median_and_a_slow_tail() -> None:
    latency = Latency(first_token=0.5, slow_share=0.1, slow_factor=20)
    firsts = sorted(latency.pace(seeded("tail", index)).first for index in range(2000))
    assert 0.45 < firsts[1000] < 0.6
    slow = sum(first > 3 for first in firsts) / 2000
    assert 0.07 < slow < 0.13


@pytest.mark.looptime
async def test_pieces_leave_at_their_times() -> None:
    loop, conveyor = asyncio.get_running_loop(), Conveyor()
    left: list[tuple[float, bytes]] = []

    async def send(interval: float, *pieces: bytes) -> None:
        start = loop.time()
        await conveyor.carry(
            pieces, interval=interval, write=lambda data: left.append((round(loop.time() - start, 2), data))
        )

    async with asyncio.TaskGroup() as group:
        group.create_task(send(1.0, b"a", b"b", b"c"))
        group.create_task(send(0.7, b"x", b"y"))
    assert left == [(0.7, b"x"), (1.0, b"a"), (1.4, b"y"), (2.0, b"b"), (3.0, b"c")]


@pytest.mark.looptime
async def test_pieces_closer_together_than_a_tick_share_a_write_and_keep_the_rate() -> None:
    loop, conveyor, left = asyncio.get_running_loop(), Conveyor(), list[bytes]()
    start = loop.time()
    await conveyor.carry([b"."] * 1000, interval=0.001, write=left.append)
    assert b"".join(left) == b"." * 1000
    assert len(left) < 700
    assert 0.99 < loop.time() - start < 1.01


@pytest.mark.looptime
async def test_a_cancelled_stream_writes_no_more_and_disturbs_no_other() -> None:
    conveyor, left, others = Conveyor(), list[bytes](), list[bytes]()
    async with asyncio.TaskGroup() as group:
        call = group.create_task(conveyor.carry([b"a", b"b", b"c"], interval=1, write=left.append))
        group.create_task(conveyor.carry([b"x", b"y", b"z"], interval=1, write=others.append))
        await asyncio.sleep(1.5)
        call.cancel()
    assert (left, others) == ([b"a"], [b"x", b"y", b"z"])


@pytest.mark.looptime
async def test_without_an_interval_all_leaves_at_once() -> None:
    conveyor, left = Conveyor(), list[bytes]()
    await conveyor.carry([b"a", b"b"], interval=0, write=left.append)
    await conveyor.carry([], interval=1, write=left.append)
    assert left == [b"ab"]


# --- words -----------------------------------------------------------------------------------------

numbers = st.integers(0, 99_999)


@given(numbers, st.lists(st.tuples(st.sampled_from("+-*"), numbers), min_size=1, max_size=5))
def test_sums_are_worked_out(first: int, rest: list[tuple[str, int]]) -> None:
    text = f"{first}" + "".join(f" {operator} {number}" for operator, number in rest)
    assert result_of(f"What is {text}?") == eval(text)  # noqa: S307 - digits and operators of our own


@pytest.mark.parametrize(
    ("question", "result"),
    [
        ("12 / 4 + 1", 4),
        ("3 × 4", 12),
        ("7 / 2", None),
        ("7 / 0", None),
        ("Is 1013 prime?", None),
        ("1.5 * 2", None),
    ],
)
def test_only_whole_results_are_told(question: str, result: int | None) -> None:
    assert result_of(question) == result


def test_models_are_right_as_often_as_they_should_be_and_wrong_alike() -> None:
    said = [Invented().text(model=f"m{index}", accuracy=0.7, question="17 * 23?") for index in range(400)]
    results = [text.rpartition("The answer is ")[2] for text in said]
    assert 0.62 < results.count("391.") / 400 < 0.78
    assert set(results) == {"391.", "390.", "392.", "381.", "401."}


def test_options_are_chosen_by_letter_and_most_agree() -> None:
    question = "Which one?\nA) red\nB) blue\nC) green"
    said = [Invented().text(model=f"m{index}", accuracy=0.8, question=question) for index in range(100)]
    letters = [re.findall(r"The answer is \(([ABC])\)\.", text)[0] for text in said]
    assert max(map(letters.count, "ABC")) > 70


def test_invented_models_judge_by_the_right_result_and_repeat_the_code() -> None:
    texts = {"A": "The answer is 391.", "B": "The answer is 390."}
    first, second = (answered(f"oak/{letter}", text) for letter, text in texts.items())
    asked = sheet("What is 17 * 23?", first, second, seeded("fences"))
    found = ruling(Invented().text(model="m", accuracy=1, question=asked.prompt.question), asked)
    assert isinstance(found, Ruling)
    assert (found.winner, found.evidence, found.error) == ("oak/A", texts["A"], texts["B"])
    wrong = ruling(Invented().text(model="m", accuracy=0, question=asked.prompt.question), asked)
    assert isinstance(wrong, Ruling)
    assert wrong.winner == "oak/B"


def test_invented_models_write_one_text_that_names_who_says_and_who_contradicts_it() -> None:
    parcel = (
        "[S1] from 9 models:\nStep by step.\n\nThe answer is 391.",
        "[S2] from 2 models:\nThe answer is 390.",
    )
    prompt, code = prompt_for("What is 17 * 23?", parcel, Room.of(None), seeded("fences"))
    said = json.loads(Invented().text(model="m", accuracy=1, question=prompt.question))
    assert said == {
        "code": code,
        "sentences": [
            {"text": "The answer is 391.", "support": ["S1"], "against": ["S2"]},
            {"text": "The answer is 390.", "support": ["S2"], "against": ["S1"]},
        ],
    }


def test_anything_else_is_talked_about_and_the_same_again() -> None:
    talks = [Invented().text(model=name, accuracy=1, question="Why?") for name in ("a", "a", "b")]
    assert talks[0] == talks[1] != talks[2]
    assert Invented(seed=1).text(model="a", accuracy=1, question="Why?") != talks[0]


# --- fleets ----------------------------------------------------------------------------------------


def test_a_seed_makes_a_fleet() -> None:
    fleet = invented(providers=20, models=50, seed=3)
    assert fleet.size == len(set(fleet.names())) == 1000
    assert list(fleet.names()) == list(invented(providers=20, models=50, seed=3).names())
    assert fleet.providers == invented(providers=20, models=50, seed=3).providers
    assert fleet.providers != invented(providers=20, models=50, seed=4).providers
    shared = {name.partition("/")[2] for name in fleet.names()}
    assert 50 < len(shared) < 1000
    facts = {model.name: model.facts for provider in fleet.providers for model in provider.models}
    assert len({fact.prices for fact in facts.values()}) > 100
    assert all(fact.max_output and fact.weights for fact in facts.values())


def test_providers_of_a_fleet_take_turns_with_its_dialects() -> None:
    fleet = invented(providers=5, models=2, dialects=("anthropic", "ollama"))
    spoken = [provider.dialect for provider in fleet.providers]
    assert spoken == ["anthropic", "ollama", "anthropic", "ollama", "anthropic"]
    assert all(name.endswith(":latest") for name in fleet.names() if name.startswith("birch/"))
    with pytest.raises(UsageError, match="no dialect 'klingon'; there are openai, openrouter"):
        invented(dialects=("klingon",))
    with pytest.raises(UsageError, match="no dialect 'gemni'; did you mean gemini"):
        Fleet((VirtualProvider("oak", models=(), dialect="gemni"),))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "at least one provider"),
        (["oak", "oak"], "'oak' is used for more than one provider"),
        (["Oak"], "'Oak' cannot be the name of a provider"),
        (["a/b"], "cannot be the name"),
    ],
)
def test_a_fleet_that_cannot_be_served(names: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Fleet(tuple(VirtualProvider(name, models=()) for name in names))


def test_names_of_models_are_unique_at_a_provider() -> None:
    with pytest.raises(UsageError, match="model of oak"):
        oak(VirtualModel("a"), VirtualModel("a"))
    with pytest.raises(UsageError, match="cannot be the name of a model"):
        oak(VirtualModel("a b"))
    for count in (0, -1):
        with pytest.raises(UsageError, match="nothing to serve"):
            invented(providers=count)


def faults_of(fleet: Fleet) -> list[Fault]:
    return [model.fault for provider in fleet.providers for model in provider.models if model.fault]


def test_a_share_of_the_models_gets_all_faults_in_turn() -> None:
    fleet = invented(providers=10, models=20)
    assert faults_of(some_faulty(fleet, 0)) == []
    third = faults_of(some_faulty(fleet, 1 / 3))
    assert len(third) == 67
    assert {fault.name for fault in third} == {name for name in FAULTS if FAULTS[name].fits("openai")}
    assert len(faults_of(some_faulty(fleet, 1))) == 200
    with pytest.raises(UsageError, match="between 0 and 1, not at 33"):
        some_faulty(fleet, 33)


def test_a_fault_goes_where_the_glob_says() -> None:
    fleet = invented(providers=2, models=4)
    first = next(fleet.names())
    assert faults_of(faulty(fleet, [f"html-200:{first}"])) == [FAULTS["html-200"]]
    assert len(faulty(fleet, ["refusal:alder/*"]).provider("alder").models) == 4
    assert len(faults_of(faulty(fleet, ["refusal:*", "html-502:alder/*"]))) == 8
    with pytest.raises(UsageError, match="did you mean html-200"):
        faulty(fleet, ["html-20:*"])
    with pytest.raises(UsageError, match="--list-faults"):
        faulty(fleet, ["zzz"])
    for nowhere in ("refusal", "refusal:", "refusal:elm/*"):
        with pytest.raises(UsageError, match="matches no model"):
            faulty(fleet, [nowhere])


def test_a_key_is_never_shown() -> None:
    assert "sk-secret" not in repr(oak(VirtualModel("a")).with_key("sk-secret"))


# --- address and settings --------------------------------------------------------------------------


def test_only_this_machine_is_served() -> None:
    for host in ("0.0.0.0", "192.168.1.2", "::"):
        with pytest.raises(UsageError, match="can be reached from other machines"):
            listen(host=host)
    with pytest.raises(UsageError, match="no address of this machine"):
        listen(host="example.org")
    with pytest.raises(UsageError, match="70000 is no port"):
        listen(port=70_000)


def test_a_port_in_use_is_named_with_a_way_out() -> None:
    with listen(host="localhost") as taken, pytest.raises(UsageError) as refused:
        listen(port=taken.getsockname()[1])
    assert re.match(r"port \d+ is in use, .*--port 0 for a free one", str(refused.value))


async def test_time_does_not_run_backwards() -> None:
    with listen() as listener, pytest.raises(UsageError, match="speed of -1"):
        async with serve(oak(VirtualModel("a")), listener, speed=-1):
            pass


def test_the_settings_file_is_one_that_panvox_reads(tmp_path: Path) -> None:
    path = tmp_path / "panvox.toml"
    fleet = invented(providers=3).with_key("sk-virtual")
    SettingsFile(path).write(settings_for(fleet, url="http://127.0.0.1:8899"))
    settings = load(explicit=path, environ={"SIMULATED_API_KEY": "sk-virtual", "OPENAI_API_KEY": "sk-real"})
    assert [provider.base_url for provider in settings.providers] == [
        f"http://127.0.0.1:8899/{name}/v1" for name in ("alder", "birch", "cedar")
    ]
    assert settings.run.models == ("alder/*", "birch/*", "cedar/*")
    assert all(provider.free and provider.key_env == "SIMULATED_API_KEY" for provider in settings.providers)
    assert not settings.local.enabled
    assert "sk-virtual" not in path.read_text()


def test_settings_name_the_dialect_of_each_provider_and_where_it_begins() -> None:
    fleet = invented(providers=len(SPELLINGS), models=1, dialects=tuple(SPELLINGS))
    written = tomllib.loads(settings_for(fleet, url="http://127.0.0.1:8899"))["providers"]
    told = {
        provider.dialect: (section.get("dialect"), section["base_url"].rpartition(provider.name)[2])
        for provider, section in zip(fleet.providers, written, strict=True)
    }
    assert told == {
        "openai": (None, "/v1"),
        "openrouter": (None, "/api/v1"),
        **dict.fromkeys(
            ("together", "groq", "cerebras", "mistral", "vllm", "cherry-v1", "cherry-v2"), (None, "/v1")
        ),
        "responses": ("responses", "/v1"),
        "anthropic": ("anthropic", "/v1"),
        "gemini": ("gemini", "/v1beta"),
        "ollama": ("ollama", ""),
        "cherry": ("cherry", "/v1"),
    }


def test_a_settings_file_of_somebodys_own_stays(tmp_path: Path) -> None:
    path = tmp_path / "panvox.toml"
    path.write_text("[run]\ndeadline = 5\n")
    with pytest.raises(UsageError, match=r"not written by the simulator.*--settings"):
        SettingsFile(path).write(settings_for(invented(), url="http://127.0.0.1:1"))
    assert path.read_text() == "[run]\ndeadline = 5\n"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not written by the simulator"):
        SettingsFile(path).check()
    link = tmp_path / "link.toml"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="not written by the simulator"):
        SettingsFile(link).check()


def test_a_settings_file_of_the_simulator_is_replaced_and_only_its_own_removed(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "panvox.toml")
    old, new = (settings_for(invented(), url=f"http://127.0.0.1:{port}") for port in (1, 2))
    file.write(old)
    file.write(new)
    file.remove(old)
    assert file.path.read_text() == new
    file.remove(new)
    assert not file.path.exists()
    file.remove(new)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        SettingsFile(tmp_path / "nowhere" / "panvox.toml").write("")


# --- the command -----------------------------------------------------------------------------------

PANVOX = [sys.executable, "-m", "panvox", "simulate"]


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PANVOX, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_stopped(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [*PANVOX, "--port", "0", "--faulty", "0.5", "--limit", "requests=1/minute"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        try:
            lines = list(iter(process.stdout.readline, "  panvox ask 'What is 17 * 23?'\n"))
            assert lines[0].startswith(
                "Serving 8 providers with 80 models, 40 of them faulty, at http://127.0.0.1:"
            )
            settings = load(explicit=tmp_path / "panvox.toml", environ={})
            assert settings.providers[0].base_url == f"{lines[0].split()[-1]}/alder/v1"
            with socket.create_connection(
                ("127.0.0.1", int(lines[0].rpartition(":")[2])), timeout=10
            ) as wire:
                wire.sendall(
                    b"POST /alder/v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
                )
                assert wire.recv(65536).startswith(b"HTTP/1.1 400 ")
            process.send_signal(number)
            summary = process.stdout.read()
        finally:
            process.kill()
    assert summary.startswith("1 call in ")
    assert "1 rejected" in summary
    assert not (tmp_path / "panvox.toml").exists()


def test_the_command_ends_with_success_and_may_keep_the_settings(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*PANVOX, "--port", "0", "--keep-settings", "--settings", "fleet.toml", "--key", "sk-virtual"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        hint = "  SIMULATED_API_KEY=… panvox ask --settings fleet.toml 'What is 17 * 23?'\n"
        assert "sk-virtual" not in "".join(iter(process.stdout.readline, hint))
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert (tmp_path / "fleet.toml").read_text().startswith("# Written by `panvox simulate`")


def test_the_command_refuses_with_a_sentence_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "panvox.toml").write_text("[run]\n")
    with listen() as taken:
        port = str(taken.getsockname()[1])
        cases = {
            ("--port", port, "--no-settings"): f"port {port} is in use",
            ("--port", "0"): "panvox.toml was not written by the simulator",
            ("--host", "0.0.0.0"): "can be reached from other machines",
            ("--limit", "60"): "'60' is no limit",
            ("--fault", "html-20:*"): "did you mean html-200?",
            ("--list-prompts", "3"): "--list-prompts needs --replay",
            ("--replay", "nowhere"): "there is no folder nowhere",
        }
        for arguments, message in cases.items():
            done = run(*arguments, cwd=tmp_path)
            assert (done.returncode, message in done.stderr) == (2, True), done.stderr


def test_the_command_lists_every_fault(tmp_path: Path) -> None:
    lines = run("--list-faults", cwd=tmp_path).stdout.splitlines()
    assert [tuple(line.split()[:2]) for line in lines] == [
        (fault.name, fault.expects or "answered") for fault in FAULTS.values()
    ]


def test_the_command_lists_every_dialect_and_serves_those_that_are_named(tmp_path: Path) -> None:
    lines = run("--list-dialects", cwd=tmp_path).stdout.splitlines()
    assert [tuple(line.split()[:2]) for line in lines] == [
        (name, spelling.dialect) for name, spelling in SPELLINGS.items()
    ]
    done = run("--dialect", "antropic", "--port", "0", cwd=tmp_path)
    assert (done.returncode, "did you mean anthropic?" in done.stderr) == (2, True)


@pytest.mark.data
def test_the_command_lists_prompts_to_try(recorded: Path, tmp_path: Path) -> None:
    done = run("--replay", str(recorded), "--list-prompts", "3", cwd=tmp_path)
    assert len(done.stdout.splitlines()) == 3


def test_every_option_and_fault_is_documented() -> None:
    page = (Path(__file__).parents[1] / "docs" / "simulator.md").read_text()
    help_page = run("--help", cwd=Path.cwd()).stdout
    options = set(re.findall(r"--[a-z-]+", help_page))
    assert [option for option in sorted(options) if f"`{option}" not in page] == []
    assert [name for name in SPELLINGS if f"| `{name}` |" not in page] == []
    for fault in FAULTS.values():
        assert f"| `{fault.name}` | {fault.expects or 'answered'} |" in page
