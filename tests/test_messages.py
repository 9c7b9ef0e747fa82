"""Values: the fold, conversations, and states that cover every category."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox import errors
from panvox.errors import Category, Failure
from panvox.messages import (
    Answer,
    End,
    Event,
    Finish,
    Fold,
    Prompt,
    Reasoning,
    State,
    Text,
    ToolCall,
    ToolCallDelta,
    Usage,
    UsageReport,
)


def fold(*events: Event) -> Answer:
    folding = Fold()
    for event in events:
        folding.add(event)
    return folding.answer


def test_events_fold_into_the_answer_they_spell() -> None:
    answer = fold(
        Reasoning("hm"),
        Text("Par"),
        Text("is"),
        ToolCallDelta(0, id="c1", name="look"),
        ToolCallDelta(0, arguments='{"a"'),
        ToolCallDelta(0, arguments=":1}"),
        UsageReport(Usage(completion_tokens=1)),
        UsageReport(Usage(completion_tokens=2)),
        End(Finish.STOP, "m"),
    )
    assert answer == Answer(
        text="Paris",
        reasoning="hm",
        tool_calls=(ToolCall("c1", "look", '{"a":1}'),),
        finish=Finish.STOP,
        usage=Usage(completion_tokens=2),
        model="m",
    )


@given(st.text(), st.data())
def test_any_split_of_a_text_folds_into_the_same_answer(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert fold(*map(Text, pieces)).text == text


def test_every_category_of_failure_is_a_state_of_the_ledger() -> None:
    assert {category.value for category in Category} <= {state.value for state in State}
    passing = {state for state in State if state.open}
    assert passing == {State.WAITING, State.STREAMING}


def failures() -> list[type[Failure]]:
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Failure)]


@pytest.mark.parametrize("kind", [kind for kind in failures() if kind is not Failure])
def test_every_failure_has_a_category_of_its_own_an_owner_and_a_hint(kind: type[Failure]) -> None:
    fault = kind("what the provider said").fault
    assert fault.message == "what the provider said"
    assert fault.hint.endswith(".")
    assert kind.__name__ in (errors.__doc__ or "")
    assert [other for other in failures() if getattr(other, "category", None) is fault.category] == [kind]


def test_a_conversation_alternates_even_where_no_answer_came() -> None:
    first = Prompt.of("one", system="be brief")
    assert [m.role for m in first.then("reply", "two").messages] == ["system", "user", "assistant", "user"]
    unanswered = first.then("", "two")
    assert [m.role for m in unanswered.messages] == ["system", "user"]
    assert unanswered.question == "one\n\ntwo"


def test_values_survive_json() -> None:
    answer = fold(Text("é\u2028"), End(Finish.LENGTH))
    assert msgspec.json.decode(msgspec.json.encode(answer), type=Answer) == answer


async def test_tests_run_on_both_loops() -> None:  # noqa: ASYNC124 - the loop is what it looks at
    assert type(asyncio.get_running_loop()).__module__.split(".")[0] in {"looptime", "uvloop"}


@pytest.mark.looptime
async def test_waiting_costs_no_time() -> None:
    before = asyncio.get_running_loop().time()
    await asyncio.sleep(3600)
    assert asyncio.get_running_loop().time() - before == 3600
