"""Test the step that generates reports from an owner's rows."""

import json
from io import BytesIO

import pytest
from pypdf import PdfReader

from evidence.documents.phrases import load_phrases
from exhibit.clock import now
from exhibit.digests import Digest
from registry.models import (
    Crawl,
    Owner,
    Report,
    Work,
)
from registry.reports.make_report import make_reports
from registry.reports.requests import request_report
from tests.assets.planted import inline, planted, shop, work
from tests.assets.shop import Shop, watch
from tests.assets.site import Answer
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "shop", "work"]


def report_over(inline: SyncRunner, studio: Owner) -> Report:
    report = request_report(studio, preparer="Ann")
    make_reports(inline.services, [report.pk])
    report.refresh_from_db()
    assert report.error == ""
    return report


def data_of(inline: SyncRunner, report: Report, suffix: str) -> bytes:
    (file,) = [one for one in report.files if one["name"].endswith(suffix)]
    return inline.services.blobs.get(Digest.from_hex(file["digest"]))


@pytest.mark.long
def test_a_report_states_what_was_crawled_refused_failed_and_found(inline: SyncRunner, work: Work, shop: Shop) -> None:
    shop.site.routes["/gone.jpg"] = Answer(b"", status=404)
    shop.page("/broken", "/gone.jpg")
    planted(work, shop, "/planted", "/empty", "/closed/planted")
    inline.run_until_idle()
    report = report_over(inline, work.owner)
    (crawl,) = json.loads(data_of(inline, report, ".json"))["coverage"]
    assert (crawl["canaries"], crawl["canaries_found"]) == (3, 1)
    pages = PdfReader(BytesIO(data_of(inline, report, ".pdf"))).pages
    text = " ".join(" ".join(page.extract_text().split()) for page in pages)
    assert load_phrases("en").say("coverage.canaries", found=1, planted=3, crawls=1) in text
    assert "robots.txt" in text
    assert "404" in text


def test_a_report_without_canaries_says_that_nobody_checked_so(inline: SyncRunner, work: Work, shop: Shop) -> None:
    made = watch(work.owner, shop.url())
    ended = {"sources": made.sources, "started_at": now(), "finished_at": now(), "reason": "finished"}
    Crawl.objects.create(watch=made, number=1, state="done", **ended)
    pages = PdfReader(BytesIO(data_of(inline, report_over(inline, work.owner), ".pdf"))).pages
    text = " ".join(" ".join(page.extract_text().split()) for page in pages)
    assert load_phrases("en").say("coverage.no_canaries") in text
