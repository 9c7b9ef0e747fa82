"""One panel, asked again and again, and what comes of each prompt."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from importlib import import_module
from typing import TypedDict, Unpack

import msgspec

from panvox.compose.judging import Bench, JudgedTurn, Judging
from panvox.curation import Expect, Method, Rules
from panvox.curation.curate import needs_vectors
from panvox.curation.rules import parse_expect, parse_method
from panvox.engine import Run, Turn
from panvox.engine.conversation import Past
from panvox.errors import PromptError
from panvox.messages import Outcome, Prompt
from panvox.protocols import Purse
from panvox.settings import Settings
from panvox.store import NullJournal, SqlJournal, StoredRun
from panvox.verdicts import Verdict
from panvox.waiting import Stop, Wait, parse_stop, parse_wait


class Manner(TypedDict, total=False):
    """How to ask. What is left out comes from the settings.

    - `wait` is a wait policy or its name, `deadline` the turn's ceiling in seconds.
    - `stop` says whether the turn ends once the answer is decided: "never", "certain", "likely:0.1".
    - `expect` is the kind of answer, such as "number" or "choice"; found from the prompt if not given.
    - `method` is how the answer that wins is found, such as "weighted" or "majority".
    - `system` and `max_tokens` are for prompts given as text.
    """

    wait: Wait | str | None
    stop: Stop | str | None
    deadline: float | None
    expect: Expect | str | None
    method: Method | str | None
    system: str | None
    max_tokens: int | None


class Calling(TypedDict, total=False):
    """How the calls of a panel are made.

    - `preferred`: a model that is asked alone; what else is selected stands in for it, else models like it.
    - `chain`: the name of a chain of models that are asked one after the other, in place of a selection.
    - `fallback`: whether other models may stand in at all; True if not given.
    - `fresh`: whether to ask anew what was answered a while ago.
    - `tag`: a word under which the money counts.
    - `cascade`: whether dearer models are asked only while the cheaper ones are not sure enough.
    - `judging`: which models judge the answers, and write a synthesis, once a turn is over.
    """

    preferred: str | None
    chain: str | None
    fallback: bool
    fresh: bool
    tag: str
    cascade: bool | None
    judging: Judging | None


class Asking(Manner, Calling, total=False):
    """Whom to ask, and how. `models` are patterns of the selection language."""

    models: Sequence[str]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one prompt: the verdict, an outcome for every member asked, and how it ended."""

    run: str
    turn: int
    verdict: Verdict
    outcomes: tuple[Outcome, ...]
    states: dict[str, int]
    duration: float
    stopped: str = ""

    @property
    def best(self) -> Outcome | None:
        """The outcome that the verdict calls best."""
        return next((o for o in self.outcomes if o.member.name == self.verdict.best), None)

    @property
    def text(self) -> str:
        """The consensus where there is one, else the best answer; empty if nobody answered."""
        best = self.best
        return self.verdict.consensus or (best.text if best else "")


class Notes:
    """What people should know beside the matter: told to the turns that are under way, else kept for them.

    A session has some for all its turns, and each panel its own.
    """

    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._untold: dict[str, None] = {}
        self._told: set[str] = set()

    @property
    def untold(self) -> tuple[str, ...]:
        """What no turn was there to be told, the last of it said while the session closed."""
        return tuple(text for text in self._untold if text not in self._told)

    def say(self, text: str) -> None:
        """Tell everybody who listens, or the next who does."""
        if not self._turns:
            self._untold[text] = None
        for turn in self._turns:
            turn.note(text)
            self._told.add(text)

    @contextmanager
    def told_to(self, turn: Turn) -> Iterator[None]:
        """`turn` listens while inside."""
        for text in self._untold:
            turn.note(text)
        self._told |= self._untold.keys()
        self._untold.clear()
        self._turns.append(turn)
        try:
            yield
        finally:
            self._turns.remove(turn)


class Conversation:
    """A panel and what was said so far; one turn at a time. All `notes` are told to its turns.

    With a `bench`, judges are heard about each turn, and their verdict goes to the `store`.
    """

    def __init__(
        self,
        settings: Settings,
        run: Run,
        *,
        purse: Purse,
        notes: Sequence[Notes],
        store: SqlJournal | NullJournal,
        bench: Bench | None = None,
    ) -> None:
        self._settings = settings.run
        self._run = run
        self._purse = purse
        self._notes = notes
        self._store = store
        self._bench = bench

    @property
    def id(self) -> str:
        """The id of its run in the store."""
        return self._run.id

    @property
    def problem(self) -> str | None:
        """What of the money could not be written down, as a sentence; None where all was."""
        return self._purse.problem

    @asynccontextmanager
    async def stream(self, prompt: str | Prompt, **manner: Unpack[Manner]) -> AsyncIterator[Turn]:
        """The next turn, as it happens. Raises `PromptError`, or `UsageError` for an unknown word."""
        wait = manner.get("wait") or self._settings.wait
        stop = manner.get("stop") or self._settings.stop
        deadline = manner.get("deadline")
        rules, asked = self._rules(manner), self._prompt(prompt, manner)
        if rules.embedder is not None and needs_vectors(asked.question, rules):
            await asyncio.to_thread(rules.embedder.embed, ["ready"])  # loaded before answers land
        async with (
            _loading("numpy"),
            self._run.turn(
                asked,
                wait=parse_wait(wait) if isinstance(wait, str) else wait,
                stop=parse_stop(stop) if isinstance(stop, str) else stop,
                rules=rules,
                deadline=self._settings.deadline if deadline is None else deadline,
            ) as turn,
        ):
            with ExitStack() as listening:
                for notes in self._notes:
                    listening.enter_context(notes.told_to(turn))
                yield turn

    def judged(self, turn: Turn) -> Turn | JudgedTurn:
        """The events of `turn` with the verdict after the judges in the last one, where any are asked."""
        if self._bench is None:
            return turn
        return JudgedTurn(turn, self._bench, purse=self._purse, store=self._store)

    async def ask(self, prompt: str | Prompt, **manner: Unpack[Manner]) -> Result:
        """The next turn, when it is over. Raises as `stream` does."""
        async with self.stream(prompt, **manner) as turn:
            ended = await self.judged(turn).wait_ended()
        return Result(
            run=ended.run,
            turn=ended.turn,
            verdict=ended.verdict,
            outcomes=turn.outcomes,
            states=ended.states,
            duration=ended.duration,
            stopped=ended.stopped,
        )

    def _rules(self, manner: Manner) -> Rules:
        expect = manner.get("expect")
        return replace(
            self._run.rules,
            method=parse_method(manner.get("method") or self._settings.method),
            expect=parse_expect(expect) if expect else self._run.rules.expect,
        )

    def _prompt(self, prompt: str | Prompt, manner: Manner) -> Prompt:
        if isinstance(prompt, str):
            limit = manner.get("max_tokens") or self._settings.max_tokens
            prompt = Prompt.of(prompt, system=manner.get("system"), max_tokens=limit)
        check_prompt(prompt, most=self._settings.max_prompt_bytes)
        return prompt


@asynccontextmanager
async def _loading(module: str) -> AsyncIterator[None]:
    """Inside, what the last verdict computes with is loaded in a thread, while the models are asked."""
    if module in sys.modules:
        yield
        return
    loaded = asyncio.get_running_loop().run_in_executor(None, import_module, module)
    try:
        yield
    finally:
        await loaded


def check_prompt(prompt: Prompt, *, most: int) -> None:
    """Raise `PromptError` for a prompt that is empty, not text, or longer than `most` bytes."""
    if not prompt.question.strip():
        raise PromptError("the prompt is empty: say what to ask")
    try:
        size = sum(len(message.text.encode()) for message in prompt.messages)
    except UnicodeEncodeError as error:
        raise PromptError(
            f"the prompt is not text: it holds half a character at position {error.start}"
        ) from None
    if size > most:
        raise PromptError(
            f"the prompt has {size:,} bytes and the limit is {most:,}: "
            "shorten it, or raise run.max_prompt_bytes"
        )


def names_in(stored: StoredRun) -> tuple[str, ...]:
    """The members of a stored run."""
    return tuple(member.name for member in stored.turns[-1].members)


def past_of(stored: StoredRun) -> tuple[Past, ...]:
    """A stored run as the next turn looks back on it."""
    pasts = []
    for turn in stored.turns:
        answers = {o.member.name: o.text for o in turn.outcomes if o.answered}
        best = turn.verdict.best if turn.verdict else next(iter(answers), None)
        pasts.append(Past(prompt=turn.prompt, answers=answers, chosen=answers.get(best or "", "")))
    return tuple(pasts)
