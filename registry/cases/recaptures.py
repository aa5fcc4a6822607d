"""Visiting the places of a case again: is the picture removed, changed, still online?

The pauses between visits grow while nothing changes, and are short again when something has. A place from which the
picture has been gone for some visits, or which can't be seen for many, isn't visited any more.
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
"""How many times the first pause the longest is."""

ENOUGH = {"removed": 3, "unseen": 5}
"""After so many visits with the same result a place is left alone."""

FOLLOWED = (Case.Decision.OPEN, Case.Decision.CONFIRMED)
"""Decisions whose places are visited again."""


class Standing(StrEnum):
    """How a place stands, as the last visit found it; hidden: the file is still there, the page doesn't show it.

    Several places stand as that of them does which is named first here: a case is removed when all of its places are.
    """

    ONLINE = "online"
    HIDDEN = "hidden"
    CHANGED = "changed"
    UNSEEN = "unseen"
    REMOVED = "removed"


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
    """When a place is to be visited again, by the outcomes of its visits, the last one first; ``None`` for never.

    ``days`` is the first pause; 0 for no further visits.
    """
    standings = [standing_of(outcome) for outcome in outcomes]
    alike = sum(1 for _ in takewhile(lambda standing: standing == standings[0], standings))
    if not days or not alike or alike >= ENOUGH.get(standings[0], alike + 1):
        return None
    return finished + timedelta(days=days * min(2 ** (alike - 1), MAX_PAUSE))


def outcomes_before(capture: Capture, finished: datetime, days: int) -> list[str]:
    """The outcomes of the earlier visits that looked for a capture's picture at its place, the last one first.

    Of those less than so many days apart the last counts: however often somebody asks for a look, a place isn't given
    up sooner.
    """
    place = {"case_id": capture.case_id, "page_key": capture.page_key, "image_key": capture.image_key}
    earlier = Capture.objects.filter(**place, number__lt=capture.number, state=StepState.DONE)
    earlier = earlier.filter(sighting__picture=capture.sighting.picture_id)
    counted, since = [], finished
    for outcome, ended in earlier.order_by("-number").values_list("outcome", "finished_at"):
        if ended is None or since - ended >= timedelta(days=days):
            counted.append(outcome)
            since = ended or since
    return counted


def start_due(moment: datetime, days: int, most: int = 100) -> list[int]:
    """Ask for the visits whose time has come; a place is asked for once, whoever calls. Returns captures that wait now.

    Places of cases that aren't followed keep their time, and are visited when the case is opened again. A visit that
    failed is made again after the first pause of so many days; not at all after 0.
    """
    with transaction.atomic():
        rows = Capture.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        due = rows.filter(_due(moment, days), case__decision__in=FOLLOWED).order_by("next_at", "pk")
        return [follow(last) for last in due[:most]]


def follow(last: Capture, not_before: datetime | None = None) -> int:
    """Ask for the visit that follows the last one to a place, once, whoever asks; returns its primary key."""
    Capture.objects.filter(pk=last.pk).update(next_at=None)
    place = {"case_id": last.case_id, "page_key": last.page_key, "image_key": last.image_key}
    fresh = {"sighting_id": last.sighting_id, "not_before": not_before}
    again, _ = Capture.objects.get_or_create(**place, number=last.number + 1, defaults=fresh)
    return again.pk


def visit_again(case: Case, moment: datetime) -> None:
    """Ask for one more visit, not before a moment, to each place not found removed.

    One that waits already counts; one that is under way doesn't, for the page may have been loaded before.
    """
    rows = Capture.objects.filter(case=case).order_by("page_key", "image_key", "-number")
    for last in rows.distinct("page_key", "image_key"):
        removed = last.state == StepState.DONE and standing_of(last.outcome) is Standing.REMOVED
        if last.state != StepState.TODO and not removed:
            follow(last, moment)


def look_for_the_newest(ids: Iterable[int]) -> None:
    """Have visits look for the picture that their case saw at the place last: an address serves other ones in time."""
    rows = list(Capture.objects.filter(pk__in=ids).select_related("sighting"))
    there = _seen_last(CaseSighting.objects.filter(sighting__page_key__in={row.page_key for row in rows}), rows)
    for row in rows:
        picture = there.get((row.case_id, *place_of(row)), row.sighting.picture_id)
        if picture != row.sighting.picture_id:
            seen = Sighting.objects.filter(case_sightings__case=row.case_id, picture=picture)
            seen = seen.filter(page_key=row.page_key, image_key=row.image_key)
            shown = seen.order_by(F("private_to").desc(nulls_first=True), F("last_seen").desc(nulls_last=True), "-pk")
            write(row, sighting=shown.first())


def catch_up(case: Case) -> None:
    """Ask for one more visit to each place where a later picture was seen than the last visit looked for."""
    rows = Capture.objects.filter(case=case).select_related("sighting").defer("files", "digests")
    last = rows.order_by("page_key", "image_key", "-number").distinct("page_key", "image_key")
    there = _seen_last(CaseSighting.objects.all(), last)
    for row in last:
        picture = there.get((row.case_id, *place_of(row)), row.sighting.picture_id)
        if row.state not in UNFINISHED and picture != row.sighting.picture_id:
            follow(row)


def visit_where_seen_again(seen: Iterable[tuple[Case, Sighting]]) -> list[int]:
    """Ask for a visit to each place from which the picture had gone at the last one, and where a crawl saw one since.

    Returns captures that wait now.
    """
    latest: dict[tuple[int, bytes, bytes], datetime] = {}
    for case, sighting in seen:
        if sighting.last_seen is not None:
            at = (case.pk, *place_of(sighting))
            latest[at] = max(sighting.last_seen, latest.get(at, sighting.last_seen))
    if not latest:
        return []
    cases, pages = {case for case, _, _ in latest}, {page for _, page, _ in latest}
    done = Capture.objects.filter(case__in=cases, page_key__in=pages, case__decision__in=FOLLOWED)
    place = ("case_id", "page_key", "image_key")
    again = []
    for last in done.defer("files", "digests").order_by(*place, "-number").distinct(*place):
        seen_at = latest.get((last.case_id, *place_of(last)))
        if seen_at is None or last.finished_at is None or last.finished_at >= seen_at:
            continue
        if standing_of(last.outcome) is Standing.REMOVED:
            again.append(follow(last))
    return again


def _seen_last(among: QuerySet[CaseSighting], at: Iterable[Capture]) -> dict[tuple[int, bytes, bytes], int]:
    """The picture that each case saw last at each place, by the primary keys of both.

    But for what merely resembles the work, has a licence, or was compared by its fingerprints alone.
    """
    place = ("case_id", "sighting__page_key", "sighting__image_key")
    rows = among.filter(case__in={row.case_id for row in at}, licence=None)
    rows = rows.exclude(match__decision=Decision.RESEMBLES).exclude(match__registered__bytes_state=BytesState.NEVER)
    rows = rows.order_by(*place, F("sighting__last_seen").desc(nulls_last=True), "-sighting").distinct(*place)
    found = rows.values_list(*place, "sighting__picture")
    return {(case, bytes(page), bytes(image)): picture for case, page, image, picture in found}


def _due(moment: datetime, days: int) -> Q:
    come = Q(next_at__lte=moment)
    if not days:
        return come
    place = {name: OuterRef(name) for name in ("case", "page_key", "image_key")}
    followed = Exists(Capture.objects.filter(**place, number__gt=OuterRef("number")))
    return come | Q(~followed, state=StepState.FAILED, claimed_at__lte=moment - timedelta(days=days))


def seen_online(captures: Iterable[Capture]) -> dict[tuple[bytes, bytes], datetime]:
    """When a visit found the picture at each place of a case last, by all its captures: it was seen there then, too."""
    found: dict[tuple[bytes, bytes], datetime] = {}
    for row in captures:
        if row.state == StepState.DONE and row.finished_at and standing_of(row.outcome) is Standing.ONLINE:
            found[place_of(row)] = max(row.finished_at, found.get(place_of(row), row.finished_at))
    return found


def last_online(**places: object) -> Subquery:
    """The same in a query: when a visit to these places found the picture last."""
    online = [outcome for outcome, standing in _STANDINGS.items() if standing is Standing.ONLINE]
    visits = Capture.objects.filter(**places, state=StepState.DONE, outcome__in=online).order_by("-finished_at")
    return Subquery(visits.values("finished_at")[:1])


def standings(captures: Iterable[Capture]) -> dict[tuple[bytes, bytes], tuple[Standing, Capture]]:
    """How each place of a case stands that has been visited, with the last visit to it, by all its captures."""
    done = sorted((row for row in captures if row.state == StepState.DONE), key=lambda row: row.number)
    return {place_of(row): (standing_of(row.outcome), row) for row in done}


def visits_for(captures: Iterable[tuple[Capture, int]]) -> dict[tuple[bytes, bytes, int], tuple[Standing, Capture]]:
    """By place and picture the last visit that looked for it, and its result.

    Captures are given with the primary key of the picture that each looked for, and so are pictures.
    """
    done = [(row, picture) for row, picture in captures if row.state == StepState.DONE]
    done.sort(key=lambda pair: pair[0].number)
    return {(*place_of(row), picture): (standing_of(row.outcome), row) for row, picture in done}


@dataclass(frozen=True, slots=True)
class Visited:
    """How the visited places of a case stand: how many so and so, and when the last of the visits ended."""

    places: Mapping[Standing, int]
    at: datetime


def visited(cases: Iterable[Case]) -> dict[int, Visited]:
    """How the places of each case stand that have been visited, by primary key of the case."""
    places: dict[int, Counter[Standing]] = defaultdict(Counter)
    ended: dict[int, datetime] = {}
    rows = Capture.objects.filter(case__in=cases, state=StepState.DONE, finished_at__isnull=False)
    rows = rows.order_by("case", "page_key", "image_key", "-number").distinct("case", "page_key", "image_key")
    for case, outcome, finished in rows.values_list("case", "outcome", "finished_at"):
        assert finished is not None
        places[case][standing_of(outcome)] += 1
        ended[case] = max(finished, ended.get(case, finished))
    return {case: Visited(counted, ended[case]) for case, counted in places.items()}


def look_after(case: Case) -> None:
    """Bring up to date how the places of a case stand altogether; inside a transaction that has locked it."""
    found = visited([case]).get(case.pk)
    write(case, standing="" if found is None else next(one for one in Standing if found.places[one]))


def place_of(row: Capture | Sighting) -> tuple[bytes, bytes]:
    """What tells places apart: the keys of page and image."""
    return bytes(row.page_key), bytes(row.image_key)
