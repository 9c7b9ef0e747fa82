"""`panvox review --dry-run`: what would go out, to whom, for how much, and how long it would take."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from panvox.cli import columns, outlet, terminal
from panvox.cli.columns import Column
from panvox.cli.text import json_line, one_line
from panvox.cli.wrapping import wrapped
from panvox.figures import money, plural, seconds, short, size
from panvox.review.planning import Plan, PlannedModel, reasons

if TYPE_CHECKING:
    from rich.console import Console

    from panvox.catalog.entries import Entry
    from panvox.compose.session import Session
    from panvox.engine import Member
    from panvox.protocols import Scope
    from panvox.review.fitting import Fit
    from panvox.review.instructions import Instructions
    from panvox.review.material import Material

FILES, MODELS, LIMITS, NAMES = 10, 12, 5, 3
"""How many are shown one by one; more only with `--verbose`."""

_MARGIN = 10  # cells of the words on the left
_ROOMS = tuple(1024 * 2**power for power in range(2, 12))


class Brief(Protocol):
    """What is to be reviewed."""

    @property
    def instructions(self) -> Instructions:
        """What models are told."""
        ...

    @property
    def material(self) -> Material:
        """What they are given."""
        ...


class Fitted(Protocol):
    """A panel whose members would be asked what fits them."""

    @property
    def brief(self) -> Brief:
        """What is to be reviewed."""
        ...

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Those who were selected."""
        ...

    @property
    def members(self) -> tuple[Member, ...]:
        """The same, with the reason of those who are not asked."""
        ...

    @property
    def fits(self) -> Mapping[str, Fit]:
        """What each is asked, by name."""
        ...


async def show_plan(
    session: Session,
    fitted: Fitted,
    *,
    json: bool,
    verbose: bool,
    tag: str = "",
    deadline: float | None = None,
) -> None:
    """Print the plan of a review, as one JSON document with `json`; nothing is sent."""
    from panvox.compose.planning import plan_review  # noqa: PLC0415 - brings the store

    plan = await plan_review(
        session,
        fitted.brief.material,
        fitted.entries,
        fitted.fits,
        instructions=fitted.brief.instructions.title,
        declined={each.identity.name: each.declined for each in fitted.members if each.declined},
        tag=tag,
        deadline=deadline,
    )
    if json:
        outlet.console().print(json_line(plan), soft_wrap=True)
    else:
        write(plan, outlet.console(width=terminal.width()), verbose=verbose)


def write(plan: Plan, console: Console, *, verbose: bool = False) -> None:
    """Show a plan, no wider than the console."""
    for line in lines(plan, width=console.width, verbose=verbose):
        console.print(line, soft_wrap=True)


def lines(plan: Plan, *, width: int, verbose: bool = False) -> Iterator[str]:
    """The plan in lines of at most `width` cells."""
    yield from wrapped(
        f"{one_line(plan.instructions) or 'Review'}: nothing is sent, this is the plan", width
    ).split("\n")
    for part in (
        _files(plan, width, verbose=verbose),
        _models(plan, width, verbose=verbose),
        _money(plan, width),
        _time(plan, width, verbose=verbose),
        _notes(plan, width),
    ):
        told = list(part)
        yield from ("", *told) if told else ()


def _said(label: str, sentence: str, width: int) -> Iterator[str]:
    """A sentence with a word in front of it, broken beside it."""
    broken = wrapped(sentence, width - _MARGIN).split("\n")
    for number, line in enumerate(broken):
        yield f"{'' if number else label:<{_MARGIN}}{line}".rstrip()


def _table(
    heads: Sequence[Column], rows: Sequence[Sequence[str]], width: int, *, margin: int = _MARGIN
) -> Iterator[str]:
    for line in columns.lines(heads, rows, width=width - margin, colour=False):
        yield f"{'':<{margin}}{line}"


# --- files ---


def _files(plan: Plan, width: int, *, verbose: bool) -> Iterator[str]:
    said = f"{plural(len(plan.files), 'file')}, {size(plan.bytes)}, about {short(plan.tokens)} tokens"
    if masked := sum(file.masked for file in plan.files):
        said += f"; {plural(masked, 'secret')} masked"
    yield from _said("files", said, width)
    shown = plan.files if verbose else plan.files[:FILES]
    heads = (Column("path", flexible=True), Column("size", right=True), Column("tokens", right=True))
    rows = [(one_line(file.path), size(file.bytes), short(file.tokens)) for file in shown]
    yield from _table(heads, rows, width)
    if rest := plan.files[len(shown) :]:
        yield from _said("", f"and {len(rest):,} smaller, {size(sum(file.bytes for file in rest))}", width)
    if plan.left_out:
        counted = Counter(one_line(each.reason) for each in plan.left_out)
        yield from _said("left out", f"{len(plan.left_out):,}: {_counted(counted)}", width)
        for each in plan.left_out if verbose else ():
            yield from _said("", f"- {one_line(each.path)}: {one_line(each.reason)}", width)


def _counted(reasons: Counter[str]) -> str:
    if len(reasons) == 1:
        return next(iter(reasons))
    return ", ".join(f"{number:,} {reason}" for reason, number in reasons.most_common())


# --- models ---


def _models(plan: Plan, width: int, *, verbose: bool) -> Iterator[str]:
    asked, gone = plan.asked, [model for model in plan.models if not model.calls]
    calls = f"{plural(plan.calls, 'call')}, {short(plan.input_tokens)} tokens sent"
    whom = f"{len(asked):,} of {len(plan.models):,} models asked" if gone else plural(len(asked), "model")
    yield from _said("models", f"{whom}: {calls}", width)
    each = verbose or len(plan.models) <= MODELS
    if asked:
        yield from _each(asked, width) if each else _classes(asked, width)
    if gone:
        yield from _said("not asked", f"{len(gone):,}: {_counted(reasons(gone))}", width)
        for model in gone if each else gone[:NAMES]:
            yield from _said("", f"- {one_line(model.model)}: {one_line(model.reason)}", width)
        if not each and len(gone) > NAMES:
            yield from _said("", f"and {len(gone) - NAMES:,} more, see --verbose", width)
    if changed := [model for model in asked if model.note] if each else ():
        yield from _said("to fit", "", width)
        for model in changed:
            yield from _said("", f"- {one_line(model.model)}: {one_line(model.note)}", width)


def _each(models: Sequence[PlannedModel], width: int) -> Iterator[str]:
    heads = (
        Column("model", flexible=True, least=16),
        Column("tokens", right=True),
        Column("room", right=True),
        Column("asked"),
        Column("calls", right=True),
        Column("expected", right=True),
        Column("at most", right=True),
        Column("done in", right=True),
    )
    rows = [
        (
            one_line(model.model),
            short(model.tokens),
            "?" if model.room is None else short(model.room),
            model.how,
            f"{model.calls:,}",
            "free" if model.free else "?" if model.expected is None else money(model.expected),
            "" if model.free else money(model.most),
            "" if model.seconds is None else span(model.seconds),
        )
        for model in models
    ]
    yield from _table(heads, rows, width, margin=2)  # names are long


def _classes(models: Sequence[PlannedModel], width: int) -> Iterator[str]:
    """Hundreds of models by their room: as many rows as there are orders of it."""
    grouped: dict[tuple[int, str], list[PlannedModel]] = {}
    for model in models:
        place = -1 if model.room is None else bisect_right(_ROOMS, model.room)
        grouped.setdefault((place, model.how), []).append(model)
    heads = (
        Column("room"),
        Column("models", right=True),
        Column("prompt in tokens", right=True),
        Column("asked"),
        Column("calls", right=True),
        Column("at most", right=True),
        Column("done in", right=True),
    )
    rows = [
        (
            _room(place),
            f"{len(group):,}",
            _between(min(model.tokens for model in group), max(model.tokens for model in group)),
            how,
            f"{sum(model.calls for model in group):,}",
            "free" if all(model.free for model in group) else money(sum(model.most for model in group)),
            span(max(model.seconds or 0.0 for model in group)),
        )
        for (place, how), group in sorted(grouped.items(), reverse=True)
    ]
    yield from _table(heads, rows, width)


def _room(place: int) -> str:
    if place < 0:
        return "not known"
    if place == 0:
        return f"below {_ROOMS[0] // 1024}k"
    least = _ROOMS[place - 1] // 1024
    return f"from {least}k" if least < 1024 else f"from {least // 1024}M"


def _between(least: int, most: int) -> str:
    return short(least) if short(least) == short(most) else f"{short(least)} to {short(most)}"


# --- money and time ---


def _money(plan: Plan, width: int) -> Iterator[str]:
    asked = plan.asked
    free = sum(model.free for model in asked)
    if free == len(asked):
        yield from _said("cost", "nothing: all models are free" if asked else "nothing", width)
        return
    said = f"about {money(plan.expected)} with usual answers, {money(plan.most)} set aside at most"
    if free:
        said += f"; {plural(free, 'model')} free"
    if plan.unpriced:
        priced = f"{plural(plan.unpriced, 'model')} of unknown price"
        said += f"; {priced} not in the first figure, and at the price of budget.unknown_price in the second"
    yield from _said("cost", said, width)


def _time(plan: Plan, width: int, *, verbose: bool) -> Iterator[str]:
    said = f"about {span(plan.seconds)}"
    if plan.limits:
        said += f" with the limits in force, {span(plan.unlimited)} without"
    yield from _said("time", said, width)
    shown = plan.limits if verbose else plan.limits[:LIMITS]
    for number, each in enumerate(shown):
        name = _place(each.scope)
        told = f"{name}: {each.limit}, so {span(each.seconds)} for {plural(each.calls, 'call')}"
        yield from _said("narrowest" if not number else "", told, width)
    if rest := len(plan.limits) - len(shown):
        yield from _said("", f"and {plural(rest, 'wider limit')}", width)
    if plan.late and plan.deadline is not None:
        named = ", ".join(map(one_line, plan.late if verbose else plan.late[:NAMES]))
        more = "" if verbose or len(plan.late) <= NAMES else f" and {len(plan.late) - NAMES:,} more"
        told = f"{plural(len(plan.late), 'model')} would not have answered after {span(plan.deadline)}: "
        yield from _said("too late", f"{told}{named}{more}; raise --deadline, or ask fewer", width)
    if day := sum((model.seconds or 0.0) > _DAY for model in plan.asked):
        yield from _said("not today", f"{plural(day, 'model')} would answer after a day or later", width)


def _place(scope: Scope) -> str:
    """As people call it: most providers have one account."""
    if scope.kind in {"provider", "account"}:
        return one_line(scope.name.removesuffix("/main"))
    return one_line(str(scope))


_DAY = 86_400.0


def span(value: float) -> str:
    """A duration, roughly where it is long: `8.4 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`."""
    if value < 3_600:
        return seconds(value)
    if value < _DAY:
        hours, rest = divmod(round(value / 60), 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    days, rest = divmod(round(value / 3_600), 24)
    return f"{days} d {rest} h" if rest else f"{days} d"


def _notes(plan: Plan, width: int) -> Iterator[str]:
    for number, note in enumerate(plan.notes):
        yield from _said("" if number else "note", f"- {one_line(note)}", width)
