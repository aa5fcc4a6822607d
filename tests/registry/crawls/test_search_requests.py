"""Test watches that query image searches with an owner's key: from the request to a private sighting and a case."""

import errno
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, ServiceMissingError
from exhibit.machine import ERROR_SENTENCES
from registry import scoped
from registry.crawls import watch_settings
from registry.crawls.search_keys import delete_key, get_key, record_consent, store_key, withdraw_consent
from registry.crawls.watches import set_up_watch
from registry.models import (
    Case,
    Crawl,
    FrontierUrl,
    Inquiry,
    LogOpening,
    Owner,
    Refusal,
    SearchKey,
    Sighting,
    Watch,
)
from tests.assets.rows import owner, photograph, recompress, register
from tests.assets.searches import (
    KEY,
    MARKET,
    PATHS,
    add_market_mapping,
    copy_shipped_mapping,
    copy_tineye_mapping,
    json_response,
    query_parameters,
    tineye_answer,
    tineye_error,
)
from tests.assets.site import Answer, ReceivedRequest, Site
from workers.tasks.sync_runner import SyncRunner

DAY = timedelta(days=1)
SEARCH_PATH = "/rest/search/"


@pytest.fixture
def site(inline: SyncRunner) -> Iterator[Site]:
    """A site with a shop, an image search and a marketplace."""
    inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",))
    with Site() as running:
        copy_tineye_mapping(inline.services.config.data_dir, running)
        add_market_mapping(inline.services.config.data_dir, running)
        running.routes["/copy.jpg"] = Answer(recompress(photograph(1)), "image/jpeg")
        running.routes[SEARCH_PATH] = tineye_answer([(running.url("/copy.jpg"), running.url("/shop/42"))])
        yield running


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    new_owner = owner("studio")
    register(inline.services, new_owner, photograph(1))
    return new_owner


def add_search_watch(
    inline: SyncRunner, rights_holder: Owner, service: str = "tineye", words: tuple[str, ...] = (), **budget: int
) -> Watch:
    store_key(inline.services, rights_holder, service, KEY, by="Ann")
    if not words:
        record_consent(inline.services, rights_holder, service, by="Ann")
    source = [("search", service)]
    politeness = {"delay": 0.0}
    return watch_settings.add_watch(
        rights_holder, service, source, every=DAY, budget=budget, politeness=politeness, by="Ann", words=words
    )


def run(inline: SyncRunner, watch: Watch) -> tuple[Crawl, Inquiry]:
    crawl = watch_settings.start_crawl_now(watch)
    inline.run_until_idle()
    crawl.refresh_from_db()
    return crawl, crawl.inquiries.get()


@pytest.mark.long
def test_copy_found_by_search_becomes_private_sighting_and_case(inline: SyncRunner, studio: Owner, site: Site) -> None:
    stranger = owner("stranger")
    register(inline.services, stranger, photograph(1))
    crawl, inquiry = run(inline, add_search_watch(inline, studio))
    assert (crawl.state, crawl.reason, inquiry.requests, inquiry.found) == ("done", "finished", 1, 1)
    sighting = Sighting.objects.get()
    assert (sighting.private_to, sighting.found_in, sighting.page_url) == (studio, "search", site.url("/shop/42"))
    expected = {"kind": "search-saw", "by": "TinEye", "of": "picture", "stated": "2026-03-01"}
    assert sighting.elsewhere == [expected | {"where": site.url("").rstrip("/")}]
    assert Case.objects.get().owner == studio
    assert not scoped.list_owner_cases(stranger).exists()


@pytest.mark.long
def test_search_request_contains_small_copy_and_key(inline: SyncRunner, studio: Owner, site: Site) -> None:
    site.routes[SEARCH_PATH] = tineye_answer([])
    run(inline, add_search_watch(inline, studio))
    [sent] = [request for request in site.requests if request.path == SEARCH_PATH]
    assert sent.headers["x-api-key"] == KEY
    assert b"\xff\xd8" in sent.body
    assert photograph(1) not in sent.body


@pytest.mark.long
def test_key_is_stored_encrypted_only(
    inline: SyncRunner, studio: Owner, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    run(inline, add_search_watch(inline, studio))
    row = SearchKey.objects.get()
    assert KEY.encode() not in bytes(row.encrypted)
    assert get_key(inline.services, studio, "tineye") == KEY
    assert KEY not in caplog.text
    assert not any(KEY in str((opening.content, opening.details)) for opening in LogOpening.objects.all())
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(watches::text, '') FROM registry_watch watches")
        assert KEY not in cursor.fetchone()[0]
    for file in Path(inline.services.config.data_dir).rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file
    assert {opening.content["what"] for opening in LogOpening.objects.filter(content__what__startswith="search key")}


@pytest.mark.long
def test_each_run_continues_with_next_works(inline: SyncRunner, studio: Owner, site: Site) -> None:
    site.routes[SEARCH_PATH] = tineye_answer([])
    for seed in (2, 3):
        register(inline.services, studio, photograph(seed))
    watch = add_search_watch(inline, studio, searches=2)
    cursors = [run(inline, watch)[1].cursor for _ in range(3)]
    assert len(set(cursors)) == 3
    bodies = [request.body.partition(b"\xff\xd8")[2] for request in site.requests if request.path == SEARCH_PATH]
    assert len(bodies) == 6
    assert len({body[:2000] for body in bodies[:3]}) == 3
    assert bodies[0][:2000] == bodies[3][:2000]


@pytest.mark.long
def test_busy_search_is_retried_without_loss(inline: SyncRunner, studio: Owner, site: Site) -> None:
    good = site.routes[SEARCH_PATH]
    site.routes[SEARCH_PATH] = tineye_error(429, "Too many requests.", Retry_After="120")
    crawl, inquiry = run(inline, add_search_watch(inline, studio))
    assert (crawl.state, inquiry.state) == ("running", "queued")
    assert inquiry.not_before is not None
    assert inquiry.not_before > now() + timedelta(seconds=60)
    assert inquiry.error
    site.routes[SEARCH_PATH] = good
    Inquiry.objects.update(not_before=None)
    inline.run_until_idle()
    crawl.refresh_from_db()
    assert (crawl.state, Sighting.objects.count()) == ("done", 1)


@pytest.mark.long
@pytest.mark.parametrize(("code", "outcome"), [(402, "quota"), (401, "key")])
def test_exhausted_or_rejected_key_ends_run_with_reason(
    inline: SyncRunner, studio: Owner, site: Site, code: int, outcome: str
) -> None:
    site.routes[SEARCH_PATH] = tineye_error(code, "No.")
    crawl, inquiry = run(inline, add_search_watch(inline, studio))
    assert (crawl.state, inquiry.outcome, inquiry.requests) == ("done", outcome, 0)


@pytest.mark.long
def test_unsearchable_picture_is_skipped_and_reported(inline: SyncRunner, studio: Owner, site: Site) -> None:
    register(inline.services, studio, photograph(2))
    answers = [tineye_answer([]), tineye_error(400, "The image is too small or too simple.")]
    site.routes[SEARCH_PATH] = lambda _request: answers.pop()
    crawl, inquiry = run(inline, add_search_watch(inline, studio))
    assert (inquiry.requests, crawl.reason) == (1, "finished")
    assert Refusal.objects.get().reason == "unsearchable"
    assert "work 1" in Refusal.objects.get().url


@pytest.mark.long
def test_picture_with_missing_bytes_is_reported_and_skipped(inline: SyncRunner, studio: Owner, site: Site) -> None:
    site.routes[SEARCH_PATH] = tineye_answer([])
    register(inline.services, studio, photograph(2))
    inline.services.blobs.remove(Digest.from_bytes(photograph(1)))
    crawl, inquiry = run(inline, add_search_watch(inline, studio))
    assert (crawl.state, inquiry.state, inquiry.requests) == ("done", "done", 1)
    refused = Refusal.objects.get(reason="unsearchable")
    assert refused.url == "search:tineye?work 1"


@pytest.mark.long
def test_local_failure_does_not_skip_the_picture(
    inline: SyncRunner, studio: Owner, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_disk_full(*_: object) -> bytes:
        raise ServiceMissingError("There is no helper.") from OSError(errno.EMFILE, "")

    site.routes[SEARCH_PATH] = tineye_answer([])
    watch = add_search_watch(inline, studio)
    with monkeypatch.context() as patch:
        patch.setattr("registry.crawls.search_requests.make_preview", fail_disk_full)
        crawl, inquiry = run(inline, watch)
        assert (inquiry.state, inquiry.attempts, inquiry.error) == ("queued", 0, ERROR_SENTENCES[errno.EMFILE])
    Inquiry.objects.update(not_before=None)
    inline.run_until_idle()
    crawl.refresh_from_db()
    assert (crawl.reason, crawl.inquiries.get().requests, Refusal.objects.count()) == ("finished", 1, 0)


def test_failed_search_is_retried(inline: SyncRunner, studio: Owner, site: Site) -> None:
    site.routes[SEARCH_PATH] = Answer(b"<h1>Bad gateway</h1>", status=502)
    _crawl, inquiry = run(inline, add_search_watch(inline, studio))
    assert (inquiry.state, inquiry.attempts) == ("queued", 1)
    assert "status 502" in inquiry.error


@pytest.mark.parametrize(
    ("response", "url", "state"),
    [(Answer(b"[]", length=9_000_000), "", "queued"), (Answer(b"{}"), "http://10.0.0.1", "failed")],
)
def test_temporary_error_is_retried_and_private_address_is_not(
    inline: SyncRunner, studio: Owner, site: Site, response: Answer, url: str, state: str
) -> None:
    site.routes[SEARCH_PATH] = response
    mapping = inline.services.config.data_dir / "searches" / "tineye.toml"
    mapping.write_text(mapping.read_text(encoding="utf-8").replace(site.url(""), url or site.url("")), encoding="utf-8")
    _crawl, inquiry = run(inline, add_search_watch(inline, studio))
    assert (inquiry.state, inquiry.attempts) == (state, 1)
    assert KEY not in inquiry.error


@pytest.mark.long
def test_marketplace_results_are_fetched_page_by_page(inline: SyncRunner, studio: Owner, site: Site) -> None:
    def serve_offers(request: ReceivedRequest) -> Answer:
        params = query_parameters(request)
        number = f"{params['q']}-{params.get('cursor', '0')}"
        item = {"name": "Poster", "link": f"/offer/{number}", "pictures": [{"href": f"/picture/{number}.jpg"}]}
        return json_response({"data": {"items": [item], "next": str(int(params.get("cursor", 0)) + 1)}})

    site.routes["/offers"] = serve_offers
    crawl, inquiry = run(inline, add_search_watch(inline, studio, "market", ("wave", "fuji")))
    assert (inquiry.requests, inquiry.found, crawl.state) == (6, 6, "done")
    visited = set(FrontierUrl.objects.values_list("url", flat=True))
    assert visited == {site.url(f"/picture/{words}-{page}.jpg") for words in ("wave", "fuji") for page in range(3)}


@pytest.mark.long
def test_stopped_run_ends_its_queries(inline: SyncRunner, studio: Owner, site: Site) -> None:
    site.routes[SEARCH_PATH] = tineye_error(429, "Too many requests.")
    watch = add_search_watch(inline, studio)
    crawl, _inquiry = run(inline, watch)
    watch_settings.remove_watch(watch, by="Ann")
    inline.run_until_idle()
    crawl.refresh_from_db()
    assert (crawl.state, crawl.reason, crawl.inquiries.get().state) == ("done", "stopped", "done")


def list_searched_pictures(site: Site) -> list[bytes]:
    """Return the first bytes of each image that was sent, in order."""
    return [request.body.partition(b"\xff\xd8")[2][:2000] for request in site.requests if request.path == SEARCH_PATH]


class KilledError(BaseException):
    """Simulate the death of a worker."""


@pytest.mark.long
@pytest.mark.parametrize("later", [0, 1, 4])
def test_stored_response_is_not_requested_again_after_crash(
    inline: SyncRunner, studio: Owner, site: Site, later: int
) -> None:
    for seed in (2, 3):
        register(inline.services, studio, photograph(seed))
    site.routes[SEARCH_PATH] = tineye_answer([])
    crawl = watch_settings.start_crawl_now(add_search_watch(inline, studio))
    since_kept: list[str] = []
    outside = len(connection.savepoint_ids)

    def kill(execute: Callable[..., object], sql: str, *rest: object) -> object:
        if since_kept or (sql.startswith('UPDATE "registry_inquiry"') and '"requests" =' in sql):
            since_kept.append(sql)
        if len(since_kept) > 1 + later and len(connection.savepoint_ids) == outside:
            raise KilledError
        return execute(sql, *rest)

    with connection.execute_wrapper(kill), suppress(KilledError):
        inline.run_until_idle()
    assert len(list_searched_pictures(site)) == 1
    Inquiry.objects.filter(state="running").update(state="queued", claimed_at=None)
    inline.run_until_idle()
    crawl.refresh_from_db()
    assert (crawl.state, crawl.reason) == ("done", "finished")
    asked_for = list_searched_pictures(site)
    assert (len(asked_for), len(set(asked_for)), crawl.inquiries.get().requests) == (3, 3, 3)


@pytest.mark.long
def test_picture_is_sent_only_while_consent_is_given(
    inline: SyncRunner, studio: Owner, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = add_search_watch(inline, studio)
    withdraw_consent(studio, "tineye", by="Ann")
    crawl, inquiry = run(inline, watch)
    assert (crawl.state, inquiry.outcome, site.requests) == ("done", "no-consent", [])
    record_consent(inline.services, studio, "tineye", by="Bea")
    assert run(inline, watch)[1].outcome == ""
    assert len(list_searched_pictures(site)) == 1
    for number in (2, 3):
        register(inline.services, studio, photograph(number))
    between = "registry.crawls.search_requests.time.sleep"  # called after each response
    monkeypatch.setattr(between, lambda _seconds: withdraw_consent(studio, "tineye", by="Ann"))
    assert run(inline, watch)[1].outcome == "no-consent"
    assert len(list_searched_pictures(site)) == 3


def test_search_consent_does_not_cover_a_changed_host(inline: SyncRunner, studio: Owner, site: Site) -> None:
    watch = add_search_watch(inline, studio)
    mapping = inline.services.config.data_dir / "searches" / "tineye.toml"
    mapping.write_text(mapping.read_text(encoding="utf-8").replace("127.0.0.1", "127.0.0.2"), encoding="utf-8")
    assert run(inline, watch)[1].outcome == "no-consent"
    assert not site.requests


@pytest.mark.long
def test_result_pages_are_visited_without_following_links(inline: SyncRunner, studio: Owner, site: Site) -> None:
    copy_shipped_mapping(inline.services.config.data_dir, "etsy", site)
    listing = {"title": "Wave", "url": site.url("/listing/7/wave")}
    site.routes[PATHS["etsy"]] = json_response({"count": 1, "results": [listing]})
    site.page("/listing/7/wave", '<img src="/copy.jpg"><a href="/elsewhere">more</a>')
    site.page("/elsewhere", "")
    store_key(inline.services, studio, "etsy", "keystring:secret", by="Ann")
    watch = watch_settings.add_watch(
        studio, "e", [("search", "etsy")], every=DAY, budget={}, politeness={"delay": 0.0}, words=["wave"]
    )
    crawl, _inquiry = run(inline, watch)
    assert (crawl.state, crawl.pages) == ("done", 1)
    sighting = Sighting.objects.get()
    assert (sighting.private_to, sighting.page_url) == (studio, site.url("/listing/7/wave"))
    assert site.count_requests("/elsewhere") == 0


@pytest.mark.long
def test_shop_without_a_key_is_searched_once_per_run(inline: SyncRunner, studio: Owner, site: Site) -> None:
    text = MARKET.format(url=site.url("")).replace('q = "{words}", ', "").replace('key = "{key}", ', "")
    (inline.services.config.data_dir / "searches" / "shop.toml").write_text(text, encoding="utf-8")
    item = {"link": "/shop/42", "pictures": [{"href": "/copy.jpg"}]}
    site.routes["/offers"] = json_response({"data": {"items": [item]}})
    settings: Any = {"every": DAY, "budget": {}, "politeness": {"delay": 0.0}, "by": "Ann"}
    watch = set_up_watch(inline.services, studio, "s", [("search", "shop")], **settings)
    _crawl, inquiry = run(inline, watch)
    assert (inquiry.requests, inquiry.outcome, Case.objects.count()) == (1, "", 1)
    with pytest.raises(InvalidRequestError):
        set_up_watch(inline.services, studio, "t", [("search", "shop")], words=["wave"], **settings)


def test_search_without_a_key_sends_no_requests(inline: SyncRunner, studio: Owner, site: Site) -> None:
    watch = add_search_watch(inline, studio)
    delete_key(studio, "tineye", by="Ann")
    _crawl, inquiry = run(inline, watch)
    assert inquiry.outcome == "no-key"
    assert not [request for request in site.requests if request.path == SEARCH_PATH]
