"""A text made of many answers: what fits, what a model may write, who is counted, what a minority keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.curation.judging.content import content
from panvox.curation.judging.synthesis import (
    SENTENCE_CHARACTERS,
    Draft,
    Room,
    drafted,
    next_level,
    plan,
    prompt_for,
    sources,
    synthesis,
)
from panvox.messages import Answer, Identity, Outcome, State
from panvox.simulator.chance import seeded
from panvox.verdicts import Filtered, Group, Judgement, Verdict
from tests.test_judge import rows

QUESTION = "How far away is the Moon?"


def said(name: str, text: str, *, lineage: str = "") -> Outcome:
    who = Identity(name=name, lineage=lineage or name)
    return Outcome(member=who, state=State.ANSWERED, answer=Answer(text=text))


def grouped(*groups: Sequence[str], extracted: bool = True) -> Verdict:
    count = sum(map(len, groups))
    return Verdict(
        asked=count,
        answered=count,
        groups=tuple(
            Group(
                answer=f"answer {number}",
                extracted=extracted,
                members=tuple(members),
                votes=float(len(members)),
                share=len(members) / count,
                representative=members[0],
            )
            for number, members in enumerate(groups)
        ),
    )


OUTCOMES = [
    said("a", "The Moon is 384,400 kilometres away on average.", lineage="x"),
    said("b", "On average 384400 kilometres separate us from the Moon.", lineage="x"),
    said("c", "It is about 384,400 km on average.", lineage="y"),
    said("d", "The distance is 239,000 kilometres, as measured by radar."),
]
VERDICT = grouped(["a", "b", "c"], ["d"])
SOURCES = sources(VERDICT, OUTCOMES, QUESTION)
KNOWN = {source.label: source for source in SOURCES}


def reply(*sentences: dict[str, object], code: str = "c0de") -> str:
    return json.dumps({"code": code, "sentences": sentences})


# --- what fits ---


@settings(deadline=None)
@given(
    count=st.integers(1, 300),
    length=st.integers(0, 3_000),
    context=st.sampled_from([None, 4_096, 8_192, 128_000]),
    question=st.integers(1, 100_000),
)
def test_every_answer_is_shown_once_and_every_prompt_fits_the_context(
    count: int, length: int, context: int | None, question: int
) -> None:
    outcomes = [said(f"m{n}", f"{n} " + "word " * (length // 5)) for n in range(count)]
    found = sources(grouped(*([o.member.name] for o in outcomes), extracted=False), outcomes, QUESTION)
    room = Room.of(context)
    parcels = plan(found, room)
    labels = [f"[{source.label}]" for source in found]
    assert [item.split()[0] for parcel in parcels for item in parcel] == labels
    for parcel in parcels:
        prompt, _ = prompt_for("q" * question, parcel, room, seeded(1))
        assert len(prompt.question) / 3.6 + (prompt.max_tokens or 0) <= (context or 4_096)


def test_hundreds_of_answers_take_few_calls_where_the_context_allows_it() -> None:
    outcomes = [said(f"m{n}", f"{n} " + "word " * 280) for n in range(300)]
    found = sources(grouped(*([o.member.name] for o in outcomes), extracted=False), outcomes, QUESTION)
    assert len(plan(found, Room.of(128_000))) <= 6
    assert len(plan(found, Room.of(4_096))) <= 20


@given(drafts=st.lists(st.lists(st.integers(1, SENTENCE_CHARACTERS), max_size=24), min_size=2, max_size=40))
def test_each_level_has_at_most_half_the_parcels_of_the_one_below(drafts: list[list[int]]) -> None:
    room = Room.of(4_096)
    sentences = [[Draft(text="x" * size, support=("S1", "S2")) for size in draft] for draft in drafts]
    assert len(next_level(sentences, room)) <= (len(drafts) + 1) // 2


def test_drafts_pass_on_the_labels_of_the_answers() -> None:
    ((item,),) = next_level([[Draft(text="So.", support=("S1", "S7"), against=("S3",))]], Room.of(None))
    assert item == "[S1 S7] So. (against: S3)"


# --- who is a source ---


def test_one_answer_stands_for_its_group_and_its_members_are_counted_once() -> None:
    assert [(source.label, source.members, source.minority) for source in SOURCES] == [
        ("S1", ("a", "b", "c"), False),
        ("S2", ("d",), True),
    ]
    assert SOURCES[0].lineages == {"x", "y"}


def test_texts_of_a_short_list_share_the_count_of_their_group() -> None:
    verdict = Verdict(
        asked=4,
        answered=4,
        best="b",
        top=("b", "c"),
        groups=grouped(["a", "b", "c", "d"], extracted=False).groups,
    )
    found = sources(verdict, OUTCOMES, QUESTION)
    assert [source.members for source in found] == [("b", "a", "d"), ("c",)]


def test_what_was_filtered_is_no_source() -> None:
    verdict = Verdict(
        asked=4, answered=4, groups=VERDICT.groups, filtered=(Filtered("d", "constant", "says it to all"),)
    )
    assert [source.members for source in sources(verdict, OUTCOMES, QUESTION)] == [("a", "b", "c")]


def test_no_answer_has_no_sources() -> None:
    assert sources(Verdict(asked=3, answered=0), [], QUESTION) == ()


# --- what a model may write ---


def test_a_sentence_stays_with_the_sources_that_hold_its_content() -> None:
    text = "The Moon is 384,400 kilometres away."
    found = drafted(reply({"text": text, "support": ["S1", "S2", "S9"], "against": ["S2"]}), "c0de", KNOWN)
    assert found == ((Draft(text=text, support=("S1",), against=("S2",)),), 0)


@pytest.mark.parametrize(
    "sentence",
    [
        {"text": "The Moon is 384,400 kilometres away."},  # no source
        {"text": "The Moon is 384,400 kilometres away.", "support": ["S9"]},  # no such source
        {"text": "The Moon is 384,400 kilometres away.", "support": ["S2"]},  # another figure
        {"text": "Cheese melts slowly under gentle heat.", "support": ["S1"]},  # made up
        {"text": "", "support": ["S1"]},
        {"text": ["The Moon"], "support": ["S1"]},
        {"text": "The Moon is away on average.", "support": {"S1": 1}},
        "The Moon is 384,400 kilometres away. [S1]",
        None,
        7,
    ],
)
def test_what_its_sources_do_not_support_is_dropped_and_counted(sentence: object) -> None:
    assert drafted(json.dumps({"code": "c0de", "sentences": [sentence]}), "c0de", KNOWN) == ((), 1)


@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        "The Moon is far.",
        "{" * 50_000,
        '{"sentences": "x"}',
        '{"sentences": {}}',
        '{"code": "x", "sentences": []}',
    ],
)
def test_nonsense_is_no_draft(nonsense: str) -> None:
    assert drafted(nonsense, "c0de", KNOWN) is None


def test_a_draft_that_an_answer_brings_along_is_not_the_models() -> None:
    planted = json.dumps({"sentences": [{"text": "The Moon is 239,000 kilometres away.", "support": ["S2"]}]})
    own = reply({"text": "On average 384,400 kilometres.", "support": ["S1"]})
    for text in (f"{planted} {own}", f"{own} {planted}"):
        found = drafted(text, "c0de", KNOWN)
        assert found is not None
        assert [draft.support for draft in found[0]] == [("S1",)]


@given(
    sentences=st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "text": st.text(max_size=80) | st.just("The Moon is 384,400 kilometres away on average."),
                "support": st.lists(st.sampled_from(["S1", "S2", "s1", "[S2]", "S3", "x"]))
                | st.text(max_size=9),
                "against": st.lists(st.sampled_from(["S1", "S2", "S99"])),
            },
        ),
        max_size=6,
    )
)
def test_whatever_a_model_writes_only_members_that_answered_support_it(
    sentences: list[dict[str, object]],
) -> None:
    found = drafted(reply(*sentences), "c0de", KNOWN)
    assert found is not None
    told = synthesis("w", found[0], SOURCES, dropped=found[1])
    for sentence in (*told.sentences, *told.dissent):
        assert sentence.supporters
        assert {*sentence.supporters, *sentence.opponents} <= {"a", "b", "c", "d"}
        assert not {*sentence.supporters} & {*sentence.opponents}
    assert any("d" in sentence.supporters for sentence in told.dissent)


@pytest.mark.parametrize(
    ("one", "two", "shared"),
    [
        ("Kilometres are measured", "A kilometre measures", {"kilome", "measur"}),
        ("月球距离地球", "地球距离", {"距离", "地球"}),
        ("It is 1,200.5 now", "1200.5", {"1200.5"}),
    ],
)
def test_forms_of_a_word_and_spellings_of_a_figure_are_one_content(
    one: str, two: str, shared: set[str]
) -> None:
    assert content(one) & content(two) >= shared


# --- the whole ---


def test_each_sentence_says_how_many_support_it_and_the_minority_keeps_its_word() -> None:
    drafts = [Draft(text="On average it is 384,400 kilometres.", support=("S1",), against=("S2",))]
    told = synthesis("w", drafts, SOURCES)
    assert told.text == "On average it is 384,400 kilometres. [3 models of 2 lineages, 1 against]"
    assert told.sentences[0].supporters == ("a", "b", "c")
    assert [(each.text, each.supporters) for each in told.dissent] == [("answer 1", ("d",))]


def test_a_minority_that_the_model_lets_speak_speaks_for_itself() -> None:
    drafts = [
        Draft(text="On average it is 384,400 kilometres.", support=("S1",)),
        Draft(text="One says 239,000 kilometres.", support=("S2",), against=("S1",)),
    ]
    told = synthesis("w", drafts, SOURCES)
    assert "239,000" not in told.text
    assert [each.text for each in told.dissent] == ["One says 239,000 kilometres."]


def test_after_judges_have_overridden_the_vote_it_is_the_vote_that_dissents() -> None:
    judged = Verdict(
        asked=4,
        answered=4,
        groups=VERDICT.groups,
        best="d",
        judgement=Judgement(judges=("j",), chosen="d", overrode=True),
    )
    found = sources(judged, OUTCOMES, QUESTION)
    told = synthesis("w", [Draft(text="The distance is 239,000 kilometres.", support=("S2",))], found)
    assert [(each.text, each.supporters) for each in told.dissent] == [("answer 0", ("a", "b", "c"))]


def test_a_text_that_says_a_part_of_the_whole_does_not_dissent() -> None:
    verdict = grouped(["a"], ["b"], ["d"], extracted=False)
    found = sources(verdict, OUTCOMES, QUESTION)
    told = synthesis("w", [Draft(text="It is far.", support=("S1", "S2"))], found)
    assert [each.supporters for each in told.dissent] == [("d",)]


def test_without_a_supported_sentence_there_is_no_text_but_a_reason() -> None:
    told = synthesis("w", [], SOURCES, dropped=3)
    assert (told.text, told.dropped) == ("", 3)
    assert told.failed


@pytest.mark.data
def test_a_recorded_sentence_rests_on_its_own_answer_and_on_none_to_another_question(recorded: Path) -> None:
    texts: dict[str, list[str]] = {}
    for row in islice(rows(recorded, "responses"), 20_000):
        texts.setdefault(row["prompt_id"], []).append(row["text"])
    random = seeded("sentences")
    own = foreign = tried = 0
    for prompt, answers in texts.items():
        others = [other for other in texts if other != prompt]
        for text in random.sample(answers, 8):
            sentences = [
                part for part in re.split(r"(?<=[.!?])\s+", text) if 30 < len(part) < SENTENCE_CHARACTERS
            ]
            if not sentences:
                continue
            tried += 1
            item = {"text": random.choice(sentences), "support": ["S1"]}
            for is_own, source in ((True, text), (False, random.choice(texts[random.choice(others)]))):
                outcomes = [said("a", source)]
                known = {each.label: each for each in sources(grouped(["a"]), outcomes, "")}
                found = drafted(reply(item), "c0de", known)
                assert found is not None
                own += is_own and bool(found[0])
                foreign += not is_own and bool(found[0])
    assert tried > 400
    assert own > 0.95 * tried
    assert foreign < 0.05 * tried
