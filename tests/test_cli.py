"""The command line, as a person uses it."""

from __future__ import annotations

import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pexpect
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from panvox.catalog.entries import Entry
from panvox.cli import app, prompt
from panvox.cli.app import COMMANDS, Command, front_page
from panvox.cli.doctor import cheapest
from panvox.cli.init import TEMPLATE
from panvox.cli.prompt import read_prompt
from panvox.cli.text import clean, json_line, one_line, shorten
from panvox.errors import PromptError
from panvox.figures import money, percent, plural, seconds, short, size, votes
from panvox.messages import RunEnded, RunEvent
from panvox.protocols import Prices
from panvox.settings import Settings, load
from panvox.settings.schema import Section
from panvox.simulator import Fleet, faulty, invented, some_faulty
from tests.command import PANVOX, panvox, served

ROOT = Path(__file__).parents[1]
VISIBLE_FORMATS = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
"""Signs in front of numbers, which have a shape."""


# --- text ---


@given(
    st.text()
    | st.text(alphabet="\x1b\x9b\x9d\x90[]P;0123m\x07\\AJ\u202e\u2066\r\n\t \x7f\x85é")
    | st.text(alphabet="aé葛❤\u200b\u200c\u200d\ufe00\ufe0f\U000e0100\U000e0041\ufeff\u2060\x1b[m")
)
def test_nothing_that_is_shown_is_obeyed_by_a_terminal(text: str) -> None:
    shown = clean(text)
    assert [c for c in shown if c not in "\n\t" and (ord(c) < 32 or 127 <= ord(c) < 160)] == []
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
    assert not [
        c for c in shown if unicodedata.category(c) == "Cf" and c not in f"{VISIBLE_FORMATS}\u200c\u200d"
    ]
    assert clean(shown) == shown
    assert one_line(text) == " ".join(shown.split())
    shown.encode()


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_what_people_write_is_shown_to_the_letter(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;Y3VybA==\x07pasted", "pasted"),
        ("\x9b2Jgone", "gone"),
        ("\x1bP+q544e\x1b\\x", "x"),
        ("\x1b]0;no end", "0;no end"),
        ("one\rtwo\r\nthree\u2028four", "one\ntwo\nthree\nfour"),
        ("\ud800", "\ufffd"),
        ("ig\u200bno\u200c\u200dre\u2060\ufeff", "ignore"),
        ("so\u00adft \u200fright\u200e", "soft right"),
        ("a\U000e0041\U000e007fb", "ab"),
        ("b" + "\ufe00\U000e0123" * 9, "b\ufe00"),
        ("❤\ufe0f" + "\u200d\ufe0f" * 9, "❤\ufe0f\u200d"),
        ("![x](https://evil.example/x.png) <script>", "![x](https://evil.example/x.png) <script>"),
    ],
)
def test_escape_sequences_go_whole(hostile: str, shown: str) -> None:
    assert clean(hostile) == shown


@pytest.mark.parametrize(
    "text",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "👩\u200d🔬",
        "❤\ufe0f\u200d🔥",
        "葛\U000e0100",
        "क\u094d\u200dष",
    ],
)
def test_joiners_and_selectors_stay_where_people_need_them(text: str) -> None:
    assert clean(text) == text


def test_a_flood_of_unfinished_sequences_is_cleaned_in_no_time() -> None:
    assert clean("\x1b]" * 200_000) == ""
    assert clean("\x1b[" + "0" * 500_000) == "0" * 500_000


@given(st.text())
def test_json_made_safe_is_the_same_value(text: str) -> None:
    assert json.loads(json_line(text)) == text
    assert not [c for c in json_line(text) if 127 <= ord(c) < 160]
    assert not [c for c in json_line(text) if unicodedata.category(c) == "Cf" and c not in VISIBLE_FORMATS]


@given(st.text(), st.integers(0, 20))
def test_a_shortened_text_fits(text: str, width: int) -> None:
    assert len(shorten(text, width)) == min(len(text), width)


def test_figures_read_as_people_write_them() -> None:
    assert [seconds(value) for value in (0.123, 1.26, 42.4, 120, 185)] == snapshot(
        ["0.12 s", "1.3 s", "42 s", "2 min", "3 min 5 s"]
    )
    assert [money(Decimal(value)) for value in ("0", "0.00042", "0.0131", "0.5", "12.5", "1234")] == snapshot(
        ["$0", "$0.00042", "$0.013", "$0.50", "$12.50", "$1,234.00"]
    )
    assert [size(value) for value in (1, 900, 4096, 4 * 2**20, 10_000_000)] == snapshot(
        ["1 byte", "900 bytes", "4 KiB", "4 MiB", "9.54 MiB"]
    )
    assert [percent(value) for value in (0, 0.001, 0.5, 0.999, 1)] == snapshot(
        ["0 %", "1 %", "50 %", "99 %", "100 %"]
    )
    assert [votes(value) for value in (1, 2.0, 2.5, 12.34)] == snapshot(
        ["1 vote", "2 votes", "2.5 votes", "12.3 votes"]
    )
    assert [short(value) for value in (7, 9_999, 12_345, 1_200_000)] == snapshot(
        ["7", "9999", "12.3k", "1.2M"]
    )
    assert [plural(1, "answer"), plural(1200, "answer")] == ["1 answer", "1,200 answers"]


# --- prompts ---


def piped(data: bytes) -> io.BufferedReader:
    """A pipe with `data` in it, whose other end is closed."""
    read_end, write_end = os.pipe()

    def write() -> None:
        with os.fdopen(write_end, "wb") as pipe:
            pipe.write(data)

    threading.Thread(target=write).start()
    return os.fdopen(read_end, "rb")


def asked(argument: str | None = None, file: str | None = None, *, stdin: bytes | None = None) -> str:
    with piped(b"" if stdin is None else stdin) as pipe:
        return read_prompt(argument, file, limit=1000, stdin=pipe)


def test_a_prompt_comes_as_argument_file_or_standard_input_and_they_stack_in_this_order(
    tmp_path: Path,
) -> None:
    file = tmp_path / "question.txt"
    file.write_bytes("\ufefffrom a file\r\n".encode())
    assert asked("an argument") == "an argument"
    assert asked(None, str(file)) == "from a file"
    assert asked(stdin=b"from a pipe\n") == "from a pipe"
    assert asked(None, "-", stdin=b"from a pipe") == "from a pipe"
    assert asked("an argument", str(file), stdin=b"a pipe") == "an argument\n\nfrom a file\n\na pipe"


def refused(argument: str | None = None, file: str | None = None, *, stdin: bytes | None = None) -> str:
    with pytest.raises(PromptError) as caught:
        asked(argument, file, stdin=stdin)
    return str(caught.value)


def test_a_prompt_that_cannot_be_asked_is_refused_with_what_is_wrong(tmp_path: Path) -> None:
    large, bytes_, nul = tmp_path / "large", tmp_path / "bytes", tmp_path / "nul"
    large.write_bytes(b"x" * 10_000_000)
    bytes_.write_bytes(b"caf\xe9 au lait")
    nul.write_bytes(b"text\0more")
    said = {
        "none": refused(),
        "blank": refused("  \n "),
        "blank pipe": refused(None, "-", stdin=b"\n"),
        "large file": refused(None, str(large)),
        "large pipe": refused(stdin=b"x" * 5000),
        "large argument": refused("x" * 2000),
        "large together": refused("x" * 600, stdin=b"x" * 600),
        "bytes": refused(None, str(bytes_)),
        "bytes argument": refused("caf\udce9"),
        "nul": refused(None, str(nul)),
        "utf-16": refused(stdin="hello".encode("utf-16")),
        "missing": refused(None, str(tmp_path / "missing")),
        "folder": refused(None, str(tmp_path)),
    }
    ending = "; shorten it, or raise run.max_prompt_bytes in panvox.toml"
    shown = {name: text.replace(str(tmp_path), "DIR").replace(ending, " …") for name, text in said.items()}
    assert shown == snapshot(
        {
            "none": 'there is no prompt: panvox ask "…", panvox ask --file PATH, or … | panvox ask',
            "blank": "the prompt is empty: it holds no more than spaces and line ends",
            "blank pipe": "the prompt is empty: nothing came on standard input",
            "large file": "DIR/large is 9.54 MiB long, and a prompt may have 1,000 bytes …",
            "large pipe": "standard input is more than 1,000 bytes long, and a prompt may have 1,000 bytes …",
            "large argument": "the prompt is 1.95 KiB long, and a prompt may have 1,000 bytes …",
            "large together": "the prompt is 1.17 KiB long, and a prompt may have 1,000 bytes …",
            "bytes": "DIR/bytes is not UTF-8: byte 3 is 0xe9; iconv -t UTF-8 converts it",
            "bytes argument": "the prompt is not UTF-8: byte 3 is 0xe9; iconv -t UTF-8 converts it",
            "nul": "DIR/nul is not text: there is a NUL byte at byte 4",
            "utf-16": "standard input is UTF-16; panvox reads UTF-8: iconv -f UTF-16 -t UTF-8 converts it",
            "missing": "the prompt cannot be read from DIR/missing: No such file or directory",
            "folder": "the prompt cannot be read from DIR: Is a directory",
        }
    )


class Silent(io.BytesIO):
    """Standard input on which nothing comes for as long as anybody cares to wait."""

    def __init__(self, pipe: int) -> None:
        super().__init__()
        self._pipe = pipe

    def fileno(self) -> int:
        return self._pipe


def test_a_pipe_that_stays_open_is_explained(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt, "PATIENCE", 0.0)
    read_end, write_end = os.pipe()
    assert read_prompt("question", None, limit=1000, stdin=Silent(read_end)) == "question"
    assert "waiting for the rest of the prompt" in capsys.readouterr().err
    os.close(read_end)
    os.close(write_end)


# --- the front door ---


def test_the_front_page_comes_at_once_and_names_every_command() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = panvox("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout == front_page()
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.15
    assert [command.name for command in COMMANDS if f"\n  {command.name} " not in done.stdout] == []


def test_nothing_heavy_is_loaded_for_the_front_page() -> None:
    code = "import panvox, panvox.cli, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"aiohttp", "sqlalchemy", "pydantic", "rich", "cyclopts", "asyncio", "msgspec"}
    assert heavy & set(loaded.stdout.split()) == set()


def test_the_version_is_the_package_s() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert panvox("--version").stdout == f"panvox {version}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["akk"], "did you mean ask?"),
        (["What is this?"], 'panvox ask "What is this?"'),
        (["--verbose"], "there is no option --verbose"),
        (["ask", "--modles", "x"], "did you mean --models?"),
        (["ask", "two", "words"], "put quotes around text"),
        (["ask", "x", "--deadline", "soon"], "--deadline"),
        (["ask", "x", "--deadline", "-3"], "--deadline -3 is not a number of seconds greater than 0"),
        (["ask", "x", "--max-tokens", "0"], "--max-tokens 0"),
        (["ask", "x", "--wait", "forever"], "first:COUNT"),
        (["ask", "x", "--stop", "maybe"], "never, certain, likely or likely:RISK"),
        (["ask", "x", "--expect", "numbr"], "did you mean number?"),
        (["ask", "x", "--method", "best"], "weighted, majority, multi-factor, medoid, judge"),
        (["ask", "x", "--file"], "requires an argument"),
        (["ask", "x", "--json", "--quiet"], "leave out"),
        (["ask", "x", "--background", "--no-store"], "leave out --no-store"),
        (["ask", "x", "--background", "--wait", "first"], "not with first"),
        (["ask", "x", "--continue", "--run", "abc"], "leave out one"),
        (["runs", "--limit", "0"], "--limit 0"),
        (["ask"], "there is no prompt"),
        (["ask", ""], "the prompt is empty"),
        (["ask", "--file", "missing.txt"], "missing.txt: No such file"),
        (["ask", "x", "--settings", "missing.toml"], "missing.toml"),
    ],
)
def test_wrong_usage_is_a_sentence_on_standard_error_and_exit_code_2(
    arguments: Sequence[str], said: str, tmp_path: Path
) -> None:
    done = panvox(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("panvox: ")
    assert said.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_wrong_settings_are_told_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "panvox.toml").write_text("[run]\ndeadline = -3\nwiat = 'all'\n")
    done = panvox("ask", "x", cwd=tmp_path)
    assert done.returncode == 2
    assert "panvox.toml:2: run.deadline" in done.stderr
    assert "panvox.toml:3: run.wiat" in done.stderr


def test_what_is_found_out_when_all_is_over_is_said_too(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "panvox").touch()
    with served(FLEET, tmp_path):
        done = panvox("ask", "What is 2 + 2?", "-q", cwd=tmp_path, XDG_STATE_HOME=str(tmp_path / "state"))
    assert done.returncode == 0
    assert "panvox: warning: what was learnt of limits cannot be kept in " in done.stderr
    assert "state/panvox/limits.json (File exists): until that can be written" in done.stderr


# --- init ---


def test_init_writes_settings_that_load_and_never_overwrites(tmp_path: Path) -> None:
    done = panvox("init", cwd=tmp_path)
    assert done.returncode == 0
    assert load(cwd=tmp_path, environ={}).run == Settings().run
    again = panvox("init", cwd=tmp_path)
    assert again.returncode == 2
    assert "stays as it is" in again.stderr
    assert panvox("init", "--user", cwd=tmp_path).returncode == 0
    assert len(load(cwd=tmp_path, environ={}).files) == 2


def uncommented(*, but: Sequence[str] = ()) -> str:
    """The template with its settings switched on, but for some."""
    lines = []
    for line in TEMPLATE.splitlines():
        setting = line.removeprefix("# ")
        name, equals, _ = setting.partition(" = ")
        names_one = name.isidentifier() or name[:1] == '"'
        switched_on = setting.startswith("[[") or (equals and names_one and name not in but)
        lines.append(setting if switched_on else line)
    return "\n".join(lines)


def test_the_template_names_every_setting_with_its_default(tmp_path: Path) -> None:
    for name in ("model.gguf", "company.pem", "strengths.csv"):
        (tmp_path / name).touch()
    file = tmp_path / "panvox.toml"
    file.write_text(uncommented().replace("/etc/ssl/", ""))
    written = load(explicit=file, environ={"COMPANY_LLM_KEY": "k"})
    sections = [name for name, part in Settings() if isinstance(part, Section)]
    for section in sections:
        fields = set(type(getattr(written, section)).model_fields)
        assert getattr(written, section).model_fields_set == fields, section
    assert [provider.id for provider in written.providers] == ["openai", "company", "groq"]
    assert all((written.panels, written.models, written.retry.models, written.fallback.chains))

    nothing = [
        name
        for section in sections
        for name, field in type(getattr(written, section)).model_fields.items()
        if field.default in (None, (), {})
    ]
    nothing += [line.split(" = ")[0].removeprefix("# ") for line in TEMPLATE.splitlines() if line[2:3] == '"']
    nothing += written.fallback.chains
    file.write_text(uncommented(but=nothing).split("# Named selections")[0])
    defaults = load(explicit=file, environ={})
    assert defaults.model_dump(exclude={"files"}) == Settings().model_dump(exclude={"files"})


# --- against a fleet ---


def silent_after_a_few(answering: int) -> Fleet:
    """A fleet in which some models answer at once, and the others never."""
    fleet = invented(providers=1, models=8)
    silent = list(fleet.names())[answering:]
    return faulty(fleet, [f"hang-before-head:{name}" for name in silent])


FLEET = invented(providers=4, models=5)
A_MODEL = next(FLEET.names())
MISSPELT = A_MODEL[:-1] + "_"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Path]:
    """A folder in which 20 models answer."""
    with served(FLEET, tmp_path):
        yield tmp_path


QUESTION = "What is 17 times 3?"


def test_the_answer_goes_to_standard_output_and_all_about_it_to_standard_error(fleet: Path) -> None:
    done = panvox("ask", QUESTION, cwd=fleet)
    assert done.returncode == 0
    assert done.stdout.strip()
    assert "20 asked: 20 answered" in done.stderr
    assert "panvox show" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    shown = panvox("show", cwd=fleet)
    assert shown.returncode == 0
    assert shown.stdout == done.stdout
    assert "20 asked: 20 answered" in shown.stderr
    quiet = panvox("show", "--member", A_MODEL, cwd=fleet)
    assert quiet.stdout.strip()
    assert "First token" in quiet.stderr


def test_json_is_every_event_of_the_run_and_ends_with_states_that_sum_up(fleet: Path) -> None:
    done = panvox("ask", QUESTION, "--json", cwd=fleet)
    events = msgspec.json.Decoder(RunEvent).decode_lines(done.stdout)
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert sum(ended.states.values()) == 20
    assert done.stderr == ""
    assert {json.loads(line)["type"] for line in done.stdout.splitlines()} >= {"run_started", "member_ended"}


def test_quiet_is_the_answer_alone_and_full_is_every_answer(fleet: Path) -> None:
    quiet = panvox("ask", QUESTION, "--quiet", "-m", "alder/*", cwd=fleet)
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert quiet.stdout.strip()
    full = panvox("ask", QUESTION, "--full", "-m", f"alder/*,!{A_MODEL}", "-m", "birch/*", cwd=fleet)
    assert full.stdout.count("── ") == 9


def test_a_run_goes_on_and_is_listed(fleet: Path) -> None:
    assert panvox("ask", QUESTION, "-m", "alder/*", cwd=fleet).returncode == 0
    again = panvox("ask", "-c", "And times 4?", cwd=fleet)
    assert again.returncode == 0
    assert "5 asked: 5 answered" in again.stderr
    listed = json.loads(panvox("runs", "--json", cwd=fleet).stdout)
    assert (listed["turns"], listed["question"]) == (2, "And times 4?")
    assert listed["run"] in panvox("runs", cwd=fleet).stdout
    assert panvox("ask", "x", "--run", "nothing", cwd=fleet).returncode == 1


def test_models_are_listed_by_the_same_patterns(fleet: Path) -> None:
    everything = panvox("models", cwd=fleet)
    assert A_MODEL in everything.stdout
    assert "20 models of 4 providers" in everything.stderr
    birch = [name for name in FLEET.names() if name.startswith("birch/")]
    few = panvox("models", "birch/*", f"!{birch[0]}", "--json", cwd=fleet).stdout.splitlines()
    assert [json.loads(line)["name"] for line in few] == birch[1:]
    unknown = panvox("models", MISSPELT, cwd=fleet)
    assert unknown.returncode == 2
    assert A_MODEL in unknown.stderr


def test_a_model_that_is_not_there_is_told_with_the_nearest_names(fleet: Path) -> None:
    done = panvox("ask", QUESTION, "-m", MISSPELT, cwd=fleet)
    assert (done.returncode, done.stdout) == (2, "")
    assert A_MODEL in done.stderr


def test_nobody_reading_is_no_error(fleet: Path) -> None:
    for option in ("--full", "--json"):
        with subprocess.Popen(
            [*PANVOX, "ask", QUESTION, option],
            cwd=fleet,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        ) as process:
            assert process.stdout
            assert process.stderr
            process.stdout.close()
            assert b"Traceback" not in process.stderr.read()
            assert process.wait() in ((0,) if option == "--full" else (0, 1))


def test_every_failure_is_in_the_report_with_its_hint_and_the_exit_code_can_tell(tmp_path: Path) -> None:
    fleet = some_faulty(invented(providers=4, models=10), 1 / 3)
    with served(fleet, tmp_path):
        done = panvox("ask", QUESTION, "--deadline", "2", cwd=tmp_path)
        assert done.returncode == 0
        assert done.stderr.count("→") >= 5
        strict = panvox("ask", QUESTION, "--deadline", "2", "--no-partial", "--json", cwd=tmp_path)
    assert strict.returncode == 3
    ended = msgspec.json.decode(strict.stdout.splitlines()[-1], type=RunEnded)
    assert sum(ended.states.values()) == 40
    assert ended.states["answered"] >= 27


def test_where_nothing_answers_the_exit_code_is_1(tmp_path: Path) -> None:
    fleet = invented(providers=1, models=3)
    with served(faulty(fleet, ["unauthorised:*"]), tmp_path):
        done = panvox("ask", QUESTION, cwd=tmp_path)
        doctor = panvox("doctor", "--json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Nothing answered" in done.stderr
    assert doctor.returncode == 1
    assert [check["ok"] for check in map(json.loads, doctor.stdout.splitlines())][-1] is False


def test_doctor_has_a_real_answer_from_every_provider(fleet: Path) -> None:
    done = panvox("doctor", cwd=fleet)
    assert done.returncode == 0
    assert done.stdout.count(" answered: ") == 4
    assert panvox("runs", cwd=fleet).stdout == ""


def test_doctor_tells_who_takes_which_way_and_keeps_the_password_to_itself(tmp_path: Path) -> None:
    (tmp_path / "panvox.toml").write_text(
        "local.enabled = false\n[[providers]]\nid = 'openai'\n"
        "[[providers]]\nid = 'groq'\nproxy = 'none'\n"
        "[[providers]]\nid = 'xai'\nproxy = 'socks5://me:secret@127.0.0.1:1080'\n"
    )
    proxy = "http://me:secret@proxy.example:3128"
    done = panvox("doctor", "--json", cwd=tmp_path, PROXY_URL=proxy, NO_PROXY="lan,10.0.0.0/8")
    said = {check["subject"]: check["said"] for check in map(json.loads, done.stdout.splitlines())}
    assert said["network"] == (
        "through http://proxy.example:3128 (PROXY_URL), but for lan, 10.0.0.0/8; groq: straight; "
        "xai: through socks5://127.0.0.1:1080 (providers[].proxy of xai)"
    )
    assert "secret" not in done.stdout + done.stderr


def test_doctor_asks_the_model_that_costs_least() -> None:
    def entry(name: str, price: float | None = None, *, free: bool = False) -> Entry:
        provider, _, model = name.partition("/")
        prices = Prices(input=price, output=price)
        return Entry(name=name, provider=provider, model=model, lineage=model, free=free, prices=prices)

    entries = [entry("a/dear", 0.2), entry("a/cheap", 0.1), entry("b/x", 0.1), entry("b/free", free=True)]
    entries += [entry("c/large"), entry("c/mini-of-no-price")]
    assert {chosen.name for chosen in cheapest(entries)} == {"a/cheap", "b/free", "c/mini-of-no-price"}


def test_without_any_model_everybody_says_how_to_get_one(tmp_path: Path) -> None:
    (tmp_path / "panvox.toml").write_text(
        "[local]\nenabled = false\n[[providers]]\nid = 'none'\nbase_url = 'http://127.0.0.1:9/v1'\n"
    )
    asked, listed = panvox("ask", QUESTION, cwd=tmp_path), panvox("models", cwd=tmp_path)
    assert (asked.returncode, listed.returncode) == (2, 1)
    assert "panvox local install" in listed.stderr
    assert panvox("doctor", cwd=tmp_path).returncode == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_shows_what_has_arrived_within_three_seconds(
    number: signal.Signals, tmp_path: Path
) -> None:
    with served(silent_after_a_few(3), tmp_path):
        process = started("ask", QUESTION, cwd=tmp_path)
        answered(process, 3)
        process.send_signal(number)
        out, err = process.communicate(timeout=3)
    assert process.returncode == 130
    assert out.strip()
    assert "8 asked: 5 interrupted, 3 answered" in err
    assert "Traceback" not in err


def started(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PANVOX, *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answered(process: subprocess.Popen[str], count: int) -> None:
    """Wait until so many answers are told."""
    assert process.stderr
    while count:
        line = process.stderr.readline()
        assert line, "panvox ended"
        count -= "✓ answered" in line


def test_interrupted_before_anything_was_asked_it_just_ends(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(read_end) as stdin, os.fdopen(write_end, "w"):
        process = subprocess.Popen(
            [*PANVOX, "ask", "x"], stdin=stdin, stderr=subprocess.PIPE, cwd=tmp_path, text=True
        )
        assert process.stderr
        assert "waiting for the rest" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=3)
    assert (process.returncode, err) == (130, "")


STUBBORN = """
import asyncio, sys
from panvox.cli.process import run

async def command(interrupts):
    with interrupts.handled_by(lambda: print("heard", flush=True)):
        print("up", flush=True)
        await asyncio.sleep(60)

sys.exit(run(command))
"""


@pytest.mark.parametrize("signals", [1, 2])
def test_what_does_not_end_by_itself_is_ended(signals: int) -> None:
    """After the second Ctrl-C at once, after the first within three seconds."""
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "heard\n"
        for _ in range(signals - 1):
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=3 if signals == 1 else 1) == 130


def test_in_the_background_a_run_goes_on_when_its_reader_has_left(tmp_path: Path) -> None:
    with served(silent_after_a_few(3), tmp_path):
        done = panvox("ask", QUESTION, "--background", "--wait", "fast:0.5", "--deadline", "2", cwd=tmp_path)
        assert done.returncode == 0
        assert done.stdout.strip()
        assert "8 asked: 3 answered, 5 open" in done.stderr
        assert QUESTION not in commands()
        while (run := json.loads(panvox("runs", "--json", cwd=tmp_path).stdout))["duration"] is None:
            pass
    assert (run["asked"], run["answered"], run["stopped"]) == (8, 3, "deadline")
    assert "5 timed out" in panvox("show", run["run"], cwd=tmp_path).stderr


def commands() -> str:
    """The command lines of all processes, as anybody can read them."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(file.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(line for line in lines if "--detached" in line)


def test_what_goes_wrong_in_the_background_is_told_in_front(fleet: Path) -> None:
    done = panvox("ask", QUESTION, "--background", "-m", "nobody/*", cwd=fleet)
    assert done.returncode == 2
    assert "nobody/*" in done.stderr


def test_a_store_that_cannot_be_written_is_a_warning_and_the_answer_comes(fleet: Path) -> None:
    settings = fleet / "panvox.toml"
    (fleet / "file").touch()
    settings.write_text(settings.read_text() + f"\n[store]\npath = '{fleet}/file/panvox.db'\n")
    done = panvox("ask", QUESTION, cwd=fleet)
    assert done.returncode == 0
    assert done.stdout.strip()
    assert "panvox: warning: " in done.stderr
    assert "panvox show" not in done.stderr
    assert panvox("runs", cwd=fleet).returncode == 1


@pytest.mark.parametrize("width", [80, 200])
def test_in_a_terminal_it_reads_as_one_page(width: int, tmp_path: Path) -> None:
    with served(invented(providers=4, models=10), tmp_path, speed=3.0):
        child = pexpect.spawn(
            sys.executable,
            ["-m", "panvox", "ask", QUESTION],
            cwd=str(tmp_path),
            dimensions=(24, width),
            encoding="utf-8",
            timeout=60,
        )
        child.expect(pexpect.EOF)
        child.close()
    assert child.exitstatus == 0
    assert child.before.count("\x1b[?25l") == child.before.count("\x1b[?25h") == 1
    table, _, page = child.before.rpartition("\x1b[?25h")
    assert "streaming" in table
    assert "open of 40" in table
    assert "\x1b[1;32m✓ Consensus" in page or "No consensus" in page
    assert page.index("answered in") < page.index("Groups") < page.index("panvox show")


def test_colour_can_be_switched_off_and_a_dumb_terminal_gets_lines(fleet: Path) -> None:
    def seen(**environment: str) -> str:
        child = pexpect.spawn(
            sys.executable,
            ["-m", "panvox", "ask", QUESTION],
            cwd=str(fleet),
            env={**os.environ, **environment},  # noqa: TID251 - the cleaned one of the test
            encoding="utf-8",
            timeout=60,
        )
        child.expect(pexpect.EOF)
        child.close()
        return str(child.before)

    assert not re.search(r"\x1b\[[\d;]*(3[0-7]|9[0-7])m", seen(NO_COLOR="1"))
    dumb = seen(TERM="dumb")
    assert "\x1b" not in dumb
    assert "20/20" in dumb


def test_an_unexpected_error_is_a_line_and_the_whole_story_on_demand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "exploding.py").write_text("def explode() -> int:\n    raise KeyError('x\\x1b[2J')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(app, "COMMANDS", (Command("explode", "exploding:explode", "Explodes."),))
    assert app.run(["explode"]) == 1
    said = capsys.readouterr().err
    assert "unexpected error: KeyError" in said
    assert "--traceback" in said
    assert "Traceback" not in said
    assert app.run(["explode", "--traceback"]) == 1
    assert "exploding.py" in capsys.readouterr().err


def test_in_a_terminal_what_went_wrong_is_broken_between_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert app.run(["ask", "hi", "--expect", "numbr"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= 50
    assert " ".join(" ".join(lines).split()).startswith(
        "panvox: the kind of answer 'numbr' is not one of number,"
    )


# --- the reference ---

INNER = {
    "models": ("show", "conflicts", "diff", "probe"),
    "local": ("install", "status"),
    "keys": ("list", "test"),
    "limits": ("forget",),
    "instructions": ("show", "where"),
    "weights": ("export", "import", "reset"),
}
PAGES = (
    (),
    *((command.name,) for command in COMMANDS),
    *((command, inner) for command, several in INNER.items() for inner in several),
)


def reference() -> str:
    """docs/cli.md: what --help prints for every command."""
    parts = [
        "# The command line\n",
        "What `--help` prints, for every command. `python -m tests.test_cli` writes this page anew.\n",
    ]
    for page in PAGES:
        done = panvox(*page, "--help", COLUMNS="100")
        text = "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())
        parts.append(f"## {' '.join(('panvox', *page))}\n\n```\n{text}\n```\n")
    return "\n".join(parts)


def test_the_reference_is_what_help_prints() -> None:
    assert (ROOT / "docs" / "cli.md").read_text() == reference()


if __name__ == "__main__":
    (ROOT / "docs" / "cli.md").write_text(reference())
