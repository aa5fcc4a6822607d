"""Recaptures: repeated visits to a case's places to see if the picture was removed, has changed or is still online.

The interval between visits grows while nothing changes, and is reset after a change. A place is no longer visited after
several visits that found the picture removed, or many that could not see the place.
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
from registry.db.rows import write
from registry.pictures.models import BytesState

MAX_PAUSE = 8
"""The longest interval between visits, as a multiple of the first."""

MAX_REPEATS = {"removed": 3, "unseen": 5}
"""Number of consecutive visits with the same result after which a place is no longer visited."""

FOLLOWED_DECISIONS = (Case.Decision.OPEN, Case.Decision.CONFIRMED)
"""Decisions for which places are visited again."""


class Standing(StrEnum):
    """The state of a place at its last visit. ``HIDDEN``: the file exists, but the page does not show it.

    The state of a case is the first one here that any of its places has: a case counts as removed only if all places
    do.
    """

    ONLINE = "online"
    NOT_SHOWN = "hidden"
    CHANGED = "changed"
    UNSEEN = "unseen"
    REMOVED = "removed"


_STANDINGS = {
    "captured": Standing.ONLINE,
    "not-shown": Standing.NOT_SHOWN,
    "image-changed": Standing.CHANGED,
    "image-gone": Standing.REMOVED,
    "page-gone": Standing.REMOVED,
}


def standing_of(outcome: str) -> Standing:
    """Return the state of a place after a visit with this outcome."""
    return _STANDINGS.get(outcome, Standing.UNSEEN)


def next_visit(outcomes: Iterable[str], finished: datetime, days: int) -> datetime | None:
    """Return the time of the next visit to a place, or ``None`` if there is none.

    Args:
        outcomes: Outcomes of the place's visits, the latest first.
        finished: End of the last visit.
        days: Interval before the second visit; 0 for no further visits.
    """
    standings = [standing_of(outcome) for outcome in outcomes]
    repeats = sum(1 for _ in takewhile(lambda standing: standing == standings[0], standings))
    if not days or not repeats or repeats >= MAX_REPEATS.get(standings[0], repeats + 1):
        return None
    return finished + timedelta(days=days * min(2 ** (repeats - 1), MAX_PAUSE))


def earlier_outcomes(capture: Capture, finished: datetime, days: int) -> list[str]:
    """Return the outcomes of earlier visits for a capture's picture at its place, the latest first.

    Of visits less than ``days`` apart only the last counts, so that manual visits do not end the recaptures sooner.
    """
    place = {"case_id": capture.case_id, "page_key": capture.page_key, "image_key": capture.image_key}
    earlier = Capture.objects.filter(**place, number__lt=capture.number, state=StepState.DONE)
    earlier = earlier.filter(sighting__picture=capture.sighting.picture_id)
    outcomes, since = [], finished
    for outcome, ended_at in earlier.order_by("-number").values_list("outcome", "finished_at"):
        if ended_at is None or since - ended_at >= timedelta(days=days):
            outcomes.append(outcome)
            since = ended_at or since
    return outcomes


def start_due_visits(moment: datetime, days: int, limit: int = 100) -> list[int]:
    """Queue the visits that are due, once per place even if called concurrently, and return the waiting captures.

    Places of cases that are not followed keep their due time and are visited when the case is reopened. A failed visit
    is repeated after ``days`` days, or never if that is 0.
    """
    with transaction.atomic():
        rows = Capture.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        due = rows.filter(_due_condition(moment, days), case__decision__in=FOLLOWED_DECISIONS).order_by("next_at", "pk")
        return [request_next_visit(last) for last in due[:limit]]


def request_next_visit(last: Capture, not_before: datetime | None = None) -> int:
    """Request the visit after the last one to a place, once however often it is called; return its primary key."""
    Capture.objects.filter(pk=last.pk).update(next_at=None)
    place = {"case_id": last.case_id, "page_key": last.page_key, "image_key": last.image_key}
    initial_values = {"sighting_id": last.sighting_id, "not_before": not_before}
    next_capture, _ = Capture.objects.get_or_create(**place, number=last.number + 1, defaults=initial_values)
    return next_capture.pk


def request_visits(case: Case, moment: datetime) -> None:
    """Request one more visit, not before ``moment``, to each place that was not found removed.

    A visit that already waits counts; one in progress does not, because it may have loaded the page earlier.
    """
    rows = Capture.objects.filter(case=case).order_by("page_key", "image_key", "-number")
    for last in rows.distinct("page_key", "image_key"):
        removed = last.state == StepState.DONE and standing_of(last.outcome) is Standing.REMOVED
        if last.state != StepState.TODO and not removed:
            request_next_visit(last, moment)


def target_newest_pictures(ids: Iterable[int]) -> None:
    """Make captures look for the picture that their case last saw at the place; a URL's picture may change."""
    rows = list(Capture.objects.filter(pk__in=ids).select_related("sighting"))
    latest_pictures = _find_latest_pictures(
        CaseSighting.objects.filter(sighting__page_key__in={row.page_key for row in rows}), rows
    )
    for row in rows:
        picture = latest_pictures.get((row.case_id, *place_of(row)), row.sighting.picture_id)
        if picture != row.sighting.picture_id:
            sightings = Sighting.objects.filter(case_sightings__case=row.case_id, picture=picture)
            sightings = sightings.filter(page_key=row.page_key, image_key=row.image_key)
            ordered = sightings.order_by(
                F("private_to").desc(nulls_first=True), F("last_seen").desc(nulls_last=True), "-pk"
            )
            write(row, sighting=ordered.first())


def visit_changed_places(case: Case) -> None:
    """Request another visit to each place where a newer picture was seen than the one the last visit looked for."""
    rows = Capture.objects.filter(case=case).select_related("sighting").defer("files", "digests")
    last = rows.order_by("page_key", "image_key", "-number").distinct("page_key", "image_key")
    latest_pictures = _find_latest_pictures(CaseSighting.objects.all(), last)
    for row in last:
        picture = latest_pictures.get((row.case_id, *place_of(row)), row.sighting.picture_id)
        if row.state not in UNFINISHED and picture != row.sighting.picture_id:
            request_next_visit(row)


def visit_reappeared(pairs: Iterable[tuple[Case, Sighting]]) -> list[int]:
    """Request a visit to each place where the picture was removed at the last visit and a crawl has seen one since.

    Returns the waiting captures.
    """
    latest: dict[tuple[int, bytes, bytes], datetime] = {}
    for case, sighting in pairs:
        if sighting.last_seen is not None:
            at = (case.pk, *place_of(sighting))
            latest[at] = max(sighting.last_seen, latest.get(at, sighting.last_seen))
    if not latest:
        return []
    cases, pages = {case for case, _, _ in latest}, {page for _, page, _ in latest}
    done = Capture.objects.filter(case__in=cases, page_key__in=pages, case__decision__in=FOLLOWED_DECISIONS)
    place = ("case_id", "page_key", "image_key")
    requested = []
    for last in done.defer("files", "digests").order_by(*place, "-number").distinct(*place):
        seen_at = latest.get((last.case_id, *place_of(last)))
        if seen_at is None or last.finished_at is None or last.finished_at >= seen_at:
            continue
        if standing_of(last.outcome) is Standing.REMOVED:
            requested.append(request_next_visit(last))
    return requested


def _find_latest_pictures(among: QuerySet[CaseSighting], at: Iterable[Capture]) -> dict[tuple[int, bytes, bytes], int]:
    """Return the picture that each case saw last at each place, by primary keys and place keys.

    Sightings that only resemble the work, have a licence, or were compared by fingerprints alone are ignored.
    """
    place = ("case_id", "sighting__page_key", "sighting__image_key")
    rows = among.filter(case__in={row.case_id for row in at}, licence=None)
    rows = rows.exclude(match__decision=Decision.RESEMBLES).exclude(match__registered__bytes_state=BytesState.NEVER)
    rows = rows.order_by(*place, F("sighting__last_seen").desc(nulls_last=True), "-sighting").distinct(*place)
    pictures = rows.values_list(*place, "sighting__picture")
    return {(case, bytes(page), bytes(image)): picture for case, page, image, picture in pictures}


def _due_condition(moment: datetime, days: int) -> Q:
    has_come = Q(next_at__lte=moment)
    if not days:
        return has_come
    place = {name: OuterRef(name) for name in ("case", "page_key", "image_key")}
    has_later_visit = Exists(Capture.objects.filter(**place, number__gt=OuterRef("number")))
    return has_come | Q(~has_later_visit, state=StepState.FAILED, claimed_at__lte=moment - timedelta(days=days))


def last_online_times(captures: Iterable[Capture]) -> dict[tuple[bytes, bytes], datetime]:
    """Return when a visit last found the picture at each place of a case; such a visit counts as a sighting, too."""
    times: dict[tuple[bytes, bytes], datetime] = {}
    for row in captures:
        if row.state == StepState.DONE and row.finished_at and standing_of(row.outcome) is Standing.ONLINE:
            times[place_of(row)] = max(row.finished_at, times.get(place_of(row), row.finished_at))
    return times


def last_online(**places: object) -> Subquery:
    """Return a subquery for the time when a visit to these places last found the picture."""
    online = [outcome for outcome, standing in _STANDINGS.items() if standing is Standing.ONLINE]
    visits = Capture.objects.filter(**places, state=StepState.DONE, outcome__in=online).order_by("-finished_at")
    return Subquery(visits.values("finished_at")[:1])


def standings(captures: Iterable[Capture]) -> dict[tuple[bytes, bytes], tuple[Standing, Capture]]:
    """Return the state and last visit of each visited place of a case, from all of its captures."""
    done = sorted((row for row in captures if row.state == StepState.DONE), key=lambda row: row.number)
    return {place_of(row): (standing_of(row.outcome), row) for row in done}


def visits_for(captures: Iterable[tuple[Capture, int]]) -> dict[tuple[bytes, bytes, int], tuple[Standing, Capture]]:
    """Return the state and last visit by place and picture, from captures paired with the picture each looked for.

    Pictures are given by primary key, in the argument and in the result's keys.
    """
    done = [(row, picture) for row, picture in captures if row.state == StepState.DONE]
    done.sort(key=lambda pair: pair[0].number)
    return {(*place_of(row), picture): (standing_of(row.outcome), row) for row, picture in done}


@dataclass(frozen=True, slots=True)
class VisitSummary:
    """The states of a case's visited places (number of places by state), and the end of the last visit."""

    places: Mapping[Standing, int]
    at: datetime


def summarize_visits(cases: Iterable[Case]) -> dict[int, VisitSummary]:
    """Return the states of each case's visited places, by the case's primary key."""
    places: dict[int, Counter[Standing]] = defaultdict(Counter)
    last_ends: dict[int, datetime] = {}
    rows = Capture.objects.filter(case__in=cases, state=StepState.DONE, finished_at__isnull=False)
    rows = rows.order_by("case", "page_key", "image_key", "-number").distinct("case", "page_key", "image_key")
    for case, outcome, finished in rows.values_list("case", "outcome", "finished_at"):
        assert finished is not None
        places[case][standing_of(outcome)] += 1
        last_ends[case] = max(finished, last_ends.get(case, finished))
    return {case: VisitSummary(counts, last_ends[case]) for case, counts in places.items()}


def update_standing(case: Case) -> None:
    """Update the overall state of a case's places, in a transaction that has locked the case."""
    summary = summarize_visits([case]).get(case.pk)
    write(case, standing="" if summary is None else next(standing for standing in Standing if summary.places[standing]))


def place_of(row: Capture | Sighting) -> tuple[bytes, bytes]:
    """Return the key of a place: the keys of its page and image."""
    return bytes(row.page_key), bytes(row.image_key)
