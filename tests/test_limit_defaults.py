"""Which limits hold: shipped ones, settings over them, the command line over both."""

from __future__ import annotations

from pathlib import Path

import pytest

from panvox.errors import UsageError
from panvox.limits.configured import Overrides, limits_of, parse_provider_concurrency, parse_provider_rpm
from panvox.limits.defaults import defaults
from panvox.limits.terms import Terms
from panvox.protocols import Limits, Scope, Window
from panvox.settings import VENDORS, Settings, load


def minute(amount: int) -> Window:
    return Window("requests", amount, 60.0)


def account(provider: str) -> Scope:
    return Scope("account", f"{provider}/main")


def settings(text: str, folder: Path) -> Settings:
    file = folder / "limits.toml"
    file.write_text(text)
    return load(explicit=file, cwd=folder, environ={})


# --- shipped ---


@pytest.mark.parametrize(
    ("scope", "limits"),
    [
        (account("openai"), Limits(windows=(minute(500),), slots=10)),
        (account("gemini"), Limits(windows=(minute(60),), slots=5)),
        (account("openrouter"), Limits(windows=(minute(20),), slots=3)),
        (account("featherless"), Limits(windows=(minute(20),), slots=5, spacing=0.2)),
        (account("ollama"), Limits(loaded=1)),
        (account("lmstudio"), Limits(loaded=1)),
        (account("llamacpp"), Limits(loaded=1)),
        (account("nobody-knows"), Limits()),
        (Scope("provider", "openai"), Limits()),
        (Scope("key", "openai/OPENAI_API_KEY"), Limits()),
        (Scope("model", "openai/gpt-5"), Limits()),
        (
            Scope("model", "together/moonshotai/Kimi-K2-Instruct"),
            Limits(windows=(minute(4),), slots=1, spacing=1.0),
        ),
        (Scope("model", "mine/kimi-k2"), Limits(windows=(minute(4),), slots=1, spacing=1.0)),
        (Scope("model", "zai/GLM-4.7"), Limits(slots=10, spacing=0.1)),
        (Scope("model", "fireworks/accounts/fireworks/models/glm-4p7"), Limits(slots=10, spacing=0.1)),
        (
            Scope("model", "openrouter/deepseek/deepseek-r1-0528:free"),
            Limits(windows=(minute(20), Window("requests", 1000, 86_400.0)), slots=1),
        ),
    ],
    ids=str,
)
def test_these_limits_hold_where_nobody_set_any(scope: Scope, limits: Limits) -> None:
    assert limits_of(Settings())(scope) == limits


def test_every_shipped_row_names_its_source_and_limits_something() -> None:
    assert [row for row in defaults() if not row.source or not row.terms.said] == []
    named = {row.provider for row in defaults() if row.provider != "*"}
    assert named <= VENDORS.keys()


def test_local_servers_that_swap_models_have_one_loaded() -> None:
    swapping = {row.provider for row in defaults() if row.terms.loaded == 1}
    assert swapping == {"ollama", "lmstudio", "llamacpp"}
    assert all(VENDORS[name].loopback and VENDORS[name].computes for name in swapping)


def test_a_provider_has_the_defaults_of_its_vendor_and_one_with_an_address_of_its_own_has_none(
    tmp_path: Path,
) -> None:
    text = """
    [[providers]]
    id = "work"
    vendor = "openai"

    [[providers]]
    id = "openai"
    base_url = "https://models.example/v1"
    """
    limits = limits_of(settings(text, tmp_path))
    assert limits(account("work")).slots == 10
    assert limits(account("openai")) == Limits()


# --- settings ---

SET = """
[[providers]]
id = "openai"
limits = {requests = "3000/minute"}
account_limits = {slots = 40, tokens = ["90000/minute", "2000000/day"]}
key_limits = {requests = "7/s"}

[[providers]]
id = "gemini"
account_limits = {requests = []}

[models."*/gpt-*".limits]
slots = 3
spacing = 0.5

[models."OPENAI/gpt-5".limits]
slots = 2

[models."*/kimi-k2".limits]
requests = "10/minute"
"""


def test_settings_win_over_shipped_limits_field_by_field(tmp_path: Path) -> None:
    limits = limits_of(settings(SET, tmp_path))
    tokens = (Window("tokens", 90_000, 60.0), Window("tokens", 2_000_000, 86_400.0))
    assert limits(Scope("provider", "openai")) == Limits(windows=(minute(3000),))
    assert limits(account("openai")) == Limits(windows=tokens, slots=40)  # 500 a minute went
    assert limits(Scope("key", "openai/main-key")) == Limits(windows=(Window("requests", 7, 1.0),))
    assert limits(account("gemini")) == Limits(slots=5)  # an empty list lifts the default


def test_of_several_rows_for_a_model_the_later_wins_field_by_field(tmp_path: Path) -> None:
    limits = limits_of(settings(SET, tmp_path))
    assert limits(Scope("model", "openai/gpt-5")) == Limits(slots=2, spacing=0.5)
    assert limits(Scope("model", "azure/gpt-4")) == Limits(slots=3, spacing=0.5)
    assert limits(Scope("model", "mine/kimi-k2")) == Limits(windows=(minute(10),), slots=1, spacing=1.0)


def test_what_ships_and_what_was_set_can_be_told_apart(tmp_path: Path) -> None:
    limits = limits_of(settings(SET, tmp_path))
    assert limits.shipped(account("gemini")) == {"slots"}
    assert limits.shipped(account("openai")) == set()
    assert limits.shipped(account("openrouter")) == {"requests", "slots"}
    assert limits.shipped(Scope("model", "mine/kimi-k2")) == {"slots", "spacing"}


# --- the command line ---


def test_the_command_line_sets_a_provider_and_drops_what_ships_for_its_accounts(tmp_path: Path) -> None:
    asked = Overrides(
        requests=parse_provider_rpm(["openai:1000,gemini:60", "openrouter:30"]),
        slots=parse_provider_concurrency(["openai:20"]),
    )
    limits = limits_of(Settings(), asked)
    assert limits(Scope("provider", "openai")) == Limits(windows=(minute(1000),), slots=20)
    assert limits(account("openai")) == Limits()
    assert limits(account("openrouter")) == Limits(slots=3)
    text = '[[providers]]\nid = "openai"\nlimits = {requests = ["5/minute", "100/day"]}\n'
    above = limits_of(settings(text, tmp_path), asked)
    assert above(Scope("provider", "openai")).windows == (minute(1000), Window("requests", 100, 86_400.0))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("openai:0", "0 cannot hold; give a whole number from 1 to 1,000,000"),
        ("openai:-5", "-5 cannot hold"),
        ("openai:1000001", "1000001 cannot hold"),
        ("openai:" + "9" * 5000, "cannot hold"),
        ("openai:many", "many is no whole number; give a whole number from 1 to 1,000,000"),
        ("openai:1.5", "1.5 is no whole number"),
        ("openai:", "nothing is no whole number"),
        ("openai", "write PROVIDER:NUMBER, such as openai:1000"),
        (":5", "write PROVIDER:NUMBER"),
        ("", "write PROVIDER:NUMBER"),
        ("opennai:5", "there is no provider opennai; did you mean openai?"),
        ("qqq:5", "there is no provider qqq; there are "),
        ("openai:5,openai:6", "openai is there twice"),
    ],
)
def test_a_bad_override_is_explained(text: str, said: str) -> None:
    with pytest.raises(UsageError, match="--provider-rpm") as error:
        parse_provider_rpm([text])
    assert said in str(error.value)


def test_an_override_may_name_any_provider_of_the_settings() -> None:
    assert parse_provider_concurrency(["work:2"], known=["work"]) == {"work": 2}
    with pytest.raises(UsageError, match="there is no provider openai; there are work"):
        parse_provider_concurrency(["openai:2"], known=["work"])


def test_settings_and_variables_say_the_same_and_the_command_line_wins(tmp_path: Path) -> None:
    environ = {"PANVOX_LIMITS__PROVIDER_RPM": "openai:1000,gemini:60"}
    said = load(explicit=None, cwd=tmp_path, environ=environ)
    limits = limits_of(said, Overrides(requests={"gemini": 5}))
    assert limits(Scope("provider", "openai")).windows == (minute(1000),)
    assert limits(Scope("provider", "gemini")).windows == (minute(5),)
    wrong = settings('[limits]\nprovider_concurrency = "opennai:3"\n', tmp_path)
    with pytest.raises(
        UsageError, match=r"limits.provider_concurrency 'opennai:3': .* did you mean openai\?"
    ):
        limits_of(wrong)


# --- the page ---

PAGE = Path(__file__).parents[1] / "docs" / "limits.md"
BEGIN = "<!-- defaults: this table is src/panvox/limits/data/defaults.csv -->\n"


def page() -> str:
    """docs/limits.md with its table of defaults written anew."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    lines = ["| provider | model | for each | limits | by whom |", "|---|---|---|---|---|"]
    for row in defaults():
        cells = (f"`{row.provider}`", f"`{row.model}`", row.scope, in_words(row.terms), row.source)
        lines.append(f"| {' | '.join(cells)} |")
    return before + BEGIN + "\n".join(lines) + "\n<!-- end -->" + rest.partition("<!-- end -->")[2]


def in_words(terms: Terms) -> str:
    spans = {60.0: "minute", 86_400.0: "day"}
    words = [f"{window.amount:,} requests/{spans[window.seconds]}" for window in terms.requests or ()]
    if terms.slots is not None:
        words.append(f"{terms.slots} slots" if terms.slots > 1 else "1 slot")
    if terms.spacing is not None:
        words.append(f"{terms.spacing:g} s apart")
    if terms.loaded is not None:
        words.append(f"{terms.loaded} model loaded")
    return ", ".join(words)


def test_the_page_shows_every_default_with_its_source() -> None:
    assert PAGE.read_text() == page()


def test_the_example_on_the_page_sets_what_it_says(tmp_path: Path) -> None:
    example = PAGE.read_text().partition("```toml\n")[2].partition("```")[0]
    limits = limits_of(settings(example, tmp_path))
    assert limits(account("openai")) == Limits(windows=(minute(3000),), slots=40)
    assert limits(account("gemini")) == Limits(slots=8)
    assert limits(account("openrouter")) == Limits(slots=3)
    assert limits(Scope("model", "moonshot/kimi-k2")) == Limits(windows=(minute(10),), slots=1)


if __name__ == "__main__":
    PAGE.write_text(page())
