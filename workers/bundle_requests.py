"""Asking for a case's next bundle."""

from django.db.models import Max

from registry import matching
from registry.models import (
    Bundle,
    Case,
)


def request_bundle(case: Case) -> Bundle:
    """Ask for a case's next bundle and the captures it lacks, in the transaction that confirms the case."""
    number = (case.bundles.aggregate(last=Max("number"))["last"] or 0) + 1
    for row in case.case_sightings.filter(licence=None).select_related("sighting"):
        matching.first_capture(case, row.sighting)
    return Bundle.objects.create(case=case, number=number)
