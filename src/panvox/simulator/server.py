"""The fleet on a port of this machine.

request ─► door ─► provider ─► key ─► call ─► model ─► words ─► limits ─► reply, or the model's fault
            └───────┴────────┴───────┴────────┴────────┴────────┴─────► refusal in the dialect's spelling

Which doors there are and what is said at them is the dialects' affair: see `spelling`.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from itertools import count
from typing import NamedTuple, assert_never

import msgspec
from aiohttp import web

from panvox.errors import UsageError
from panvox.simulator.bombs import bomb
from panvox.simulator.conveyor import Conveyor
from panvox.simulator.delivery import Delivery
from panvox.simulator.exchange import Asked, Complaint, Declined, Page, Reason, Speech, Utterance
from panvox.simulator.faults import Bomb, Break, Deviate, Drip, Fault, Hang, Nothing, Refuse
from panvox.simulator.fleet import Fleet, Outage, Tells, VirtualProvider
from panvox.simulator.latency import Pace
from panvox.simulator.limits import Excess, Kind
from panvox.simulator.listener import QUEUE, listen, url_of
from panvox.simulator.reception import Reception, Turn
from panvox.simulator.spelling import Chat, Look, Spelling, Standing, Voice
from panvox.simulator.spellings import find_spelling
from panvox.simulator.stats import Stats, Tallies, Visit

_LARGEST_REQUEST = 64 * 2**20  # bytes
_CLOSING = 1.0  # seconds
_BARE = Page(status=429, content_type="text/plain", body=b"Too Many Requests\n")


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
        await web.SockSite(runner, listener, backlog=QUEUE).start()
        simulator.open()
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
        self._calls: dict[asyncio.Task[object], str] = {}
        self._began = self._loop.time()
        self._breaks: list[asyncio.TimerHandle] = []
        self._broken: set[asyncio.Task[object]] = set()
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

    def open(self) -> None:
        """From now on the times of outages count."""
        self._began = self._loop.time()
        self._breaks = [
            self._loop.call_at(self._began + outage.start, self._break_off, provider.name)
            for provider in self._fleet.providers
            for outage in provider.outages
            if outage.gone
        ]

    async def close(self) -> None:
        """Break off the calls that are still in flight; they count as neither answered nor left."""
        self._closing = True
        for timer in self._breaks:
            timer.cancel()
        for call in self._calls:
            call.cancel()
        await self.wait_idle()

    def _break_off(self, provider: str) -> None:
        for call, asked in self._calls.items():
            if asked == provider:
                self._broken.add(call)
                call.cancel()

    def _outage(self, provider: VirtualProvider) -> Outage | None:
        return provider.outage(self._loop.time() - self._began)

    def _gone(self, name: str) -> bool:
        """Whether a provider of this name takes no call now."""
        outages = (self._outage(each) for each in self._fleet.providers if each.name == name)
        return any(outage is not None and outage.gone for outage in outages)

    # --- routes ------------------------------------------------------------------------------------

    def application(self) -> web.Application:
        """What is found under which address."""
        application = web.Application(client_max_size=_LARGEST_REQUEST)
        application.add_routes(
            (
                web.get("/stats", self._get_stats),
                web.post("/stats/reset", self._reset_stats),
                web.get("/", self._front_page),
                web.route("*", "/{provider}/{path:.*}", self._open),
                web.route("*", "/{path:.*}", self._nowhere),
            )
        )
        return application

    async def _open(self, request: web.Request) -> web.StreamResponse:
        """The door of a provider that the request is at."""
        name = request.match_info["provider"]
        if self._gone(name):
            return _hung_up(request)
        call = _Knock(request, next(self._numbers), self._reception.spelling(name))
        try:
            door = call.spelling.door(call.asked)
        except Declined as declined:
            return self._declined(call, call.spelling.voice, declined.complaint)
        match door:
            case Chat():
                return await self._chat(call, door)
            case Look():
                return await self._look(call, door)
            case _:
                assert_never(door)

    def _declined(
        self, call: _Knock, voice: Voice, complaint: Complaint, standing: Standing | None = None
    ) -> web.StreamResponse:
        return self._delivery(call, voice, standing).page(_complained(voice, complaint, call.identity))

    def _delivery(self, call: _Knock, voice: Voice, standing: Standing | None = None) -> Delivery:
        told = standing or Standing(request=call.identity, now=time.time())
        return Delivery(call.request, self._conveyor, voice.headers(told))

    # --- models that are asked ---------------------------------------------------------------------

    async def _chat(self, call: _Knock, door: Chat) -> web.StreamResponse:
        visit = Visit(self._tallies.total)
        try:
            turn = await self._turn(call, door, visit)
        except Declined as declined:
            visit.rejected(str(declined.complaint.reason))
            return self._declined(call, door.voice, declined.complaint)
        now = self._loop.time()
        if (excess := turn.excess(now)) is not None:
            visit.violated(excess.kind)
            return self._refused(call, door.voice, turn, turn.refuse(now, excess))
        try:
            with self._inside(turn, visit, now):
                delivery = self._delivery(call, door.voice, _standing(call, turn, now))
                speech = turn.speech(identity=f"{call.number:08x}", created=int(time.time()))
                return await self._answer(_Answer(turn, speech, door.voice, delivery), visit, call.identity)
        except ConnectionError:  # the client has gone: whatever is returned reaches nobody
            return web.Response()

    def _refused(self, call: _Knock, voice: Voice, turn: Turn, excess: Excess) -> web.StreamResponse:
        """What a call is told that is more than the limits allow."""
        passing = excess.kind not in {Kind.MONEY, Kind.TOO_LARGE}
        if turn.provider.tells is Tells.NOTHING and passing:
            return self._delivery(call, voice).page(_BARE)
        complaint = Complaint(reason=excess, model=turn.model.name)
        return self._declined(call, voice, complaint, _standing(call, turn, self._loop.time()))

    async def _turn(self, call: _Knock, door: Chat, visit: Visit) -> Turn:
        name = call.request.match_info["provider"]
        if name in self._tallies.providers:
            visit.at(self._tallies.providers[name])
        provider, key = self._reception.provider(name), call.spelling.key(call.asked)
        self._reception.admit(provider, key)
        self._check_open(provider)
        return self._reception.turn(provider, key, door.read(await call.body()), visit)

    def _check_open(self, provider: VirtualProvider) -> None:
        """Raises `Declined` (503) while `provider` is out."""
        if self._outage(provider) is not None:
            raise Declined(Complaint(reason=Reason.UNAVAILABLE))

    @contextmanager
    def _inside(self, turn: Turn, visit: Visit, now: float) -> Iterator[None]:
        """The call is let in, and being answered while inside."""
        call = asyncio.current_task()
        assert call is not None  # noqa: S101 - every request is handled by a task
        turn.enter(now)
        self._calls[call] = turn.provider.name
        self._idle.clear()
        try:
            with visit.in_flight(prompt_tokens=turn.call.tokens, completion_tokens=turn.tokens):
                yield
        except (asyncio.CancelledError, ConnectionError):
            if not (self._closing or call in self._broken):
                visit.left()
            raise
        finally:
            turn.leave()
            del self._calls[call]
            self._broken.discard(call)
            if not self._calls:
                self._idle.set()

    async def _answer(self, answer: _Answer, visit: Visit, identity: str) -> web.StreamResponse:
        turn, speech, voice, delivery = answer
        fault = self._reception.fault(turn, voice)
        if fault is None:
            reply = await delivery.utterance(voice.render(speech), turn.pace)
            visit.answered()
            return reply
        visit.met(fault.name)
        match fault.act:
            case Page() as page:
                return delivery.page(page)
            case Refuse(complaint):
                told = replace(complaint, model=turn.model.name)
                return delivery.page(_complained(voice, told, identity))
            case Deviate(render):
                return await delivery.utterance(render(speech), turn.pace)
            case Hang() | Drip() | Break() as act:
                return await delivery.interrupted(voice.render(speech), turn.pace, act)
            case Nothing():
                return delivery.page(Page(status=200, content_type=voice.stream_type, body=b""))
            case Bomb(size):
                return delivery.page(bomb(speech, voice, size))
            case _:
                assert_never(fault.act)

    # --- what a provider tells ---------------------------------------------------------------------

    async def _look(self, call: _Knock, door: Look) -> web.StreamResponse:
        try:
            provider = self._reception.provider(call.request.match_info["provider"])
            if not door.open:
                self._reception.admit(provider, call.spelling.key(call.asked))
            self._check_open(provider)
            page = door.page(self._reception.offer(provider, time.time()), await call.body())
        except Declined as declined:
            return self._declined(call, door.voice, declined.complaint)
        delivery = self._delivery(call, door.voice)
        try:
            return await self._shown(page, provider.list_fault, door.voice, delivery, call.identity)
        except ConnectionError:
            return web.Response()

    @staticmethod
    async def _shown(
        page: Page, fault: Fault | None, voice: Voice, delivery: Delivery, identity: str
    ) -> web.StreamResponse:
        """The page, or what a fault makes of it."""
        match fault.act if fault else page:
            case Page() as shown:
                return delivery.page(shown)
            case Refuse(complaint):
                return delivery.page(_complained(voice, complaint, identity))
            case Hang() | Drip() | Break() as act:
                usual = Utterance(content_type=page.content_type, pieces=(page.body,))
                return await delivery.interrupted(usual, Pace(first=0.0, interval=0.0), act)
            case Nothing():
                return delivery.page(replace(page, body=b""))
            case Deviate() | Bomb():
                return delivery.page(page)
            case other:
                assert_never(other)

    async def _nowhere(self, request: web.Request) -> web.StreamResponse:
        call = _Knock(request, next(self._numbers), find_spelling("openai"))
        return self._declined(call, call.spelling.voice, call.asked.nowhere().complaint)

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


class _Knock:
    """A request at a provider's address, numbered."""

    def __init__(self, request: web.Request, number: int, spelling: Spelling) -> None:
        self.request = request
        self.number = number
        self.spelling = spelling
        self.identity = f"req_{number:08x}"
        self.asked = Asked(
            method=request.method,
            path=request.path.removeprefix(f"/{request.match_info.get('provider', '')}"),
            query=request.query,
            headers=request.headers,
        )

    async def body(self) -> bytes:
        """What it brings. Raises `Declined` (413)."""
        try:
            return await self.request.read()
        except web.HTTPRequestEntityTooLarge:
            raise Declined(Complaint(reason=Reason.TOO_LARGE)) from None


class _Answer(NamedTuple):
    """What is about to be said, and how."""

    turn: Turn
    speech: Speech
    voice: Voice
    delivery: Delivery


def _hung_up(request: web.Request) -> web.Response:
    """The connection is closed without a reply."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


def _complained(voice: Voice, complaint: Complaint, identity: str) -> Page:
    return voice.complain(replace(complaint, request=identity, now=time.time()))


def _standing(call: _Knock, turn: Turn, now: float) -> Standing:
    return Standing(request=call.identity, now=time.time(), meters=turn.meters(now))
