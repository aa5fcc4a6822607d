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
from exhibit.errors import ServiceMissingError, WrongUseError
from exhibit.machine import SENTENCES
from registry import scoped
from registry.crawls import watching
from registry.crawls.search_keys import consent, drop_key, keep_key, key_of, withdraw_consent
from registry.crawls.watches import arrange
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
from tests.assets.rows import copy_of, owner, photograph, register
from tests.assets.searches import (
    KEY,
    MARKET,
    PATHS,
    answer,
    put_market,
    put_shipped,
    put_tineye,
    query,
    tineye_answer,
    tineye_error,
)
from tests.assets.site import Answer, Seen, Site
from workers.tasks.sync_runner import SyncRunner

DAY = timedelta(days=1)
SEARCH = "/rest/search/"


@pytest.fixture
def site(inline: SyncRunner) -> Iterator[Site]:
    """The shop, the search and the marketplace on one site."""
    inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",))
    with Site() as running:
        put_tineye(inline.services.config.data_dir, running)
        put_market(inline.services.config.data_dir, running)
        running.routes["/copy.jpg"] = Answer(copy_of(photograph(1)), "image/jpeg")
        running.routes[SEARCH] = tineye_answer([(running.url("/copy.jpg"), running.url("/shop/42"))])
        yield running


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    made = owner("studio")
    register(inline.services, made, photograph(1))
    return made


def asking(inline: SyncRunner, of: Owner, service: str = "tineye", words: tuple[str, ...] = (), **budget: int) -> Watch:
    keep_key(inline.services, of, service, KEY, by="Ann")
    if not words:
        consent(inline.services, of, service, by="Ann")
    source = [("search", service)]
    politeness = {"delay": 0.0}
    return watching.add_watch(
        of, service, source, every=DAY, budget=budget, politeness=politeness, by="Ann", words=words
    )


def run(inline: SyncRunner, watch: Watch) -> tuple[Crawl, Inquiry]:
    crawl = watching.start_now(watch)
    inline.run_until_idle()
    crawl.refresh_from_db()
    return crawl, crawl.inquiries.get()


@pytest.mark.long
def test_a_copy_that_a_search_names_becomes_a_private_sighting_and_a_case(
    inline: SyncRunner, studio: Owner, site: Site
) -> None:
    stranger = owner("stranger")
    register(inline.services, stranger, photograph(1))
    crawl, inquiry = run(inline, asking(inline, studio))
    assert (crawl.state, crawl.reason, inquiry.asked, inquiry.found) == ("done", "finished", 1, 1)
    seen = Sighting.objects.get()
    assert (seen.private_to, seen.found_in, seen.page_url) == (studio, "search", site.url("/shop/42"))
    told = {"kind": "search-saw", "by": "TinEye", "of": "picture", "stated": "2026-03-01"}
    assert seen.elsewhere == [told | {"where": site.url("").rstrip("/")}]
    assert Case.objects.get().owner == studio
    assert not scoped.cases(stranger).exists()


@pytest.mark.long
def test_the_search_is_sent_a_small_copy_and_the_key(inline: SyncRunner, studio: Owner, site: Site) -> None:
    site.routes[SEARCH] = tineye_answer([])
    run(inline, asking(inline, studio))
    [sent] = [one for one in site.seen if one.path == SEARCH]
    assert sent.headers["x-api-key"] == KEY
    assert b"\xff\xd8" in sent.body
    assert photograph(1) not in sent.body


@pytest.mark.long
def test_the_key_lies_encrypted_and_stands_nowhere_else(
    inline: SyncRunner, studio: Owner, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    run(inline, asking(inline, studio))
    row = SearchKey.objects.get()
    assert KEY.encode() not in bytes(row.encrypted)
    assert key_of(inline.services, studio, "tineye") == KEY
    assert KEY not in caplog.text
    assert not any(KEY in str((one.content, one.details)) for one in LogOpening.objects.all())
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(watches::text, '') FROM registry_watch watches")
        assert KEY not in cursor.fetchone()[0]
    for file in Path(inline.services.config.data_dir).rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file
    assert {one.content["what"] for one in LogOpening.objects.filter(content__what__startswith="search key")}


@pytest.mark.long
def test_each_run_goes_on_with_the_works_that_come_next(inline: SyncRunner, studio: Owner, site: Site) -> None:
    site.routes[SEARCH] = tineye_answer([])
    for seed in (2, 3):
        register(inline.services, studio, photograph(seed))
    watch = asking(inline, studio, searches=2)
    cursors = [run(inline, watch)[1].cursor for _ in range(3)]
    assert len(set(cursors)) == 3
    bodies = [one.body.partition(b"\xff\xd8")[2] for one in site.seen if one.path == SEARCH]
    assert len(bodies) == 6
    assert len({body[:2000] for body in bodies[:3]}) == 3
    assert bodies[0][:2000] == bodies[3][:2000]


@pytest.mark.long
def test_a_search_that_is_busy_is_asked_again_later_and_nothing_is_lost(
    inline: SyncRunner, studio: Owner, site: Site
) -> None:
    good = site.routes[SEARCH]
    site.routes[SEARCH] = tineye_error(429, "Too many requests.", Retry_After="120")
    crawl, inquiry = run(inline, asking(inline, studio))
    assert (crawl.state, inquiry.state) == ("doing", "todo")
    assert inquiry.not_before is not None
    assert inquiry.not_before > now() + timedelta(seconds=60)
    assert inquiry.error
    site.routes[SEARCH] = good
    Inquiry.objects.update(not_before=None)
    inline.run_until_idle()
    crawl.refresh_from_db()
    assert (crawl.state, Sighting.objects.count()) == ("done", 1)


@pytest.mark.long
@pytest.mark.parametrize(("code", "outcome"), [(402, "quota"), (401, "key")])
def test_a_key_that_is_used_up_or_refused_ends_the_run_and_says_so(
    inline: SyncRunner, studio: Owner, site: Site, code: int, outcome: str
) -> None:
    site.routes[SEARCH] = tineye_error(code, "No.")
    crawl, inquiry = run(inline, asking(inline, studio))
    assert (crawl.state, inquiry.outcome, inquiry.asked) == ("done", outcome, 0)


@pytest.mark.long
def test_a_picture_that_cant_be_searched_for_is_left_out_and_told(
    inline: SyncRunner, studio: Owner, site: Site
) -> None:
    register(inline.services, studio, photograph(2))
    answers = [tineye_answer([]), tineye_error(400, "The image is too small or too simple.")]
    site.routes[SEARCH] = lambda _seen: answers.pop()
    crawl, inquiry = run(inline, asking(inline, studio))
    assert (inquiry.asked, crawl.reason) == (1, "finished")
    assert Refusal.objects.get().reason == "unsearchable"
    assert "work 1" in Refusal.objects.get().url


@pytest.mark.long
def test_a_picture_whose_bytes_are_lost_is_told_and_the_next_one_is_asked_for(
    inline: SyncRunner, studio: Owner, site: Site
) -> None:
    site.routes[SEARCH] = tineye_answer([])
    register(inline.services, studio, photograph(2))
    inline.services.blobs.remove(Digest.of(photograph(1)))
    crawl, inquiry = run(inline, asking(inline, studio))
    assert (crawl.state, inquiry.state, inquiry.asked) == ("done", "done", 1)
    refused = Refusal.objects.get(reason="unsearchable")
    assert refused.url == "search:tineye?work 1"


@pytest.mark.long
def test_a_machine_that_fails_leaves_no_picture_out(
    inline: SyncRunner, studio: Owner, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bytes:
        raise ServiceMissingError("There is no helper.") from OSError(errno.EMFILE, "")

    site.routes[SEARCH] = tineye_answer([])
    watch = asking(inline, studio)
    with monkeypatch.context() as patch:
        patch.setattr("registry.crawls.inquire.preview", full)
        crawl, inquiry = run(inline, watch)
        assert (inquiry.state, inquiry.attempts, inquiry.error) == ("todo", 0, SENTENCES[errno.EMFILE])
    Inquiry.objects.update(not_before=None)
    inline.run_until_idle()
    crawl.refresh_from_db()
    assert (crawl.reason, crawl.inquiries.get().asked, Refusal.objects.count()) == ("finished", 1, 0)


def test_a_search_that_fails_is_tried_again(inline: SyncRunner, studio: Owner, site: Site) -> None:
    site.routes[SEARCH] = Answer(b"<h1>Bad gateway</h1>", status=502)
    _crawl, inquiry = run(inline, asking(inline, studio))
    assert (inquiry.state, inquiry.attempts) == ("todo", 1)
    assert "status 502" in inquiry.error


@pytest.mark.parametrize(
    ("given", "url", "state"),
    [(Answer(b"[]", length=9_000_000), "", "todo"), (Answer(b"{}"), "http://10.0.0.1", "failed")],
)
def test_an_answer_that_may_be_another_next_time_is_asked_for_again_and_no_private_address_is(
    inline: SyncRunner, studio: Owner, site: Site, given: Answer, url: str, state: str
) -> None:
    site.routes[SEARCH] = given
    mapping = inline.services.config.data_dir / "searches" / "tineye.toml"
    mapping.write_text(mapping.read_text(encoding="utf-8").replace(site.url(""), url or site.url("")), encoding="utf-8")
    _crawl, inquiry = run(inline, asking(inline, studio))
    assert (inquiry.state, inquiry.attempts) == (state, 1)
    assert KEY not in inquiry.error


@pytest.mark.long
def test_a_market_is_asked_for_words_page_by_page(inline: SyncRunner, studio: Owner, site: Site) -> None:
    def offers(seen: Seen) -> Answer:
        asked = query(seen)
        number = f"{asked['q']}-{asked.get('cursor', '0')}"
        item = {"name": "Poster", "link": f"/offer/{number}", "pictures": [{"href": f"/picture/{number}.jpg"}]}
        return answer({"data": {"items": [item], "next": str(int(asked.get("cursor", 0)) + 1)}})

    site.routes["/offers"] = offers
    crawl, inquiry = run(inline, asking(inline, studio, "market", ("wave", "fuji")))
    assert (inquiry.asked, inquiry.found, crawl.state) == (6, 6, "done")
    visited = set(FrontierUrl.objects.values_list("url", flat=True))
    assert visited == {site.url(f"/picture/{words}-{page}.jpg") for words in ("wave", "fuji") for page in range(3)}


@pytest.mark.long
def test_stopping_a_run_ends_what_it_asks(inline: SyncRunner, studio: Owner, site: Site) -> None:
    site.routes[SEARCH] = tineye_error(429, "Too many requests.")
    watch = asking(inline, studio)
    crawl, _inquiry = run(inline, watch)
    watching.remove_watch(watch, by="Ann")
    inline.run_until_idle()
    crawl.refresh_from_db()
    assert (crawl.state, crawl.reason, crawl.inquiries.get().state) == ("done", "stopped", "done")


def works_asked_for(site: Site) -> list[bytes]:
    """Return the first bytes of each image that was sent, in order."""
    return [one.body.partition(b"\xff\xd8")[2][:2000] for one in site.seen if one.path == SEARCH]


class KilledError(BaseException):
    """The death of the worker."""


@pytest.mark.long
@pytest.mark.parametrize("later", [0, 1, 4])
def test_what_was_answered_and_kept_isnt_asked_again_wherever_the_worker_is_killed(
    inline: SyncRunner, studio: Owner, site: Site, later: int
) -> None:
    for seed in (2, 3):
        register(inline.services, studio, photograph(seed))
    site.routes[SEARCH] = tineye_answer([])
    crawl = watching.start_now(asking(inline, studio))
    since_kept: list[str] = []
    outside = len(connection.savepoint_ids)

    def kill(execute: Callable[..., object], sql: str, *rest: object) -> object:
        if since_kept or (sql.startswith('UPDATE "registry_inquiry"') and '"asked" =' in sql):
            since_kept.append(sql)
        if len(since_kept) > 1 + later and len(connection.savepoint_ids) == outside:
            raise KilledError
        return execute(sql, *rest)

    with connection.execute_wrapper(kill), suppress(KilledError):
        inline.run_until_idle()
    assert len(works_asked_for(site)) == 1
    Inquiry.objects.filter(state="doing").update(state="todo", claimed_at=None)
    inline.run_until_idle()
    crawl.refresh_from_db()
    assert (crawl.state, crawl.reason) == ("done", "finished")
    asked_for = works_asked_for(site)
    assert (len(asked_for), len(set(asked_for)), crawl.inquiries.get().asked) == (3, 3, 3)


@pytest.mark.long
def test_without_consent_no_picture_leaves_the_house_until_it_is_given_and_after_it_is_taken_back(
    inline: SyncRunner, studio: Owner, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = asking(inline, studio)
    withdraw_consent(studio, "tineye", by="Ann")
    crawl, inquiry = run(inline, watch)
    assert (crawl.state, inquiry.outcome, site.seen) == ("done", "no-consent", [])
    consent(inline.services, studio, "tineye", by="Bea")
    assert run(inline, watch)[1].outcome == ""
    assert len(works_asked_for(site)) == 1
    for number in (2, 3):
        register(inline.services, studio, photograph(number))
    between = "registry.crawls.inquire.time.sleep"  # after one answer, others have their turn
    monkeypatch.setattr(between, lambda _seconds: withdraw_consent(studio, "tineye", by="Ann"))
    assert run(inline, watch)[1].outcome == "no-consent"
    assert len(works_asked_for(site)) == 3


def test_a_consent_is_for_the_host_that_was_asked_then(inline: SyncRunner, studio: Owner, site: Site) -> None:
    watch = asking(inline, studio)
    mapping = inline.services.config.data_dir / "searches" / "tineye.toml"
    mapping.write_text(mapping.read_text(encoding="utf-8").replace("127.0.0.1", "127.0.0.2"), encoding="utf-8")
    assert run(inline, watch)[1].outcome == "no-consent"
    assert not site.seen


@pytest.mark.long
def test_pages_without_a_picture_are_visited_and_what_they_lead_to_isnt(
    inline: SyncRunner, studio: Owner, site: Site
) -> None:
    put_shipped(inline.services.config.data_dir, "etsy", site)
    listing = {"title": "Wave", "url": site.url("/listing/7/wave")}
    site.routes[PATHS["etsy"]] = answer({"count": 1, "results": [listing]})
    site.page("/listing/7/wave", '<img src="/copy.jpg"><a href="/elsewhere">more</a>')
    site.page("/elsewhere", "")
    keep_key(inline.services, studio, "etsy", "keystring:secret", by="Ann")
    watch = watching.add_watch(
        studio, "e", [("search", "etsy")], every=DAY, budget={}, politeness={"delay": 0.0}, words=["wave"]
    )
    crawl, _inquiry = run(inline, watch)
    assert (crawl.state, crawl.pages) == ("done", 1)
    seen = Sighting.objects.get()
    assert (seen.private_to, seen.page_url) == (studio, site.url("/listing/7/wave"))
    assert site.times("/elsewhere") == 0


@pytest.mark.long
def test_a_shop_without_a_key_is_asked_once_a_run(inline: SyncRunner, studio: Owner, site: Site) -> None:
    text = MARKET.format(url=site.url("")).replace('q = "{words}", ', "").replace('key = "{key}", ', "")
    (inline.services.config.data_dir / "searches" / "shop.toml").write_text(text, encoding="utf-8")
    item = {"link": "/shop/42", "pictures": [{"href": "/copy.jpg"}]}
    site.routes["/offers"] = answer({"data": {"items": [item]}})
    given: Any = {"every": DAY, "budget": {}, "politeness": {"delay": 0.0}, "by": "Ann"}
    watch = arrange(inline.services, studio, "s", [("search", "shop")], **given)
    _crawl, inquiry = run(inline, watch)
    assert (inquiry.asked, inquiry.outcome, Case.objects.count()) == (1, "", 1)
    with pytest.raises(WrongUseError):
        arrange(inline.services, studio, "t", [("search", "shop")], words=["wave"], **given)


def test_without_a_key_nothing_is_asked(inline: SyncRunner, studio: Owner, site: Site) -> None:
    watch = asking(inline, studio)
    drop_key(studio, "tineye", by="Ann")
    _crawl, inquiry = run(inline, watch)
    assert inquiry.outcome == "no-key"
    assert not [one for one in site.seen if one.path == SEARCH]
