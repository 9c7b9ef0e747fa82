"""Where it is wanted, an answer is given again to a prompt that asks the same, and to no other."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.compose.keeping import similar_prompts
from panvox.compose.similar import SYNONYM, SemanticCache
from panvox.curation.meaning.prompts import ask_the_same
from panvox.curation.meaning.similarity import Words
from panvox.embedding import StaticEmbedder
from panvox.engine import Member, Run
from panvox.messages import (
    AttemptEnded,
    End,
    Finish,
    Identity,
    ImagePart,
    Message,
    Outcome,
    Prompt,
    Text,
    TextPart,
)
from panvox.policies.cached import Cached, Flights, frame_of
from panvox.protocols import Model
from panvox.settings import Settings
from panvox.store import AnswerCache, NullCache, questions
from panvox.testing import MemoryJournal, ScriptedModel

STATIC = StaticEmbedder.load()
PAIRS = Words(STATIC, synonym=SYNONYM).pairs
GPT = Identity(name="openai/gpt", provider="openai", model="gpt", lineage="gpt")
ASKED = "What is the capital of France?"
AGAIN = "Please, what's the capital of France"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Place:
    """A file of answers, the calls in flight, and one model that counts how often it is asked."""

    def __init__(self, cache: AnswerCache, least: float = 0.9) -> None:
        self.cache = cache
        self.similar = SemanticCache(cache, least=least, load=lambda: STATIC)
        self.flights = Flights()
        self.model = ScriptedModel(GPT.name, (Text("Paris"), End(Finish.STOP)))

    def cached(
        self,
        *,
        identity: Identity = GPT,
        mark: str = "",
        scope: str = "",
        fresh: bool = False,
        off: bool = False,
    ) -> Cached:
        return Cached(
            self.model,
            identity=identity,
            cache=self.cache,
            flights=self.flights,
            mark=mark,
            scope=scope,
            fresh=fresh,
            similar=None if off else self.similar,
        )

    @property
    def calls(self) -> int:
        return len(self.model.prompts)


@asynccontextmanager
async def place(path: Path, *, least: float = 0.9, clock: Clock | None = None) -> AsyncIterator[Place]:
    async with AnswerCache.open(
        path / "answers.db", max_age=3600, max_bytes=10**7, clock=clock or Clock()
    ) as cache:
        yield Place(cache, least)
        assert cache.problem is None


async def heard(model: Model, prompt: Prompt | str) -> AttemptEnded | None:
    """How the call ended, if it never went out."""
    prompt = Prompt.of(prompt) if isinstance(prompt, str) else prompt
    async with model.stream(prompt) as events:
        told = [event async for event in events]
    return next((event for event in told if isinstance(event, AttemptEnded)), None)


async def booked(model: Model, text: str) -> Outcome:
    async with Run([Member(GPT, model)], journal=MemoryJournal()).turn(Prompt.of(text)) as turn:
        await turn.wait_ended()
    return turn.outcomes[0]


# --- what is given again ------------------------------------------------------------------------------


async def test_the_same_in_other_words_is_asked_once_and_the_attempt_names_the_other_prompt(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as here:
        await heard(here.cached(), ASKED)
        outcome = await booked(here.cached(), AGAIN)
        assert here.calls == 1
    assert outcome.cached
    assert outcome.cost == 0
    assert outcome.text == "Paris"
    assert outcome.attempts[0].message == f"the answer to a prompt that asks the same: {ASKED}"


async def test_it_is_found_by_the_next_process_too_and_not_when_it_is_too_old(tmp_path: Path) -> None:
    clock = Clock()
    async with place(tmp_path, clock=clock) as here:
        await heard(here.cached(), ASKED)
    clock.now += 3000
    async with place(tmp_path, clock=clock) as here:
        assert await heard(here.cached(), AGAIN) is not None
        clock.now += 1000
        assert await heard(here.cached(), AGAIN) is None
        assert here.calls == 1


async def test_without_it_only_equal_prompts_are_the_same_and_no_prompt_is_written(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await heard(here.cached(off=True), ASKED)
        await heard(here.cached(off=True), AGAIN)
        assert here.calls == 2
    with closing(sqlite3.connect(tmp_path / "answers.db")) as file:
        assert file.execute("SELECT count(*) FROM questions").fetchone() == (0,)


async def test_fresh_asks_anew(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await heard(here.cached(), ASKED)
        await heard(here.cached(fresh=True), AGAIN)
        assert here.calls == 2


async def test_what_was_given_again_is_not_kept_as_an_answer_to_the_new_prompt(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await heard(here.cached(), ASKED)
        await heard(here.cached(), AGAIN)
        await heard(here.cached(off=True), AGAIN)
        assert here.calls == 2


# --- what is not --------------------------------------------------------------------------------------


def prompt(question: str = AGAIN, *, system: str | None = None, **options: int) -> Prompt:
    return Prompt.of(question, system=system, **options)


PICTURE = Prompt(messages=(Message("user", (TextPart(AGAIN), ImagePart("https://example.org/cat.png"))),))


@pytest.mark.parametrize(
    "other",
    [
        prompt(system="Be brief."),
        prompt(max_tokens=5),
        Prompt.of("Hello").then("Hi", AGAIN),
        PICTURE,
        prompt("What is the capital of Germany?"),
    ],
)
async def test_all_but_the_last_words_must_be_equal(tmp_path: Path, other: Prompt) -> None:
    async with place(tmp_path, least=0.0) as here:
        await heard(here.cached(), ASKED)
        await heard(here.cached(), other)
        assert here.calls == 2


@pytest.mark.parametrize(
    "differs", [{"scope": "bob"}, {"mark": "elsewhere"}, {"identity": Identity(name="groq/llama")}]
)
async def test_nothing_crosses_users_models_or_addresses(tmp_path: Path, differs: dict[str, str]) -> None:
    async with place(tmp_path, least=0.0) as here:
        await heard(here.cached(), ASKED)
        await heard(here.cached(**differs), AGAIN)  # type: ignore[arg-type] # one of three options
        assert here.calls == 2


async def test_a_prompt_below_the_threshold_is_asked(tmp_path: Path) -> None:
    async with place(tmp_path, least=1.0) as here:
        await heard(here.cached(), ASKED)
        await heard(here.cached(), "Which town is the seat of the French government?")
        assert here.calls == 2


def test_a_conversation_that_the_user_did_not_end_has_no_frame() -> None:
    assert frame_of(Prompt(messages=(Message("assistant", (TextPart("Well"),)),))) is None
    assert frame_of(Prompt.of("  ")) is None


SAME_QUESTIONS = (
    ("What is the capital of France?", "what's the capital of france"),
    ("Could you tell me how to boil an egg?", "how to boil an egg"),
    ("Which film won?", "Which movie won?"),
    ("Explain why the sky is blue, please.", "Explain why the sky is blue"),
    ("List the biggest cities", "List the largest cities"),
    ("Was ist die Hauptstadt von Polen?", "Was ist die Hauptstadt von Polen"),
    ("法国的首都是什么？", "法国的首都是什么"),
    ("Is it true that cats can't swim?", "Is it true that cats cannot swim"),
)
OTHER_QUESTIONS = (
    ("What is the capital of France?", "What is the capital of Spain?"),
    ("What is 2 + 2?", "What is 2 - 2?"),
    ("What is 2 + 2?", "What is 2 + 3?"),
    ("How do I get to Paris?", "How do I get from Paris?"),
    ("Who won the war?", "When was the war won?"),
    ("Where did he die?", "When did he die?"),
    ("Translate it from English to French", "Translate it from French to English"),
    ("Convert 5 miles to km", "Convert 5 km to miles"),
    ("Is it safe to eat?", "Is it unsafe to eat?"),
    ("Is it safe to eat?", "Is it dangerous to eat?"),
    ("Is it safe to eat?", "Is it not safe to eat?"),
    ("List films without animals", "List films with animals"),
    ("Did France beat Germany?", "Did Germany beat France?"),
    ("What happened in May?", "What happened in June?"),
    ("What happened on Monday?", "What happened on Tuesday?"),
    ('Translate "cat"', 'Translate "Cat"'),
    ("Describe plan A", "Describe plan B"),
    ("Name the oldest king", "Name the youngest king"),
    ("Name all kings", "Name some kings"),
    ("Who is Michael Jackson?", "Who is Michael Jordan?"),
    ("Welche Farbe hat Blut?", "Welche Farbe hat Gras?"),
    ("法国的首都是什么？", "德国的首都是什么？"),
    ("", ""),
    ("???", "!!!"),
    ("tell me " * 400, "tell me " * 401),
)


@pytest.mark.parametrize(("one", "other"), SAME_QUESTIONS)
def test_prompts_that_ask_the_same_are_told(one: str, other: str) -> None:
    assert ask_the_same(one, other, PAIRS)
    assert ask_the_same(other, one, PAIRS)


@pytest.mark.parametrize(("one", "other"), OTHER_QUESTIONS)
def test_prompts_that_ask_something_else_are_told(one: str, other: str) -> None:
    assert not ask_the_same(one, other, PAIRS)
    assert not ask_the_same(other, one, PAIRS)


@settings(deadline=None)
@given(one=st.text(max_size=40), other=st.text(max_size=40))
def test_asking_the_same_goes_both_ways(one: str, other: str) -> None:
    assert ask_the_same(one, other, PAIRS) == ask_the_same(other, one, PAIRS)


# --- the file -----------------------------------------------------------------------------------------


async def test_a_prompt_goes_with_its_answer_and_their_number_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "MOST", 3)
    clock = Clock()
    async with place(tmp_path, clock=clock) as here:
        for town in ("Paris", "Rome", "Bern", "Oslo", "Cairo"):
            clock.now += 1
            await heard(here.cached(), f"How old is {town}?")
    with closing(sqlite3.connect(tmp_path / "answers.db")) as file:
        assert [text for (text,) in file.execute("SELECT text FROM questions ORDER BY at")] == [
            "How old is Bern?",
            "How old is Oslo?",
            "How old is Cairo?",
        ]
        file.execute("DELETE FROM answers")
        assert file.execute("SELECT count(*) FROM questions").fetchone() == (0,)


async def test_the_nearest_prompts_of_a_scope_come_first(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await heard(here.cached(off=True), ASKED)
        key = next(iter(sqlite_keys(tmp_path)))
        vector = np.array([1, 0], dtype=np.float32)
        await here.cache.put_question(b"scope", "half a pair \ud800", key, vector)
        [found] = await here.cache.nearest(b"scope", vector, least=0.9, most=5)
        assert (found.key, found.text, found.cosine) == (key, "half a pair ?", 1.0)
        assert not await here.cache.nearest(b"other", vector, least=0.0, most=5)
        assert not await here.cache.nearest(b"scope", np.array([0, 1], dtype=np.float32), least=0.1, most=5)
        assert not await here.cache.nearest(b"scope", np.ones(3, dtype=np.float32), least=0.0, most=5)
        await here.cache.put_question(b"scope", "no answer", b"unknown", vector)
        assert len(await here.cache.nearest(b"scope", vector, least=0.0, most=5)) == 1


def sqlite_keys(path: Path) -> list[bytes]:
    with closing(sqlite3.connect(path / "answers.db")) as file:
        return [key for (key,) in file.execute("SELECT key FROM answers")]


async def test_a_file_that_cannot_be_used_is_told_once_and_every_prompt_is_asked(tmp_path: Path) -> None:
    (tmp_path / "answers.db").write_bytes(b"no database, but long enough to be taken for a page " * 100)
    async with AnswerCache.open(tmp_path / "answers.db", max_age=3600, max_bytes=10**7) as cache:
        here = Place(cache)
        await heard(here.cached(), ASKED)
        await heard(here.cached(), AGAIN)
        assert here.calls == 2
        assert cache.problem is not None


async def test_it_is_off_unless_the_settings_want_it(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        assert similar_prompts(Settings(), here.cache) is None
        assert similar_prompts(Settings.model_validate({"cache": {"semantic": 0}}), here.cache) is None
        wanted = Settings.model_validate({"cache": {"semantic": 0.95}})
        assert isinstance(similar_prompts(wanted, here.cache), SemanticCache)
        assert similar_prompts(wanted, NullCache()) is None
