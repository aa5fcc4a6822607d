"""Availability of a case's files: whether they are stored and may be shown, and the reason if not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from evidence.facts.case import AbsenceCode
from exhibit.digests import Digest
from registry.accounts.models import Owner
from registry.cases.models import Capture
from registry.cases.picture_usage import find_visits_with_picture, list_files_with_picture
from registry.pictures.models import BlockedDigest, BytesState, Picture, PictureReport, WithheldFile
from registry.services.services import Services

_ABSENCES_BY_STATE = {
    BytesState.PURGED: AbsenceCode.PURGED,
    BytesState.EXPIRED: AbsenceCode.EXPIRED,
    BytesState.NEVER: AbsenceCode.NEVER,
}


@dataclass(frozen=True, slots=True)
class AbsenceRecord:
    """The reason why a file is unavailable, and since when, if known."""

    reason: AbsenceCode
    since: datetime | None = None


def find_absences(
    services: Services, owner: Owner, digests: Iterable[Digest], visits: Iterable[Capture] = ()
) -> dict[Digest, AbsenceRecord]:
    """Return the files that are missing or may not be shown to members of an owner, with the reasons.

    A picture that a member reported as illegal is absent even before the operator removes it.

    Args:
        services: The services.
        owner: The owner.
        digests: The files to check.
        visits: Captures. All of their files are checked in addition to ``digests``. They also show which files contain
            a reported picture.
    """
    rows = list(visits)
    checked_digests = {*digests, *(Digest.from_hex(file["digest"]) for row in rows for file in row.files)}
    reports = PictureReport.objects.filter(owner=owner).values_list("picture__digest", "reported_at")
    report_times = {digest: reported_at for digest, reported_at in reports if digest is not None}
    absences = _find_reported_files(services, report_times, checked_digests, rows)
    remaining_digests = checked_digests - absences.keys()
    for row in WithheldFile.objects.filter(digest__in=remaining_digests):
        absences[row.digest] = _build_removal_record(row.because, row.created_at, report_times)
    for digest, cause in _list_unstored_files(rows):
        record = _find_absence_record(cause, report_times)
        if record.reason is not AbsenceCode.NEVER or digest not in services.blobs:
            absences.setdefault(digest, record)
    missing_digests = {digest for digest in checked_digests - absences.keys() if digest not in services.blobs}
    blocked_digests = BlockedDigest.objects.filter(digest__in=missing_digests).values_list("digest", "created_at")
    absences |= {
        digest: _build_removal_record(digest, blocked_at, report_times) for digest, blocked_at in blocked_digests
    }
    states = Picture.objects.filter(digest__in=missing_digests - absences.keys()).values_list("digest", "bytes_state")
    absences |= {
        digest: AbsenceRecord(_ABSENCES_BY_STATE[BytesState(state)])
        for digest, state in states
        if state in _ABSENCES_BY_STATE
    }
    return absences | {digest: AbsenceRecord(AbsenceCode.LOST) for digest in missing_digests - absences.keys()}


def _find_reported_files(
    services: Services, report_times: Mapping[Digest, datetime], digests: set[Digest], visits: Iterable[Capture]
) -> dict[Digest, AbsenceRecord]:
    """Return the files among ``digests`` that contain or show a picture reported by a member."""
    keys = [visit.pk for visit in visits]
    absences: dict[Digest, AbsenceRecord] = {}
    for digest, reported_at in sorted(report_times.items(), key=lambda item: item[1]):
        matching_visits = find_visits_with_picture(digest).filter(pk__in=keys).distinct() if keys else ()
        for file in {digest, *list_files_with_picture(services, digest, matching_visits)} & digests:
            absences.setdefault(file, AbsenceRecord(AbsenceCode.REPORTED, reported_at))
    return absences


def _list_unstored_files(visits: Iterable[Capture]) -> Iterable[tuple[Digest, Digest]]:
    """Yield the files of visits that were not stored, each with the picture that caused this."""
    for visit in visits:
        for file in visit.files:
            if cause := file.get("because"):
                yield Digest.from_hex(file["digest"]), Digest.from_hex(cause)


def _find_absence_record(cause: Digest, report_times: Mapping[Digest, datetime]) -> AbsenceRecord:
    """Return the reason why a file was not stored; ``NEVER`` if its picture is no longer blocked or reported."""
    row = BlockedDigest.objects.filter(digest=cause).first()
    if row is None and cause not in report_times:
        return AbsenceRecord(AbsenceCode.NEVER)
    return _build_removal_record(cause, None if row is None else row.created_at, report_times)


def _build_removal_record(
    cause: Digest, removed_at: datetime | None, report_times: Mapping[Digest, datetime]
) -> AbsenceRecord:
    """Return the reason why a file was removed with a picture: a report by a member of this owner, or the operator."""
    if cause in report_times:
        return AbsenceRecord(AbsenceCode.REPORTED, report_times[cause])
    return AbsenceRecord(AbsenceCode.PURGED, removed_at)
