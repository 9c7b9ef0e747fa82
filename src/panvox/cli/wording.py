"""What a verdict says, in words: pieces of sentences that the report and the live view share.

Every function gives an empty text where nothing is known, as of runs that an earlier version kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len, set_cell_size

from panvox.cli.text import one_line, shorten
from panvox.figures import money, percent, plural, seconds, votes
from panvox.verdicts import Feedback, Group, Outlook, Saved, Verdict

NAMES_SHOWN = 3
SCATTERED = 0.2
"""A share of the vote below which the largest group of free texts says nothing of the others."""

_LEVELS = (
    (0.98, "almost certain"),
    (0.9, "very likely"),
    (0.7, "likely"),
    (0.5, "more likely than not"),
    (0.25, "doubtful"),
    (0.0, "very doubtful"),
)
"""From which probability on an answer is called what."""


def sure(verdict: Verdict) -> str:
    """How probable it is that the leading answer is right: `very likely, 93 % sure`."""
    if verdict.confidence is None or verdict.leading is None:
        return ""
    word = next(word for least, word in _LEVELS if verdict.confidence >= least)
    about = "" if verdict.calibrated else "about "
    return f"{word}, {about}{percent(verdict.confidence)} sure"


def rests_on(verdict: Verdict) -> str:
    """What weights and confidence rest on, and whether that was learnt: `learnt from 180 prompts`."""
    basis = one_line(verdict.basis)
    if verdict.confidence is None:
        return f"counted by {basis}" if basis else ""
    if verdict.calibrated:
        return f"learnt from {basis or 'answers with known truth'}"
    return f"estimated from {basis}" if basis else "estimated, not learnt from known answers"


def supporters(group: Group, *, noun: str = "model") -> str:
    """Who stands behind an answer: `31 models, 12 lineages`; lineages only where some are shared.

    `noun` is "sample" where all are of one model.
    """
    models = plural(len(group.members), noun)
    if noun != "model" or group.lineages in (0, len(group.members)):
        return models
    return f"{models}, {plural(group.lineages, 'lineage')}"


def few_alike(verdict: Verdict) -> bool:
    """Whether the answers are free texts of which hardly any two are the same: no group stands for them."""
    leading = verdict.leading
    return leading is not None and not leading.extracted and leading.share < SCATTERED


def support(verdict: Verdict) -> str:
    """How much of the vote leads, and from whom: `71 % of 17.3 votes from 31 models, 12 lineages`."""
    leading = verdict.leading
    if leading is None or len(leading.members) < 2 or few_alike(verdict):
        return ""
    given = votes(sum(group.votes for group in verdict.groups))
    return f"{percent(leading.share)} of {given} from {supporters(leading)}"


def independent(verdict: Verdict) -> str:
    """How many independent votes all the answers are worth; empty where copies took nothing away."""
    effective = verdict.effective
    if effective is None or verdict.answered < 2 or round(effective, 1) >= verdict.answered:
        return ""
    return f"{plural(verdict.answered, 'answer')} worth {independent_votes(effective)}"


def independent_votes(effective: float) -> str:
    """`6.2 independent votes`."""
    return votes(effective).replace(" vote", " independent vote")


def runner_up(verdict: Verdict) -> str:
    """The largest minority: `then Sydney with 22 %`; empty where there is none that can be read."""
    if len(verdict.groups) < 2 or not verdict.groups[1].extracted:
        return ""
    second = verdict.groups[1]
    return f"then {shorten(one_line(second.answer), 24)} with {percent(second.share)}"


def still_open(outlook: Outlook | None) -> str:
    """What those who have not ended could still change."""
    if outlook is None:
        return ""
    change = one_line(outlook.change)
    match outlook.state:
        case "certain":
            return change or "nobody who is open can change that"
        case "likely":
            change = change or "those who are open could change that"
            return f"{change} (at most {percent(outlook.risk)} likely)"
        case "open":
            return change or (f"those who are open have {votes(outlook.votes)}" if outlook.votes else "")


def could_have_changed(verdict: Verdict) -> str:
    """What those who were not waited for could have changed; empty where all were."""
    outlook = verdict.outlook
    if outlook is None or outlook.state != "certain" or outlook.change:
        return still_open(outlook)
    return "those not waited for could not have changed it" if verdict.saved and verdict.saved.calls else ""


def not_spent(saved: Saved | None) -> str:
    """What was saved because the rest was not waited for: `17 calls, $0.042, about 35 s`."""
    if saved is None or not (saved.calls or saved.money or saved.seconds):
        return ""
    parts = [plural(saved.calls, "call")] if saved.calls else []
    parts += [money(saved.money)] if saved.money else []
    parts += [f"about {seconds(saved.seconds)}"] if saved.seconds else []
    return ", ".join(parts)


def told(said: Feedback) -> str:
    """What a user told of a turn."""
    words = shorten(one_line(said.said), 60)
    match said.kind:
        case "best":
            return f"{words} was right"
        case "bad":
            return f"{words} was wrong"
        case "answer":
            return f"the right answer is {words}"
        case "undo":
            return "taken back"


# --- in the room there is ---------------------------------------------------------------------------


def fit(text: str, cells: int) -> str:
    """`text` in exactly `cells` cells, cut with an ellipsis or filled up."""
    if cell_len(text) > cells:
        text = set_cell_size(text, max(0, cells - 1)).rstrip() + "…"
    return set_cell_size(text, cells)


def flowed(parts: Iterable[str], width: int) -> Iterator[str]:
    """`parts` that are not empty on as few lines as they need, broken only between two of them."""
    line = ""
    for part in filter(None, parts):
        if line and cell_len(line) + 3 + cell_len(part) > width:
            yield line
            line = part
        else:
            line = f"{line} · {part}" if line else part
    if line:
        yield line


def names(of: Sequence[str], width: int) -> str:
    """As many names as fit, the first one cut if it must be, and how many more there are."""
    shown: list[str] = []
    for name in map(one_line, of[:NAMES_SHOWN]):
        if shown and cell_len(", ".join([*shown, name])) > width - len(" and 1,000 more"):
            break
        shown.append(name)
    more = len(of) - len(shown)
    rest = f" and {more:,} more" if more else ""
    if len(shown) == 1 and cell_len(shown[0]) + len(rest) > width:
        shown = [cut_name(shown[0], max(8, width - len(rest)))]
    return ", ".join(shown) + rest


def cut_name(name: str, cells: int) -> str:
    """A name without its middle, where it does not fit."""
    short = shorten(name, cells)
    return short if cell_len(short) <= cells else fit(short, cells).rstrip()


def some_names(of: Sequence[str], width: int) -> str:
    """As many names as fit, the first one cut if it must be, where their number stands beside them."""
    shown: list[str] = []
    for name in map(one_line, of):
        if shown and cell_len(", ".join([*shown, name])) > width - len(", …"):
            break
        shown.append(name if shown else cut_name(name, width - len(", …")))
    return ", ".join([*shown, "…"] if len(shown) < len(of) else shown)
