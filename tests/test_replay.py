"""Recorded answers, replayed by a fleet of the models that gave them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
import zstandard

from panvox.errors import UsageError
from panvox.simulator import (
    Recording,
    replayed,
    simulate,
)
from panvox.simulator.replay import family
from tests.fleets import body, sdk, user


@pytest.fixture(scope="module")
def recording(recorded: Path) -> Recording:
    return Recording.load(recorded)


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        yield from map(json.loads, zstandard.ZstdDecompressor().stream_reader(file).read().splitlines())


@pytest.mark.data
async def test_all_recorded_models_say_exactly_what_they_said(recorded: Path, recording: Recording) -> None:
    prompts = {
        row["prompt_id"]: row["prompt"] for row in rows(recorded / "alpaca_eval" / "prompts.jsonl.zst")
    }
    chosen = list(prompts)[7]
    with (recorded / "alpaca_eval" / "responses.jsonl.zst").open("rb") as file:
        start = zstandard.ZstdDecompressor().stream_reader(file).read(20 * 2**20)
    responses = [json.loads(line) for line in start.splitlines()[:-1] if chosen.encode() in line[:40]]
    truth = {row["model"]: row["text"] for row in responses}
    assert len(truth) == len(recording.models) == 228

    fleet, said = replayed(recording), dict[str, str]()
    async with simulate(fleet, speed=0) as server, aiohttp.ClientSession() as session:

        async def ask(provider: str, model: str) -> None:
            url = server.base_url(provider) + "/chat/completions"
            async with session.post(url, json=body(model, text=prompts[chosen])) as reply:
                events = (await reply.text()).split("\n\n")
            chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
            deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
            said[model] = "".join(delta.get("content", "") for delta in deltas)

        async with asyncio.TaskGroup() as group:
            for name in fleet.names():
                provider, _, model = name.partition("/")
                group.create_task(ask(provider, model))
        assert server.stats().total.answered == 228
    assert said == truth


@pytest.mark.data
async def test_a_prompt_is_known_by_its_words_and_no_other_is(recording: Recording) -> None:
    fleet = replayed(recording)
    prompt = "  ".join(recording.prompts[0].split()) + "\n"
    async with simulate(fleet, speed=0) as server, sdk(server, provider="claude") as client:
        reply = await client.chat.completions.create(model="claude-2", messages=user(prompt))
        assert reply.choices[0].message.content
        with pytest.raises(openai.UnprocessableEntityError, match="recorded set 'alpaca_eval' has no such"):
            await client.chat.completions.create(model="claude-2", messages=user("What is 17 * 23?"))
        assert server.stats().total.rejected == {"unprocessable": 1}


@pytest.mark.data
def test_examples_are_prompts_on_one_line_that_are_found_again(recording: Recording) -> None:
    examples = recording.examples(10)
    assert len(set(examples)) == 10
    for example in examples:
        assert "\n" not in example
        assert recording.text(model="gpt4", accuracy=1, question=example)
    assert len(recording.examples(1000)) == len(recording.prompts)


@pytest.mark.data
def test_a_set_that_is_not_there_names_those_that_are(recorded: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no recorded set 'alpaca'.*it holds alpaca_eval"):
        Recording.load(recorded, name="alpaca")
    with pytest.raises(UsageError, match="holds no recorded set"):
        Recording.load(tmp_path)
    with pytest.raises(UsageError, match="there is no folder"):
        Recording.load(tmp_path / "nowhere")


def pack(folder: Path, **tables: list[dict[str, str]]) -> Path:
    """A small set called `small` in `folder`."""
    (folder / "small").mkdir()
    for name, table in tables.items():
        data = "\n".join(map(json.dumps, table)).encode()
        (folder / "small" / f"{name}.jsonl.zst").write_bytes(zstandard.compress(data))
    return folder


def test_a_model_without_an_answer_has_nothing_to_say(tmp_path: Path) -> None:
    folder = pack(
        tmp_path,
        models=[{"model": "a"}, {"model": "b"}],
        prompts=[{"prompt_id": "1", "prompt": "One?"}, {"prompt_id": "2", "prompt": "Two?"}],
        responses=[{"prompt_id": "1", "model": "a", "text": "one"}],
    )
    recording = Recording.load(folder, name="small")
    assert recording.text(model="a", accuracy=1, question=" One?") == "one"
    for question in ("One?", "Two?"):
        with pytest.raises(Exception, match="has no answer of 'b'"):
            recording.text(model="b", accuracy=1, question=question)


def test_a_damaged_set_is_named(tmp_path: Path) -> None:
    folder = pack(tmp_path, models=[{"model": "a"}], prompts=[{"prompt": "no id"}], responses=[])
    with pytest.raises(UsageError, match="cannot be read: Object missing required field"):
        Recording.load(folder, name="small")
    (folder / "small" / "models.jsonl.zst").write_bytes(b"not packed")
    with pytest.raises(UsageError, match="cannot be read"):
        Recording.load(folder, name="small")


def test_families_share_a_provider() -> None:
    names = (
        "gpt4_0613",
        "claude-2.1",
        "claude2-alpaca-13b",
        "Qwen1.5-7B-Chat",
        "zephyr-7b-beta",
        "Yi-34B-Chat",
    )
    assert [family(name) for name in names] == ["gpt", "claude", "llama", "qwen", "mistral", "yi"]
    assert family("phi-2").startswith("others-")
