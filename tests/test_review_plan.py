"""The plan of a review: what would go out, to whom, for how much, and until when; nothing is sent."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path

import msgspec
import pytest

from panvox.catalog.entries import LOCAL, Entry
from panvox.cli.review_plan import show_plan
from panvox.compose.planning import plan_review
from panvox.compose.session import Session
from panvox.compose.stack import identity_of
from panvox.engine import Member
from panvox.limits.estimates import UNKNOWN_ANSWER
from panvox.limits.projection import Call
from panvox.messages import Prompt
from panvox.protocols import Limits, Refusal, Scope, Window
from panvox.review.fitting import Fit, Fitting, Oversize, room_of
from panvox.review.instructions import Instructions
from panvox.review.material import InputFile, LeftOut, Material
from panvox.review.planning import NEVER, Candidate, Plan, plan_of, reasons, seconds_of
from panvox.simulator import Fleet, VirtualModel, VirtualProvider, simulate
from tests.flows import host, served, session_of

PROVIDER = Scope("provider", "p")
ASKED = Prompt.of("Review this.")
WHOLE = Fit(tokens=100, room=1_000, how="whole", prompts=(ASKED,))
SKIPPED = Fit(tokens=100, room=50, how="skip", prompts=(), note="needs about 100 tokens, has room for 50")
TOLD = Instructions(name="review", title="Review", text="Review the files.", source="given")


def file_of(path: str, size: int, *, masked: int = 0) -> InputFile:
    text = "x = 1\n" * (size // 6)
    data = text.encode()
    return InputFile(
        path=path, text=text, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), masked=masked
    )


MATERIAL = Material(
    files=(file_of("a.py", 600), file_of("b.py", 60_000)), left_out=(LeftOut("x.png", "binary"),)
)


def candidate(
    name: str,
    *,
    fit: Fit = WHOLE,
    calls: int = 1,
    seconds: float = 5.0,
    declined: str = "",
    price: str = "0.01",
) -> Candidate:
    return Candidate(
        model=f"p/{name}",
        provider="p",
        fit=fit,
        calls=tuple(
            Call(
                scopes=(PROVIDER,),
                model=name,
                input_tokens=100,
                output_tokens=10,
                seconds=seconds,
                chain=name,
            )
            for _ in range(calls if fit.prompts else 0)
        ),
        expected=Decimal(price),
        most=Decimal(price) * 3,
        declined=declined,
    )


def planned(candidates: Sequence[Candidate], limits: Limits | None = None, **known: object) -> Plan:
    return plan_of(MATERIAL, candidates, lambda _: limits or Limits(), **known)  # type: ignore[arg-type]


# --- what it is made of ---


def test_files_come_largest_first_and_what_is_left_out_keeps_its_reason() -> None:
    plan = planned([candidate("a")])
    assert [file.path for file in plan.files] == ["b.py", "a.py"]
    assert plan.bytes == 60_600
    assert plan.tokens == pytest.approx(60_600 / 3.6, abs=2)
    assert plan.left_out == (LeftOut("x.png", "binary"),)


def test_models_that_are_not_asked_cost_nothing_take_no_time_and_tell_why() -> None:
    refused = {"p/poor": Refusal("$0.00 is left today")}
    plan = planned(
        [
            candidate("good", calls=2),
            candidate("small", fit=SKIPPED),
            candidate("gone", declined="it is not in the catalogue any more"),
            candidate("poor"),
        ],
        Limits(slots=1),
        refused=refused,
    )
    assert [(model.model, model.calls, model.reason) for model in plan.models] == [
        ("p/good", 2, ""),
        ("p/small", 0, "needs about 100 tokens, has room for 50"),
        ("p/gone", 0, "it is not in the catalogue any more"),
        ("p/poor", 0, "$0.00 is left today"),
    ]
    assert (plan.calls, plan.input_tokens, plan.seconds) == (2, 200, 10.0)
    assert (plan.expected, plan.most) == (Decimal("0.01"), Decimal("0.03"))
    assert reasons(plan.models) == {
        "context too small": 1,
        "it is not in the catalogue any more": 1,
        "$0.00 is left today": 1,
    }


def test_a_call_beyond_its_limits_is_not_taken_for_one_that_waits() -> None:
    limits = Limits(windows=(Window("tokens", 50, 60.0),))
    plan = planned([candidate("a")], limits)
    assert plan.models[0].reason == NEVER
    assert (plan.calls, plan.most, plan.seconds) == (0, Decimal(0), 0.0)
    assert plan.models[0].seconds is None


def test_the_narrowest_limit_is_told_in_words_and_so_is_who_comes_too_late() -> None:
    limits = Limits(windows=(Window("requests", 20, 60.0),))
    plan = planned([candidate(f"m{n:03}") for n in range(200)], limits, deadline=300.0)
    (narrowest,) = plan.limits
    assert (narrowest.scope, narrowest.limit, narrowest.calls) == (PROVIDER, "20 requests a minute", 200)
    assert plan.seconds == narrowest.seconds == pytest.approx(545)
    assert plan.unlimited == 5
    assert plan.late == tuple(f"p/m{n:03}" for n in range(100, 200))


def test_a_price_that_nobody_tells_is_counted_and_not_made_up() -> None:
    unknown = Candidate(model="p/x", provider="p", fit=WHOLE, calls=candidate("x").calls, most=Decimal(1))
    plan = planned([candidate("a"), unknown])
    assert plan.unpriced == 1
    assert plan.expected == Decimal("0.01")
    assert plan.most == Decimal("1.03")


def test_a_call_lasts_as_its_probe_did_and_as_long_as_its_answer_takes_to_write() -> None:
    assert seconds_of(500, 3.0) == 13.0
    assert seconds_of(500, None) == 11.0


# --- out of a session ---


async def made(
    folder: Path, *providers: VirtualProvider, more: str = "", oversize: Oversize = Oversize.SKIP
) -> Plan:
    """The plan of asking all models of some providers, none of which is asked."""
    async with served(folder, Fleet(providers), more=more) as (session, simulator):
        entries = tuple(each for each in (await session.catalogue()).entries if each.provider != LOCAL)
        plan = await plan_review(session, MATERIAL, entries, fits(session, entries, oversize))
        assert simulator.stats().total.requests == 0
    return plan


def fits(session: Session, entries: Sequence[Entry], oversize: Oversize) -> dict[str, Fit]:
    fitting = Fitting(TOLD, MATERIAL.files, oversize=oversize)

    def tokens(name: str, prompt: Prompt) -> int:
        return session.keeping.estimates.of(name, prompt)[0]

    return {entry.name: fitting.fit(room_of(entry), partial(tokens, entry.name)) for entry in entries}


def priced(name: str, dollars: float) -> str:
    return f"[models.'{name}/*']\nprice_in = 0\nprice_out = 0\nprice_request = {dollars}\nfree = false\n"


async def test_the_limits_in_force_say_how_long_it_takes_and_nothing_is_sent(tmp_path: Path) -> None:
    more = "[limits]\nlearn = false\nprovider_rpm = 'oak:2'\n"
    plan = await made(tmp_path, host("oak", *(f"m{n}" for n in range(6))), host("elm"), more=more)
    assert plan.calls == 7
    assert [(each.scope.name, each.limit, each.calls) for each in plan.limits] == [
        ("oak", "2 requests a minute", 6)
    ]
    assert plan.seconds == pytest.approx(120 + plan.unlimited)


async def test_what_was_used_within_the_window_counts(tmp_path: Path) -> None:
    more = "[limits]\nlearn = false\nprovider_rpm = 'oak:1'\n"
    async with served(tmp_path, Fleet((host("oak"),)), more=more) as (session, _):
        entries = tuple(each for each in (await session.catalogue()).entries if each.provider != LOCAL)
        fitted = fits(session, entries, Oversize.SKIP)
        before = await plan_review(session, MATERIAL, entries, fitted)
        await session.ask("What is 17 + 25?", models=["oak/*"])
        after = await plan_review(session, MATERIAL, entries, fitted)
    assert before.limits == ()
    assert [each.limit for each in after.limits] == ["1 request a minute"]
    assert 30 < after.seconds - before.seconds <= 61


async def test_money_goes_to_the_cheapest_and_nobody_is_paid_for(tmp_path: Path) -> None:
    more = f"{priced('oak', 0.5)}{priced('elm', 0.2)}[budget]\nrun = 0.6\n"
    plan = await made(tmp_path, host("oak"), host("elm"), host("ash"), more=more)
    assert {model.model: model.calls for model in plan.models} == {"oak/m": 0, "elm/m": 1, "ash/m": 1}
    assert (plan.expected, plan.most) == (Decimal("0.2"), Decimal("0.2"))
    (oak,) = (model for model in plan.models if model.model == "oak/m")
    assert "is left on one prompt and this model may cost" in oak.reason


async def test_what_is_too_small_is_skipped_or_asked_in_parts_and_each_part_is_a_call(tmp_path: Path) -> None:
    small = VirtualProvider("oak", models=(VirtualModel("m", context=8_000),))
    more = "[models.'oak/*']\ncontext = 8_000\n"
    skipped = await made(tmp_path, small, more=more)
    assert (skipped.calls, skipped.models[0].how, skipped.models[0].room) == (0, "skip", 5_600)
    split = await made(tmp_path, small, more=more, oversize=Oversize.SPLIT)
    assert split.models[0].how == "split"
    assert split.calls == split.models[0].calls > 2
    assert split.seconds == pytest.approx(split.calls * seconds_of(UNKNOWN_ANSWER, None))


@dataclass(frozen=True)
class Told:
    instructions: Instructions
    material: Material


@dataclass(frozen=True)
class Panel:
    brief: Told
    entries: tuple[Entry, ...]
    members: tuple[Member, ...]
    fits: dict[str, Fit]


@pytest.mark.parametrize("json", [True, False])
async def test_what_is_printed_tells_who_is_not_asked_and_why(
    tmp_path: Path, json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(tmp_path, Fleet((host("oak"), host("elm")))) as (session, simulator):
        entries = tuple(each for each in (await session.catalogue()).entries if each.provider != LOCAL)
        members = tuple(
            Member(
                identity_of(entry),
                session.model(entry),
                declined="it reviewed this before" if entry.provider == "elm" else "",
            )
            for entry in entries
        )
        panel = Panel(Told(TOLD, MATERIAL), entries, members, fits(session, entries, Oversize.SKIP))
        await show_plan(session, panel, json=json, verbose=False, deadline=60.0)
        assert simulator.stats().total.requests == 0
    printed = capsys.readouterr().out
    if json:
        plan = msgspec.json.decode(printed, type=Plan)
        assert {model.model: model.reason for model in plan.models} == {
            "oak/m": "",
            "elm/m": "it reviewed this before",
        }
        assert (plan.calls, plan.deadline) == (1, 60.0)
    else:
        assert "1 of 2 models asked" in printed
        assert "elm/m: it reviewed this before" in printed


async def test_keys_of_a_provider_take_turns(tmp_path: Path) -> None:
    more = "[limits]\nlearn = false\n"
    rows = {
        "oak": 'keys = [{env = "K1", account = "a"}, {env = "K2", account = "b"}]\n'
        'account_limits = {requests = "1/minute"}'
    }
    fleet = Fleet((host("oak", "m1", "m2", "m3", "m4"),))
    environ = {"K1": "sk-1", "K2": "sk-2"}
    async with (
        simulate(fleet) as simulator,
        session_of(tmp_path, fleet, simulator, rows=rows, more=more, environ=environ) as session,
    ):
        entries = tuple(each for each in (await session.catalogue()).entries if each.provider != LOCAL)
        plan = await plan_review(session, MATERIAL, entries, fits(session, entries, Oversize.SKIP))
    assert [(str(each.scope), each.calls) for each in plan.limits] == [
        ("account oak/a", 2),
        ("account oak/b", 2),
    ]
