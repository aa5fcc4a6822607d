import pytest
from hypothesis import given, strategies as st

from exhibit.network.urls import host_of, normalise, registrable_domain, url_key


@pytest.mark.parametrize(
    ("spelled", "normal"),
    [
        ("HTTP://Example.COM", "http://example.com/"),
        ("https://example.com:443/a", "https://example.com/a"),
        ("http://example.com:8080/a", "http://example.com:8080/a"),
        ("http://example.com/a/./b/../c#part", "http://example.com/a/c"),
        ("http://example.com/../../a", "http://example.com/a"),
        ("http://example.com/a/..", "http://example.com/"),
        ("http://example.com/%7euser/%c3%a9", "http://example.com/~user/%C3%A9"),
        ("http://example.com/é", "http://example.com/%C3%A9"),
        ("http://example.com/a b", "http://example.com/a%20b"),
        ("http://例え.jp/", "http://xn--r8jz45g.jp/"),
        ("http://user:word@example.com/", "http://example.com/"),
        ("http://[::1]:80/", "http://[::1]/"),
        ("http://example.com/?b=2&a=1", "http://example.com/?b=2&a=1"),
        ("  http://example.com/a  ", "http://example.com/a"),
        ("mailto:a@example.com", "mailto:a@example.com"),
        ("http://example.com:port/", "http://example.com:port/"),
        ("http://[::1/", "http://[::1/"),
    ],
)
def test_a_url_has_one_normal_form(spelled: str, normal: str) -> None:
    assert normalise(spelled) == normal


@given(st.text(max_size=60), st.text(max_size=30))
def test_normalising_twice_changes_nothing(path: str, query: str) -> None:
    once = normalise(f"http://example.com/{path}?{query}")
    assert normalise(once) == once


@given(st.text(max_size=80))
def test_any_text_gets_a_key_of_sixteen_bytes(text: str) -> None:
    assert len(url_key(text)) == 16


def test_two_spellings_share_a_key_and_two_addresses_do_not() -> None:
    assert url_key("http://EXAMPLE.com:80/a#x") == url_key("http://example.com/a")
    assert url_key("http://example.com/a") != url_key("http://example.com/A")


@pytest.mark.parametrize(
    ("host", "party"),
    [
        ("www.example.co.uk", "example.co.uk"),
        ("a.b.example.com", "example.com"),
        ("someone.github.io", "someone.github.io"),
        ("deep.someone.github.io", "someone.github.io"),
        ("图片.中国", "xn--wcsw84d.xn--fiqs8s"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("localhost", "localhost"),
        ("WWW.Example.COM.", "example.com"),
        ("co.uk", "co.uk"),
        ("", ""),
    ],
)
def test_the_party_behind_a_host_is_what_somebody_registered(host: str, party: str) -> None:
    assert registrable_domain(host) == party


def test_the_host_of_a_url_has_no_port_and_lower_case() -> None:
    assert host_of("http://User@Example.COM:81/a") == "example.com"
    assert host_of("no address") == ""
    assert host_of("http://[::1") == ""
