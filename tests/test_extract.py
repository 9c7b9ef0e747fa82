"""Final answers: what a prompt asks for, and what of a text is its answer."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from io import TextIOWrapper
from math import comb
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from panvox.curation import Expect
from panvox.curation.code import code_key
from panvox.curation.expect import asked, infer
from panvox.curation.extract import extract, plain_decimal, read, truth_key
from panvox.curation.extract.literals import literal
from panvox.curation.extract.numbers import number, symbolic
from panvox.curation.options import Option, listed
from tests.rephrasing import CHOICES, FRAMES, NUMBERS, grouped, in_words, number_said, option_said

CAPITAL = "What is the capital of France?"
EGGS = "How many eggs has she left?"
CHOICE = "Which one is prime?\nA. 4\nB. 7\nC. 9"
PRIME = "Is 7 a prime number?"
SIGNED = "When was the treaty signed?"
OUTPUT = "What does this return?\n```python\ndef f(x):\n    return x\n```"
IN_JSON = """How many eggs has she left? Show your final answer in the `answer` field, e.g., `"answer": "42"`.
```json
{
    "reasoning": "___",
    "answer": "___"
}
```"""
IN_CHINESE = (
    "请选出一个正确的答案，并写在[正确答案]和<eoa>之间。例如[正确答案]A<eoa>。\n下列哪个是质数?A:4;B:7;C:9。"
)


# --- what a prompt asks for ---


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        (EGGS, Expect.NUMBER),
        (IN_JSON, Expect.NUMBER),
        ("What is 3 + 4?", Expect.NUMBER),
        (r"Let $x^2 = 9$ with $x > 0$. Find $x$.", Expect.NUMBER),
        ("Tom is 4 and Ann is 3 years older. What is the age of Ann?", Expect.NUMBER),
        ("她还剩多少个鸡蛋？", Expect.NUMBER),
        ("Wie viele Eier hat sie noch?", Expect.NUMBER),
        (CHOICE, Expect.CHOICE),
        (IN_CHINESE, Expect.CHOICE),
        ('Name the culprit and write the letter, e.g. {"answer": "B"} as json.', Expect.CHOICE),
        (PRIME, Expect.YES_NO),
        ("True or false: seven is prime.", Expect.YES_NO),
        (SIGNED, Expect.DATE),
        (OUTPUT, Expect.LITERAL),
        ("Complete: assert f('ab') == ??\n\ndef f(x):\n    return x  # what is the output?", Expect.LITERAL),
        ("Write a Python function that adds two numbers.", Expect.CODE),
        ("Describe the person and return the result as JSON.", Expect.JSON),
        (CAPITAL, Expect.SHORT),
        ("Write a poem about rain.", Expect.TEXT),
        ("Explain why the sky is blue.", Expect.TEXT),
    ],
)
def test_the_kind_of_answer_is_found_from_the_prompt(prompt: str, kind: Expect) -> None:
    assert infer(prompt) is kind


def test_a_kind_that_was_given_is_not_guessed() -> None:
    assert asked(EGGS, Expect.TEXT).kind is Expect.TEXT
    assert extract("9", EGGS, Expect.TEXT) is None


@pytest.mark.parametrize(
    "prompt",
    [
        "Which is prime?\nA. 4\nB. 7\nC. 9",
        "Which is prime?\n\n- (A) 4\n- (B) 7\n- (C) 9\n\nAnswer with a letter.",
        "Which is prime?\nA) 4\nB) 7\nC) 9",
        "Which is prime? A: 4; B: 7; C: 9",
        "Which is prime? (A) 4 (B) 7 (C) 9",
        "哪个是质数？\nA、4\nB、7\nC、9",
        "下列是质数的有A:4;B:7;C:9。",
        "Which is prime?\n**A.** 4\n**B.** 7\n**C.** 9",
        "Which is prime?\n(a) 4\n(b) 7\n(c) 9",
    ],
)
def test_lettered_options_are_found_in_any_layout(prompt: str) -> None:
    found = listed(prompt)
    assert [option.label for option in found] == ["A", "B", "C"]
    assert [option.text.strip("。") for option in found] == ["4", "7", "9"]


def test_options_may_have_numbers_or_no_labels() -> None:
    numbered = listed("Choose one of the following:\n1. red\n2. green\n3. blue")
    assert numbered == (Option("1", "red"), Option("2", "green"), Option("3", "blue"))
    assert extract("2", "Choose one of the following:\n1. red\n2. green\n3. blue") == ("2", "2")
    bare = "Is it sound?\nOptions:\n- valid\n- invalid"
    assert listed(bare) == (Option("valid", "valid"), Option("invalid", "invalid"))
    assert key_of("The argument is **invalid**.", bare) == "invalid"


@pytest.mark.parametrize(
    "prompt", [EGGS, "I met A. Smith there.", r"$\frac{1}{(a - b)(a - c)}$", "f(A, B)", ""]
)
def test_letters_in_a_text_are_no_options(prompt: str) -> None:
    assert listed(prompt) == ()


# --- what of a text is the answer ---


def key_of(text: str, question: str) -> str | None:
    found = extract(text, question)
    return found.key if found else None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Paris", "paris"),
        ("**Paris**.", "paris"),
        ("The capital of France is Paris.", "paris"),
        ("The capital of France is Paris. It lies on the Seine and has two million people.", "paris"),
        ("La capitale de la France est Paris.", "paris"),
        ("The answer is **Paris**, which lies on the Seine.", "paris"),
        ("So it's Paris.", "paris"),
        ("Result → **Paris**", "paris"),
        ("<answer>Paris</answer>", "paris"),
        ("<think>Lyon? No.</think>Paris", "paris"),
    ],
)
def test_short_answers_are_read_with_or_without_a_sentence_around_them(text: str, key: str) -> None:
    assert key_of(text, CAPITAL) == key


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "Leider kann ich das nicht beantworten.",
        "抱歉，我无法回答。",
    ],
)
def test_to_decline_is_no_short_answer(text: str) -> None:
    assert key_of(text, CAPITAL) is None
    assert key_of(f"{text}\n\nAnswer: Paris", CAPITAL) == "paris"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("16 - 3 - 4 = 9, so she has 9 eggs.", "9"),
        ("She started with 16.\n\nFinal answer: **1,200.0** eggs", "1200"),
        ("She has 18 eggs left after 3 days.", "18"),
        ("16 - 3 = 13\n13 + 5 = 18\n\nSo she is left with 18 eggs.", "18"),
        ("reasoning 3\n#### 42", "42"),
        ("**18**\n\nBecause 16 + 2 = 18 and 3 hens.", "18"),
        ("The answer is:\n$$\n18\n$$", "18"),
        ("| a | 3 |\n|---|---|\n| answer | 18 |", "18"),
        ("-12", "-12"),
    ],
)
def test_numbers_are_read_where_texts_give_them(text: str, key: str) -> None:
    assert key_of(text, EGGS) == key


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("1.234,50 €", "1234.5"),
        ("12,34,567", "1234567"),
        ("1'234", "1234"),
        ("3,5", "3.5"),
        ("$1200.00", "1200"),
        ("8%", "8"),
        ("2e-3", "0.002"),
        ("1.5 × 10^3", "1500"),
        (r"1.5 \times 10^{-3}", "0.0015"),
        ("10⁶", "1000000"),
        ("3.5 million", "3500000"),
        ("3/4", "0.75"),
        (r"\frac{3}{4}", "0.75"),
        (r"-\dfrac{11}{5}", "-2.2"),
        ("1 1/2", "1.5"),
        (r"1\frac{1}{2}", "1.5"),
        ("1½", "1.5"),
        ("1/3", "0.333333"),
        (r"90^\circ", "90"),
        (r"\boxed{18\text{ eggs}}", "18"),
        (r"1{,}234", "1234"),
        ("twenty-one", "21"),
        ("three hundred and five thousand", "305000"),
        ("十八", "18"),
        ("\uff11\uff18", "18"),
        ("١٨", "18"),
        ("(56 + 46 + 26) * 0.50", "64"),
    ],
)
def test_notations_of_a_number_have_one_plain_decimal(written: str, key: str) -> None:
    assert number(written) == key
    assert key_of(f"The answer is {written}", EGGS) == key


@pytest.mark.parametrize(
    "spellings",
    [
        (r"12\sqrt{3}", "12√3", r"12 \cdot \sqrt{3}", "12*sqrt(3)"),
        (r"\frac{\pi}{4}", "π/4", r"\dfrac{\pi}{4}", "pi/4"),
        (r"\left(x + 1\right)^{2}", "(x+1)^2"),
    ],
)
def test_answers_in_symbols_are_compared_without_their_layout(spellings: Sequence[str]) -> None:
    keys = {symbolic(spelling) for spelling in spellings}
    assert len(keys) == 1
    assert str(keys.pop()).startswith("S:")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"reasoning": "…", "answer": "$1200"}', "1200"),
        ('{"reasoning": "a "quote" inside", "answer": 18.50', "18.5"),
        (r'{"reasoning": "so \( x \)", "answer": "\frac{3}{4}"}', "0.75"),
        ('{"answer": "3"}\nSorry, once more:\n{"answer": "4"}', "4"),
        ('{"reasoning": "8", "answer": "___"}\n{"answer": "4"}', "4"),
        ('{"answer": {"value": 5, "unit": "eggs"}}', "5"),
        ('```json\n{"answer": "5"}\n```\nI hope this helps 100 %!', "5"),
        ('{"answer": "infinitely many"}', "S:infinitelymany"),
        ("{'answer': 5}", "5"),
        (r"Thus \boxed{7}", "7"),
    ],
)
def test_the_field_of_a_json_answer_is_read_whole_broken_nested_or_repeated(text: str, key: str) -> None:
    assert key_of(text, IN_JSON) == key


@pytest.mark.parametrize(
    "text",
    [
        "B",
        "(B) 7 is prime.",
        "It is (b).",
        "4 is even. The answer is (B).",
        "Because of that.\n**B. 7**",
        "Option B",
        "选B",
        "故选 B。",
        r"$\boxed{\text{(B)}}$",
        "Answer: B) 7",
        "7",
        "The prime one is 7.",
        "I think it's B because 7 is prime.",
        "B is correct; A and C are composite.",
        "(A) is wrong. (C) is wrong. (B) is the right one.",
        "A is even, C is 3x3. Therefore B.",
        "The answer is (A). Wait, 4 is even. The answer is (B).",
        "The answer is (B).\n\nQuestion: Which one is even?\nA. 4\nB. 7\nThe answer is (A).",
        f"The answer is (B).\n\n{CHOICE}\nThe answer is (C).",
        f"{CHOICE}\nThe answer is (B).",
    ],
)
def test_the_option_chosen_is_read_by_its_letter_or_its_text(text: str) -> None:
    assert extract(text, CHOICE) == ("B", "B")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("In short: yes, with care. A second view costs little. None of this is certain.", None),
        ("A good guess would be Jupiter.", "B"),
        ("A planet is large. I prefer D here.", "D"),
        ("I think so. I would say it is large.", None),
        ("A is right, since it is large.", "A"),
        ("A because it is large.", "A"),
    ],
)
def test_a_letter_that_is_an_english_word_is_no_option(text: str, key: str | None) -> None:
    assert (
        key_of(text, "Which planet is the largest?\nA. Mars\nB. Jupiter\nC. Venus\nD. Earth\nI. Pluto") == key
    )


def test_an_option_whose_text_looks_like_letters_is_not_taken_for_them() -> None:
    question = "Which hold?\nA. I only\nB. II only\nC. I and II\nD. neither\nE. x\nF. x\nG. x\nH. x\nI. y"
    assert key_of("The answer is I and II.", question) == "C"


def test_several_options_are_read_where_the_prompt_allows_them() -> None:
    question = "Which are prime? Select all that apply.\nA. 4\nB. 7\nC. 5"
    assert key_of("The answer is C and B.", question) == "BC"
    assert key_of("BC", question) == "BC"


@pytest.mark.parametrize(
    ("question", "text", "key"),
    [
        (IN_CHINESE, "[正确答案]B<eoa>", "B"),
        (IN_CHINESE, "【正确答案】B\n【解析】7是质数。", "B"),
        ("End with 'VERDICT >> X'. What is 3 + 4?", "3 and 4, 5 is off. VERDICT >> 7\nBye 3", "7"),
        ("Reply as <<<ANSWER>>>: who wrote Faust?", "I believe 3 wrote, but <<<Goethe>>> it is", "goethe"),
        ("Which? Use the format: My final pick => [letter]\nA) 4\nB) 7", "A? My final pick => B", "B"),
        ("Who? Put it between <culprit>NAME</culprit>.", "Well. <culprit>Ann</culprit> or Bob", "ann"),
    ],
)
def test_a_form_that_the_prompt_prescribes_is_learnt_from_it(question: str, text: str, key: str) -> None:
    reading = read(text, asked(question))
    assert reading.answer is not None
    assert (reading.answer.key, reading.rule, reading.clear) == (key, "frame", True)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Yes, 7 is prime.", "yes"),
        ("7 has no divisors. So yes.", "yes"),
        ("Nein.", "no"),
        ("是的", "yes"),
        ("True", "yes"),
        ("⇒ **No**", "no"),
    ],
)
def test_yes_and_no_are_read_in_several_languages(text: str, key: str) -> None:
    assert key_of(text, PRIME) == key


@pytest.mark.parametrize(
    "text",
    [
        "2020-03-12",
        "It was signed on March 12, 2020.",
        "am 12. März 2020",
        "12.03.2020",
        "03/12/2020",
        "le 12 mars 2020",
        "2020年3月12日",
    ],
)
def test_dates_are_brought_to_one_form(text: str) -> None:
    assert key_of(text, SIGNED) == "2020-03-12"


def test_the_order_of_a_date_is_that_of_the_prompt() -> None:
    assert key_of("03/12/2020", SIGNED + " Use DD/MM/YYYY.") == "2020-12-03"
    assert key_of("It began at 2:05 pm.", SIGNED) == "14:05"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[1,2]", "[1, 2]"),
        ("The function returns `[1,2]`.", "[1, 2]"),
        ('"abc"', "'abc'"),
        ("f(x) == 'abc'", "'abc'"),
        ("{'b':1,'a':2}", "{'a': 2, 'b': 1}"),
        ("assert f(2) == {1, 3, 2}", "{1, 2, 3}"),
        ('{"answer": [1, 2]}', "[1, 2]"),
        ('{"answer": "None"}', "None"),
        ('{"answer": true}', "True"),
        ("Output: (1,2)", "(1, 2)"),
        ("```python\n[1, 2]\n```", "[1, 2]"),
    ],
)
def test_values_of_programs_are_equal_by_value(text: str, key: str) -> None:
    assert key_of(text, OUTPUT) == key


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_a_value_is_read_alike_from_either_notation(value: object) -> None:
    assert literal(repr(value)) is not None
    if not any(sign in repr(value) for sign in "\\'\"") and "inf" not in repr(value):
        assert literal(json.dumps(value)) == literal(repr(value))


ADD = "def add(a, b):\n    '''Adds.'''\n    total: int = a + b  # both\n    return total"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("def add(x: int, y: int) -> int:\n    s = x+y\n    return s", True),
        ("def add(x, y):\n    s = x - y\n    return s", False),
        ("def add(x, y):\n    s = y + x\n    return s", False),
        ("def plus(x, y):\n    s = x + y\n    return s", False),
    ],
)
def test_programs_are_the_same_but_for_local_names_and_layout(other: str, same: bool) -> None:
    question = "Write a Python function that adds two numbers."
    first, second = (
        extract(f"Sure:\n```python\n{code}\n```\nHope it helps.", question) for code in (ADD, other)
    )
    assert first is not None
    assert second is not None
    assert (first.key == second.key) is same
    assert first.shown == "def add(a, b):"


def test_programs_in_other_languages_are_compared_by_their_tokens() -> None:
    one = code_key("function f(a) { return 'x' } // done", "js")
    assert one.key == code_key('function f(a){return "x"}', "js").key
    assert one.key != code_key('function f(a){return "y"}', "js").key


def test_json_answers_are_compared_by_their_values() -> None:
    question = "Describe the person and return the result as JSON."
    assert key_of('Here:\n```json\n{"b": 1.0, "a": [1, 2]}\n```', question) == '{"a":[1,2],"b":1}'
    assert key_of('{"a": [1, 2], "b": 1}', question) == '{"a":[1,2],"b":1}'


# --- where there is none ---


@pytest.mark.parametrize(
    ("question", "text", "reason"),
    [
        (CAPITAL, "", "the answer is empty"),
        (
            EGGS,
            "As an AI, I cannot answer this question about the hens of somebody else.",
            "it declines to answer",
        ),
        (IN_JSON, '{"reasoning": "first we take 3 and', "it ends before its field 'answer'"),
        (
            CHOICE,
            "Let us look at the first of them, which is four, and then also at",
            "it ends in the middle",
        ),
        (CHOICE, "I am not sure which one it is.", "it does not say which option it chooses"),
        (
            EGGS,
            "There is no way to tell, since nothing is said about the hens.",
            "nothing in it can be read as a number",
        ),
    ],
)
def test_where_no_final_answer_can_be_read_the_reason_is_told(question: str, text: str, reason: str) -> None:
    reading = read(text, asked(question))
    assert reading.answer is None
    assert reading.reason.startswith(reason)


def test_a_guess_is_not_clear() -> None:
    assert read("Final answer: 18", asked(EGGS)).clear
    assert not read("Out of 18 and 20 I would take the former, 18, perhaps", asked(EGGS)).clear


# --- hostile texts ---


@given(st.text(), st.text(), st.sampled_from([None, *Expect]))
def test_any_text_can_be_read(text: str, question: str, expect: Expect | None) -> None:
    found = extract(text, question, expect)
    assert found is None or found.key


PIECES = [
    "{",
    "[",
    '"answer": "',
    r"\boxed{",
    "<answer>",
    "(",
    "1,",
    "1 1/2 ",
    "\n",
    " ",
    "**",
    "$",
    "A. ",
    "```\n",
    "one ",
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("question", [EGGS, CHOICE, CAPITAL, OUTPUT, IN_JSON])
def test_megabytes_of_one_piece_are_read_as_answers_and_as_prompts(piece: str, question: str) -> None:
    flood = piece * (1_000_000 // len(piece))
    reading = read(flood, asked(question))
    assert reading.answer is None or len(reading.answer.shown) <= 200
    assert asked(flood).kind in Expect


@given(st.text(alphabet="()[]{}'\"-+ not.,lambda:1", max_size=60).map(lambda piece: piece * 200))
def test_deeply_nested_programs_and_values_are_refused_quietly(source: str) -> None:
    assert code_key(source).key
    assert literal(source) is None or literal(source)


# --- truths ---


@pytest.mark.parametrize(
    ("truth", "expect", "key"),
    [
        ("1,200.0", Expect.NUMBER, "1200"),
        (r"S:12\sqrt{3}", Expect.NUMBER, r"S:12\sqrt{3}"),
        ("(b)", Expect.CHOICE, "B"),
        ("A, C", Expect.CHOICE, "AC"),
        ("[1,2]", Expect.LITERAL, "[1, 2]"),
        ("abc", Expect.LITERAL, "'abc'"),
        ("March 12, 2020", Expect.DATE, "2020-03-12"),
        ("Yes", Expect.YES_NO, "yes"),
        ("The Seine", Expect.SHORT, "seine"),
        ('{"b": 1, "a": 2.0}', Expect.JSON, '{"a":2,"b":1}'),
    ],
)
def test_truths_are_written_like_keys(truth: str, expect: Expect, key: str) -> None:
    assert truth_key(truth, expect) == key
    assert truth_key(key, expect) == key


@given(st.fractions(min_value=-(10**9), max_value=10**9, max_denominator=10**4))
def test_a_plain_decimal_is_read_as_itself(value: object) -> None:
    text = plain_decimal(value)  # type: ignore[arg-type]
    assert number(text) == text


# --- forms never seen ---


@given(st.integers(0, 10**6), st.sampled_from(FRAMES), st.sampled_from(NUMBERS))
def test_a_number_is_read_from_forms_never_seen(value: int, frame: str, write: object) -> None:
    said = frame.format(write(str(value)))  # type: ignore[operator]
    assert key_of(said, EGGS) == str(value)


@given(st.sampled_from(listed(CHOICE)), st.sampled_from(FRAMES), st.sampled_from(CHOICES))
def test_an_option_is_read_from_forms_never_seen(option: Option, frame: str, write: object) -> None:
    said = frame.format(write(option))  # type: ignore[operator]
    assert key_of(said, CHOICE) == option.label


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("value", ["[1, 2]", "{'a': 1}", "(1, 2)", "None", "True", "-1", "3.5"])
def test_a_value_is_read_from_forms_never_seen(value: str, frame: str) -> None:
    if "'{}'" not in frame:  # quotes inside quotes are another value
        assert key_of(frame.format(value), OUTPUT) == value


@pytest.mark.parametrize(("value", "words"), [("21", "twenty-one"), ("105", "one hundred and five")])
def test_the_rephrasing_writes_numbers_as_it_says(value: str, words: str) -> None:
    assert in_words(value) == words
    assert grouped("1234567.5") == "1,234,567.5"


# --- recorded answers of real models ---


def rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open("rb") as file:
        for line in TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf8"):
            yield json.loads(line)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "agreement"),
    [("gsm8k", 0.99), ("math_l5", 0.965), ("mmlu_pro", 0.985), ("lawbench_case", 0.94)],
)
def test_recorded_answers_of_real_models_are_read_as_their_truth_is_written(
    recorded: Path, name: str, agreement: float
) -> None:
    questions = {row["prompt_id"]: row["prompt"] for row in rows(recorded / name / "prompts.jsonl.zst")}
    seen: Counter[bool] = Counter()
    for place, row in enumerate(rows(recorded / name / "responses.jsonl.zst")):
        if place % 10 == 0 and row["norm"]:
            expect = Expect.CHOICE if len(row["norm"]) == 1 and row["norm"].isalpha() else Expect.NUMBER
            key = key_of(row["text"], questions[row["prompt_id"]])
            seen[key is not None and key == truth_key(row["norm"], expect)] += 1
    assert seen[True] / seen.total() >= agreement


@pytest.mark.data
@pytest.mark.parametrize("name", ["gsm8k", "math_l5", "mmlu_pro", "lawbench_case"])
def test_recorded_answers_said_otherwise_to_a_prompt_without_its_format_are_grouped_alike(
    recorded: Path, name: str
) -> None:
    prompts = {row["prompt_id"]: row["prompt"] for row in rows(recorded / name / "prompts.jsonl.zst")}
    chosen = set(sorted(prompts)[:40])
    answers: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows(recorded / name / "responses.jsonl.zst"):
        if row["prompt_id"] in chosen and row["norm"] and not row["norm"].startswith("S:"):
            answers[row["prompt_id"]].append(row["norm"])
    indices = [regrouped(without_format(prompts[prompt]), found) for prompt, found in answers.items()]
    assert sum(indices) / len(indices) >= 0.95


def without_format(prompt: str) -> str:
    """A recorded prompt without what it says about the form of the answer."""
    head = prompt.split("## Instruction", maxsplit=1)[0].replace("## Question:", "")
    return head.split("请你严格按照这个格式回答。", maxsplit=1)[-1].strip()


def regrouped(question: str, answers: Sequence[str]) -> float:
    """How well answers that were said otherwise are grouped as before."""
    chance = random.Random(7)  # noqa: S311 - which form is taken is no secret
    options: Mapping[str, Option] = {option.label: option for option in asked(question).options}
    pairs = []
    for place, answer in enumerate(answers):
        if not answer.isalpha():
            text = number_said(answer, chance)
        elif answer in options:
            text = option_said(options[answer], chance)
        else:
            continue
        pairs.append((answer, key_of(text, question) or f"unread {place}"))
    return adjusted_rand(pairs)


def adjusted_rand(pairs: Sequence[tuple[str, str]]) -> float:
    """The adjusted Rand index (Hubert and Arabie, 1985) of two groupings; 1 where they are the same."""
    joint = sum(comb(count, 2) for count in Counter(pairs).values())
    rows_of = sum(comb(count, 2) for count in Counter(one for one, _ in pairs).values())
    columns = sum(comb(count, 2) for count in Counter(other for _, other in pairs).values())
    total = comb(len(pairs), 2)
    expected = rows_of * columns / total if total else 0.0
    most = (rows_of + columns) / 2
    return 1.0 if most == expected else (joint - expected) / (most - expected)
