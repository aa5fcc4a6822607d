"""Availability of a case's files: which ones are stored and may be shown, and why others are not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from evidence.facts.case import Absence
from exhibit.digests import Digest
from registry.accounts.models import Owner
from registry.cases.models import Capture
from registry.cases.picture_usage import captured_files, visits_with
from registry.pictures.models import BlockedDigest, BytesState, Picture, PictureReport, WithheldFile
from registry.services.services import Services

_BY_STATE = {
    BytesState.PURGED: Absence.PURGED,
    BytesState.EXPIRED: Absence.EXPIRED,
    BytesState.NEVER: Absence.NEVER,
}


@dataclass(frozen=True, slots=True)
class AbsenceReason:
    """The reason why a file is unavailable, and since when, if known."""

    why: Absence
    since: datetime | None = None


def find_absent(
    services: Services, owner: Owner, digests: Iterable[Digest], visits: Iterable[Capture] = ()
) -> dict[Digest, AbsenceReason]:
    """Return the files that may not be shown to members of the owner, each with the reason; all others are available.

    A picture that a member reported as illegal counts as absent even before the operator has removed it.

    Args:
        services: The services.
        owner: The owner.
        digests: The files to check.
        visits: Captures that some of the files belong to; their contents determine what the files show. Their files are
            checked as well.
    """
    rows = list(visits)
    checked = {*digests, *(Digest.from_hex(file["digest"]) for row in rows for file in row.files)}
    reports = PictureReport.objects.filter(owner=owner).values_list("picture__digest", "reported_at")
    reported = {digest: at for digest, at in reports if digest is not None}
    absences = _find_reported(services, reported, checked, rows)
    unexplained = checked - absences.keys()
    for row in WithheldFile.objects.filter(digest__in=unexplained):
        absences[row.digest] = _removal_reason(row.because, row.created_at, reported)
    for digest, because in _list_not_stored(rows):
        why = _absence_reason(because, reported)
        if why.why is not Absence.NEVER or digest not in services.blobs:
            absences.setdefault(digest, why)
    missing = {digest for digest in checked - absences.keys() if digest not in services.blobs}
    blocked = BlockedDigest.objects.filter(digest__in=missing).values_list("digest", "created_at")
    absences |= {digest: _removal_reason(digest, at, reported) for digest, at in blocked}
    states = Picture.objects.filter(digest__in=missing - absences.keys()).values_list("digest", "bytes_state")
    absences |= {digest: AbsenceReason(_BY_STATE[BytesState(state)]) for digest, state in states if state in _BY_STATE}
    return absences | {digest: AbsenceReason(Absence.LOST) for digest in missing - absences.keys()}


def _find_reported(
    services: Services, reported: Mapping[Digest, datetime], digests: set[Digest], visits: Iterable[Capture]
) -> dict[Digest, AbsenceReason]:
    """Return the files among ``digests`` that contain or show a picture reported by a member."""
    keys = [visit.pk for visit in visits]
    absences: dict[Digest, AbsenceReason] = {}
    for digest, at in sorted(reported.items(), key=lambda item: item[1]):
        matching_visits = visits_with(digest).filter(pk__in=keys).distinct() if keys else ()
        for file in {digest, *captured_files(services, digest, matching_visits)} & digests:
            absences.setdefault(file, AbsenceReason(Absence.REPORTED, at))
    return absences


def _list_not_stored(visits: Iterable[Capture]) -> Iterable[tuple[Digest, Digest]]:
    """Yield files of visits that were not stored, each with the picture that was the reason."""
    for visit in visits:
        for file in visit.files:
            if because := file.get("because"):
                yield Digest.from_hex(file["digest"]), Digest.from_hex(because)


def _absence_reason(because: Digest, reported: Mapping[Digest, datetime]) -> AbsenceReason:
    """Return why a file was not stored; ``NEVER`` if the picture is neither blocked nor reported any more."""
    row = BlockedDigest.objects.filter(digest=because).first()
    if row is None and because not in reported:
        return AbsenceReason(Absence.NEVER)
    return _removal_reason(because, None if row is None else row.created_at, reported)


def _removal_reason(because: Digest, at: datetime | None, reported: Mapping[Digest, datetime]) -> AbsenceReason:
    """Return why a file was removed with a picture: by a report of this owner's member, or else by the operator."""
    if because in reported:
        return AbsenceReason(Absence.REPORTED, reported[because])
    return AbsenceReason(Absence.PURGED, at)
