from ipaddress import IPv4Address, ip_address

import pytest

from exhibit.errors import RefusedError
from exhibit.network.hosts import embedded_ipv4, is_localhost, literal_address, plain_host


def reason(host: str) -> str:
    with pytest.raises(RefusedError) as refused:
        literal_address(plain_host(host))
    return refused.value.reason


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("EXAMPLE.org.", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("[2606:4700:0:0:0:0:0:1]", "2606:4700::1"),
        ("１２７.０.０.１", "127.0.0.1"),
        ("a_b.example", "a_b.example"),
    ],
)
def test_a_host_has_one_plain_form(written: str, plain: str) -> None:
    assert plain_host(written) == plain
    assert plain_host(plain) == plain


def test_a_host_that_could_be_read_twice_is_refused() -> None:
    for host in ("", "a b", "a..b", "-a", "a" * 254, "[::1", "exa%6dple.org", "a\0b"):
        with pytest.raises(RefusedError) as refused:
            plain_host(host)
        assert refused.value.reason == "bad-url", host
    with pytest.raises(RefusedError) as refused:
        plain_host("[fe80::1%25eth0]")
    assert refused.value.reason == "private-address"


def test_a_number_is_a_dotted_quad_or_refused_by_what_others_read_in_it() -> None:
    assert literal_address("93.184.216.34") == IPv4Address("93.184.216.34")
    assert literal_address("2606:4700::1") == ip_address("2606:4700::1")
    assert literal_address("1.example") is None
    for private in ("127.1", "0x7f000001", "2130706433", "0177.0.0.1", "0"):
        assert reason(private) == "private-address", private
    for public in ("0x5db8d822", "8.8.2056", "256.1.1.1", "1.2.3.4.5", "08.8.8.8"):
        assert reason(public) == "bad-url", public


def test_the_machine_itself_is_known_by_name() -> None:
    assert is_localhost("localhost")
    assert is_localhost("a.localhost")
    assert not is_localhost("localhost.example.org")


def test_an_address_within_an_address_is_found() -> None:
    inner = IPv4Address("10.0.0.1")
    for outer in ("::ffff:10.0.0.1", "64:ff9b::a00:1", "::10.0.0.1"):
        assert embedded_ipv4(ip_address(outer)) == inner
    for other in ("::1", "::", "2606:4700::a00:1", "10.0.0.1"):
        assert embedded_ipv4(ip_address(other)) is None
