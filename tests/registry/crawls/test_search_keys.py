"""Test search costs: counted before a request is sent, limited by a watch's budget, and estimated in advance."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from exhibit.clock import now
from exhibit.errors import InvalidRequestError, NotFoundError
from exhibit.types import Price
from registry.crawls import budgets, watch_settings
from registry.crawls.search_keys import (
    delete_key,
    estimate_costs,
    get_key,
    get_obstacle,
    record_consent,
    set_price,
    store_key,
    withdraw_consent,
)
from registry.crawls.search_services import get_service
from registry.crawls.watches import set_up_watch, update_watch
from registry.master_key import change_master_key
from registry.models import Crawl, FrontierUrl, Inquiry, LogOpening, Owner, SearchCharge, SearchKey, Sighting, Watch
from tests.assets.rows import owner, photograph, register
from tests.assets.searches import (
    KEY,
    PATHS,
    add_market_mapping,
    copy_shipped_mapping,
    copy_tineye_mapping,
    json_response,
    query_parameters,
    tineye_answer,
    tineye_error,
    write_price,
)
from tests.assets.site import Answer, ReceivedRequest, Site
from workers.tasks.sync_runner import SyncRunner

DAY = timedelta(days=1)
SEARCH_PATH = PATHS["tineye"]


@pytest.fixture
def site(inline: SyncRunner) -> Iterator[Site]:
    """A shop, TinEye at 0.02 USD per request, and a word-searchable marketplace at 0.01 USD."""
    inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",))
    with Site() as running:
        copy_tineye_mapping(inline.services.config.data_dir, running)
        add_market_mapping(inline.services.config.data_dir, running)
        write_price(get_mapping_path(inline, "tineye"), "0.02 USD")
        write_price(get_mapping_path(inline, "market"), "10 USD", requests=1000)
        running.routes["/copy.jpg"] = Answer(photograph(9), "image/jpeg")  # matches no work, so nothing is captured
        running.routes[SEARCH_PATH] = tineye_answer([])
        running.routes["/offers"] = serve_offers
        yield running


@pytest.fixture
def studio(inline: SyncRunner, site: Site) -> Owner:
    """An owner with three works and search keys."""
    new_owner = owner("studio")
    for seed in (1, 2, 3):
        register(inline.services, new_owner, photograph(seed))
    for service in ("tineye", "market"):
        store_key(inline.services, new_owner, service, KEY, by="Ann")
    record_consent(inline.services, new_owner, "tineye", by="Ann")
    return new_owner


def get_mapping_path(inline: SyncRunner, name: str) -> Path:
    return Path(inline.services.config.data_dir) / "searches" / f"{name}.toml"


def serve_offers(request: ReceivedRequest) -> Answer:
    """Return a page of marketplace results that has a next page."""
    return json_response({"data": {"items": [], "next": str(int(query_parameters(request).get("cursor", 0)) + 1)}})


def add_search_watch(inline: SyncRunner, rights_holder: Owner, *names: str, name: str = "w", **budget: Any) -> Watch:  # noqa: ANN401 - of any kind
    settings: dict[str, Any] = {name: budget.pop(name) for name in ("words", "works", "newest") if name in budget}
    sources = [("search", service) for service in names or ("tineye",)]
    arguments: dict[str, Any] = {"every": DAY, "budget": budget, "politeness": {"delay": 0.0}, "by": "Ann"}
    return set_up_watch(inline.services, rights_holder, name, sources, **arguments, **settings)


def run(inline: SyncRunner, watch: Watch) -> tuple[Crawl, Inquiry]:
    crawl = watch_settings.start_crawl_now(watch)
    inline.run_until_idle()
    crawl.refresh_from_db()
    return crawl, crawl.inquiries.earliest("pk")


def list_sent_pictures(site: Site, path: str = SEARCH_PATH) -> list[bytes]:
    """Return the first bytes of each image that was sent, in order."""
    return [
        request.body.partition(b"\xff\xd8")[2][:2000]
        for request in site.requests
        if request.path.partition("?")[0] == path
    ]


def list_costs() -> list[int]:
    return [*SearchCharge.objects.order_by("pk").values_list("millionths", flat=True)]


@pytest.mark.long
def test_run_stops_before_exceeding_budget_and_next_run_continues(
    inline: SyncRunner, studio: Owner, site: Site
) -> None:
    watch = add_search_watch(inline, studio, money="0.05 USD")
    crawl, inquiry = run(inline, watch)
    assert (crawl.state, inquiry.outcome, inquiry.requests, list_costs()) == ("done", "money", 2, [20_000, 20_000])
    assert inquiry.stopped_at == {"spent": "0.04 USD", "limit": "0.05 USD", "left": 1}
    assert str(*budgets.sum_charges(budgets.list_run_charges(crawl.pk))) == "0.04 USD"
    _crawl, inquiry = run(inline, watch)
    assert (
        len(list_sent_pictures(site)),
        len(set(list_sent_pictures(site)[:3])),
        list_sent_pictures(site)[3] == list_sent_pictures(site)[0],
    ) == (4, 3, True)
    assert str(*budgets.sum_charges(budgets.list_month_charges(watch.pk))) == "0.08 USD"


@pytest.mark.long
def test_budget_equal_to_cost_is_sufficient(inline: SyncRunner, studio: Owner, site: Site) -> None:
    _crawl, inquiry = run(inline, add_search_watch(inline, studio, money="0.06 USD"))
    assert (inquiry.outcome, inquiry.requests, inquiry.stopped_at) == ("", 3, {})
    _crawl, inquiry = run(inline, add_search_watch(inline, studio, name="none", money="0 USD"))
    assert (inquiry.outcome, inquiry.requests) == ("money", 0)


@pytest.mark.long
def test_monthly_budget_spans_runs_and_resets_each_month(inline: SyncRunner, studio: Owner, site: Site) -> None:
    watch = add_search_watch(inline, studio, money="1 USD", money_month="0.08 USD")
    assert [run(inline, watch)[1].outcome for _ in range(2)] == ["", "money_month"]
    assert len(list_sent_pictures(site)) == 4
    SearchCharge.objects.update(at=budgets.get_month_start() - timedelta(seconds=1))
    assert run(inline, watch)[1].outcome == ""
    assert len(list_sent_pictures(site)) == 7


class KilledError(BaseException):
    """Simulate the death of a worker."""


@pytest.mark.long
@pytest.mark.parametrize(("last", "requests"), [('INSERT INTO "registry_searchcharge"', 0), ('"requests" =', 1)])
def test_request_of_killed_worker_is_charged_and_repeated(
    inline: SyncRunner, studio: Owner, site: Site, last: str, requests: int
) -> None:
    crawl = watch_settings.start_crawl_now(add_search_watch(inline, studio, money="1 USD"))
    met: list[str] = []
    outside = len(connection.savepoint_ids)

    def kill(execute: Callable[..., object], sql: str, *rest: object) -> object:
        if met and len(connection.savepoint_ids) == outside:
            raise KilledError  # the transaction has ended
        if last in sql:
            if requests:
                raise KilledError  # before the response is stored
            met.append(sql)
            assert not list_sent_pictures(site)
        return execute(sql, *rest)

    with connection.execute_wrapper(kill), suppress(KilledError):
        inline.run_until_idle()
    assert (list_costs(), len(list_sent_pictures(site))) == ([20_000], requests)
    Inquiry.objects.filter(state="running").update(state="queued", claimed_at=None)
    inline.run_until_idle()
    crawl.refresh_from_db()
    assert (crawl.reason, list_costs(), len(list_sent_pictures(site))) == ("finished", [20_000] * 4, 3 + requests)


@pytest.mark.long
@pytest.mark.parametrize("response", [tineye_error(429, "Too many requests."), Answer(b"<h1>Sorry</h1>")])
def test_failed_requests_are_charged(inline: SyncRunner, studio: Owner, site: Site, response: Answer) -> None:
    site.routes[SEARCH_PATH] = response
    crawl, inquiry = run(inline, add_search_watch(inline, studio, money="0.05 USD"))
    assert (inquiry.state, inquiry.requests, list_costs()) == ("queued", 0, [20_000])
    for _ in range(2):
        Inquiry.objects.update(not_before=None)
        inline.run_until_idle()
    crawl.refresh_from_db()
    assert (crawl.state, crawl.inquiries.get().outcome, list_costs()) == ("done", "money", [20_000] * 2)
    assert crawl.inquiries.get().stopped_at["left"] == 3


@pytest.mark.long
def test_price_change_applies_from_next_request(inline: SyncRunner, studio: Owner, site: Site) -> None:
    watch = add_search_watch(inline, studio, searches=1, money="0.07 USD")
    run(inline, watch)
    write_price(get_mapping_path(inline, "tineye"), "0.03 USD")
    run(inline, watch)
    set_price(inline.services, studio, "tineye", Price(amount="200 USD", requests=3_000), by="Ann")
    run(inline, watch)
    assert list_costs() == [20_000, 30_000, 66_667]  # fractions of a millionth are rounded up
    set_price(inline.services, studio, "tineye", None, by="Ann")
    assert run(inline, watch)[1].outcome == ""
    write_price(get_mapping_path(inline, "tineye"), "0.03 EUR")
    assert run(inline, watch)[1].outcome == "no-price"
    write_price(get_mapping_path(inline, "tineye"), "")
    assert run(inline, watch)[1].outcome == "no-price"
    assert len(list_sent_pictures(site)) == 4


@pytest.mark.long
def test_monthly_free_requests_are_shared_by_all_watches(inline: SyncRunner, studio: Owner, site: Site) -> None:
    write_price(get_mapping_path(inline, "tineye"), "0.02 USD", free=4)
    for name in ("a", "b"):
        run(inline, add_search_watch(inline, studio, name=name, money="0.02 USD"))
    assert list_costs() == [0, 0, 0, 0, 20_000]
    assert Inquiry.objects.latest("pk").stopped_at == {"spent": "0.02 USD", "limit": "0.02 USD", "left": 1}


@pytest.mark.long
def test_words_left_when_the_budget_is_spent_are_searched_in_the_next_run(
    inline: SyncRunner, studio: Owner, site: Site
) -> None:
    watch = add_search_watch(inline, studio, "market", words=["wave", "fuji"], money="0.02 USD")
    _crawl, inquiry = run(inline, watch)
    assert (inquiry.requests, inquiry.stopped_at["left"]) == (2, 1)
    run(inline, watch)
    assert [query_parameters(request)["q"] for request in site.requests] == ["wave", "wave", "fuji", "fuji"]


@pytest.mark.long
def test_url_found_by_two_searches_is_visited_once(inline: SyncRunner, studio: Owner, site: Site) -> None:
    copy_shipped_mapping(inline.services.config.data_dir, "yandex-images", site)
    store_key(inline.services, studio, "yandex-images", "folder:key", by="Ann")
    record_consent(inline.services, studio, "yandex-images", by="Ann")
    image, page = site.url("/copy.jpg"), site.url("/shop/42")
    site.routes[SEARCH_PATH] = tineye_answer([(image, page)])
    respelt = {"url": image.replace("http://", "HTTP://"), "pageUrl": page}
    site.routes[PATHS["yandex-images"]] = json_response({"images": [respelt, respelt]})
    watch = add_search_watch(inline, studio, "tineye", "yandex-images", works=[1], money="0.0275 USD")
    crawl, _inquiry = run(inline, watch)
    assert [(inquiry.service, inquiry.requests) for inquiry in crawl.inquiries.order_by("pk")] == [
        ("tineye", 1),
        ("yandex-images", 1),
    ]
    assert list_costs() == [20_000, 7_500]
    assert (FrontierUrl.objects.count(), Sighting.objects.get().page_url) == (1, page)
    assert site.count_requests("/copy.jpg") == 1


@pytest.mark.long
def test_selected_works_are_searched_newest_first_without_removed_works(
    inline: SyncRunner, studio: Owner, site: Site
) -> None:
    everything = add_search_watch(inline, studio, name="all", newest=True, searches=2)
    for _ in range(2):
        run(inline, everything)
    third, second, *later_pictures = list_sent_pictures(site)
    assert (later_pictures, third == second) == ([third, second], False)
    picked = add_search_watch(inline, studio, name="picked", works=[3, 1])
    run(inline, picked)
    first = list_sent_pictures(site)[4]
    assert list_sent_pictures(site)[4:] == [first, third]
    studio.works.filter(number=3).update(removed_at=studio.created_at)
    run(inline, picked)
    assert list_sent_pictures(site)[6:] == [first]
    studio.works.filter(number=1).update(removed_at=studio.created_at)
    crawl, inquiry = run(inline, picked)
    assert (crawl.state, inquiry.outcome, len(list_sent_pictures(site))) == ("done", "no-works", 7)
    update_watch(inline.services, picked, budget={}, politeness={}, works=[], by="Ann")
    run(inline, picked)
    assert list_sent_pictures(site)[7:] == [second]


@pytest.mark.parametrize(
    ("names", "budget", "why"),
    [
        ((), {"money": "a dollar"}, "is not an amount of money"),
        ((), {"money": "1 USD", "money_month": "5 EUR"}, "in EUR|in USD"),
        ((), {"money": "1 EUR"}, "is in USD"),
        (("ebay-images",), {"money": "1 USD"}, "The price of eBay Images is unknown"),
        (("market", "tineye"), {"words": ["wave"]}, "not for words"),
        (("market",), {"words": ["wave"], "works": [1]}, "does not search by work"),
        ((), {"works": [1, 9]}, "Work 9 does not exist"),
    ],
)
def test_invalid_search_settings_are_rejected(
    inline: SyncRunner, studio: Owner, names: tuple[str, ...], budget: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidRequestError, match=why):
        add_search_watch(inline, studio, *names, **budget)
    watch = add_search_watch(inline, studio)
    with pytest.raises(InvalidRequestError):
        update_watch(inline.services, watch, budget={"money": "1"}, politeness={}, by="Ann")
    update_watch(inline.services, watch, budget={"money": "1USD"}, politeness={}, by="Ann")
    assert Watch.objects.get().budget["money"] == "1.00 USD"
    update_watch(inline.services, watch, budget={"money": ""}, politeness={}, by="Ann")
    assert "money" not in Watch.objects.get().budget


def test_run_cost_is_estimated(inline: SyncRunner, studio: Owner) -> None:
    [cost] = estimate_costs(inline.services, studio, ["tineye"], budget={})
    assert (cost.searches, cost.pages, str(cost.cost)) == (3, 1, "0.06 USD")
    [cost] = estimate_costs(inline.services, studio, ["tineye"], budget={"searches": 2}, works=[1])
    assert (cost.searches, str(cost.cost)) == (1, "0.02 USD")
    [cost] = estimate_costs(inline.services, studio, ["market"], budget={}, words=["wave", "fuji"])
    assert (cost.searches, cost.pages, str(cost.cost)) == (2, 3, "0.06 USD")
    [cost] = estimate_costs(inline.services, studio, ["ebay-images"], budget={})
    assert cost.cost is None


@pytest.fixture
def plain_studio(db: None) -> Owner:
    return owner("studio")


def test_key_is_bound_to_owner_and_service_and_survives_master_key_change(
    inline: SyncRunner, plain_studio: Owner
) -> None:
    store_key(inline.services, plain_studio, "tineye", KEY, by="Ann")
    other = owner("other")
    SearchKey.objects.create(
        owner=other, service="tineye", encrypted=SearchKey.objects.get().encrypted, added_by="", added_at=now()
    )
    assert get_key(inline.services, other, "tineye") is None
    change_master_key(inline.services, by="Ann", reason="yearly")
    assert get_key(inline.services, plain_studio, "tineye") == KEY
    delete_key(plain_studio, "tineye", by="Ann")
    assert get_key(inline.services, plain_studio, "tineye") is None


def test_two_part_key_requires_both_parts(inline: SyncRunner, plain_studio: Owner) -> None:
    services, ebay = inline.services, get_service(inline.services.config, "ebay-images")
    assert get_obstacle(services, plain_studio, "ebay-images", ebay) == "no-key"
    for text in ("the-id", "the-id:", ":secret"):
        with pytest.raises(InvalidRequestError, match="id:secret"):
            store_key(services, plain_studio, "ebay-images", text, by="Ann")
    store_key(services, plain_studio, "ebay-images", "the-id:secret", by="Ann")
    assert get_obstacle(services, plain_studio, "ebay-images", ebay) == "no-consent"
    record_consent(services, plain_studio, "ebay-images", by="Ann")
    assert get_obstacle(services, plain_studio, "ebay-images", ebay) == ""
    assert get_obstacle(services, owner("other"), "ebay-images", ebay) == "no-key"
    with pytest.raises(InvalidRequestError):
        record_consent(services, plain_studio, "ebay", by="Ann")
    with pytest.raises(NotFoundError):
        record_consent(services, plain_studio, "nothing", by="Ann")


def test_search_sources_cannot_be_mixed_and_invalid_keys_are_rejected(inline: SyncRunner, plain_studio: Owner) -> None:
    mixed_sources = [("search", "tineye"), ("site", "https://shop.example/")]
    with pytest.raises(InvalidRequestError):
        watch_settings.add_watch(
            plain_studio, "mixed", mixed_sources, every=timedelta(days=1), budget={}, politeness={}
        )
    with pytest.raises(NotFoundError):
        store_key(inline.services, plain_studio, "nothing", KEY, by="Ann")
    for text in ("", "two\nlines", "é"):
        with pytest.raises(InvalidRequestError):
            store_key(inline.services, plain_studio, "tineye", text, by="Ann")


def test_consent_is_replaced_and_withdrawal_is_logged(inline: SyncRunner, plain_studio: Owner) -> None:
    for _ in range(2):
        record_consent(inline.services, plain_studio, "tineye", by="Ann")
    assert plain_studio.search_consents.get().given_by == "Ann"
    assert [withdraw_consent(plain_studio, "tineye", by="Bea") for _ in range(2)] == [True, False]
    entries = [(entry.content["what"], (entry.details or {})["by"]) for entry in LogOpening.objects.order_by("pk")]
    consent_given, withdrawn = "search consent given", "search consent withdrawn"
    assert [entry for entry in entries if "consent" in entry[0]] == [
        (consent_given, "Ann"),
        (consent_given, "Ann"),
        (withdrawn, "Bea"),
    ]


def test_key_is_replaced_and_deleted_and_never_shown(inline: SyncRunner, plain_studio: Owner) -> None:
    for secret in ("one-key", "two-key"):
        store_key(inline.services, plain_studio, "tineye", secret, by="Ann")
    assert get_key(inline.services, plain_studio, "tineye") == "two-key"
    assert [delete_key(plain_studio, "tineye", by="Ann") for _ in range(2)] == [True, False]
    entries = [
        str((entry.content, entry.details)) for entry in LogOpening.objects.all() if "search key" in str(entry.content)
    ]
    assert len(entries) == 3
    assert not [entry for entry in entries if "two-key" in entry]
