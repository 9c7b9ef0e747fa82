"""Which hosts a proxy is not asked for: a table, properties, and the standard library as a second opinion."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined] # typeshed lacks it

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.settings.hosts import exemption, goes_straight, is_this_machine

LABELS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=8).map(lambda text: f"x{text}")
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
PORTS = st.integers(1, 65_535)
ADDRESSES = st.ip_addresses().filter(
    lambda address: not address.is_loopback and getattr(address, "ipv4_mapped", None) is None
)


@pytest.mark.parametrize(
    ("entry", "covered", "not_covered"),
    [
        ("*", ["example.org", "10.0.0.1", "2001:db8::1"], []),
        ("*:8080", ["example.org:8080"], ["example.org:443"]),
        (
            "example.org",
            ["example.org", "api.example.org", "EXAMPLE.org", "example.org."],
            ["notexample.org"],
        ),
        ("EXAMPLE.org.", ["example.org"], ["example.org.uk", "org"]),
        (".example.org", ["example.org", "a.b.example.org"], ["notexample.org", "example.com"]),
        ("*.example.org", ["example.org", "api.example.org"], ["notexample.org"]),
        ("example.org:8443", ["example.org:8443", "api.example.org:8443"], ["example.org:443"]),
        ("bücher.example", ["xn--bcher-kva.example"], ["bucher.example"]),
        ("gpu", ["gpu", "a.gpu"], ["gpu2"]),
        ("10.1.2.3", ["10.1.2.3", "::ffff:10.1.2.3"], ["10.1.2.4", "10.1.2.3.example.org"]),
        ("10.1.2.3:8000", ["10.1.2.3:8000"], ["10.1.2.3:443"]),
        ("10.0.0.0/8", ["10.255.0.1"], ["11.0.0.1", "ten.example.org"]),
        ("10.9.8.7/8", ["10.1.1.1"], ["11.0.0.1"]),
        ("2001:db8::1", ["2001:db8::1", "2001:db8:0::1"], ["2001:db8::2"]),
        ("[2001:db8::1]", ["2001:db8::1"], ["2001:db8::2"]),
        ("[2001:db8::1]:8000", ["[2001:db8::1]:8000"], ["[2001:db8::1]:8001"]),
        ("fd00::/8", ["fd12::1"], ["fe80::1", "10.0.0.1"]),
    ],
)
def test_what_an_entry_covers(entry: str, covered: list[str], not_covered: list[str]) -> None:
    assert [host for host in covered if not goes_straight(*place(host), (entry,))] == []
    assert [host for host in not_covered if goes_straight(*place(host), (entry,))] == []


def place(text: str) -> tuple[str, int]:
    """Host and port; an IPv6 address with a port is in brackets."""
    host, colon, port = text.rpartition(":")
    if colon and (host.endswith("]") or ":" not in host):
        return host.strip("[]"), int(port)
    return text, 443


@pytest.mark.parametrize(
    "entry",
    [
        *("", ".", "*.", "**", ":80", "a b", "a,b", "a..b", "user@host", "<local>", "http://example.org"),
        *("10.0.0.0/33", "10.1", "169.254/16", "192.168.*", "[::1", "example.org:", "example.org:99999"),
    ],
)
def test_what_means_nothing_covers_nothing(entry: str) -> None:
    assert exemption(entry) is None
    assert not goes_straight("example.org", 80, (entry,))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost", "a.LocalHost."]
)
def test_this_machine_needs_no_entry(host: str) -> None:
    assert is_this_machine(host)
    assert goes_straight(host, 11434, ())


@pytest.mark.parametrize(
    "host", ["localhost.example.org", "notlocalhost", "128.0.0.1", "127.0.0.1.nip.io", ""]
)
def test_what_only_looks_like_this_machine(host: str) -> None:
    assert not is_this_machine(host)


@given(name=NAMES, below=NAMES, port=PORTS, other=PORTS)
def test_a_name_covers_itself_and_what_is_below_it_at_its_port_or_at_all(
    name: str, below: str, port: int, other: int
) -> None:
    for entry in (name, f".{name}", f"*.{name}", f"{name}:{port}"):
        assert goes_straight(name, port, (entry,))
        assert goes_straight(f"{below}.{name}", port, ("elsewhere.invalid", entry))
        assert not goes_straight(f"{below}{name}", port, (entry,))
        assert not goes_straight(f"{name}.{below}.invalid", port, (entry,))
    assert goes_straight(name, other, (f"{name}:{port}",)) == (other == port)


@given(name=NAMES, host=NAMES, data=st.data())
def test_names_mean_what_they_mean_to_the_standard_library(name: str, host: str, data: st.DataObject) -> None:
    entry = data.draw(st.sampled_from([name, f".{name}", host, f".{host}", host.partition(".")[2] or name]))
    assert goes_straight(host, 443, (entry,)) == proxy_bypass_environment(host, {"no": entry})


@given(address=ADDRESSES, bits=st.integers(0, 128), other=ADDRESSES)
def test_a_range_covers_the_addresses_in_it(address: object, bits: int, other: object) -> None:
    network = ip_network(f"{address}/{min(bits, ip_address(str(address)).max_prefixlen)}", strict=False)
    assert goes_straight(str(address), 443, (str(network),))
    assert goes_straight(str(other), 443, (str(network),)) == (other in network)


@given(entry=st.text(max_size=40), host=st.one_of(NAMES, ADDRESSES.map(str), st.text(max_size=20)))
def test_no_entry_and_no_host_is_too_strange(entry: str, host: str) -> None:
    straight = goes_straight(host, 443, (entry,))
    known = exemption(entry)
    assert straight == (is_this_machine(host) or (known is not None and known.covers(host, 443)))
    assert goes_straight(host, 443, (entry, "*"))
