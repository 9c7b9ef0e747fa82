"""Somebody else answers when one cannot: at once, in order, and not at any price."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.deadline import narrow
from panvox.engine import Member, Run
from panvox.errors import (
    Category,
    CircuitOpen,
    Failure,
    Forbidden,
    InvalidRequest,
    OutOfMoney,
    Overloaded,
    RateLimited,
    Refused,
    SelectionError,
    TooLarge,
    Unauthorised,
    UnknownModel,
    Unreachable,
)
from panvox.messages import Event, Identity, Prompt, Restarted, Text, Waiting
from panvox.policies.chains import SHIPPED, Candidate, Chain, chain_for
from panvox.policies.fallback import Cost, Fallback, Link
from panvox.policies.metered import Metered
from panvox.policies.pauses import RetryBudget, Rule
from panvox.protocols import Model
from panvox.settings.schema import ChainLink
from panvox.simulator.chance import seeded
from panvox.testing import MemoryJournal, ScriptedModel, check_model
from tests.attempts import PARIS, PROMPT, Attempts, heard, said

pytestmark = pytest.mark.looptime

KINDS = {kind.category: kind for kind in Failure.__subclasses__()}
BUSY = Overloaded("The server is busy.", status=503)
LIMITED = RateLimited("Come back in an hour.", wait=3600.0)


def now() -> float:
    return asyncio.get_running_loop().time()


class Longest(Random):
    """The chance that makes all pauses as long as they can be."""

    def random(self) -> float:
        return 0.0


def link(
    model: Model, *, retries: int = 0, base: float = 1.0, cost: Cost = None, local: bool = False
) -> Link:
    identity = Identity(name=model.name, provider=model.name.partition("/")[0], model=model.name)
    return Link(
        identity=identity, model=model, rule=Rule(attempts=retries + 1, base=base), cost=cost, local=local
    )


def chain(
    *links: Link,
    heard: Callable[[str], None] = lambda _: None,
    explicit: bool = False,
    chance: Random | None = None,
) -> Fallback:
    return Fallback(
        links,
        warn_above=2.0,
        refuse_above=3.0,
        heard=heard,
        budget=RetryBudget(),
        explicit=explicit,
        chance=chance or seeded("pauses"),
    )


def failing(name: str, failure: Failure) -> Attempts:
    return Attempts(name, (failure,))


def answering(name: str, text: str = "Paris") -> Attempts:
    return Attempts(name, (Text(text), PARIS[-1]))


# --- who comes next ---


async def test_the_preferred_model_answers_and_nobody_else_is_asked() -> None:
    lines: list[str] = []
    first, second = answering("a/m"), answering("b/m")
    events, _ = await heard(chain(link(first), link(second), heard=lines.append))
    assert events == list(PARIS)
    assert (len(second.times), lines) == (0, [])


async def test_after_a_refusal_the_next_one_answers_without_a_pause_whatever_retry_after_says() -> None:
    lines: list[str] = []
    first, second = failing("a/m", LIMITED), answering("b/m")
    begun = now()
    events, failure = await heard(chain(link(first, retries=3), link(second), heard=lines.append))
    assert failure is None
    assert (events, now()) == (list(PARIS), begun)
    assert lines == ["b/m stands in for a/m, which failed with: Come back in an hour."]


@pytest.mark.parametrize("category", Category)
async def test_whatever_one_model_says_another_is_asked(category: Category) -> None:
    first, second = failing("a/m", KINDS[category]("no")), answering("b/m")
    events, _ = await heard(chain(link(first), link(second)))
    assert said(events) == "Paris"


async def test_a_chain_of_dead_providers_is_given_up_without_any_pause() -> None:
    dead = [
        Unreachable("no route"),
        Unauthorised("wrong key", status=401),
        OutOfMoney("spent", status=402),
        UnknownModel("gone", status=404),
        CircuitOpen("it failed", wait=5.0),
    ]
    models = [failing(f"p{place}/m", failure) for place, failure in enumerate(dead)]
    begun = now()
    events, failure = await heard(chain(*(link(model, retries=3) for model in models)))
    assert (events, now()) == ([], begun)
    assert [len(model.times) for model in models] == [1] * 5
    assert isinstance(failure, Unreachable)
    assert str(failure) == (
        "no route. 4 stood in and failed as well: p1/m (unauthorised), p2/m (out_of_money), "
        "p3/m (unknown_model), p4/m (circuit_open)."
    )


@pytest.mark.parametrize("wrong", [InvalidRequest("No such option."), TooLarge("Too long."), Refused("No.")])
async def test_a_wrong_prompt_is_not_hidden_by_those_who_stood_in(wrong: Failure) -> None:
    models = failing("a/m", wrong), failing("b/m", BUSY), failing("c/m", Forbidden("no"))
    _, failure = await heard(chain(*map(link, models)))
    assert failure is not None
    assert failure.fault.category is wrong.fault.category
    assert str(failure).startswith(f"{wrong} 2 stood in and failed as well: b/m (overloaded)")


async def test_a_single_model_fails_in_its_own_words() -> None:
    failure = Overloaded("The server is busy.", wait=500.0)
    _, raised = await heard(chain(link(failing("a/m", failure))))
    assert raised is failure


async def test_only_when_all_have_failed_the_soonest_ready_is_asked_again() -> None:
    slow = Attempts("a/m", (RateLimited("later", wait=30.0),), PARIS)
    soon = Attempts("b/m", (RateLimited("soon", wait=2.0),), (BUSY,))
    dead = failing("c/m", Unreachable("no route"))
    events, failure = await heard(chain(link(slow, retries=1), link(soon, retries=1), link(dead, retries=3)))
    assert failure is None
    waits = [event for event in events if isinstance(event, Waiting)]
    assert [wait.reason for wait in waits] == [
        "another attempt at b/m after: soon",
        "another attempt at a/m after: later",
    ]
    assert soon.times[1] - soon.times[0] == pytest.approx(2.0, abs=0.05)
    assert slow.times[1] - slow.times[0] == pytest.approx(30.0, abs=0.05)
    assert len(dead.times) == 1


async def test_back_off_is_each_links_own_and_doubles() -> None:
    models = failing("a/m", BUSY), failing("b/m", BUSY)
    bases = 5.0, 0.5
    links = [link(model, retries=3, base=base) for model, base in zip(models, bases, strict=True)]
    await heard(chain(*links, chance=Longest()))
    begun = models[0].times[0]
    assert [time - begun for time in models[0].times] == pytest.approx([0, 5, 15, 35], abs=0.001)
    assert [time - begun for time in models[1].times] == pytest.approx([0, 0.5, 1.5, 3.5], abs=0.001)


async def test_nobody_is_waited_for_beyond_the_deadline_or_patience() -> None:
    models = failing("a/m", RateLimited("later", wait=20.0)), failing("b/m", LIMITED)
    begun = now()
    narrow(10.0)
    _, failure = await heard(chain(*(link(model, retries=3) for model in models)))
    assert (now(), [len(model.times) for model in models]) == (begun, [1, 1])
    assert isinstance(failure, RateLimited)


async def test_retries_of_a_chain_come_out_of_the_budget_of_their_provider() -> None:
    budget = RetryBudget(0.0)
    models = [failing("a/m", BUSY) for _ in range(50)]
    for model in models:
        await heard(
            Fallback(
                [link(model, retries=3, base=0.001)],
                warn_above=2,
                refuse_above=3,
                heard=print,
                budget=budget,
            )
        )
    assert sum(len(model.times) for model in models) == 50 + 10


@given(
    st.lists(st.tuples(st.sampled_from(["ok", "busy", "dead"]), st.integers(0, 3)), min_size=1, max_size=6)
)
def test_everyone_is_asked_once_before_anyone_is_asked_twice(links: list[tuple[str, int]]) -> None:
    failures = {"busy": BUSY, "dead": Unreachable("no route")}
    order: list[str] = []

    class Noted:
        def __init__(self, name: str, kind: str) -> None:
            self.name = name
            self._model = ScriptedModel(name, PARIS if kind == "ok" else (failures[kind],))

        def stream(self, prompt: Prompt) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
            order.append(self.name)
            return self._model.stream(prompt)

    models = [Noted(f"p{place}/m", kind) for place, (kind, _) in enumerate(links)]
    rules = [link(model, retries=more, base=1e-9) for model, (_, more) in zip(models, links, strict=True)]
    _, failure = asyncio.run(heard(chain(*rules)))
    first_answer = next((place for place, (kind, _) in enumerate(links) if kind == "ok"), None)
    asked_first = [model.name for model in models][: len(links) if first_answer is None else first_answer + 1]
    assert order[: len(asked_first)] == asked_first
    assert (failure is None) == (first_answer is not None)
    if first_answer is None:
        for model, (kind, more) in zip(models, links, strict=True):
            assert order.count(model.name) == (1 + more if kind == "busy" else 1)


# --- what goes up ---


async def test_half_an_answer_counts_for_nothing_when_another_stands_in() -> None:
    first = Attempts("a/m", (Text("Lond"), BUSY))
    events, _ = await heard(chain(link(first), link(answering("b/m"))))
    assert events == [Text("Lond"), Restarted("b/m stands in for a/m"), *PARIS]
    assert said(events) == "Paris"


async def test_whoever_failed_is_closed_before_the_next_is_asked() -> None:
    first = Attempts("a/m", (Text("Lond"), BUSY))

    class Second(Attempts):
        def stream(self, prompt: Prompt) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
            assert first.listening == 0
            return super().stream(prompt)

    events, _ = await heard(chain(link(first), link(Second("b/m", PARIS))))
    assert said(events) == "Paris"


async def test_the_outcome_tells_who_really_answered_and_every_attempt() -> None:
    def metered(model: Attempts) -> Link:
        made = link(model)
        identity = made.identity
        return Link(identity=identity, model=Metered(model, identity=identity, price=lambda _: None))

    first, second = failing("a/m", LIMITED), answering("b/m")
    model = chain(metered(first), metered(second))
    member = Member(Identity(name="a/m", provider="a", model="a/m"), model)
    async with Run([member], journal=MemoryJournal()).turn(PROMPT) as turn:
        await turn.wait_ended()
    (outcome,) = turn.outcomes
    assert outcome.stand_in is not None
    assert outcome.stand_in.name == "b/m"
    assert [(attempt.state.value, attempt.model) for attempt in outcome.attempts] == [
        ("rate_limited", ""),
        ("answered", "b/m"),
    ]


async def test_the_promises_of_a_model_are_kept() -> None:
    flaky = Attempts("a/m", (Text("Lond"), BUSY))
    bad, good = failing("b/m", BUSY), answering("c/m")
    endless = ScriptedModel("d/m", (Text("x"), 1000.0))

    async def at_rest() -> bool:  # noqa: ASYNC124 - as check_model asks
        return not (flaky.listening or bad.listening or good.listening or endless.listening)

    await check_model(
        answering=chain(link(flaky), link(good)),
        failing=chain(link(flaky, retries=1, base=0.01), link(bad)),
        endless=chain(link(bad), link(endless)),
        at_rest=at_rest,
    )


# --- at what price ---


def priced(*costs: Cost, explicit: bool = False) -> tuple[Fallback, list[Attempts], list[str]]:
    lines: list[str] = []
    models = [failing("a/m", BUSY), *(answering(f"s{place}/m") for place in range(1, len(costs)))]
    links = [link(model, cost=cost) for model, cost in zip(models, costs, strict=True)]
    return chain(*links, heard=lines.append, explicit=explicit), models, lines


async def test_a_stand_in_that_costs_more_than_three_times_as_much_is_left_out() -> None:
    model, models, lines = priced(Decimal("0.01"), Decimal("0.0301"), lambda _: Decimal("0.03"))
    events, _ = await heard(model)
    assert said(events) == "Paris"
    assert [len(each.times) for each in models] == [1, 0, 1]
    assert lines == [
        (
            "s1/m does not stand in for a/m: it would cost 3.01 times as much ($0.0301), "
            "and 3 times is the limit (fallback.refuse_above)"
        ),
        (
            "s2/m stands in for a/m, which failed with: The server is busy. "
            "It costs about 3.00 times as much ($0.0300)."
        ),
    ]


async def test_if_nobody_else_may_the_failure_says_why() -> None:
    model, _, _ = priced(Decimal("0.01"), Decimal(1))
    _, failure = await heard(model)
    assert isinstance(failure, Overloaded)
    assert str(failure).startswith("The server is busy. s1/m does not stand in for a/m: it would cost 100.00")


@pytest.mark.parametrize(
    ("asked", "stand_in", "explicit", "answers", "warned"),
    [
        (Decimal("0.01"), Decimal("0.02"), False, True, False),
        (Decimal("0.01"), Decimal("0.021"), False, True, True),
        (Decimal("0.01"), Decimal("0.031"), True, False, False),
        (Decimal(0), Decimal("0.001"), False, False, False),
        (Decimal(0), Decimal("0.001"), True, True, True),
        (Decimal(0), None, False, False, False),
        (Decimal(0), Decimal(0), False, True, False),
        (None, Decimal(5), False, True, False),
        (Decimal("0.01"), None, False, True, True),
        (Decimal("0.01"), Decimal(0), False, True, False),
    ],
)
async def test_a_ceiling_of_cost_is_kept(
    asked: Decimal | None, stand_in: Decimal | None, explicit: bool, answers: bool, warned: bool
) -> None:
    model, _, lines = priced(asked, stand_in, explicit=explicit)
    _, failure = await heard(model)
    assert (failure is None) == answers
    assert any("ost" in line and "stands in" in line for line in lines) == warned


async def test_a_local_model_may_always_stand_in_for_its_price() -> None:
    bad, local = failing("a/m", BUSY), answering("local/m")
    events, _ = await heard(chain(link(bad, cost=Decimal(0)), link(local, local=True)))
    assert said(events) == "Paris"


async def test_nobody_is_priced_while_the_preferred_model_answers() -> None:
    def cost(prompt: Prompt) -> Decimal:
        raise AssertionError(prompt)

    _, failure = await heard(chain(link(answering("a/m"), cost=cost), link(answering("b/m"), cost=cost)))
    assert failure is None


# --- which chain ---


def candidate(name: str, lineage: str, price: float | None = 1.0, **more: object) -> Candidate:
    return Candidate(name=name, lineage=lineage, provider=name.partition("/")[0], price=price, **more)  # type: ignore[arg-type]


KIMI = candidate("moonshot/kimi-k2-0905", "kimi-k2", 1.0, strength=0.70)
OFFER = (
    KIMI,
    candidate("moonshot/kimi-k2-turbo", "kimi-k2", 3.0, strength=0.70),
    candidate("dear/kimi-k2", "kimi-k2", 1.5),
    candidate("cheap/kimi-k2", "kimi-k2", 0.5),
    candidate("odd/kimi-k2", "kimi-k2", None),
    candidate("ollama/kimi-k2", "kimi-k2", None, local=True),
    candidate("zai/glm-4.7-flash", "glm-4-7-flash", 0.0, free=True, strength=0.40),
    candidate("zai/glm-4.7", "glm-4-7", 1.0, strength=0.66),
    candidate("fireworks/accounts/fireworks/models/glm-4p7", "glm-4-7", 0.9, strength=0.66),
    candidate("groq/llama-3.3-70b-versatile", "llama-3-3-70b", 0.6, strength=0.50),
    candidate("bedrock/meta.llama3-3-70b-instruct-v1:0", "llama-3-3-70b", 0.7, strength=0.50),
    candidate("openrouter/deepseek/deepseek-r1-distill-llama-70b", "r1-distill-llama-70b", strength=0.60),
    candidate("venice/dolphin-3.0-mistral-24b", "dolphin-3", 0.2, strength=0.3),
    candidate("old/dolphin-2.9-llama3-8b", "dolphin-2-9", 0.1, strength=0.9),
    candidate("openai/gpt-5", "gpt-5", 9.0, strength=0.9),
)


def names(found: Chain) -> list[str]:
    return [member.candidate.name for member in found.members]


def test_the_same_weights_elsewhere_stand_in_the_cheapest_first_and_local_ones_last() -> None:
    found = chain_for(KIMI, OFFER, chains={})
    assert names(found) == [KIMI.name, "cheap/kimi-k2", "dear/kimi-k2", "odd/kimi-k2", "ollama/kimi-k2"]
    assert not found.explicit


def test_nobody_stands_in_who_is_a_member_or_whose_weights_vote() -> None:
    panel = [each for each in OFFER if each.name in {"cheap/kimi-k2", "openai/gpt-5", "zai/glm-4.7"}]
    found = chain_for(KIMI, OFFER, chains={}, panel=panel, lineages=True)
    assert names(found) == [
        KIMI.name,
        "dear/kimi-k2",
        "odd/kimi-k2",
        "openrouter/deepseek/deepseek-r1-distill-llama-70b",
        "groq/llama-3.3-70b-versatile",
    ]


def test_other_weights_stand_in_only_where_that_is_allowed() -> None:
    gpt = OFFER[-1]
    assert names(chain_for(gpt, OFFER, chains={})) == ["openai/gpt-5"]
    assert len(chain_for(gpt, OFFER, chains={}, lineages=True).members) == 5


def test_a_paid_model_is_not_derived_for_a_free_one() -> None:
    free = candidate("gift/kimi-k2:free", "kimi-k2", 0.0, free=True)
    assert names(chain_for(free, (*OFFER, free), chains={})) == [free.name, "ollama/kimi-k2"]


def test_models_without_known_weights_have_no_stand_ins() -> None:
    nameless = candidate("a/x", "")
    assert names(chain_for(nameless, (candidate("b/x", ""),), chains={}, lineages=True)) == ["a/x"]


def test_the_shipped_chain_finds_its_models_at_any_provider() -> None:
    found = chain_for(None, OFFER, chains={}, name="default")
    assert names(found) == [
        KIMI.name,
        "fireworks/accounts/fireworks/models/glm-4p7",
        "groq/llama-3.3-70b-versatile",
        "venice/dolphin-3.0-mistral-24b",
    ]
    rules = [member.rule(Rule(base=7.0, cap=9.0)) for member in found.members]
    assert [(rule.attempts, rule.base, rule.cap) for rule in rules] == [
        (3, 5.0, 9.0),
        (4, 2.0, 9.0),
        (4, 1.0, 9.0),
        (4, 7.0, 9.0),
    ]
    assert found.explicit


@pytest.mark.parametrize(
    ("link", "name"),
    [
        (0, "moonshotai/Kimi-K2-Instruct-0905"),
        (0, "bedrock/moonshot.kimi-k2-thinking"),
        (1, "cerebras/zai-glm-4.7"),
        (1, "fireworks/accounts/fireworks/models/glm-4p7"),
        (2, "together/meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        (2, "fireworks/accounts/fireworks/models/llama-v3p3-70b-instruct"),
        (2, "bedrock/meta.llama3-3-70b-instruct-v1:0"),
        (2, "ollama/llama3.3:70b"),
        (3, "ollama/dolphin3"),
        (3, "openrouter/cognitivecomputations/dolphin3.0-mistral-24b"),
    ],
)
def test_shipped_links_fit_the_names_that_providers_use(link: int, name: str) -> None:
    offer = (candidate(name, "x"),)
    alone = {"one": (SHIPPED["default"][link],)}
    assert names(chain_for(None, offer, chains=alone, name="one")) == [name]


def test_reflexion_is_the_first_three_with_one_or_two_retries() -> None:
    first = [link.model for link in SHIPPED["default"][:3]]
    assert [link.model for link in SHIPPED["reflexion"]] == first
    assert {link.retries for link in SHIPPED["reflexion"]} == {1, 2}


def test_a_chain_of_the_user_wins_over_a_shipped_one_of_its_name() -> None:
    mine = {"default": (ChainLink(model="openai/*", retries=1),)}
    assert names(chain_for(None, OFFER, chains=mine, name="default")) == ["openai/gpt-5"]


def test_a_chain_of_the_user_that_begins_with_the_model_asked_is_its_chain() -> None:
    mine = {"calm": (ChainLink(model="*/kimi-k2-0905", retries=2, base=4.0), ChainLink(model="openai/*"))}
    found = chain_for(KIMI, OFFER, chains=mine)
    assert names(found) == [KIMI.name, "openai/gpt-5"]
    assert (found.explicit, found.members[0].retries, found.members[0].base) == (True, 2, 4.0)


def test_the_preferred_model_comes_before_a_chain_that_is_named() -> None:
    gpt = OFFER[-1]
    assert names(chain_for(gpt, OFFER, chains={}, name="reflexion"))[:2] == ["openai/gpt-5", KIMI.name]


def test_a_link_without_a_model_is_passed_over_and_said() -> None:
    found = chain_for(None, [each for each in OFFER if "glm" not in each.name], chains={}, name="default")
    assert len(found.members) == 3
    assert found.notes == (
        "no model on offer is meant by *glm-4[.p-]7*, so the chain default goes on without it",
    )


def test_an_unknown_chain_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(SelectionError, match=r"No chain is called 'defalt'; did you mean default\?"):
        chain_for(KIMI, OFFER, chains={}, name="defalt")


def test_a_chain_of_which_nobody_is_on_offer_is_an_error() -> None:
    with pytest.raises(SelectionError, match="No model on offer is meant by any link of the chain reflexion"):
        chain_for(None, OFFER[-1:], chains={}, name="reflexion")
