"""Test reports of illegal content: hidden at once, and purged unless other owners are involved."""

from io import BytesIO
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from evidence.verify.verifier import Verifier
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, NotFoundError
from registry import scoped
from registry.bundles.bundles import write_bundle_zip
from registry.bundles.draft_documents import sign_exhibit_sheet
from registry.bundles.make_package import make_packages
from registry.bundles.packages import request_package, stream_package
from registry.bundles.sealing import seal_bundles
from registry.cases.decisions import reopen_decided_case
from registry.cases.picture_usage import is_visit_hidden
from registry.matches.match import match_pictures
from registry.models import (
    Bundle,
    Case,
    Membership,
    Owner,
    Package,
    Picture,
    PictureReport,
    Report,
    Role,
    User,
)
from registry.reports.cases import load_case_content
from registry.reports.make_report import make_reports
from registry.reports.requests import request_report
from registry.retention.picture_reports import dismiss_reports, list_open_reports, report_picture
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.sealed_bundles import WORK, request_bundle
from tests.assets.tampering import read_files
from workers import wiring
from workers.tasks.sync_runner import SyncRunner


def create_found_picture(inline: SyncRunner, *owners: Owner) -> Picture:
    data = photograph(1)
    for holder in owners:
        register(inline.services, holder, data)
    crawl_slice, epoch = claim_new_slice(owners[0])
    match_pictures(inline.services, record_sightings(inline.services, crawl_slice, epoch, [recompress(data)]))
    case_sighting = Case.objects.filter(owner=owners[0]).get().shown
    assert case_sighting is not None
    return case_sighting.match.found


def test_reported_picture_of_a_single_owner_is_purged_immediately(inline: SyncRunner) -> None:
    studio = owner("studio")
    picture = create_found_picture(inline, studio)
    with pytest.raises(InvalidRequestError):
        report_picture(inline.services, studio.cases.get(), by="Ann", reason="")
    assert picture.digest in inline.services.blobs
    report_picture(inline.services, studio.cases.get(), by="Ann", reason="It may not be kept.")
    picture.refresh_from_db()
    assert picture.bytes_state == "purged"
    assert picture.digest not in inline.services.blobs
    assert not scoped.can_see_picture(studio, picture)
    assert list_open_reports() == []


def test_picture_with_evidence_of_other_owners_awaits_operator_decision(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    picture = create_found_picture(inline, studio, agency)
    report_picture(inline.services, studio.cases.get(), by="Ann", reason="It may not be kept.")
    assert picture.digest in inline.services.blobs
    assert not scoped.can_see_picture(studio, picture)
    assert scoped.can_see_picture(agency, picture)
    assert list_open_reports() == [picture.digest.hex]


def test_operator_may_keep_a_reported_picture(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    picture = create_found_picture(inline, studio, agency)
    with pytest.raises(NotFoundError):
        dismiss_reports(picture.digest, by="Olga", reason="A portrait.")
    report_picture(inline.services, studio.cases.get(), by="Ann", reason="It may not be kept.")
    assert not scoped.can_see_picture(studio, picture)
    assert dismiss_reports(picture.digest, by="Olga", reason="A portrait.") == 1
    assert scoped.can_see_picture(studio, picture)
    assert list_open_reports() == []
    last = studio.cases.get().events.order_by("pk").last()
    assert last is not None
    assert (last.actor, last.said, last.sentence) == ("Olga", [["stays-shown", {}]], "A portrait.")
    report_picture(inline.services, studio.cases.get(), by="Ann", reason="It may not be kept.")
    assert list_open_reports() == [picture.digest.hex]


def test_reports_of_purged_picture_cannot_be_dismissed(inline: SyncRunner) -> None:
    studio = owner("studio")
    picture = create_found_picture(inline, studio)
    report_picture(inline.services, studio.cases.get(), by="Ann", reason="It may not be kept.")
    with pytest.raises(NotFoundError):
        dismiss_reports(picture.digest, by="Olga", reason="A portrait.")


@pytest.mark.long
def test_capture_with_reported_picture_is_not_served(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    studio, agency = owner("studio"), owner("agency")
    picture = create_found_picture(inline, studio, agency)
    file = {"role": "page", "name": "page.html", "media_type": "text/html", "digest": picture.digest.hex, "size": 1}
    capture = studio.cases.get().captures.get()
    studio.cases.get().captures.update(state="done", files=[file])
    monkeypatch.setattr(wiring, "services", lambda: inline.services)
    client = Client()
    user = User.objects.create_user("ann@example.org", "ann@example.org", "not used at all")
    Membership.objects.create(user=user, owner=studio, role=Role.OWNER)
    client.force_login(user)
    address = reverse("captured", args=["studio", 1, capture.pk, "page.html"])
    report_picture(inline.services, studio.cases.get(), by="Ann", reason="It may not be kept.")
    assert picture.digest in inline.services.blobs
    assert client.get(address).status_code == 404


@pytest.fixture
def shared_bundle(inline: SyncRunner) -> Bundle:
    """Create a sealed bundle of an image that another owner's case shows as well."""
    bundle = request_bundle(inline)
    seal_bundles(inline.services, [bundle.pk])
    agency = owner("agency")
    register(inline.services, agency, WORK)
    match_pictures(inline.services, record_sightings(inline.services, *claim_new_slice(agency), [recompress(WORK)]))
    bundle.refresh_from_db()
    assert (bundle.state, agency.cases.count()) == ("done", 1)
    return bundle


FILES_WITH_PICTURE = {"data/sightings/01/image.jpg", "data/matches/01/overlay.jpg", "data/exhibit.pdf"}


@pytest.mark.long
def test_bundle_withholds_reported_picture_only_from_the_reporting_owner(
    inline: SyncRunner, shared_bundle: Bundle, tmp_path: Path
) -> None:
    bundle = shared_bundle
    assert set(read_files(write_bundle(inline, bundle, tmp_path))) >= FILES_WITH_PICTURE
    report_picture(inline.services, bundle.case, by="Ann", reason="It may not be kept.")
    bundle_path = write_bundle(inline, bundle, tmp_path)
    assert not FILES_WITH_PICTURE & set(read_files(bundle_path))
    assert "data/work/01.jpg" in read_files(bundle_path)
    verdict = Verifier().verify(bundle_path)
    withheld = {check.name for check in verdict.checks if check.sentence.startswith("Withheld from this copy")}
    assert withheld >= {f"file:{path}" for path in FILES_WITH_PICTURE}
    assert not verdict.failures
    with pytest.raises(NotFoundError):
        sign_exhibit_sheet(inline.services, bundle)
    PictureReport.objects.update(owner=Owner.objects.get(slug="agency"))
    assert set(read_files(write_bundle(inline, bundle, tmp_path))) >= FILES_WITH_PICTURE


@pytest.mark.long
def test_existing_copies_are_deleted_and_new_copies_omit_the_picture(
    inline: SyncRunner, shared_bundle: Bundle, tmp_path: Path
) -> None:
    case = shared_bundle.case
    package = request_package(case.owner, [case.number], "court", by="Ann")
    make_packages(inline.services, [package.pk])
    report = request_report(case.owner, preparer="Ann")
    make_reports(inline.services, [report.pk])
    package.refresh_from_db()
    report.refresh_from_db()
    pdf = next(Digest.from_hex(item["digest"]) for item in report.files if item["media_type"] == "application/pdf")
    copies = {pdf, *(Digest.from_hex(item["digest"]) for item in package.files if "bundle" in item)}
    assert len(copies) == 2
    assert all(item in inline.services.blobs for item in copies)
    report_picture(inline.services, case, by="Ann", reason="It may not be kept.")
    assert not any(item in inline.services.blobs for item in copies)
    with pytest.raises(NotFoundError):
        stream_package(inline.services, Package.objects.get())
    assert "application/pdf" not in {item["media_type"] for item in Report.objects.get().files}
    case = Case.objects.get(pk=case.pk)
    for item in (case, reopen_case(case)):
        pictures = load_case_content(inline.services, item, "en").pictures
        assert pictures.get("data/work/01.jpg") is not None
        assert not [path for path in pictures if path.startswith(("data/sightings", "data/matches"))]


def reopen_case(case: Case) -> Case:
    """Reopen the case, so that its decision differs from the sealed one."""
    reopen_decided_case(case, by="Ann", reason="A mistake.")
    return Case.objects.get(pk=case.pk)


def write_bundle(inline: SyncRunner, bundle: Bundle, folder: Path) -> Path:
    out = BytesIO()
    write_bundle_zip(inline.services, bundle, out)
    path = folder / "bundle.zip"
    path.write_bytes(out.getvalue())
    return path


@pytest.mark.long
def test_other_captures_containing_the_reported_picture_are_hidden(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    picture = create_found_picture(inline, studio, agency)
    visit = studio.cases.get().captures.get()
    other = register(inline.services, studio, photograph(2)).work.pictures.get()
    type(visit.sighting).objects.filter(pk=visit.sighting_id).update(picture=other)
    studio.cases.get().captures.update(state="done", digests=[picture.digest.hex])
    visit = studio.cases.get().captures.select_related("sighting__picture").get()
    assert not is_visit_hidden(studio, visit)
    report_picture(inline.services, studio.cases.get(), by="Ann", reason="It may not be kept.")
    assert is_visit_hidden(studio, visit)


@pytest.mark.long
def test_report_does_not_purge_picture_in_capture_of_other_owner(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    for holder, seed in ((studio, 1), (agency, 2)):
        register(inline.services, holder, photograph(seed))
        crawl_slice, epoch = claim_new_slice(holder, f"watch of {holder.slug}")
        match_pictures(
            inline.services, record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(seed))])
        )
    case_sighting = studio.cases.get().shown
    assert case_sighting is not None
    agency.cases.get().captures.update(digests=[case_sighting.match.found.digest.hex])
    report_picture(inline.services, studio.cases.get(), by="Ann", reason="It may not be kept.")
    assert case_sighting.match.found.digest in inline.services.blobs
    assert list_open_reports() == [case_sighting.match.found.digest.hex]
