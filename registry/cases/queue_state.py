"""Queue state of cases: whether they need a decision, and sort keys. Both are stored with each case for fast lists."""

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

LIKELIHOODS = {Decision.CERTAIN: 0.9, Decision.REVIEW: 0.3, Decision.RELATED: 0.1}
"""Likelihood of an uncalibrated match, for sorting only, by the comparison's decision."""
HASH_SPACE, HASH_PART = "phash256", "whole"
MAX_NEAR_DISTANCE = 10
"""Maximum Hamming distance, in bits of 256, between the hashes of nearly identical found pictures."""


def update_queue_state(cases: Sequence[Case], gained_rows: Sequence[CaseSighting] = ()) -> Mapping[int, set[int]]:
    """Update the queue state of cases with their new rows, in a transaction that has locked the cases.

    An open case needs a decision unless each of its matches is licensed or a known look-alike. Related pictures alone
    need no decision, unless a member has made them a case. A dismissed or licensed case needs a decision again when it
    gains sightings that its decision did not cover and that are not only related pictures.

    Args:
        cases: The cases to update.
        gained_rows: Their new rows.

    Returns:
        The cases' matches that are known look-alikes: sets of primary keys, by the owner's primary key.
    """
    place = Func("sighting__page_key", "sighting__image_key", function="ROW", output_field=BinaryField())
    rows = CaseSighting.objects.filter(case__in=cases).order_by().values("case")
    rows = rows.annotate(
        places=Count(place, distinct=True),
        matches=ArrayAgg("match", distinct=True),
        unlicensed=ArrayAgg("match", distinct=True, filter=Q(licence=None)),
    )
    aggregates = rows.values_list("case", "places", "matches", "unlicensed")
    aggregates_by_case = {
        case: (places, match_ids, unlicensed or ()) for case, places, match_ids, unlicensed in aggregates
    }
    matches = Match.objects.in_bulk({match for _, match_ids, _ in aggregates_by_case.values() for match in match_ids})
    best_matches = {
        case: max((matches[match] for match in match_ids), key=get_strength_key).pk
        for case, (_, match_ids, _) in aggregates_by_case.items()
    }
    best_match_rows = CaseSighting.objects.filter(case__in=cases, match__in=best_matches.values())
    newest_rows = best_match_rows.order_by(
        "case_id", "match_id", F("sighting__last_seen").desc(nulls_last=True), "-pk"
    ).distinct("case_id", "match_id")
    shown_rows = {row.case_id: row for row in newest_rows if row.match_id == best_matches[row.case_id]}
    look_alikes: dict[int, set[int]] = {}
    for owner in {case.owner_id for case in cases}:
        owner_match_ids = {
            match for case in cases if case.owner_id == owner for match in aggregates_by_case[case.pk][1]
        }
        look_alikes[owner] = find_look_alikes(owner, [matches[match] for match in owner_match_ids])
    for case in cases:
        case.places, match_ids, unlicensed = aggregates_by_case[case.pk]
        case.shown = shown_rows[case.pk]
        case.likelihood = max(compute_likelihood(matches[match]) for match in match_ids)
        related_matches = {match for match in match_ids if matches[match].decision == Decision.RELATED}
        case.is_pending = _needs_review(case, set(unlicensed), related_matches, gained_rows, look_alikes[case.owner_id])
        is_set_aside = case.decision == Case.Decision.OPEN and not case.is_pending
        case.is_related = is_set_aside and (not unlicensed or bool(set(unlicensed) - look_alikes[case.owner_id]))
    Case.objects.bulk_update(cases, ["shown", "likelihood", "places", "is_pending", "is_related"], batch_size=100)
    return look_alikes


def compute_likelihood(match: Match) -> float:
    """Compute the likelihood that a match is a copy, for sorting only. For related pictures it is based on the odds."""
    if match.decision == Decision.RELATED:
        odds = -math.inf if match.related is None else match.related
        return LIKELIHOODS[Decision.RELATED] * (0.5 + math.atan(odds / 10) / math.pi)
    if match.probability is not None:
        return match.probability
    return LIKELIHOODS[Decision(match.decision)]


def get_strength_key(match: Match) -> tuple[float, float, float, int]:
    """Return the sort key of a match; the strongest match has the highest key."""
    rank = compute_likelihood(match) if match.decision == Decision.RELATED else match.probability or 0.0
    return LIKELIHOODS[Decision(match.decision)], rank, match.dense, -match.pk


def update_affected_cases(case: Case) -> None:
    """Update the owner's other open cases affected by the look-alikes that a case added or removed.

    Each case is updated in its own transaction.
    """
    for pk in find_affected_cases(case.owner_id, Case.objects.filter(pk=case.pk)).values_list("pk", flat=True):
        update_case(pk)


def find_affected_cases(owner: int, source_cases: QuerySet[Case]) -> QuerySet[Case]:
    """Return the owner's other open cases that share registered pictures with the given ones; distinct, unordered."""
    registered_ids = Match.objects.filter(case_sightings__case__in=source_cases.values("pk")).values("registered_id")
    affected_cases = Case.objects.filter(
        owner=owner, decision=Case.Decision.OPEN, case_sightings__match__registered__in=registered_ids
    )
    return affected_cases.exclude(pk__in=source_cases.values("pk")).distinct().order_by()


def update_case(pk: int) -> None:
    """Update the queue state of one case, in its own transaction."""
    with transaction.atomic():
        update_queue_state([Case.objects.select_for_update(no_key=True).get(pk=pk)])


def return_to_queue(case: Case) -> bool:
    """Put a set-aside case back into the queue regardless of known look-alikes; return True if it was set aside."""
    rows = Case.objects.filter(pk=case.pk, decision=Case.Decision.OPEN, is_pending=False)
    return rows.update(is_pending=True, is_related=False) == 1


def _needs_review(
    case: Case,
    unlicensed: set[int],
    related_matches: set[int],
    gained_rows: Sequence[CaseSighting],
    look_alikes: set[int],
) -> bool:
    decision = Case.Decision
    if case.decision == decision.CONFIRMED:
        return False
    if case.decision == decision.OPEN:
        unknown_matches = unlicensed - look_alikes
        return bool(unknown_matches - related_matches) or (
            case.is_pending and (bool(unknown_matches) or not unlicensed)
        )
    case_rows = [row for row in gained_rows if row.case_id == case.pk]
    new_rows = [row for row in case_rows if row.licence_id is None and row.match_id not in related_matches]
    if case.decision == decision.DISMISSED:
        earlier_matches = set(
            case.case_sightings.exclude(pk__in=[row.pk for row in case_rows]).values_list("match_id", flat=True)
        )
        new_rows = [row for row in new_rows if row.match_id not in earlier_matches | look_alikes]
    return bool(new_rows) or case.is_pending


def store_case_look_alikes(case: Case, by: str) -> None:
    """Store the pairs of a dismissed case as the owner's look-alikes. Call it in the decision's transaction."""
    pairs = Match.objects.filter(case_sightings__case=case).values_list("registered_id", "found_id").distinct()
    fields = {"owner_id": case.owner_id, "case": case, "dismissed_by": by, "dismissed_at": now()}
    rows = [LookAlike(registered_id=registered_id, found_id=found_id, **fields) for registered_id, found_id in pairs]
    LookAlike.objects.bulk_create(rows, ignore_conflicts=True)


def store_flood_look_alikes(flood: Flood, pairs: Iterable[tuple[int, int]], by: str) -> None:
    """Store the pairs of a dismissed flood as the owner's look-alikes. Call it in the decision's transaction."""
    fields = {"owner_id": flood.work.owner_id, "flood": flood, "dismissed_by": by, "dismissed_at": now()}
    rows = [LookAlike(registered_id=registered_id, found_id=found_id, **fields) for registered_id, found_id in pairs]
    copy_into(rows, conflict=("owner_id", "registered_id", "found_id"))


def delete_look_alikes(case: Case) -> int:
    """Delete the look-alikes stored for a reopened case; return their number."""
    return LookAlike.objects.filter(case=case).delete()[0]


def find_look_alikes(owner: int, matches: Sequence[Match]) -> set[int]:
    """Return the primary keys of matches whose pairs, or nearly identical pairs, are known look-alikes."""
    found_by_registered: dict[int, set[int]] = defaultdict(set)
    registered_ids = {match.registered_id for match in matches}
    rows = LookAlike.objects.filter(owner=owner, registered__in=registered_ids).values_list("registered_id", "found_id")
    for registered_id, found_id in rows:
        found_by_registered[registered_id].add(found_id)
    if not found_by_registered:
        return set()
    exact_matches = {match.pk for match in matches if match.found_id in found_by_registered[match.registered_id]}
    return exact_matches | _find_near_look_alikes(
        [match for match in matches if match.pk not in exact_matches], found_by_registered
    )


def _find_near_look_alikes(matches: Sequence[Match], found_by_registered: Mapping[int, set[int]]) -> set[int]:
    candidates = [match for match in matches if found_by_registered.get(match.registered_id)]
    if not candidates:
        return set()
    dismissed_ids = set().union(*(found_by_registered[match.registered_id] for match in candidates))
    hashes = load_hashes({*dismissed_ids, *(match.found_id for match in candidates)})
    near_matches = set()
    for match in candidates:
        hash_value = hashes.get(match.found_id)
        dismissed_hashes = [
            hashes[found_id] for found_id in found_by_registered[match.registered_id] if found_id in hashes
        ]
        if hash_value is not None and any(
            (hash_value ^ other_hash).bit_count() <= min(MAX_NEAR_DISTANCE, match.hamming - 1)
            for other_hash in dismissed_hashes
        ):
            near_matches.add(match.pk)
    return near_matches


def load_hashes(pictures: Iterable[int]) -> dict[int, int]:
    """Load the perceptual hashes of whole pictures by primary key; pictures without a hash are omitted."""
    rows = FingerprintRow.objects.filter(picture__in=list(pictures), space__name=HASH_SPACE, part=HASH_PART)
    return {picture: int.from_bytes(bytes(vector), "big") for picture, vector in rows.values_list("picture", "vector")}
