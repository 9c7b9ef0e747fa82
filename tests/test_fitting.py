"""What a model is asked whose context is too small: the material in parts, notes, a beginning, or nothing."""

from __future__ import annotations

from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.catalog.entries import Entry
from panvox.errors import UsageError
from panvox.limits.estimates import Course, Estimates, Known, count_tokens
from panvox.messages import Prompt
from panvox.review.digesting import digest, further_calls, note_room
from panvox.review.fitting import MOST_PARTS, Fitting, Oversize, parse_oversize, room_of
from panvox.review.instructions import Instructions
from panvox.review.material import InputFile
from panvox.review.packing import packed, sized
from panvox.review.prompting import prompt_of, shown
from tests.material import FILES, REVIEW, file, lines

LARGE = [lines("src/a.py", 300), lines("src/b.py", 20), lines("src/c.py", 20), lines("docs/d.md", 500)]
CUTTING = [each for each in Oversize if each is not Oversize.SKIP]


def entry(context: int | None, max_output: int | None = None) -> Entry:
    return Entry(name="oak/m", provider="oak", model="m", lineage="m", context=context, max_output=max_output)


def plain(path: str) -> str:
    """The name of a file, of which a piece has a longer one."""
    return path.partition(" (line")[0]


# --- room ---


@pytest.mark.parametrize(
    ("context", "max_output", "max_tokens", "room"),
    [
        (None, None, None, None),
        (100_000, None, None, 100_000 - 4_096 - 5_000),
        (100_000, 1_000, None, 100_000 - 1_000 - 5_000),
        (100_000, 1_000, 50_000, 100_000 - 1_000 - 5_000),
        (100_000, None, 50_000, 45_000),
        (2_048, None, None, 2_048 - 512 - 103),
        (2_048, None, 4_096, 0),
    ],
)
def test_the_room_is_the_context_without_the_answer_and_a_margin(
    context: int | None, max_output: int | None, max_tokens: int | None, room: int | None
) -> None:
    assert room_of(entry(context, max_output), max_tokens) == room


def test_words_for_what_does_not_fit_are_few() -> None:
    assert [parse_oversize(f" {each.value.upper()} ") for each in Oversize] == list(Oversize)
    with pytest.raises(UsageError, match="'cut' is not one of skip, split, summarise, truncate"):
        parse_oversize("cut")


# --- packing ---


@given(FILES, st.integers(420, 4_000), st.booleans())
def test_parts_hold_every_text_once_in_order_and_are_not_too_large(
    files: list[InputFile], room: int, tight: bool
) -> None:
    parts = list(packed(sized(files), room, tight=tight))
    assert [(path, text) for path, text in joined(parts)] == [
        (path, "".join(each.text for each in same))
        for path, same in groupby(files, lambda each: plain(each.path))
    ]
    assert all(sum(len(shown(each)) + 2 for each in part) <= room for part in parts)
    assert all(parts)


def joined(parts: list[tuple[InputFile, ...]]) -> list[tuple[str, str]]:
    pieces = [each for part in parts for each in part]
    return [
        (path, "".join(each.text for each in same))
        for path, same in groupby(pieces, lambda each: plain(each.path))
    ]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30), st.integers(3_000, 6_000))
def test_files_that_fit_stay_whole_and_no_two_parts_fit_into_one(counts: list[int], room: int) -> None:
    files = [lines(f"f{number}.py", count) for number, count in enumerate(counts)]
    parts = list(packed(sized(files), room))
    assert [each for part in parts for each in part] == files
    sizes = [sum(each.size for each in sized(part)) for part in parts]
    assert all(one + other > room for one, other in pairwise(sizes))


def test_a_file_that_is_too_large_is_cut_between_lines_and_each_piece_says_which() -> None:
    parts = list(packed(sized([lines("src/a.py", 200)]), 3_000))
    names = [each.path for part in parts for each in part]
    assert names[0].startswith("src/a.py (lines 1\u2013")
    assert names[-1].endswith("\u2013200)")
    begins = [int(name.partition("lines ")[2].partition("\u2013")[0]) for name in names]
    ends = [int(name.rpartition("\u2013")[2].rstrip(")")) for name in names]
    assert begins[1:] == [end + 1 for end in ends[:-1]]
    for each, begin in zip((each for part in parts for each in part), begins, strict=True):
        assert each.text.startswith(f"line {begin - 1}.")
        assert each.text.endswith("\n")
        assert each.bytes == len(each.text)


def test_a_line_that_is_too_long_is_cut_between_characters() -> None:
    text = "first\n" + "x" * 5_000 + "\nlast\n"
    pieces = [each for part in packed(sized([file("min.js", text)]), 2_000) for each in part]
    names = [each.path for each in pieces]
    assert names[0] == "min.js (line 1)"
    assert names[1].startswith("min.js (line 2, characters 1\u2013")
    assert names[2].startswith("min.js (line 2, characters ")
    assert names[-1].startswith("min.js (lines 2\u20133, from character ")
    assert "".join(each.text for each in pieces) == text


def test_a_large_file_begins_where_there_is_room_and_small_ones_fill_what_is_left() -> None:
    files = [lines("a", 10), lines("big", 200), lines("z", 10)]
    parts = list(packed(sized(files), 4_000))
    assert [plain(each.path) for each in parts[0]] == ["a", "big"]
    assert [plain(each.path) for each in parts[-1]] == ["big", "z"]


def test_nothing_is_packed_where_names_leave_no_room() -> None:
    assert list(packed(sized([lines("x" * 900, 100)]), 1_000)) == []


# --- fits ---


@given(
    FILES,
    st.integers(0, 3_000),
    st.sampled_from(CUTTING),
    st.floats(0.5, 4),
)
def test_every_prompt_fits_the_room_by_the_models_own_count(
    files: list[InputFile], room: int, oversize: Oversize, factor: float
) -> None:
    known = Known(factor=Course(factor, factor / 10))
    estimates = Estimates({"oak/m": known})

    def count(prompt: Prompt) -> int:
        return estimates.of("oak/m", prompt)[0]

    fit = Fitting(REVIEW, files, oversize=oversize).fit(room, count)
    assert fit.tokens == count(prompt_of(REVIEW, files))
    assert (fit.how == "skip") == (not fit.prompts)
    assert (fit.how == "whole") == (fit.tokens <= room)
    assert bool(fit.note) == (fit.how != "whole")
    assert all(count(prompt) <= room for prompt in fit.prompts)
    assert fit.how == "whole" or len(fit.titles) == len(fit.prompts) <= MOST_PARTS


@pytest.mark.parametrize("oversize", Oversize)
@pytest.mark.parametrize("room", [None, 1 << 40])
def test_what_fits_or_whose_context_nobody_knows_is_asked_the_whole(
    oversize: Oversize, room: int | None
) -> None:
    fitting = Fitting(REVIEW, LARGE, oversize=oversize, max_tokens=7)
    fit = fitting.fit(room, count_tokens)
    assert (fit.how, fit.prompts, fit.note) == ("whole", (fitting.prompt,), "")
    assert fit.prompts[0] is fitting.prompt
    assert fitting.prompt.max_tokens == 7


def test_who_is_skipped_is_told_by_how_much() -> None:
    fit = Fitting(REVIEW, LARGE).fit(1_000, count_tokens)
    tokens = count_tokens(prompt_of(REVIEW, LARGE))
    assert fit.prompts == ()
    assert fit.note == f"needs about {tokens:,} tokens, has room for 1,000"


@pytest.mark.parametrize("oversize", CUTTING)
def test_where_not_even_the_instructions_fit_nothing_is_asked(oversize: Oversize) -> None:
    long = Instructions(name="long", title="Long", text="Look closely. " * 500, source="given")
    fit = Fitting(long, LARGE, oversize=oversize).fit(1_500, count_tokens)
    assert fit.how == "skip"
    assert "there is no room for the instructions and a piece of a file" in fit.note


@pytest.mark.parametrize("oversize", [Oversize.SPLIT, Oversize.SUMMARISE])
def test_more_parts_than_make_sense_are_not_asked(oversize: Oversize) -> None:
    fit = Fitting(REVIEW, [lines("log", 5_000)], oversize=oversize).fit(700, count_tokens)
    assert fit.how == "skip"
    assert f"more than {MOST_PARTS} parts; name fewer files, or use --oversize truncate" in fit.note


def test_parts_are_named_and_each_has_the_instructions() -> None:
    fit = Fitting(REVIEW, LARGE, oversize=Oversize.SPLIT, max_tokens=99).fit(4_500, count_tokens)
    count = len(fit.prompts)
    assert 2 <= count == fit.calls
    assert fit.note.endswith(f": asked in {count} parts")
    assert fit.titles[-1].startswith("docs/d.md (lines ")
    for number, prompt in enumerate(fit.prompts, 1):
        assert prompt.question.startswith(REVIEW.text.strip())
        assert f"This is part {number} of {count}" in prompt.question
        assert prompt.max_tokens == 99


def test_a_truncated_prompt_tells_the_model_and_people_what_is_left_out() -> None:
    fit = Fitting(REVIEW, LARGE, oversize=Oversize.TRUNCATE).fit(2_000, count_tokens)
    (prompt,) = fit.prompts
    line = fit.note.rpartition("from line ")[2].removesuffix(" on")
    told = f"3 of 4 files and src/a.py from line {line} on"
    assert f"Left out, since there is no room for it: {told}." in prompt.question
    assert fit.note.endswith(f": left out, since there is no room for it: {told}")
    assert f"line {int(line) - 2}." in prompt.question
    assert f"line {int(line) - 1}." not in prompt.question


def test_truncating_keeps_whole_files_from_the_beginning() -> None:
    files = [lines("a", 10), lines("b", 10), file("c", "x" * 9_000), lines("d", 10)]
    fit = Fitting(REVIEW, files, oversize=Oversize.TRUNCATE).fit(800, count_tokens)
    assert fit.note.endswith("no room for it: 2 of 4 files")
    assert [f"## {name}\n" in fit.prompts[0].question for name in "abcd"] == [True, True, False, False]


@pytest.mark.parametrize("oversize", CUTTING)
def test_models_of_about_the_same_size_share_their_prompts(oversize: Oversize) -> None:
    fitting = Fitting(REVIEW, [lines(f"f{n}.py", 100) for n in range(60)], oversize=oversize)
    fits = [fitting.fit(room, count_tokens) for room in range(3_000, 60_000, 190)]
    assert len(fits) == 300
    assert len({id(fit.prompts) for fit in fits}) <= 15
    again = Fitting(REVIEW, [lines(f"f{n}.py", 100) for n in range(60)], oversize=oversize)
    assert again.fit(9_000, count_tokens) == fitting.fit(9_000, count_tokens)


def test_what_was_too_large_after_all_is_halved_until_nothing_is_left() -> None:
    fitting = Fitting(REVIEW, LARGE, oversize=Oversize.SPLIT)
    fit = fitting.fit(None, count_tokens)
    counts = [1]
    most = len(fitting.prompt.question)
    while (smaller := fitting.smaller(fit)) is not None:
        most //= 2
        assert max(len(each.question) for each in smaller.prompts) <= most
        assert "which were too many: asked in" in smaller.note
        counts.append(len(smaller.prompts))
        fit = smaller
    assert counts == sorted(set(counts))
    assert len(counts) > 2


def test_who_is_skipped_gets_nothing_smaller() -> None:
    fitting = Fitting(REVIEW, LARGE)
    assert fitting.smaller(fitting.fit(None, count_tokens)) is None


# --- notes ---


@given(
    st.lists(st.integers(0, 4_000), min_size=1, max_size=MOST_PARTS),
    st.integers(1_500, 30_000),
    st.sampled_from(("x", "`", "\n", "```\n", "語")),
)
def test_notes_come_to_a_review_in_fewer_and_fewer_prompts_that_fit(
    lengths: list[int], space: int, letter: str
) -> None:
    notes = [letter * length for length in lengths]
    rounds = 0
    while len(prompts := digest(REVIEW, notes, space=space)) > 1:
        assert len(prompts) < len(notes)
        assert all(len(prompt.question) <= space for prompt in prompts)
        notes = [letter * 3_000] * len(prompts)
        rounds += 1
    assert rounds <= 4
    (last,) = prompts
    assert len(last.question) <= space
    assert "you are given the notes that you made" in last.question


def test_short_notes_reach_the_review_as_they_are_and_long_ones_are_cut() -> None:
    space = 4_000
    (prompt,) = digest(REVIEW, ["first note", "y" * 9_000], space=space, max_tokens=5)
    assert "## Notes on part 1 of 2\n\n```\nfirst note\n```" in prompt.question
    assert "y\n[… cut]\n```" in prompt.question
    assert prompt.question.count("y") > note_room(REVIEW, space) // 4
    assert prompt.max_tokens == 5


@given(st.integers(1, 50), st.integers(600, 300_000), st.integers(20, 400))
def test_calls_that_follow_the_notes_are_at_least_one_and_not_more_than_the_parts(
    parts: int, room: int, words: int
) -> None:
    assert 1 <= further_calls(parts, room, words) <= 1 + parts


def test_notes_are_asked_for_before_the_review() -> None:
    fit = Fitting(REVIEW, LARGE, oversize=Oversize.SUMMARISE).fit(4_500, count_tokens)
    assert fit.note.endswith(f"asked for notes on {len(fit.prompts)} parts, then for the review")
    assert fit.calls == len(fit.prompts) + 1
    assert all("Now write the notes on this part" in prompt.question for prompt in fit.prompts)
