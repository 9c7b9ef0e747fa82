"""Options of `panvox review`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from panvox.cli.options import SettingsFile, check_tag
from panvox.errors import UsageError
from panvox.limits.configured import Overrides, parse_provider_concurrency, parse_provider_rpm
from panvox.review.brief import Screening
from panvox.review.gathering import Bounds, Wanted
from panvox.settings import Settings

_FILES = Group("What is reviewed", sort_key=1)
_SECRETS = Group("Secrets", sort_key=2)
_MODELS = Group("Who reviews", sort_key=3)
_LIMITS = Group("Limits", sort_key=4)
_SHOWN = Group("What is shown", sort_key=5)


@Parameter(name="*", group=_FILES)
@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """What is reviewed besides the paths."""

    stdin: Annotated[
        bool,
        Parameter(name=("--stdin", "-"), negative="", show_default=False, help="Review standard input."),
    ] = False
    diff: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Review a git diff: what is not committed, of PATH alone where it is given.",
        ),
    ] = False
    range: Annotated[
        tuple[str, ...],
        Parameter(
            metavar="REVISIONS",
            negative="",
            show_default=False,
            help="Review what `git diff` says of these, of PATH alone where it is given: main..HEAD, HEAD~3.",
        ),
    ] = ()
    include: Annotated[
        tuple[str, ...],
        Parameter(
            metavar="PATTERN",
            negative="",
            show_default=False,
            help="Of folders only files that this means, as in a .gitignore: '*.py', 'src/**'.",
        ),
    ] = ()
    exclude: Annotated[
        tuple[str, ...],
        Parameter(
            metavar="PATTERN", negative="", show_default=False, help="Leave out files that this means."
        ),
    ] = ()
    ignored: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Review what .gitignore leaves out, too; .panvoxignore always holds.",
        ),
    ] = False

    def wanted(self, paths: tuple[str, ...], stdin: bytes | None) -> Wanted:
        """What is to be gathered."""
        return Wanted(
            paths=paths,
            stdin=stdin,
            diffs=(*([""] if self.diff else []), *self.range),
            include=self.include,
            exclude=self.exclude,
            ignored=self.ignored,
        )

    @property
    def given(self) -> bool:
        """Whether any of them says what to review."""
        return self.stdin or self.diff or bool(self.range)


@Parameter(name="*", group=_SECRETS)
@dataclass(frozen=True, kw_only=True)
class SecretOptions:
    """What is done about what looks like a secret: nothing goes out unless one of these says so."""

    mask_secrets: Annotated[
        bool,
        Parameter(
            negative="", show_default=False, help="Put a word in the place of what looks like a secret."
        ),
    ] = False
    allow_secret: Annotated[
        tuple[str, ...],
        Parameter(
            metavar="MARK",
            negative="",
            show_default=False,
            help="This is no secret: the mark that was shown for it, or its place, PATH or PATH:LINE.",
        ),
    ] = ()
    allow_secrets: Annotated[
        bool, Parameter(negative="", show_default=False, help="Do not look for secrets at all.")
    ] = False

    @property
    def screening(self) -> Screening:
        """What they say."""
        return Screening(mask=self.mask_secrets, allowed=self.allow_secret, everything=self.allow_secrets)


@Parameter(name="*", group=_MODELS)
@dataclass(frozen=True, kw_only=True)
class ReviewerOptions:
    """Who reviews, and who puts the reviews together."""

    model: Annotated[
        tuple[str, ...],
        Parameter(
            metavar="NAME",
            negative="",
            show_default=False,
            help="Ask this model; repeat it for more. With --resume, ask it besides the earlier ones.",
        ),
    ] = ()
    models: Annotated[
        tuple[str, ...],
        Parameter(
            name=("--models", "-m"),
            metavar="PATTERN",
            negative="",
            show_default=False,
            help="Ask these: globs, panels, exclusions, as with `panvox ask`. Without any: run.models, else "
            "all that are free and some that are not.",
        ),
    ] = ()
    all_models: Annotated[
        bool, Parameter(negative="", show_default=False, help="Ask every model that there is.")
    ] = False
    synthesis_model: Annotated[
        str | None,
        Parameter(
            metavar="NAME",
            help="Who puts all reviews together. Without it: judge.synthesis_model, else the strongest free "
            "model that is asked.",
        ),
    ] = None
    synthesis: Annotated[
        bool,
        Parameter(
            name="--synthesis",
            negative="--no-synthesis",
            show_default=False,
            help="Whether anybody does.",
        ),
    ] = True
    oversize: Annotated[
        Literal["skip", "split", "summarise", "truncate"] | None,
        Parameter(
            metavar="WAY",
            help="Where the files are too large for a model: skip it, split them, let it summarise them "
            "first, or truncate them. Without it: review.oversize.",
        ),
    ] = None
    max_tokens: Annotated[
        int | None,
        Parameter(metavar="COUNT", help="Tokens of a review at most. Without it: review.max_tokens."),
    ] = None
    fallback: Annotated[
        bool,
        Parameter(
            name="--fallback",
            negative="--no-fallback",
            show_default=False,
            help="Whether the same weights at another provider may review when one cannot.",
        ),
    ] = True
    fresh: Annotated[
        bool,
        Parameter(negative="", show_default=False, help="Ask anew, also what was answered a while ago."),
    ] = False

    @property
    def patterns(self) -> tuple[str, ...]:
        """The models that are meant; empty for the usual ones. Raises `UsageError`."""
        if self.all_models and (self.model or self.models):
            raise UsageError("--all-models asks every model: leave out --model and --models")
        return ("*",) if self.all_models else (*self.model, *self.models)

    @property
    def writer(self) -> str | None:
        """Who writes the synthesis: "" for the usual one, None for nobody. Raises `UsageError`."""
        if self.synthesis_model is not None and not self.synthesis_model.strip():
            raise UsageError("--synthesis-model names nobody; leave it out, or give it a name")
        if self.synthesis_model is not None and not self.synthesis:
            raise UsageError("--no-synthesis and --synthesis-model contradict each other: leave out one")
        return (self.synthesis_model or "") if self.synthesis else None


@Parameter(name="*", group=_LIMITS)
@dataclass(frozen=True, kw_only=True)
class LimitOptions:
    """Time, money, and how fast."""

    deadline: Annotated[
        float | None,
        Parameter(
            metavar="SECONDS",
            help="End after so many seconds, with what there is. Without it: review.deadline.",
        ),
    ] = None
    budget: Annotated[
        str | None,
        Parameter(
            metavar="USD",
            allow_leading_hyphen=True,
            help="Spend so many US dollars at most; 0 asks free models only. Without it: budget.run.",
        ),
    ] = None
    tag: Annotated[
        str | None,
        Parameter(metavar="NAME", help="What this is for: limits and costs are kept by tag."),
    ] = None
    provider_rpm: Annotated[
        tuple[str, ...],
        Parameter(
            metavar="PROVIDER:COUNT",
            negative="",
            show_default=False,
            help="Requests a minute that a provider is sent at most, such as openai:1000,gemini:60.",
        ),
    ] = ()
    provider_concurrency: Annotated[
        tuple[str, ...],
        Parameter(
            metavar="PROVIDER:COUNT",
            negative="",
            show_default=False,
            help="Calls that are on their way to a provider at once, at most.",
        ),
    ] = ()

    def overrides(self, settings: Settings) -> Overrides:
        """The limits that are named. Raises `UsageError` for what is none, and for unknown providers."""
        from panvox.catalog.sources import sources  # noqa: PLC0415

        known = [source.provider for source in sources(settings)]
        return Overrides(
            requests=parse_provider_rpm(self.provider_rpm, known=known),
            slots=parse_provider_concurrency(self.provider_concurrency, known=known),
        )

    def check(self) -> None:
        """Raise `UsageError` for what cannot be meant."""
        if self.deadline is not None and not 0 < self.deadline < float("inf"):
            raise UsageError(f"--deadline {self.deadline:g} is not a number of seconds greater than 0")
        check_tag(self.tag)


@Parameter(name="*", group=_SHOWN)
@dataclass(frozen=True, kw_only=True)
class ViewOptions:
    """What is shown, and where the reviews go."""

    output: Annotated[
        Path | None,
        Parameter(
            name=("--output", "-o"),
            metavar="FOLDER",
            help="Put the folder of this review into this one. Without it: review.folder, else "
            "panvox-reviews.",
        ),
    ] = None
    resume: Annotated[
        Path | None,
        Parameter(
            metavar="FOLDER",
            help="Go on with an earlier review: only models that have not answered are asked.",
        ),
    ] = None
    dry_run: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Send nothing; show what would go out, to whom, for how much and how long.",
        ),
    ] = False
    partial_success_ok: Annotated[
        bool,
        Parameter(
            negative="", show_default=False, help="Exit with 0, not 3, also where some models did not answer."
        ),
    ] = False
    quiet: Annotated[
        bool,
        Parameter(
            name=("--quiet", "-q"), negative="", show_default=False, help="Print the folder and nothing else."
        ),
    ] = False
    json: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Write every event as a line of JSON; the last one tells folder and sums.",
        ),
    ] = False
    verbose: Annotated[
        bool,
        Parameter(
            name=("--verbose", "-v"), negative="", show_default=False, help="Tell of each attempt, too."
        ),
    ] = False
    store: Annotated[
        bool,
        Parameter(
            name="--store",
            negative="--no-store",
            show_default=False,
            help="Whether to keep the run in the store as well.",
        ),
    ] = True
    settings: SettingsFile = None

    def check(self) -> None:
        """Raise `UsageError` for what contradicts itself."""
        if self.json and self.quiet:
            raise UsageError("--json writes everything there is: leave out --quiet")
        if self.quiet and self.verbose:
            raise UsageError("--quiet prints the folder and nothing else: leave out --verbose")
        if self.resume and self.output:
            raise UsageError("--resume goes on in its own folder: leave out --output")
        if self.resume and self.dry_run:
            raise UsageError("--dry-run shows a review that is new: leave out --resume")


def bounds_of(settings: Settings) -> Bounds:
    """How much is read."""
    section = settings.review
    return Bounds(file_bytes=section.max_file_bytes, bytes=section.max_bytes, files=section.max_files)
