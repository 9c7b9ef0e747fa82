"""A verdict with everything in it, for tests of what people see."""

from __future__ import annotations

from decimal import Decimal

from panvox.messages import Answer, Finish, Identity, Outcome, State
from panvox.verdicts import Filtered, Group, Outlook, Saved, Verdict, Vote


def member(name: str, lineage: str = "") -> Identity:
    provider, _, model = name.partition("/")
    return Identity(name=name, provider=provider, model=model, lineage=lineage or model)


def answered(name: str, text: str, lineage: str = "", *, took: float = 1.0) -> Outcome:
    return Outcome(
        member=member(name, lineage),
        state=State.ANSWERED,
        answer=Answer(text=text, finish=Finish.STOP),
        duration=took,
    )


OUTCOMES = (
    answered("oak/large", "6 times 7 is 42.", took=2.0),
    answered("elm/large", "42"),
    answered("oak/small", "42"),
    answered("ash/other", "Let us see.\n\nSo 41 are left.\n"),
    answered("fir/mute", "I would rather not."),
    Outcome(member=member("fir/slow"), state=State.CANCELLED, reason="decided"),
)
VERDICT = Verdict(
    asked=6,
    answered=5,
    lineages=4,
    groups=(
        Group(
            answer="42",
            extracted=True,
            members=("oak/large", "elm/large", "oak/small"),
            votes=2.0,
            share=0.8,
            representative="oak/large",
            lineages=2,
        ),
        Group(
            answer="41",
            extracted=True,
            members=("ash/other",),
            votes=0.5,
            share=0.2,
            representative="ash/other",
            lineages=1,
        ),
    ),
    consensus="42",
    best="oak/large",
    fastest="elm/large",
    confidence=0.93,
    calibrated=True,
    top=("oak/large", "elm/large", "oak/small"),
    effective=2.4,
    expect="number",
    method="weighted",
    basis="180 labelled prompts",
    filtered=(Filtered("fir/mute", "refusal", "says that it would rather not answer"),),
    votes=(
        Vote(member="oak/large", group=0, weight=0.75, strength=0.9, part=0.5, quality=0.95),
        Vote(member="elm/large", group=0, weight=0.75, strength=0.9, part=0.5, quality=0.8),
        Vote(member="oak/small", group=0, weight=0.5, strength=0.55),
        Vote(member="ash/other", group=1, weight=0.5, strength=0.6, quality=0.9),
    ),
    outlook=Outlook(
        state="likely", risk=0.03, votes=0.8, change="1 open model with 0.8 votes could make it 41"
    ),
    saved=Saved(calls=1, money=Decimal("0.042"), seconds=35.0),
)
