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
from exhibit.errors import NotFoundError, WrongUseError
from exhibit.types import Price
from registry.crawls import budgets, watching
from registry.crawls.search_keys import (
    consent,
    drop_key,
    estimate,
    keep_key,
    key_of,
    lacking,
    set_price,
    withdraw_consent,
)
from registry.crawls.search_services import service_of
from registry.crawls.watches import arrange, change
from registry.master_key import change_master_key
from registry.models import Crawl, FrontierUrl, Inquiry, LogOpening, Owner, SearchCharge, SearchKey, Sighting, Watch
from tests.assets.rows import owner, photograph, register
from tests.assets.searches import (
    KEY,
    PATHS,
    answer,
    put_market,
    put_price,
    put_shipped,
    put_tineye,
    query,
    tineye_answer,
    tineye_error,
)
from tests.assets.site import Answer, Seen, Site
from workers.tasks.sync_runner import SyncRunner

DAY = timedelta(days=1)
SEARCH = PATHS["tineye"]


@pytest.fixture
def site(inline: SyncRunner) -> Iterator[Site]:
    """A shop, TinEye at two hundredths of a dollar per request, and a marketplace for words at one."""
    inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",))
    with Site() as running:
        put_tineye(inline.services.config.data_dir, running)
        put_market(inline.services.config.data_dir, running)
        put_price(mapping(inline, "tineye"), "0.02 USD")
        put_price(mapping(inline, "market"), "10 USD", requests=1000)
        running.routes["/copy.jpg"] = Answer(photograph(9), "image/jpeg")  # unlike any work: nothing is captured
        running.routes[SEARCH] = tineye_answer([])
        running.routes["/offers"] = offers
        yield running


@pytest.fixture
def studio(inline: SyncRunner, site: Site) -> Owner:
    """An owner of three works, with keys."""
    made = owner("studio")
    for seed in (1, 2, 3):
        register(inline.services, made, photograph(seed))
    for service in ("tineye", "market"):
        keep_key(inline.services, made, service, KEY, by="Ann")
    consent(inline.services, made, "tineye", by="Ann")
    return made


def mapping(inline: SyncRunner, name: str) -> Path:
    return Path(inline.services.config.data_dir) / "searches" / f"{name}.toml"


def offers(seen: Seen) -> Answer:
    """Return a page of the marketplace that is followed by another."""
    return answer({"data": {"items": [], "next": str(int(query(seen).get("cursor", 0)) + 1)}})


def asking(inline: SyncRunner, of: Owner, *names: str, name: str = "w", **said: Any) -> Watch:  # noqa: ANN401 - of any kind
    settings: dict[str, Any] = {name: said.pop(name) for name in ("words", "works", "newest") if name in said}
    sources = [("search", one) for one in names or ("tineye",)]
    given: dict[str, Any] = {"every": DAY, "budget": said, "politeness": {"delay": 0.0}, "by": "Ann"}
    return arrange(inline.services, of, name, sources, **given, **settings)


def run(inline: SyncRunner, watch: Watch) -> tuple[Crawl, Inquiry]:
    crawl = watching.start_now(watch)
    inline.run_until_idle()
    crawl.refresh_from_db()
    return crawl, crawl.inquiries.earliest("pk")


def sent(site: Site, path: str = SEARCH) -> list[bytes]:
    """Return the first bytes of each image that was sent, in order."""
    return [one.body.partition(b"\xff\xd8")[2][:2000] for one in site.seen if one.path.partition("?")[0] == path]


def costs() -> list[int]:
    return [*SearchCharge.objects.order_by("pk").values_list("millionths", flat=True)]


@pytest.mark.long
def test_no_request_is_sent_that_would_cost_too_much_and_the_next_run_goes_on_from_there(
    inline: SyncRunner, studio: Owner, site: Site
) -> None:
    watch = asking(inline, studio, money="0.05 USD")
    crawl, inquiry = run(inline, watch)
    assert (crawl.state, inquiry.outcome, inquiry.asked, costs()) == ("done", "money", 2, [20_000, 20_000])
    assert inquiry.stopped_at == {"spent": "0.04 USD", "limit": "0.05 USD", "left": 1}
    assert str(*budgets.spent_of(budgets.of_run(crawl.pk))) == "0.04 USD"
    _crawl, inquiry = run(inline, watch)
    assert (len(sent(site)), len(set(sent(site)[:3])), sent(site)[3] == sent(site)[0]) == (4, 3, True)
    assert str(*budgets.spent_of(budgets.of_month(watch.pk))) == "0.08 USD"


@pytest.mark.long
def test_money_that_pays_for_all_exactly_is_enough(inline: SyncRunner, studio: Owner, site: Site) -> None:
    _crawl, inquiry = run(inline, asking(inline, studio, money="0.06 USD"))
    assert (inquiry.outcome, inquiry.asked, inquiry.stopped_at) == ("", 3, {})
    _crawl, inquiry = run(inline, asking(inline, studio, name="none", money="0 USD"))
    assert (inquiry.outcome, inquiry.asked) == ("money", 0)


@pytest.mark.long
def test_the_money_of_a_month_holds_over_its_runs_and_comes_back_with_the_next_month(
    inline: SyncRunner, studio: Owner, site: Site
) -> None:
    watch = asking(inline, studio, money="1 USD", money_month="0.08 USD")
    assert [run(inline, watch)[1].outcome for _ in range(2)] == ["", "money_month"]
    assert len(sent(site)) == 4
    SearchCharge.objects.update(at=budgets.month_begin() - timedelta(seconds=1))
    assert run(inline, watch)[1].outcome == ""
    assert len(sent(site)) == 7


class KilledError(BaseException):
    """The death of the worker."""


@pytest.mark.long
@pytest.mark.parametrize(("last", "requests"), [('INSERT INTO "registry_searchcharge"', 0), ('"asked" =', 1)])
def test_what_a_killed_worker_may_have_asked_is_counted_and_asked_for_once_more(
    inline: SyncRunner, studio: Owner, site: Site, last: str, requests: int
) -> None:
    crawl = watching.start_now(asking(inline, studio, money="1 USD"))
    met: list[str] = []
    outside = len(connection.savepoint_ids)

    def kill(execute: Callable[..., object], sql: str, *rest: object) -> object:
        if met and len(connection.savepoint_ids) == outside:
            raise KilledError  # the transaction has ended
        if last in sql:
            if requests:
                raise KilledError  # before the answer is stored
            met.append(sql)
            assert not sent(site)
        return execute(sql, *rest)

    with connection.execute_wrapper(kill), suppress(KilledError):
        inline.run_until_idle()
    assert (costs(), len(sent(site))) == ([20_000], requests)
    Inquiry.objects.filter(state="doing").update(state="todo", claimed_at=None)
    inline.run_until_idle()
    crawl.refresh_from_db()
    assert (crawl.reason, costs(), len(sent(site))) == ("finished", [20_000] * 4, 3 + requests)


@pytest.mark.long
@pytest.mark.parametrize("given", [tineye_error(429, "Too many requests."), Answer(b"<h1>Sorry</h1>")])
def test_a_request_counts_whatever_is_answered(inline: SyncRunner, studio: Owner, site: Site, given: Answer) -> None:
    site.routes[SEARCH] = given
    crawl, inquiry = run(inline, asking(inline, studio, money="0.05 USD"))
    assert (inquiry.state, inquiry.asked, costs()) == ("todo", 0, [20_000])
    for _ in range(2):
        Inquiry.objects.update(not_before=None)
        inline.run_until_idle()
    crawl.refresh_from_db()
    assert (crawl.state, crawl.inquiries.get().outcome, costs()) == ("done", "money", [20_000] * 2)
    assert crawl.inquiries.get().stopped_at["left"] == 3


@pytest.mark.long
def test_a_price_that_changes_counts_from_the_next_request_on(inline: SyncRunner, studio: Owner, site: Site) -> None:
    watch = asking(inline, studio, searches=1, money="0.07 USD")
    run(inline, watch)
    put_price(mapping(inline, "tineye"), "0.03 USD")
    run(inline, watch)
    set_price(inline.services, studio, "tineye", Price(amount="200 USD", requests=3_000), by="Ann")
    run(inline, watch)
    assert costs() == [20_000, 30_000, 66_667]  # fractions of a millionth are rounded up
    set_price(inline.services, studio, "tineye", None, by="Ann")
    assert run(inline, watch)[1].outcome == ""
    put_price(mapping(inline, "tineye"), "0.03 EUR")
    assert run(inline, watch)[1].outcome == "no-price"
    put_price(mapping(inline, "tineye"), "")
    assert run(inline, watch)[1].outcome == "no-price"
    assert len(sent(site)) == 4


@pytest.mark.long
def test_free_requests_of_a_month_are_those_of_all_watches_of_an_owner(
    inline: SyncRunner, studio: Owner, site: Site
) -> None:
    put_price(mapping(inline, "tineye"), "0.02 USD", free=4)
    for name in ("a", "b"):
        run(inline, asking(inline, studio, name=name, money="0.02 USD"))
    assert costs() == [0, 0, 0, 0, 20_000]
    assert Inquiry.objects.latest("pk").stopped_at == {"spent": "0.02 USD", "limit": "0.02 USD", "left": 1}


@pytest.mark.long
def test_money_that_ends_within_the_pages_of_a_subject_leaves_the_others_their_turn(
    inline: SyncRunner, studio: Owner, site: Site
) -> None:
    watch = asking(inline, studio, "market", words=["wave", "fuji"], money="0.02 USD")
    _crawl, inquiry = run(inline, watch)
    assert (inquiry.asked, inquiry.stopped_at["left"]) == (2, 1)
    run(inline, watch)
    assert [query(one)["q"] for one in site.seen] == ["wave", "wave", "fuji", "fuji"]


@pytest.mark.long
def test_an_address_that_two_searches_name_is_visited_once(inline: SyncRunner, studio: Owner, site: Site) -> None:
    put_shipped(inline.services.config.data_dir, "yandex-images", site)
    keep_key(inline.services, studio, "yandex-images", "folder:key", by="Ann")
    consent(inline.services, studio, "yandex-images", by="Ann")
    image, page = site.url("/copy.jpg"), site.url("/shop/42")
    site.routes[SEARCH] = tineye_answer([(image, page)])
    respelt = {"url": image.replace("http://", "HTTP://"), "pageUrl": page}
    site.routes[PATHS["yandex-images"]] = answer({"images": [respelt, respelt]})
    watch = asking(inline, studio, "tineye", "yandex-images", works=[1], money="0.0275 USD")
    crawl, _inquiry = run(inline, watch)
    assert [(one.service, one.asked) for one in crawl.inquiries.order_by("pk")] == [("tineye", 1), ("yandex-images", 1)]
    assert costs() == [20_000, 7_500]
    assert (FrontierUrl.objects.count(), Sighting.objects.get().page_url) == (1, page)
    assert site.times("/copy.jpg") == 1


@pytest.mark.long
def test_picked_works_are_asked_for_the_newest_first_without_those_that_are_withdrawn(
    inline: SyncRunner, studio: Owner, site: Site
) -> None:
    everything = asking(inline, studio, name="all", newest=True, searches=2)
    for _ in range(2):
        run(inline, everything)
    third, second, *again = sent(site)
    assert (again, third == second) == ([third, second], False)
    picked = asking(inline, studio, name="picked", works=[3, 1])
    run(inline, picked)
    first = sent(site)[4]
    assert sent(site)[4:] == [first, third]
    studio.works.filter(number=3).update(removed_at=studio.created_at)
    run(inline, picked)
    assert sent(site)[6:] == [first]
    studio.works.filter(number=1).update(removed_at=studio.created_at)
    crawl, inquiry = run(inline, picked)
    assert (crawl.state, inquiry.outcome, len(sent(site))) == ("done", "no-works", 7)
    change(inline.services, picked, budget={}, politeness={}, works=[], by="Ann")
    run(inline, picked)
    assert sent(site)[7:] == [second]


@pytest.mark.parametrize(
    ("names", "said", "why"),
    [
        ((), {"money": "a dollar"}, "isn't an amount of money"),
        ((), {"money": "1 USD", "money_month": "5 EUR"}, "in EUR|in USD"),
        ((), {"money": "1 EUR"}, "is in USD"),
        (("ebay-images",), {"money": "1 USD"}, "Nothing says what eBay Images costs"),
        (("market", "tineye"), {"words": ["wave"]}, "not for words"),
        (("market",), {"words": ["wave"], "works": [1]}, "isn't asked for works"),
        ((), {"works": [1, 9]}, "There is no work 9"),
    ],
)
def test_what_cant_be_is_refused(
    inline: SyncRunner, studio: Owner, names: tuple[str, ...], said: dict[str, Any], why: str
) -> None:
    with pytest.raises(WrongUseError, match=why):
        asking(inline, studio, *names, **said)
    watch = asking(inline, studio)
    with pytest.raises(WrongUseError):
        change(inline.services, watch, budget={"money": "1"}, politeness={}, by="Ann")
    change(inline.services, watch, budget={"money": "1USD"}, politeness={}, by="Ann")
    assert Watch.objects.get().budget["money"] == "1.00 USD"
    change(inline.services, watch, budget={"money": ""}, politeness={}, by="Ann")
    assert "money" not in Watch.objects.get().budget


def test_what_a_run_costs_is_known_before(inline: SyncRunner, studio: Owner) -> None:
    [one] = estimate(inline.services, studio, ["tineye"], budget={})
    assert (one.searches, one.pages, str(one.cost)) == (3, 1, "0.06 USD")
    [one] = estimate(inline.services, studio, ["tineye"], budget={"searches": 2}, works=[1])
    assert (one.searches, str(one.cost)) == (1, "0.02 USD")
    [one] = estimate(inline.services, studio, ["market"], budget={}, words=["wave", "fuji"])
    assert (one.searches, one.pages, str(one.cost)) == (2, 3, "0.06 USD")
    [one] = estimate(inline.services, studio, ["ebay-images"], budget={})
    assert one.cost is None


@pytest.fixture
def plain_studio(db: None) -> Owner:
    return owner("studio")


def test_a_key_opens_for_its_owner_and_search_alone_and_after_a_new_master_key(
    inline: SyncRunner, plain_studio: Owner
) -> None:
    keep_key(inline.services, plain_studio, "tineye", KEY, by="Ann")
    other = owner("other")
    SearchKey.objects.create(
        owner=other, service="tineye", encrypted=SearchKey.objects.get().encrypted, added_by="", added_at=now()
    )
    assert key_of(inline.services, other, "tineye") is None
    change_master_key(inline.services, by="Ann", reason="yearly")
    assert key_of(inline.services, plain_studio, "tineye") == KEY
    drop_key(plain_studio, "tineye", by="Ann")
    assert key_of(inline.services, plain_studio, "tineye") is None


def test_a_key_of_two_parts_needs_both_and_what_is_missing_is_told_in_turn(
    inline: SyncRunner, plain_studio: Owner
) -> None:
    services, ebay = inline.services, service_of(inline.services.config, "ebay-images")
    assert lacking(services, plain_studio, "ebay-images", ebay) == "no-key"
    for text in ("the-id", "the-id:", ":secret"):
        with pytest.raises(WrongUseError, match="id:secret"):
            keep_key(services, plain_studio, "ebay-images", text, by="Ann")
    keep_key(services, plain_studio, "ebay-images", "the-id:secret", by="Ann")
    assert lacking(services, plain_studio, "ebay-images", ebay) == "no-consent"
    consent(services, plain_studio, "ebay-images", by="Ann")
    assert lacking(services, plain_studio, "ebay-images", ebay) == ""
    assert lacking(services, owner("other"), "ebay-images", ebay) == "no-key"
    with pytest.raises(WrongUseError):
        consent(services, plain_studio, "ebay", by="Ann")
    with pytest.raises(NotFoundError):
        consent(services, plain_studio, "nothing", by="Ann")


def test_what_a_key_names_isnt_mixed_with_what_anybody_may_see(inline: SyncRunner, plain_studio: Owner) -> None:
    mixed = [("search", "tineye"), ("site", "https://shop.example/")]
    with pytest.raises(WrongUseError):
        watching.add_watch(plain_studio, "mixed", mixed, every=timedelta(days=1), budget={}, politeness={})
    with pytest.raises(NotFoundError):
        keep_key(inline.services, plain_studio, "nothing", KEY, by="Ann")
    for text in ("", "two\nlines", "é"):
        with pytest.raises(WrongUseError):
            keep_key(inline.services, plain_studio, "tineye", text, by="Ann")


def test_a_yes_is_kept_in_place_of_an_earlier_one_and_the_log_says_who_took_it_back(
    inline: SyncRunner, plain_studio: Owner
) -> None:
    for _ in range(2):
        consent(inline.services, plain_studio, "tineye", by="Ann")
    assert plain_studio.search_consents.get().given_by == "Ann"
    assert [withdraw_consent(plain_studio, "tineye", by="Bea") for _ in range(2)] == [True, False]
    said = [(one.content["what"], (one.details or {})["by"]) for one in LogOpening.objects.order_by("pk")]
    given, withdrawn = "search consent given", "search consent withdrawn"
    assert [one for one in said if "consent" in one[0]] == [(given, "Ann"), (given, "Ann"), (withdrawn, "Bea")]


def test_a_key_is_replaced_and_forgotten_and_never_told(inline: SyncRunner, plain_studio: Owner) -> None:
    for secret in ("one-key", "two-key"):
        keep_key(inline.services, plain_studio, "tineye", secret, by="Ann")
    assert key_of(inline.services, plain_studio, "tineye") == "two-key"
    assert [drop_key(plain_studio, "tineye", by="Ann") for _ in range(2)] == [True, False]
    told = [str((one.content, one.details)) for one in LogOpening.objects.all() if "search key" in str(one.content)]
    assert len(told) == 3
    assert not [one for one in told if "two-key" in one]
