"""Test a web archive as a watch: from encoded, truncated and variously dated records to cases, pages and bundles."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import brotli
import pytest
from django.test import Client

from evidence.verdict.result import State
from evidence.verdict.trust import Trust
from exhibit.clock import now
from exhibit.config.config import Config
from registry.cases.decisions import confirm_case
from registry.fingerprints import fingerprints
from registry.models import Bundle, Capture, Case, Crawl, Owner, Picture, Refusal, Sighting, User, Watch
from tests.assets.pdf_text import text_of
from tests.assets.rows import owner, photograph, recompress, register
from tests.assets.shop import running_timestamp_services
from tests.assets.site_browser import use_services
from tests.crawler.crawling.test_archives import JPEG, http_response, record
from tests.product.test_pipeline import is_sealed_and_timestamped, verify_bundle
from workers.tasks.sync_runner import SyncRunner

DATES = {"moment": "2016-01-11T23:24:03Z", "month": "2016-01", "nothing": ""}


@pytest.fixture
def world(db: None, config: Config, tmp_path: Path) -> Iterator[tuple[SyncRunner, Trust]]:
    """An installation with timestamp services, and a matching trust list."""
    fingerprints.clear_cached_spaces()
    own = replace(config, data_dir=tmp_path, checkpoint_seconds=1)
    with running_timestamp_services(own, tmp_path / "timestamps") as (complete, trust):
        yield SyncRunner(complete), trust
    fingerprints.clear_cached_spaces()


@pytest.fixture
def studio(world: tuple[SyncRunner, Trust], tmp_path: Path) -> Owner:
    """An owner with a work for each date, whose watch reads an archive with a copy of each among other records."""
    inline, _ = world
    studio = owner("studio")
    for number, name in enumerate(DATES):
        register(inline.services, studio, photograph(number), f"Work {name}")
    parts = [record("s.css", http_response(brotli.compress(b"p{}"), "Content-Type: text/css", "Content-Encoding: br"))]
    for number, (name, date) in enumerate(DATES.items()):
        data = brotli.compress(recompress(photograph(number)))
        parts.append(record(f"{name}.jpg", http_response(data, JPEG, "Content-Encoding: br"), date=date))
    whole = recompress(photograph(3))
    parts += [record("gone.jpg", http_response(whole, JPEG, status="404 Not Found"))]
    parts += [record("cut.jpg", http_response(whole, JPEG))[:-500]]
    (tmp_path / "a.warc").write_bytes(b"".join(parts))
    source = {"kind": "warc", "url": str(tmp_path / "a.warc")}
    Watch.objects.create(owner=studio, number=1, name="archive", sources=[source], next_run_at=now())
    return studio


def read_records(studio: Owner) -> Client:
    client, user = Client(), User.objects.create_user(username="ann@example.org", password="not used")
    studio.memberships.create(user=user)
    client.force_login(user)
    return client


@pytest.mark.long
def test_archive_import_reports_damage_and_keeps_capture_dates(
    world: tuple[SyncRunner, Trust], studio: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inline, trust = world
    use_services(monkeypatch, inline.services)
    inline.run_until(lambda: Crawl.objects.filter(state="done").exists() and Case.objects.count() == 3)

    rows = {row.image_url.rpartition("/")[2].partition(".")[0]: row for row in Sighting.objects.all()}
    dates = {name: (row.first_seen and row.first_seen.isoformat(), row.period) for name, row in rows.items()}
    assert dates == {"moment": ("2016-01-11T23:24:03+00:00", ""), "month": (None, "2016-01"), "nothing": (None, "")}
    assert Picture.objects.filter(sightings=rows["nothing"], bytes_state="stored").exists()
    archive = (tmp_path / "a.warc").as_uri()
    assert set(Refusal.objects.values_list("url", "reason")) == {
        ("http://a.example/cut.jpg", "incomplete"),
        (archive, "unreadable"),
    }

    ann = read_records(studio)
    run = unescape(ann.get("/o/studio/watches/1/crawls/1/").content.decode())
    assert "A web archive could not be read completely" in run
    assert "a.warc cannot be read beyond byte" in run
    assert "The record is neither a picture nor a page." in run
    assert "There is nothing at this URL." in run

    for case in Case.objects.all():
        confirm_case(inline.services, case, by="Ann", reason="A copy without a licence.")
    Capture.objects.update(state="done", outcome="unreachable", started_at=now(), finished_at=now())
    inline.run_until(is_sealed_and_timestamped)
    for bundle in Bundle.objects.select_related("case__work"):
        name = bundle.case.work.title.removeprefix("Work ")
        verdict = verify_bundle(inline, bundle, trust, tmp_path)
        assert [check for check in verdict.checks if check.state is State.FAILED] == []
        assert {"slice:01", "order"} <= {check.name for check in verdict.checks if check.state is State.PASSED}
        page_text = unescape(ann.get(f"/o/studio/cases/{bundle.case.number}/").content.decode())
        for address in ("/o/studio/works/1/spread/", f"/o/studio/party/{bundle.case.party}", "/o/studio/cases/"):
            assert ann.get(address).status_code in (200, 302)
        with zipfile.ZipFile(tmp_path / f"bundle-{bundle.pk}.zip") as packed:
            facts = next(member for member in packed.namelist() if member.endswith("data/facts.json"))
            (sighting,) = json.loads(packed.read(facts))["sightings"]
            sheet = text_of(
                packed.read(next(member for member in packed.namelist() if member.endswith("data/exhibit.pdf")))
            )
        times = sighting["first_seen"], sighting["last_seen"], sighting["slice"]["record"]["seen"]
        (slice_check,) = (check for check in verdict.checks if check.name == "slice:01")
        assert slice_check.state is State.PASSED
        if name == "moment":
            assert set(times) == {"2016-01-11T23:24:03.000000Z"}
            assert "First retrieved at 2016-01-11 23:24:03 UTC" in sheet
            continue
        assert (times, sighting.get("period", "")) == ((None, None, None), DATES[name])
        words = "2016-01, as stated by the web archive" if name == "month" else "the web archive states no time"
        assert words in sheet
        assert "First seen 2" not in sheet.replace(f"First seen {words}", "")
        assert (DATES[name] or "an unknown time (the web archive states none)") in slice_check.sentence
        assert (DATES[name] or "date unknown") in page_text
