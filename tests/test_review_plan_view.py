"""How the plan of a review is shown: grasped at once, at any width, and nothing in it is obeyed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from io import StringIO

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from panvox.cli.review_plan import FILES, MODELS, lines, span, write
from panvox.cli.text import clean, json_line
from panvox.protocols import Scope
from panvox.review.material import LeftOut
from panvox.review.planning import Plan, PlannedFile, PlannedLimit, PlannedModel

FREE = PlannedModel(
    model="openrouter/qwen/qwen3-32b:free",
    provider="openrouter",
    tokens=117_000,
    room=122_000,
    how="whole",
    calls=1,
    free=True,
    expected=Decimal(0),
    seconds=21.0,
)
PAID = PlannedModel(
    model="openai/gpt-5",
    provider="openai",
    tokens=117_000,
    room=375_000,
    how="whole",
    calls=1,
    expected=Decimal("0.156"),
    most=Decimal("0.31"),
    seconds=21.0,
)
SPLIT = msgspec.structs.replace(
    PAID,
    model="groq/llama-3.1-8b",
    room=5_600,
    how="split",
    calls=24,
    note="asked in 24 parts",
    seconds=600.0,
)
SKIPPED = PlannedModel(
    model="ollama/tiny",
    provider="ollama",
    tokens=117_000,
    room=2_900,
    how="skip",
    reason="needs about 117,000 tokens, has room for 2,900",
)


def plan_with(models: Sequence[PlannedModel], *, files: int = 3, **more: object) -> Plan:
    asked = [model for model in models if model.calls]
    return Plan(
        instructions="Review",
        files=tuple(PlannedFile(path=f"src/m{n}.py", bytes=9_000, tokens=2_500) for n in range(files)),
        models=tuple(models),
        calls=sum(model.calls for model in asked),
        input_tokens=sum(model.tokens for model in asked),
        expected=sum((model.expected or Decimal(0) for model in asked), Decimal(0)),
        most=sum((model.most for model in asked), Decimal(0)),
        unpriced=sum(model.expected is None for model in asked),
        seconds=max((model.seconds or 0.0 for model in asked), default=0.0),
        unlimited=21.0,
        **more,  # type: ignore[arg-type]
    )


def shown(plan: Plan, *, width: int = 80, verbose: bool = False) -> str:
    return "\n".join(lines(plan, width=width, verbose=verbose))


def many(count: int) -> list[PlannedModel]:
    return [
        msgspec.structs.replace(PAID, model=f"openai/m{n:03}", room=2_000 * 2 ** (n % 9))
        for n in range(count)
    ]


# --- what is told ---


def test_few_models_are_shown_one_by_one_with_what_each_is_asked_and_costs() -> None:
    text = shown(plan_with([FREE, PAID, SPLIT, SKIPPED]), width=120)
    row = next(line for line in text.splitlines() if "groq/llama-3.1-8b  " in line)
    assert row.split()[1:] == ["117k", "5600", "split", "24", "$0.16", "$0.31", "10", "min"]
    assert "3 of 4 models asked: 26 calls, 351k tokens sent" in text
    assert "not asked 1: context too small" in text
    assert "- ollama/tiny: needs about 117,000 tokens, has room for 2,900" in text
    assert "- groq/llama-3.1-8b: asked in 24 parts" in text


def test_hundreds_of_models_are_shown_by_their_room_and_one_by_one_if_wanted() -> None:
    plan = plan_with(many(300))
    assert len(shown(plan).splitlines()) < 40
    assert "openai/m007" not in shown(plan)
    assert all(f"openai/m{n:03}" in shown(plan, verbose=True) for n in range(300))


def test_the_largest_files_are_shown_and_all_others_counted() -> None:
    text = shown(plan_with([PAID], files=FILES + 24))
    assert text.count("src/m") == FILES
    assert "and 24 smaller, 211 KiB" in text
    assert shown(plan_with([PAID], files=FILES + 24), verbose=True).count("src/m") == FILES + 24


def test_what_is_left_out_is_counted_by_its_reason_and_named_if_wanted() -> None:
    left = (LeftOut("a.png", "binary"), LeftOut("b.png", "binary"), LeftOut("c.txt", "ignored"))
    plan = plan_with([PAID], left_out=left)
    assert "left out  3: 2 binary, 1 ignored" in shown(plan)
    assert "c.txt" not in shown(plan)
    assert "- c.txt: ignored" in shown(plan, verbose=True)


def test_the_narrowest_limit_is_told_with_what_it_makes_of_the_time() -> None:
    limit = PlannedLimit(
        scope=Scope("account", "openrouter/main"), limit="20 requests a minute", calls=200, seconds=545.0
    )
    text = shown(plan_with([PAID], limits=(limit,), deadline=300.0, late=("a/1", "a/2", "a/3", "a/4")))
    assert "narrowest openrouter: 20 requests a minute, so 9 min 5 s for 200 calls" in text
    assert "4 models would not have answered after 5 min: a/1, a/2, a/3 and 1 more" in " ".join(text.split())


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ([FREE], "cost      nothing: all models are free"),
        ([SKIPPED], "cost      nothing"),
        ([PAID, FREE], "cost      about $0.16 with usual answers, $0.31 set aside at most; 1 model free"),
        (
            [PAID, msgspec.structs.replace(PAID, model="x/y", expected=None, most=Decimal(2))],
            "1 model of unknown price not in the first figure",
        ),
    ],
)
def test_cost_is_told_as_far_as_it_is_known(models: list[PlannedModel], told: str) -> None:
    assert told in " ".join(shown(plan_with(models), width=300).split("\n"))


def test_a_quota_that_ends_today_is_told() -> None:
    late = msgspec.structs.replace(PAID, seconds=86_405.0)
    assert "not today 1 model would answer after a day or later" in shown(plan_with([late, FREE]))


@pytest.mark.parametrize(
    ("value", "text"),
    [(8.4, "8.4 s"), (185, "3 min 5 s"), (3_600, "1 h"), (7_810, "2 h 10 min"), (90_000, "1 d 1 h")],
)
def test_long_times_are_told_roughly(value: float, text: str) -> None:
    assert span(value) == text


# --- whatever it holds ---


texts = st.text(max_size=60)
models = st.lists(
    st.builds(
        msgspec.structs.replace,
        st.sampled_from([FREE, PAID, SPLIT, SKIPPED]),
        model=texts,
        note=texts,
    ),
    max_size=MODELS + 4,
)


@given(models, texts, st.integers(60, 130), st.booleans())
def test_no_line_is_wider_than_the_terminal_and_nothing_in_it_is_obeyed(
    asked: list[PlannedModel], hostile: str, width: int, verbose: bool
) -> None:
    limit = PlannedLimit(scope=Scope("provider", hostile), limit="1 call at once", calls=3, seconds=60.0)
    plan = plan_with(
        asked,
        limits=(limit,),
        left_out=(LeftOut(hostile, "binary"),),
        notes=(hostile,),
        late=(hostile,),
        deadline=9.0,
    )
    for line in lines(plan, width=width, verbose=verbose):
        assert line == clean(line)
        assert "\n" not in line
        longest = max((cell_len(word) for word in line.split()), default=0)
        assert cell_len(line) <= max(width, 16 + longest)


def test_the_console_shows_every_line_as_it_is() -> None:
    plan = plan_with([FREE, msgspec.structs.replace(PAID, model="[bold]x[/bold]")])
    out = StringIO()
    write(plan, Console(file=out, width=80, markup=False, highlight=False, emoji=False))
    assert [line.rstrip() for line in out.getvalue().splitlines()] == shown(plan).splitlines()


def test_as_json_it_can_be_read_back_whole() -> None:
    limit = PlannedLimit(scope=Scope("provider", "p"), limit="1 call at once", calls=3, seconds=60.0)
    plan = plan_with([FREE, PAID, SPLIT, SKIPPED], limits=(limit,), notes=("a",))
    assert msgspec.json.decode(json_line(plan), type=Plan) == plan
