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
from registry.cases.floods import CaseCandidate, CaseKey, FloodLimits, select_admitted_candidates
from registry.cases.ledger import apply_ledger
from registry.cases.licence_check import find_covering_licence, find_time_obstacle, list_licences
from registry.cases.models import Capture, Case, CaseSighting
from registry.cases.record_decision import (
    LEDGER_ACTOR,
    Decider,
    is_licensed_by_person,
    notify_case_opened,
    record_decision,
)
from registry.crawls import own_sites
from registry.crawls.models import Sighting
from registry.db.claimable import StepState
from registry.log.log import NewEntry, submit_entries
from registry.matches.match_storage import matches_stored
from registry.pictures.models import BytesState
from registry.services.services import Services
from registry.works.models import Licence, Work


@receiver(matches_stored)
def open_cases_of_matches(
    *, services: Services, found: Sequence[int] = (), registered: Sequence[int] = (), **_: object
) -> None:
    """Open the cases of stored matches, and queue captures of their pages."""
    limits = FloodLimits(services.config.flood_floor, services.config.flood_factor)
    if captures := open_cases(limits=limits, found_pictures=found, registered_pictures=registered):
        services.enqueue(Capture, captures)


def open_cases(
    *, limits: FloodLimits, found_pictures: Sequence[int] = (), registered_pictures: Sequence[int] = ()
) -> list[int]:
    """Open or extend cases for the matches of these pictures, and apply the licence ledger.

    Works on hold are skipped; their matches stay stored until a member opens them. Must run in a transaction that has
    locked the found pictures. Idempotent.

    Returns:
        Primary keys of captures to run, for places with a likely match that have not been visited yet.
    """
    candidates = sorted(_find_candidates(found_pictures, registered_pictures))
    owners = {candidate.owner for candidate in candidates}
    list(Owner.objects.select_for_update(no_key=True).filter(pk__in=owners).order_by("pk"))
    works = Work.objects.select_related("owner").in_bulk({candidate.work for candidate in candidates})
    rows = Case.objects.filter(
        owner__in=owners, work__in=works, party__in={candidate.party for candidate in candidates}
    )
    existing_keys = {(work, party): pk for work, party, pk in rows.values_list("work", "party", "pk")}
    regular_case_keys = set(rows.filter(is_related=False).values_list("work", "party"))
    admitted_candidates = select_admitted_candidates(candidates, limits, works, regular_case_keys) if candidates else []
    candidates_by_case = {
        key: list(group)
        for key, group in groupby(admitted_candidates, lambda candidate: (candidate.work, candidate.party))
    }
    return (
        _extend_cases(
            _lock_or_create_cases(candidates_by_case, works, existing_keys), candidates_by_case, existing_keys
        )
        if candidates_by_case
        else []
    )


def list_held_candidates(work: Work, max_candidates: int | None = None) -> list[CaseCandidate]:
    """Return the sightings of a work on hold that are in no case and not dismissed, at most ``max_candidates``."""
    pictures = list(work.work_pictures.values_list("picture", flat=True))
    return sorted(
        candidate
        for candidate in _find_candidates([], pictures, max_candidates=max_candidates, work=work.pk)
        if not candidate.is_known
    )


def _find_candidates(
    found_pictures: Sequence[int],
    registered_pictures: Sequence[int],
    *,
    max_candidates: int | None = None,
    work: int | None = None,
) -> list[CaseCandidate]:
    """Return the case candidates from matches of the given pictures, except sightings on the owners' own sites."""
    limit = max_candidates
    while True:
        rows = _query_candidates(found_pictures, registered_pictures, limit, work)
        on_own_sites = own_sites.filter_on_own_sites([(candidate.owner, candidate.sighting) for candidate in rows])
        candidates = [candidate for candidate in rows if (candidate.owner, candidate.sighting) not in on_own_sites]
        if max_candidates is None or limit is None or len(candidates) >= max_candidates or len(rows) < limit:
            return candidates[:max_candidates]
        limit *= 10  # the limit may have returned mostly sightings on own sites


def _query_candidates(
    found_pictures: Sequence[int], registered_pictures: Sequence[int], max_rows: int | None, work: int | None
) -> list[CaseCandidate]:
    """Query the case candidates from matches of the given pictures, including the owners' own sites.

    If several versions of the comparison matched a pair, only the newest match is used. Matches of derived works (based
    on structure alone) are used only for owners who have enabled them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT w.owner_id, w.id, s.party, m.id, s.id, m.decision, m.registered_id, m.found_id, its.known
            FROM registry_match m
            JOIN registry_workpicture wp ON wp.picture_id = m.registered_id
            JOIN registry_work w ON w.id = wp.work_id AND w.removed_at IS NULL
            JOIN registry_owner o ON o.id = w.owner_id
              AND (o.derived OR m.decision <> 'related' OR NOT m.reasons @> '["derived"]')
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
        return [CaseCandidate(*row) for row in cursor.fetchall()]


def _lock_or_create_cases(
    candidates_by_case: Mapping[CaseKey, Sequence[CaseCandidate]],
    works: Mapping[int, Work],
    existing_pks: Mapping[CaseKey, int],
) -> dict[CaseKey, Case]:
    """Lock and return the cases for the given keys; create missing cases, numbered in key order.

    Cases with only related pictures are created without a notification.
    """
    existing_cases = Case.objects.select_for_update(no_key=True, of=("self",)).select_related("work", "owner")
    existing_cases = existing_cases.filter(
        pk__in=[existing_pks[key] for key in candidates_by_case if key in existing_pks]
    ).order_by("owner_id", "work_id", "party")
    cases = {(case.work_id, case.party): case for case in existing_cases}
    new_keys = [key for key in candidates_by_case if key not in existing_pks]
    owner_cases = Case.objects.filter(owner__in={works[work].owner_id for work, _ in new_keys}).order_by()
    highest_numbers = dict(owner_cases.values_list("owner").annotate(Max("number")))
    for key in new_keys:
        work = works[key[0]]
        number = highest_numbers[work.owner_id] = highest_numbers.get(work.owner_id, 0) + 1
        has_only_related = all(candidate.decision == Decision.RELATED for candidate in candidates_by_case[key])
        details = {"opened_at": now(), "is_pending": not has_only_related, "is_related": has_only_related}
        cases[key] = Case(owner=work.owner, number=number, work=work, party=key[1], **details)
    for case in Case.objects.bulk_create(cases[key] for key in new_keys):
        details = {"party": case.party, "work": case.work.number}
        history.record_event(case, "opened", "", ("related" if case.is_related else "opened", details))
        if not case.is_related:
            notify_case_opened(case)
    return cases


def _extend_cases(
    cases: Mapping[CaseKey, Case],
    candidates_by_case: Mapping[CaseKey, Sequence[CaseCandidate]],
    existing_pks: Mapping[CaseKey, int],
) -> list[int]:
    candidates = [(key, candidate) for key, group in candidates_by_case.items() for candidate in group]
    sightings = Sighting.objects.select_related("picture").in_bulk([candidate.sighting for _, candidate in candidates])
    earlier_rows = _load_earlier_rows(
        [existing_pks[key] for key in candidates_by_case if key in existing_pks], sightings
    )
    related_cases = [case for case in cases.values() if case.is_related]
    licences, checked_at = cache(list_licences), now()
    gained_rows: dict[CaseKey, list[CaseSighting]] = {key: [] for key in candidates_by_case}
    for key, candidate in candidates:
        case, sighting = cases[key], sightings[candidate.sighting]
        row = earlier_rows.get((case.pk, sighting.pk, candidate.registered_picture)) or earlier_rows.get(
            (case.pk, sighting.pk, None)
        )
        if row is None:
            licence = find_covering_licence(licences(case.work), sighting) or _find_assigned_licence(case, sighting)
            row = CaseSighting(licence=licence, licences_searched_at=checked_at)
        row.case, row.sighting, row.match_id = case, sighting, candidate.match
        gained_rows[key].append(row)
    rows = [row for group in gained_rows.values() for row in group]
    CaseSighting.objects.bulk_update([row for row in rows if row.pk], ["match"])
    CaseSighting.objects.bulk_create([row for row in rows if not row.pk])
    entries: list[NewEntry] = []
    for key, group in gained_rows.items():
        entries += [] if key in existing_pks else [log_entries.build_opening_entry(cases[key])]
        entries += [log_entries.build_extension_entry(cases[key], group)]
    submit_entries(entries)
    for key, case in cases.items():
        pairs = zip(gained_rows[key], candidates_by_case[key], strict=True)
        relevant_rows = [row for row, candidate in pairs if candidate.decision != Decision.RELATED]
        has_uncovered = any(row.licence_id is None for row in relevant_rows)
        if not has_uncovered or case.decision == Case.Decision.LICENSED:
            apply_ledger(case)
        if has_uncovered and is_licensed_by_person(case):
            record_decision(
                case, Case.Decision.OPEN, by=LEDGER_ACTOR, phrases=[("after-licence", {})], decider=Decider.LEDGER
            )
    look_alikes = queue_state.update_queue_state(list(cases.values()), rows)
    for case in related_cases:
        if case.is_pending:  # the case gained a match that is more than a related picture
            notify_case_opened(case)
    unlicensed_uses = [
        (key, row, candidate.decision == Decision.CERTAIN and candidate.match not in look_alikes[candidate.owner])
        for (key, candidate), row in zip(candidates, rows, strict=True)
        if row.licence_id is None and candidate.decision != Decision.RELATED
    ]
    confirmed = Case.Decision.CONFIRMED
    revisit_rows = [
        row
        for key, row, is_likely in unlicensed_uses
        if key in existing_pks and (is_likely or row.case.decision == confirmed)
    ]
    return [
        *create_first_captures((row.case, row.sighting) for _, row, is_likely in unlicensed_uses if is_likely),
        *recaptures.request_visits_for_reappeared_pictures((row.case, row.sighting) for row in revisit_rows),
    ]


def _find_assigned_licence(case: Case, sighting: Sighting) -> Licence | None:
    """Return the licence that a member assigned to the case, if it is valid at the sighting's time."""
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
    """Return the cases' rows whose match is from an earlier version of the comparison.

    Keys are primary keys of case, sighting and registered picture. The last is ``None`` if only fingerprints were
    compared because the picture had not been added yet.
    """
    registered = DatabaseCase(
        When(match__registered__bytes_state=BytesState.NEVER, then=None), default="match__registered"
    )
    rows = CaseSighting.objects.filter(case__in=cases, sighting__in=sightings).annotate(of=registered)
    return {(row.case_id, row.sighting_id, row.of): row for row in rows.order_by("-pk")}


def create_first_captures(pairs: Iterable[tuple[Case, Sighting]]) -> list[int]:
    """Create the first captures of places, and return the pending ones. Cases of sample owners are not captured."""
    first_captures = [
        Capture(case=case, page_key=sighting.page_key, image_key=sighting.image_key, number=1, sighting=sighting)
        for case, sighting in pairs
        if not case.owner.sample
    ]
    Capture.objects.bulk_create(first_captures, ignore_conflicts=True)
    places = {(row.case_id, bytes(row.page_key), bytes(row.image_key)) for row in first_captures}
    rows = Capture.objects.filter(case__in={case for case, _, _ in places}, number=1, state=StepState.QUEUED)
    rows = rows.filter(page_key__in={page for _, page, _ in places}).order_by("pk")
    captures = rows.values_list("pk", "case", "page_key", "image_key")
    return [pk for pk, case, page, image in captures if (case, bytes(page), bytes(image)) in places]
