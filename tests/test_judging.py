"""Judges that are asked: bounded, within their time, paid; what fails costs the judgement and no verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

import pytest
from msgspec.structs import replace

from panvox.curation.judging.synthesis import Room
from panvox.engine import Member
from panvox.engine.judging import AT_ONCE, TAG, Hearing, judge, synthesise
from panvox.errors import Overloaded
from panvox.messages import Answer, Identity, Outcome, Prompt, State
from panvox.protocols import Model, Refusal, Want
from panvox.simulator.chance import seeded
from panvox.testing import ScriptedModel
from panvox.verdicts import Judgement, Synthesis, Verdict
from tests.bench import Replying, preferring, written
from tests.test_synthesis import grouped

QUESTION = "What is 6 * 7?"


@dataclass
class Purse:
    """Refuses what is dearer than `most` in all, and remembers."""

    most: Decimal = Decimal(100)
    problem: str | None = None
    turns: list[tuple[str, int, str]] = field(default_factory=list)
    reserved: dict[str, Decimal] = field(default_factory=dict)
    settled: list[Outcome] = field(default_factory=list)

    def begin(self, *, run: str, turn: int, tag: str = "") -> None:
        self.turns.append((run, turn, tag))

    async def reserve(self, wants: Sequence[Want]) -> Mapping[str, Refusal]:
        refused = {}
        for want in wants:
            if sum(self.reserved.values()) + want.amount > self.most:
                refused[want.member.name] = Refusal("nothing is left")
            else:
                self.reserved[want.member.name] = (
                    self.reserved.get(want.member.name, Decimal(0)) + want.amount
                )
        return refused

    async def top_up(self, member: Identity, amount: Decimal, stand_in: Identity) -> Refusal | None:
        return None

    async def settle(self, outcomes: Sequence[Outcome]) -> None:
        self.settled += outcomes

    async def close(self) -> None:
        pass


def answers(**texts: str) -> list[Outcome]:
    return [
        Outcome(member=Identity(name=name), state=State.ANSWERED, answer=Answer(text=text))
        for name, text in texts.items()
    ]


THREE = answers(
    a="I multiply and the answer is 41.", b="Surely the answer is 41.", c="Six times seven makes 42 exactly."
)
VOTE = grouped(["a", "b"], ["c"])


def member(model: Model, *, cost: Callable[[Prompt], Decimal] | None = None) -> Member:
    return Member(Identity(name=model.name), model, cost=cost)


def fair(name: str = "fair") -> Replying:
    return Replying(name, partial(preferring, "42"))


async def heard(
    *jury: Model | Member,
    outcomes: Sequence[Outcome] = THREE,
    verdict: Verdict = VOTE,
    purse: Purse | None = None,
    seconds: float = 30.0,
    most: int = 16,
) -> tuple[Verdict, Judgement]:
    members = [each if isinstance(each, Member) else member(each) for each in jury]
    hearing = Hearing(purse or Purse(), run="r", turn=3, seconds=seconds)
    found = await judge(
        QUESTION, verdict, outcomes, jury=members, hearing=hearing, most=most, random=seeded(1)
    )
    assert found.judgement is not None
    return found, found.judgement


# --- judging ---


@pytest.mark.looptime
async def test_a_judge_with_evidence_in_both_orders_overrides_the_vote() -> None:
    found, told = await heard(fair())
    assert told == Judgement(
        judges=("fair",),
        chosen="c",
        reason="it holds 42",
        evidence="Six times seven makes 42 exactly.",
        overrode=True,
        comparisons=2,
    )
    assert (found.best, found.consensus, found.groups) == ("c", None, VOTE.groups)


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("judge_of", "why"),
    [
        (ScriptedModel("j", (Overloaded("busy"),)), "j: busy"),
        (ScriptedModel("j", (RuntimeError("broken"),)), "j: RuntimeError in j: broken"),
        (ScriptedModel.saying("j", "A is better."), "j: the reply holds no JSON object with a winner"),
        (ScriptedModel.saying("j", "x", after=1_000), "j: no end within the 30 s given to judging"),
        (ScriptedModel("j", ()), "j: the model stopped without an end"),
        (ScriptedModel("j", (TimeoutError(),)), "j: j: TimeoutError()"),
    ],
)
async def test_a_judge_that_fails_costs_the_judgement_and_not_the_verdict(judge_of: Model, why: str) -> None:
    found, told = await heard(judge_of)
    assert told.chosen is None
    assert why in told.failed
    assert (found.best, found.consensus, found.groups) == (VOTE.best, VOTE.consensus, VOTE.groups)


@pytest.mark.looptime
async def test_where_one_of_a_jury_fails_the_others_decide() -> None:
    broken = ScriptedModel("broken", (Overloaded("busy"),))
    found, told = await heard(fair("one"), broken, ScriptedModel.saying("mute", "Hm."), fair("two"))
    assert told.overrode
    assert told.judges == ("one", "broken", "mute", "two")
    assert found.best == "c"


@pytest.mark.looptime
async def test_judging_ends_when_its_time_is_over_whatever_the_judges_do() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    slow = ScriptedModel.saying("slow", "x", after=1_000)
    _, told = await heard(fair(), slow, seconds=7)
    assert loop.time() - began == pytest.approx(7)
    assert told.overrode  # the other one was heard
    assert slow.listening == 0


@pytest.mark.looptime
async def test_a_judge_that_does_not_rule_is_not_asked_again_and_again() -> None:
    mute = ScriptedModel.saying("mute", "Hm.")
    many = answers(**{f"m{n}": f"The answer may be {n}." for n in range(12)})
    verdict = grouped(*([outcome.member.name] for outcome in many))
    await heard(mute, outcomes=many, verdict=verdict, most=12)
    assert len(mute.prompts) == 6  # those of the first round, which went out at once


@pytest.mark.looptime
async def test_few_questions_are_on_their_way_at_once_and_all_within_the_number_allowed() -> None:
    many = answers(**{f"m{n}": f"The answer may be {n}." for n in range(60)})
    verdict = grouped(*([outcome.member.name] for outcome in many))
    one = fair()
    await heard(one, outcomes=many, verdict=verdict, most=60)
    assert one.most == AT_ONCE
    assert one.asked <= 60


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("outcomes", "verdict", "why"),
    [
        ([], Verdict(asked=3, answered=0), "there is no answer"),
        (THREE[:1], grouped(["a"]), "there is only one answer"),
        (THREE[:2], grouped(["a", "b"]), "there is only one answer"),
    ],
)
async def test_where_there_is_nothing_to_compare_nobody_is_asked(
    outcomes: list[Outcome], verdict: Verdict, why: str
) -> None:
    one = fair()
    found, told = await heard(one, outcomes=outcomes, verdict=verdict)
    assert told.failed == f"nobody was asked, since {why}"
    assert one.asked == 0
    assert found.best == verdict.best


@pytest.mark.looptime
async def test_whoever_leaves_in_the_middle_leaves_nothing_open() -> None:
    slow = ScriptedModel.saying("slow", "x", after=1_000)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await heard(slow)
    assert (slow.listening, slow.cancelled) == (0, 2)


# --- money ---


@pytest.mark.looptime
async def test_money_is_set_aside_before_a_question_and_settled_after_it_under_a_tag_of_its_own() -> None:
    purse = Purse()
    paid = member(fair(), cost=lambda _: Decimal(1))
    await heard(paid, purse=purse)
    assert set(purse.turns) == {("r", 3, TAG)}
    assert purse.reserved == {"fair": Decimal(2)}
    (settled,) = purse.settled
    assert len(settled.attempts) == 2


@pytest.mark.looptime
async def test_without_money_the_judgement_fails_with_the_reason_and_nobody_is_asked() -> None:
    model, purse = fair(), Purse(most=Decimal(0))
    found, told = await heard(member(model, cost=lambda _: Decimal(1)), purse=purse)
    assert "budget: nothing is left" in told.failed
    assert model.asked == 0
    assert purse.settled == []
    assert found.groups == VOTE.groups


@pytest.mark.looptime
async def test_a_judge_that_costs_nothing_is_asked_without_money() -> None:
    _, told = await heard(fair(), purse=Purse(most=Decimal(0)))
    assert told.overrode


# --- synthesis ---


async def text_of(
    model: Model | Member,
    *,
    outcomes: Sequence[Outcome] = THREE,
    verdict: Verdict = VOTE,
    context: int | None = None,
    purse: Purse | None = None,
) -> Synthesis:
    found = await synthesise(
        QUESTION,
        verdict,
        outcomes,
        by=model if isinstance(model, Member) else member(model),
        room=Room.of(context),
        hearing=Hearing(purse or Purse(), run="r", turn=0, seconds=30),
        random=seeded(1),
    )
    assert found.synthesis is not None
    assert replace(found, synthesis=None) == verdict
    return found.synthesis


@pytest.mark.looptime
async def test_a_synthesis_counts_who_says_so_and_keeps_the_minority() -> None:
    told = await text_of(Replying("w", partial(written, "I multiply and the answer is 41.")))
    assert told.text == "I multiply and the answer is 41. [2 models]"
    assert [sentence.supporters for sentence in told.dissent] == [("c",)]
    assert told.calls == 1


@pytest.mark.looptime
async def test_hundreds_of_answers_go_through_a_small_context_level_by_level() -> None:
    many = answers(
        **{f"m{n}": f"Water boils sooner on mountains. {n} " + "More words. " * 120 for n in range(300)}
    )
    verdict = grouped(*([outcome.member.name] for outcome in many), extracted=False)
    writer = Replying("w", partial(written, "Water boils sooner on mountains."))
    told = await text_of(writer, outcomes=many, verdict=verdict, context=4_096)
    assert told.failed == ""
    assert told.calls == writer.asked > 2
    assert len(told.sentences) == 1
    assert 0 < len(told.sentences[0].supporters) <= 300


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("writer", "why"),
    [
        (ScriptedModel("w", (Overloaded("busy"),)), "busy"),
        (ScriptedModel.saying("w", "Here is your text: 42."), "not the JSON"),
        (ScriptedModel.saying("w", "x", after=1_000), "no end within the 30 s"),
        (
            Replying("w", partial(written, "Cheese melts slowly under heat.")),
            "no sentence of it is supported",
        ),
    ],
)
async def test_a_writer_that_fails_leaves_a_reason_in_place_of_a_text(writer: Model, why: str) -> None:
    told = await text_of(writer)
    assert told.text == ""
    assert why in told.failed


@pytest.mark.looptime
async def test_a_writer_without_money_is_not_asked() -> None:
    writer = Replying("w", partial(written, "x"))
    told = await text_of(member(writer, cost=lambda _: Decimal(1)), purse=Purse(most=Decimal(0)))
    assert "budget: nothing is left" in told.failed
    assert writer.asked == 0
