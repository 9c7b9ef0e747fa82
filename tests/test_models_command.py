"""`panvox models` and `panvox providers`, as a person uses them, against fleets of several dialects."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import msgspec
import pexpect
import pytest

from panvox.catalog.entries import Entry, Life, Probe
from panvox.cli import listing
from panvox.cli.columns import Cell, Column, lines
from panvox.cli.listing import FIELDS, ordered
from panvox.errors import UsageError
from panvox.figures import age
from panvox.protocols import Prices
from panvox.simulator import Fleet, Latency, VirtualModel, VirtualProvider, faulty, find_fault
from panvox.simulator.offer import Facts
from panvox.simulator.offer import Prices as Cost
from tests.command import panvox, served


def cost(prompt: str, completion: str) -> Cost:
    return Cost(prompt=Decimal(prompt), completion=Decimal(completion))


QUICK = Latency(first_token=0.0, spread=0, slow_share=0, rate=1e6)
CODER = Facts(prices=cost("0.2", "0.8"), capabilities=("tools", "reasoning"))
DEAR = Facts(prices=cost("5.0", "15.0"), inputs=("text", "image"))


def model(name: str, facts: Facts | None = None, *, context: int = 131_072) -> VirtualModel:
    return VirtualModel(name, latency=QUICK, context=context, facts=facts or Facts())


FLEET = Fleet(
    (
        VirtualProvider(
            "router",
            dialect="openrouter",
            models=(
                model("acme/coder-1", CODER),
                model("acme/coder-1:free", replace(CODER, prices=cost("0", "0"))),
                model("acme/grand", DEAR),
                model("acme/short-coder", CODER, context=8_192),
            ),
        ),
        VirtualProvider("claude", dialect="anthropic", models=(model("acme-opus"), model("acme-haiku"))),
        VirtualProvider("home", dialect="ollama", models=(model("acme-small:8b"),)),
    )
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in which the fleet can be asked; its settings leave open what is free."""
    with served(FLEET, tmp_path):
        file = tmp_path / "panvox.toml"
        file.write_text(file.read_text().replace("free = true\n", ""))
        yield tmp_path


def names(*selection: str, cwd: Path) -> list[str]:
    done = panvox("models", *selection, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["name"] for line in done.stdout.splitlines()]


# --- the list ----------------------------------------------------------------------------------------


def test_what_lists_of_three_dialects_tell_can_be_selected_by(folder: Path) -> None:
    everything = names(cwd=folder)
    assert everything == [
        "router/acme/coder-1",
        "router/acme/coder-1:free",
        "router/acme/grand",
        "router/acme/short-coder",
        "claude/acme-opus",
        "claude/acme-haiku",
        "home/acme-small:8b",
    ]
    assert names("code price<1 context>=100k !*:free", cwd=folder) == ["router/acme/coder-1"]
    assert names("vision", cwd=folder) == ["router/acme/grand"]
    assert names("tools provider:router lineage:one", cwd=folder) == [
        "router/acme/coder-1:free",
        "router/acme/short-coder",
    ]
    assert names("free", cwd=folder) == ["router/acme/coder-1:free"], "a gateway listens on this machine, too"


def test_a_second_look_needs_nobody_and_a_refresh_asks_again(tmp_path: Path) -> None:
    with served(FLEET, tmp_path):
        first = panvox("models", cwd=tmp_path)
        again = panvox("models", cwd=tmp_path)
        assert first.stdout == again.stdout != ""
        assert "lists up to" in again.stderr
        asked = panvox("models", "--refresh", cwd=tmp_path)
        assert asked.stdout == first.stdout


def test_the_second_look_loads_neither_network_nor_database_nor_what_checks_settings(folder: Path) -> None:
    assert names(cwd=folder)
    program = """
        import sys
        from panvox.cli.app import run
        assert run(["models", "code price<1"]) == 0
        loaded = {"aiohttp", "sqlalchemy", "pydantic", "asyncio.base_events", "uvloop", "rich.console"}
        print(sorted(loaded & set(sys.modules)))
    """
    (folder / "look.py").write_text(textwrap.dedent(program))
    done = subprocess.run(
        [sys.executable, "look.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("[catalogue]\nmax_age = 1000\n", "router/"),
        ('[panels]\nmine = ["claude/*"]\n', "router/"),
    ],
)
def test_a_change_of_the_settings_is_seen_at_once(folder: Path, change: str, told: str) -> None:
    assert names(cwd=folder)
    file = folder / "panvox.toml"
    file.write_text(file.read_text() + "\n" + change)
    assert told in panvox("models", cwd=folder).stdout
    if "mine" in change:
        assert names("@mine", cwd=folder) == ["claude/acme-opus", "claude/acme-haiku"]


def test_what_the_settings_know_better_wins(folder: Path) -> None:
    file = folder / "panvox.toml"
    file.write_text(
        file.read_text() + '\n[models."router/*grand"]\nprice_out = 0.1\nprice_in = 0.1\nlineage = "mine"\n'
    )
    assert "router/acme/grand" in names("price<1", cwd=folder)
    assert names("lineage:mine", cwd=folder) == ["router/acme/grand"]


def test_a_server_that_has_gone_is_noticed_and_its_last_list_is_shown(tmp_path: Path) -> None:
    with served(FLEET, tmp_path):
        before = panvox("models", cwd=tmp_path)
    after = panvox("models", cwd=tmp_path)
    assert after.stdout == before.stdout
    assert "last list is used" in after.stderr or "lists up to" in after.stderr
    refreshed = panvox("models", "--refresh", cwd=tmp_path)
    assert refreshed.stdout == before.stdout
    assert refreshed.stderr.count("its last list is used, since") == 3


def test_lists_are_sorted_and_cut_and_what_is_unknown_comes_last(folder: Path) -> None:
    assert names("--sort", "price", "provider:router", cwd=folder)[0] == "router/acme/coder-1:free"
    assert names("--sort=-price", "--limit", "1", cwd=folder) == ["router/acme/grand"]
    assert names("--sort", "context", cwd=folder)[-1] == "router/acme/short-coder"
    assert names("--sort", "-price", "--limit", "1", cwd=folder) == ["router/acme/grand"]
    page = panvox("models", "provider:router", "--sort", "released", cwd=folder).stdout
    assert page.splitlines()[0].split()[:2] == ["model", "released"]
    for wrong_form in (("--limit", "0"), ("--json", "--csv"), ("--explain", "--csv")):
        assert panvox("models", *wrong_form, cwd=folder).returncode == 2
    wrong = panvox("models", "--sort", "colour", cwd=folder)
    assert wrong.returncode == 2
    assert "there are name, provider" in wrong.stderr


def test_csv_is_for_spreadsheets(folder: Path) -> None:
    done = panvox("models", "router/*", "--csv", cwd=folder)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["name"] for row in rows] == names("router/*", cwd=folder)
    assert (rows[0]["price_out"], rows[0]["context"], rows[1]["free"]) == ("0.8", "131072", "yes")
    assert "tools" in rows[0]["capabilities"].split()


def test_every_model_is_explained(folder: Path) -> None:
    done = panvox("models", "code price<1 context>=100k !*:free", "--explain", "--json", cwd=folder)
    told = {each["name"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert len(told) == 7
    assert told["router/acme/coder-1"]["chosen"]
    assert "131,072 >= 100k" in told["router/acme/coder-1"]["why"]
    assert told["router/acme/coder-1:free"]["why"] == "excluded by !*:free"
    assert "8,192" in told["router/acme/short-coder"]["why"]
    assert (
        "price is not known" in told["claude/acme-opus"]["why"]
        or "not code" in told["claude/acme-opus"]["why"]
    )
    page = panvox("models", "code", "--explain", cwd=folder)
    assert page.stdout.splitlines()[1].startswith("in ")


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        ("colour:red", "colour"),
        ("price<", "price<"),
        ("contxt>=5", "context"),
        ("router/acme/coder-2", "nearest: router/acme/coder-1"),
        ("@nobody", "there is no panel @nobody"),
    ],
)
def test_what_cannot_be_selected_is_a_clear_line(folder: Path, selection: str, said: str) -> None:
    done = panvox("models", selection, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_in_a_terminal_a_long_list_comes_a_screen_at_a_time(folder: Path) -> None:
    assert names(cwd=folder)
    (folder / "pager.sh").write_text('#!/bin/sh\necho "PAGED $(wc -l)"\n')
    (folder / "pager.sh").chmod(0o755)
    child = pexpect.spawn(
        sys.executable,
        ["-m", "panvox", "models"],
        cwd=str(folder),
        dimensions=(5, 80),
        timeout=20,
        env={**os.environ, "PAGER": str(folder / "pager.sh")},  # noqa: TID251 - the cleaned one of the test
    )
    child.expect("PAGED 8")
    child.expect(pexpect.EOF)
    child.close()


def test_colour_can_be_switched_off(folder: Path) -> None:
    assert names(cwd=folder)
    said = {}
    for name, variables in {"on": {}, "off": {"NO_COLOR": "1"}, "dumb": {"TERM": "dumb"}}.items():
        child = pexpect.spawn(
            sys.executable,
            ["-m", "panvox", "models", "--no-pager", "free"],
            cwd=str(folder),
            dimensions=(40, 100),
            timeout=20,
            env={**os.environ, **variables},  # noqa: TID251 - the cleaned one of the test
        )
        child.expect(pexpect.EOF)
        said[name] = child.before.decode()
        child.close()
    assert {name: "\x1b[" in text for name, text in said.items()} == {"on": True, "off": False, "dumb": False}


def test_why_a_provider_is_absent_is_told_where_a_selection_finds_nothing(folder: Path) -> None:
    file = folder / "panvox.toml"
    file.write_text(file.read_text() + '\n[[providers]]\nid = "groq"\n')
    done = panvox("models", "groq/*", cwd=folder)
    assert done.returncode == 2
    assert "GROQ_API_KEY is not set" in done.stderr


def test_a_cache_that_cannot_be_written_is_told_and_costs_nothing_else(folder: Path) -> None:
    home = Path(os.environ["HOME"])  # noqa: TID251 - that of the test
    (home / "cache").mkdir()
    (home / "cache" / "panvox").touch()
    done = panvox("models", cwd=folder)
    assert done.returncode == 0
    assert "router/acme/coder-1" in done.stdout
    assert "neither lists nor probes can be kept" in done.stderr


# --- one model, contradictions, changes --------------------------------------------------------------


def test_all_that_is_known_of_a_model_is_shown_with_who_says_so(folder: Path) -> None:
    done = panvox("models", "show", "router/acme/coder-1", cwd=folder)
    assert done.returncode == 0
    rows = {line.split("  ")[0]: line for line in done.stdout.splitlines() if "  " in line}
    assert "131,072" in rows["context"]
    assert "list" in rows["context"]
    assert "0.8 $/M tokens" in rows["prices.output"]
    data = json.loads(panvox("models", "show", "router/acme/coder-1", "--json", cwd=folder).stdout)
    assert data["claims"]["context"][0][:2] == [131_072, "list"]
    assert panvox("models", "show", cwd=folder).returncode == 2
    assert "nearest" in panvox("models", "show", "router/acme/coder-9", cwd=folder).stderr


def test_contradictions_are_listed(folder: Path) -> None:
    real = model("openai/gpt-4.1", replace(CODER, prices=cost("9", "9")), context=1_047_576)
    fleet = Fleet((VirtualProvider("router", dialect="openrouter", models=(real,)),))
    with served(fleet, folder):
        file = folder / "panvox.toml"
        text = file.read_text().replace("free = true\n", 'vendor = "openrouter"\n')
        file.write_text(text + '\n[models."router/*"]\ncontext = 65536\n')
        done = panvox("models", "conflicts", cwd=folder, OPENROUTER_API_KEY="sk-simulated")
        data = panvox("models", "conflicts", "--json", cwd=folder, OPENROUTER_API_KEY="sk-simulated").stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["router/openai/gpt-4.1", "prices.input", "9", "$/M", "tokens", "(list)"] in [
        row[:6] for row in rows
    ]
    assert "context" not in done.stdout, "what the settings decide contradicts nobody"
    told = {each["field"]: each["claims"] for each in map(json.loads, data.splitlines())}
    assert [claim["source"] for claim in told["prices.output"]][:2] == ["list", "models.dev"]


def test_what_changed_since_the_lists_before_is_told(tmp_path: Path) -> None:
    router = FLEET.providers[0]
    cheaper = replace(router.models[2], facts=replace(DEAR, prices=cost("5.0", "10.0")))
    with served(Fleet((router,)), tmp_path):
        text = (tmp_path / "panvox.toml").read_text()
        assert panvox("models", "diff", cwd=tmp_path).stderr.startswith("there are no earlier lists")
    port = text.split("127.0.0.1:")[1].split("/")[0]
    later = Fleet((replace(router, models=(*router.models[1:2], cheaper, model("acme/new"))),))
    with served(later, tmp_path, port=int(port)):
        done = panvox("models", "diff", "--refresh", cwd=tmp_path)
    assert done.stdout.splitlines() == [
        "+ router/acme/new",
        "- router/acme/coder-1",
        "- router/acme/short-coder",
        "~ router/acme/grand  price out: 15 → 10",
    ]


# --- proofs of life ----------------------------------------------------------------------------------


@pytest.fixture
def ailing(tmp_path: Path) -> Iterator[Path]:
    """Models that answer, refuse, are gone and are silent."""
    fleet = Fleet((VirtualProvider("p", models=tuple(map(model, ("well", "poor", "gone", "mute")))),))
    faults = ("payment-required:p/poor", "unknown-model:p/gone", "no-reply:p/mute")
    with served(faulty(fleet, faults), tmp_path):
        yield tmp_path


def test_a_probe_tells_who_answers_refuses_is_gone_or_silent_and_is_remembered(ailing: Path) -> None:
    done = panvox("models", "probe", "*", "--json", cwd=ailing)
    assert done.returncode == 0, done.stderr
    lives = {each["model"]: each["life"] for each in map(json.loads, done.stdout.splitlines())}
    assert lives == {"p/well": "answers", "p/poor": "refuses", "p/gone": "gone", "p/mute": "silent"}
    assert names("alive", cwd=ailing) == ["p/well"]
    assert names("gone", cwd=ailing) == ["p/gone"]
    assert names("!alive", cwd=ailing) == ["p/poor", "p/gone", "p/mute"]
    shown = panvox("models", "show", "p/poor", cwd=ailing).stdout
    assert "last probe: out of money" in shown
    page = panvox("models", "probe", "p/well", cwd=ailing)
    assert "1/1  answers  p/well  answered in" in page.stdout
    assert "1 model asked: 1 answers" in page.stderr


def test_what_a_probe_found_is_forgotten_in_time(ailing: Path) -> None:
    assert panvox("models", "probe", "*", cwd=ailing).returncode == 0
    file = ailing / "panvox.toml"
    file.write_text(file.read_text() + "\n[catalogue]\nprobe_age = 0.001\n")
    done = panvox("models", "alive", cwd=ailing)
    assert done.returncode == 2
    assert "panvox models probe" in done.stderr


def test_a_selection_to_ask_knows_who_is_alive(ailing: Path) -> None:
    assert panvox("models", "probe", "*", cwd=ailing).returncode == 0
    asked = panvox("ask", "What is 2 + 2?", "-m", "alive", "--json", cwd=ailing)
    started = json.loads(asked.stdout.splitlines()[0])
    assert [member["name"] for member in started["members"]] == ["p/well"]


def test_models_that_cost_money_are_probed_only_if_that_is_meant(folder: Path) -> None:
    done = panvox("models", "probe", "router/*", cwd=folder)
    assert done.returncode == 2
    assert "3 models of these may cost a little money: say --yes" in done.stderr
    assert panvox("models", "probe", "router/*", "--yes", cwd=folder).returncode == 0
    assert panvox("models", "probe", cwd=folder).returncode == 2
    assert "between 0 and 3600" in panvox("models", "probe", "*", "--deadline", "0", cwd=folder).stderr


def test_doctor_prefers_models_that_have_answered_and_adds_to_what_is_known(ailing: Path) -> None:
    first = panvox("doctor", cwd=ailing)
    assert panvox("models", "probed", "--json", cwd=ailing).stdout.count("\n") == 1
    assert panvox("models", "probe", "*", cwd=ailing).returncode == 0
    second = panvox("doctor", cwd=ailing)
    assert second.returncode == 0, first.stdout
    assert "p/well answered" in second.stdout


def test_doctor_finds_panels_that_cannot_be_read(ailing: Path) -> None:
    file = ailing / "panvox.toml"
    file.write_text(file.read_text() + '\n[panels]\nfine = ["p/*"]\nbad = ["price<", "colour:red"]\n')
    done = panvox("doctor", cwd=ailing)
    assert "panels.bad: " in done.stdout
    assert "panels.fine" not in done.stdout


def test_doctor_is_not_content_with_half(ailing: Path) -> None:
    assert panvox("doctor", cwd=ailing).returncode == 0
    file = ailing / "panvox.toml"
    file.write_text(file.read_text() + '\n[[providers]]\nid = "groq"\n')
    assert panvox("doctor", cwd=ailing).returncode == 3


# --- providers ---------------------------------------------------------------------------------------


def test_providers_tell_how_they_stand(tmp_path: Path) -> None:
    fleet = Fleet((*FLEET.providers[:1], replace(FLEET.providers[1], list_fault=find_fault("server-error"))))
    with served(fleet, tmp_path):
        file = tmp_path / "panvox.toml"
        file.write_text(file.read_text() + '\n[[providers]]\nid = "groq"\n')
        done = panvox("providers", "--json", cwd=tmp_path)
        page = panvox("providers", cwd=tmp_path)
    told = {each["provider"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert {name: each.get("models", 0) for name, each in told.items()} == {
        "router": 4,
        "claude": 0,
        "groq": 0,
    }
    assert told["claude"]["dialect"] == "anthropic"
    assert told["claude"]["problem"].startswith("no models, since Internal server error.")
    assert told["groq"]["key"] == "the environment variable GROQ_API_KEY is not set"
    assert "claude: no models, since" in page.stdout
    assert "--all lists all" in page.stderr


def test_all_vendors_are_listed_with_the_variable_that_each_wants(tmp_path: Path) -> None:
    (tmp_path / "panvox.toml").write_text("[local]\nenabled = false\n")
    done = panvox("providers", "--all", "--json", cwd=tmp_path)
    told = {each["provider"]: each["key"] for each in map(json.loads, done.stdout.splitlines())}
    assert len(told) >= 35
    assert told["openai"] == "set OPENAI_API_KEY"
    assert done.returncode == 1, "nobody is asked"
    assert "no provider is set up" in panvox("providers", cwd=tmp_path).stderr


def test_the_model_on_this_machine_is_a_provider_too(tmp_path: Path) -> None:
    done = panvox("providers", "--json", cwd=tmp_path)
    told = {each["provider"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert told["local"]["models"] == 5


# --- rows and columns --------------------------------------------------------------------------------


def entry(name: str, **more: object) -> Entry:
    return Entry(name=name, provider="p", model=name, lineage=name, **more)  # type: ignore[arg-type]  # a table


@pytest.mark.parametrize("field", FIELDS)
def test_everything_sorts_both_ways_and_what_is_unknown_stays_last(field: str) -> None:
    known = [
        entry("a", context=1, max_output=9, prices=Prices(input=3.0, output=3.0), released="2024-01-01"),
        entry("b", context=2, max_output=8, prices=Prices(input=2.0, output=2.0), released="2025-01-01"),
    ]
    known = [replace_strengths(each, value) for each, value in zip(known, (0.2, 0.9), strict=True)]
    probes = {
        "a": Probe(model="a", life=Life.ANSWERS, at=0.0, latency=2.0, first_token=2.0),
        "b": Probe(model="b", life=Life.ANSWERS, at=0.0, latency=1.0, first_token=1.0),
    }
    unknown = entry("z")
    forth = [each.name for each in ordered([unknown, *known], probes, field)]
    back = [each.name for each in ordered([unknown, *known], probes, f"-{field}")]
    if field in ("name", "provider", "lineage"):
        assert sorted(forth) == sorted(back)
    else:
        assert forth[-1] == back[-1] == "z"
        assert forth[:2] == back[1::-1]


def replace_strengths(each: Entry, value: float) -> Entry:
    strengths = dict.fromkeys(("general", "code", "math"), value)
    return msgspec.structs.replace(each, strengths=strengths)


def test_what_cannot_be_sorted_by_is_told() -> None:
    with pytest.raises(UsageError, match="cannot be sorted by 'x'; there are name, "):
        ordered([], {}, "x")


def test_columns_line_up_give_way_and_leave_out_what_is_empty() -> None:
    heads = (Column("name", flexible=True), Column("size", right=True), Column("nothing"), Column("note"))
    rows: list[tuple[str | Cell, ...]] = [
        ("a-name-that-is-long/one", "5", "", Cell("good", "green")),
        ("東京", "12345", "", ""),
    ]
    plain = list(lines(heads, rows, width=None, colour=False))
    assert plain == [
        "name                      size  note",
        "a-name-that-is-long/one      5  good",
        "東京                     12345",
    ]
    narrow = list(lines(heads, rows, width=27, colour=False))
    assert narrow[1] == "a-name-…ng/one      5  good"
    coloured = list(lines(heads, rows, width=None, colour=True))
    assert coloured[1].endswith("\x1b[32mgood\x1b[0m")


@pytest.mark.parametrize(
    ("price", "shown"),
    [
        (None, ""),
        (0.0, "0"),
        (15.0, "15"),
        (0.4, "0.4"),
        (0.075, "0.075"),
        (1e-5, "0.00001"),
        (1234.5, "1,234"),
    ],
)
def test_prices_have_as_many_digits_as_they_need(price: float | None, shown: str) -> None:
    assert listing.dollars(price) == shown


@pytest.mark.parametrize(
    ("elapsed", "shown"), [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (200_000, "2 d")]
)
def test_ages_are_told_roughly(elapsed: float, shown: str) -> None:
    assert age(elapsed) == shown
