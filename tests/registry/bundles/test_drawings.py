"""Test the drawings of a match, from the rows to the bundle and the report."""

from io import BytesIO

import pytest
from PIL import Image, ImageOps

from exhibit.digests import Digest
from indexer.draw.draw import View
from registry.bundles.bundles import load_sealed_case, load_sealed_facts
from registry.bundles.sealing import seal_bundles
from registry.models import Bundle, Case
from registry.reports.make_report import make_reports
from registry.reports.requests import request_report
from tests.assets.rows import encode_jpeg
from tests.assets.sealed_bundles import WORK, request_bundle
from workers.tasks.sync_runner import SyncRunner


def seal_bundle(inline: SyncRunner, picture: bytes = b"") -> Bundle:
    """Return a sealed bundle about a mirrored copy, or about this image."""
    bundle = request_bundle(inline, picture or encode_jpeg(ImageOps.mirror(Image.open(BytesIO(WORK))), 70))
    seal_bundles(inline.services, [bundle.pk])
    bundle.refresh_from_db()
    return bundle


@pytest.mark.long
def test_bundle_contains_four_drawings_per_match(inline: SyncRunner) -> None:
    bundle = seal_bundle(inline)
    case = load_sealed_case(inline.services, bundle)
    (match,) = load_sealed_facts(inline.services, case).matches
    assert match.drawings == {str(view): f"data/matches/01/{view.file_name}" for view in View}
    assert match.verification.mirrored
    for role, path in match.drawings.items():
        file = case.manifest.get_file(path)
        assert file is not None
        assert (file.role, file.media_type) == (role, "image/jpeg")
        assert file.size < 1_000_000
        with Image.open(BytesIO(inline.services.blobs.get(file.sha256))) as drawing:
            assert max(drawing.size) <= 1600


@pytest.mark.long
def test_report_shows_drawings_of_unsealed_case(inline: SyncRunner) -> None:
    seal_bundle(inline)
    Case.objects.update(decision=Case.Decision.OPEN)
    report = request_report(Case.objects.get().owner, preparer="Ann")
    make_reports(inline.services, [report.pk])
    report.refresh_from_db()
    assert (report.state, report.error) == ("done", "")
    pdf = next(file for file in report.files if file["name"].endswith(".pdf"))
    assert inline.services.blobs.get(Digest.from_hex(pdf["digest"])).count(b"/DCTDecode") == 3
