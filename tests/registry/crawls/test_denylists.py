"""Test that the operator's rules apply immediately, and that removing a missing rule is an error."""

import pytest

from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from registry.crawls import crawling, denylists
from registry.pictures.blocklist import find_blocked_digests


def test_denial_covers_subdomains_until_allowed(db: None) -> None:
    denylists.deny_host("shop.example", by="Ann", reason="asked")
    denylists.deny_host("shop.example", by="Ann", reason="asked again")
    hosts = ("shop.example", "www.shop.example", "workshop.example", "example")
    assert [crawling.is_denied(host) for host in hosts] == [True, True, False, False]
    denied = crawling.load_denials()
    assert [denied(host) for host in hosts] == [True, True, False, False]
    denylists.allow_host("shop.example", by="Ann")
    assert not crawling.is_denied("shop.example")
    with pytest.raises(NotFoundError, match=r"shop\.example"):
        denylists.allow_host("shop.example", by="Ann")


def test_bytes_are_blocked_once(db: None) -> None:
    first, other = Digest.from_bytes(b"1"), Digest.from_bytes(b"2")
    assert [denylists.block_digest(first, by="Ann", reason="asked") for _ in range(2)] == [True, False]
    assert find_blocked_digests([first, other]) == {first}
