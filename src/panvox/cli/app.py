"""The front door: the table of commands, the front page, and the edge where errors become sentences.

What is imported here at the top loads in a few milliseconds: the front page has to come at once. Cyclopts,
rich and everything behind the commands take up to a second of CPU and load when a command is called.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from panvox.cli import outlet

if TYPE_CHECKING:
    from cyclopts import App
    from cyclopts.exceptions import CycloptsError


class Command(NamedTuple):
    """A command, where its function is, what it does in a line, and what comes before its options."""

    name: str
    target: str
    summary: str
    arguments: str = ""

    @property
    def options(self) -> dict[str, str]:
        """What cyclopts has to know; a command with commands of its own tells it by itself."""
        if self.target.endswith(":app"):
            return {}
        return {"usage": " ".join(filter(None, ("panvox", self.name, self.arguments, "[OPTIONS]")))}


COMMANDS = (
    Command(
        "ask",
        "panvox.cli.ask:ask",
        "Ask every model at once; one answer, the groups behind it, a ledger.",
        "[PROMPT]",
    ),
    Command(
        "review",
        "panvox.cli.review:review",
        "Let every model review files: a folder with all reviews, and what they amount to.",
        "[PATH…]",
    ),
    Command(
        "models", "panvox.cli.models:app", "List the models that can be asked, and what is known of them."
    ),
    Command(
        "providers",
        "panvox.cli.providers:providers",
        "List the providers that are asked, and how each stands.",
    ),
    Command("keys", "panvox.cli.keys:app", "List the keys that are used, and test whether they work."),
    Command("limits", "panvox.cli.limits:app", "Show the limits that hold: set, learnt, and what is used."),
    Command(
        "instructions",
        "panvox.cli.instructions:app",
        "List and show the sets of instructions for reviews, shipped and your own.",
    ),
    Command("runs", "panvox.cli.runs:runs", "List earlier runs."),
    Command("show", "panvox.cli.runs:show", "Show a run again: every answer, every failure.", "[RUN]"),
    Command(
        "feedback",
        "panvox.cli.feedback:feedback",
        "Tell which answers of a run were right; votes of models move by it.",
        "[RUN]",
    ),
    Command(
        "judge",
        "panvox.cli.judge:judge",
        "Decide a stored run anew, by other rules or by judges; its models are not asked again.",
        "[RUN]",
    ),
    Command("costs", "panvox.cli.costs:costs", "Show what was spent, on what, and how the limits stand."),
    Command(
        "evaluate",
        "panvox.cli.evaluate:evaluate",
        "Measure how good the answers are on recorded ones, beside simpler ways.",
        "DATASET",
    ),
    Command(
        "learn",
        "panvox.cli.learn:learn",
        "Learn how far each model can be trusted, from recorded answers or runs.",
        "DATASET|RUN…",
    ),
    Command("weights", "panvox.cli.weights:app", "Show, export, import or reset what was learnt of models."),
    Command(
        "doctor",
        "panvox.cli.doctor:doctor",
        "Check that everything works, with a real answer from each provider.",
    ),
    Command("init", "panvox.cli.init:init", "Write a settings file with every setting explained."),
    Command("local", "panvox.cli.local:app", "Install and inspect the model on this machine."),
    Command(
        "simulate", "panvox.cli.simulate:simulate", "Serve a fleet of pretended providers on this machine."
    ),
)

_PAGE = """\
panvox asks every model at once and gives one answer you can trust.

Usage: panvox COMMAND

  panvox ask "What is the capital of France?"
  panvox ask --models 'openai/*,ollama/*' --wait fast --file question.txt
  git diff | panvox ask "What could go wrong here?"

Commands:
{commands}

Options:
  -h, --help     Show this page, or with a command all its options.
  --version      Show the version.
  --traceback    With a command: show where an unexpected error came from.

Exit codes: 0 answered, 1 nothing answered, 2 wrong usage, 3 partial where not allowed, 130 interrupted.
"""


def front_page() -> str:
    """What `panvox --help` prints."""
    return _PAGE.format(commands="\n".join(f"  {c.name:<13}{c.summary}" for c in COMMANDS))


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 answered, 1 nothing, 2 usage, 3 partial, 130 interrupted."""
    outlet.install()
    # Before an event loop is there to hear it, SIGTERM ends a command as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code. Whatever goes wrong becomes a sentence on standard error."""
    verbose = "--traceback" in arguments[: _options_end(arguments)]
    if verbose:
        arguments.remove("--traceback")
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - the edge of the process
        return _complain(error, verbose=verbose)
    return code


def _options_end(arguments: list[str]) -> int:
    return arguments.index("--") if "--" in arguments else len(arguments)


def _dispatch(arguments: list[str]) -> int:
    match arguments:
        case [] | ["-h"] | ["--help"]:
            sys.stdout.write(front_page())
            return 0
        case ["--version"]:
            print(_version())
            return 0
        case _:
            return _call(arguments)


def _call(arguments: list[str]) -> int:
    from cyclopts.exceptions import CycloptsError  # noqa: PLC0415 - see above

    first = arguments[0]
    if first not in {command.name for command in COMMANDS}:
        return _usage(_unknown_command(first))
    try:
        code = build()(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return _usage(_sentence(error, first))
    return code if isinstance(code, int) else 0


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - see above

    return f"panvox {version('panvox')}"


def build() -> App:
    """The commands with all their options, each loaded when it is called."""
    from cyclopts import App, Group  # noqa: PLC0415 - see above

    from panvox.cli.pages import Pages  # noqa: PLC0415

    app = App(
        name="panvox",
        help="panvox asks every model at once and gives one answer you can trust.",
        version=_version,
        help_formatter=Pages(),
        group_parameters=Group("Options", sort_key=0),  # before the groups that a command adds
        help_format="plaintext",
        result_action="return_value",
    )
    for command in COMMANDS:
        app.command(command.target, name=command.name, help=command.summary, **command.options)
    return app


# --- errors ----------------------------------------------------------------------------------------


def _unknown_command(word: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - see above

    if word.startswith("-"):
        return f"there is no option {word} without a command; panvox --help lists what there is"
    if " " in word:
        return f'to ask something, put `ask` before it: panvox ask "{word[:60]}"'
    near = get_close_matches(word, [command.name for command in COMMANDS], n=1)
    meant = f"did you mean {near[0]}?" if near else "panvox --help lists them"
    return f"there is no command {word!r}; {meant}"


def _sentence(error: CycloptsError, command: str) -> str:
    from cyclopts.exceptions import UnusedCliTokensError  # noqa: PLC0415 - see above

    said = str(error)
    if isinstance(error, UnusedCliTokensError):
        said = (
            f"too many arguments: {' '.join(error.unused_tokens or ())}; put quotes around text with spaces"
        )
    return f"{said[:1].lower()}{said[1:]}\n  panvox {command} --help lists what there is"


def _usage(message: str) -> int:
    _say(message)
    return 2


def _say(message: str) -> None:
    """Write what went wrong; in a terminal its lines are broken between words."""
    lines = f"panvox: {message}".split("\n")
    if sys.stderr.isatty():
        import shutil  # noqa: PLC0415 - only for this
        import textwrap  # noqa: PLC0415

        wrapper = textwrap.TextWrapper(
            max(40, shutil.get_terminal_size().columns),
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines = [piece for line in lines for piece in wrapper.wrap(line) or [""]]
    print("\n".join(lines), file=sys.stderr)


def _complain(error: Exception, *, verbose: bool) -> int:
    from panvox.cli.text import clean, one_line  # noqa: PLC0415 - see above
    from panvox.errors import PanvoxError, UsageError  # noqa: PLC0415

    if verbose:
        sys.stderr.write(clean("".join(traceback.format_exception(error))))
    if isinstance(error, PanvoxError):
        _say(clean(str(error)))
        return 2 if isinstance(error, UsageError) else 1
    # What cannot be loaded is wrapped by cyclopts; the reason is underneath.
    root = error.__cause__ if isinstance(error, ImportError) and error.__cause__ else error
    print(
        f"panvox: an unexpected error: {type(root).__name__}: {one_line(str(root))[:500]}\n"
        "  This is a defect in panvox: run the command again with --traceback and report what it prints.",
        file=sys.stderr,
    )
    return 1
