"""Illegal content that a member reports: it is shown to that owner no more, and removed for good."""

from django.db import transaction

from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry import matching, trail
from registry.models import BytesState, Case, CaseSighting, Picture, PictureReport, WorkPicture
from workers.steps.purge import purge
from workers.wiring import House

MOST = 5
"""Reports that an operator is told of at once."""


def report_picture(house: House, case: Case, *, by: str, reason: str) -> None:
    """Report the found picture that a case shows as illegal.

    From then on no member of the owner sees it. It is purged at once when it has to do with this owner's cases alone.
    Else the operator decides, because evidence of others would go with it; the reporting owner isn't told which it is.

    Raises:
        WrongUseError: no reason is given, or the case shows no picture.
    """
    if not reason:
        raise WrongUseError("There are no words.", hint="Say what the picture shows, without describing it in detail.")
    if case.shown is None:
        raise WrongUseError(f"Case {case.number} shows no picture.")
    picture = case.shown.match.found
    made = {"case": case, "reported_by": by, "reason": reason, "reported_at": now()}
    with transaction.atomic():
        _row, new = PictureReport.objects.get_or_create(owner=case.owner, picture=picture, defaults=made)
        if new:
            matching.record(case, "reported", by, f"The found picture was reported as illegal. {reason}")
            trail.noted(case, "reported", by=by)
    if not _concerns_others(case, picture):
        purge(house, picture.digest, by=by, reason=reason)


def waiting_reports() -> list[str]:
    """Digests of pictures that were reported and are still here, the oldest first."""
    rows = PictureReport.objects.exclude(picture__bytes_state=BytesState.PURGED).order_by("reported_at", "pk")
    digests = rows.values_list("picture__digest", flat=True)[:MOST]
    return list(dict.fromkeys(one.hex for one in digests if one is not None))


def _concerns_others(case: Case, picture: Picture) -> bool:
    others = CaseSighting.objects.filter(match__found=picture).exclude(case__owner=case.owner_id)
    return others.exists() or WorkPicture.objects.filter(picture=picture).exists()
