"""Decisions signed with a passkey: the signed statement, and the signature of a decision."""

from datetime import datetime
from typing import Any

from registry.cases.models import Case
from registry.keys.models import PasskeyQuestion
from registry.keys.passkeys import PasskeyAction

MAX_PICTURES = 200  # maximum number in the statement about a case


def build_statement(case: Case, bundle: int) -> dict[str, Any]:
    """Build the statement to sign when confirming a case: the case, its next bundle's number, and the found pictures.

    At most :data:`MAX_PICTURES` pictures are included, the first by digest.
    """
    rows = case.case_sightings.values_list("sighting__picture__digest", flat=True).order_by().distinct()
    unlicensed = rows.filter(licence=None)
    pictures = sorted(digest.hex for digest in unlicensed or rows if digest is not None)[:MAX_PICTURES]
    numbers = {"bundle": bundle, "case": str(case.number), "work": str(case.work.number)}
    return {**numbers, "party": case.party, "pictures": pictures}


def find_signature(case: Case, signed_at: datetime | None) -> PasskeyQuestion | None:
    """Return the passkey signature that confirmed a case at a given time, or ``None``."""
    if signed_at is None:
        return None
    rows = PasskeyQuestion.objects.filter(owner=case.owner, entry__time=signed_at, statement__act=PasskeyAction.CONFIRM)
    return rows.filter(statement__subject__case=str(case.number)).select_related("entry", "key_entry").first()
