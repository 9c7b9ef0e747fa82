"""The model over HTTP against real sockets, with a dialect of one word a line."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator, Mapping

import pytest

from panvox.dialects.ollama import Ollama
from panvox.errors import (
    Failure,
    InvalidRequest,
    Malformed,
    Overloaded,
    Owner,
    TimedOut,
    Truncated,
    Unreachable,
)
from panvox.messages import End, Event, Finish, ImagePart, Message, Prompt, Rate, ReplyBegan, Text, TextPart
from panvox.protocols import Listing, ListPage, Request
from panvox.providers.deadlines import Watchdog
from panvox.providers.http import Deadlines, HttpModel
from panvox.providers.transport import HttpTransport
from panvox.testing import check_model
from tests.hostile import LAST, OK, Exchange, HostileServer, Listener, Script, chunk, reply

SOON = 0.5  # seconds within which a server must see that its client has gone
PROMPT = Prompt.of("What is the capital of France?")
PARIS = [Text("Paris"), End(Finish.STOP)]


class Lines:
    """A dialect of lines: a word is text, END is the end, a line that starts with # is a sign of life."""

    name = "lines"

    def request(self, prompt: Prompt, model: str, *, base_url: str, key: str | None) -> Request:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return Request(
            method="POST",
            url=base_url,
            headers=headers,
            body=(model.encode(), b"\n", prompt.question.encode()),
        )

    def decoder(self, content_type: str) -> LineDecoder:
        if content_type != "text/lines":
            raise Malformed(f"these are no lines: {content_type}")
        return LineDecoder()

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        return Overloaded(
            f"{len(body)} bytes: {body[:20].decode()}", status=status, request_id=headers.get("X-Id", "")
        )

    def rates(self, headers: Mapping[str, str], *, now: float) -> tuple[Rate, ...]:
        return ()

    def listing_request(self, *, base_url: str, key: str | None, page: str = "") -> Request:
        return Request(method="GET", url=base_url, headers={})

    def listings(self, body: bytes, *, page: str = "") -> ListPage:
        return ListPage(listings=tuple(Listing(id=line.decode()) for line in body.splitlines()))

    def detail_request(self, model: str, *, base_url: str, key: str | None) -> Request | None:
        return None

    def detailed(self, listing: Listing, body: bytes) -> Listing:
        return listing


class LineDecoder:
    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Event]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line == b"END":
                yield End(Finish.STOP)
            elif not line.startswith(b"#"):
                yield Text(line.decode())

    def close(self) -> Iterator[Event]:
        if self._rest == b"DONE":
            yield End(Finish.STOP)
        else:
            raise Truncated("the lines have no end")


@pytest.fixture(autouse=True)
def nothing_goes_unheard(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No error is left for asyncio to complain of."""
    yield
    gc.collect()
    assert "never retrieved" not in caplog.text


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    async with HttpTransport() as transport:
        yield transport


def model(transport: HttpTransport, server: HostileServer, **deadlines: float) -> HttpModel:
    return HttpModel(
        name="test/paris",
        model="paris-1",
        dialect=Lines(),
        transport=transport,
        base_url=server.url,
        key="sk-secret",
        deadlines=Deadlines(**deadlines),
    )


async def ask(asked: HttpModel) -> list[Event]:
    async with asked.stream(PROMPT) as events:
        return [event async for event in events if not isinstance(event, ReplyBegan)]


async def say_paris(exchange: Exchange) -> None:
    await exchange.send(OK, chunk(b"Paris\nEND\n"), LAST)


async def hang(exchange: Exchange) -> None:
    await exchange.hang()


async def start_and_hang(exchange: Exchange) -> None:
    await exchange.send(OK, chunk(b"Paris\n"))
    await exchange.hang()


# --- answers ---


async def test_an_answer(transport: HttpTransport) -> None:
    async with HostileServer(say_paris) as server:
        assert await ask(model(transport, server)) == PARIS
        [request] = server.requests
    assert request.body == b"paris-1\nWhat is the capital of France?"
    assert request.headers["authorization"] == "Bearer sk-secret"


async def test_any_split_of_the_bytes_gives_the_same_events(transport: HttpTransport) -> None:
    async def dribble(exchange: Exchange) -> None:
        await exchange.drip(OK + chunk(b"Paris\nEND\n") + LAST, every=0.0)

    async with HostileServer(dribble) as server:
        assert await ask(model(transport, server)) == PARIS


async def test_answers_one_after_another_share_a_connection(transport: HttpTransport) -> None:
    async with HostileServer(say_paris) as server:
        for _ in range(5):
            assert await ask(model(transport, server)) == PARIS
        assert server.connections == 1


async def test_a_reply_that_ends_a_little_after_its_answer_gives_the_connection_back(
    transport: HttpTransport,
) -> None:
    async def end_in_two_steps(exchange: Exchange) -> None:
        await exchange.send(OK, chunk(b"Paris\nEND\n"))
        await asyncio.sleep(0.005)
        await exchange.send(LAST)

    async with HostileServer(end_in_two_steps) as server:
        for _ in range(3):
            assert await ask(model(transport, server)) == PARIS
        assert server.connections == 1


async def test_nothing_comes_after_the_end_and_a_reply_that_goes_on_is_left(transport: HttpTransport) -> None:
    async def go_on(exchange: Exchange) -> None:
        await exchange.send(OK, chunk(b"Paris\nEND\nLyon\n"))
        while True:
            await exchange.send(chunk(b"Lyon\nEND\n" * 1000))

    async with HostileServer(go_on) as server, asyncio.timeout(2):
        assert await ask(model(transport, server)) == PARIS
        await server.left()
        assert await ask(model(transport, server)) == PARIS
        assert server.connections == 2


async def test_a_connection_that_breaks_after_all_was_said_does_no_harm(transport: HttpTransport) -> None:
    async def break_off(exchange: Exchange) -> None:
        await exchange.send(OK, chunk(b"Paris\nDONE"))
        exchange.close()

    async with HostileServer(break_off) as server:
        assert await ask(model(transport, server)) == PARIS


# --- refusals ---


async def test_a_prompt_that_the_dialect_cannot_write_is_refused_before_anything_is_sent(
    transport: HttpTransport,
) -> None:
    image = Prompt(messages=(Message("user", (TextPart("What?"), ImagePart("https://a.example/cat.png"))),))
    async with HostileServer(say_paris) as server:
        asked = HttpModel(
            name="a/b", model="b", dialect=Ollama(), transport=transport, base_url=server.url, key="sk-secret"
        )
        with pytest.raises(InvalidRequest, match="Ollama fetches no images") as refused:
            async with asked.stream(image):
                pass
        assert server.requests == []
    assert refused.value.fault.owner is Owner.PROMPT
    assert "leave this model out" in refused.value.fault.hint


async def test_a_refusal_is_told_by_the_dialect(transport: HttpTransport) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.send(reply(b"busy", status="503 Busy", headers="X-Id: 7\r\n"))

    async with HostileServer(refuse) as server:
        with pytest.raises(Overloaded, match=r"^4 bytes: busy$") as caught:
            await ask(model(transport, server))
        assert (caught.value.fault.status, caught.value.fault.request_id) == (503, "7")
        with pytest.raises(Overloaded):
            await ask(model(transport, server))
        assert server.connections == 1


async def test_a_refusal_of_five_megabytes_is_read_in_part(transport: HttpTransport) -> None:
    async def refuse_at_length(exchange: Exchange) -> None:
        await exchange.send(reply(b"x" * 5_000_000, status="500 Oh"))

    async with HostileServer(refuse_at_length) as server:
        with pytest.raises(Overloaded, match=r"^65536 bytes: xxx"):
            await ask(model(transport, server))
        async with asyncio.timeout(SOON):
            await server.left()


async def test_a_refusal_that_breaks_off_is_a_refusal_all_the_same(transport: HttpTransport) -> None:
    async def mumble(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 500 Oh\r\nContent-Length: 100\r\n\r\nbusy")
        exchange.close()

    async with HostileServer(mumble) as server:
        with pytest.raises(Overloaded, match=r"^4 bytes: busy$"):
            await ask(model(transport, server))


async def test_a_reply_in_another_language_is_left_to_the_dialect(transport: HttpTransport) -> None:
    async def show_a_page(exchange: Exchange) -> None:
        await exchange.send(reply(b"<html>", kind="text/html"))

    async with HostileServer(show_a_page) as server:
        with pytest.raises(Malformed, match="no lines: text/html"):
            await ask(model(transport, server))


# --- breaks ---


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_what_came_before_a_break_is_told_before_it(transport: HttpTransport, end: str) -> None:
    async def break_off(exchange: Exchange) -> None:
        await exchange.send(OK, chunk(b"Paris\nis"))
        await asyncio.sleep(0.02)
        getattr(exchange, end)()

    got: list[Event] = []

    async def collect() -> None:
        async with model(transport, server).stream(PROMPT) as events:
            assert isinstance(await anext(events), ReplyBegan)
            async for event in events:
                got.append(event)  # noqa: PERF401 - a comprehension would lose them

    async with HostileServer(break_off) as server:
        with pytest.raises(Truncated, match=f"127.0.0.1:{server.port} closed the connection"):
            await collect()
    assert got == [Text("Paris")]


async def test_an_orderly_end_without_an_end_event_is_left_to_the_dialect(transport: HttpTransport) -> None:
    async def stop_short(exchange: Exchange) -> None:
        await exchange.send(OK, chunk(b"Paris\n"), LAST)

    async with HostileServer(stop_short) as server:
        with pytest.raises(Truncated, match="the lines have no end"):
            await ask(model(transport, server))


# --- deadlines ---


async def drip_without_an_event(exchange: Exchange) -> None:
    await exchange.send(OK)
    await exchange.drip(b"".join(chunk(b"x") for _ in range(1000)), every=0.005)


async def live_without_an_event(exchange: Exchange, *, first: bytes = b"") -> None:
    await exchange.send(OK, first)
    for _ in range(1000):
        await exchange.send(chunk(b"#\n"))
        await asyncio.sleep(0.01)


async def hang_after_the_head(exchange: Exchange) -> None:
    await exchange.send(OK)
    await exchange.hang()


async def hang_in_the_head(exchange: Exchange) -> None:
    await exchange.send(OK[:20])
    await exchange.hang()


@pytest.mark.parametrize(
    "script", [hang, hang_in_the_head, hang_after_the_head, drip_without_an_event, live_without_an_event]
)
async def test_the_first_token_has_a_deadline(transport: HttpTransport, script: Script) -> None:
    async with HostileServer(script) as server:
        with pytest.raises(TimedOut, match=r"^test/paris had sent no token after 0\.1 s\.$") as caught:
            await ask(model(transport, server, first_token=0.1))
        assert "network.first_token_timeout" in caught.value.fault.hint
        async with asyncio.timeout(SOON):
            await server.left()


async def test_silence_in_an_answer_has_a_deadline(transport: HttpTransport) -> None:
    async with HostileServer(start_and_hang) as server:
        with pytest.raises(TimedOut, match=r"^test/paris fell silent for 0\.1 s in its answer\.$"):
            await ask(model(transport, server, idle=0.1))
        async with asyncio.timeout(SOON):
            await server.left()


async def test_signs_of_life_end_the_silence(transport: HttpTransport) -> None:
    async def think(exchange: Exchange) -> None:
        await exchange.send(OK, chunk(b"Paris\n"))
        for _ in range(8):
            await asyncio.sleep(0.05)
            await exchange.send(chunk(b"# still here\n"))
        await exchange.send(chunk(b"END\n"), LAST)

    async with HostileServer(think) as server:
        assert await ask(model(transport, server, idle=0.2)) == PARIS


async def test_an_answer_that_drips_for_ever_has_a_deadline(transport: HttpTransport) -> None:
    async def drip(exchange: Exchange) -> None:
        await live_without_an_event(exchange, first=chunk(b"Paris\n"))

    async with HostileServer(drip) as server:
        with pytest.raises(TimedOut, match=r"^test/paris was not done after 0\.2 s\.$"):
            await ask(model(transport, server, idle=0.1, total=0.2))
        async with asyncio.timeout(SOON):
            await server.left()


async def test_connecting_has_a_deadline(transport: HttpTransport) -> None:
    class Mute(Listener):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()

    async with Mute() as server:
        asked = HttpModel(
            name="test/mute",
            model="mute",
            dialect=Lines(),
            transport=transport,
            base_url=f"https://127.0.0.1:{server.port}/",
            deadlines=Deadlines(connect=0.1),
        )
        with pytest.raises(TimedOut, match=r"took no connection within 0\.1 s"):
            await ask(asked)


async def test_the_time_of_a_slow_reader_is_not_the_providers(transport: HttpTransport) -> None:
    async def say_it_in_two(exchange: Exchange) -> None:
        await exchange.send(OK, chunk(b"Paris\n"))
        await asyncio.sleep(0.02)
        await exchange.send(chunk(b"END\n"), LAST)

    async with HostileServer(say_it_in_two) as server:
        got = []
        async with model(transport, server, idle=0.1).stream(PROMPT) as events:
            assert isinstance(await anext(events), ReplyBegan)
            async for event in events:
                got.append(event)
                await asyncio.sleep(0.25)
    assert got == PARIS


@pytest.mark.looptime  # two timers of true time may ring in different turns of the loop
async def test_a_cancellation_in_the_moment_of_a_deadline_is_not_lost() -> None:
    watchdog = Watchdog(Deadlines(first_token=0.05), "test/paris")

    async def wait() -> None:
        with watchdog:
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(wait())
        await asyncio.sleep(0)
        # The timer of the watchdog was set first; the cancellation falls into the same turn of the loop.
        asyncio.get_running_loop().call_later(0.05, waiting.cancel)
        await asyncio.wait([waiting])
    assert waiting.cancelled()


async def test_a_task_that_met_a_deadline_is_not_left_half_cancelled() -> None:
    watchdog = Watchdog(Deadlines(first_token=0.01), "test/paris")
    with pytest.raises(TimedOut), watchdog:
        await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


# --- leaving ---


async def test_leaving_early_reaches_the_server(transport: HttpTransport) -> None:
    async with HostileServer(start_and_hang) as server:
        async with model(transport, server).stream(PROMPT) as events:
            assert isinstance(await anext(events), ReplyBegan)
            assert await anext(events) == Text("Paris")
        async with asyncio.timeout(SOON):
            await server.left()


@pytest.mark.parametrize("script", [hang, hang_after_the_head, start_and_hang])
async def test_a_cancellation_reaches_the_server(transport: HttpTransport, script: Script) -> None:
    async with HostileServer(script) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await ask(model(transport, server))
        async with asyncio.timeout(SOON):
            await server.left()


async def test_the_promises_of_a_model(transport: HttpTransport) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.send(reply(b"busy", status="503 Busy"))

    async with (
        HostileServer(say_paris) as good,
        HostileServer(refuse) as bad,
        HostileServer(start_and_hang) as slow,
    ):
        tasks = len(asyncio.all_tasks())

        async def at_rest() -> bool:
            await asyncio.sleep(0)
            return len(asyncio.all_tasks()) <= tasks + good.connections + bad.connections

        await check_model(
            answering=model(transport, good),
            failing=model(transport, bad),
            endless=model(transport, slow),
            at_rest=at_rest,
        )


async def test_one_bad_server_does_not_hold_up_the_others(transport: HttpTransport) -> None:
    async def rave(exchange: Exchange) -> None:
        await exchange.send(OK)
        while True:
            await exchange.send(chunk((b"x" * 200 + b"\n") * 1000))

    async with HostileServer(rave) as bad, HostileServer(say_paris) as good, asyncio.TaskGroup() as tasks:
        raving = [tasks.create_task(ask(model(transport, bad))) for _ in range(3)]
        async with asyncio.timeout(5):
            for _ in range(20):
                assert await ask(model(transport, good)) == PARIS
        for task in raving:
            task.cancel()


async def test_the_key_is_shown_nowhere(transport: HttpTransport) -> None:
    async with HostileServer(say_paris) as server:
        asked = model(transport, server)
    with pytest.raises(Unreachable) as caught:
        await ask(asked)
    assert "sk-secret" not in f"{asked!r} {caught.value!r} {caught.value.fault}"
