"""Storage of matches, and the signal sent after they are stored."""

from collections.abc import Iterable
from functools import cache

from django.dispatch import Signal

from exhibit.comparison.calibration import add_probability
from exhibit.types import Verification
from registry.db.bulk import copy_into
from registry.matches import calibrations
from registry.matches.models import Match
from registry.pictures.models import Picture

matches_stored = Signal()
"""Signal: matches were stored, in the transaction that has locked the found pictures.

Sent with ``services`` and with the primary keys of pictures: those that were ``found``, those ``registered``, or both.
"""


def list_compared_pictures(registered: int, pipeline: str) -> set[int]:
    """Return the found pictures that were compared with a registered picture in this pipeline."""
    return set(Match.objects.filter(registered=registered, pipeline=pipeline).values_list("found", flat=True))


def list_matching_pictures(registered: int) -> set[int]:
    """Return the found pictures that may show a registered picture. Only these can open cases for it."""
    return set(Match.objects.filter(registered=registered).exclude(decision="none").values_list("found", flat=True))


def store_matches(rows: Iterable[tuple[int, int, Verification]]) -> None:
    """Store (registered picture, found picture, verification) rows with probabilities of the active calibration.

    A stored pair is replaced only if its decision is ``none`` or ``related`` and the new decision is stronger. Call
    this in a transaction.
    """
    get_active = cache(calibrations.get_active_calibration)
    matches = [
        Match.from_verification(work, picture, add_probability(verification, get_active(verification.pipeline)))
        for work, picture, verification in rows
    ]
    overwrite_condition = "registry_match.decision IN ('none', 'related')"
    overwrite_condition += " AND EXCLUDED.decision NOT IN ('none', registry_match.decision)"
    copy_into(matches, conflict=("registered_id", "found_id", "pipeline"), overwrite=overwrite_condition)


def lock_pictures(pictures: Iterable[int]) -> None:
    """Lock pictures for the transaction, in a fixed order, so that no concurrent sighting is missed."""
    rows = Picture.objects.select_for_update(no_key=True).filter(pk__in=list(pictures)).order_by("digest")
    list(rows.values_list("pk"))
