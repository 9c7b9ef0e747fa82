"""`panvox limits`: what is set, by whom, what was learnt, how old that is, and what is used."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from panvox.cli import app
from panvox.limits.learnt_file import LearntFile
from panvox.limits.lessons import Lesson
from panvox.limits.standings import Entries, Live, LiveScope
from panvox.limits.valkey import ValkeyPool
from panvox.protocols import Demand, Limits, Scope, Window
from panvox.settings.places import learnt_limits_file
from tests.valkey import Valkey, valkey

__all__ = ["valkey"]

SETTINGS = """
[local]
enabled = false

[[providers]]
id = "openai"
account_limits = {tokens = "90000/minute"}

[[providers]]
id = "groq"
limits = {requests = ["30/minute", "14400/day"]}
keys = [{env = "GROQ_A", account = "one"}, {env = "GROQ_B", label = "b", account = "two"}]
key_limits = {slots = 3}

[models."*/gpt-5*".limits]
slots = 2
"""
ACCOUNT = Scope("account", "openai/main")
MODEL = Scope("model", "groq/llama-4")


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "panvox.toml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def file() -> LearntFile:
    file = LearntFile(learnt_limits_file(), max_age=1e6)
    now = time.time()
    account = (
        Lesson(matter="requests", amount=9_000, seconds=60.0, at=now - 7200),
        Lesson(matter="requests", amount=10_000, seconds=60.0, at=now - 10_800, told=True),
        Lesson(matter="worked", amount=14, at=now - 7200),
    )
    model = (
        Lesson(matter="pause", amount=now + 7_230, at=now - 86_400),
        Lesson(matter="spacing", amount=0.25, at=now - 86_400),
    )
    used = Entries(scope=MODEL, unit="requests", seconds=86_400.0, log=((now - 60, 7), (now - 50, 5)))
    file.save({ACCOUNT: account, MODEL: model}, (used,), now=now)
    return file


def shown(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = app.run(["limits", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_table_shows_what_is_set_by_whom_what_is_used_and_what_was_learnt(
    file: LearntFile, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = shown(capsys=capsys)
    assert (code, err) == (0, "")
    assert out == snapshot("""\
scope                limit               set  by        used  learnt              age
model */gpt-5*       slots                 2  settings
provider groq        requests/minute      30  settings
                     requests/day     14,400  settings
key groq/GROQ_A      slots                 3  settings
key groq/b           slots                 3  settings
model groq/llama-4   pause                                    2 h more            1 d
                     spacing                                  0.25 s              1 d
                     requests/day                         12
account openai/main  requests/minute     500  shipped         9,000, 10,000 told  2 h
                     tokens/minute    90,000  settings
                     slots                10  shipped         14 worked           2 h
""")


def test_the_table_shows_what_is_on_its_way_what_waits_and_what_is_left_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = time.time()
    account = LiveScope(scope=ACCOUNT, slots=6, waiting=12)
    for _ in range(2):
        LearntFile(learnt_limits_file(), max_age=1e6).save({}, live=Live(scopes=(account,)), now=now)
    paused = Live(
        scopes=(LiveScope(scope=MODEL, paused_until=now + 90.4),),
        circuits={"groq/llama-4 (b)": now + 30.4, "openai/gpt-5 (main)": now - 1},
    )
    LearntFile(learnt_limits_file(), max_age=1e6).save({}, live=paused, now=now)
    code, out, err = shown("groq/llama-4", "openai", capsys=capsys)
    assert (code, err) == (0, "")
    assert out == snapshot("""\
scope                      limit               set  by        used  learnt               waiting
model groq/llama-4         pause                              90 s
account openai/main        requests/minute     500  shipped                                   24
                           tokens/minute    90,000  settings
                           slots                10  shipped     12
model groq/llama-4 (b)     left alone                         30 s  it failed too often
model openai/gpt-5 (main)  left alone                          0 s  it failed too often
""")
    lines = [json.loads(line) for line in shown("openai", "--json", capsys=capsys)[1].splitlines()]
    assert (lines[0]["on_their_way"], lines[0]["waiting"], lines[0]["paused"]) == (12, 24, 0)
    assert lines[1] == {"circuit": "openai/gpt-5 (main)", "seconds": 0.0}


async def test_where_limits_are_shared_the_use_of_all_processes_is_shown(
    valkey: Valkey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "panvox.toml").write_text(f'{SETTINGS}\n[limits]\nurl = "{valkey.url}"\n')
    limits = {ACCOUNT: Limits(windows=(Window("requests", 500, 60.0),), slots=10)}
    async with ValkeyPool(valkey.url) as pool:
        for call in "abc":
            assert await pool.take(call, Demand(scopes=(ACCOUNT,), model="openai/gpt-5"), limits) is None
        pool.pause(Scope("model", "groq/llama-4"), 100.4)
        await pool.mark("openai/gpt-5 (main)", 50.4)
        await pool.marked("all is said")
        code, out, err = await asyncio.to_thread(shown, "openai", "groq/llama-4", capsys=capsys)
        assert await pool.take("d", Demand(scopes=(ACCOUNT,), model="openai/gpt-5"), limits) is None
        assert pool.share() == 1
    assert (code, err) == (0, "")
    assert out == snapshot("""\
scope                      limit               set  by         used  learnt
model groq/llama-4         pause                              100 s
account openai/main        requests/minute     500  shipped       3
                           tokens/minute    90,000  settings
                           slots                10  shipped       3
model openai/gpt-5 (main)  left alone                          50 s  it failed too often
""")
    valkey.kill()
    code, out, err = await asyncio.to_thread(shown, "openai", capsys=capsys)
    assert code == 0
    assert "account openai/main" in out
    assert err.startswith("panvox: warning: the Valkey server at valkey://***@127.0.0.1")
    assert "does not tell what is in use" in err
    assert "start the server, or correct limits.url" in err


def test_patterns_show_some_scopes_and_any_model(
    file: LearntFile, capsys: pytest.CaptureFixture[str]
) -> None:
    def names(*patterns: str) -> list[str]:
        lines = shown(*patterns, "--json", capsys=capsys)[1].splitlines()
        return [json.loads(line)["scope"]["name"] for line in lines]

    assert names("openai") == ["openai/main"]
    assert names("groq") == ["groq", "groq/GROQ_A", "groq/b", "groq/llama-4"]
    assert names("key *") == ["groq/GROQ_A", "groq/b"]
    assert names("OPENAI/main", "groq/b") == ["groq/b", "openai/main"]
    assert names("openai/gpt-5-mini") == ["openai/gpt-5-mini"]
    assert names("openai/gpt-4") == []  # nothing is known of it, which is no mistake


def test_as_json_every_scope_is_a_line_with_all_that_is_known(
    file: LearntFile, capsys: pytest.CaptureFixture[str]
) -> None:
    account, model = map(
        json.loads, shown("openai", "groq/llama-4", "--json", capsys=capsys)[1].splitlines()[::-1]
    )
    assert account["scope"] == {"kind": "account", "name": "openai/main"}
    assert account["set"]["slots"] == 10
    assert (account["by_settings"], account["shipped"]) == (["tokens"], ["requests", "slots"])
    assert [(each["matter"], each["amount"]) for each in account["learnt"]] == [
        ("requests", 9000),
        ("requests", 10000),
        ("worked", 14),
    ]
    assert 7200 <= account["learnt"][0]["age"] < 7300
    assert model["used"] == [{"unit": "requests", "seconds": 86_400.0, "amount": 12}]


def test_what_is_unknown_is_said_with_what_may_be_meant(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = shown("opnai", capsys=capsys)
    assert (code, out) == (2, "")
    assert err == "panvox: there is no limit on opnai; did you mean openai?\n"
    code, _, err = shown("zzz", capsys=capsys)
    assert code == 2
    assert "there are */gpt-5*, groq, groq/GROQ_A" in err


def test_a_damaged_file_is_said_and_the_rest_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    learnt_limits_file().parent.mkdir(parents=True)
    learnt_limits_file().write_text("{")
    code, out, err = shown(capsys=capsys)
    assert code == 0
    assert "openai/main" in out
    assert "cannot be read from" in err


def test_where_nothing_is_limited_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "panvox.toml").write_text(
        '[[providers]]\nid = "mine"\nbase_url = "https://models.example/v1"\n'
    )
    assert shown(capsys=capsys) == (0, "", "nothing is limited here, and nothing was learnt\n")


def test_what_was_learnt_of_some_is_forgotten_and_the_rest_is_kept(
    file: LearntFile, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown("forget", "groq", capsys=capsys) == (
        0,
        "model groq/llama-4\n",
        "forgot what was learnt of 1 scope\n",
    )
    known = file.load(now=time.time())
    assert [*known.lessons] == [ACCOUNT]
    assert [entries.scope for entries in known.entries] == [MODEL]  # what was used stays used
    assert shown("forget", capsys=capsys)[:2] == (0, "account openai/main\n")
    assert shown("forget", capsys=capsys) == (0, "", "nothing was learnt so far\n")


def test_a_damaged_file_is_told_of_and_made_anew(
    file: LearntFile, capsys: pytest.CaptureFixture[str]
) -> None:
    place = learnt_limits_file()
    place.write_text("{broken")
    code, _, err = shown("forget", "groq", capsys=capsys)
    assert (code, err.splitlines()[1]) == (
        2,
        "panvox: nothing was learnt of groq; no limit is set, used or learnt so far",
    )
    code, _, err = shown("forget", capsys=capsys)
    assert code == 0
    assert f"cannot be read from {place} (it is damaged); it is learnt anew" in err
    assert file.load(now=time.time()).problem == ""


def test_what_was_never_learnt_cannot_be_forgotten_and_nothing_else_is(
    file: LearntFile, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = shown("forget", "openai/mian", "groq", capsys=capsys)
    assert code == 2
    assert err == "panvox: nothing was learnt of openai/mian; did you mean openai/main?\n"
    assert len(file.load(now=time.time()).lessons) == 2
