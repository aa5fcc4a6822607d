"""Test that members create and change watches, and that invalid sources and searches are rejected unchanged."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from exhibit.errors import InvalidRequestError, RefusedError
from exhibit.network.guard import Guard
from registry.crawls import watches
from registry.crawls.search_services import get_service
from registry.crawls.watches import check_addresses
from registry.models import HostDenial, Owner, Watch
from tests.assets.rows import owner
from workers.tasks.sync_runner import SyncRunner

EVERY = timedelta(days=1)
SITE, PRIVATE, TINEYE = ("site", "https://shop.example/"), ("site", "http://10.0.0.1/"), ("search", "tineye")


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


def arrange_watch(
    inline: SyncRunner, rights_holder: Owner, *places: tuple[str, str], words: tuple[str, ...] = ()
) -> Watch:
    return watches.set_up_watch(
        inline.services, rights_holder, "w", places, every=EVERY, budget={}, politeness={}, by="Ann", words=words
    )


def test_search_and_list_watches_have_default_budgets(inline: SyncRunner, studio: Owner) -> None:
    searching = arrange_watch(inline, studio, TINEYE)
    assert searching.budget["searches"] == get_service(inline.services.config, "tineye").pace.searches
    watches.set_up_watch(
        inline.services, studio, "l", [("list", "https://shop.example/a")],
        every=EVERY, budget={"pages": 7}, politeness={}, by="Ann",
    )  # fmt: skip
    budget = Watch.objects.get(name="l").budget
    assert (budget["depth"], budget["pages"]) == (0, 7)


def test_invalid_sources_change_nothing(inline: SyncRunner, studio: Owner) -> None:
    for places, words, error in (((SITE, PRIVATE), (), RefusedError), ((TINEYE,), ("wave",), InvalidRequestError)):
        with pytest.raises(error):
            arrange_watch(inline, studio, *places, words=words)
    assert not Watch.objects.exists()
    new_watch = arrange_watch(inline, studio, SITE)
    with pytest.raises(RefusedError):
        watches.update_watch(
            inline.services, new_watch, budget={}, politeness={}, by="Ann", name="renamed", add=[PRIVATE]
        )
    with pytest.raises(InvalidRequestError):
        watches.update_watch(
            inline.services, new_watch, budget={}, politeness={}, by="Ann", name="renamed", remove=[SITE]
        )
    assert Watch.objects.get().name == "w"
    watches.update_watch(inline.services, new_watch, budget={"pages": 5}, politeness={}, by="Ann", name="renamed")
    assert (Watch.objects.get().name, Watch.objects.get().budget["pages"]) == ("renamed", 5)


@pytest.mark.django_db
def test_unvisitable_url_is_reported_with_reason() -> None:
    HostDenial.objects.create(host="shop.example", reason="opted out")
    services: Any = SimpleNamespace(guard=Guard())
    check_addresses(services, ["https://other.example/"])
    for url, reason in (
        ("https://www.shop.example/a", "denied-host"),
        ("http://10.0.0.1/", "private-address"),
        ("ftp://other.example/", "scheme"),
    ):
        with pytest.raises(RefusedError) as error_info:
            check_addresses(services, ["https://other.example/", url])
        assert (error_info.value.reason, url in error_info.value.message) == (reason, True)
