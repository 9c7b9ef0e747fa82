"""`panvox keys`, and how keys of the settings reach those who ask."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from inline_snapshot import snapshot
from pydantic import SecretStr

from panvox.catalog.sources import sources
from panvox.compose.key_trials import Trial, try_keys
from panvox.compose.keys import key_warnings, named_keys, pools
from panvox.keys import Key
from panvox.settings import Provider, Settings
from panvox.settings.schema import KeySection
from panvox.simulator import Fleet, VirtualModel, VirtualProvider
from tests.command import panvox, served
from tests.test_discovery import refusing, serving

RIGHT, WRONG = "sk-secret-right", "sk-secret-wrong"
TODAY = datetime.now(UTC).date()


def several(url: str, *, expires: date) -> str:
    """Settings with three keys for a provider at `url`, and one provider without its key."""
    return f"""\
local.enabled = false
[[providers]]
id = "oak"
base_url = "{url}"
keys = [
    {{ env = "OAK_KEY", label = "work", account = "team" }},
    {{ file = "spare.key", priority = 3, expires = {expires} }},
    {{ env = "OLD_KEY", backup = true, expires = 2020-01-31 }},
    {{ env = "NO_KEY" }},
]
[[providers]]
id = "groq"
"""


@pytest.fixture
def oak(tmp_path: Path) -> Iterator[Path]:
    """A folder with settings for a provider that takes one key, which is served."""
    fleet = Fleet((VirtualProvider("oak", models=(VirtualModel("m"), VirtualModel("n")), key=RIGHT),))
    with served(fleet, tmp_path):
        file = tmp_path / "panvox.toml"
        url = next(line for line in file.read_text().splitlines() if "base_url" in line).split('"')[1]
        file.write_text(several(url, expires=TODAY + timedelta(days=5)))
        key = tmp_path / "spare.key"
        key.write_text(WRONG)
        key.chmod(0o600)
        yield tmp_path


def called(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a folder of `oak`, with all keys but one in its environment."""
    return panvox(*arguments, cwd=folder, OAK_KEY=RIGHT, OLD_KEY="sk-secret-old")


def test_keys_are_listed_with_where_they_are_kept_and_how_they_stand(oak: Path) -> None:
    done = called(oak, "keys", "list")
    shown = done.stdout.replace(str(oak), "FOLDER").replace(str(TODAY + timedelta(days=5)), "IN-5-DAYS")
    assert done.returncode == 0, done.stderr
    assert [" ".join(line.split()) for line in shown.splitlines()] == snapshot(
        [
            "provider key state account priority kept in expires",
            "oak work usable team 0 variable OAK_KEY",
            "oak spare.key expires in 5 days main 3 file FOLDER/spare.key IN-5-DAYS",
            "oak OLD_KEY expired main backup variable OLD_KEY 2020-01-31",
            "oak NO_KEY missing main 0 variable NO_KEY",
            "groq GROQ_API_KEY missing main 0 variable GROQ_API_KEY",
        ]
    )
    assert "sk-" not in done.stdout + done.stderr


def test_keys_are_listed_as_json(oak: Path) -> None:
    done = called(oak, "keys", "list", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows[1] == {
        "provider": "oak",
        "label": "spare.key",
        "state": "expires in 5 days",
        "account": "main",
        "priority": 3,
        "file": str(oak / "spare.key"),
        "expires": str(TODAY + timedelta(days=5)),
        "days": 5,
    }
    assert [row["state"] for row in rows] == ["usable", "expires in 5 days", "expired", "missing", "missing"]
    assert "sk-" not in done.stdout


def test_each_key_is_tested_at_its_provider(oak: Path) -> None:
    done = called(oak, "keys", "test", "oak")
    assert done.returncode == 1
    said = [" ".join(line.split()) for line in done.stdout.splitlines() if line[:1] in "✓✗"]
    assert sorted(said) == snapshot(
        [
            "✓ oak work works: lists 2 models",
            "✗ oak NO_KEY missing: the environment variable NO_KEY is not set",
            "✗ oak OLD_KEY expired: its last day was 2020-01-31",
            "✗ oak spare.key refused: unauthorised: Incorrect API key provided.",
        ]
    )
    assert "panvox: warning: the key spare.key of oak expires in 5 days" in done.stderr
    assert "sk-" not in done.stdout + done.stderr


def test_one_key_can_be_tested_and_the_exit_code_is_0_when_it_works(oak: Path) -> None:
    done = called(oak, "keys", "test", "--key", "work", "--json")
    assert json.loads(done.stdout) == {
        "provider": "oak",
        "label": "work",
        "verdict": "works",
        "said": "lists 2 models",
        "hint": "",
    }
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ok",), "there is no provider with a key called 'ok'; did you mean oak?"),
        (("oak", "--key", "wrok"), "there is no key called 'wrok'; did you mean work?"),
        (("groq", "--key", "zzz"), "there is no key called 'zzz'; `panvox keys list` lists all keys"),
    ],
)
def test_who_is_not_there_cannot_be_tested(oak: Path, arguments: tuple[str, ...], said: str) -> None:
    done = called(oak, "keys", "test", *arguments)
    assert (done.returncode, done.stderr) == (2, f"panvox: {said}\n")


@pytest.mark.parametrize("command", ["list", "test"])
def test_without_any_key_it_is_said_how_to_get_one(tmp_path: Path, command: str) -> None:
    done = panvox("keys", command, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no key is set: put one into the environment, such as OPENAI_API_KEY" in done.stderr


def test_a_model_is_listed_though_the_first_key_is_refused(oak: Path) -> None:
    file = oak / "panvox.toml"
    file.write_text(
        file.read_text().replace("priority = 3", "priority = 0").replace("env =", "priority = 1, env =")
    )
    done = called(oak, "models", "--json")
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == ["oak/m", "oak/n"]


# --- trials ------------------------------------------------------------------------------------------


async def listing_to_anybody(request: web.Request) -> web.StreamResponse:
    """A provider whose list is public, and whose models are not."""
    body = await request.read()
    if request.path == "/v1/models":
        return web.json_response({"data": [{"id": "large-model"}, {"id": "small"}]})
    if request.headers.get("Authorization") != f"Bearer {RIGHT}":
        return web.json_response({"error": {"message": "No such key", "code": 401}}, status=401)
    assert json.loads(body)["model"] == "small"
    said = b'data: {"choices": [{"index": 0, "delta": {"content": "ready"}}]}\n\ndata: [DONE]\n\n'
    return web.Response(body=said, content_type="text/event-stream")


def settings_of(url: str, *, models: tuple[str, ...] = (), **keys: str) -> Settings:
    sections = tuple(KeySection(env=name) for name in keys)
    return Settings(
        providers=(Provider(id="oak", base_url=url, models=models, keys=sections),),
        keys={name: SecretStr(key) for name, key in keys.items()},
    )


async def tried(settings: Settings) -> dict[str, tuple[str, str]]:
    trials: list[Trial] = []
    await try_keys(settings, named_keys(settings), heard=trials.append)
    assert "sk-" not in f"{trials}"
    return {trial.label: (trial.verdict.value, trial.said) for trial in trials}


@pytest.mark.parametrize("models", [(), ("small",)])
async def test_where_a_list_proves_nothing_a_model_has_to_say_a_word(models: tuple[str, ...]) -> None:
    async with serving(listing_to_anybody) as url:
        assert await tried(settings_of(url, models=models, GOOD=RIGHT, BAD=WRONG)) == {
            "GOOD": ("works", "oak/small answers"),
            "BAD": ("refused", "unauthorised: No such key"),
        }


async def test_a_provider_that_is_not_there_says_nothing_of_its_keys() -> None:
    with refusing() as url:
        verdict, said = (await tried(settings_of(url, GOOD=RIGHT)))["GOOD"]
    assert (verdict, said.partition(" to ")[0]) == ("unreachable", "No connection")


# --- from settings to those who ask ------------------------------------------------------------------


def test_a_pool_holds_the_keys_of_its_provider_with_all_that_the_settings_say() -> None:
    sections = (
        KeySection(env="A", label="work", account="team", priority=2, expires="2030-01-31"),
        KeySection(env="B", backup=True),
        KeySection(env="C"),
    )
    settings = Settings(
        providers=(Provider(id="openai", keys=sections), Provider(id="groq"), Provider(id="ollama")),
        keys={name: SecretStr(f"sk-{name}") for name in ("A", "B", "GROQ_API_KEY", "OPENAI_API_KEY")},
    )
    found = pools(sources(settings))
    assert {provider: pool.keys for provider, pool in found.items()} == {
        "openai": (
            Key(
                label="work", account="team", priority=2, expires=date(2030, 1, 31), secret=SecretStr("sk-A")
            ),
            Key(label="B", backup=True, secret=SecretStr("sk-B")),
        ),
        "groq": (Key(label="GROQ_API_KEY", secret=SecretStr("sk-GROQ_API_KEY")),),
    }


def test_the_one_key_of_a_provider_is_the_first_that_has_not_expired() -> None:
    sections = (KeySection(env="A", expires="2026-01-31"), KeySection(env="B", priority=1))
    settings = Settings(
        providers=(Provider(id="openai", keys=sections),), keys={"A": SecretStr("a"), "B": SecretStr("b")}
    )
    for day, expected in ((date(2026, 1, 31), "a"), (date(2026, 2, 1), "b")):
        (source,) = sources(settings, today=day)
        assert source.plain_key == expected


def test_a_provider_whose_keys_have_all_expired_or_are_not_there_says_so() -> None:
    def missing(*sections: KeySection, **keys: str) -> str:
        known = {name: SecretStr(key) for name, key in keys.items()}
        (source,) = sources(Settings(providers=(Provider(id="openai", keys=sections),), keys=known))
        return source.missing

    old = KeySection(env="A", expires="2020-01-31")
    assert missing(old, A="a") == "all of its keys have expired: A on 2020-01-31"
    assert missing(old, KeySection(env="B")) == "the environment variable A or B is not set"
    assert missing(KeySection(file=Path("key"))) == "none of its keys is there"


def test_keys_that_are_about_to_expire_are_warned_of() -> None:
    sections = (KeySection(env="A", expires="2026-03-10"), KeySection(env="B", expires="2026-12-31"))
    settings = Settings(
        providers=(Provider(id="openai", keys=sections),), keys={"A": SecretStr("a"), "B": SecretStr("b")}
    )
    (line,) = key_warnings(settings, today=date(2026, 3, 1))
    assert line.startswith("the key A of openai expires in 9 days, on 2026-03-10;")
