import errno
import socket
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies as st

from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.machine import ERROR_SENTENCES, describe_machine_fault
from exhibit.network.guard import Guard

PUBLIC = (
    "http://example.org/",
    "https://example.org:443/a?b=c#d",
    "HTTP://EXAMPLE.ORG",
    "http://example.org./",
    "http://a_b.example.org/",
    "http://xn--bcher-kva.example/",
    "http://bücher.example/",
    "http://93.184.216.34/",
    "http://[2606:2800:220:1:248:1893:25c8:1946]/",
    "http://[64:ff9b::5db8:d822]/",
    "https://example.org/a%20b/%2e%2e?next=http://127.0.0.1/",
)
PRIVATE_HOSTS = (
    "127.0.0.1", "127.1", "127.0.1", "0x7f000001", "0x7f.0.0.1", "0X7F.1", "2130706433", "0177.0.0.1", "017700000001",
    "0", "0.0.0.1", "127.0.0.1.", "10.0.0.1", "10.1", "012.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1",
    "0xc0a80001", "169.254.169.254", "0xa9fea9fe", "2852039166", "100.64.0.1", "100.100.100.200", "168.63.129.16",
    "192.0.0.192", "192.0.2.1", "198.18.0.1", "203.0.113.5", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255", "１２７.０.０.１", "127。0。0。1", "①②⑦.0.0.1",
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]", "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]",
    "[2002:7f00:1::]", "[2002:5db8:d822::1]", "[2001:0:5db8:d822::1]", "[2001:db8::1]", "[3fff::1]", "[5f00::1]",
    "[fc00::1]", "[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25eth0]", "[::1%25lo]", "[2606:4700::1%25eth0]", "[ff02::1]",
    "[fec0::1]",
    "localhost", "LOCALHOST", "localhost.", "a.localhost", "ｌocalhost",
)  # fmt: skip
BAD_URLS = (
    "http://", "http:///path", "http:/example.org", "http:example.org", "http://?x", "http://[::1", "http://[v1.x]/",
    "http://exa mple.org/", "http://example.org\\@127.0.0.1/", "http:\\\\example.org", "http://example.org\t/",
    "http://example.org\r\nHost: x", "http://example.org/\x00", "\x01http://example.org/", " http://example.org/",
    "http://example.org:0/", "http://example.org:99999/", "http://example.org:8x/", "http://example.org:-1/",
    "http://%31%32%37.0.0.1/", "http://127.0.0.1%00.example.org/", "http://example..org/", "http://.example.org/",
    "http://-example.org/", "http://1.2.3.4.5/", "http://256.1.1.1/", "http://08.8.8.8/", "http://8.8.2056/",
    "http://0x5db8d822/", "http://example.org\u2028/", "http://exam\u00adple\u200b.org\u0085/", "http://a.b.0x/x/",
    "http://" + "a" * 254 + "/", "http://exämple\u2025org/",
)  # fmt: skip


@pytest.mark.parametrize("url", PUBLIC)
def test_public_addresses_are_allowed(url: str) -> None:
    Guard().check_url(url)


@pytest.mark.parametrize("host", PRIVATE_HOSTS)
def test_every_spelling_of_a_private_address_is_refused(host: str) -> None:
    with pytest.raises(RefusedError) as refused:
        Guard().check_url(f"http://{host}/latest/meta-data")
    assert refused.value.reason == "private-address"


@pytest.mark.parametrize("url", BAD_URLS)
def test_ambiguously_parsed_url_is_refused(url: str) -> None:
    with pytest.raises(RefusedError) as refused:
        Guard().check_url(url)
    assert refused.value.reason in {"bad-url", "private-address"}


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.org/", "gopher://example.org/", "javascript:alert(1)", "//x.org/", "x"]
)
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(RefusedError) as refused:
        Guard().check_url(url)
    assert refused.value.reason == "scheme"


@pytest.mark.parametrize(
    "url",
    ["http://user@example.org/", "http://a:b@example.org/", "http://@example.org/", "http://x.org@127.0.0.1/"],
)
def test_credentials_in_the_url_are_refused(url: str) -> None:
    with pytest.raises(RefusedError) as refused:
        Guard().check_url(url)
    assert refused.value.reason == "credentials"


@pytest.mark.parametrize("url", ["http://example.org:22/", "https://example.org:8443/", "http://93.184.216.34:6379/"])
def test_nonstandard_ports_are_refused(url: str) -> None:
    with pytest.raises(RefusedError) as refused:
        Guard().check_url(url)
    assert refused.value.reason == "port"


def test_allowed_network_may_be_visited_on_every_port() -> None:
    guard = Guard(allowed_networks=("127.0.0.1/32", "fd12::/16"))
    guard.check_url("http://127.0.0.1:8123/")
    guard.check_url("http://[fd12::5]:9000/")
    guard.check_url("http://[::ffff:127.0.0.1]:8123/")
    guard.check_url("http://localhost:8123/")
    for url in ("http://127.0.0.2/", "http://[::1]/", "http://10.0.0.1/", "http://[fd13::5]/", "http://127.1/"):
        with pytest.raises(RefusedError) as refused:
            guard.check_url(url)
        assert refused.value.reason == "private-address"
    with pytest.raises(RefusedError) as refused:
        guard.check_url("http://93.184.216.34:8123/")
    assert refused.value.reason == "port"


def _resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Make the system's resolver return these addresses for every name."""

    def answer(_host: str, port: int, **_: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def test_every_resolved_address_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve_to(monkeypatch, "93.184.216.34", "93.184.216.34", "2606:2800:220:1::1")
    assert Guard().resolve("example.org", 443) == ["93.184.216.34", "2606:2800:220:1::1"]
    _resolve_to(monkeypatch, "93.184.216.34", "127.0.0.1")
    with pytest.raises(RefusedError) as refused:
        Guard().resolve("example.org", 443)
    assert refused.value.reason == "private-address"
    _resolve_to(monkeypatch, "fe80::1%eth0")
    with pytest.raises(RefusedError):
        Guard().resolve("example.org", 443)


def test_name_on_nonstandard_port_must_resolve_to_allowed_network(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = Guard(allowed_networks=("127.0.0.0/8",))
    guard.check_url("http://sites.test:8201/")
    _resolve_to(monkeypatch, "127.0.0.1")
    assert guard.resolve("sites.test", 8201) == ["127.0.0.1"]
    _resolve_to(monkeypatch, "93.184.216.34")
    with pytest.raises(RefusedError) as refused:
        guard.resolve("sites.test", 8201)
    assert refused.value.reason == "port"


def test_name_without_address_is_unresolvable(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(RefusedError) as refused:
        Guard().resolve("nowhere.example", 80)
    assert refused.value.reason == "unresolvable"


def _fail_with(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.EMFILE, "too many"), "Too many files are open."),
        (socket.gaierror(socket.EAI_AGAIN, "no name server answers"), "This machine has no network connection."),
    ],
    ids=["descriptors", "name servers"],
)
def test_local_resource_shortage_is_not_blamed_on_the_host(
    monkeypatch: pytest.MonkeyPatch, error: OSError, message: str
) -> None:
    _fail_with(monkeypatch, error)
    with pytest.raises(ServiceMissingError) as failed:
        Guard().resolve("shop.example", 443)
    assert describe_machine_fault(failed.value) == message


def test_missing_route_is_reported_as_missing_network(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve_to(monkeypatch, "198.41.0.4")
    monkeypatch.setattr("exhibit.network.guard._ROOT_SERVER", ((socket.AF_INET, "255.255.255.255"),))  # forbidden
    with pytest.raises(ServiceMissingError, match=ERROR_SENTENCES[errno.ENETDOWN]):
        Guard().check_network()


def test_failed_name_lookup_is_blamed_on_the_host_if_networks_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    _fail_with(monkeypatch, socket.gaierror(socket.EAI_AGAIN, "no name server answers"))
    with pytest.raises(RefusedError) as refused:
        Guard(allowed_networks=("10.0.0.0/8",)).resolve("shop.example", 443)
    assert refused.value.reason == "unresolvable"


def test_localhost_is_never_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve_to(monkeypatch, "93.184.216.34")
    with pytest.raises(RefusedError):
        Guard().resolve("localhost", 80)
    assert Guard(allowed_networks=("127.0.0.0/8",)).resolve("localhost.", 80) == ["127.0.0.1"]


def test_literal_addresses_resolve_to_themselves() -> None:
    assert Guard().resolve("93.184.216.34", 80) == ["93.184.216.34"]
    assert Guard().resolve("[2606:2800:220:1:0:0:0:1]", 443) == ["2606:2800:220:1::1"]
    with pytest.raises(RefusedError):
        Guard().resolve("127.1", 80)


def test_non_address_is_not_checked_as_an_address() -> None:
    with pytest.raises(RefusedError) as refused:
        Guard().check_address("example.org")
    assert refused.value.reason == "bad-url"


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{}", "{:#x}", "{:#o}"]))
def test_url_with_numeric_host_is_always_refused(value: int, form: str) -> None:
    with pytest.raises(RefusedError):
        Guard().check_url(f"http://{form.format(value).replace('0o', '0')}/")


@given(st.text(max_size=40))
def test_any_text_is_either_allowed_or_refused(text: str) -> None:
    for url in (text, f"http://{text}", f"https://{text}/x"):
        with suppress(RefusedError):
            Guard().check_url(url)


def test_refusal_does_not_reveal_resolved_address(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.11.12.13", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(RefusedError) as refused:
        Guard().resolve("intranet.example.org", 80)
    assert refused.value.reason == "private-address"
    assert "intranet.example.org" in refused.value.message
    assert "10.11" not in str(refused.value)
    assert refused.value.__context__ is None or refused.value.__suppress_context__
