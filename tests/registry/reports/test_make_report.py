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
from tests.assets.planted_copies import inline, plant_copies, shop, work
from tests.assets.shop import Shop, create_watch
from tests.assets.site import Answer
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "shop", "work"]


def generate_report(inline: SyncRunner, studio: Owner) -> Report:
    report = request_report(studio, preparer="Ann")
    make_reports(inline.services, [report.pk])
    report.refresh_from_db()
    assert report.error == ""
    return report


def read_file(inline: SyncRunner, report: Report, suffix: str) -> bytes:
    (file,) = [row for row in report.files if row["name"].endswith(suffix)]
    return inline.services.blobs.get(Digest.from_hex(file["digest"]))


@pytest.mark.long
def test_report_states_crawl_coverage_refusals_and_failures(inline: SyncRunner, work: Work, shop: Shop) -> None:
    shop.site.routes["/gone.jpg"] = Answer(b"", status=404)
    shop.page("/broken", "/gone.jpg")
    plant_copies(work, shop, "/planted", "/empty", "/closed/planted")
    inline.run_until_idle()
    report = generate_report(inline, work.owner)
    (crawl,) = json.loads(read_file(inline, report, ".json"))["coverage"]
    assert (crawl["known_copies"], crawl["known_copies_found"]) == (3, 1)
    pages = PdfReader(BytesIO(read_file(inline, report, ".pdf"))).pages
    text = " ".join(" ".join(page.extract_text().split()) for page in pages)
    assert load_phrases("en").render("coverage.known_copies", found=1, planted=3, crawls=1) in text
    assert "robots.txt" in text
    assert "404" in text


def test_report_without_known_copies_states_that_coverage_was_not_checked(
    inline: SyncRunner, work: Work, shop: Shop
) -> None:
    new_watch = create_watch(work.owner, shop.url())
    ended = {"sources": new_watch.sources, "started_at": now(), "finished_at": now(), "reason": "finished"}
    Crawl.objects.create(watch=new_watch, number=1, state="done", **ended)
    pages = PdfReader(BytesIO(read_file(inline, generate_report(inline, work.owner), ".pdf"))).pages
    text = " ".join(" ".join(page.extract_text().split()) for page in pages)
    assert load_phrases("en").render("coverage.no_canaries") in text
