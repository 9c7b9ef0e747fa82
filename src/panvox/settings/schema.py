"""The settings: every field with its unit, its default and what is allowed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import msgspec
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    Strict,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from panvox.settings.hosts import is_this_machine
from panvox.settings.values import (
    Ability,
    ApiAddress,
    Attempts,
    Categories,
    Dollars,
    Exemptions,
    ExistingFile,
    IsoDate,
    Jitter,
    ModelName,
    Name,
    Patterns,
    ProviderCounts,
    ProxyAddress,
    Seconds,
    Share,
    SharedAddress,
    Slots,
    SomeFile,
    Spacing,
    Stop,
    Tokens,
    Variable,
    Wait,
    Windows,
    Word,
    address_in,
)
from panvox.settings.vendors import DIALECTS, VENDORS, Vendor
from panvox.settings.ways_out import WayOut


class Section(BaseModel):
    """A part of the settings: fixed once made, strict about names and types."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,  # it may hold the password of a proxy
    )


class Run(Section):
    """How a prompt is asked when the command line does not say otherwise."""

    deadline: Seconds = Field(120.0, description="seconds that one turn may take at most")
    wait: Wait = Field("all", description="how long to wait for answers")
    stop: Stop = Field("never", description="whether to stop early once the rest cannot change the answer")
    method: Literal["weighted", "majority", "multi-factor", "medoid", "judge"] = Field(
        "weighted", description="how the answer that wins is found"
    )
    cascade: bool = Field(
        False, description="whether dearer models are asked only while cheaper ones are not sure enough"
    )
    cascade_below: Share = Field(0.8, description="confidence below which `run.cascade` asks the next models")
    max_tokens: Tokens | None = Field(
        None, description="tokens of an answer at most; left to the provider if unset"
    )
    models: Patterns = Field((), description="patterns of the models to ask")
    paid_limit: int = Field(
        25, ge=0, le=100_000, description="how many models that may cost money are asked without a selection"
    )
    max_prompt_bytes: int = Field(4 * 2**20, gt=0, le=2**30, description="bytes of a prompt at most")


class Network(Section):
    """Time limits of one call, and the way out of this machine."""

    connect_timeout: Seconds = Field(10.0, description="seconds until a connection stands")
    first_token_timeout: Seconds = Field(120.0, description="seconds until the first piece of an answer")
    idle_timeout: Seconds = Field(60.0, description="seconds between two pieces of an answer")
    total_timeout: Seconds = Field(600.0, description="seconds for a whole answer")
    proxy: ProxyAddress | None = Field(
        None, description="address of a proxy, `http://`, `https://` or `socks5://`; or `none`"
    )
    no_proxy: Exemptions = Field((), description="hosts that are reached without `network.proxy`")
    ca_file: ExistingFile | None = Field(
        None, description="path of a PEM file with certificates to trust besides the usual ones"
    )
    allow_plain_http: bool = Field(
        False, description="whether `http://` addresses beyond this machine may be asked"
    )


class Local(Section):
    """The model that runs on this machine."""

    enabled: bool = Field(True, description="whether it may be used")
    weights: ExistingFile | None = Field(
        None, description="path of a GGUF file; the installed SmolLM2 if unset"
    )
    samples: int = Field(5, ge=1, le=64, description="answers that it gives to one prompt")
    context: int = Field(
        2048, ge=128, le=1_048_576, description="tokens of prompt and answer together, for each sample"
    )
    max_tokens: Tokens = Field(512, description="tokens of an answer at most")
    threads: int | None = Field(
        None, ge=1, le=1024, description="threads to compute with; all cores but one, at most eight, if unset"
    )


class Store(Section):
    """Where runs are kept."""

    enabled: bool = Field(True, description="whether runs are kept")
    path: SomeFile | None = Field(
        None, description="path of the SQLite file; in the user's data folder if unset"
    )


class CatalogueSection(Section):
    """Which models there are, and how long that is believed."""

    max_age: Seconds = Field(
        86_400.0, description="seconds that a provider's list on the disk is believed; --refresh asks anew"
    )
    deadline: Seconds = Field(10.0, description="seconds that a provider may take for its list")
    probe_age: float = Field(
        604_800.0, gt=0, le=31_536_000, description="seconds after which what a probe found is forgotten"
    )
    offline: bool = Field(
        True, description="whether facts and prices of the catalogues that come with panvox are used"
    )
    strengths: ExistingFile | None = Field(
        None, description="path of a CSV file with measured strengths, which win over published ones"
    )


class Allowance(Section):
    """What something is allowed. What is left out is not limited here; an empty list lifts a default."""

    requests: Windows | None = Field(None, description="calls in a time, such as `20/minute`, or several")
    tokens: Windows | None = Field(None, description="tokens of prompts and answers together in a time")
    input_tokens: Windows | None = Field(None, description="tokens of prompts in a time")
    output_tokens: Windows | None = Field(None, description="tokens of answers in a time")
    slots: Slots | None = Field(None, description="calls that may be on their way at once")
    spacing: Spacing | None = Field(None, description="least seconds between the starts of two calls")
    loaded: Slots | None = Field(
        None, description="different models that a server on this machine may have in use at once"
    )


class LimitsSection(Section):
    """How limits are kept."""

    url: SharedAddress | None = Field(
        None, description="address of a Valkey server that shares limits between processes; none if unset"
    )
    learn: bool = Field(True, description="whether limits are learnt from what providers reply")
    provider_rpm: ProviderCounts = Field(
        (), description="requests a minute by provider, such as `openai:1000,gemini:60`; --provider-rpm wins"
    )
    provider_concurrency: ProviderCounts = Field(
        (), description="calls at once by provider, such as `openai:20`; --provider-concurrency wins"
    )
    max_age: float = Field(
        86_400.0 * 7, gt=0, le=31_536_000, description="seconds that a learnt limit is believed"
    )


class RetryRule(Section):
    """How a call is tried again; what is left out comes from the next wider rule."""

    attempts: Attempts | None = Field(None, description="attempts in all, 1 to 4")
    base: Seconds | None = Field(None, description="seconds before the second attempt; doubled each time")
    cap: Seconds | None = Field(None, description="seconds between two attempts at most")
    jitter: Jitter | None = Field(None, description="the part of a pause that chance decides, from 0.25 to 1")
    never: Categories | None = Field(None, description="categories that are not tried again")


class Retries(RetryRule):
    """When a call that failed is tried again."""

    attempts: Attempts = Field(3, description="attempts in all, 1 to 4")
    base: Seconds | None = Field(
        None,
        description="seconds before the second attempt, doubled each time; the vendor's if unset, else 1",
    )
    cap: Seconds = Field(60.0, description="seconds between two attempts at most")
    jitter: Jitter = Field(1.0, description="the part of a pause that chance decides, from 0.25 to 1")
    never: Categories = Field((), description="categories that are not tried again")
    budget: Share = Field(
        0.2, description="retries of a provider in a minute, as a share of its calls; ten are always allowed"
    )
    patience: Seconds = Field(
        120.0, description="seconds that a provider may ask us to wait; who asks for more is not waited for"
    )
    models: Mapping[ModelName, RetryRule] = Field(
        {}, description="rules for the models that a name or glob means"
    )


class BreakerSection(Section):
    """When a model that fails again and again is left alone for a while."""

    enabled: bool = Field(True, description="whether it is")
    failures: Annotated[int, Field(ge=1, le=1000)] = Field(5, description="failures in a row that open it")
    share: Share = Field(
        0.5, description="share of failures in the last minute that opens it, from ten calls on"
    )
    pause: Annotated[float, Field(gt=0, le=60)] = Field(
        5.0, description="seconds until it is tried, doubled with each failed try, 50 at most"
    )


class ChainLink(Section):
    """One model of a chain of fallbacks."""

    model: ModelName = Field(description="name or glob of the model, such as `*/kimi-k2*`")
    retries: Annotated[int, Field(ge=0, le=3)] = Field(0, description="how often it is tried again")
    base: Seconds | None = Field(None, description="seconds before the first retry; doubled each time")


class FallbackSection(Section):
    """Who answers when a model cannot."""

    enabled: bool = Field(True, description="whether another model may answer; --no-fallback says no")
    lineages: bool = Field(
        False, description="whether models with other weights may stand in without being named in a chain"
    )
    warn_above: Annotated[float, Field(ge=1, le=1000)] = Field(
        2.0, description="times the cost of the model asked from which a fallback is warned of"
    )
    refuse_above: Annotated[float, Field(ge=1, le=1000)] = Field(
        3.0, description="times the cost of the model asked from which there is no fallback"
    )
    chains: Mapping[Name, Annotated[tuple[ChainLink, ...], Strict(strict=False), Field(min_length=1)]] = (
        Field({}, description="named chains, each a list of links, the preferred one first")
    )


class BudgetSection(Section):
    """Money that may be spent, in USD. It is set aside before a prompt goes out."""

    run: Dollars | None = Field(None, description="for one prompt; --budget wins")
    day: Dollars | None = Field(10.0, description="in a day, by UTC")
    month: Dollars | None = Field(None, description="in a month, by UTC")
    providers: Mapping[Name, Dollars] = Field({}, description="in a day, by provider")
    tags: Mapping[Name, Dollars] = Field({}, description="in a day, by tag; --tag names it")
    unknown_price: Dollars = Field(
        15.0, description="per million tokens, set aside for paid models whose price nobody tells"
    )
    free_first: bool = Field(
        False, description="whether paid models are asked only when the free ones do not agree"
    )


class JudgeSection(Section):
    """Models that are asked to judge answers, or to make one text of them."""

    models: Patterns = Field(
        (), description="patterns of the judges; the strongest free model that was asked if unset"
    )
    synthesis_model: ModelName | None = Field(
        None, description="the model that writes a synthesis; the strongest free one that was asked if unset"
    )
    below: Share = Field(0.6, description="confidence below which --judge-when low asks them")
    deadline: Seconds = Field(60.0, description="seconds for all judges together, and for a synthesis")
    max_comparisons: Annotated[int, Field(ge=2, le=1000)] = Field(
        16, description="comparisons of two answers that judges make at most"
    )


class ReviewSection(Section):
    """How files are reviewed when the command line does not say otherwise."""

    deadline: Seconds = Field(1_800.0, description="seconds that all reviews together may take at most")
    synthesis_deadline: Seconds = Field(300.0, description="seconds for the synthesis of all reviews")
    max_tokens: Tokens | None = Field(
        None, description="tokens of a review at most; left to the provider if unset"
    )
    oversize: Literal["skip", "split", "summarise", "truncate"] = Field(
        "skip", description="what is done where the files are too large for a model; --oversize wins"
    )
    folder: SomeFile | None = Field(
        None, description="path of the folder of all reviews; `panvox-reviews` in the current one if unset"
    )
    max_bytes: int = Field(8 * 2**20, gt=0, le=2**30, description="bytes of all files together at most")
    max_file_bytes: int = Field(2**20, gt=0, le=2**30, description="bytes of one file at most")
    max_files: int = Field(10_000, gt=0, le=1_000_000, description="files at most")


class CacheSection(Section):
    """Answers that are given again when exactly the same is asked of the same model."""

    enabled: bool = Field(True, description="whether they are; --fresh asks anew")
    max_age: Seconds = Field(3_600.0, description="seconds that an answer is given again")
    max_mb: Annotated[int, Field(ge=1, le=100_000)] = Field(
        200, description="megabytes that are kept at most"
    )
    semantic: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None,
        description="how near a prompt must be in meaning to get the answer to another one, such as 0.95; "
        "off if unset or 0",
    )


class KeySection(Section):
    """One key of a provider: where it is, and when it is used."""

    env: Variable | None = Field(None, description="name of the environment variable that holds it")
    file: SomeFile | None = Field(
        None,
        validate_default=True,
        description="path of a file that holds it and that only its owner can read",
    )
    label: Name | None = Field(
        None, description="what it is called in reports; its variable or file if unset"
    )
    account: Name = Field("main", description="the account that it belongs to; its keys share its limits")
    priority: Annotated[int, Field(ge=0, le=1000)] = Field(
        0, description="keys of the lowest number are used first"
    )
    backup: bool = Field(False, description="whether it is used only when no other key can be")
    expires: IsoDate | None = Field(None, description="the last day on which it is valid")

    @field_validator("file")
    @classmethod
    def _one_place(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        variable = info.data.get("env")
        if value is not None and variable is not None:
            raise ValueError(f"cannot stand beside env: it is kept in {variable} or in a file, not in both")
        if value is None and "env" in info.data and variable is None:
            raise ValueError("is needed, or env: one of them says where the key is kept")
        return value

    @property
    def place(self) -> str:
        """Where it is kept, which is its name among `Settings.keys`."""
        return self.env or key_file(self.file or Path())

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return self.label or self.env or (self.file or Path()).name


def key_file(path: Path) -> str:
    """What the key in this file is called among `Settings.keys`."""
    return f"file:{path}"


class ModelFacts(Section):
    """What is known better here than anywhere else about the models that a pattern means."""

    context: Tokens | None = Field(None, description="tokens that fit into its context")
    max_output: Tokens | None = Field(None, description="tokens of its answers at most")
    price_in: Dollars | None = Field(None, description="USD per million tokens of the prompt")
    price_out: Dollars | None = Field(None, description="USD per million tokens of the answer")
    price_cached: Dollars | None = Field(None, description="USD per million tokens read from a cache")
    price_reasoning: Dollars | None = Field(
        None, description="USD per million tokens of reasoning, where they have a price of their own"
    )
    price_request: Dollars | None = Field(None, description="USD per call")
    free: bool | None = Field(None, description="whether asking it costs nothing")
    capabilities: Annotated[tuple[Ability, ...], Strict(strict=False)] | None = Field(
        None, description="all that it can do, such as `code`, `tools` or `vision`"
    )
    lineage: Word | None = Field(
        None, description="the weights behind it; models of one lineage have one vote"
    )
    released: IsoDate | None = Field(None, description="the date of its release, such as `2026-03-01`")
    retires: IsoDate | None = Field(None, description="the date on which it goes")
    strength: Share | None = Field(None, description="how strong it is, from 0 to 1")
    strength_code: Share | None = Field(None, description="how strong it is at code, from 0 to 1")
    strength_math: Share | None = Field(None, description="how strong it is at mathematics, from 0 to 1")
    limits: Allowance | None = Field(None, description="what it is allowed, beside the limits of its account")


class Provider(Section):
    """A provider to ask. What is left out comes from the vendor's row in `panvox.settings.vendors`."""

    id: Name = Field(description="the first part of its models' names; unique")
    vendor: str | None = Field(
        None,
        description="the vendor whose address and key variable are used; the one called like `id` if unset",
    )
    base_url: ApiAddress | None = Field(
        None, validate_default=True, description="address of its API; the vendor's if unset"
    )
    dialect: str | None = Field(
        None, description="what it speaks; the vendor's dialect if unset, and OpenAI's without a vendor"
    )
    key_env: Variable | None = Field(
        None, description="name of the environment variable that holds the key; the vendor's if unset"
    )
    models: Annotated[tuple[ModelName, ...], Strict(strict=False)] = Field(
        (), description="models it offers; it is asked for its list if unset"
    )
    free: bool | None = Field(
        None, description="whether all its models (or none) are free; seen from its list if unset"
    )
    proxy: ProxyAddress | None = Field(
        None,
        description="address of its own proxy, or `none` for none; `network.proxy` if unset",
    )
    ca_file: ExistingFile | None = Field(
        None, description="path of a PEM file that is trusted in place of `network.ca_file`"
    )
    allow_plain_http: bool | None = Field(
        None, description="whether its address may be plain `http://`; `network.allow_plain_http` if unset"
    )
    keys: Annotated[tuple[KeySection, ...], Strict(strict=False)] = Field(
        (), description="its keys, where there are several; in place of `key_env`"
    )
    limits: Allowance = Field(Allowance(), description="what all its accounts are allowed together")
    account_limits: Allowance = Field(
        Allowance(), description="what each account is allowed; the vendor's usual limits if unset"
    )
    key_limits: Allowance = Field(Allowance(), description="what each key is allowed")

    @field_validator("id")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value == "local":
            raise ValueError("must be another word: `local` is the model on this machine")
        return value

    @field_validator("vendor")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in VENDORS:
            near = get_close_matches(value, VENDORS, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"must be one of {', '.join(VENDORS)}{meant}")
        return value

    @field_validator("dialect")
    @classmethod
    def _spoken(cls, value: str | None) -> str | None:
        if value is not None and value not in DIALECTS:
            raise ValueError(f"must be one of {', '.join(DIALECTS)}")
        return value

    @field_validator("base_url")
    @classmethod
    def _known_or_given(cls, value: str | None, info: ValidationInfo) -> str | None:
        named = info.data.get("vendor") or info.data.get("id")
        if value is None and {"id", "vendor"} <= info.data.keys() and named not in VENDORS:
            raise ValueError(f"is needed, since no vendor is called {named}; or set vendor")
        return value

    @field_validator("keys")
    @classmethod
    def _told_apart(cls, value: tuple[KeySection, ...], info: ValidationInfo) -> tuple[KeySection, ...]:
        if value and (variable := info.data.get("key_env")):
            raise ValueError(f'cannot stand beside key_env; make it one of them: {{ env = "{variable}" }}')
        if twice := repeated([key.name for key in value]):
            raise ValueError(f"must have different labels; used twice: {', '.join(twice)}")
        return value

    @field_validator("proxy")
    @classmethod
    def _usable(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        named = VENDORS.get(info.data.get("vendor") or info.data.get("id") or "")
        address = info.data.get("base_url") or (named.base_url if named else "")
        if address_in(value) and is_this_machine(urlsplit(address).hostname or ""):
            raise ValueError("is of no use: this provider is on this machine, which is reached straight")
        return value

    @property
    def row(self) -> Vendor | None:
        """The vendor whose row fills in what is missing.

        An address alone makes a provider of its own even if its `id` is a vendor's: that vendor's key must
        not go to another host unless the settings say so.
        """
        if self.vendor is None and self.base_url is not None:
            return None
        return VENDORS[self.vendor or self.id]

    @property
    def is_plain(self) -> bool:
        """Whether what is sent to its address can be read on the way: key, prompts and answers."""
        parts = urlsplit(self.base_url or "")
        return parts.scheme == "http" and not is_this_machine(parts.hostname or "")


IN_THE_CLEAR = (
    "is plain HTTP beyond this machine: key, prompts and answers could be read on the way; "
    "use https://, or set allow_plain_http = true for this provider to accept that"
)


def repeated(ids: list[str]) -> list[str]:
    """Those that are there more than once."""
    return [name for name, count in Counter(ids).items() if count > 1]


class Document(Section):
    """What a settings file, or the environment, may say."""

    run: Run = Run()
    network: Network = Network()
    local: Local = Local()
    store: Store = Store()
    catalogue: CatalogueSection = CatalogueSection()
    limits: LimitsSection = LimitsSection()
    retry: Retries = Retries()
    breaker: BreakerSection = BreakerSection()
    fallback: FallbackSection = FallbackSection()
    budget: BudgetSection = BudgetSection()
    cache: CacheSection = CacheSection()
    judge: JudgeSection = JudgeSection()
    review: ReviewSection = ReviewSection()
    models: Mapping[ModelName, ModelFacts] = Field(
        {}, description="what is known better here of the models that a name or glob means"
    )
    providers: Annotated[tuple[Provider, ...], Strict(strict=False)] = Field(
        (), description="the providers to ask"
    )
    panels: Mapping[Name, Annotated[Patterns, Field(min_length=1)]] = Field(
        {}, description="named selections, used as `@name`"
    )

    @field_validator("providers")
    @classmethod
    def _unique(cls, value: tuple[Provider, ...]) -> tuple[Provider, ...]:
        if twice := repeated([provider.id for provider in value]):
            message = "must have different ids; used twice: {twice}"
            raise PydanticCustomError("repeated_ids", message, {"twice": ", ".join(twice)})
        return value

    def in_the_clear(self) -> tuple[int, ...]:
        """The providers, by their place, whose address is plain HTTP though nothing allows it."""
        return tuple(
            index
            for index, provider in enumerate(self.providers)
            if provider.is_plain and not self._may_be_plain(provider)
        )

    def _may_be_plain(self, provider: Provider) -> bool:
        own = provider.allow_plain_http
        return self.network.allow_plain_http if own is None else own


class Settings(Document):
    """All settings, with the keys and files that were found with them; never changes.

    `keys` holds the keys that were found, by variable or, for those in files, as `key_file` calls them;
    `variables` is what the environment says of vendors' addresses, and nothing else reads it. `fingerprint`
    is that of the places they come from, empty for settings that a program made; `explicit` is the file that
    was named, if any. `proxy_setting` is what `network.proxy` was filled from: itself, or a variable such as
    PROXY_URL.
    """

    keys: Mapping[str, SecretStr] = Field({}, repr=False, exclude=True)
    variables: Mapping[str, str] = Field({}, repr=False, exclude=True)
    files: tuple[Path, ...] = ()
    fingerprint: str = Field("", repr=False, exclude=True)
    explicit: Path | None = Field(None, repr=False, exclude=True)
    proxy_setting: str = Field("network.proxy", repr=False, exclude=True)

    @model_validator(mode="after")
    def _nothing_in_the_clear(self) -> Self:
        for index in self.in_the_clear():
            raise ValueError(f"providers[{index}].base_url {IN_THE_CLEAR}")
        return self

    def key(self, *variables: str) -> SecretStr | None:
        """The first of the keys in `variables` that there is."""
        return next((self.keys[name] for name in variables if name in self.keys), None)

    def way_out(self, provider: str = "") -> WayOut:
        """The way to the provider of this id; to one that nothing is said about, the way of the network."""
        network = self.network
        way = WayOut(
            proxy=address_in(network.proxy),
            no_proxy=network.no_proxy,
            ca_file=network.ca_file,
            allow_plain_http=network.allow_plain_http,
            proxy_setting=self.proxy_setting,
        )
        own = next((known for known in self.providers if known.id == provider), None)
        return way if own is None else _own_way(own, way)


def _own_way(provider: Provider, way: WayOut) -> WayOut:
    """The way of the network, with what a provider wants otherwise.

    Its own proxy holds for all that it asks: `no_proxy` is about the proxy that everybody has.
    """
    changes: dict[str, object] = {"plain_http_setting": f"providers[].allow_plain_http of {provider.id}"}
    if provider.proxy is not None:
        changes |= {"proxy": address_in(provider.proxy), "no_proxy": ()}
        changes["proxy_setting"] = f"providers[].proxy of {provider.id}"
    if provider.ca_file is not None:
        changes |= {"ca_file": provider.ca_file, "ca_setting": f"providers[].ca_file of {provider.id}"}
    if provider.allow_plain_http is not None:
        changes["allow_plain_http"] = provider.allow_plain_http
    return msgspec.structs.replace(way, **changes)
