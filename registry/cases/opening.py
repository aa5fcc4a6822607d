"""Opening of cases from matches."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import groupby

from django.db import connection
from django.db.models import Case as DatabaseCase, Max, When
from django.dispatch import receiver

from exhibit.clock import now
from exhibit.types import Decision
from registry.accounts.models import Owner
from registry.cases import history, log_entries, recaptures, triage
from registry.cases.floods import Fuse, Key, Matter, admitted
from registry.cases.ledger import apply_ledger
from registry.cases.licence_check import covering, licences_for, out_of_time
from registry.cases.models import Capture, Case, CaseSighting
from registry.cases.record_decision import LEDGER, Decider, announce, by_person, record_decision
from registry.crawls import own_places
from registry.crawls.models import Sighting
from registry.db.claimable import StepState
from registry.log.log import Deed, submit_all
from registry.matches.keep_matches import matches_kept
from registry.pictures.models import BytesState
from registry.services.services import Services
from registry.works.models import Licence, Work


@receiver(matches_kept)
def open_cases_of_matches(
    *, services: Services, found: Sequence[int] = (), registered: Sequence[int] = (), **_: object
) -> None:
    """Open the cases of stored matches, and queue captures of their pages."""
    fuse = Fuse(services.config.flood_floor, services.config.flood_factor)
    if captures := open_cases(fuse=fuse, found=found, registered=registered):
        services.enqueue(Capture, captures)


def open_cases(*, fuse: Fuse, found: Sequence[int] = (), registered: Sequence[int] = ()) -> list[int]:
    """Open or extend cases for the matches of these pictures, and apply the licence ledger.

    Works that flood protection holds back are skipped: their matches stay until a person opens them. Must run in a
    transaction that has locked the found pictures. Idempotent.

    Returns:
        Primary keys of captures to run: places with a likely match that nobody has visited yet.
    """
    matters = sorted(_matters(found, registered))
    owners = {matter.owner for matter in matters}
    list(Owner.objects.select_for_update(no_key=True).filter(pk__in=owners).order_by("pk"))
    works = Work.objects.select_related("owner").in_bulk({matter.work for matter in matters})
    rows = Case.objects.filter(owner__in=owners, work__in=works, party__in={matter.party for matter in matters})
    existing = {(work, party): pk for work, party, pk in rows.values_list("work", "party", "pk")}
    real_cases = set(rows.filter(resembles=False).values_list("work", "party"))
    allowed = admitted(matters, fuse, works, real_cases) if matters else []
    concerned = {key: list(some) for key, some in groupby(allowed, lambda matter: (matter.work, matter.party))}
    return _extend(_cases(concerned, works, existing), concerned, existing) if concerned else []


def held_back(work: Work, most: int | None = None) -> list[Matter]:
    """Return what was found of a work but belongs to no case and was not dismissed, at most ``most`` matters."""
    pictures = list(work.work_pictures.values_list("picture", flat=True))
    return sorted(matter for matter in _matters([], pictures, most=most, work=work.pk) if not matter.known)


def _matters(
    found: Sequence[int], registered: Sequence[int], *, most: int | None = None, work: int | None = None
) -> list[Matter]:
    """Return what these pictures' matches concern, for one work or all, except sightings on the owners' own sites."""
    limit = most
    while True:
        rows = _rows(found, registered, limit, work)
        at_home = own_places.seen_there([(matter.owner, matter.sighting) for matter in rows])
        matters = [matter for matter in rows if (matter.owner, matter.sighting) not in at_home]
        if most is None or limit is None or len(matters) >= most or len(rows) < limit:
            return matters[:most]
        limit *= 10  # the owner's own sites may account for most of the matches


def _rows(found: Sequence[int], registered: Sequence[int], most: int | None, work: int | None) -> list[Matter]:
    """Return what these pictures' matches concern, including the owners' own sites.

    If several versions of the comparison matched a pair, the newest match counts. Matches of derived works (by
    structure alone) concern only owners who have enabled them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT w.owner_id, w.id, s.party, m.id, s.id, m.decision, m.registered_id, m.found_id, its.known
            FROM registry_match m
            JOIN registry_workpicture wp ON wp.picture_id = m.registered_id
            JOIN registry_work w ON w.id = wp.work_id AND w.removed_at IS NULL
            JOIN registry_owner o ON o.id = w.owner_id
              AND (o.derived OR m.decision <> 'resembles' OR NOT m.reasons @> '["derived"]')
            JOIN registry_sighting s ON s.picture_id = m.found_id
            CROSS JOIN LATERAL (
              SELECT EXISTS (
                SELECT 1 FROM registry_sighting earlier
                JOIN registry_casesighting cs ON cs.sighting_id = earlier.id JOIN registry_case c ON c.id = cs.case_id
                WHERE earlier.picture_id = s.picture_id AND earlier.party = s.party AND c.work_id = w.id) AS known
            ) its
            WHERE m.decision <> 'none' AND (m.found_id = ANY(%s) OR m.registered_id = ANY(%s))
              AND (s.private_to_id = w.owner_id OR s.private_to_id IS NULL AND NOT o.sample)
              AND w.id = COALESCE(%s, w.id)
              AND NOT EXISTS (
                SELECT 1 FROM registry_match newer
                WHERE newer.registered_id = m.registered_id AND newer.found_id = m.found_id
                  AND newer.id > m.id AND newer.decision <> 'none')
              AND NOT EXISTS (
                SELECT 1 FROM registry_casesighting cs JOIN registry_case c ON c.id = cs.case_id
                WHERE cs.match_id = m.id AND cs.sighting_id = s.id AND c.work_id = w.id)
              AND (its.known OR NOT EXISTS (
                SELECT 1 FROM registry_lookalike dismissed
                WHERE dismissed.owner_id = w.owner_id AND dismissed.registered_id = m.registered_id
                  AND dismissed.found_id = m.found_id AND dismissed.flood_id IS NOT NULL))
            LIMIT %s
            """,
            [list(found), list(registered), work, most],
        )
        return [Matter(*row) for row in cursor.fetchall()]


def _cases(
    wanted: Mapping[Key, Sequence[Matter]], works: Mapping[int, Work], there: Mapping[Key, int]
) -> dict[Key, Case]:
    """Return the cases for work and site keys, locked; missing cases are created and numbered in key order.

    Cases that only resemble their work are created without a notification.
    """
    existing = Case.objects.select_for_update(no_key=True, of=("self",)).select_related("work", "owner")
    existing = existing.filter(pk__in=[there[key] for key in wanted if key in there]).order_by(
        "owner_id", "work_id", "party"
    )
    cases = {(case.work_id, case.party): case for case in existing}
    new = [key for key in wanted if key not in there]
    of_owners = Case.objects.filter(owner__in={works[work].owner_id for work, _ in new}).order_by()
    highest = dict(of_owners.values_list("owner").annotate(Max("number")))
    for key in new:
        work = works[key[0]]
        number = highest[work.owner_id] = highest.get(work.owner_id, 0) + 1
        aside = all(matter.decision == Decision.RESEMBLES for matter in wanted[key])
        about = {"opened_at": now(), "waits": not aside, "resembles": aside}
        cases[key] = Case(owner=work.owner, number=number, work=work, party=key[1], **about)
    for case in Case.objects.bulk_create(cases[key] for key in new):
        about = {"party": case.party, "work": case.work.number}
        history.record(case, "opened", "", ("resembles" if case.resembles else "opened", about))
        if not case.resembles:
            announce(case)
    return cases


def _extend(
    cases: Mapping[Key, Case], concerned: Mapping[Key, Sequence[Matter]], there: Mapping[Key, int]
) -> list[int]:
    matters = [(key, matter) for key, some in concerned.items() for matter in some]
    sightings = Sighting.objects.select_related("picture").in_bulk([matter.sighting for _, matter in matters])
    earlier = _of_earlier_versions([there[key] for key in concerned if key in there], sightings)
    aside = [case for case in cases.values() if case.resembles]
    licences, moment = cache(licences_for), now()
    gained: dict[Key, list[CaseSighting]] = {key: [] for key in concerned}
    for key, matter in matters:
        case, sighting = cases[key], sightings[matter.sighting]
        row = earlier.get((case.pk, sighting.pk, matter.registered)) or earlier.get((case.pk, sighting.pk, None))
        if row is None:
            licence = covering(licences(case.work), sighting) or _given(case, sighting)
            row = CaseSighting(licence=licence, licences_searched_at=moment)
        row.case, row.sighting, row.match_id = case, sighting, matter.match
        gained[key].append(row)
    rows = [row for some in gained.values() for row in some]
    CaseSighting.objects.bulk_update([row for row in rows if row.pk], ["match"])
    CaseSighting.objects.bulk_create([row for row in rows if not row.pk])
    deeds: list[Deed] = []
    for key, some in gained.items():
        deeds += [] if key in there else [log_entries.opening_of(cases[key])]
        deeds += [log_entries.extension_of(cases[key], some)]
    submit_all(deeds)
    for key, case in cases.items():
        of = zip(gained[key], concerned[key], strict=True)
        telling = [row for row, matter in of if matter.decision != Decision.RESEMBLES]
        uncovered = any(row.licence_id is None for row in telling)
        if not uncovered or case.decision == Case.Decision.LICENSED:
            apply_ledger(case)
        if uncovered and by_person(case):
            record_decision(case, Case.Decision.OPEN, by=LEDGER, why=[("after-licence", {})], who=Decider.LEDGER)
    look_alikes = triage.look_after(list(cases.values()), rows)
    for case in aside:
        if case.waits:  # the case gained more than a resemblance
            announce(case)
    uses = [
        (key, row, matter.decision == Decision.CERTAIN and matter.match not in look_alikes[matter.owner])
        for (key, matter), row in zip(matters, rows, strict=True)
        if row.licence_id is None and matter.decision != Decision.RESEMBLES
    ]
    confirmed = Case.Decision.CONFIRMED
    again = [row for key, row, likely in uses if key in there and (likely or row.case.decision == confirmed)]
    return [
        *first_captures((row.case, row.sighting) for _, row, likely in uses if likely),
        *recaptures.visit_where_seen_again((row.case, row.sighting) for row in again),
    ]


def _given(case: Case, sighting: Sighting) -> Licence | None:
    """Return the licence by which a person licensed the case, if it is valid at the sighting's time."""
    row = case.case_sightings.exclude(licence=None).select_related("licence").first() if by_person(case) else None
    if row is None or row.licence is None or out_of_time(row.licence, sighting) is not None:
        return None
    return row.licence


def _of_earlier_versions(
    cases: Sequence[int], sightings: Iterable[int]
) -> dict[tuple[int, int, int | None], CaseSighting]:
    """Return the cases' rows whose match an earlier version of the comparison found for the same sighting and picture.

    Keys are primary keys of case, sighting and registered picture; the last is ``None`` if only fingerprints had been
    compared, before the picture itself was added.
    """
    registered = DatabaseCase(
        When(match__registered__bytes_state=BytesState.NEVER, then=None), default="match__registered"
    )
    rows = CaseSighting.objects.filter(case__in=cases, sighting__in=sightings).annotate(of=registered)
    return {(row.case_id, row.sighting_id, row.of): row for row in rows.order_by("-pk")}


def first_captures(wanted: Iterable[tuple[Case, Sighting]]) -> list[int]:
    """Create the first captures of sightings' places, and return those that still wait. Samples are not captured."""
    first = [
        Capture(case=case, page_key=seen.page_key, image_key=seen.image_key, number=1, sighting=seen)
        for case, seen in wanted
        if not case.owner.sample
    ]
    Capture.objects.bulk_create(first, ignore_conflicts=True)
    places = {(row.case_id, bytes(row.page_key), bytes(row.image_key)) for row in first}
    rows = Capture.objects.filter(case__in={case for case, _, _ in places}, number=1, state=StepState.TODO)
    rows = rows.filter(page_key__in={page for _, page, _ in places}).order_by("pk")
    captures = rows.values_list("pk", "case", "page_key", "image_key")
    return [pk for pk, case, page, image in captures if (case, bytes(page), bytes(image)) in places]
