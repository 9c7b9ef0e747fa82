"""The transport against real sockets: what it sends, what it survives, what it gives back."""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from panvox.errors import (
    Category,
    Failure,
    InvalidRequest,
    Malformed,
    Owner,
    SettingsError,
    TimedOut,
    Truncated,
    Unreachable,
)
from panvox.protocols import Request
from panvox.providers.transport import Caps, HttpTransport
from panvox.settings import WayOut
from tests.hostile import (
    AUTHORITY,
    OK,
    Exchange,
    HostileServer,
    Listener,
    bomb,
    chunk,
    reply,
)

SOON = 0.5  # seconds within which a server must see that its client has gone


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


def post(url: str, *body: bytes, **headers: str) -> Request:
    return Request(method="POST", url=url, headers=headers, body=body or (b"prompt",))


async def fetch(transport: HttpTransport, request: Request, *, connect_timeout: float = 5.0) -> bytes:
    async with transport.send(request, connect_timeout=connect_timeout) as answer:
        return b"".join([data async for data in answer.chunks()])


async def collect(
    transport: HttpTransport, request: Request, pieces: list[bytes], *, after: float = 0.0
) -> None:
    """Put what comes into `pieces`, where it stays when a failure follows."""
    async with transport.send(request, connect_timeout=5) as reply:
        await asyncio.sleep(after)
        async for piece in reply.chunks():
            pieces.append(piece)  # noqa: PERF401 - a comprehension would lose them


async def watch_memory(transport: HttpTransport, request: Request, growth: list[int]) -> None:
    """Read a reply and put into `growth` by how many bytes this process has grown, at each piece."""
    before = resident()
    async with transport.send(request, connect_timeout=5) as reply:
        async for _ in reply.chunks():
            growth.append(resident() - before)  # noqa: PERF401 - a comprehension would lose them


async def answer(exchange: Exchange) -> None:
    await exchange.send(reply(b"answer"))


async def hang(exchange: Exchange) -> None:
    await exchange.hang()


def resident() -> int:
    """Bytes of memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


# --- what is sent ---


async def test_the_pieces_of_a_body_arrive_as_one(transport: HttpTransport) -> None:
    pieces = (b'{"model":"a",', b"x" * 200_000, b"", b"}")
    async with HostileServer(answer) as server:
        await fetch(transport, post(server.url, *pieces, Authorization="Bearer key"))
        [request] = server.requests
    assert request.body == b"".join(pieces)
    assert request.method == "POST"
    assert request.target == "/v1"
    assert request.headers["authorization"] == "Bearer key"
    assert request.headers["user-agent"].startswith("panvox/")
    assert "gzip" not in request.headers["accept-encoding"]


async def test_a_long_piece_that_requests_share_is_not_copied(transport: HttpTransport) -> None:
    class Sink(Listener):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            left = 4 * len(shared)
            while left > 0:
                left -= len(await reader.read(1 << 16))
            writer.write(reply(b""))

    shared = b"x" * (1 << 22)
    async with Sink() as server:
        request = post(f"http://127.0.0.1:{server.port}", shared, shared, shared, shared)
        tracemalloc.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(4):
                    tasks.create_task(fetch(transport, request))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < len(shared), "64 MiB were sent, and less than 4 held at any time"


@pytest.mark.parametrize("body", [(), (b"{}",), (b"x" * 200_000,)], ids=["none", "short", "long"])
async def test_a_reply_tells_when_its_request_had_been_written(
    transport: HttpTransport, body: tuple[bytes, ...]
) -> None:
    time = asyncio.get_running_loop().time
    async with HostileServer(answer) as server:
        began = time()
        async with transport.send(post(server.url, *body), connect_timeout=5) as told:
            assert told.sent is not None
            assert began <= told.sent <= time()


async def test_cookies_are_not_sent_back(transport: HttpTransport) -> None:
    async def tempt(exchange: Exchange) -> None:
        await exchange.send(reply(b"", headers="Set-Cookie: crumb=1; Path=/\r\n"))

    async with HostileServer(tempt) as server:
        await fetch(transport, post(server.url))
        await fetch(transport, post(server.url))
        assert all("cookie" not in request.headers for request in server.requests)


async def test_a_key_with_a_line_break_is_refused_and_not_shown(transport: HttpTransport) -> None:
    async with HostileServer(answer) as server:
        with pytest.raises(InvalidRequest, match="control character") as caught:
            await fetch(transport, post(server.url, Authorization="Bearer sk-123\nX: y"))
    assert "sk-123" not in f"{caught.value} {caught.value.fault}"


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/", "http://", "http://[::1", "https://a..b/"])
async def test_an_address_that_cannot_be_asked(transport: HttpTransport, url: str) -> None:
    with pytest.raises(Unreachable) as caught:
        await fetch(transport, post(url))
    assert caught.value.fault.owner is Owner.US
    assert "base_url" in caught.value.fault.hint


# --- connections ---


async def test_a_connection_is_used_again_after_a_whole_reply(transport: HttpTransport) -> None:
    async with HostileServer(answer) as server:
        for _ in range(3):
            assert await fetch(transport, post(server.url)) == b"answer"
        assert server.connections == 1


async def test_a_connection_with_bytes_left_is_not_used_again(transport: HttpTransport) -> None:
    async def answer_slowly(exchange: Exchange) -> None:
        await exchange.send(OK, chunk(b"first"))
        await exchange.hang()

    async with HostileServer(answer_slowly) as server:
        for _ in range(2):
            async with transport.send(post(server.url), connect_timeout=5) as slow:
                assert await anext(slow.chunks()) == b"first"
            async with asyncio.timeout(SOON):
                await server.left()
        assert server.connections == 2


async def test_requests_do_not_wait_for_one_another(transport: HttpTransport) -> None:
    arrived = asyncio.Event()

    async def answer_when_all_are_here(exchange: Exchange) -> None:
        if len(server.requests) == 300:
            arrived.set()
        await arrived.wait()
        await exchange.send(reply(b"answer"))

    async with HostileServer(answer_when_all_are_here) as server, asyncio.TaskGroup() as tasks:
        for _ in range(300):
            tasks.create_task(fetch(transport, post(server.url)))


async def test_requests_wait_for_their_turn_where_files_are_short() -> None:
    code = """
import asyncio, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (170, 170))
from panvox.protocols import Request
from panvox.providers.transport import HttpTransport

async def ask(transport, host):
    request = Request(method="POST", url=f"http://{host}:{sys.argv[1]}/", headers={}, body=(b"prompt",))
    async with transport.send(request, connect_timeout=5) as answer:
        return [data async for data in answer.chunks()]

async def main():
    async with HttpTransport() as transport:
        for part in range(2):  # connections of the first part are kept, and must not starve the second
            async with asyncio.TaskGroup() as tasks:
                calls = [tasks.create_task(ask(transport, f"127.0.{part}.{n}")) for n in range(1, 201)]
            assert all(call.result() == [b"answer"] for call in calls)

asyncio.run(main())
"""

    class Everywhere(HostileServer):
        address = "0.0.0.0"

    async with Everywhere(answer) as server:
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(server.port))
        assert await child.wait() == 0
        assert len(server.requests) == 400


async def test_a_name_that_does_not_exist(transport: HttpTransport) -> None:
    with pytest.raises(Unreachable, match=r"name of nosuch\.invalid:443 cannot be resolved") as caught:
        await fetch(transport, post("https://nosuch.invalid/v1"))
    assert "base_url" in caught.value.fault.hint


async def test_nobody_listens(transport: HttpTransport) -> None:
    async with HostileServer(answer) as server:
        pass
    with pytest.raises(
        Unreachable, match=rf"No connection to 127\.0\.0\.1:{server.port}: connection refused\."
    ):
        await fetch(transport, post(server.url))


async def test_a_server_that_never_greets_meets_the_connect_deadline(transport: HttpTransport) -> None:
    class Mute(Listener):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()

    async with Mute() as server:
        with pytest.raises(TimedOut, match=r"took no connection within 0\.1 s") as caught:
            await fetch(transport, post(f"https://127.0.0.1:{server.port}"), connect_timeout=0.1)
        assert caught.value.fault.owner is Owner.NETWORK
        async with asyncio.timeout(SOON):
            await server.left()


# --- heads ---


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(transport: HttpTransport, status: int) -> None:
    async def redirect(exchange: Exchange) -> None:
        await exchange.send(
            reply(b"", status=f"{status} Go", headers=f"Location: {server.url}/elsewhere\r\n")
        )

    async with HostileServer(redirect) as server:
        with pytest.raises(Malformed, match=f"redirects to {server.url}/elsewhere;") as caught:
            await fetch(transport, post(server.url))
        assert caught.value.fault.status == status
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"HTTP/1.1 200 " + b"x" * 5_000_000, id="status line of 5 MB"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5_000_000, id="header of 5 MB"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000, id="50,000 headers"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="another protocol"),
        pytest.param(OK + b"no size\r\n", id="chunk without a size"),
        pytest.param(OK + b"f" * 5_000_000, id="chunk of endless size"),
        pytest.param(reply(b"x", headers="Content-Encoding: br\r\n"), id="packing that was not asked for"),
    ],
)
async def test_what_is_no_http_is_malformed(transport: HttpTransport, head: bytes) -> None:
    async def babble(exchange: Exchange) -> None:
        await exchange.send(head)
        await exchange.hang()

    async with HostileServer(babble) as server:
        with pytest.raises(Malformed, match=f"reply of 127.0.0.1:{server.port} is no HTTP") as caught:
            await fetch(transport, post(server.url))
        async with asyncio.timeout(SOON):
            await server.left()
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_connection_that_ends_without_a_reply(transport: HttpTransport, end: str) -> None:
    async def leave(exchange: Exchange) -> None:
        await asyncio.sleep(0)
        getattr(exchange, end)()

    async with HostileServer(leave) as server:
        with pytest.raises(Unreachable, match=f"127.0.0.1:{server.port}"):
            await fetch(transport, post(server.url))


# --- bodies ---


async def test_a_reply_that_ends_with_its_connection(transport: HttpTransport) -> None:
    async def speak_old_http(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.0 200 OK\r\nContent-Type: text/lines\r\n\r\n", b"answer")
        exchange.close()

    async with HostileServer(speak_old_http) as server:
        assert await fetch(transport, post(server.url)) == b"answer"
        assert await fetch(transport, post(server.url)) == b"answer"
        assert server.connections == 2


async def test_headers_are_found_in_any_spelling(transport: HttpTransport) -> None:
    async with HostileServer(answer) as server, transport.send(post(server.url), connect_timeout=5) as head:
        assert head.status == 200
        assert head.headers["content-TYPE"] == "text/lines"


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("pause", [0.0, 0.1], ids=["reader waits", "reader is late"])
async def test_what_came_before_a_break_is_kept(transport: HttpTransport, end: str, pause: float) -> None:
    async def break_off(exchange: Exchange) -> None:
        await exchange.send(OK, chunk(b"first "))
        await asyncio.sleep(0.02)
        await exchange.send(chunk(b"second"))
        await asyncio.sleep(0.02)
        getattr(exchange, end)()

    got: list[bytes] = []
    async with HostileServer(break_off) as server:
        with pytest.raises(Truncated, match=f"127.0.0.1:{server.port} closed the connection"):
            await collect(transport, post(server.url), got, after=pause)
    assert b"".join(got) == b"first second"


async def test_a_body_that_stops_being_http_half_way(transport: HttpTransport) -> None:
    """By itself, aiohttp 3.14 closes the connection and leaves whoever waits for more to wait for ever."""

    async def lose_the_thread(exchange: Exchange) -> None:
        await exchange.send(OK, chunk(b"first"))
        await asyncio.sleep(0.02)
        await exchange.send(b"no size\r\n")
        await exchange.hang()

    got: list[bytes] = []
    async with HostileServer(lose_the_thread) as server, asyncio.timeout(2):
        with pytest.raises(Malformed, match="is no HTTP"):
            await collect(transport, post(server.url), got)
    assert got == [b"first"]


@pytest.mark.parametrize("asked", ["identity", "gzip"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_packed_bomb_is_defused(asked: str, version: str) -> None:
    async def throw(exchange: Exchange) -> None:
        packed = bomb(256)
        head = f"HTTP/{version} 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
        await exchange.send(head.encode(), packed)

    growth: list[int] = []
    async with HostileServer(throw) as server, HttpTransport(caps=Caps(body=1 << 27)) as transport:
        with pytest.raises(Malformed, match="longer than 134,217,728 bytes"):
            await watch_memory(transport, post(server.url, **{"Accept-Encoding": asked}), growth)
    assert max(growth) < 100e6


async def test_a_packed_reply_is_unpacked_though_nobody_asked(transport: HttpTransport) -> None:
    async def pack(exchange: Exchange) -> None:
        await exchange.send(reply(bomb(1), headers="Content-Encoding: gzip\r\n"))

    async with HostileServer(pack) as server:
        assert await fetch(transport, post(server.url)) == bytes(1 << 20)


async def test_a_reply_that_cannot_be_unpacked(transport: HttpTransport) -> None:
    async def lie(exchange: Exchange) -> None:
        await exchange.send(reply(b"not packed at all", headers="Content-Encoding: gzip\r\n"))

    async with HostileServer(lie) as server:
        with pytest.raises(Malformed, match="cannot be unpacked"):
            await fetch(transport, post(server.url))


async def test_an_endless_reply_is_cut_off() -> None:
    async def rave(exchange: Exchange) -> None:
        await exchange.send(OK)
        while True:
            await exchange.send(chunk(b"x" * 65_536))

    growth: list[int] = []
    async with HostileServer(rave) as server, HttpTransport(caps=Caps(body=1 << 26)) as transport:
        with pytest.raises(Malformed, match="longer than 67,108,864 bytes"):
            await watch_memory(transport, post(server.url), growth)
        async with asyncio.timeout(SOON):
            await server.left()
    assert max(growth) < 100e6


async def test_a_slow_reader_makes_the_server_wait(transport: HttpTransport) -> None:
    sent = 0

    async def rave(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.send(OK)
        while True:
            await exchange.send(chunk(b"x" * 65_536))
            sent += 65_536

    async with HostileServer(rave) as server, transport.send(post(server.url), connect_timeout=5):
        before = resident()
        await asyncio.sleep(0.2)
        assert resident() - before < 100e6
        assert sent < 50e6


# --- cancelling ---


async def test_a_cancelled_request_leaves_a_server_that_has_not_answered(transport: HttpTransport) -> None:
    async with HostileServer(hang) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await fetch(transport, post(server.url))
        async with asyncio.timeout(SOON):
            await server.left()


async def test_a_cancelled_request_leaves_a_server_that_is_answering(transport: HttpTransport) -> None:
    async def never_end(exchange: Exchange) -> None:
        await exchange.send(OK, chunk(b"first"))
        await exchange.hang()

    async with HostileServer(never_end) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await fetch(transport, post(server.url))
        async with asyncio.timeout(SOON):
            await server.left()


async def test_a_cancelled_request_leaves_a_server_that_does_not_read_it(transport: HttpTransport) -> None:
    class Deaf(Listener):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await released.wait()  # the buffers in between are full by then
            await reader.read()

    released = asyncio.Event()
    async with Deaf() as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await fetch(transport, post(f"http://127.0.0.1:{server.port}", b"x" * 20_000_000))
        released.set()
        async with asyncio.timeout(SOON):
            await server.left()


async def test_a_request_that_waits_for_its_turn_can_be_cancelled(transport: HttpTransport) -> None:
    async with HostileServer(answer) as server, asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(fetch(transport, post(server.url)))
        waiting.cancel()
        await asyncio.wait([waiting])
        assert await fetch(transport, post(server.url)) == b"answer"


# --- certificates ---


async def test_a_certificate_of_nobody_is_not_trusted(transport: HttpTransport) -> None:
    async with HostileServer(answer, tls=True) as server:
        with pytest.raises(
            Unreachable, match=f"certificate of 127.0.0.1:{server.port} is not trusted"
        ) as caught:
            await fetch(transport, post(server.url))
        assert "network.ca_file" in caught.value.fault.hint
        assert not server.requests


async def test_an_authority_of_ones_own_can_be_named() -> None:
    async with (
        HostileServer(answer, tls=True) as server,
        HttpTransport(way=WayOut(ca_file=AUTHORITY)) as transport,
    ):
        assert await fetch(transport, post(server.url)) == b"answer"


async def test_a_server_without_tls_is_asked_for_it(transport: HttpTransport) -> None:
    class Plain(Listener):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(5)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with Plain() as server:
        with pytest.raises(Unreachable, match=f"127.0.0.1:{server.port} speaks no TLS"):
            await fetch(transport, post(f"https://127.0.0.1:{server.port}"))


@pytest.mark.parametrize("text", ["", "no certificate"])
def test_a_file_of_certificates_that_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"network\.ca_file = .*ca\.pem"):
        HttpTransport(way=WayOut(ca_file=file))
    with pytest.raises(SettingsError, match="No such file"):
        HttpTransport(way=WayOut(ca_file=tmp_path / "missing.pem"))


# --- ending ---


async def test_every_failure_says_whose_it_is_and_what_to_do(transport: HttpTransport) -> None:
    with pytest.raises(Failure) as caught:
        await fetch(transport, post("http://127.0.0.1:1/v1"))
    fault = caught.value.fault
    assert fault.category is Category.UNREACHABLE
    assert fault.owner is Owner.NETWORK
    assert fault.message == str(caught.value)
    assert fault.hint


async def test_leaving_closes_every_connection() -> None:
    async with HostileServer(answer) as server:
        async with HttpTransport() as transport:
            await fetch(transport, post(server.url))
        async with asyncio.timeout(SOON):
            await server.left()
