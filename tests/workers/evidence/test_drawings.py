"""The drawings of a match from the rows to the bundle and the report."""

from io import BytesIO

import pytest
from PIL import Image, ImageOps
from pypdf import PdfReader

from exhibit.digests import Digest
from indexer.draw.draw import View
from registry.models import Bundle, Case
from tests.assets.rows import jpeg
from tests.assets.sealed import WORK, asked_bundle
from workers.evidence.bundles import sealed_case, sealed_facts
from workers.evidence.papers import draft_paper, paper_name
from workers.reports.requests import request_report
from workers.steps.cases.report import make_reports
from workers.steps.cases.seal import seal_bundles
from workers.tasks.sync_runner import SyncRunner


def sealed(inline: SyncRunner, found: bytes = b"") -> Bundle:
    """A bundle about a mirrored copy, or about this picture."""
    bundle = asked_bundle(inline, found or jpeg(ImageOps.mirror(Image.open(BytesIO(WORK))), 70))
    seal_bundles(inline.services, [bundle.pk])
    bundle.refresh_from_db()
    return bundle


def test_a_bundle_holds_four_drawings_of_a_match_each_under_its_role(inline: SyncRunner) -> None:
    bundle = sealed(inline)
    case = sealed_case(inline.services, bundle)
    (match,) = sealed_facts(inline.services, case).matches
    assert match.drawings == {str(view): f"data/matches/01/{view.file_name}" for view in View}
    assert match.verification.mirrored
    for role, path in match.drawings.items():
        file = case.manifest.file(path)
        assert file is not None
        assert (file.role, file.media_type) == (role, "image/jpeg")
        assert file.size < 1_000_000
        with Image.open(BytesIO(inline.services.blobs.get(file.sha256))) as drawn:
            assert max(drawn.size) <= 1600


def test_a_report_shows_a_case_that_is_not_sealed_with_drawings_too(inline: SyncRunner) -> None:
    sealed(inline)
    Case.objects.update(decision=Case.Decision.OPEN)
    report = request_report(Case.objects.get().owner, preparer="Ann")
    make_reports(inline.services, [report.pk])
    report.refresh_from_db()
    assert (report.state, report.error) == ("done", "")
    pdf = next(one for one in report.files if one["name"].endswith(".pdf"))
    assert inline.services.blobs.get(Digest.from_hex(pdf["digest"])).count(b"/DCTDecode") == 3


def test_papers_are_drafted_from_a_sealed_bundle_with_what_its_captures_wrote(inline: SyncRunner) -> None:
    bundle = sealed(inline)
    text = pdf_text(draft_paper(inline.services, bundle, "us-902"))
    assert bundle.seal_digest is not None
    assert bundle.seal_digest.hex in text.replace(" ", "")
    assert "data/facts.json" in text
    assert "Not checked: the bundle holds no record of a capture." in pdf_text(
        draft_paper(inline.services, bundle, "cn-environment", "en")
    )
    assert paper_name(bundle, "us-902") == "studio-case-1-bundle-1-us-902.draft.pdf"


def test_the_manifest_that_a_found_picture_brings_is_sealed_with_it(inline: SyncRunner) -> None:
    pytest.importorskip("c2pa", reason="the optional part c2pa isn't installed")
    from tests.assets.c2pa_signed import SIGNER, with_manifest

    case = sealed_case(inline.services, sealed(inline, with_manifest(jpeg(Image.open(BytesIO(WORK)), 70))))
    provenance = sealed_facts(inline.services, case).sightings[0].provenance
    assert provenance is not None
    assert (provenance.standing, provenance.signer) == ("valid", SIGNER)
    file = case.manifest.file(provenance.file)
    assert file is not None
    assert (file.path, file.role) == ("data/sightings/01/c2pa.json", "c2pa")
    assert SIGNER.split(",", maxsplit=1)[0].encode() in inline.services.blobs.get(file.sha256)


def pdf_text(pdf: bytes) -> str:
    """The words of a PDF."""
    return " ".join(" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(pdf)).pages)
