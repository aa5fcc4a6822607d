"""Decisions signed with a passkey: the signed statement, and the signature of a decision."""

from datetime import datetime
from typing import Any

from registry.cases.models import Case
from registry.keys.models import PasskeyQuestion
from registry.keys.passkeys import Act

MAX_PICTURES = 200  # maximum number in the statement about a case


def subject_of(case: Case, bundle: int) -> dict[str, Any]:
    """Return the statement to sign when confirming a case: the case, its next bundle's number, and the found pictures.

    If there are more than :data:`MAX_PICTURES` pictures, only the first by digest are included.
    """
    rows = case.case_sightings.values_list("sighting__picture__digest", flat=True).order_by().distinct()
    unlicensed = rows.filter(licence=None)
    pictures = sorted(digest.hex for digest in unlicensed or rows if digest is not None)[:MAX_PICTURES]
    numbers = {"bundle": bundle, "case": str(case.number), "work": str(case.work.number)}
    return {**numbers, "party": case.party, "pictures": pictures}


def signature_of(case: Case, moment: datetime | None) -> PasskeyQuestion | None:
    """Return the passkey answer that confirmed a case at this time, or ``None``."""
    if moment is None:
        return None
    rows = PasskeyQuestion.objects.filter(owner=case.owner, entry__time=moment, statement__act=Act.CONFIRM)
    return rows.filter(statement__subject__case=str(case.number)).select_related("entry", "key_entry").first()
