"""Options of `panvox ask` about how calls are made: limits, stand-ins, money, the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter

from panvox.catalog.sources import sources
from panvox.errors import UsageError
from panvox.limits.configured import Overrides, parse_provider_concurrency, parse_provider_rpm
from panvox.settings import Settings

_GROUP = Group("Limits and stand-ins", sort_key=3)


@Parameter(name="*", group=_GROUP)
@dataclass(frozen=True, kw_only=True)
class CallOptions:
    """How the calls are made."""

    provider_rpm: Annotated[
        tuple[str, ...],
        Parameter(
            name="--provider-rpm",
            metavar="PROVIDER:COUNT",
            negative="",
            show_default=False,
            help="Requests a minute that a provider is sent at most, such as openai:1000,gemini:60; in place "
            "of what is set and what ships.",
        ),
    ] = ()
    provider_concurrency: Annotated[
        tuple[str, ...],
        Parameter(
            name="--provider-concurrency",
            metavar="PROVIDER:COUNT",
            negative="",
            show_default=False,
            help="Calls that are on their way to a provider at once, at most.",
        ),
    ] = ()
    preferred: Annotated[
        str | None,
        Parameter(
            metavar="MODEL",
            help="Ask this model alone; when it cannot answer, those of --models stand in, in their order, "
            "else models like it.",
        ),
    ] = None
    chain: Annotated[
        str | None,
        Parameter(
            metavar="NAME",
            help="Ask one model after the other until one answers: a chain of fallback.chains, or the "
            "shipped `default` or `reflexion`.",
        ),
    ] = None
    fallback: Annotated[
        bool,
        Parameter(
            name="--fallback",
            negative="--no-fallback",
            show_default=False,
            help="Whether another model may answer when one cannot: the same weights at another provider.",
        ),
    ] = True

    def overrides(self, settings: Settings) -> Overrides:
        """The limits that are named. Raises `UsageError` for what is none, and for unknown providers."""
        known = [source.provider for source in sources(settings)]
        return Overrides(
            requests=parse_provider_rpm(self.provider_rpm, known=known),
            slots=parse_provider_concurrency(self.provider_concurrency, known=known),
        )

    def again(self) -> Iterator[str]:
        """The same options, to be given to another process."""
        yield from (f"--provider-rpm={text}" for text in self.provider_rpm)
        yield from (f"--provider-concurrency={text}" for text in self.provider_concurrency)
        if self.preferred:
            yield f"--preferred={self.preferred}"
        if self.chain:
            yield f"--chain={self.chain}"
        if not self.fallback:
            yield "--no-fallback"

    def check(self, models: Sequence[str]) -> None:
        """Raise `UsageError` for what contradicts itself."""
        for option, name in (("--preferred", self.preferred), ("--chain", self.chain)):
            if name is not None and not name.strip():
                raise UsageError(f"{option} {name!r} names nothing; leave it out, or give it a name")
        if self.chain and self.preferred:
            raise UsageError(
                "--chain names who is asked first and --preferred does too: leave out one of them"
            )
        if self.chain and models:
            raise UsageError("--chain names its models itself: leave out --models")
        if self.chain and not self.fallback:
            raise UsageError("--chain is about models that stand in: leave out --no-fallback")
