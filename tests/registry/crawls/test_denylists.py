"""Test that the operator's rules apply at once, and that removing a missing rule is an error."""

import pytest

from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from registry.crawls import crawling, denylists
from registry.pictures.blocklist import find_blocked


def test_a_denied_host_is_denied_with_those_below_it_until_it_is_allowed(db: None) -> None:
    denylists.deny("shop.example", by="Ann", reason="asked")
    denylists.deny("shop.example", by="Ann", reason="asked again")
    hosts = ("shop.example", "www.shop.example", "workshop.example", "example")
    assert [crawling.is_denied(host) for host in hosts] == [True, True, False, False]
    denied = crawling.load_denials()
    assert [denied(host) for host in hosts] == [True, True, False, False]
    denylists.allow("shop.example", by="Ann")
    assert not crawling.is_denied("shop.example")
    with pytest.raises(NotFoundError, match=r"shop\.example"):
        denylists.allow("shop.example", by="Ann")


def test_bytes_are_blocked_once(db: None) -> None:
    first, other = Digest.of(b"1"), Digest.of(b"2")
    assert [denylists.block(first, by="Ann", reason="asked") for _ in range(2)] == [True, False]
    assert find_blocked([first, other]) == {first}
