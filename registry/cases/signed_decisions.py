"""Decisions of cases that are signed with a passkey: what is signed, and which signature a decision has."""

from datetime import datetime
from typing import Any

from registry.cases.models import Case
from registry.keys.models import PasskeyQuestion
from registry.keys.passkeys import Act

MAX_PICTURES = 200  # that a statement about a case names


def subject_of(case: Case, bundle: int) -> dict[str, Any]:
    """What is signed of a case that is to be confirmed: it, the number of its next bundle, and the pictures seen.

    Of more than :data:`MAX_PICTURES` pictures only the first by digest are signed.
    """
    rows = case.case_sightings.values_list("sighting__picture__digest", flat=True).order_by().distinct()
    unlicensed = rows.filter(licence=None)
    pictures = sorted(digest.hex for digest in unlicensed or rows if digest is not None)[:MAX_PICTURES]
    numbers = {"bundle": bundle, "case": str(case.number), "work": str(case.work.number)}
    return {**numbers, "party": case.party, "pictures": pictures}


def signature_of(case: Case, moment: datetime | None) -> PasskeyQuestion | None:
    """The answer by which a case was confirmed at a moment, or ``None``."""
    if moment is None:
        return None
    rows = PasskeyQuestion.objects.filter(owner=case.owner, entry__time=moment, statement__act=Act.CONFIRM)
    return rows.filter(statement__subject__case=str(case.number)).select_related("entry", "key_entry").first()
