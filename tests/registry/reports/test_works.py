"""Test the works in a report: their status and counts, in a number of queries that does not grow with the works."""

import json
from dataclasses import replace
from datetime import timedelta
from secrets import token_bytes

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evidence.documents.report.facts import CASES_PER_VOLUME, WORKS_PER_VOLUME, ReportScope
from exhibit.clock import now
from exhibit.digests import Digest
from indexer.picture.spaces import PIPELINE
from registry.matches import calibrations
from registry.models import Case, CaseSighting, Crawl, CrawlSlice, Owner, Picture, Refusal, Sighting, Work, WorkPicture
from registry.reports import make_report as step
from registry.reports.make_report import make_reports
from registry.reports.requests import request_report
from registry.reports.scope import ReportRequest
from registry.reports.works import build_coverage, build_work_results, list_work_numbers, summarise_works
from tests.assets.bundles import CALIBRATION
from tests.assets.rows import claim_new_slice, create_case, owner, photograph, record_sightings
from workers.tasks.sync_runner import SyncRunner

ALL_WORKS = ReportScope(every_work=True)


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    """An owner with a work that was found on two pages, and five others with descriptive titles."""
    inline.services.config = replace(inline.services.config, anchors=(), languages=("en",))
    new_owner = owner("studio")
    case = create_case(inline.services, new_owner)
    add_old_sighting(case)
    titles = ("nowhere", "flat", "a collage", "is_pending", "dismissed")
    works = [Work(owner=new_owner, number=n, title=title, registered_at=now()) for n, title in enumerate(titles, 2)]
    works[1].low_information, works[2].low_information = ["flat", "tiny"], ["collage"]
    for work in Work.objects.bulk_create(works):
        picture = Picture.objects.create(digest=Digest(token_bytes(32)), size=9, first_seen=now(), state="done")
        WorkPicture.objects.create(work=work, picture=picture, state="queued" if work.title == "is_pending" else "done")
    Case.objects.create(
        owner=new_owner, work=works[-1], number=2, party="b.example", decision="dismissed", opened_at=now(), places=1
    )
    return new_owner


def add_old_sighting(case: Case) -> Sighting:
    """Add a page to a case, seen 400 days ago and now."""
    row = CaseSighting.objects.filter(case=case).select_related("sighting").get()
    like = row.sighting
    like.pk, like.page_key, like.first_seen = None, token_bytes(16), now() - timedelta(days=400)
    like.save()
    CaseSighting.objects.create(case=case, match=row.match, sighting=like)
    return like


def test_works_report_status_and_warnings(inline: SyncRunner, studio: Owner) -> None:
    numbers = list_work_numbers(studio, ALL_WORKS, [1])
    assert numbers == [1, 2, 3, 4, 5, 6]
    accounts = build_work_results(studio, ALL_WORKS, "UTC", [3, 1, 2, 4, 5, 6], {1})
    assert [(work.number, work.standing) for work in accounts] == [
        (3, "unsafe"), (1, "found"), (2, "not-found"), (4, "not-found"), (5, "waiting"), (6, "unlisted"),
    ]  # fmt: skip
    first = accounts[1]
    assert (first.places, first.cases, first.pictures, first.unlisted) == (2, (1,), 1, 0)
    assert first.first_seen is not None
    assert first.last_seen is not None
    assert first.last_seen - first.first_seen > timedelta(days=390)
    assert accounts[0].unsafe == ("flat", "tiny")
    search_results = summarise_works(studio, ALL_WORKS, "UTC", {1}, list(Crawl.objects.all()), now())
    counts = (
        search_results.works,
        search_results.found,
        search_results.places,
        search_results.without,
        search_results.unsafe,
        search_results.waiting,
        search_results.unlisted,
    )
    assert counts == (6, 1, 2, 5, 1, 1, 1)
    assert list_work_numbers(studio, ALL_WORKS, [2]) == [6, 1, 2, 3, 4, 5]


def test_page_seen_twice_counts_once_and_date_range_limits_pages(inline: SyncRunner, studio: Owner) -> None:
    row = CaseSighting.objects.order_by("-pk")[0]
    second_sighting = row.sighting
    second_sighting.pk, second_sighting.picture_id = None, WorkPicture.objects.order_by("pk")[0].picture_id
    second_sighting.save()
    CaseSighting.objects.create(case=row.case, match=row.match, sighting=second_sighting)
    places = build_work_results(studio, ALL_WORKS, "UTC", [1], {1})[0].places
    limited = replace(ALL_WORKS, last=(now() - timedelta(days=300)).date().isoformat())
    assert (places, build_work_results(studio, limited, "UTC", [1], {1})[0].places) == (2, 1)
    assert summarise_works(studio, limited, "UTC", {1}, [], now()).places == 1


@pytest.mark.long
def test_search_coverage_is_counted_up_to_the_last_crawl(inline: SyncRunner, studio: Owner) -> None:
    part, epoch = claim_new_slice(studio, "second")
    record_sightings(inline.services, part, epoch, [photograph(7), photograph(8)], host="other.example")
    broken = Picture.objects.filter(state="queued").latest("pk")
    Picture.objects.filter(pk=broken.pk).update(state="done", refusal="broken")
    moment = now()
    running = summarise_works(studio, ALL_WORKS, "UTC", {1}, list(Crawl.objects.order_by("pk")), moment)
    assert (running.watches, running.hosts, running.uncompared, running.unreadable) == (2, 2, 1, 1)
    assert running.until == moment
    ended = moment - timedelta(days=3)
    Crawl.objects.update(finished_at=ended)
    assert summarise_works(studio, ALL_WORKS, "UTC", {1}, list(Crawl.objects.all()), moment).until == ended
    assert summarise_works(studio, ALL_WORKS, "UTC", {1}, [], moment).until is None
    assert running.calibration is None
    calibrations.activate_calibration(replace(CALIBRATION, name="ours", pipeline=PIPELINE))
    sure = summarise_works(studio, ALL_WORKS, "UTC", {1}, [], moment).calibration
    assert sure is not None
    assert (sure.name, sure.certain.photographs) == ("ours", CALIBRATION.certain.photographs)


def test_works_and_cases_of_other_owners_are_excluded(inline: SyncRunner, studio: Owner) -> None:
    rival = owner("rival")
    work = Work.objects.create(owner=rival, number=1, title="Theirs", registered_at=now())
    Case.objects.create(owner=rival, work=work, number=1, party="c.example", opened_at=now())
    assert [account.title for account in build_work_results(rival, ALL_WORKS, "UTC", [1, 2], {1})] == ["Theirs"]
    assert build_work_results(rival, ALL_WORKS, "UTC", [1], {1})[0].places == 0
    search_results = summarise_works(rival, ALL_WORKS, "UTC", {1}, [], now())
    assert (search_results.works, search_results.found, search_results.places) == (1, 1, 0)


@pytest.mark.long
def test_query_count_does_not_grow_with_works(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "MAX_WORK_SECONDS", 600.0)
    many = 2 * WORKS_PER_VOLUME + 10
    Work.objects.bulk_create(
        Work(owner=studio, number=number, title=f"W{number}", registered_at=now()) for number in range(7, many + 1)
    )
    options = ReportRequest(ALL_WORKS, ("csv", "json"))
    report = request_report(studio, preparer="Ann", request=options)
    with CaptureQueriesContext(connection) as queries:
        make_reports(inline.services, [report.pk])
    report.refresh_from_db()
    assert (report.state, report.error, report.progress["volumes"]) == ("done", "", 3)
    assert CASES_PER_VOLUME > 1
    assert len(queries) <= 130
    assert [file["name"] for file in report.files] == [
        "studio-report-1.json", "studio-report-1.csv", "studio-report-1-works.csv",
    ]  # fmt: skip
    plain = json.loads(inline.services.blobs.get(Digest.from_hex(report.files[0]["digest"])))
    assert [work["number"] for work in plain["works"]] == list(range(1, many + 1))
    assert plain["looked"]["works"] == many


def test_each_crawl_is_listed_with_its_refusals(inline: SyncRunner) -> None:
    studio = owner("studio")
    part, epoch = claim_new_slice(studio, "first")
    record_sightings(inline.services, part, epoch, [photograph(1), photograph(2), photograph(1)])
    CrawlSlice.objects.update(counts={"bytes": 700})
    Crawl.objects.update(sources=[{"kind": "list", "url": "https://a.example/"}, {"kind": "list", "url": "b"}], pages=5)
    for number, reason in enumerate(("robots", "status", "robots")):
        Refusal.objects.create(crawl=part.crawl, key=bytes([number]), url="u", reason=reason, at=now())
    empty, _ = claim_new_slice(studio, "second")
    coverage = build_coverage([empty.crawl, Crawl.objects.get(pk=part.crawl_id)])
    assert (coverage[0].pictures, coverage[0].bytes_received, coverage[0].refused) == (0, 0, ())
    assert (coverage[1].source, coverage[1].further, coverage[1].pages) == ("https://a.example/", ("b",), 5)
    assert (coverage[1].pictures, coverage[1].bytes_received, coverage[1].known_copies) == (2, 700, 0)
    assert [(refusal.reason, refusal.count) for refusal in coverage[1].refused] == [("robots", 2), ("status", 1)]
