"""Test the works in a report: counted from rows, however many, in few queries."""

import json
from dataclasses import replace
from datetime import timedelta
from secrets import token_bytes

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evidence.documents.report.facts import IN_A_VOLUME, WORKS_IN_A_VOLUME, ReportScope
from exhibit.clock import now
from exhibit.digests import Digest
from indexer.picture.spaces import PIPELINE
from registry.matches import calibrations
from registry.models import Case, CaseSighting, Crawl, CrawlSlice, Owner, Picture, Refusal, Sighting, Work, WorkPicture
from registry.reports import make_report as step
from registry.reports.make_report import make_reports
from registry.reports.requests import request_report
from registry.reports.scope import Wanted
from registry.reports.works import accounts_of, coverage_of, looked_for, numbers_in_order
from tests.assets.bundles import CALIBRATION
from tests.assets.rows import bring, claimed_slice, found_case, owner, photograph
from workers.tasks.sync_runner import SyncRunner

EVERY = ReportScope(every_work=True)


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    """An owner with a work that was found on two pages, and five others with descriptive titles."""
    inline.services.config = replace(inline.services.config, anchors=(), languages=("en",))
    made = owner("studio")
    case = found_case(inline.services, made)
    seen(case)
    titles = ("nowhere", "flat", "a collage", "waits", "cleared")
    works = [Work(owner=made, number=n, title=title, registered_at=now()) for n, title in enumerate(titles, 2)]
    works[1].low_information, works[2].low_information = ["flat", "tiny"], ["collage"]
    for work in Work.objects.bulk_create(works):
        picture = Picture.objects.create(digest=Digest(token_bytes(32)), size=9, first_seen=now(), state="done")
        WorkPicture.objects.create(work=work, picture=picture, state="todo" if work.title == "waits" else "done")
    Case.objects.create(
        owner=made, work=works[-1], number=2, party="b.example", decision="cleared", opened_at=now(), places=1
    )
    return made


def seen(case: Case) -> Sighting:
    """Add a page to a case, seen 400 days ago and now."""
    row = CaseSighting.objects.filter(case=case).select_related("sighting").get()
    like = row.sighting
    like.pk, like.page_key, like.first_seen = None, token_bytes(16), now() - timedelta(days=400)
    like.save()
    CaseSighting.objects.create(case=case, match=row.match, sighting=like)
    return like


def test_each_work_says_what_was_found_and_why_that_may_not_be_all(inline: SyncRunner, studio: Owner) -> None:
    numbers = numbers_in_order(studio, EVERY, [1])
    assert numbers == [1, 2, 3, 4, 5, 6]
    told = accounts_of(studio, EVERY, "UTC", [3, 1, 2, 4, 5, 6], {1})
    assert [(work.number, work.standing) for work in told] == [
        (3, "unsafe"), (1, "found"), (2, "not-found"), (4, "not-found"), (5, "waiting"), (6, "unlisted"),
    ]  # fmt: skip
    first = told[1]
    assert (first.places, first.cases, first.pictures, first.unlisted) == (2, (1,), 1, 0)
    assert first.first_seen is not None
    assert first.last_seen is not None
    assert first.last_seen - first.first_seen > timedelta(days=390)
    assert told[0].unsafe == ("flat", "tiny")
    looked = looked_for(studio, EVERY, "UTC", {1}, list(Crawl.objects.all()), now())
    counts = (looked.works, looked.found, looked.places, looked.without, looked.unsafe, looked.waiting, looked.unlisted)
    assert counts == (6, 1, 2, 5, 1, 1, 1)
    assert numbers_in_order(studio, EVERY, [2]) == [6, 1, 2, 3, 4, 5]


def test_a_place_that_was_seen_twice_is_one_and_days_limit_places(inline: SyncRunner, studio: Owner) -> None:
    row = CaseSighting.objects.order_by("-pk")[0]
    again = row.sighting
    again.pk, again.picture_id = None, WorkPicture.objects.order_by("pk")[0].picture_id
    again.save()
    CaseSighting.objects.create(case=row.case, match=row.match, sighting=again)
    places = accounts_of(studio, EVERY, "UTC", [1], {1})[0].places
    limited = replace(EVERY, last=(now() - timedelta(days=300)).date().isoformat())
    assert (places, accounts_of(studio, limited, "UTC", [1], {1})[0].places) == (2, 1)
    assert looked_for(studio, limited, "UTC", {1}, [], now()).places == 1


@pytest.mark.long
def test_what_was_looked_at_is_counted_and_holds_until_the_last_crawl_ended(inline: SyncRunner, studio: Owner) -> None:
    part, epoch = claimed_slice(studio, "second")
    bring(inline.services, part, epoch, [photograph(7), photograph(8)], host="other.example")
    broken = Picture.objects.filter(state="todo").latest("pk")
    Picture.objects.filter(pk=broken.pk).update(state="done", refusal="broken")
    moment = now()
    running = looked_for(studio, EVERY, "UTC", {1}, list(Crawl.objects.order_by("pk")), moment)
    assert (running.watches, running.hosts, running.uncompared, running.unreadable) == (2, 2, 1, 1)
    assert running.until == moment
    ended = moment - timedelta(days=3)
    Crawl.objects.update(finished_at=ended)
    assert looked_for(studio, EVERY, "UTC", {1}, list(Crawl.objects.all()), moment).until == ended
    assert looked_for(studio, EVERY, "UTC", {1}, [], moment).until is None
    assert running.calibration is None
    calibrations.use(replace(CALIBRATION, name="ours", pipeline=PIPELINE))
    sure = looked_for(studio, EVERY, "UTC", {1}, [], moment).calibration
    assert sure is not None
    assert (sure.name, sure.certain.photographs) == ("ours", CALIBRATION.certain.photographs)


def test_another_owners_works_and_cases_are_not_in_it(inline: SyncRunner, studio: Owner) -> None:
    rival = owner("rival")
    work = Work.objects.create(owner=rival, number=1, title="Theirs", registered_at=now())
    Case.objects.create(owner=rival, work=work, number=1, party="c.example", opened_at=now())
    assert [told.title for told in accounts_of(rival, EVERY, "UTC", [1, 2], {1})] == ["Theirs"]
    assert accounts_of(rival, EVERY, "UTC", [1], {1})[0].places == 0
    looked = looked_for(rival, EVERY, "UTC", {1}, [], now())
    assert (looked.works, looked.found, looked.places) == (1, 1, 0)


@pytest.mark.long
def test_queries_do_not_grow_with_the_works(inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "WORK_SECONDS", 600.0)
    many = 2 * WORKS_IN_A_VOLUME + 10
    Work.objects.bulk_create(
        Work(owner=studio, number=number, title=f"W{number}", registered_at=now()) for number in range(7, many + 1)
    )
    wanted = Wanted(EVERY, ("csv", "json"))
    report = request_report(studio, preparer="Ann", wanted=wanted)
    with CaptureQueriesContext(connection) as asked:
        make_reports(inline.services, [report.pk])
    report.refresh_from_db()
    assert (report.state, report.error, report.progress["volumes"]) == ("done", "", 3)
    assert IN_A_VOLUME > 1
    assert len(asked) <= 130
    assert [file["name"] for file in report.files] == [
        "studio-report-1.json", "studio-report-1.csv", "studio-report-1-works.csv",
    ]  # fmt: skip
    plain = json.loads(inline.services.blobs.get(Digest.from_hex(report.files[0]["digest"])))
    assert [work["number"] for work in plain["works"]] == list(range(1, many + 1))
    assert plain["looked"]["works"] == many


def test_each_crawl_is_told_in_its_place_with_what_it_refused(inline: SyncRunner) -> None:
    studio = owner("studio")
    part, epoch = claimed_slice(studio, "first")
    bring(inline.services, part, epoch, [photograph(1), photograph(2), photograph(1)])
    CrawlSlice.objects.update(counts={"bytes": 700})
    Crawl.objects.update(sources=[{"kind": "list", "url": "https://a.example/"}, {"kind": "list", "url": "b"}], pages=5)
    for number, reason in enumerate(("robots", "status", "robots")):
        Refusal.objects.create(crawl=part.crawl, key=bytes([number]), url="u", reason=reason, at=now())
    empty, _ = claimed_slice(studio, "second")
    told = coverage_of([empty.crawl, Crawl.objects.get(pk=part.crawl_id)])
    assert (told[0].pictures, told[0].bytes_received, told[0].refused) == (0, 0, ())
    assert (told[1].source, told[1].further, told[1].pages) == ("https://a.example/", ("b",), 5)
    assert (told[1].pictures, told[1].bytes_received, told[1].canaries) == (2, 700, 0)
    assert [(one.reason, one.count) for one in told[1].refused] == [("robots", 2), ("status", 1)]
