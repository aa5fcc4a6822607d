"""Visiting the places of a case again: is the picture removed, changed, still online?

The pauses between visits grow while nothing changes, and are short again when something has. A place from which the
picture has been gone for some visits, or which can't be seen for many, isn't visited any more.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from registry.models import Capture, Case, Sighting, StepState

LONGEST = 8
"""How many times the first pause the longest is."""

ENOUGH = {"removed": 3, "unseen": 5}
"""After so many visits with the same result a place is left alone."""

FOLLOWED = (Case.Decision.OPEN, Case.Decision.CONFIRMED)
"""Decisions whose places are visited again."""


class Standing(StrEnum):
    """How a place stands, as the last visit found it; hidden: the file is still there, the page doesn't show it."""

    ONLINE = "online"
    HIDDEN = "hidden"
    CHANGED = "changed"
    REMOVED = "removed"
    UNSEEN = "unseen"


_STANDINGS = {
    "captured": Standing.ONLINE,
    "not-shown": Standing.HIDDEN,
    "image-changed": Standing.CHANGED,
    "image-gone": Standing.REMOVED,
    "page-gone": Standing.REMOVED,
}


def standing_of(outcome: str) -> Standing:
    """What the outcome of a visit says of the place."""
    return _STANDINGS.get(outcome, Standing.UNSEEN)


def next_visit(outcomes: Iterable[str], finished: datetime, days: int) -> datetime | None:
    """When a place is to be visited again.

    Args:
        outcomes: of its visits, the last one first.
        finished: when the last one ended.
        days: the first pause; 0 for no further visits.

    Returns:
        The moment, or ``None`` when the place isn't visited any more.
    """
    standings = [standing_of(one) for one in outcomes]
    alike = sum(1 for _ in takewhile(lambda one: one == standings[0], standings))
    if not days or not alike or alike >= ENOUGH.get(standings[0], alike + 1):
        return None
    return finished + timedelta(days=days * min(2 ** (alike - 1), LONGEST))


def outcomes_before(capture: Capture) -> list[str]:
    """The outcomes of the earlier visits to a capture's place, the last one first."""
    earlier = Capture.objects.filter(
        case_id=capture.case_id, page_key=capture.page_key, image_key=capture.image_key, number__lt=capture.number
    )
    return list(earlier.filter(state=StepState.DONE).order_by("-number").values_list("outcome", flat=True))


def start_due(moment: datetime, days: int, most: int = 100) -> list[int]:
    """Ask for the visits whose time has come; a place is asked for once, whoever calls.

    Places of cases that aren't followed keep their time, and are visited when the case is opened again. A visit that
    failed is made again after the first pause.

    Args:
        moment: now.
        days: the first pause; 0 for none after a failure.
        most: so many at once.

    Returns:
        Captures that wait now.
    """
    made = []
    with transaction.atomic():
        rows = Capture.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        due = rows.filter(_due(moment, days), case__decision__in=FOLLOWED).order_by("next_at", "pk")
        for last in due.select_related("case")[:most]:
            Capture.objects.filter(pk=last.pk).update(next_at=None)
            again, _ = Capture.objects.get_or_create(
                case=last.case,
                page_key=last.page_key,
                image_key=last.image_key,
                number=last.number + 1,
                defaults={"sighting_id": last.sighting_id},
            )
            made.append(again.pk)
    return made


def _due(moment: datetime, days: int) -> Q:
    come = Q(next_at__lte=moment)
    if not days:
        return come
    place = {name: OuterRef(name) for name in ("case", "page_key", "image_key")}
    followed = Exists(Capture.objects.filter(**place, number__gt=OuterRef("number")))
    return come | Q(~followed, state=StepState.FAILED, claimed_at__lte=moment - timedelta(days=days))


def standings(case: Case) -> dict[tuple[bytes, bytes], tuple[Standing, Capture]]:
    """How each place of a case stands that has been visited, with the last visit to it."""
    rows = case.captures.filter(state=StepState.DONE).order_by("number")
    return {place_of(row): (standing_of(row.outcome), row) for row in rows}


def place_of(row: Capture | Sighting) -> tuple[bytes, bytes]:
    """What tells places apart: the keys of page and image."""
    return bytes(row.page_key), bytes(row.image_key)
