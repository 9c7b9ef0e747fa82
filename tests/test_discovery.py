"""Discovery against real servers on loopback: all at once, each ends in entries or in one problem."""
# ruff: noqa: E501 - problems are written as people see them, one line each

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web
from inline_snapshot import snapshot
from pydantic import SecretStr

from panvox.catalog.assembly import assemble
from panvox.catalog.discovery import Offer, Ways, discover
from panvox.catalog.entries import Catalogue
from panvox.catalog.merge import Merging, Unmeasured
from panvox.catalog.overrides import Overrides
from panvox.catalog.references import NoReferences
from panvox.catalog.sources import Source, sources
from panvox.dialects.openai import OpenAI
from panvox.errors import Category
from panvox.protocols import Dialect, Listing, ListPage, Quirks, Reply, Request, Transport
from panvox.providers.transport import HttpTransport
from panvox.settings import VENDORS, Provider, Settings, Vendor

MERGING = Merging(facts=NoReferences(), strengths=Unmeasured(), overrides=Overrides({}))
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """The address of a server in which `handler` answers every request."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def listing(*models: str | dict[str, Any]) -> Handler:
    """A server that lists `models`."""
    items = [{"id": model} if isinstance(model, str) else model for model in models]

    async def answer(request: web.Request) -> web.Response:
        assert (request.method, request.path, await request.read()) == ("GET", "/v1/models", b"")
        return web.json_response({"object": "list", "data": items})

    return answer


def replying(status: int, body: str, content_type: str = "application/json") -> Handler:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=status, text=body, content_type=content_type)

    return answer


async def hanging(_request: web.Request) -> web.StreamResponse:
    """Never answers."""
    await asyncio.Event().wait()
    raise AssertionError


async def dripping(request: web.Request) -> web.StreamResponse:
    """Begins a list and never ends it."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"data": [')
    await asyncio.Event().wait()
    raise AssertionError


@contextmanager
def refusing() -> Iterator[str]:
    """An address at which nobody listens, and nobody else can begin to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/v1"


def source(provider: str, url: str, **more: Any) -> Source:
    """A hosted provider at `url`; `more` are fields of the source or of its vendor."""
    fields = {name: more.pop(name) for name in ("key", "models", "free", "guessed") if name in more}
    row = {"key_needed": False, **more}
    return Source(provider=provider, vendor=Vendor(provider, provider, url, **row), **fields)


async def offered(*wanted: Source, deadline: float = 5.0, dialect: Dialect | None = None) -> list[Offer]:
    async with HttpTransport() as transport:
        ways = Ways(transport_to=lambda _: transport, dialect_of=lambda _: dialect or OpenAI())
        return list(await discover(wanted, ways=ways, deadline=deadline))


async def find(*wanted: Source, deadline: float = 5.0, dialect: Dialect | None = None) -> Catalogue:
    offers = await offered(*wanted, deadline=deadline, dialect=dialect)
    assembled = await asyncio.to_thread(assemble, list(zip(wanted, offers, strict=True)), MERGING)
    return assembled.catalogue


def names(found: Catalogue) -> list[str]:
    return [entry.name for entry in found.entries]


# --- what is found -----------------------------------------------------------------------------------


async def test_the_models_of_all_sources_come_in_the_order_of_the_sources() -> None:
    async with serving(listing("b", "a")) as one, serving(listing("acme/c:free")) as two:
        found = await find(source("two", two), source("one", one))
    assert names(found) == ["two/acme/c:free", "one/b", "one/a"]
    assert found.problems == ()
    first = found.entries[0]
    assert (first.provider, first.model, first.lineage, first.free) == ("two", "acme/c:free", "c", True)


async def test_one_source_that_fails_in_any_way_costs_the_others_nothing() -> None:
    began = time.monotonic()
    with refusing() as nobody:
        async with (
            serving(listing("a")) as good,
            serving(hanging) as dead,
            serving(dripping) as drip,
            serving(replying(401, '{"error": {"message": "no such\\u001b[2J key: sk-secret-1"}}')) as closed,
            serving(replying(200, "<html>hello</html>", "text/html")) as page,
            serving(replying(200, '{"data": "none"}')) as odd,
            serving(replying(302, "", "text/plain")) as moved,
            serving(listing()) as empty,
        ):
            found = await find(
                source("dead", dead),
                source("drip", drip),
                source("closed", closed, key=SecretStr("sk-secret-1")),
                source("nobody", nobody),
                source("page", page),
                source("odd", odd),
                source("moved", moved),
                source("empty", empty),
                source("good", good),
                deadline=0.5,
            )
    assert time.monotonic() - began < 2
    assert names(found) == ["good/a"]
    told = {problem.provider: problem.fault and problem.fault.category for problem in found.problems}
    assert told == {
        "dead": Category.TIMED_OUT,
        "drip": Category.TIMED_OUT,
        "closed": Category.UNAUTHORISED,
        "nobody": Category.UNREACHABLE,
        "page": Category.MALFORMED,
        "odd": Category.MALFORMED,
        "moved": Category.MALFORMED,
        "empty": None,
    }
    assert [problem for problem in found.problems if not problem.message.isprintable()] == []
    by_provider = {problem.provider: problem.message for problem in found.problems}
    assert "sk-secret-1" not in repr(found)
    assert by_provider["dead"] == snapshot(
        "dead: no models, since the model list did not come within 0.5 s. Try again later, or name its models in the settings, so that no list is needed."
    )
    assert by_provider["closed"] == snapshot(
        "closed: no models, since no such [2J key: ***. Check the key of this provider; `panvox doctor` tests it."
    )


async def test_a_defect_met_at_one_source_is_a_problem_of_that_source() -> None:
    class Broken(OpenAI, frozen=True):
        def listings(self, body: bytes, *, page: str = "") -> ListPage:
            if b"boom" in body:
                raise KeyError("boom")
            return super().listings(body, page=page)

    async with serving(listing("boom")) as bad, serving(listing("a")) as good:
        found = await find(source("bad", bad), source("good", good), dialect=Broken())
    assert names(found) == ["good/a"]
    (problem,) = found.problems
    assert problem.fault is not None
    assert problem.fault.category is Category.INTERNAL


async def test_cancelling_reaches_every_server_at_once() -> None:
    gone = asyncio.Semaphore(0)
    here = asyncio.Semaphore(0)

    async def watched(_request: web.Request) -> web.StreamResponse:
        here.release()
        try:
            await asyncio.Event().wait()
        finally:
            gone.release()
        raise AssertionError

    async with serving(watched) as url:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(find(*(source(f"p{n}", url) for n in range(5)), deadline=60))
            for _ in range(5):
                await here.acquire()
            task.cancel()
        async with asyncio.timeout(0.5):
            for _ in range(5):
                await gone.acquire()


# --- names -------------------------------------------------------------------------------------------


async def test_names_that_a_terminal_would_obey_are_left_out_and_said_so() -> None:
    hostile = ["a\x1b[31m", "b\nc", "\u202edrawkcab", "\u200b", "x" * 201]
    async with serving(listing("good", *hostile, "My Model, v2", "good")) as url:
        found = await find(source("p", url))
    assert [(entry.name, entry.model) for entry in found.entries] == [
        ("p/good", "good"),
        ("p/My-Model-v2", "My Model, v2"),
    ]
    assert [problem.message for problem in found.problems] == snapshot(
        ["p: 5 models left out: their names are too long or hold what a terminal would obey"]
    )


async def test_a_relay_names_the_upstream_provider_before_the_model() -> None:
    async with serving(listing("ollama:qwen3:8b", "openai:gpt-4o")) as url:
        found = await find(source("cherry", url, relay=":"))
    assert names(found) == ["cherry/ollama:qwen3:8b", "cherry/openai:gpt-4o"]
    assert [entry.lineage for entry in found.entries] == ["qwen3-8b", "gpt-4o"]


# --- what costs nothing ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "free"),
    [
        ({}, [False, True, False, True]),
        ({"zero_is_free": False}, [False, False, False, True]),
        ({"loopback": True, "computes": True}, [True, True, False, True]),
        ({"free": True}, [True, True, True, True]),
        ({"free": False, "loopback": True}, [False, False, False, False]),
    ],
)
async def test_free_is_what_is_listed_at_no_price_or_said_to_be(
    more: dict[str, bool], free: list[bool]
) -> None:
    items: list[str | dict[str, Any]] = [
        "unpriced",
        {"id": "zero", "pricing": {"prompt": "0", "completion": "0"}},
        {"id": "half", "pricing": {"prompt": "0", "completion": "0.000001"}},
        "some:free",
    ]
    async with serving(listing(*items)) as url:
        found = await find(source("p", url, **more))
    assert [entry.free for entry in found.entries] == free


# --- keys and headers --------------------------------------------------------------------------------


async def test_the_list_is_asked_for_with_the_key_and_where_the_vendor_keeps_it() -> None:
    asked: list[tuple[str, str | None, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        headers = request.headers
        asked.append((request.path, headers.get("Authorization"), headers.get("X-Api-Key")))
        return web.json_response([{"id": "a"}])

    key = SecretStr("sk-1")
    async with serving(answer) as url:
        await find(source("plain", url, key=key, key_needed=True))
        await find(source("other", url, key=key), dialect=OpenAI(Quirks(key_header="X-Api-Key")))
        await find(source("apart", "https://unused.example/v1", list_url=url.replace("/v1", "/catalog")))
    assert asked == [
        ("/v1/models", "Bearer sk-1", None),
        ("/v1/models", None, "sk-1"),
        ("/catalog/models", None, None),
    ]


async def test_without_its_key_a_provider_is_not_called() -> None:
    found = await find(source("p", "https://unused.example/v1", key_needed=True, key_env=("P_KEY", "Q_KEY")))
    (problem,) = found.problems
    assert problem.message == snapshot(
        "p: no models, since the environment variable P_KEY or Q_KEY is not set. Set it, or take the provider out of the settings."
    )


def test_a_key_is_never_shown() -> None:
    shown = source("p", "https://unused.example/v1", key=SecretStr("sk-1"))
    assert "sk-1" not in repr(shown)
    assert shown.plain_key == "sk-1"


async def test_models_that_the_settings_name_need_no_list() -> None:
    found = await find(source("p", "https://unused.example/v1", models=("a", "b:free")))
    assert [(entry.name, entry.free) for entry in found.entries] == [("p/a", False), ("p/b:free", True)]
    assert found.problems == ()


# --- without settings --------------------------------------------------------------------------------


async def test_guessed_servers_that_are_not_there_or_something_else_are_silently_absent() -> None:
    began = time.monotonic()
    with refusing() as nobody:
        async with (
            serving(listing("qwen3:8b")) as ollama,
            serving(hanging) as dead,
            serving(replying(200, "<html>my other project</html>", "text/html")) as page,
            serving(replying(404, '{"detail": "Not Found"}')) as other,
            serving(replying(200, '{"hello": "world"}')) as odd,
            serving(replying(401, "{}")) as closed,
            serving(listing()) as empty,
        ):
            urls = {"nobody": nobody, "dead": dead, "page": page, "other": other, "odd": odd}
            urls |= {"closed": closed, "empty": empty, "ollama": ollama}
            guesses = [
                source(name, url, guessed=True, loopback=True, computes=True) for name, url in urls.items()
            ]
            found = await find(*guesses)
    assert time.monotonic() - began < 1.5
    assert names(found) == ["ollama/qwen3:8b"]
    assert found.entries[0].free
    assert found.problems == ()


async def test_looking_at_a_machine_where_nothing_runs_takes_less_than_0_7_seconds() -> None:
    guessed = sources(Settings())
    with refusing() as nobody:
        moved = [
            msgspec.structs.replace(guess, vendor=msgspec.structs.replace(guess.vendor, base_url=nobody))
            for guess in guessed
        ]
        async with serving(hanging) as dead:
            began = time.monotonic()
            found = await find(*moved, source("dead", dead, guessed=True))
            took = time.monotonic() - began
    assert len(moved) == 5
    assert found == Catalogue()
    assert took < 0.7


def test_without_settings_keys_and_usual_local_servers_are_tried() -> None:
    keys = {
        "GROQ_API_KEY": "gsk-1",
        "GOOGLE_API_KEY": "AIza",
        "GITHUB_TOKEN": "ghp",
        "CHERRY_STUDIO_API_KEY": "cs",
    }
    found = sources(Settings(keys={name: SecretStr(key) for name, key in keys.items()}))
    assert [(source.provider, source.plain_key, source.guessed) for source in found] == [
        ("gemini", "AIza", False),
        ("groq", "gsk-1", False),
        ("ollama", None, True),
        ("lmstudio", None, True),
        ("llamacpp", None, True),
        ("vllm", None, True),
        ("cherry", "cs", True),
    ]


def test_with_providers_in_the_settings_only_these_are_asked() -> None:
    settings = Settings(
        keys={"OPENAI_API_KEY": SecretStr("sk-o"), "MINE": SecretStr("sk-m"), "HF_TOKEN": SecretStr("hf")},
        providers=(
            Provider(id="openai", base_url="https://proxy.example/v1/"),
            Provider(id="eu", vendor="openai", base_url="https://eu.example/v1"),
            Provider(id="mine", base_url="http://localhost:9/v1", key_env="MINE", models=("a",), free=False),
            Provider(id="huggingface"),
            Provider(id="groq", key_env="MISSING"),
            Provider(id="perplexity"),
        ),
    )
    openai, eu, mine, face, groq, perplexity = sources(settings)
    assert (openai.plain_key, openai.vendor.base_url) == (None, "https://proxy.example/v1")
    assert not openai.vendor.key_needed
    assert (eu.plain_key, eu.vendor.key_needed) == ("sk-o", True)
    assert (mine.plain_key, mine.models, mine.free, mine.vendor.loopback) == ("sk-m", ("a",), False, True)
    assert (face.plain_key, face.vendor) == ("hf", VENDORS["huggingface"])
    assert (groq.plain_key, groq.vendor.key_env, groq.vendor.key_needed) == (None, ("MISSING",), True)
    assert "sonar" in perplexity.models


# --- many --------------------------------------------------------------------------------------------


async def test_thirty_providers_with_five_thousand_models_are_found_in_one_go() -> None:
    began = time.monotonic()
    async with serving(listing(*(f"author/model-{n}" for n in range(167)))) as url, serving(hanging) as dead:
        found = await find(*(source(f"p{n}", url) for n in range(30)), source("dead", dead), deadline=1.0)
    assert len(found.entries) == 30 * 167
    assert [problem.provider for problem in found.problems] == ["dead"]
    assert time.monotonic() - began < 3


# --- the silent --------------------------------------------------------------------------------------


class Paced:
    """A transport whose servers send their heads and each page after so many virtual seconds."""

    def __init__(self, **paces: tuple[float, ...]) -> None:
        self._paces = paces

    @asynccontextmanager
    async def send(self, request: Request, *, connect_timeout: float) -> AsyncIterator[Reply]:
        host = request.url.split("/")[2].removesuffix(".example")
        page = int(request.url.partition("offset=")[2] or 0)
        await asyncio.sleep(self._paces[host][page])
        yield PacedReply(page)


class PacedReply:
    status = 200
    headers: Mapping[str, str] = {}
    sent: float | None = None

    def __init__(self, page: int) -> None:
        self._page = page

    async def chunks(self) -> AsyncIterator[bytes]:
        yield b'{"data": [{"id": "%d"}]}' % self._page


async def paced(transport: Transport, *wanted: Source, dialect: Dialect | None = None) -> dict[str, float]:
    """The seconds after which each source ended, and 99 for one that gave no list."""
    ways = Ways(transport_to=lambda _: transport, dialect_of=lambda _: dialect or OpenAI())
    began = asyncio.get_running_loop().time()
    offers = await discover(wanted, ways=ways, deadline=10)
    took = asyncio.get_running_loop().time() - began
    return {"all": took, **{each.provider: 1.0 if each.listings else 99.0 for each in offers}}


def hosted(name: str, **more: Any) -> Source:
    return source(name, f"https://{name}.example/v1", **more)


@pytest.mark.looptime
async def test_the_dead_are_waited_for_no_longer_than_a_while_after_the_others() -> None:
    told = await paced(Paced(a=(0.2,), b=(0.5,), dead=(1e6,)), hosted("a"), hosted("dead"), hosted("b"))
    assert told == {"all": 2.0, "a": 1.0, "dead": 99.0, "b": 1.0}


@pytest.mark.looptime
async def test_where_all_are_slow_the_slowest_has_as_long_again() -> None:
    told = await paced(Paced(a=(4.0,), b=(7.9,)), hosted("a"), hosted("b"))
    assert told == {"all": 7.9, "a": 1.0, "b": 1.0}


@pytest.mark.looptime
async def test_who_is_alone_has_the_whole_deadline() -> None:
    assert (await paced(Paced(dead=(1e6,)), hosted("dead")))["all"] == 10


@pytest.mark.looptime
async def test_this_machine_hurries_no_hosted_provider_but_the_other_way_round() -> None:
    far, here = hosted("far"), hosted("here", loopback=True)
    assert await paced(Paced(far=(5.0,), here=(0.01,)), far, here) == {"all": 5.0, "far": 1.0, "here": 1.0}
    told = await paced(Paced(far=(0.5,), here=(1e6,)), far, here)
    assert told == {"all": 2.0, "far": 1.0, "here": 99.0}


@pytest.mark.looptime
async def test_who_has_begun_to_answer_is_let_finish() -> None:
    slow = Paced(quick=(0.1, 0.1, 0.1, 0.1), slow=(0.5, 3.0, 3.0, 2.0))

    class FourPages(OpenAI, frozen=True):
        def listing_request(self, *, base_url: str, key: str | None, page: str = "") -> Request:
            request = super().listing_request(base_url=base_url, key=key)
            return msgspec.structs.replace(request, url=f"{request.url}?offset={page or 0}")

        def listings(self, body: bytes, *, page: str = "") -> ListPage:
            found = super().listings(body, page=page).listings
            number = int(found[0].id)
            return ListPage(listings=found, more=str(number + 1) if number < 3 else "")

    told = await paced(slow, hosted("quick"), hosted("slow"), dialect=FourPages())
    assert told["all"] == 8.5


# --- pages and details -------------------------------------------------------------------------------


def paged(size: int, *models: str, repeats: bool = False) -> Handler:
    """A server that lists `models` page by page as OpenRouter does."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        start = 0 if repeats else int(request.query.get("offset", "0"))
        page = models[start : start + size]
        data = [{"id": model} for model in page]
        return web.json_response({"data": data, "total_count": len(models)})

    return answer


class Paging(OpenAI, frozen=True):
    """Asks for page after page until one is empty."""

    def listing_request(self, *, base_url: str, key: str | None, page: str = "") -> Request:
        request = super().listing_request(base_url=base_url, key=key)
        return msgspec.structs.replace(request, url=f"{request.url}?offset={page or 0}")

    def listings(self, body: bytes, *, page: str = "") -> ListPage:
        found = super().listings(body, page=page).listings
        last = int(found[-1].id) + 1 if found else 0
        return ListPage(listings=found, more=str(last) if found else "")


async def test_a_list_that_tells_only_how_many_there_are_is_read_to_its_last_page() -> None:
    async with serving(paged(3, *map(str, range(8)))) as url:
        (offer,) = await offered(source("p", url))
    assert [listing.id for listing in offer.listings] == [str(number) for number in range(8)]


async def test_a_list_is_read_to_its_last_page() -> None:
    async with serving(paged(3, *map(str, range(8)))) as url:
        (offer,) = await offered(source("p", url), dialect=Paging())
    assert [listing.id for listing in offer.listings] == [str(number) for number in range(8)]
    assert offer.problem is None


async def test_a_list_that_pages_in_circles_ends() -> None:
    async with serving(paged(3, *map(str, range(8)), repeats=True)) as url:
        (offer,) = await offered(source("p", url), dialect=Paging())
    assert len(offer.listings) == 6


async def test_what_came_before_a_broken_page_is_kept_and_the_break_is_told() -> None:
    async def breaks(request: web.Request) -> web.Response:
        await request.read()
        if request.query.get("offset") == "0":
            return web.json_response({"data": [{"id": "0"}, {"id": "1"}]})
        return web.json_response({"error": {"message": "It broke"}}, status=500)

    async with serving(breaks) as url:
        (offer,) = await offered(source("p", url), dialect=Paging())
    assert [listing.id for listing in offer.listings] == ["0", "1"]
    assert offer.problem is not None
    assert offer.problem.message.startswith("p: only the first 2 models, since It broke")


class Detailing(OpenAI, frozen=True):
    """Asks for the context of each model."""

    def detail_request(self, model: str, *, base_url: str, key: str | None) -> Request | None:
        return Request(method="GET", url=f"{base_url}/models/{model}", headers={})

    def detailed(self, listing: Listing, body: bytes) -> Listing:
        return msgspec.structs.replace(listing, context=int(body))


async def test_details_are_asked_a_few_at_a_time_and_one_that_fails_costs_only_itself() -> None:
    together, most = 0, 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal together, most
        if request.path == "/v1/models":
            return web.json_response({"data": [{"id": f"m{number}"} for number in range(12)]})
        together += 1
        most = max(most, together)
        await asyncio.sleep(0)
        together -= 1
        status = 500 if request.path.endswith("m3") else 200
        return web.Response(status=status, text="4096")

    async with serving(answer) as url:
        (offer,) = await offered(source("p", url), dialect=Detailing())
    known = [listing.context for listing in offer.listings]
    assert known == [None if number == 3 else 4096 for number in range(12)]
    assert most <= 4
