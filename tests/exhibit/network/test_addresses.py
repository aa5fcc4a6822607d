import json
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, strategies as st

from exhibit.errors import RefusedError
from exhibit.network.addresses import (
    compute_url_key,
    extract_ipv4,
    get_registrable_domain,
    get_url_host,
    is_confusable,
    is_localhost,
    is_public_suffix,
    is_within_domain,
    join_urls,
    normalise_host,
    normalise_url,
    parse_literal_address,
    parse_url,
    remove_scheme,
    to_unicode_host,
)
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session
from tests.assets.browser import CHROMIUM, Chromium

CASES = json.loads(Path(__file__).with_name("addresses.json").read_text("utf-8"))
"""Results of the standard's algorithm; ``chromium`` is the host where Chromium differs."""
BROWSERS = """(rows) => rows.map((row) => {
  try { const read = new URL(row.address, row.base); return [read.href, read.hostname]; } catch { return null; }
})"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    if CHROMIUM is None:
        pytest.skip("Chromium isn't installed")
    with Chromium(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.mark.parametrize("case", CASES["read"], ids=lambda case: ascii(case["address"])[:60])
def test_url_parsing_follows_the_standard(case: dict[str, Any]) -> None:
    parsed = parse_url(case["address"], case.get("base", ""))
    assert (parsed and parsed.href) == case["href"]
    assert parsed is None or parsed.hostname == case["host"]
    if "base" not in case:
        assert get_url_host(case["address"]) == (case.get("host") or "").strip("[]")
    elif parsed is not None:
        assert get_url_host(join_urls(case["base"], case["address"])) == case["host"].strip("[]")


def test_browsers_parse_every_url_identically(browser: Chromium) -> None:
    parsed = browser.tab().evaluate(f"({BROWSERS})({json.dumps(CASES['read'])})")
    assert len(parsed) == len(CASES["read"]) >= 150
    for case, parsed_url in zip(CASES["read"], parsed, strict=True):
        if "chromium" in case:
            assert parsed_url[1] == case["chromium"], case
        elif case["href"] is None:
            assert parsed_url is None, case
        else:
            assert (normalise_url(parsed_url[0]), parsed_url[1]) == (normalise_url(case["href"]), case["host"])


@pytest.mark.parametrize("case", CASES["read"], ids=lambda case: ascii(case["address"])[:60])
def test_guard_checks_the_connected_host(case: dict[str, Any]) -> None:
    if case["href"] is None or not case["href"].startswith("http"):
        return
    with create_guarded_session(Guard()) as session:
        try:
            sent = session.prepare_request(requests.Request("GET", case["href"]))
            adapter = session.get_adapter(sent.url or "")
        except (RefusedError, requests.exceptions.InvalidURL):
            return
        assert isinstance(adapter, requests.adapters.HTTPAdapter)
        place, _ = adapter.build_connection_pool_key_attributes(sent, verify=True)
    assert normalise_host(place["host"]) == normalise_host(case["host"])


@pytest.mark.parametrize(("first", "other"), CASES["same"])
def test_equivalent_urls_share_a_key(first: str, other: str) -> None:
    assert compute_url_key(first) == compute_url_key(other)


@pytest.mark.parametrize(("first", "other"), CASES["apart"])
def test_different_urls_have_different_keys(first: str, other: str) -> None:
    assert compute_url_key(first) != compute_url_key(other)


@pytest.mark.parametrize(("host", "may_be_mistaken"), CASES["confusable"].items())
def test_confusable_host_is_reported(host: str, may_be_mistaken: bool) -> None:  # noqa: FBT001 - a case
    assert is_confusable(host) == may_be_mistaken


def test_internationalised_host_is_displayed_in_unicode() -> None:
    assert to_unicode_host("xn--bcher-kva.example") == "bücher.example"
    assert to_unicode_host("shop.example") == ""
    assert to_unicode_host("xn--a.example") == ""


def test_displayed_url_has_no_user_name() -> None:
    assert remove_scheme("https://saint.example:443@copies.example/a?b=1#c") == "copies.example/a?b=1"
    assert remove_scheme("no address") == "no address"


def test_host_is_recognised_as_part_of_a_site() -> None:
    assert is_within_domain("cdn.copies.example", "copies.example")
    assert is_within_domain("copies.example.", "COPIES.example")
    assert is_within_domain("www.bücher.example", "xn--bcher-kva.example")
    for host, party in (("notcopies.example", "copies.example"), ("example", "copies.example"), ("a.example", "")):
        assert not is_within_domain(host, party)


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
def test_spellings_of_a_url_have_one_normal_form(spelled: str, normal: str) -> None:
    assert normalise_url(spelled) == normal


@given(st.text(max_size=60), st.text(max_size=30))
def test_normalisation_is_idempotent(path: str, query: str) -> None:
    once = normalise_url(f"http://example.com/{path}?{query}")
    assert normalise_url(once) == once


@given(st.text(max_size=80))
def test_any_text_gets_a_16_byte_key(text: str) -> None:
    assert len(compute_url_key(text)) == 16


def test_equivalent_spellings_share_a_key_and_different_urls_do_not() -> None:
    assert compute_url_key("http://EXAMPLE.com:80/a#x") == compute_url_key("http://example.com/a")
    assert compute_url_key("http://example.com/a") != compute_url_key("http://example.com/A")


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
def test_site_of_a_host_is_its_registrable_domain(host: str, party: str) -> None:
    assert get_registrable_domain(host) == party


def test_host_of_a_url_is_lower_case_without_port() -> None:
    assert get_url_host("http://User@Example.COM:81/a") == "example.com"
    assert get_url_host("no address") == ""
    assert get_url_host("http://[::1") == ""


def refusal_reason(host: str) -> str:
    with pytest.raises(RefusedError) as refused:
        parse_literal_address(normalise_host(host))
    return refused.value.reason


@pytest.mark.parametrize(
    ("spelling", "plain"),
    [
        ("EXAMPLE.org.", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("[2606:4700:0:0:0:0:0:1]", "2606:4700::1"),
        ("１２７.０.０.１", "127.0.0.1"),
        ("a_b.example", "a_b.example"),
    ],
)
def test_host_has_one_plain_form(spelling: str, plain: str) -> None:
    assert normalise_host(spelling) == plain
    assert normalise_host(plain) == plain


def test_ambiguous_host_is_refused() -> None:
    for host in ("", "a b", "a..b", "-a", "a" * 254, "[::1", "exa%6dple.org", "a\0b"):
        with pytest.raises(RefusedError) as refused:
            normalise_host(host)
        assert refused.value.reason == "bad-url", host
    with pytest.raises(RefusedError) as refused:
        normalise_host("[fe80::1%25eth0]")
    assert refused.value.reason == "private-address"


def test_numeric_host_is_a_dotted_quad_or_refused() -> None:
    assert parse_literal_address("93.184.216.34") == IPv4Address("93.184.216.34")
    assert parse_literal_address("2606:4700::1") == ip_address("2606:4700::1")
    assert parse_literal_address("1.example") is None
    for private in ("127.1", "0x7f000001", "2130706433", "0177.0.0.1", "0"):
        assert refusal_reason(private) == "private-address", private
    for public in ("0x5db8d822", "8.8.2056", "256.1.1.1", "1.2.3.4.5", "08.8.8.8"):
        assert refusal_reason(public) == "bad-url", public


def test_local_machine_is_recognised_by_name() -> None:
    assert is_localhost("localhost")
    assert is_localhost("a.localhost")
    assert not is_localhost("localhost.example.org")


def test_embedded_ip_address_is_found() -> None:
    inner = IPv4Address("10.0.0.1")
    for outer in ("::ffff:10.0.0.1", "64:ff9b::a00:1", "::10.0.0.1"):
        assert extract_ipv4(ip_address(outer)) == inner
    for other in ("::1", "::", "2606:4700::a00:1", "10.0.0.1"):
        assert extract_ipv4(ip_address(other)) is None


@pytest.mark.parametrize(
    ("name", "private", "everybody"),
    [
        ("example", False, True), ("co.uk", False, True), ("com", False, True), ("xn--p1ai", False, True),
        ("copies.co.uk", False, False), ("copies.example", False, False), ("203.0.113.9", True, False),
        ("github.io", False, False), ("github.io", True, True), ("copies.github.io", True, False),
    ],
)  # fmt: skip
def test_names_below_a_public_suffix_are_separate_sites(name: str, *, private: bool, everybody: bool) -> None:
    assert is_public_suffix(name, private=private) is everybody
