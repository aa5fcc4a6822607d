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
from indexer.calibration.filed_pairs import FiledPairs
from registry.accounts.models import Owner
from registry.bundles.bundles import load_sealed_case, load_sealed_facts
from registry.bundles.deposits import RECORD_ROLE, load_sealed_deposit
from registry.bundles.models import Bundle, Deposit, Package, Report
from registry.bundles.packages import is_printable_copy
from registry.bundles.picture_usage import find_bundles_with_picture, list_files_showing_picture
from registry.cases.picture_usage import (
    CARRYING_ROLES,
    find_cases_about_picture,
    find_cases_with_picture,
    find_visits_with_picture,
    list_archived_pictures,
    list_files_with_picture,
)
from registry.db.claimable import StepState
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.ports import get_features
from registry.keys import passkeys
from registry.keys.passkeys import PasskeyAction, PasskeyResponse
from registry.log.log import submit_entry
from registry.notices.models import Notice
from registry.pictures.file_removal import read_unverified, remove_from_all_stores, remove_or_withhold
from registry.pictures.models import BlockedDigest, BytesState, Picture, WithheldFile
from registry.pictures.previews import delete_cached_files
from registry.reports.requests import clear_folder
from registry.services.mail import delete_mails
from registry.services.services import Services
from registry.works import uploads
from registry.works.models import SignedCopy


@dataclass(frozen=True, slots=True)
class AffectedFile:
    """A file that is affected when an image is purged."""

    digest: Digest
    owner: str
    what: str  # Object to which the file belongs, such as ``case 3``.
    kept: bool  # True if it is withheld, not removed: it shows the image but does not contain its bytes.


def find_affected_files(services: Services, digest: Digest) -> list[AffectedFile]:
    """Return the files that a purge affects besides the image's own bytes, for preview and for the purge itself.

    Files that contain the exact bytes are removed, as are copies that can be generated again. Files that show the
    image are withheld. Other content of a page with the image is not affected.
    """
    by_digest = {file.digest: file for file in _iterate_affected_files(services, digest) if file.digest != digest}
    encodings = _build_encodings(services, digest)
    return [
        AffectedFile(
            file.digest, file.owner, file.what, file.kept and not _contains_any(services, file.digest, encodings)
        )
        for file in by_digest.values()
    ]


def purge_picture(
    services: Services, digest: Digest, *, by: str, reason: str, passkey: PasskeyResponse | None = None
) -> bool:
    """Remove an image's bytes everywhere and block them from being stored again.

    The files returned by :func:`find_affected_files` are included: files that contain the bytes are removed, and so are
    reports and packages with them; drawings, documents and screenshots that show the image are withheld
    (``kept_files.ASIDE``).
    Sealed bundles keep their proofs and state which files are withheld, and why. Only these exact bytes are blocked;
    their digest stays in the log. Unfinished reports and packages are restarted.

    Returns:
        True if the bytes were stored here.

    Raises:
        InvalidRequestError: An affected owner requires passkeys for purges, and the passkey assertion is missing or
        invalid.
    """
    with transaction.atomic():
        concerns_owner = Q(cases__in=find_cases_with_picture(digest)) | Q(works__work_pictures__picture__digest=digest)
        owners = Owner.objects.filter(concerns_owner, passkeys=True).order_by("pk").distinct()
        signatures = [
            passkeys.consume_response(owner, PasskeyAction.PURGE, passkeys.build_picture_subject(digest), passkey)
            for owner in owners
        ]
        picture = Picture.objects.select_for_update(no_key=True).filter(digest=digest).first()
        restarted_reports = _restart_reports(digest)
        affected_files = find_affected_files(services, digest)
        _restart_packages(digest)
        if picture is not None:
            if picture.thumbnail is not None:
                affected_files.append(AffectedFile(picture.thumbnail, "", "small picture", kept=False))
            Picture.objects.filter(pk=picture.pk).update(bytes_state=BytesState.PURGED, thumbnail=None)
            SignedCopy.objects.filter(work_picture__picture=picture).delete()  # The file's data may show the image.
            vectors.remove_from_collection(vectors.Collection.WORKS, [picture.pk])
            vectors.remove_from_collection(vectors.Collection.PICTURES, [picture.pk])
        get_features(services).remove(digest)
        uploads.delete_bytes(services, digest)
        FiledPairs(services.config.data_dir).remove_picture(digest)
        BlockedDigest.objects.get_or_create(digest=digest, defaults={"reason": reason})
        rows = _record_withheld_files(affected_files, digest, reason)
        digests = {
            is_withheld: sorted(row.digest.hex for row in affected_files if row.kept is is_withheld)
            for is_withheld in (True, False)
        }
        details = {"by": by, "reason": reason, "removed": digests[False], "withheld": digests[True]}
        details |= passkeys.build_log_details(next(iter(signatures), None))
        submit_entry(EntryType.PURGE, {"digest": digest.hex, "what": "bytes"}, details=details)
    was_stored = remove_from_all_stores(services, digest)
    delete_cached_files(services, {digest})
    for report in restarted_reports:
        clear_folder(services, report)
    remove_or_withhold(services, rows)
    delete_mails(services.config, {digest, *(row.digest for row in affected_files)})
    return was_stored


def _record_withheld_files(
    affected_files: list[AffectedFile], picture_digest: Digest, reason: str
) -> list[WithheldFile]:
    """Record withheld and removed files. Files withheld earlier are removed if they contain these bytes."""
    values = {"because": picture_digest, "reason": reason}
    rows = {row.digest: WithheldFile(digest=row.digest, kept=row.kept, **values) for row in affected_files}
    withheld_rows = [row for row in rows.values() if row.kept]
    removed_rows = [row for row in rows.values() if not row.kept]
    WithheldFile.objects.bulk_create(withheld_rows, ignore_conflicts=True)
    columns = ["kept", *values]
    WithheldFile.objects.bulk_create(
        removed_rows, update_conflicts=True, unique_fields=["digest"], update_fields=columns
    )
    WithheldFile.objects.filter(digest=picture_digest).update(kept=False)
    return [*rows.values()]


def _restart_packages(digest: Digest) -> None:
    """Restart unfinished packages, because the bundles generated so far may contain the image."""
    keys = {*find_bundles_with_picture(digest).values_list("pk", flat=True)}
    for package in Package.objects.filter(bundles__in=keys).exclude(state=StepState.DONE).distinct():
        remaining_files = [
            file for file in package.files if file.get("bundle") not in keys and not is_printable_copy(file)
        ]
        Package.objects.filter(pk=package.pk).exclude(state=StepState.DONE).update(progress={}, files=remaining_files)


def _iterate_package_files(digest: Digest) -> Iterator[AffectedFile]:
    """Yield packaged bundles (ZIPs) that contain the image, and the PDFs of their packages."""
    keys = {*find_bundles_with_picture(digest).values_list("pk", flat=True)}
    for package in Package.objects.filter(bundles__in=keys).select_related("owner").distinct():
        for file in package.files:
            if file.get("bundle") in keys or is_printable_copy(file):
                object_name = f"package {package.number}"
                yield AffectedFile(Digest.from_hex(file["digest"]), package.owner.slug, object_name, kept=False)


def _restart_reports(digest: Digest) -> list[Report]:
    """Restart unfinished reports, because the volumes generated so far may show the image."""
    affected_reports = Report.objects.filter(owner__cases__in=find_cases_about_picture(digest))
    reports = list(affected_reports.exclude(state=StepState.DONE).distinct())
    Report.objects.filter(pk__in=[report.pk for report in reports]).exclude(state=StepState.DONE).update(progress={})
    return reports


def _iterate_affected_files(services: Services, digest: Digest) -> Iterator[AffectedFile]:
    """Yield files of captures, bundles, packages, deposits, reports and notices that contain or show the image."""
    captured_digests: set[Digest] = set()
    for capture in find_visits_with_picture(digest).select_related("case__owner"):
        for file in list_files_with_picture(services, digest, [capture]):
            captured_digests.add(file)
            contains_bytes = (
                next((file_entry["role"] for file_entry in capture.files if file_entry["digest"] == file.hex), "")
                in CARRYING_ROLES
            )
            yield AffectedFile(file, capture.case.owner.slug, f"case {capture.case.number}", kept=not contains_bytes)
    for file, case in list_archived_pictures(digest):
        yield AffectedFile(file, case.owner.slug, f"case {case.number}", kept=False)
    for bundle in Bundle.objects.filter(case__in=find_cases_with_picture(digest)).exclude(seal_digest=None):
        object_name = f"case {bundle.case.number}"
        with _skip_unreadable(bundle.case.owner.slug, object_name):
            sealed_content = load_sealed_case(services, bundle)
            for file in list_files_showing_picture(
                sealed_content, load_sealed_facts(services, sealed_content), digest, captured_digests
            ):
                yield AffectedFile(file, bundle.case.owner.slug, object_name, kept=True)
    yield from _iterate_package_files(digest)
    yield from _iterate_documents(services, digest)


def _iterate_documents(services: Services, digest: Digest) -> Iterator[AffectedFile]:
    """Yield deposit records, reports and signed notices that show the image."""
    for deposit in Deposit.objects.filter(work__work_pictures__picture__digest=digest).distinct():
        object_name = f"work {deposit.work.number}"
        with _skip_unreadable(deposit.work.owner.slug, object_name):
            for file in load_sealed_deposit(services, deposit).manifest.files:
                if file.role == RECORD_ROLE:
                    yield AffectedFile(file.sha256, deposit.work.owner.slug, object_name, kept=True)
    for report in (
        Report.objects.filter(owner__cases__in=find_cases_about_picture(digest)).select_related("owner").distinct()
    ):
        for pdf in (file for file in report.files if file["media_type"] == "application/pdf"):
            yield AffectedFile(Digest.from_hex(pdf["digest"]), report.owner.slug, f"report {report.number}", kept=False)
    for notice in Notice.objects.filter(notice_cases__case__in=find_cases_about_picture(digest)).distinct():
        for stored_file in (file for file in notice.files if file["media_type"] != "text/plain"):
            object_name = f"notice {notice.number}"
            yield AffectedFile(Digest.from_hex(stored_file["digest"]), notice.owner.slug, object_name, kept=True)


@contextmanager
def _skip_unreadable(owner: str, object_name: str) -> Iterator[None]:
    """Skip sealed content that cannot be read. It cannot be downloaded until it is restored from a backup."""
    try:
        yield
    except (IntegrityError, NotFoundError) as error:
        message = "Exhibit cannot tell whether %s, %s, shows a purged picture. Fix this, and purge again. %s"
        logging.getLogger(__name__).warning(message, owner, object_name, error)


def _build_encodings(services: Services, digest: Digest) -> tuple[bytes, ...]:
    """Return the image's bytes as they may be embedded in files (raw and Base64); empty if changed or missing."""
    data = read_unverified(services, digest)
    return (data, b64encode(data)) if data and Digest.from_bytes(data) == digest else ()


def _contains_any(services: Services, file: Digest, encodings: tuple[bytes, ...]) -> bool:
    data = read_unverified(services, file) if encodings else b""
    return any(encoding in data for encoding in encodings)
