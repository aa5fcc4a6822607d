"""Queue state of cases: which ones wait for a person, and their sort keys, stored with each case for fast lists."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import transaction
from django.db.models import BinaryField, Count, F, Func, Q, QuerySet

from exhibit.clock import now
from exhibit.types import Decision
from registry.cases.models import Case, CaseSighting, Flood, LookAlike
from registry.db.bulk import copy_into
from registry.fingerprints.models import FingerprintRow
from registry.matches.models import Match

LIKELIHOODS = {Decision.CERTAIN: 0.9, Decision.REVIEW: 0.3, Decision.RESEMBLES: 0.1}
"""Likelihood of an uncalibrated match, for sorting only, by the comparison's decision."""
HASH, PART = "phash256", "whole"
MAX_NEAR_DISTANCE = 10
"""Maximum Hamming distance, in bits of 256, between the hashes of nearly identical found pictures."""


def update_queue_state(cases: Sequence[Case], gained: Sequence[CaseSighting] = ()) -> Mapping[int, set[int]]:
    """Update the queue state of cases with their new rows, in a transaction that has locked the cases.

    An open case waits for a person unless each of its matches is licensed or a known look-alike. Matches that only
    resemble the work do not make a case wait, unless a person has made it a case. A cleared or licensed case waits
    again when it gains sightings that its decision did not cover and that are more than a resemblance.

    Args:
        cases: The cases to update.
        gained: Their new rows.

    Returns:
        The cases' matches that are known look-alikes, as primary keys by owner.
    """
    place = Func("sighting__page_key", "sighting__image_key", function="ROW", output_field=BinaryField())
    rows = CaseSighting.objects.filter(case__in=cases).order_by().values("case")
    rows = rows.annotate(
        places=Count(place, distinct=True),
        matches=ArrayAgg("match", distinct=True),
        unlicensed=ArrayAgg("match", distinct=True, filter=Q(licence=None)),
    )
    aggregates = rows.values_list("case", "places", "matches", "unlicensed")
    figures = {case: (places, match_ids, unlicensed or ()) for case, places, match_ids, unlicensed in aggregates}
    matches = Match.objects.in_bulk({match for _, match_ids, _ in figures.values() for match in match_ids})
    best = {
        case: max((matches[match] for match in match_ids), key=strength_key).pk
        for case, (_, match_ids, _) in figures.items()
    }
    of_best = CaseSighting.objects.filter(case__in=cases, match__in=best.values())
    newest = of_best.order_by("case_id", "match_id", F("sighting__last_seen").desc(nulls_last=True), "-pk").distinct(
        "case_id", "match_id"
    )
    shown_rows = {row.case_id: row for row in newest if row.match_id == best[row.case_id]}
    look_alikes: dict[int, set[int]] = {}
    for owner in {case.owner_id for case in cases}:
        affected_ids = {match for case in cases if case.owner_id == owner for match in figures[case.pk][1]}
        look_alikes[owner] = find_look_alikes(owner, [matches[match] for match in affected_ids])
    for case in cases:
        case.places, match_ids, unlicensed = figures[case.pk]
        case.shown = shown_rows[case.pk]
        case.likelihood = max(likelihood(matches[match]) for match in match_ids)
        related_matches = {match for match in match_ids if matches[match].decision == Decision.RESEMBLES}
        case.waits = _is_waiting(case, set(unlicensed), related_matches, gained, look_alikes[case.owner_id])
        is_set_aside = case.decision == Case.Decision.OPEN and not case.waits
        case.resembles = is_set_aside and (not unlicensed or bool(set(unlicensed) - look_alikes[case.owner_id]))
    Case.objects.bulk_update(cases, ["shown", "likelihood", "places", "waits", "resembles"], batch_size=100)
    return look_alikes


def likelihood(match: Match) -> float:
    """Return how likely a match is a copy, for sorting only; for resemblances, based on the odds."""
    if match.decision == Decision.RESEMBLES:
        odds = -math.inf if match.related is None else match.related
        return LIKELIHOODS[Decision.RESEMBLES] * (0.5 + math.atan(odds / 10) / math.pi)
    if match.probability is not None:
        return match.probability
    return LIKELIHOODS[Decision(match.decision)]


def strength_key(match: Match) -> tuple[float, float, float, int]:
    """Return the sort key by which the strongest of several matches is selected."""
    rank = likelihood(match) if match.decision == Decision.RESEMBLES else match.probability or 0.0
    return LIKELIHOODS[Decision(match.decision)], rank, match.dense, -match.pk


def update_affected_cases(case: Case) -> None:
    """Update the owner's other open cases affected by the look-alikes that a case added or removed.

    Each case is updated in its own transaction.
    """
    for pk in find_affected_cases(case.owner_id, Case.objects.filter(pk=case.pk)).values_list("pk", flat=True):
        update_case(pk)


def find_affected_cases(owner: int, source_cases: QuerySet[Case]) -> QuerySet[Case]:
    """Return the owner's other open cases that share registered pictures with the given ones; distinct, unordered."""
    registered = Match.objects.filter(case_sightings__case__in=source_cases.values("pk")).values("registered_id")
    affected = Case.objects.filter(
        owner=owner, decision=Case.Decision.OPEN, case_sightings__match__registered__in=registered
    )
    return affected.exclude(pk__in=source_cases.values("pk")).distinct().order_by()


def update_case(pk: int) -> None:
    """Update the queue state of one case, in its own transaction."""
    with transaction.atomic():
        update_queue_state([Case.objects.select_for_update(no_key=True).get(pk=pk)])


def return_to_queue(case: Case) -> bool:
    """Make a set-aside case wait for a person, whatever look-alikes are known; return True if it was set aside."""
    rows = Case.objects.filter(pk=case.pk, decision=Case.Decision.OPEN, waits=False)
    return rows.update(waits=True, resembles=False) == 1


def _is_waiting(
    case: Case, unlicensed: set[int], related_matches: set[int], gained: Sequence[CaseSighting], look_alikes: set[int]
) -> bool:
    decision = Case.Decision
    if case.decision == decision.CONFIRMED:
        return False
    if case.decision == decision.OPEN:
        unknown = unlicensed - look_alikes
        return bool(unknown - related_matches) or (case.waits and (bool(unknown) or not unlicensed))
    own = [row for row in gained if row.case_id == case.pk]
    new = [row for row in own if row.licence_id is None and row.match_id not in related_matches]
    if case.decision == decision.CLEARED:
        earlier_matches = set(
            case.case_sightings.exclude(pk__in=[row.pk for row in own]).values_list("match_id", flat=True)
        )
        new = [row for row in new if row.match_id not in earlier_matches | look_alikes]
    return bool(new) or case.waits


def learn_look_alikes(case: Case, by: str) -> None:
    """Store the pairs of a cleared case as the owner's look-alikes, in the transaction of the decision."""
    pairs = Match.objects.filter(case_sightings__case=case).values_list("registered_id", "found_id").distinct()
    fields = {"owner_id": case.owner_id, "case": case, "cleared_by": by, "cleared_at": now()}
    rows = [LookAlike(registered_id=registered_id, found_id=found_id, **fields) for registered_id, found_id in pairs]
    LookAlike.objects.bulk_create(rows, ignore_conflicts=True)


def learn_flood(flood: Flood, pairs: Iterable[tuple[int, int]], by: str) -> None:
    """Store the pairs that a flood held back as look-alikes, because a person dismisses them.

    Call it in a transaction.
    """
    fields = {"owner_id": flood.work.owner_id, "flood": flood, "cleared_by": by, "cleared_at": now()}
    rows = [LookAlike(registered_id=registered_id, found_id=found_id, **fields) for registered_id, found_id in pairs]
    copy_into(rows, conflict=("owner_id", "registered_id", "found_id"))


def forget_look_alikes(case: Case) -> int:
    """Delete the look-alikes learned from a reopened case; return their number."""
    return LookAlike.objects.filter(case=case).delete()[0]


def find_look_alikes(owner: int, matches: Sequence[Match]) -> set[int]:
    """Return the matches (primary keys) whose pairs, or nearly identical ones, the owner's members cleared before."""
    found_by_registered: dict[int, set[int]] = defaultdict(set)
    registered = {match.registered_id for match in matches}
    rows = LookAlike.objects.filter(owner=owner, registered__in=registered).values_list("registered_id", "found_id")
    for picture, found_id in rows:
        found_by_registered[picture].add(found_id)
    if not found_by_registered:
        return set()
    same = {match.pk for match in matches if match.found_id in found_by_registered[match.registered_id]}
    return same | _find_near_look_alikes([match for match in matches if match.pk not in same], found_by_registered)


def _find_near_look_alikes(matches: Sequence[Match], found_by_registered: Mapping[int, set[int]]) -> set[int]:
    candidates = [match for match in matches if found_by_registered.get(match.registered_id)]
    if not candidates:
        return set()
    dismissed = set().union(*(found_by_registered[match.registered_id] for match in candidates))
    hashes = hashes_of({*dismissed, *(match.found_id for match in candidates)})
    near_matches = set()
    for match in candidates:
        code = hashes.get(match.found_id)
        learned_hashes = [hashes[other] for other in found_by_registered[match.registered_id] if other in hashes]
        if code is not None and any(
            (code ^ other).bit_count() <= min(MAX_NEAR_DISTANCE, match.hamming - 1) for other in learned_hashes
        ):
            near_matches.add(match.pk)
    return near_matches


def hashes_of(pictures: Iterable[int]) -> dict[int, int]:
    """Return the hashes of whole pictures by primary key; pictures without a hash are left out."""
    rows = FingerprintRow.objects.filter(picture__in=list(pictures), space__name=HASH, part=PART)
    return {picture: int.from_bytes(bytes(vector), "big") for picture, vector in rows.values_list("picture", "vector")}
