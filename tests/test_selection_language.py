"""Selecting by what is known of a model: conditions, pickers, why each is in or out, and what is told of mistakes."""
# ruff: noqa: E501 - problems are written as people see them, one line each

from __future__ import annotations

import re
from contextlib import suppress
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from panvox.catalog.entries import Entry, Life, Probe
from panvox.catalog.selection import explain, select
from panvox.catalog.selection.language import parse
from panvox.catalog.selection.terms import (
    ATTRIBUTES,
    COUNTED,
    FIELDS,
    OPERATORS,
    STATES,
    TASKS,
    Can,
    Cheapest,
    Compared,
    Drawn,
    InPanel,
    Named,
    Not,
    Of,
    OneVoice,
    Proven,
    Strongest,
    Term,
    in_turn,
)
from panvox.errors import SelectionError
from panvox.protocols import Capability, Prices

NOW = 1_751_328_000.0  # 2025-07-01
DAY = 86_400.0
CODE, TOOLS, VISION, MATH = Capability.CODE, Capability.TOOLS, Capability.VISION, Capability.MATH

ENTRIES = (
    Entry(
        name="openai/gpt-5",
        provider="openai",
        model="gpt-5",
        lineage="gpt-5",
        prices=Prices(input=1.25, output=10),
        context=400_000,
        max_output=128_000,
        capabilities=(CODE, TOOLS, VISION),
        released="2025-06-30",
        strengths={"general": 0.9, "code": 0.8},
    ),
    Entry(
        name="openai/gpt-4o-mini",
        provider="openai",
        model="gpt-4o-mini",
        lineage="gpt-4o-mini",
        kin="gpt-4o",
        prices=Prices(input=0.15, output=0.6),
        context=128_000,
        capabilities=(CODE, VISION),
        released="2024-07",
        strengths={"general": 0.5, "code": 0.6},
    ),
    Entry(
        name="groq/llama-3.3-70b",
        provider="groq",
        model="llama-3.3-70b",
        lineage="llama-3-3-70b",
        kin="llama-3-1-70b",
        prices=Prices(input=0.1, output=0.4),
        context=131_072,
        max_output=32_768,
        capabilities=(CODE, TOOLS),
        released="2024-12-06",
        strengths={"general": 0.66},
    ),
    Entry(
        name="openrouter/meta/llama-3.3-70b:free",
        provider="openrouter",
        model="meta/llama-3.3-70b:free",
        lineage="llama-3-3-70b",
        free=True,
        context=65_536,
        capabilities=(CODE,),
        released="2024",
        strengths={"general": 0.66},
    ),
    Entry(
        name="nebius/llama-3.3-70b",
        provider="nebius",
        model="llama-3.3-70b",
        lineage="llama-3-3-70b",
        capabilities=(CODE,),
    ),
    Entry(
        name="box/code",
        provider="box",
        model="code",
        lineage="one",
        free=True,
        capabilities=(Capability.LOCAL, MATH),
    ),
    Entry(name="box/a=b", provider="box", model='my "own", a=b', lineage="x"),
)
GPT_5, MINI, GROQ, FREE, NEBIUS, BOX, ODD = (entry.name for entry in ENTRIES)
PROBES = {
    GPT_5: Probe(model=GPT_5, life=Life.ANSWERS, at=NOW - 8 * DAY),
    GROQ: Probe(model=GROQ, life=Life.ANSWERS, at=NOW - 60),
    FREE: Probe(model=FREE, life=Life.REFUSES, at=NOW - 60),
    MINI: Probe(model=MINI, life=Life.GONE, at=NOW - 60),
}
PANELS = {"cheap": ("price<1", "!free"), "voices": ("code", "lineage:one"), "none": ("code !*",)}


def names(*patterns: str, seed: int = 1) -> list[str]:
    chosen = select(patterns, ENTRIES, panels=PANELS, probes=PROBES, now=NOW, seed=seed)
    return [entry.name for entry in chosen]


def outcome(*patterns: str) -> list[str]:
    """The names, none where nothing fits or something is wrong."""
    try:
        return names(*patterns)
    except SelectionError:
        return []


@pytest.mark.parametrize(
    ("pattern", "selected"),
    [
        # Capabilities
        ("vision", [GPT_5, MINI]),
        ("capability:vision", [GPT_5, MINI]),
        ("Capability:Tools", [GPT_5, GROQ]),
        ("local", [BOX]),
        ("free", [FREE, BOX]),
        ("code tools", [GPT_5, GROQ]),
        ("all", [entry.name for entry in ENTRIES]),
        # Words that are also names
        ("math", [BOX]),
        ("name:code", [BOX]),
        ('"code"', [BOX]),
        ("name:llama-3.3-70b*", [GROQ, FREE, NEBIUS]),
        ('"box/a=b"', [ODD]),
        ('"my ""own"", a=b"', [ODD]),
        ('name:"my *"', [ODD]),
        # Words of an entry
        ("provider:openai", [GPT_5, MINI]),
        ("provider:OPEN*", [GPT_5, MINI, FREE]),
        ("lineage:llama-*", [GROQ, FREE, NEBIUS]),
        ('lineage:"one"', [BOX]),
        ("kin:gpt-4o", [MINI]),
        ("kin:gpt-5", [GPT_5]),
        # Prices: three tokens in and one out
        ("price<0.175", [FREE, BOX]),
        ("price<=0.175", [GROQ, FREE, BOX]),
        ("price = .175", [GROQ]),
        ("price>=3.4375", [GPT_5]),
        ("price!=0", [GPT_5, MINI, GROQ]),
        ("price.in<0.15 price.out>0", [GROQ]),
        ("price.input<=0.15 price.output>=0.6", [MINI]),
        ("!price>=0", [NEBIUS, ODD]),
        # Tokens
        ("context>=100k", [GPT_5, MINI, GROQ]),
        ("context>131_072", [GPT_5]),
        ("context<=0.065536M", [FREE]),
        ("output>32k", [GPT_5, GROQ]),
        # Strengths
        ("strength>=0.66", [GPT_5, GROQ, FREE]),
        ("strength.general>.8", [GPT_5]),
        ("strength.code<0.7", [MINI]),
        # Dates, compared as far as they are given
        ("released>=2025", [GPT_5]),
        ("released=2024", [MINI, GROQ, FREE]),
        ("released<=2024-07", [MINI]),
        ("released>2024-07", [GPT_5, GROQ]),
        ("released!=2024", [GPT_5]),
        ("released<2024-12-06", [MINI]),
        ("released>=2023-12", [GPT_5, MINI, GROQ, FREE]),
        ("age<1d", []),
        ("age<=1", [GPT_5]),
        ("age<1y", [GPT_5, GROQ]),
        ("age>52w", [MINI, FREE]),
        # Probes
        ("alive", [GROQ]),
        ("probed", [MINI, GROQ, FREE]),
        ("gone", [MINI]),
        ("code !alive !gone", [GPT_5, FREE, NEBIUS]),
        # Together
        ("code price<1 context>=100k !*mini", [GROQ]),
        ("code  price < 1  context >= 100k  - *mini", [GROQ]),
        ("vision price<1, free !local", [MINI, FREE]),
        ("@cheap", [MINI, GROQ]),
        ("@cheap tools", [GROQ]),
        ("code !@cheap !free", [GPT_5, NEBIUS]),
        ("!!vision", [GPT_5, MINI]),
        ("!free !price>0", [NEBIUS, ODD]),
        ("!free, !price>0", [NEBIUS, ODD]),
        # Pickers
        ("lineage:one", [GPT_5, MINI, GROQ, BOX, ODD]),
        ("lineage:llama-* lineage:one", [GROQ]),
        ("lineage:llama-* !alive lineage:one", [NEBIUS]),
        ("strongest:1", [GPT_5]),
        ("strongest:3", [GPT_5, GROQ, FREE]),
        ("strongest:2", [GPT_5, GROQ]),
        ("!openai/* strongest:1", [GROQ]),
        ("strongest.code:10", [GPT_5, MINI]),
        ("cheapest:2", [FREE, BOX]),
        ("cheapest:99", [GPT_5, MINI, GROQ, FREE, BOX]),
        ("cheapest:1 strongest:3", [FREE]),
        ("strongest:2 lineage:one", [GPT_5, GROQ]),
        ("cheapest:3, lineage:one", [MINI, GROQ, BOX]),
        ("code strongest:1, local", [GPT_5, BOX]),
        ("code, local, cheapest:1", [FREE]),
        ("code, !free cheapest:1", [GROQ]),
        ("all !free cheapest:1, vision", [GPT_5, MINI, GROQ]),
        ("@voices", [GPT_5, MINI, GROQ]),
        ("@voices, cheapest:1", [GROQ]),
    ],
)
def test_a_selection_means(pattern: str, selected: list[str]) -> None:
    assert outcome(pattern) == selected


@pytest.mark.parametrize(
    ("patterns", "problem"),
    [
        (
            ["contxt>=100k"],
            snapshot(
                "there is no field 'contxt'; did you mean context? There are price, price.in, price.out, context, output, strength, strength.code, strength.math, released, age"
            ),
        ),
        (
            ["code wit<1 context>=many", "capability:codee", "free"],
            snapshot("""\
in 'code wit<1 context>=many': there is no field 'wit'; there are price, price.in, price.out, context, output, strength, strength.code, strength.math, released, age
in 'code wit<1 context>=many': 'context>=many': 'many' is no number such as 1, 0.25, 100k or 1m
there is no capability 'codee'; did you mean code? There are text, code, math, vision, image, multimodal, tools, reasoning, json, long-context, free, local\
"""),
        ),
        (["price<"], snapshot("'price<': '' is no number such as 1, 0.25, 100k or 1m")),
        (["<1"], snapshot("'<1' does not say what to compare; write for example 'price<1'")),
        (
            ["released>2025-13"],
            snapshot("'released>2025-13': '2025-13' is no date such as 2025, 2025-06 or 2025-06-30"),
        ),
        (["age<3h"], snapshot("'age<3h': '3h' is no age such as 180d, 26w or 2y")),
        (["code !"], snapshot("in 'code !': '!' does not say what to leave out; write '!openai/*'")),
        (
            ["provider:", "@", 'name:""'],
            snapshot("""\
'provider:' does not say which; write for example 'provider:openai'
'@' does not say which; write for example '@fast'
'name:""' does not say which; write for example 'name:gpt-5'\
"""),
        ),
        (['code "my model'], snapshot("the quote before 'my model' is not closed")),
        (
            ["strongest"],
            snapshot(
                "'strongest' does not say how many to take: write strongest:10; a model of this name is name:strongest"
            ),
        ),
        (
            ["random:7b"],
            snapshot(
                "'random:7b' does not say how many to take: write random:10, or random:10:7 to repeat it; a model of this name is name:random:7b"
            ),
        ),
        (
            ["strongest.maths:3"],
            snapshot(
                "there is no picker 'strongest.maths'; did you mean strongest.math:10? There are lineage:one, strongest:10, strongest.general:10, strongest.code:10, strongest.math:10, cheapest:10, random:10"
            ),
        ),
        (
            ["!lineage:one"],
            snapshot("'!lineage:one': what lineage:one picks cannot be left out; exclude by conditions"),
        ),
        (
            ["provider:opnai"],
            snapshot("no model fits 'provider:opnai'; did you mean provider:openai?"),
        ),
        (
            ["provider:zzz"],
            snapshot(
                "no model fits 'provider:zzz'; there are openai (2), box (2), groq (1), openrouter (1), nebius (1)"
            ),
        ),
        (
            ["code gpt-6, lineage:gpt-6"],
            snapshot("""\
in 'code gpt-6': there is no model 'gpt-6'; nearest: openai/gpt-5
no model fits 'lineage:gpt-6'; did you mean lineage:gpt-5?\
"""),
        ),
        (["reasonning"], snapshot("there is no model 'reasonning'; did you mean reasoning?")),
        (["provder:groq"], snapshot("there is no model 'provder:groq'; did you mean provider:groq?")),
        (["price:1"], snapshot("there is no model 'price:1'; to compare, write for example price<1")),
        (["context"], snapshot("there is no model 'context'; to compare, write for example context<…")),
        # Nothing fits: which condition left nothing over
        (["reasoning"], snapshot("no model fits 'reasoning'")),
        (
            ["context>1m"],
            snapshot("no model fits 'context>1m'; the highest context is 400,000, of 3 it is not known"),
        ),
        (
            ["vision price<0.1 tools"],
            snapshot(
                "nothing fits 'vision price<0.1 tools': 2 models fit 'vision', but none also 'price<0.1'; the lowest price is 0.2625"
            ),
        ),
        (
            ["local output>=1k"],
            snapshot(
                "nothing fits 'local output>=1k': 1 model fits 'local', but none also 'output>=1k'; the output of none is known"
            ),
        ),
        (
            ["released<2020"],
            snapshot(
                "no model fits 'released<2020'; the earliest release date is 2024, of 3 it is not known"
            ),
        ),
        (["age<1d"], snapshot("no model fits 'age<1d'; the lowest age is 1.00d, of 3 it is not known")),
        (
            ["local strongest:3"],
            snapshot(
                "nothing fits 'local strongest:3': 1 model fits before strongest:3, but the strength of none is known"
            ),
        ),
        (
            ["strongest.math:3", "!*mini"],
            snapshot(
                "nothing is left of strongest.math:3, !*mini: 6 models fit before strongest.math:3, but the strength.math of none is known"
            ),
        ),
        (
            ["@none"],
            snapshot("in the panel @none: nothing fits 'code !*': 5 models fit 'code', but none also '!*'"),
        ),
    ],
)
def test_a_mistake_is_told_with_what_would_be_right(patterns: list[str], problem: str) -> None:
    with pytest.raises(SelectionError) as raised:
        names(*patterns)
    assert str(raised.value) == problem


def test_without_probes_nothing_is_alive_and_how_to_probe_is_told() -> None:
    with pytest.raises(SelectionError) as raised:
        select(["code alive"], ENTRIES, now=NOW)
    assert str(raised.value) == snapshot(
        "nothing fits 'code alive': 5 models fit 'code', but none also 'alive'; nothing has been probed, `panvox models probe` does it"
    )


def test_a_probe_counts_as_long_as_it_is_said_to() -> None:
    chosen = select(["alive"], ENTRIES, probes=PROBES, probes_last=9 * DAY, now=NOW)
    assert [entry.name for entry in chosen] == [GPT_5, GROQ]


def test_patterns_can_be_checked_before_there_is_a_catalogue() -> None:
    assert parse(["code price<1, !@gone", "nobody/has-this"]) == (
        Term((Can(CODE), Compared("price", "<", 1, "1"))),
        Term((Not(InPanel("gone")),)),
        Term((Named("nobody/has-this"),)),
    )
    with pytest.raises(SelectionError, match="no model"):
        parse([" , "])
    with pytest.raises(SelectionError, match=r"(?s)'x'.*\n.*'y'"):
        parse(["price<x", "context<y"])


def test_the_page_is_written_in_the_language_and_names_all_of_it() -> None:
    page = (Path(__file__).parents[1] / "docs" / "selection.md").read_text()
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    parse(
        [selection for cell in cells for selection in re.findall("`(.+?)`", cell) if selection not in FIELDS]
    )
    named = {*FIELDS, *ATTRIBUTES, *STATES, *COUNTED, *Capability}
    assert [word for word in named if not re.search(rf"`{re.escape(word)}[`:<>=]", page)] == []


# --- chance -------------------------------------------------------------------------------------------


def test_the_same_seed_takes_the_same_models_and_others_take_others() -> None:
    assert names("random:3:7", seed=1) == names("random:3:7", seed=2)
    assert len({tuple(names("random:3", seed=seed)) for seed in range(50)}) > 10
    assert len({tuple(names(f"random:3:{seed}")) for seed in range(50)}) > 10


def test_without_a_seed_chance_takes_others_each_time() -> None:
    many = [Entry(name=f"p/{number}", provider="p", model=f"{number}", lineage="") for number in range(200)]
    assert select(["random:20"], many) != select(["random:20"], many)


def test_models_without_a_lineage_are_voices_of_their_own() -> None:
    many = [Entry(name=f"p/{number}", provider="p", model=f"{number}", lineage="") for number in range(3)]
    assert select(["lineage:one"], many) == tuple(many)


def test_a_new_model_does_not_change_who_else_a_seed_takes() -> None:
    taken = names("random:3:7")
    more = [*ENTRIES, Entry(name="new/model", provider="new", model="model", lineage="new")]
    now = {entry.name for entry in select(["random:3:7"], more)}
    assert now == set(taken) or now < {*taken, "new/model"}


# --- why ----------------------------------------------------------------------------------------------


def why(*patterns: str) -> dict[str, str]:
    told = explain(patterns, ENTRIES, panels=PANELS, probes=PROBES, now=NOW, seed=1)
    return {explanation.entry.name: str(explanation) for explanation in told}


def test_every_model_is_told_why_it_is_in_or_out() -> None:
    assert why("code price<1 context>=100k !*mini") == snapshot(
        {
            "openai/gpt-5": "out: price 3.4375 is not < 1",
            "openai/gpt-4o-mini": "out: excluded by !*mini",
            "groq/llama-3.3-70b": "in: code, price 0.175 < 1, context 131,072 >= 100k, not *mini",
            "openrouter/meta/llama-3.3-70b:free": "out: context 65,536 is not >= 100k",
            "nebius/llama-3.3-70b": "out: price is not known",
            "box/code": "out: not code",
            "box/a=b": "out: not code",
        }
    )
    assert why("tools released>=2025-01, !vision") == snapshot(
        {
            "openai/gpt-5": "out: excluded by !vision",
            "openai/gpt-4o-mini": "out: not tools",
            "groq/llama-3.3-70b": "out: released 2024-12-06 is not >= 2025-01",
            "openrouter/meta/llama-3.3-70b:free": "out: not tools",
            "nebius/llama-3.3-70b": "out: not tools",
            "box/code": "out: not tools",
            "box/a=b": "out: not tools",
        }
    )
    assert why("@cheap alive, kin:llama-* !free") == snapshot(
        {
            "openai/gpt-5": "out: not @cheap (price 3.4375 is not < 1); kin gpt-5 is not llama-*",
            "openai/gpt-4o-mini": "out: not alive (a probe says: gone); kin gpt-4o is not llama-*",
            "groq/llama-3.3-70b": "in: @cheap (price 0.175 < 1), alive",
            "openrouter/meta/llama-3.3-70b:free": "out: not @cheap (excluded by !free); excluded by !free",
            "nebius/llama-3.3-70b": "in: kin llama-3-3-70b, not free",
            "box/code": "out: not @cheap (excluded by !free); kin one is not llama-*",
            "box/a=b": "out: not @cheap (price is not known); kin x is not llama-*",
        }
    )
    assert why("code !price>1 lineage:one") == snapshot(
        {
            "openai/gpt-5": "out: excluded by !price>1 (price 3.4375 > 1)",
            "openai/gpt-4o-mini": "in: code, price 0.2625 is not > 1, for its lineage gpt-4o-mini",
            "groq/llama-3.3-70b": "in: code, price 0.175 is not > 1, for its lineage llama-3-3-70b",
            "openrouter/meta/llama-3.3-70b:free": "out: another offer of its lineage was taken: groq/llama-3.3-70b",
            "nebius/llama-3.3-70b": "out: another offer of its lineage was taken: groq/llama-3.3-70b",
            "box/code": "out: not code",
            "box/a=b": "out: not code",
        }
    )
    assert why("strongest:2, !groq/*") == snapshot(
        {
            "openai/gpt-5": "in: not excluded, among the 2 strongest (strength 0.90)",
            "openai/gpt-4o-mini": "out: not among the 2 strongest (strength 0.50; the 2nd has 0.66)",
            "groq/llama-3.3-70b": "out: excluded by !groq/*",
            "openrouter/meta/llama-3.3-70b:free": "in: not excluded, among the 2 strongest (strength 0.66)",
            "nebius/llama-3.3-70b": "out: strength is not known, so it is not among the 2 strongest",
            "box/code": "out: strength is not known, so it is not among the 2 strongest",
            "box/a=b": "out: strength is not known, so it is not among the 2 strongest",
        }
    )
    assert why("released>=2024-08 !alive")[FREE] == snapshot("out: of the release date only 2024 is known")
    assert why("!free") == snapshot(
        {
            "openai/gpt-5": "in: not excluded",
            "openai/gpt-4o-mini": "in: not excluded",
            "groq/llama-3.3-70b": "in: not excluded",
            "openrouter/meta/llama-3.3-70b:free": "out: excluded by !free",
            "nebius/llama-3.3-70b": "in: not excluded",
            "box/code": "out: excluded by !free",
            "box/a=b": "in: not excluded",
        }
    )


def test_where_nothing_fits_each_model_is_told_why() -> None:
    assert why("code price<0") == snapshot(
        {
            "openai/gpt-5": "out: price 3.4375 is not < 0",
            "openai/gpt-4o-mini": "out: price 0.2625 is not < 0",
            "groq/llama-3.3-70b": "out: price 0.175 is not < 0",
            "openrouter/meta/llama-3.3-70b:free": "out: price 0 is not < 0",
            "nebius/llama-3.3-70b": "out: price is not known",
            "box/code": "out: not code",
            "box/a=b": "out: not code",
        }
    )
    with pytest.raises(SelectionError, match="there is no model 'gpt-6'"):
        why("gpt-6")
    with pytest.raises(SelectionError, match="no models were found"):
        explain(["*"], [])


def test_a_long_selection_is_explained_in_short() -> None:
    assert why("gpt-5", "box/*", "groq/*", "nebius/*", "free")[MINI] == snapshot(
        "out: not gpt-5; not box/*; not groq/*; nor does it fit 2 more terms"
    )


# --- properties ---------------------------------------------------------------------------------------

texts = st.text(min_size=1, max_size=12).filter(str.strip)
globs = texts | st.text('ab*?[]!-@:."<>=, codelineagrp', min_size=1, max_size=12).filter(str.strip)
numbers = st.from_regex(r"[0-9]{1,6}(\.[0-9]{1,3})?", fullmatch=True)


@st.composite
def compared(draw: st.DrawFn) -> Compared:
    field = draw(st.sampled_from([*FIELDS.values()]))
    operator = draw(st.sampled_from(OPERATORS))
    if field == "released":
        return Compared(field, operator, 0, draw(st.sampled_from(["2025", "2024-12", "2024-12-06"])))
    number = draw(numbers)
    unit, times = draw(
        st.sampled_from([("d", 1), ("w", 7), ("y", 365)] if field == "age" else [("", 1), ("k", 1000)])
    )
    return Compared(field, operator, float(number) * times, number + unit)


affirmed = st.one_of(
    st.builds(Named, globs),
    st.builds(InPanel, globs),
    st.builds(Of, st.sampled_from(ATTRIBUTES), globs | st.just("one")),
    st.builds(Can, st.sampled_from(Capability)),
    st.builds(Proven, st.sampled_from(STATES)),
    compared(),
)
counts = st.integers(1, 999_999_999)
pickers = st.one_of(
    st.builds(OneVoice),
    st.builds(Strongest, counts, st.sampled_from(TASKS)),
    st.builds(Cheapest, counts),
    st.builds(Drawn, counts, st.none() | st.integers(0, 10**17)),
)
terms = st.builds(
    Term,
    st.lists(affirmed | st.builds(Not, affirmed), min_size=1, max_size=4, unique=True).map(tuple),
    st.lists(pickers, max_size=3).map(in_turn),
)
# Words that mean something in the catalogue above, alone and with others.
WORDS = [
    "code", "vision", "free", "gpt-5", "llama-3.3-70b", "openai/*", "*:free", "provider:box", "lineage:llama-*",
    "price<1", "price!=0", "context>=100k", "released>=2025", "age<1y", "strength>0.6", "alive", "@cheap", "@voices",
]  # fmt: skip
PICKS = ["lineage:one", "strongest:2", "strongest.code:1", "cheapest:3", "random:2", "random:3:5"]
words = st.sampled_from([*WORDS, *(f"!{word}" for word in WORDS), *PICKS])
selections = st.lists(st.lists(words, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=3)


@given(st.lists(terms, min_size=1, max_size=3))
def test_what_is_printed_reads_back_as_the_same(written: list[Term]) -> None:
    assert parse([", ".join(map(str, written))]) == tuple(written)
    assert parse(list(map(str, written))) == tuple(written)


@given(selections)
def test_what_is_read_prints_as_what_reads_the_same(patterns: list[str]) -> None:
    assert parse([str(term) for term in parse(patterns)]) == parse(patterns)


@given(st.lists(st.text() | st.text('abc*?[]!-@:."<>=, \t,_0123kmd', max_size=30)))
def test_whatever_is_typed_only_a_selection_error_can_come_of_it(patterns: list[str]) -> None:
    outcome(*patterns)
    with suppress(SelectionError):
        explain(patterns, ENTRIES, panels=PANELS)


@given(selections, st.randoms(use_true_random=False))
def test_order_and_repetition_make_no_difference(patterns: list[str], random) -> None:
    twice = [term.split(" ") for term in patterns * 2]
    for parts in (*twice, twice):
        random.shuffle(parts)
    shuffled = [" ".join(parts) for parts in twice]
    assert outcome(*shuffled) == outcome(*patterns) == outcome(",".join(patterns))


@given(st.sampled_from(WORDS), st.sampled_from(WORDS))
def test_two_conditions_select_what_fits_both(one: str, other: str) -> None:
    both = set(outcome(one)) & set(outcome(other))
    assert set(outcome(f"{one} {other}")) == both
    assert set(outcome(f"{one}, {other}")) == set(outcome(one)) | set(outcome(other))


@given(st.sampled_from(WORDS))
def test_an_exclusion_selects_all_the_others(word: str) -> None:
    everything = {entry.name for entry in ENTRIES}
    assert set(outcome(f"!{word}")) == set(outcome(f"all !{word}")) == everything - set(outcome(word))


@given(st.sampled_from(WORDS), st.lists(st.sampled_from(PICKS), min_size=1, max_size=3))
def test_pickers_take_of_what_fits_in_a_fixed_order(word: str, picks: list[str]) -> None:
    taken = {tuple(outcome(f"{word} {' '.join(order)}")) for order in permutations(picks)}
    assert len(taken) == 1
    assert set(*taken) <= set(outcome(word))


@given(selections)
def test_explanations_agree_with_the_selection(patterns: list[str]) -> None:
    told = explain(patterns, ENTRIES, panels=PANELS, probes=PROBES, now=NOW, seed=1)
    chosen = [explanation.entry.name for explanation in told if explanation.chosen]
    assert [explanation.entry for explanation in told] == list(ENTRIES)
    assert all(explanation.why for explanation in told)
    try:
        assert names(*patterns) == chosen
    except SelectionError:  # nothing is chosen, or a term adds nothing
        alone = [explain([term], ENTRIES, panels=PANELS, probes=PROBES, now=NOW, seed=1) for term in patterns]
        assert not chosen or any(not any(told.chosen for told in term) for term in alone)
