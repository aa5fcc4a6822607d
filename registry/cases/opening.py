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
from registry.cases import history, log_entries, queue_state, recaptures
from registry.cases.floods import FloodLimits, Key, Matter, select_admitted
from registry.cases.ledger import apply_ledger
from registry.cases.licence_check import find_covering_licence, find_time_obstacle, licences_for
from registry.cases.models import Capture, Case, CaseSighting
from registry.cases.record_decision import LEDGER, Decider, is_licensed_by_person, notify_opened, record_decision
from registry.crawls import own_sites
from registry.crawls.models import Sighting
from registry.db.claimable import StepState
from registry.log.log import NewEntry, submit_all
from registry.matches.match_storage import matches_stored
from registry.pictures.models import BytesState
from registry.services.services import Services
from registry.works.models import Licence, Work


@receiver(matches_stored)
def open_cases_of_matches(
    *, services: Services, found: Sequence[int] = (), registered: Sequence[int] = (), **_: object
) -> None:
    """Open the cases of stored matches, and queue captures of their pages."""
    fuse = FloodLimits(services.config.flood_floor, services.config.flood_factor)
    if captures := open_cases(fuse=fuse, found_pictures=found, registered_pictures=registered):
        services.enqueue(Capture, captures)


def open_cases(
    *, fuse: FloodLimits, found_pictures: Sequence[int] = (), registered_pictures: Sequence[int] = ()
) -> list[int]:
    """Open or extend cases for the matches of these pictures, and apply the licence ledger.

    Works that flood protection holds back are skipped: their matches stay until a person opens them. Must run in a
    transaction that has locked the found pictures. Idempotent.

    Returns:
        Primary keys of captures to run: places with a likely match that nobody has visited yet.
    """
    matters = sorted(_find_matters(found_pictures, registered_pictures))
    owners = {matter.owner for matter in matters}
    list(Owner.objects.select_for_update(no_key=True).filter(pk__in=owners).order_by("pk"))
    works = Work.objects.select_related("owner").in_bulk({matter.work for matter in matters})
    rows = Case.objects.filter(owner__in=owners, work__in=works, party__in={matter.party for matter in matters})
    existing = {(work, party): pk for work, party, pk in rows.values_list("work", "party", "pk")}
    real_cases = set(rows.filter(resembles=False).values_list("work", "party"))
    allowed = select_admitted(matters, fuse, works, real_cases) if matters else []
    matters_by_case = {key: list(group) for key, group in groupby(allowed, lambda matter: (matter.work, matter.party))}
    return (
        _extend_cases(_lock_or_create_cases(matters_by_case, works, existing), matters_by_case, existing)
        if matters_by_case
        else []
    )


def list_held_back(work: Work, max_matters: int | None = None) -> list[Matter]:
    """Return what was found of a work but belongs to no case and was not dismissed, at most ``max_matters`` matters."""
    pictures = list(work.work_pictures.values_list("picture", flat=True))
    return sorted(
        matter for matter in _find_matters([], pictures, max_matters=max_matters, work=work.pk) if not matter.is_known
    )


def _find_matters(
    found_pictures: Sequence[int],
    registered_pictures: Sequence[int],
    *,
    max_matters: int | None = None,
    work: int | None = None,
) -> list[Matter]:
    """Return what these pictures' matches concern, for one work or all, except sightings on the owners' own sites."""
    limit = max_matters
    while True:
        rows = _query_matters(found_pictures, registered_pictures, limit, work)
        on_own_sites = own_sites.filter_on_own_sites([(matter.owner, matter.sighting) for matter in rows])
        matters = [matter for matter in rows if (matter.owner, matter.sighting) not in on_own_sites]
        if max_matters is None or limit is None or len(matters) >= max_matters or len(rows) < limit:
            return matters[:max_matters]
        limit *= 10  # the owner's own sites may account for most of the matches


def _query_matters(
    found_pictures: Sequence[int], registered_pictures: Sequence[int], max_rows: int | None, work: int | None
) -> list[Matter]:
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
            [list(found_pictures), list(registered_pictures), work, max_rows],
        )
        return [Matter(*row) for row in cursor.fetchall()]


def _lock_or_create_cases(
    matters_by_case: Mapping[Key, Sequence[Matter]], works: Mapping[int, Work], existing_pks: Mapping[Key, int]
) -> dict[Key, Case]:
    """Return the cases for work and site keys, locked; missing cases are created and numbered in key order.

    Cases that only resemble their work are created without a notification.
    """
    existing = Case.objects.select_for_update(no_key=True, of=("self",)).select_related("work", "owner")
    existing = existing.filter(pk__in=[existing_pks[key] for key in matters_by_case if key in existing_pks]).order_by(
        "owner_id", "work_id", "party"
    )
    cases = {(case.work_id, case.party): case for case in existing}
    new = [key for key in matters_by_case if key not in existing_pks]
    of_owners = Case.objects.filter(owner__in={works[work].owner_id for work, _ in new}).order_by()
    highest = dict(of_owners.values_list("owner").annotate(Max("number")))
    for key in new:
        work = works[key[0]]
        number = highest[work.owner_id] = highest.get(work.owner_id, 0) + 1
        only_resembles = all(matter.decision == Decision.RESEMBLES for matter in matters_by_case[key])
        about = {"opened_at": now(), "waits": not only_resembles, "resembles": only_resembles}
        cases[key] = Case(owner=work.owner, number=number, work=work, party=key[1], **about)
    for case in Case.objects.bulk_create(cases[key] for key in new):
        about = {"party": case.party, "work": case.work.number}
        history.record(case, "opened", "", ("resembles" if case.resembles else "opened", about))
        if not case.resembles:
            notify_opened(case)
    return cases


def _extend_cases(
    cases: Mapping[Key, Case], matters_by_case: Mapping[Key, Sequence[Matter]], existing_pks: Mapping[Key, int]
) -> list[int]:
    matters = [(key, matter) for key, group in matters_by_case.items() for matter in group]
    sightings = Sighting.objects.select_related("picture").in_bulk([matter.sighting for _, matter in matters])
    earlier = _load_earlier_rows([existing_pks[key] for key in matters_by_case if key in existing_pks], sightings)
    related_cases = [case for case in cases.values() if case.resembles]
    licences, moment = cache(licences_for), now()
    gained: dict[Key, list[CaseSighting]] = {key: [] for key in matters_by_case}
    for key, matter in matters:
        case, sighting = cases[key], sightings[matter.sighting]
        row = earlier.get((case.pk, sighting.pk, matter.registered_picture)) or earlier.get(
            (case.pk, sighting.pk, None)
        )
        if row is None:
            licence = find_covering_licence(licences(case.work), sighting) or _assigned_licence(case, sighting)
            row = CaseSighting(licence=licence, licences_searched_at=moment)
        row.case, row.sighting, row.match_id = case, sighting, matter.match
        gained[key].append(row)
    rows = [row for group in gained.values() for row in group]
    CaseSighting.objects.bulk_update([row for row in rows if row.pk], ["match"])
    CaseSighting.objects.bulk_create([row for row in rows if not row.pk])
    entries: list[NewEntry] = []
    for key, group in gained.items():
        entries += [] if key in existing_pks else [log_entries.opening_of(cases[key])]
        entries += [log_entries.extension_of(cases[key], group)]
    submit_all(entries)
    for key, case in cases.items():
        pairs = zip(gained[key], matters_by_case[key], strict=True)
        relevant_rows = [row for row, matter in pairs if matter.decision != Decision.RESEMBLES]
        uncovered = any(row.licence_id is None for row in relevant_rows)
        if not uncovered or case.decision == Case.Decision.LICENSED:
            apply_ledger(case)
        if uncovered and is_licensed_by_person(case):
            record_decision(case, Case.Decision.OPEN, by=LEDGER, why=[("after-licence", {})], who=Decider.LEDGER)
    look_alikes = queue_state.update_queue_state(list(cases.values()), rows)
    for case in related_cases:
        if case.waits:  # the case gained more than a resemblance
            notify_opened(case)
    uses = [
        (key, row, matter.decision == Decision.CERTAIN and matter.match not in look_alikes[matter.owner])
        for (key, matter), row in zip(matters, rows, strict=True)
        if row.licence_id is None and matter.decision != Decision.RESEMBLES
    ]
    confirmed = Case.Decision.CONFIRMED
    revisit_rows = [
        row for key, row, likely in uses if key in existing_pks and (likely or row.case.decision == confirmed)
    ]
    return [
        *create_first_captures((row.case, row.sighting) for _, row, likely in uses if likely),
        *recaptures.visit_reappeared((row.case, row.sighting) for row in revisit_rows),
    ]


def _assigned_licence(case: Case, sighting: Sighting) -> Licence | None:
    """Return the licence by which a person licensed the case, if it is valid at the sighting's time."""
    row = (
        case.case_sightings.exclude(licence=None).select_related("licence").first()
        if is_licensed_by_person(case)
        else None
    )
    if row is None or row.licence is None or find_time_obstacle(row.licence, sighting) is not None:
        return None
    return row.licence


def _load_earlier_rows(
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


def create_first_captures(pairs: Iterable[tuple[Case, Sighting]]) -> list[int]:
    """Create the first captures of sightings' places, and return those that still wait. Samples are not captured."""
    first = [
        Capture(case=case, page_key=sighting.page_key, image_key=sighting.image_key, number=1, sighting=sighting)
        for case, sighting in pairs
        if not case.owner.sample
    ]
    Capture.objects.bulk_create(first, ignore_conflicts=True)
    places = {(row.case_id, bytes(row.page_key), bytes(row.image_key)) for row in first}
    rows = Capture.objects.filter(case__in={case for case, _, _ in places}, number=1, state=StepState.TODO)
    rows = rows.filter(page_key__in={page for _, page, _ in places}).order_by("pk")
    captures = rows.values_list("pk", "case", "page_key", "image_key")
    return [pk for pk, case, page, image in captures if (case, bytes(page), bytes(image)) in places]
