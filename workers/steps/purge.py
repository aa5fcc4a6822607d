"""Removing a picture's bytes everywhere, with everything that shows or carries them, and for good."""

from collections.abc import Iterator

from django.db import transaction

from exhibit.digests import Digest
from exhibit.entries import EntryType
from registry import fingerprints as vectors
from registry.log import submit
from registry.models import (
    BlockedDigest,
    Bundle,
    BytesState,
    Deposit,
    Notice,
    Package,
    Picture,
    Report,
    StepState,
)
from workers import uploads
from workers.bundles import sealed_case, sealed_facts
from workers.deposits import RECORD_ROLE, sealed_deposit
from workers.mail import mail_folder
from workers.mail_files import drop_mails
from workers.previews import drop_previews
from workers.showing import bundles_with, captured_files, cases_with, documents, visits_with
from workers.steps.report import clear_folder
from workers.wiring import House


def purge(house: House, digest: Digest, *, by: str, reason: str) -> bool:
    """Remove a picture's bytes everywhere and block them from coming back; the digest stays in the log.

    Captures that carry the bytes, reduced pictures, drawings and documents that show them, in cases, deposit records,
    reports and signed notices, and mails that lie here as files, go with them; the letter of a notice stays. What was
    sealed keeps its proofs: a bundle says then which of its files are withheld, and why. A report or package that is
    being made is begun again.

    Returns:
        Whether the bytes were here.
    """
    with transaction.atomic():
        picture = Picture.objects.select_for_update(no_key=True).filter(digest=digest).first()
        begun_again = _begin_reports_again(digest)
        shown = {*_shown_by(house, digest), *_packed(digest)} - {digest}
        _begin_packages_again(digest)
        if picture is not None:
            if picture.thumbnail is not None:
                shown.add(picture.thumbnail)
            Picture.objects.filter(pk=picture.pk).update(bytes_state=BytesState.PURGED, thumbnail=None)
            vectors.remove_from(vectors.Collection.WORKS, [picture.pk])
            vectors.remove_from(vectors.Collection.PICTURES, [picture.pk])
        house.features.remove(digest)
        uploads.forget(house, digest)
        rows = [BlockedDigest(digest=one, reason=reason) for one in sorted({digest, *shown})]
        BlockedDigest.objects.bulk_create(rows, ignore_conflicts=True)
        submit(EntryType.PURGE, {"digest": digest.hex, "what": "bytes"}, details={"by": by, "reason": reason})
    for report in begun_again:
        clear_folder(house, report)
    for one in shown:
        house.blobs.remove(one)
    was_here = house.blobs.remove(digest)
    drop_previews(house, digest)
    drop_mails(mail_folder(house.config), {digest, *shown})
    return was_here


def _begin_packages_again(digest: Digest) -> None:
    """Have packages that aren't finished begun again: their bundles up to now may hold the picture."""
    keys = {*bundles_with(digest).values_list("pk", flat=True)}
    for one in Package.objects.filter(bundles__in=keys).exclude(state=StepState.DONE).distinct():
        rest = [file for file in one.files if file.get("bundle") not in keys]
        Package.objects.filter(pk=one.pk).exclude(state=StepState.DONE).update(progress={}, files=rest)


def _packed(digest: Digest) -> Iterator[Digest]:
    """The bundles with the picture that lie in packages, as ZIPs of their own."""
    keys = {*bundles_with(digest).values_list("pk", flat=True)}
    for package in Package.objects.filter(bundles__in=keys).distinct():
        yield from (Digest.from_hex(one["digest"]) for one in package.files if one.get("bundle") in keys)


def _begin_reports_again(digest: Digest) -> list[Report]:
    """Have reports that aren't finished begun again: their volumes up to now may show the picture."""
    reports = list(Report.objects.filter(owner__cases__in=cases_with(digest)).exclude(state=StepState.DONE).distinct())
    Report.objects.filter(pk__in=[one.pk for one in reports]).exclude(state=StepState.DONE).update(progress={})
    return reports


def _shown_by(house: House, digest: Digest) -> Iterator[Digest]:
    """Files that carry or show the picture, of captures, bundles, deposit records, reports and signed notices."""
    captured = {*captured_files(house, digest, visits_with(digest))}
    yield from captured
    for bundle in Bundle.objects.filter(case__in=cases_with(digest)).exclude(seal_digest=None):
        sealed = sealed_case(house, bundle)
        yield from documents(sealed, sealed_facts(house, sealed), digest, captured)
    for deposit in Deposit.objects.filter(work__work_pictures__picture__digest=digest).distinct():
        files = sealed_deposit(house, deposit).manifest.files
        yield from (file.sha256 for file in files if file.role == RECORD_ROLE)
    for report in Report.objects.filter(owner__cases__in=cases_with(digest)).distinct():
        yield from (Digest.from_hex(one["digest"]) for one in report.files if one["media_type"] == "application/pdf")
    for notice in Notice.objects.filter(notice_cases__case__in=cases_with(digest)).distinct():
        yield from (Digest.from_hex(one["digest"]) for one in notice.files if one["media_type"] != "text/plain")
