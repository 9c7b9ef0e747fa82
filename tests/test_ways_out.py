"""Ways out of this machine, through real proxies: ours, which misbehave, and one that none of us wrote."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

import panvox
from panvox.errors import Failure, Owner, Retry, SettingsError, TimedOut, Unreachable
from panvox.protocols import Request, Transport
from panvox.providers.transport import HttpTransport
from panvox.settings import Settings, WayOut, load
from tests.foreign_proxy import ForeignProxy
from tests.hostile import (
    AUTHORITY,
    Exchange,
    ForwardProxy,
    HostileServer,
    Listener,
    SocksProxy,
    chunk,
    reply,
)

OWN = "providers[].proxy of openai"


def through(proxy: str | None, **rest: object) -> WayOut:
    """A way out that may be in the clear, as most of the servers here are."""
    rest = {"allow_plain_http": True, "ca_file": AUTHORITY} | rest
    return WayOut(proxy=SecretStr(proxy) if proxy else None, **rest)  # type: ignore[arg-type] # as WayOut checks


async def fetch(transport: Transport, url: str, *, connect_timeout: float = 5.0) -> bytes:
    request = Request(method="POST", url=url, headers={"Authorization": "Bearer sk-1"}, body=(b"prompt",))
    async with transport.send(request, connect_timeout=connect_timeout) as answer:
        assert answer.status == 200
        return b"".join([data async for data in answer.chunks()])


async def broken(way: WayOut, url: str, *, connect_timeout: float = 5.0) -> Failure:
    """The failure of a request by `way`; no failure shows the password."""
    async with HttpTransport(way=way) as transport:
        with pytest.raises(Failure) as caught:
            await fetch(transport, url, connect_timeout=connect_timeout)
    assert "secret" not in f"{caught.value} {caught.value!r} {caught.value.fault} {way!r}"
    return caught.value


async def answer(exchange: Exchange) -> None:
    await exchange.send(reply(b"answer"))


# --- through a proxy that none of us wrote ---


@pytest.mark.parametrize("user", ["", "me:secret"])
@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_requests_go_through_a_proxy_that_none_of_us_wrote(scheme: str, user: str, tls: bool) -> None:
    url = "https://model.test/v1" if tls else "http://model.test/v1"
    async with HostileServer(answer, tls=tls) as server:
        async with (
            ForeignProxy(scheme, to=server.port, user=user) as proxy,
            HttpTransport(way=through(proxy.url)) as transport,
        ):
            assert await fetch(transport, url) == b"answer"
            assert await fetch(transport, url) == b"answer"
        assert proxy.asked == ["model.test:443" if tls else "model.test:80"], "a connection is used again"
        assert [request.body for request in server.requests] == [b"prompt", b"prompt"]
        assert all("proxy-authorization" not in request.headers for request in server.requests)
        assert all(request.headers["authorization"] == "Bearer sk-1" for request in server.requests)


@pytest.mark.parametrize("user", ["", "me:wrong-secret"])
@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_a_proxy_that_does_not_know_us(scheme: str, user: str, tls: bool) -> None:
    url = "https://model.test/v1" if tls else "http://model.test/v1"
    async with HostileServer(answer, tls=tls) as server:
        async with ForeignProxy(scheme, to=server.port, user="me:secret") as proxy:
            failure = await broken(through(proxy.url_of(user), proxy_setting=OWN), url)
        assert isinstance(failure, Unreachable)
        assert "The proxy gives no connection to model.test" in str(failure)
        assert OWN in failure.fault.hint
        assert (proxy.asked, server.requests) == ([], [])


# --- through proxies of our own ---


async def test_requests_go_through_a_proxy() -> None:
    async with HostileServer(answer) as server, ForwardProxy(to=server.port) as proxy:
        async with HttpTransport(way=through(proxy.url)) as transport:
            assert await fetch(transport, "http://model.test/v1") == b"answer"
        assert proxy.asked == ["http://model.test/v1"]
        assert proxy.credentials == "Basic dXNlcjpzZWNyZXQ="


async def test_tls_goes_through_a_tunnel_of_the_proxy() -> None:
    async with HostileServer(answer, tls=True) as server, ForwardProxy(to=server.port) as proxy:
        async with HttpTransport(way=through(proxy.url)) as transport:
            assert await fetch(transport, "https://model.test/v1") == b"answer"
        assert proxy.asked == ["model.test:443"]
        assert "proxy-authorization" not in server.requests[0].headers


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_requests_go_through_a_socks_proxy(scheme: str) -> None:
    async with HostileServer(answer, tls=scheme == "https") as server, SocksProxy(to=server.port) as proxy:
        async with HttpTransport(way=through(proxy.url)) as transport:
            assert await fetch(transport, f"{scheme}://model.test/v1") == b"answer"
        assert proxy.asked == ["model.test"], "names are left to the proxy"


async def test_names_are_left_to_an_old_socks_proxy_too() -> None:
    class OldSocks(SocksProxy):
        """SOCKS 4a: an address that cannot be, then the name behind the user."""

        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert (await reader.readexactly(8)) == b"\x04\x01\x00\x50\x00\x00\x00\x01"
            await reader.readuntil(b"\0")
            self.asked.append((await reader.readuntil(b"\0"))[:-1].decode())
            writer.write(b"\x00\x5a" + bytes(6))
            await self._join(reader, writer, b"")

    async with HostileServer(answer) as server, OldSocks(to=server.port) as proxy:
        async with HttpTransport(way=through(f"socks4://127.0.0.1:{proxy.port}")) as transport:
            assert await fetch(transport, "http://model.test/v1") == b"answer"
        assert proxy.asked == ["model.test"]


async def test_this_machine_is_reached_without_the_proxy() -> None:
    async with HostileServer(answer) as server, ForwardProxy(to=server.port) as proxy:
        async with HttpTransport(way=through(proxy.url, allow_plain_http=False)) as transport:
            assert await fetch(transport, server.url) == b"answer"
            assert await fetch(transport, f"http://localhost:{server.port}/") == b"answer"
        assert not proxy.asked


async def test_hosts_that_are_exempted_are_not_asked_for() -> None:
    async with HostileServer(answer) as server, ForwardProxy(to=server.port) as proxy:
        way = through(proxy.url, no_proxy=("straight.invalid", ".lab.invalid:8080"))
        async with HttpTransport(way=way) as transport:
            for url in (
                "http://straight.invalid/",
                "http://api.straight.invalid:1/",
                "http://a.lab.invalid:8080/",
            ):
                with pytest.raises(Unreachable, match="cannot be resolved"):
                    await fetch(transport, url)
            assert await fetch(transport, "http://a.lab.invalid/") == b"answer"
            assert await fetch(transport, "http://crooked.invalid/") == b"answer"
        assert proxy.asked == ["http://a.lab.invalid/", "http://crooked.invalid/"]


async def test_no_host_at_all_is_asked_for_with_an_asterisk() -> None:
    async with ForwardProxy(to=1) as proxy:
        failure = await broken(through(proxy.url, no_proxy=("*",)), "https://nosuch.invalid/")
        assert "cannot be resolved" in str(failure)
        assert not proxy.asked


# --- certificates ---


async def test_a_certificate_of_another_host_is_not_trusted() -> None:
    async with HostileServer(answer, tls=True) as server, ForwardProxy(to=server.port) as proxy:
        failure = await broken(through(proxy.url), "https://other.test/v1")
    assert "certificate of other.test:443 is not trusted" in str(failure)
    assert "mismatch" in str(failure)


@pytest.mark.parametrize("kind", [ForwardProxy, SocksProxy])
async def test_a_certificate_of_nobody_is_not_trusted_behind_a_proxy(
    kind: type[ForwardProxy | SocksProxy],
) -> None:
    async with HostileServer(answer, tls=True) as server, kind(to=server.port) as proxy:
        way = through(proxy.url, ca_file=None, ca_setting="providers[].ca_file of openai")
        failure = await broken(way, "https://model.test/v1")
        assert "certificate of model.test:443 is not trusted" in str(failure)
        assert failure.fault.hint.endswith("in providers[].ca_file of openai.")
        assert failure.fault.retry is Retry.NEVER
        assert not server.requests


@pytest.mark.parametrize("kind", [ForwardProxy, SocksProxy])
async def test_a_server_without_tls_behind_a_proxy(kind: type[ForwardProxy | SocksProxy]) -> None:
    class Plain(Listener):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(5)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with Plain() as server, kind(to=server.port) as proxy:
        failure = await broken(through(proxy.url), "https://model.test/v1")
    assert "model.test:443 speaks no TLS" in str(failure)


async def test_a_certificate_of_the_proxy_that_is_not_trusted() -> None:
    async with HostileServer(answer) as server, ForeignProxy("https", to=server.port) as proxy:
        failure = await broken(through(proxy.url, ca_file=None), "https://model.test/v1")
        port = proxy.url.rpartition(":")[2]
        assert f"certificate of the proxy at 127.0.0.1:{port} is not trusted" in str(failure)
        assert "network.ca_file" in failure.fault.hint


async def test_a_proxy_without_tls_that_is_said_to_have_it() -> None:
    class Plain(Listener):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(5)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with Plain() as proxy:
        failure = await broken(through(f"https://me:secret@127.0.0.1:{proxy.port}"), "https://model.test/v1")
    assert f"The proxy at 127.0.0.1:{proxy.port} speaks no TLS" in str(failure)
    assert "network.proxy" in failure.fault.hint


# --- what goes wrong names the setting that was in force ---


@pytest.mark.parametrize("setting", ["network.proxy", "PROXY_URL", OWN])
async def test_a_proxy_that_refuses(setting: str) -> None:
    async with ForwardProxy(to=1, refuse="403 Not for you") as proxy:
        failure = await broken(through(proxy.url, proxy_setting=setting), "https://model.test/v1")
    assert "no connection to model.test:443: 403 Not for you" in str(failure)
    assert setting in failure.fault.hint


async def test_a_socks_proxy_that_refuses() -> None:
    async with SocksProxy(to=1, refuse=2) as proxy:
        failure = await broken(through(proxy.url, proxy_setting=OWN), "https://model.test/v1")
    assert "no connection to model.test:443" in str(failure)
    assert OWN in failure.fault.hint


@pytest.mark.parametrize("scheme", ["http", "socks4", "socks5"])
@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="HTTP"),
        pytest.param(b"\x05\xff", id="no method of ours"),
        pytest.param(b"\x05\x02", id="a password"),
        pytest.param(b"\x05\x00", id="half of a greeting"),
        pytest.param(b"\x05\x00\x05\x63\x00\x01" + bytes(6), id="a code that does not exist"),
        pytest.param(b"\x05\x00\x05\x00\x00\x09" + bytes(6), id="a kind of address that does not exist"),
        pytest.param(b"\x05\x00\x05\x00\x00\x03\x02\xff\xfe" + bytes(2), id="a name that is no text"),
        pytest.param(bytes(range(256)), id="noise"),
    ],
)
async def test_a_proxy_that_talks_nonsense(scheme: str, said: bytes) -> None:
    class Babbler(Listener):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(said)
            await writer.drain()
            writer.write_eof()
            await reader.read()

    async with Babbler() as proxy:
        way = through(f"{scheme}://127.0.0.1:{proxy.port}", proxy_setting=OWN)
        failure = await broken(way, "https://model.test/v1", connect_timeout=2.0)
    assert isinstance(failure, Unreachable)
    assert OWN in failure.fault.hint


@pytest.mark.parametrize("kind", [ForwardProxy, SocksProxy])
async def test_a_proxy_that_is_not_there(kind: type[ForwardProxy | SocksProxy]) -> None:
    async with kind(to=1) as proxy:
        pass
    failure = await broken(through(proxy.url, proxy_setting=OWN), "https://model.test/v1")
    assert isinstance(failure, Unreachable)
    assert "proxy" in str(failure)
    assert OWN in failure.fault.hint


async def test_a_proxy_whose_name_does_not_exist() -> None:
    failure = await broken(through("http://me:secret@nosuch.invalid:3128"), "https://model.test/v1")
    assert "The proxy at nosuch.invalid:3128 cannot be reached" in str(failure)
    assert "network.proxy" in failure.fault.hint


@pytest.mark.parametrize("kind", [ForwardProxy, SocksProxy])
async def test_a_proxy_that_says_nothing(kind: type[ForwardProxy | SocksProxy]) -> None:
    class Mute(Listener):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()

    async with Mute() as proxy:
        url = "http://" if kind is ForwardProxy else "socks5://"
        way = through(f"{url}me:secret@127.0.0.1:{proxy.port}", proxy_setting=OWN)
        failure = await broken(way, "https://model.test/v1", connect_timeout=0.1)
    assert isinstance(failure, TimedOut)
    assert "model.test:443 took no connection through the proxy within 0.1 s" in str(failure)
    assert OWN in failure.fault.hint


@pytest.mark.parametrize(
    "proxy", ["proxy.example:3128", "ftp://user:secret@proxy:1", "socks5://proxy", "http://[x"]
)
def test_a_proxy_that_is_misspelt(proxy: str) -> None:
    with pytest.raises(SettingsError, match=r"^providers\[\]\.proxy of openai") as caught:
        HttpTransport(way=through(proxy, proxy_setting=OWN))
    assert "secret" not in str(caught.value)


# --- plain HTTP ---


async def test_nothing_is_sent_in_the_clear_beyond_this_machine() -> None:
    async with HostileServer(answer) as server, ForwardProxy(to=server.port) as proxy:
        way = through(
            proxy.url, allow_plain_http=False, plain_http_setting="providers[].allow_plain_http of x"
        )
        failure = await broken(way, "http://model.test/v1")
        assert "Nothing was sent to model.test:80" in str(failure)
        assert "set providers[].allow_plain_http of x to true" in failure.fault.hint
        assert (failure.fault.owner, failure.fault.retry) == (Owner.US, Retry.NEVER)
        assert (proxy.connections, server.connections) == (0, 0)


# --- several ways at once ---


async def test_each_way_has_connections_of_its_own_and_shares_those_of_its_like() -> None:
    async with (
        HostileServer(answer) as server,
        ForwardProxy(to=server.port) as one,
        SocksProxy(to=server.port) as other,
        HttpTransport() as transport,
    ):
        ways = [transport.way(through(proxy)) for proxy in (one.url, other.url, None, one.url)]
        for way in (*ways, *ways):
            url = "http://model.test/v1" if way is not ways[2] else server.url
            assert await fetch(way, url) == b"answer"
        assert (one.connections, other.connections, server.connections) == (1, 1, 3)


async def test_a_way_ends_with_its_transport() -> None:
    async with HostileServer(answer) as server, ForwardProxy(to=server.port) as proxy:
        async with HttpTransport() as transport:
            await fetch(transport.way(through(proxy.url)), "http://model.test/v1")
        async with asyncio.timeout(0.5):
            await proxy.left()


async def test_all_ways_together_keep_within_the_open_files_of_the_process() -> None:
    code = """
import asyncio, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (170, 170))
from pydantic import SecretStr
from panvox.protocols import Request
from panvox.providers.transport import HttpTransport
from panvox.settings import WayOut

async def ask(way, number):
    request = Request(method="POST", url=f"http://model-{number}.test/", headers={}, body=(b"prompt",))
    async with way.send(request, connect_timeout=5) as answer:
        return [data async for data in answer.chunks()]

async def main():
    async with HttpTransport() as transport:
        proxies = [SecretStr(f"http://127.0.0.{n}:{sys.argv[1]}") for n in range(1, 9)]
        ways = [transport.way(WayOut(proxy=proxy, allow_plain_http=True)) for proxy in proxies]
        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(ask(way, number)) for number in range(50) for way in ways]
        assert all(call.result() == [b"answer"] for call in calls)

asyncio.run(main())
"""

    class Everywhere(ForwardProxy):
        address = "0.0.0.0"

    async with HostileServer(answer) as server, Everywhere(to=server.port) as proxy:
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(proxy.port))
        assert await child.wait() == 0
        assert len(server.requests) == 400


# --- from the settings to the wire ---


async def serve_a_provider(exchange: Exchange) -> None:
    """A list of one model, and its answer."""
    if exchange.target.endswith("/models"):
        await exchange.send(reply(b'{"data": [{"id": "small"}]}', kind="application/json"))
        return
    event = b'data: {"choices": [{"delta": {"content": "Paris"}, "finish_reason": "stop"}]}\n\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    await exchange.send(head, chunk(event + b"data: [DONE]\n\n"), b"0\r\n\r\n")


async def settings_of(folder: Path, text: str, **environ: str) -> Settings:
    file = folder / "panvox.toml"
    file.write_text(f"store.enabled = false\nlocal.enabled = false\n{text}")
    return await asyncio.to_thread(load, explicit=file, environ=environ)


async def test_each_provider_has_a_way_out_of_its_own(tmp_path: Path) -> None:
    async with (
        HostileServer(serve_a_provider, tls=True) as office,
        HostileServer(serve_a_provider, tls=True) as lab,
        HostileServer(serve_a_provider) as here,
        ForeignProxy("http", to=office.port, user="me:secret") as http,
        ForeignProxy("socks5", to=lab.port) as socks,
    ):
        text = f"""
[[providers]]
id = "office"
base_url = "https://model.test/v1"
key_env = "OFFICE_KEY"
ca_file = "{AUTHORITY}"

[[providers]]
id = "lab"
base_url = "https://model.test:8443/v1"
key_env = "LAB_KEY"
proxy = "{socks.url}"
ca_file = "{AUTHORITY}"

[[providers]]
id = "here"
base_url = "{here.url}"
"""
        keys = {"OFFICE_KEY": "sk-office", "LAB_KEY": "sk-lab"}
        settings = await settings_of(tmp_path, text, PROXY_URL=http.url, **keys)
        async with panvox.open(settings) as session:
            result = await session.ask("The capital of France?", models=["*"])
        assert "secret" not in f"{settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    assert {outcome.member.name: outcome.text for outcome in result.outcomes} == {
        "office/small": "Paris",
        "lab/small": "Paris",
        "here/small": "Paris",
    }
    assert set(http.asked) == {"model.test:443"}
    assert set(socks.asked) == {"model.test:8443"}
    for server, key in ((office, "Bearer sk-office"), (lab, "Bearer sk-lab"), (here, None)):
        assert [request.target for request in server.requests] == ["/v1/models", "/v1/chat/completions"]
        assert {request.headers.get("authorization") for request in server.requests} == {key}


async def test_a_provider_can_do_without_the_proxy_and_without_the_authority_of_others(
    tmp_path: Path,
) -> None:
    async with HostileServer(serve_a_provider, tls=True) as server, ForwardProxy(to=server.port) as proxy:
        text = f"""
network.proxy = "{proxy.url}"

[[providers]]
id = "trusting"
base_url = "https://model.test/v1"
ca_file = "{AUTHORITY}"

[[providers]]
id = "doubting"
base_url = "https://model.test/v1"

[[providers]]
id = "straight"
base_url = "https://nosuch.invalid/v1"
proxy = "none"
"""
        async with panvox.open(await settings_of(tmp_path, text)) as session:
            catalogue = await session.catalogue()
        assert [entry.name for entry in catalogue.entries] == ["trusting/small"]
        doubting, straight = catalogue.problems
        assert "certificate of model.test:443 is not trusted" in doubting.message
        assert "network.ca_file" in doubting.message
        assert "nosuch.invalid:443 cannot be resolved" in straight.message
        assert set(proxy.asked) == {"model.test:443"}


async def test_what_goes_wrong_names_the_variable_that_was_in_force(tmp_path: Path) -> None:
    async with ForwardProxy(to=1, refuse="403 No") as proxy:
        text = "[[providers]]\nid = 'mine'\nbase_url = 'https://model.test/v1'"
        async with panvox.open(await settings_of(tmp_path, text, https_proxy=proxy.url)) as session:
            [problem] = (await session.catalogue()).problems
    assert "Check https_proxy: its address, its user and what it lets through." in problem.message
    assert "secret" not in problem.message
