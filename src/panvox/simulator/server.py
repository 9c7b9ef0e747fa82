"""The fleet on a port of this machine.

request ─► provider ─► key ─► call ─► model ─► words ─► limits ─► reply, or the model's fault
              └────────┴───────┴────────┴────────┴────────┴─────► refusal in the dialect's spelling
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from itertools import count
from typing import assert_never

import msgspec
from aiohttp import web

from panvox.errors import UsageError
from panvox.simulator import openai
from panvox.simulator.conveyor import Conveyor
from panvox.simulator.delivery import Delivery
from panvox.simulator.exchange import Complaint, Declined, Page, Reason, Speech
from panvox.simulator.faults import Break, Deviate, Drip, Hang, Refuse
from panvox.simulator.fleet import Fleet, VirtualProvider
from panvox.simulator.limits import Meter
from panvox.simulator.reception import Reception, Turn
from panvox.simulator.stats import Stats, Tallies, Visit

_LARGEST_REQUEST = 64 * 2**20  # bytes
_QUEUE = 4096  # connections that wait to be accepted
_LISTED_SINCE = 1_700_000_000  # the `created` of all models
_CLOSING = 1.0  # seconds


def listen(*, host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A socket of this machine that takes connections; port 0 means any free one.

    Raises `UsageError` for an address that others can reach, and for a port that is taken.
    """
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise UsageError(f"{host!r} is no address of this machine; use 127.0.0.1, ::1 or localhost") from None
    if not address.is_loopback:
        raise UsageError(
            f"{host} can be reached from other machines; the simulator serves this one only (127.0.0.1)"
        )
    if not 0 <= port < 2**16:
        raise UsageError(f"{port} is no port; use 1 to 65535, or 0 for a free one")
    try:
        return socket.create_server(
            (str(address), port),
            family=socket.AF_INET6 if address.version == 6 else socket.AF_INET,
            backlog=_QUEUE,
        )
    except OSError as error:
        raise UsageError(_not_bound(error, port)) from None


def _not_bound(error: OSError, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"port {port} is in use, perhaps by another simulator; stop that one, or choose another port "
                "with --port, or --port 0 for a free one"
            )
        case errno.EACCES:
            return f"port {port} needs more rights than you have; choose one above 1023, or --port 0"
        case _:
            return f"port {port} cannot be opened: {error.strerror}"


def url_of(listener: socket.socket) -> str:
    """The address of the front page that is served at `listener`, without a slash at its end."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def simulate(
    fleet: Fleet, *, host: str = "127.0.0.1", port: int = 0, speed: float = 1.0
) -> AsyncIterator[Simulator]:
    """Serve `fleet` on this machine while inside; see `serve`. Raises `UsageError` as `listen` does."""
    with listen(host=host, port=port) as listener:
        async with serve(fleet, listener, speed=speed) as simulator:
            yield simulator


@asynccontextmanager
async def serve(fleet: Fleet, listener: socket.socket, *, speed: float = 1.0) -> AsyncIterator[Simulator]:
    """Serve `fleet` to those who connect to `listener`, which is closed in the end.

    All times of models are divided by `speed`; 0 waits for nothing. Limits are in true time.
    """
    if speed < 0:
        raise UsageError(
            f"a speed of {speed:g} would run backwards; use 0 for no waiting, 10 for ten times as fast"
        )
    simulator = Simulator(fleet, listener, speed=speed)
    runner = web.AppRunner(
        simulator.application(), access_log=None, handler_cancellation=True, shutdown_timeout=_CLOSING
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listener, backlog=_QUEUE).start()
        yield simulator
    finally:
        await simulator.close()
        await runner.cleanup()


class Simulator:
    """A fleet that is being served: its front page is at `url`, which has no slash at its end."""

    def __init__(self, fleet: Fleet, listener: socket.socket, *, speed: float) -> None:
        self._fleet = fleet
        self.url = url_of(listener)
        self.port: int = listener.getsockname()[1]
        self._loop = asyncio.get_running_loop()
        self._conveyor = Conveyor()
        self._tallies = Tallies(fleet, now=self._loop.time())
        self._reception = Reception(fleet, self._tallies, speed=speed)
        self._numbers = count(1)
        self._calls: set[asyncio.Task[object]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False

    def base_url(self, provider: str) -> str:
        """The address of one provider's API. Raises KeyError for one that is not there."""
        return self.url + self._fleet.provider(provider).path

    def stats(self) -> Stats:
        """What has been served since the start, or since the last reset."""
        return self._tallies.stats(self._loop.time())

    def reset(self) -> None:
        """Count from zero."""
        self._tallies.reset(self._loop.time())

    async def wait_idle(self) -> None:
        """Return when no call is in flight: what clients have ended or left is counted then."""
        await self._idle.wait()

    def __repr__(self) -> str:
        total = self._tallies.total
        return f"<Simulator at {self.url}: {self._fleet.size} models, {total.in_flight} calls in flight>"

    async def close(self) -> None:
        """Break off the calls that are still in flight; they count as neither answered nor left."""
        self._closing = True
        for call in self._calls:
            call.cancel()
        await self.wait_idle()

    # --- routes ------------------------------------------------------------------------------------

    def application(self) -> web.Application:
        """What is found under which address."""
        application = web.Application(client_max_size=_LARGEST_REQUEST)
        application.add_routes(
            (
                web.post("/{provider}/v1/chat/completions", self._chat),
                web.get("/{provider}/v1/models", self._list),
                web.get("/{provider}/v1/models/{model:.+}", self._show),
                web.get("/stats", self._get_stats),
                web.post("/stats/reset", self._reset_stats),
                web.get("/", self._front_page),
                web.route("*", "/{path:.*}", self._nowhere),
            )
        )
        return application

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        number = next(self._numbers)
        visit = Visit(self._tallies.total)
        try:
            turn = await self._turn(request, visit)
        except Declined as declined:
            visit.rejected(str(declined.complaint.reason))
            return self._delivery(request, number).page(openai.complain(declined.complaint))
        now = self._loop.time()
        if (excess := turn.excess(now)) is not None:
            visit.violated(excess.kind)
            page = openai.complain(Complaint(reason=excess, model=turn.model.name))
            return self._delivery(request, number, *turn.meters(now)).page(page)
        try:
            with self._inside(turn, visit, now):
                delivery = self._delivery(request, number, *turn.meters(now))
                speech = turn.speech(identity=f"chatcmpl-{number:08x}", created=int(time.time()))
                return await self._answer(turn, speech, visit, delivery)
        except ConnectionError:  # the client has gone: whatever is returned reaches nobody
            return web.Response()

    async def _turn(self, request: web.Request, visit: Visit) -> Turn:
        name = request.match_info["provider"]
        if name in self._tallies.providers:
            visit.at(self._tallies.providers[name])
        key = _key_of(request)
        provider = self._reception.provider(name, key)
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise Declined(Complaint(reason=Reason.TOO_LARGE)) from None
        return self._reception.turn(provider, key, body, visit)

    @contextmanager
    def _inside(self, turn: Turn, visit: Visit, now: float) -> Iterator[None]:
        """The call is let in, and being answered while inside."""
        call = asyncio.current_task()
        assert call is not None  # noqa: S101 - every request is handled by a task
        turn.enter(now)
        self._calls.add(call)
        self._idle.clear()
        try:
            with visit.in_flight(prompt_tokens=turn.call.tokens, completion_tokens=turn.tokens):
                yield
        except (asyncio.CancelledError, ConnectionError):
            if not self._closing:
                visit.left()
            raise
        finally:
            turn.leave()
            self._calls.discard(call)
            if not self._calls:
                self._idle.set()

    @staticmethod
    async def _answer(turn: Turn, speech: Speech, visit: Visit, delivery: Delivery) -> web.StreamResponse:
        fault = turn.model.fault
        if fault is None:
            reply = await delivery.utterance(openai.render(speech), turn.pace)
            visit.answered()
            return reply
        visit.met(fault.name)
        match fault.act:
            case Page() as page:
                return delivery.page(page)
            case Refuse(complaint):
                return delivery.page(openai.complain(replace(complaint, model=turn.model.name)))
            case Deviate(render):
                return await delivery.utterance(render(speech), turn.pace)
            case Hang() | Drip() | Break() as act:
                return await delivery.interrupted(openai.render(speech), turn.pace, act)
            case _:
                assert_never(fault.act)

    def _delivery(
        self, request: web.Request, number: int, requests: Meter | None = None, tokens: Meter | None = None
    ) -> Delivery:
        headers = {"x-request-id": f"req_{number:08x}", **openai.rate_headers(requests, tokens)}
        return Delivery(request, self._conveyor, headers)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        return self._listing(
            request,
            lambda provider: openai.listing(
                (model.name for model in provider.models), owner=provider.name, created=_LISTED_SINCE
            ),
        )

    async def _show(self, request: web.Request) -> web.StreamResponse:
        def show(provider: VirtualProvider) -> Page:
            model = self._reception.model(provider, request.match_info["model"])
            return openai.listed(model.name, owner=provider.name, created=_LISTED_SINCE)

        return self._listing(request, show)

    def _listing(
        self, request: web.Request, page_of: Callable[[VirtualProvider], Page]
    ) -> web.StreamResponse:
        try:
            page = page_of(self._reception.provider(request.match_info["provider"], _key_of(request)))
        except Declined as declined:
            page = openai.complain(declined.complaint)
        return self._delivery(request, next(self._numbers)).page(page)

    async def _nowhere(self, request: web.Request) -> web.StreamResponse:
        message = f"Unknown request URL: {request.method} {request.path}."
        page = openai.complain(Complaint(reason=Reason.UNKNOWN_PATH, message=message))
        return self._delivery(request, next(self._numbers)).page(page)

    async def _get_stats(self, _: web.Request) -> web.StreamResponse:
        body = msgspec.json.format(msgspec.json.encode(self.stats()), indent=2)
        return web.Response(body=body, content_type="application/json")

    async def _reset_stats(self, request: web.Request) -> web.StreamResponse:
        self.reset()
        return await self._get_stats(request)

    async def _front_page(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text=self._described())

    def _described(self) -> str:
        """What the fleet is and how it is used, for people."""
        total, fleet = self._tallies.total, self._fleet
        lines = [
            f"A simulated fleet: {len(fleet.providers)} providers, {fleet.size} models.",
            f"{total.requests} calls, {total.answered} answered.",
            "GET /stats has all counts; POST /stats/reset begins anew.",
            "",
            *(f"{self.url}{provider.path}  {len(provider.models)} models" for provider in fleet.providers),
            "",
        ]
        return "\n".join(lines)


def _key_of(request: web.Request) -> str:
    """The key of a request; empty where it brings none."""
    return request.headers.get("authorization", "").removeprefix("Bearer ").strip()
