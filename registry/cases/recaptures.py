"""Recaptures: repeated visits to a case's places to check if the picture was removed, has changed or is still online.

The interval between visits grows while nothing changes, and is reset after a change. Visits end after
several consecutive visits that found the picture removed, or a larger number that could not load the page.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from exhibit.types import Decision
from registry.cases.models import Capture, Case, CaseSighting
from registry.crawls.models import Sighting
from registry.db.claimable import UNFINISHED, StepState
from registry.db.rows import update_row
from registry.pictures.models import BytesState

MAX_INTERVAL_FACTOR = 8
"""The longest interval between visits, as a multiple of the first."""

MAX_REPEATS = {"removed": 3, "unseen": 5}
"""Number of consecutive visits with the same result after which a place is no longer visited."""

REVISITED_DECISIONS = (Case.Decision.OPEN, Case.Decision.CONFIRMED)
"""Decisions for which places are visited again."""


class PlaceState(StrEnum):
    """State of a place at its last visit. ``NOT_SHOWN``: the file exists, but the page does not show it.

    The state of a case is the first member, in this order, that applies to one of its places. A case is removed only if
    all of its places are removed.
    """

    ONLINE = "online"
    NOT_SHOWN = "hidden"
    CHANGED = "changed"
    UNSEEN = "unseen"
    REMOVED = "removed"


_STATES_BY_OUTCOME = {
    "captured": PlaceState.ONLINE,
    "not-shown": PlaceState.NOT_SHOWN,
    "image-changed": PlaceState.CHANGED,
    "image-gone": PlaceState.REMOVED,
    "page-gone": PlaceState.REMOVED,
}


def get_place_state(outcome: str) -> PlaceState:
    """Return the state of a place after a visit with a given outcome."""
    return _STATES_BY_OUTCOME.get(outcome, PlaceState.UNSEEN)


def compute_next_visit(outcomes: Iterable[str], finished_at: datetime, days: int) -> datetime | None:
    """Compute the time of the next visit to a place; ``None`` if it is no longer visited.

    Args:
        outcomes: Outcomes of the place's visits, the latest first.
        finished_at: End of the last visit.
        days: Days between the first and the second visit; 0 for no further visits.
    """
    states = [get_place_state(outcome) for outcome in outcomes]
    repeats = sum(1 for _ in takewhile(lambda state: state == states[0], states))
    if not days or not repeats or repeats >= MAX_REPEATS.get(states[0], repeats + 1):
        return None
    return finished_at + timedelta(days=days * min(2 ** (repeats - 1), MAX_INTERVAL_FACTOR))


def list_earlier_outcomes(capture: Capture, finished_at: datetime, days: int) -> list[str]:
    """Return the outcomes of earlier visits for a capture's picture and place, the latest first.

    Of visits less than ``days`` days apart, only the last is returned, so that manual visits do not end recaptures
    early.
    """
    place = {"case_id": capture.case_id, "page_key": capture.page_key, "image_key": capture.image_key}
    earlier_captures = Capture.objects.filter(**place, number__lt=capture.number, state=StepState.DONE)
    earlier_captures = earlier_captures.filter(sighting__picture=capture.sighting.picture_id)
    outcomes, counted_at = [], finished_at
    for outcome, ended_at in earlier_captures.order_by("-number").values_list("outcome", "finished_at"):
        if ended_at is None or counted_at - ended_at >= timedelta(days=days):
            outcomes.append(outcome)
            counted_at = ended_at or counted_at
    return outcomes


def start_due_visits(due_at: datetime, days: int, limit: int = 100) -> list[int]:
    """Queue the visits that are due at a time, and return the primary keys of the pending captures.

    Concurrent calls queue only one visit per place.

    Places of dismissed or licensed cases keep their due time and are visited when the case is reopened. A failed visit
    is repeated after ``days`` days, or never if ``days`` is 0.
    """
    with transaction.atomic():
        rows = Capture.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        due_captures = rows.filter(_build_due_condition(due_at, days), case__decision__in=REVISITED_DECISIONS).order_by(
            "next_at", "pk"
        )
        return [request_next_visit(last_capture) for last_capture in due_captures[:limit]]


def request_next_visit(last_capture: Capture, not_before: datetime | None = None) -> int:
    """Request another visit to a place after ``last_capture``, at most one; return its primary key."""
    Capture.objects.filter(pk=last_capture.pk).update(next_at=None)
    place = {"case_id": last_capture.case_id, "page_key": last_capture.page_key, "image_key": last_capture.image_key}
    initial_values = {"sighting_id": last_capture.sighting_id, "not_before": not_before}
    next_capture, _ = Capture.objects.get_or_create(**place, number=last_capture.number + 1, defaults=initial_values)
    return next_capture.pk


def request_visits(case: Case, not_before: datetime) -> None:
    """Request one more visit, not earlier than ``not_before``, to each place whose picture was not found removed.

    A pending visit is sufficient. A visit in progress is not, because it may already have loaded the page.
    """
    rows = Capture.objects.filter(case=case).order_by("page_key", "image_key", "-number")
    for last_capture in rows.distinct("page_key", "image_key"):
        is_removed = (
            last_capture.state == StepState.DONE and get_place_state(last_capture.outcome) is PlaceState.REMOVED
        )
        if last_capture.state != StepState.QUEUED and not is_removed:
            request_next_visit(last_capture, not_before)


def target_newest_pictures(ids: Iterable[int]) -> None:
    """Make captures search for the picture last seen at the place, because a URL's picture may change."""
    rows = list(Capture.objects.filter(pk__in=ids).select_related("sighting"))
    latest_pictures = _find_latest_pictures(
        CaseSighting.objects.filter(sighting__page_key__in={row.page_key for row in rows}), rows
    )
    for row in rows:
        picture = latest_pictures.get((row.case_id, *get_place_key(row)), row.sighting.picture_id)
        if picture != row.sighting.picture_id:
            sightings = Sighting.objects.filter(case_sightings__case=row.case_id, picture=picture)
            sightings = sightings.filter(page_key=row.page_key, image_key=row.image_key)
            ordered_sightings = sightings.order_by(
                F("private_to").desc(nulls_first=True), F("last_seen").desc(nulls_last=True), "-pk"
            )
            update_row(row, sighting=ordered_sightings.first())


def request_visits_to_changed_places(case: Case) -> None:
    """Request another visit to each place whose latest picture is not the one that the last visit searched for."""
    rows = Capture.objects.filter(case=case).select_related("sighting").defer("files", "digests")
    last_captures = rows.order_by("page_key", "image_key", "-number").distinct("page_key", "image_key")
    latest_pictures = _find_latest_pictures(CaseSighting.objects.all(), last_captures)
    for row in last_captures:
        picture = latest_pictures.get((row.case_id, *get_place_key(row)), row.sighting.picture_id)
        if row.state not in UNFINISHED and picture != row.sighting.picture_id:
            request_next_visit(row)


def request_visits_for_reappeared_pictures(pairs: Iterable[tuple[Case, Sighting]]) -> list[int]:
    """Request a visit to each place whose picture was removed at the last visit and was seen by a crawl since.

    Returns the primary keys of the pending captures.
    """
    latest_times: dict[tuple[int, bytes, bytes], datetime] = {}
    for case, sighting in pairs:
        if sighting.last_seen is not None:
            key = (case.pk, *get_place_key(sighting))
            latest_times[key] = max(sighting.last_seen, latest_times.get(key, sighting.last_seen))
    if not latest_times:
        return []
    cases, pages = {case for case, _, _ in latest_times}, {page for _, page, _ in latest_times}
    captures = Capture.objects.filter(case__in=cases, page_key__in=pages, case__decision__in=REVISITED_DECISIONS)
    place = ("case_id", "page_key", "image_key")
    capture_ids = []
    for last_capture in captures.defer("files", "digests").order_by(*place, "-number").distinct(*place):
        seen_at = latest_times.get((last_capture.case_id, *get_place_key(last_capture)))
        if seen_at is None or last_capture.finished_at is None or last_capture.finished_at >= seen_at:
            continue
        if get_place_state(last_capture.outcome) is PlaceState.REMOVED:
            capture_ids.append(request_next_visit(last_capture))
    return capture_ids


def _find_latest_pictures(
    case_sightings: QuerySet[CaseSighting], captures: Iterable[Capture]
) -> dict[tuple[int, bytes, bytes], int]:
    """Return the primary key of the picture last seen at each place, by case and place key.

    Sightings of related pictures, with a licence, or compared by fingerprints only are ignored.
    """
    place = ("case_id", "sighting__page_key", "sighting__image_key")
    rows = case_sightings.filter(case__in={row.case_id for row in captures}, licence=None)
    rows = rows.exclude(match__decision=Decision.RELATED).exclude(match__registered__bytes_state=BytesState.NEVER)
    rows = rows.order_by(*place, F("sighting__last_seen").desc(nulls_last=True), "-sighting").distinct(*place)
    pictures = rows.values_list(*place, "sighting__picture")
    return {(case, bytes(page), bytes(image)): picture for case, page, image, picture in pictures}


def _build_due_condition(due_at: datetime, days: int) -> Q:
    is_due = Q(next_at__lte=due_at)
    if not days:
        return is_due
    place = {name: OuterRef(name) for name in ("case", "page_key", "image_key")}
    has_later_visit = Exists(Capture.objects.filter(**place, number__gt=OuterRef("number")))
    return is_due | Q(~has_later_visit, state=StepState.FAILED, claimed_at__lte=due_at - timedelta(days=days))


def find_last_online_times(captures: Iterable[Capture]) -> dict[tuple[bytes, bytes], datetime]:
    """Return the last time when a visit found the picture, by place. Such visits are also sightings of the picture."""
    times: dict[tuple[bytes, bytes], datetime] = {}
    for row in captures:
        if row.state == StepState.DONE and row.finished_at and get_place_state(row.outcome) is PlaceState.ONLINE:
            times[get_place_key(row)] = max(row.finished_at, times.get(get_place_key(row), row.finished_at))
    return times


def build_last_online_subquery(**places: object) -> Subquery:
    """Build a subquery for the last time when a visit to the given places found the picture."""
    online_outcomes = [outcome for outcome, state in _STATES_BY_OUTCOME.items() if state is PlaceState.ONLINE]
    visits = Capture.objects.filter(**places, state=StepState.DONE, outcome__in=online_outcomes).order_by(
        "-finished_at"
    )
    return Subquery(visits.values("finished_at")[:1])


def find_place_states(captures: Iterable[Capture]) -> dict[tuple[bytes, bytes], tuple[PlaceState, Capture]]:
    """Return the state and last visit of each visited place of a case, from all of its captures."""
    finished_captures = sorted((row for row in captures if row.state == StepState.DONE), key=lambda row: row.number)
    return {get_place_key(row): (get_place_state(row.outcome), row) for row in finished_captures}


def find_last_visits(
    captures: Iterable[tuple[Capture, int]],
) -> dict[tuple[bytes, bytes, int], tuple[PlaceState, Capture]]:
    """Return the state and last visit by place and picture.

    ``captures`` are pairs of a capture and the primary key of the picture that it searched for; the result's keys
    contain that primary key as well.
    """
    finished_visits = [(row, picture) for row, picture in captures if row.state == StepState.DONE]
    finished_visits.sort(key=lambda pair: pair[0].number)
    return {(*get_place_key(row), picture): (get_place_state(row.outcome), row) for row, picture in finished_visits}


@dataclass(frozen=True, slots=True)
class VisitSummary:
    """Number of a case's visited places by state, and the end of the last visit."""

    places: Mapping[PlaceState, int]
    at: datetime


def summarize_visits(cases: Iterable[Case]) -> dict[int, VisitSummary]:
    """Return a summary of each case's visited places, by the case's primary key."""
    places: dict[int, Counter[PlaceState]] = defaultdict(Counter)
    last_ends: dict[int, datetime] = {}
    rows = Capture.objects.filter(case__in=cases, state=StepState.DONE, finished_at__isnull=False)
    rows = rows.order_by("case", "page_key", "image_key", "-number").distinct("case", "page_key", "image_key")
    for case, outcome, finished_at in rows.values_list("case", "outcome", "finished_at"):
        assert finished_at is not None
        places[case][get_place_state(outcome)] += 1
        last_ends[case] = max(finished_at, last_ends.get(case, finished_at))
    return {case: VisitSummary(counts, last_ends[case]) for case, counts in places.items()}


def update_place_state(case: Case) -> None:
    """Update the overall state of a case's places, in a transaction that has locked the case."""
    summary = summarize_visits([case]).get(case.pk)
    update_row(case, standing="" if summary is None else next(state for state in PlaceState if summary.places[state]))


def get_place_key(row: Capture | Sighting) -> tuple[bytes, bytes]:
    """Return the key of a place: the keys of its page and image."""
    return bytes(row.page_key), bytes(row.image_key)
