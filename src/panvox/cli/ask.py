"""`panvox ask`: one prompt, every model, one answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from cyclopts import Group, Parameter

import panvox
from panvox.cli.asking_options import CallOptions
from panvox.cli.background import ask_in_background
from panvox.cli.judging_options import JudgingOptions
from panvox.cli.options import (
    SettingsFile,
    check_tag,
    dollars_of,
    load_settings,
    warn,
    with_budget,
    without_store,
)
from panvox.cli.process import Interrupts, run
from panvox.cli.prompt import read_prompt
from panvox.cli.reader import Afterwards, Manner, read
from panvox.compose.judging import Judging
from panvox.compose.keys import key_warnings
from panvox.curation.expect import Expect
from panvox.curation.rules import Method, parse_expect, parse_method
from panvox.errors import UsageError
from panvox.messages import Prompt
from panvox.settings import Settings
from panvox.waiting import Stop, parse_stop, parse_wait

_VERDICT = Group("Verdict", sort_key=1)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """How to ask, and what to show."""

    file: Annotated[
        str | None,
        Parameter(
            name=("--file", "-f"),
            metavar="PATH",
            allow_leading_hyphen=True,
            help="Read the prompt from this file, below PROMPT if both are given.",
        ),
    ] = None
    stdin: Annotated[
        bool,
        Parameter(
            name=("--stdin", "-"),
            negative="",
            show_default=False,
            help="Read standard input even where it is a terminal; Ctrl-D ends it.",
        ),
    ] = False
    models: Annotated[
        tuple[str, ...],
        Parameter(
            name=("--models", "-m"),
            metavar="PATTERN",
            negative="",
            show_default=False,
            help="Ask these models: names, globs such as 'openai/*', panels such as @fast, exclusions such "
            "as '!*mini*'; repeat the option or put commas between. Without it: run.models of the settings, "
            "else all that are free and some that are not.",
        ),
    ] = ()
    wait: Annotated[
        str | None,
        Parameter(
            metavar="POLICY",
            help="How long to wait: all, first, first:COUNT, deadline:SECONDS, quorum, quorum:SHARE, fast or "
            "fast:SECONDS. Without it: run.wait of the settings.",
        ),
    ] = None
    stop: Annotated[
        str | None,
        Parameter(
            group=_VERDICT,
            metavar="RULE",
            help="Whether to end once the answer is decided: never, certain (the rest cannot change it), "
            "likely or likely:RISK (it would with a probability of at most RISK). Without it: run.stop.",
        ),
    ] = None
    deadline: Annotated[
        float | None,
        Parameter(
            metavar="SECONDS", help="End after so many seconds, with what there is. Without it: run.deadline."
        ),
    ] = None
    cascade: Annotated[
        bool | None,
        Parameter(
            name="--cascade",
            group=_VERDICT,
            negative="--no-cascade",
            show_default=False,
            help="Ask in waves, free models first, then the cheap ones, and dearer ones only while the "
            "answer is not sure enough (run.cascade_below). Without it: run.cascade.",
        ),
    ] = None
    expect: Annotated[
        str | None,
        Parameter(
            group=_VERDICT,
            metavar="KIND",
            help="The kind of answer: number, choice, yes-no, date, literal, code, json, short or text. "
            "Without it: what the prompt seems to ask for.",
        ),
    ] = None
    method: Annotated[
        str | None,
        Parameter(
            group=_VERDICT,
            metavar="NAME",
            help="How the answer that wins is found: weighted, majority, multi-factor, medoid or judge. "
            "Without it: run.method.",
        ),
    ] = None
    system: Annotated[str | None, Parameter(metavar="TEXT", help="A system message before the prompt.")] = (
        None
    )
    max_tokens: Annotated[
        int | None,
        Parameter(metavar="COUNT", help="Tokens of an answer at most. Without it: run.max_tokens."),
    ] = None
    budget: Annotated[
        str | None,
        Parameter(
            metavar="USD",
            allow_leading_hyphen=True,
            help="Spend so many US dollars on this prompt at most; 0 asks free models only. Without it: "
            "budget.run.",
        ),
    ] = None
    tag: Annotated[
        str | None,
        Parameter(metavar="NAME", help="What this is for: limits and costs are kept by tag."),
    ] = None
    again: Annotated[
        bool,
        Parameter(
            name=("--continue", "-c"),
            negative="",
            show_default=False,
            help="Continue the last run: its models, unless --models says otherwise, know what was said.",
        ),
    ] = False
    run: Annotated[
        str | None, Parameter(metavar="RUN", help="Continue this run; its id, or as much of it as is unique.")
    ] = None
    background: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Show what there is when the wait policy (fast or fast:SECONDS) is met; the rest goes on in "
            "the background and completes the run.",
        ),
    ] = False
    full: Annotated[
        bool, Parameter(negative="", show_default=False, help="Show every answer in full as well.")
    ] = False
    explain: Annotated[
        bool,
        Parameter(
            group=_VERDICT, negative="", show_default=False, help="Show what each answer counted, and why."
        ),
    ] = False
    quiet: Annotated[
        bool,
        Parameter(
            name=("--quiet", "-q"), negative="", show_default=False, help="Show the answer and nothing else."
        ),
    ] = False
    json: Annotated[
        bool,
        Parameter(negative="", show_default=False, help="Write every event of the run as a line of JSON."),
    ] = False
    partial_ok: Annotated[
        bool,
        Parameter(
            name="--partial-ok",
            negative="--no-partial",
            show_default=False,
            help="Whether some models may fail (they may); if not, the exit code is 3 when some do.",
        ),
    ] = True
    store: Annotated[
        bool,
        Parameter(name="--store", negative="--no-store", show_default=False, help="Whether to keep the run."),
    ] = True
    fresh: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Ask anew, also what was answered a while ago; the new answers take the place of the old.",
        ),
    ] = False
    settings: SettingsFile = None
    detached: Annotated[bool, Parameter(negative="", show=False)] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A prompt and how to ask it: options and settings as one. `deadline` in seconds."""

    prompt: Prompt
    models: tuple[str, ...]
    wait: str
    stop: Stop
    deadline: float
    expect: Expect | None
    method: Method
    continued: str | None
    cascade: bool | None = None
    tag: str = ""
    fresh: bool = False

    @classmethod
    def of(cls, argument: str | None, options: Options, settings: Settings) -> Question:
        """Raises `UsageError` for what cannot be meant."""
        _check(options)
        wait = options.wait or settings.run.wait
        if not parse_wait(wait).lingers and options.background:
            if options.wait:
                raise UsageError(f"--background goes with --wait fast or fast:SECONDS, not with {wait}")
            wait = "fast"
        limit = settings.run.max_prompt_bytes
        text = read_prompt(argument, options.file, from_stdin=options.stdin, limit=limit)
        return cls(
            prompt=Prompt.of(
                text, system=options.system, max_tokens=options.max_tokens or settings.run.max_tokens
            ),
            models=options.models,
            wait=wait,
            stop=parse_stop(settings.run.stop if options.stop is None else options.stop),
            expect=parse_expect(options.expect) if options.expect is not None else None,
            method=parse_method(settings.run.method if options.method is None else options.method),
            cascade=options.cascade,
            deadline=options.deadline or settings.run.deadline,
            continued=options.run or ("last" if options.again else None),
            tag=options.tag or "",
            fresh=options.fresh,
        )


def _check(options: Options) -> None:
    if options.deadline is not None and not 0 < options.deadline < float("inf"):
        raise UsageError(f"--deadline {options.deadline:g} is not a number of seconds greater than 0")
    if options.max_tokens is not None and options.max_tokens < 1:
        raise UsageError(f"--max-tokens {options.max_tokens} is not a number greater than 0")
    if options.json and (options.quiet or options.full):
        raise UsageError("--json writes everything there is: leave out --quiet and --full")
    if options.explain and options.quiet:
        raise UsageError("--quiet shows the answer and nothing else: leave out --explain")
    if options.background and (options.json or not options.store):
        with_this = "--json" if options.json else "--no-store"
        raise UsageError(f"--background completes the run in the store: leave out {with_this}")
    if options.again and options.run:
        raise UsageError("--continue is the last run and --run is another: leave out one of them")
    check_tag(options.tag)


def ask(
    prompt: Annotated[
        str | None,
        Parameter(
            help="What to ask. Text that is piped in goes below it. Put -- before a prompt that begins with "
            "a hyphen."
        ),
    ] = None,
    /,
    *,
    options: Options = Options(),
    calls: CallOptions = CallOptions(),  # noqa: B008 - frozen
    judges: JudgingOptions = JudgingOptions(),  # noqa: B008 - frozen
) -> int:
    """Ask every model at once; one answer, the groups behind it, a ledger."""
    calls.check(options.models)
    settings = load_settings(options.settings)
    if options.budget is not None:
        settings = with_budget(settings, dollars_of(options.budget))
    question = Question.of(prompt, options, settings)
    judging = judges.judging(question.method)
    manner = Manner(
        json=options.json,
        quiet=options.quiet,
        full=options.full,
        explain=options.explain,
        partial_ok=options.partial_ok,
        deadline=question.deadline,
        afterwards=_afterwards(options),
    )
    if options.background:
        child = [*_options_of_child(options, question), *calls.again(), *judges.again()]
        return run(lambda interrupts: ask_in_background(child, question.prompt.question, manner, interrupts))
    kept = settings if options.store else without_store(settings)
    return run(lambda interrupts: _ask(question, kept, calls, judging, manner, interrupts))


def _afterwards(options: Options) -> Afterwards:
    if options.background:
        return Afterwards.LEAVE
    return Afterwards.STAY if options.detached else Afterwards.STOP


async def _ask(
    question: Question,
    settings: Settings,
    calls: CallOptions,
    judging: Judging | None,
    manner: Manner,
    interrupts: Interrupts,
) -> int:
    async with panvox.open(settings, overrides=calls.overrides(settings)) as session:
        catalogue = await session.catalogue()
        warn(problem.message for problem in catalogue.problems)
        warn(key_warnings(settings))
        async with (
            session.run(
                models=question.models,
                continue_run=question.continued,
                preferred=calls.preferred,
                chain=calls.chain,
                fallback=calls.fallback,
                fresh=question.fresh,
                tag=question.tag,
                cascade=question.cascade,
                judging=judging,
            ) as conversation,
            conversation.stream(
                question.prompt,
                wait=question.wait,
                stop=question.stop,
                deadline=question.deadline,
                expect=question.expect,
                method=question.method,
            ) as turn,
        ):
            # The report is written before the turn is left: what follows may take its time.
            manner = replace(manner, kept=session.store.problem is None)
            code = await read(conversation.judged(turn), manner, interrupts)
        if settings.store.enabled:
            warn(filter(None, [session.store.problem, conversation.problem]))
        warn(filter(None, [session.cache.problem]))
    warn(session.notes.untold)
    return code


def _options_of_child(options: Options, question: Question) -> list[str]:
    """The options of the process in the background; all but the prompt, which never is on a command line."""
    child = [f"--wait={question.wait}", f"--deadline={question.deadline}"]
    child += [f"--models={pattern}" for pattern in question.models]
    for name, value in (
        ("--stop", options.stop),
        ("--expect", options.expect),
        ("--method", options.method),
        ("--system", options.system),
        ("--max-tokens", options.max_tokens),
        ("--run", question.continued),
        ("--settings", options.settings),
        ("--budget", options.budget),
        ("--tag", options.tag),
    ):
        child += [] if value is None else [f"{name}={value}"]
    if options.cascade is not None:
        child.append("--cascade" if options.cascade else "--no-cascade")
    return [*child, "--fresh"] if options.fresh else child
