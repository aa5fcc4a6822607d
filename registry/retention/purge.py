"""Permanent removal of an image's bytes everywhere. Files that show it are withheld; unrelated content is kept."""

import logging
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q

from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError, NotFoundError
from indexer.calibration.kept import KeptPairs
from registry.accounts.models import Owner
from registry.bundles.bundles import sealed_case, sealed_facts
from registry.bundles.deposits import RECORD_ROLE, sealed_deposit
from registry.bundles.models import Bundle, Deposit, Package, Report
from registry.bundles.packages import is_reading_copy
from registry.bundles.picture_usage import bundles_with, documents
from registry.cases.picture_usage import (
    CARRYING,
    archived_pictures,
    captured_files,
    cases_showing,
    cases_with,
    visits_with,
)
from registry.db.claimable import StepState
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.ports import get_features
from registry.keys import passkeys
from registry.keys.passkeys import Act, Answer
from registry.log.log import submit
from registry.notices.models import Notice
from registry.pictures.file_removal import as_they_lie, let_go, remove_everywhere
from registry.pictures.models import BlockedDigest, BytesState, Picture, WithheldFile
from registry.pictures.previews import drop_kept
from registry.reports.requests import clear_folder
from registry.services.mail import drop_mails
from registry.services.services import Services
from registry.works import uploads
from registry.works.models import SignedCopy


@dataclass(frozen=True, slots=True)
class Touched:
    """A file that is affected when an image is purged."""

    digest: Digest
    owner: str
    what: str  # The object it belongs to, such as ``case 3``.
    kept: bool  # True if it is only set aside, because it shows the image without containing its bytes.


def touched(services: Services, digest: Digest) -> list[Touched]:
    """Return the files that a purge affects besides the image's own bytes, for preview and for the purge itself.

    Files that contain the exact bytes cannot be cut and are removed, as are copies that can be made again. Files that
    show the image are set aside. Other content of a page with the image is not affected.
    """
    by_digest = {visit.digest: visit for visit in _shown_by(services, digest) if visit.digest != digest}
    forms = _forms(services, digest)
    return [
        Touched(visit.digest, visit.owner, visit.what, visit.kept and not _holds(services, visit.digest, forms))
        for visit in by_digest.values()
    ]


def purge(services: Services, digest: Digest, *, by: str, reason: str, passkey: Answer | None = None) -> bool:
    """Remove an image's bytes everywhere and block them from being stored again.

    The files named by :func:`touched` are included: files that contain the bytes are removed, and so are reports and
    packages with them; drawings, documents and screenshots that show the image are set aside (``kept_files.ASIDE``).
    Sealed bundles keep their proofs and state which files are withheld, and why. Only these exact bytes are blocked;
    their digest stays in the log. Unfinished reports and packages are restarted.

    Returns:
        True if the bytes were stored here.

    Raises:
        WrongUseError: An affected owner requires passkeys for purges, and the passkey answer is missing or invalid.
    """
    with transaction.atomic():
        concerned = Q(cases__in=cases_with(digest)) | Q(works__work_pictures__picture__digest=digest)
        asking = Owner.objects.filter(concerned, passkeys=True).order_by("pk").distinct()
        signed = [passkeys.take(owner, Act.PURGE, passkeys.of_picture(digest), passkey) for owner in asking]
        picture = Picture.objects.select_for_update(no_key=True).filter(digest=digest).first()
        begun_again = _begin_reports_again(digest)
        along = touched(services, digest)
        _begin_packages_again(digest)
        if picture is not None:
            if picture.thumbnail is not None:
                along.append(Touched(picture.thumbnail, "", "small picture", kept=False))
            Picture.objects.filter(pk=picture.pk).update(bytes_state=BytesState.PURGED, thumbnail=None)
            SignedCopy.objects.filter(work_picture__picture=picture).delete()  # The file's data may show the image.
            vectors.remove_from(vectors.Collection.WORKS, [picture.pk])
            vectors.remove_from(vectors.Collection.PICTURES, [picture.pk])
        get_features(services).remove(digest)
        uploads.forget(services, digest)
        KeptPairs(services.config.data_dir).forget(digest)
        BlockedDigest.objects.get_or_create(digest=digest, defaults={"reason": reason})
        rows = _withheld(along, digest, reason)
        told = {kept: sorted(row.digest.hex for row in along if row.kept is kept) for kept in (True, False)}
        about = {"by": by, "reason": reason, "removed": told[False], "withheld": told[True]}
        about |= passkeys.details(next(iter(signed), None))
        submit(EntryType.PURGE, {"digest": digest.hex, "what": "bytes"}, details=about)
    was_here = remove_everywhere(services, digest)
    drop_kept(services, {digest})
    for report in begun_again:
        clear_folder(services, report)
    let_go(services, rows)
    drop_mails(services.config, {digest, *(row.digest for row in along)})
    return was_here


def _withheld(along: list[Touched], because: Digest, reason: str) -> list[WithheldFile]:
    """Record the withheld files. Files set aside earlier that contain these bytes are removed, never the reverse."""
    values = {"because": because, "reason": reason}
    rows = {row.digest: WithheldFile(digest=row.digest, kept=row.kept, **values) for row in along}
    kept = [row for row in rows.values() if row.kept]
    removed = [row for row in rows.values() if not row.kept]
    WithheldFile.objects.bulk_create(kept, ignore_conflicts=True)
    columns = ["kept", *values]
    WithheldFile.objects.bulk_create(removed, update_conflicts=True, unique_fields=["digest"], update_fields=columns)
    WithheldFile.objects.filter(digest=because).update(kept=False)
    return [*rows.values()]


def _begin_packages_again(digest: Digest) -> None:
    """Restart unfinished packages, because their bundles made so far may contain the image."""
    keys = {*bundles_with(digest).values_list("pk", flat=True)}
    for package in Package.objects.filter(bundles__in=keys).exclude(state=StepState.DONE).distinct():
        rest = [file for file in package.files if file.get("bundle") not in keys and not is_reading_copy(file)]
        Package.objects.filter(pk=package.pk).exclude(state=StepState.DONE).update(progress={}, files=rest)


def _packed(digest: Digest) -> Iterator[Touched]:
    """Yield packaged bundles (ZIPs) that contain the image, and the PDFs of their packages."""
    keys = {*bundles_with(digest).values_list("pk", flat=True)}
    for package in Package.objects.filter(bundles__in=keys).select_related("owner").distinct():
        for file in package.files:
            if file.get("bundle") in keys or is_reading_copy(file):
                what = f"package {package.number}"
                yield Touched(Digest.from_hex(file["digest"]), package.owner.slug, what, kept=False)


def _begin_reports_again(digest: Digest) -> list[Report]:
    """Restart unfinished reports, because their volumes made so far may show the image."""
    about = Report.objects.filter(owner__cases__in=cases_showing(digest))
    reports = list(about.exclude(state=StepState.DONE).distinct())
    Report.objects.filter(pk__in=[report.pk for report in reports]).exclude(state=StepState.DONE).update(progress={})
    return reports


def _shown_by(services: Services, digest: Digest) -> Iterator[Touched]:
    """Yield files of captures, bundles, packages, deposits, reports and notices that contain or show the image."""
    captured: set[Digest] = set()
    for visit in visits_with(digest).select_related("case__owner"):
        for file in captured_files(services, digest, [visit]):
            captured.add(file)
            carries = (
                next((file_entry["role"] for file_entry in visit.files if file_entry["digest"] == file.hex), "")
                in CARRYING
            )
            yield Touched(file, visit.case.owner.slug, f"case {visit.case.number}", kept=not carries)
    for file, case in archived_pictures(digest):
        yield Touched(file, case.owner.slug, f"case {case.number}", kept=False)
    for bundle in Bundle.objects.filter(case__in=cases_with(digest)).exclude(seal_digest=None):
        what = f"case {bundle.case.number}"
        with _passed_over(bundle.case.owner.slug, what):
            sealed = sealed_case(services, bundle)
            for file in documents(sealed, sealed_facts(services, sealed), digest, captured):
                yield Touched(file, bundle.case.owner.slug, what, kept=True)
    yield from _packed(digest)
    yield from _written(services, digest)


def _written(services: Services, digest: Digest) -> Iterator[Touched]:
    """Yield deposit records, reports and signed notices that show the image."""
    for deposit in Deposit.objects.filter(work__work_pictures__picture__digest=digest).distinct():
        what = f"work {deposit.work.number}"
        with _passed_over(deposit.work.owner.slug, what):
            for file in sealed_deposit(services, deposit).manifest.files:
                if file.role == RECORD_ROLE:
                    yield Touched(file.sha256, deposit.work.owner.slug, what, kept=True)
    for report in Report.objects.filter(owner__cases__in=cases_showing(digest)).select_related("owner").distinct():
        for pdf in (file for file in report.files if file["media_type"] == "application/pdf"):
            yield Touched(Digest.from_hex(pdf["digest"]), report.owner.slug, f"report {report.number}", kept=False)
    for notice in Notice.objects.filter(notice_cases__case__in=cases_showing(digest)).distinct():
        for stored in (file for file in notice.files if file["media_type"] != "text/plain"):
            what = f"notice {notice.number}"
            yield Touched(Digest.from_hex(stored["digest"]), notice.owner.slug, what, kept=True)


@contextmanager
def _passed_over(owner: str, what: str) -> Iterator[None]:
    """Skip sealed content that cannot be read. It is not handed out until it is restored from a backup."""
    try:
        yield
    except (IntegrityError, NotFoundError) as error:
        message = "What %s, %s, shows of a purged picture can't be told; purge it again when that is mended. %s"
        logging.getLogger(__name__).warning(message, owner, what, error)


def _forms(services: Services, digest: Digest) -> tuple[bytes, ...]:
    """Return the image's bytes as they may be embedded in files (raw and Base64); empty if changed or missing."""
    data = as_they_lie(services, digest)
    return (data, b64encode(data)) if data and Digest.of(data) == digest else ()


def _holds(services: Services, file: Digest, forms: tuple[bytes, ...]) -> bool:
    data = as_they_lie(services, file) if forms else b""
    return any(form in data for form in forms)
