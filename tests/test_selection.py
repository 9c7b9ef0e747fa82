"""The selection language, and what is asked without a selection."""
# ruff: noqa: E501 - problems are written as people see them, one line each

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from panvox.catalog.entries import Entry
from panvox.catalog.lineage import lineage
from panvox.catalog.selection import default_selection, select
from panvox.errors import SelectionError


def entry(name: str, *, free: bool = False) -> Entry:
    provider, _, model = name.partition("/")
    return Entry(name=name, provider=provider, model=model, lineage=lineage(model), free=free)


NAMES = (
    "openai/gpt-5",
    "openai/gpt-5-mini",
    "openai/gpt-4o",
    "openrouter/openai/gpt-5",
    "openrouter/meta-llama/llama-3.3-70b:free",
    "openrouter/qwen/qwen3-8b:free",
    "groq/Llama-3.3-70B",
    "odd/a[1]*",
)
ENTRIES = tuple(entry(name, free=name.endswith(":free")) for name in NAMES)
PANELS = {
    "free": ("*:free",),
    "mixed": ("@free, openai/*", "!*mini*"),
    "loop": ("@pool",),
    "pool": ("@loop",),
    "stale": ("gone/x", "openai/*"),
}


def names(*patterns: str) -> list[str]:
    return [entry.name for entry in select(patterns, ENTRIES, panels=PANELS)]


@pytest.mark.parametrize(
    ("patterns", "selected"),
    [
        (["openai/gpt-5"], ["openai/gpt-5"]),
        (["OpenAI/GPT-5"], ["openai/gpt-5"]),
        (["gpt-5"], ["openai/gpt-5", "openrouter/openai/gpt-5"]),
        (["llama-3.3-70b"], ["groq/Llama-3.3-70B"]),
        (["gpt-5*"], ["openai/gpt-5", "openai/gpt-5-mini", "openrouter/openai/gpt-5"]),
        (["*:free"], ["openrouter/meta-llama/llama-3.3-70b:free", "openrouter/qwen/qwen3-8b:free"]),
        (["openrouter/*qwen*"], ["openrouter/qwen/qwen3-8b:free"]),
        (["*/gpt-?o"], ["openai/gpt-4o"]),
        (["openai/gpt-[45]*,!*mini"], ["openai/gpt-5", "openai/gpt-4o"]),
        (["odd/a[1]*"], ["odd/a[1]*"]),
        (["groq/*", "openai/gpt-5", "groq/*"], ["openai/gpt-5", "groq/Llama-3.3-70B"]),
        (["*"], list(NAMES)),
        (["!openrouter/*", "- odd/*, -*mini"], ["openai/gpt-5", "openai/gpt-4o", "groq/Llama-3.3-70B"]),
        (["!*mini", "openai/*"], ["openai/gpt-5", "openai/gpt-4o"]),
        (["openai/gpt-5, !nobody/has-this"], ["openai/gpt-5"]),
        (["@free"], ["openrouter/meta-llama/llama-3.3-70b:free", "openrouter/qwen/qwen3-8b:free"]),
        (["@mixed", "!@free"], ["openai/gpt-5", "openai/gpt-4o"]),
        (["@mixed", "*mini*"], ["openai/gpt-5", "openai/gpt-5-mini", "openai/gpt-4o", *NAMES[4:6]]),
        ([" , openai/gpt-5 , "], ["openai/gpt-5"]),
    ],
)
def test_patterns_select_in_the_order_of_the_catalogue(patterns: list[str], selected: list[str]) -> None:
    assert names(*patterns) == selected


@pytest.mark.parametrize(
    ("patterns", "problem"),
    [
        (
            ["openai/gpt-6"],
            snapshot(
                "there is no model 'openai/gpt-6'; nearest: openai/gpt-5, openrouter/openai/gpt-5, openai/gpt-4o"
            ),
        ),
        (["gpt5"], snapshot("there is no model 'gpt5'; nearest: openai/gpt-5, openrouter/openai/gpt-5")),
        (
            ["claude"],
            snapshot("no model fits 'claude'; there are openai (3), openrouter (3), groq (1), odd (1)"),
        ),
        (
            ["opnai/*"],
            snapshot("no model fits 'opnai/*'; there are openai (3), openrouter (3), groq (1), odd (1)"),
        ),
        (["openai"], snapshot("'openai' is a provider: write 'openai/*' for all of its 3 models")),
        (
            ["nothing/here", "openai/gpt-5", "*zebra*"],
            snapshot("""\
no model fits 'nothing/here'; there are openai (3), openrouter (3), groq (1), odd (1)
no model fits '*zebra*'; there are openai (3), openrouter (3), groq (1), odd (1)\
"""),
        ),
        (
            ["gpt-4o", "!openai/*"],
            snapshot("all models of gpt-4o, !openai/* are excluded again; '*' means every model"),
        ),
        ([], snapshot("no models were selected; '*' means all")),
        ([" , "], snapshot("no models were selected; '*' means all")),
        (["!"], snapshot("'!' does not say what to leave out; write '!openai/*'")),
        (["@fre"], snapshot("there is no panel @fre; there are @free, @mixed, @loop, @pool, @stale")),
        (
            ["@loop"],
            snapshot(
                "in the panel @loop: in the panel @pool: the panel @loop contains itself: @loop → @pool → @loop"
            ),
        ),
        (
            ["@stale"],
            snapshot(
                "in the panel @stale: no model fits 'gone/x'; there are openai (3), openrouter (3), groq (1), odd (1)"
            ),
        ),
    ],
)
def test_what_cannot_be_selected_is_told_with_what_could(patterns: list[str], problem: str) -> None:
    with pytest.raises(SelectionError) as raised:
        names(*patterns)
    assert str(raised.value) == problem


@pytest.mark.parametrize(
    ("patterns", "selected"),
    [
        (["groq/*", "openai/gpt-5"], ["groq/Llama-3.3-70B", "openai/gpt-5"]),
        (
            ["groq/*, !*mini", "openai/*", "*"],
            ["groq/Llama-3.3-70B", "openai/gpt-5", "openai/gpt-4o", *NAMES[3:6], NAMES[7]],
        ),
        (["groq/*", "@mixed"], ["groq/Llama-3.3-70B", "openai/gpt-5", "openai/gpt-4o", *NAMES[4:6]]),
        (["!openrouter/*", "!odd/*"], ["openai/gpt-5", "openai/gpt-5-mini", "openai/gpt-4o", NAMES[6]]),
    ],
)
def test_those_who_stand_in_come_in_the_order_of_the_patterns(
    patterns: list[str], selected: list[str]
) -> None:
    chosen = select(patterns, ENTRIES, panels=PANELS, as_given=True)
    assert [entry.name for entry in chosen] == selected


def test_an_empty_catalogue_is_told() -> None:
    with pytest.raises(SelectionError, match="no models were found"):
        select(["*"], [])
    with pytest.raises(SelectionError, match="no models were found"):
        default_selection([], paid_limit=3)


@given(
    st.lists(st.sampled_from([*NAMES, "*", "gpt*", "@mixed", "!*free", "-openai/*", "!@free"]), min_size=1),
    st.randoms(use_true_random=False),
)
def test_order_and_repetition_of_patterns_do_not_matter(patterns: list[str], random: Random) -> None:
    shuffled = patterns * 2
    random.shuffle(shuffled)

    def outcome(*terms: str) -> list[str] | None:
        try:
            return names(*terms)
        except SelectionError:
            return None

    assert outcome(*patterns) == outcome(*shuffled) == outcome(",".join(patterns))


# --- without a selection -----------------------------------------------------------------------------


def test_without_a_selection_a_few_paid_models_and_all_free_ones_are_asked() -> None:
    assert default_selection(ENTRIES, paid_limit=6) == ENTRIES


def test_without_a_selection_many_paid_models_are_not_asked() -> None:
    with pytest.raises(SelectionError) as raised:
        default_selection(ENTRIES, paid_limit=5)
    assert str(raised.value) == snapshot(
        "6 models at openai, openrouter, groq, odd are available and asking all may cost money: choose with --models '*:free', or '*' for all"
    )
    with pytest.raises(SelectionError, match=r"choose with --models 'openai/\*'"):
        default_selection(ENTRIES[:3], paid_limit=0)
