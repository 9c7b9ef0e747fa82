"""Every row of the table of vendors builds a stack that works: list, call and answer in the simulator."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

import panvox
import panvox.compose.opening  # what the first use would load, and read from disk, inside the loop
from panvox.catalog.discovery import Ways, discover
from panvox.catalog.sources import Source, sources
from panvox.compose.dialects import dialect_of
from panvox.errors import Category
from panvox.messages import Prompt
from panvox.providers.transport import HttpTransport
from panvox.settings import VENDORS, Local, Provider, Settings, Store, Vendor, load
from panvox.simulator import Fleet, VirtualModel, VirtualProvider, simulate
from tests.fleets import SWIFT, Parrot

KEY = SecretStr("sk-secret")
ADDRESSES = {
    "AZURE_OPENAI_ENDPOINT": "https://me.openai.azure.com",
    "AWS_REGION": "eu-central-1",
    "CHERRY_STUDIO_API_URL": "https://cherry.example/v1",
    "GOOGLE_CLOUD_LOCATION": "europe-west1",
    "GOOGLE_CLOUD_PROJECT": "my-project",
}


def keys(*chosen: Vendor) -> dict[str, SecretStr]:
    return {name: KEY for row in chosen for name in row.key_env[:1]}


def quiet(**more: object) -> Settings:
    """Settings with nothing on this machine, and nothing kept."""
    return Settings.model_validate({"local": Local(enabled=False), "store": Store(enabled=False), **more})


# --- the stack of each row ---------------------------------------------------------------------------


@pytest.mark.parametrize("row", VENDORS.values(), ids=lambda row: row.id)
async def test_each_row_lists_its_models_and_answers(row: Vendor) -> None:
    names = row.models or ("first-8b", "second-8b")
    models = tuple(VirtualModel(name, latency=SWIFT) for name in names)
    fleet = Fleet((VirtualProvider("oak", models=models, dialect=row.dialect),), answers=Parrot())
    async with simulate(fleet, speed=0) as simulator:
        provider = Provider(id=row.id, vendor=row.id, base_url=simulator.base_url("oak"))
        settings = quiet(providers=(provider,), keys=keys(row), variables=ADDRESSES)
        async with panvox.open(settings) as session:
            catalogue = await session.catalogue()
            assert catalogue.problems == ()
            assert [entry.model for entry in catalogue.entries] == list(names)
            result = await session.ask("Paris?", models=[f"{row.id}/*"])
    assert result.states == {"answered": len(names)}
    assert {outcome.text for outcome in result.outcomes} == {"Paris?"}


@pytest.mark.parametrize("row", VENDORS.values(), ids=lambda row: row.id)
def test_each_row_sends_its_key_once_and_to_its_own_host(row: Vendor) -> None:
    (source,) = sources(quiet(providers=(Provider(id=row.id),), keys=keys(row), variables=ADDRESSES))
    vendor = source.vendor
    dialect = dialect_of(vendor)
    chat = dialect.request(Prompt.of("Paris?"), "acme/first", base_url=vendor.base_url, key=source.plain_key)
    lists = dialect.listing_request(base_url=vendor.list_url or vendor.base_url, key=source.plain_key)
    assert source.missing == ""
    for request, base in ((chat, vendor.base_url), (lists, vendor.list_url or vendor.base_url)):
        assert request.url.startswith(base.partition("?")[0])
        assert "{" not in request.url
        assert KEY.get_secret_value() not in request.url
        carrying = [name for name, value in request.headers.items() if KEY.get_secret_value() in value]
        assert len(carrying) == bool(row.key_env)


# --- which are there ---------------------------------------------------------------------------------


def implied(**more: object) -> set[str]:
    return {source.provider for source in sources(quiet(**more)) if not source.guessed}


def test_all_keys_and_variables_imply_all_vendors_but_those_whose_variables_serve_other_ends() -> None:
    hosted = {row.id for row in VENDORS.values() if not row.loopback}
    found = implied(keys=keys(*VENDORS.values()), variables=ADDRESSES)
    assert hosted - found == {"github", "huggingface", "azure", "vertex", "vertex-global"}


def test_a_vendor_whose_address_is_not_told_is_not_implied() -> None:
    both = keys(VENDORS["bedrock"], VENDORS["cherry-cloud"])
    assert implied(keys=both) == set()
    assert implied(keys=both, variables={"AWS_REGION": "eu-central-1"}) == {"bedrock"}
    assert implied(variables=ADDRESSES) == set()


@pytest.mark.parametrize(
    ("variables", "region"),
    [
        ({"AWS_DEFAULT_REGION": "us-east-1"}, "us-east-1"),
        ({"AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "eu-west-1"}, "eu-west-1"),
    ],
)
def test_the_older_name_of_a_variable_counts_where_the_newer_is_not_set(
    variables: dict[str, str], region: str, tmp_path: Path
) -> None:
    settings = load(environ={**variables, "AWS_BEARER_TOKEN_BEDROCK": "sk"}, cwd=tmp_path)
    found = {source.provider: source for source in sources(settings)}
    assert found["bedrock"].vendor.base_url == f"https://bedrock-mantle.{region}.api.aws/v1"


async def problem_of(settings: Settings) -> tuple[str, Category]:
    async with HttpTransport() as transport:
        (offer,) = await discover(
            sources(settings),
            ways=Ways(dialect_of=lambda source: dialect_of(source.vendor), transport_to=lambda _: transport),
        )
    assert offer.problem is not None
    assert offer.problem.fault is not None
    return offer.problem.message, offer.problem.fault.category


async def test_a_vendor_that_is_named_says_which_variables_it_lacks() -> None:
    vertex, azure = Provider(id="vertex"), Provider(id="azure")
    message, category = await problem_of(quiet(providers=(vertex,)))
    assert category is Category.UNAUTHORISED
    assert (
        "the environment variables GOOGLE_CLOUD_LOCATION and GOOGLE_CLOUD_PROJECT and "
        "GOOGLE_OAUTH_ACCESS_TOKEN or CLOUDSDK_AUTH_ACCESS_TOKEN are not set" in message
    )
    message, _ = await problem_of(quiet(providers=(azure,), keys=keys(VENDORS["azure"])))
    assert "the environment variable AZURE_OPENAI_ENDPOINT is not set" in message


def test_an_address_in_the_settings_needs_no_variables() -> None:
    eu = Provider(
        id="eu", vendor="bedrock", base_url="https://bedrock-runtime.eu-central-1.amazonaws.com/openai/v1"
    )
    (source,) = sources(quiet(providers=(eu,), keys=keys(VENDORS["bedrock"])))
    assert (source.missing, source.vendor.list_url) == ("", "")


def test_a_cloud_on_this_machine_is_known_to_be_here() -> None:
    variables = {"CHERRY_STUDIO_API_URL": "http://127.0.0.1:9/v1/"}
    found = {
        source.provider: source
        for source in sources(quiet(keys=keys(VENDORS["cherry"]), variables=variables))
    }
    cloud = found["cherry-cloud"]
    assert (cloud.vendor.base_url, cloud.vendor.loopback, cloud.guessed) == (
        "http://127.0.0.1:9/v1",
        True,
        False,
    )


def test_a_key_is_never_shown_with_its_source() -> None:
    found: tuple[Source, ...] = sources(quiet(keys=keys(*VENDORS.values()), variables=ADDRESSES))
    assert KEY.get_secret_value() not in repr(found)
