"""Test that members create and change watches, and that invalid sources and searches are refused without a change."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from exhibit.errors import RefusedError, WrongUseError
from exhibit.network.guard import Guard
from registry.crawls import watches
from registry.crawls.search_services import service_of
from registry.crawls.watches import check_addresses
from registry.models import HostDenial, Owner, Watch
from tests.assets.rows import owner
from workers.tasks.sync_runner import SyncRunner

EVERY = timedelta(days=1)
SITE, PRIVATE, TINEYE = ("site", "https://shop.example/"), ("site", "http://10.0.0.1/"), ("search", "tineye")


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


def arranged(inline: SyncRunner, of: Owner, *places: tuple[str, str], words: tuple[str, ...] = ()) -> Watch:
    return watches.arrange(
        inline.services, of, "w", places, every=EVERY, budget={}, politeness={}, by="Ann", words=words
    )


def test_a_search_is_asked_as_often_as_its_mapping_says_and_a_list_leads_nowhere(
    inline: SyncRunner, studio: Owner
) -> None:
    searching = arranged(inline, studio, TINEYE)
    assert searching.budget["searches"] == service_of(inline.services.config, "tineye").pace.searches
    watches.arrange(
        inline.services, studio, "l", [("list", "https://shop.example/a")],
        every=EVERY, budget={"pages": 7}, politeness={}, by="Ann",
    )  # fmt: skip
    budget = Watch.objects.get(name="l").budget
    assert (budget["depth"], budget["pages"]) == (0, 7)


def test_what_cannot_be_visited_or_asked_arranges_and_changes_nothing(inline: SyncRunner, studio: Owner) -> None:
    for places, words, error in (((SITE, PRIVATE), (), RefusedError), ((TINEYE,), ("wave",), WrongUseError)):
        with pytest.raises(error):
            arranged(inline, studio, *places, words=words)
    assert not Watch.objects.exists()
    made = arranged(inline, studio, SITE)
    with pytest.raises(RefusedError):
        watches.change(inline.services, made, budget={}, politeness={}, by="Ann", name="renamed", add=[PRIVATE])
    with pytest.raises(WrongUseError):
        watches.change(inline.services, made, budget={}, politeness={}, by="Ann", name="renamed", remove=[SITE])
    assert Watch.objects.get().name == "w"
    watches.change(inline.services, made, budget={"pages": 5}, politeness={}, by="Ann", name="renamed")
    assert (Watch.objects.get().name, Watch.objects.get().budget["pages"]) == ("renamed", 5)


@pytest.mark.django_db
def test_an_address_that_cannot_be_visited_is_named_with_the_reason() -> None:
    HostDenial.objects.create(host="shop.example", reason="opted out")
    services: Any = SimpleNamespace(guard=Guard())
    check_addresses(services, ["https://other.example/"])
    for url, reason in (
        ("https://www.shop.example/a", "denied-host"),
        ("http://10.0.0.1/", "private-address"),
        ("ftp://other.example/", "scheme"),
    ):
        with pytest.raises(RefusedError) as refused:
            check_addresses(services, ["https://other.example/", url])
        assert (refused.value.reason, url in refused.value.message) == (reason, True)
