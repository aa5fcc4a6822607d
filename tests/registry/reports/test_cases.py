"""Test how a report shows a case whose files no longer exist."""

import io
import shutil

import pytest
from PIL import Image

from evidence.documents.report.pdf import CARD_SIDE, PICTURE_SIDE
from exhibit.clock import now
from exhibit.digests import Digest
from indexer.draw.draw import View
from registry.bundles.drawings import load_drawing
from registry.bundles.sealing import seal_bundles
from registry.cases.decisions import confirm_case, reopen_decided_case
from registry.models import Capture, Case, Report
from registry.pictures.previews import delete_cached_files
from registry.reports.cases import load_case_content
from registry.reports.make_report import make_reports
from registry.reports.requests import request_report
from registry.retention.purge import purge_picture
from tests.assets.sealed_bundles import request_bundle
from workers.tasks.sync_runner import SyncRunner


def test_damaged_picture_is_omitted_and_report_is_generated(inline: SyncRunner) -> None:
    bundle = request_bundle(inline)
    case = Case.objects.get()
    registered = case.work.pictures.get()
    path = inline.services.blobs.get_path(registered.digest)  # type: ignore[attr-defined]  # a folder's
    path.chmod(0o600)
    path.write_bytes(b"damaged")
    bundle.delete()
    pictures = load_case_content(inline.services, case, "en").pictures
    assert set(pictures) >= {"data/work/01.jpg", "data/matches/01/overlay.jpg"}
    assert pictures.get("data/work/01.jpg") is None
    assert pictures.get("data/matches/01/overlay.jpg") is None
    assert pictures.get("data/sightings/01/image.jpg") is not None
    report = request_report(case.owner, preparer="Ann")
    make_reports(inline.services, [report.pk])
    assert Report.objects.values_list("state", "error").get() == ("done", "")


def test_drawing_of_unsealed_case_is_cached_at_its_size_until_purged(inline: SyncRunner) -> None:
    request_bundle(inline).delete()
    services, case = inline.services, Case.objects.get()
    digest = case.case_sightings.get().match.found.digest

    def make_overlay(side: int) -> bytes | None:
        return load_case_content(services, case, "en", side).pictures.get("data/matches/01/overlay.jpg")

    first = make_overlay(CARD_SIDE)
    assert first is not None
    with Image.open(io.BytesIO(first)) as drawing:
        assert max(drawing.size) == CARD_SIDE
    [path] = (services.config.data_dir / "drawings").rglob("*.jpg")
    modified_at = path.stat().st_mtime_ns
    assert make_overlay(CARD_SIDE) == first
    assert path.stat().st_mtime_ns == modified_at
    assert make_overlay(PICTURE_SIDE) != first
    purge_picture(services, digest, by="Ann", reason="An order.")
    assert make_overlay(CARD_SIDE) is None
    assert not [*(services.config.data_dir / "drawings").rglob("*.jpg")]


def test_cached_drawings_are_regenerated_and_deleted_with_the_picture(inline: SyncRunner) -> None:
    request_bundle(inline).delete()
    services, match = inline.services, Case.objects.get().case_sightings.get().match
    drawing = load_drawing(services, match, View.OVERLAY, CARD_SIDE)
    shutil.rmtree(services.config.data_dir / "drawings")
    assert load_drawing(services, match, View.OVERLAY, CARD_SIDE) == drawing
    delete_cached_files(services, {Digest.from_bytes(b"another")})
    assert [*(services.config.data_dir / "drawings").rglob("*.jpg")]
    delete_cached_files(services, {match.registered.digest})
    assert not [*(services.config.data_dir / "drawings").rglob("*.jpg")]


@pytest.mark.long
def test_reopened_case_keeps_its_seal_in_the_report(inline: SyncRunner) -> None:
    bundle = request_bundle(inline)
    seal_bundles(inline.services, [bundle.pk])
    bundle.refresh_from_db()
    case = Case.objects.get()
    case_data = load_case_content(inline.services, case, "en").case
    assert (case_data.seal, case_data.earlier, case_data.facts.bundle) == (bundle.seal_digest, False, 1)
    reopen_decided_case(case, by="Ann", reason="A mistake.")
    case.refresh_from_db()
    second_view = load_case_content(inline.services, case, "en").case
    assert (second_view.seal, second_view.earlier, second_view.facts.decision.decision) == (
        bundle.seal_digest,
        True,
        "open",
    )
    confirm_case(inline.services, case, by="Bob", reason="No mistake.")
    case.refresh_from_db()
    third = load_case_content(inline.services, case, "en").case
    assert (third.earlier, third.facts.decision.by) == (True, "Bob")


@pytest.mark.long
def test_sealed_case_shows_current_status_of_its_page(inline: SyncRunner) -> None:
    bundle = request_bundle(inline)
    seal_bundles(inline.services, [bundle.pk])
    moment = now()
    Capture.objects.update(state="done", outcome="page-gone", started_at=moment, finished_at=moment)
    [place] = load_case_content(inline.services, Case.objects.get(), "en").case.standings
    assert (place.standing, place.at, place.page_url) == ("removed", moment, "http://shop.example/page-0")
