"""What a person cleared is learned: the same pair of pictures, and near-same found ones, ask for nobody again.

A pair is learned for one owner: a registered picture, and a found one that isn't a copy of it. A found picture is
near-same when its hash differs from a cleared one's in a few bits, and in fewer than from the registered picture's.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from exhibit.clock import now
from registry.db.bulk import copy_into
from registry.models import Case, FingerprintRow, Flood, LookAlike, Match

HASH, PART = "phash256", "whole"
NEAR = 10
"""Bits of 256 in which the hashes of near-same found pictures differ at most."""


def learn(case: Case, by: str) -> None:
    """Learn the pairs of a case that a person cleared, for its owner; inside the transaction of that decision."""
    pairs = Match.objects.filter(case_sightings__case=case).values_list("registered_id", "found_id").distinct()
    cleared = {"owner_id": case.owner_id, "case": case, "cleared_by": by, "cleared_at": now()}
    rows = [LookAlike(registered_id=registered, found_id=found, **cleared) for registered, found in pairs]
    LookAlike.objects.bulk_create(rows, ignore_conflicts=True)


def learn_flood(flood: Flood, pairs: Iterable[tuple[int, int]], by: str) -> None:
    """Learn the pairs that a flood held back, as a person dismisses them; inside a transaction."""
    cleared = {"owner_id": flood.work.owner_id, "flood": flood, "cleared_by": by, "cleared_at": now()}
    rows = [LookAlike(registered_id=registered, found_id=found, **cleared) for registered, found in pairs]
    copy_into(rows, conflict=("owner_id", "registered_id", "found_id"))


def forget(case: Case) -> int:
    """Forget what a case taught, because it was opened again; returns how many pairs that were."""
    return LookAlike.objects.filter(case=case).delete()[0]


def known_among(owner: int, matches: Sequence[Match]) -> set[int]:
    """Those of the matches (primary keys) whose pairs the owner's people cleared before, or nearly so."""
    learned: dict[int, set[int]] = defaultdict(set)
    registered = {match.registered_id for match in matches}
    rows = LookAlike.objects.filter(owner=owner, registered__in=registered).values_list("registered_id", "found_id")
    for picture, found in rows:
        learned[picture].add(found)
    if not learned:
        return set()
    same = {match.pk for match in matches if match.found_id in learned[match.registered_id]}
    return same | _near([match for match in matches if match.pk not in same], learned)


def _near(matches: Sequence[Match], learned: Mapping[int, set[int]]) -> set[int]:
    concerned = [match for match in matches if learned.get(match.registered_id)]
    if not concerned:
        return set()
    cleared = set().union(*(learned[match.registered_id] for match in concerned))
    hashes = hashes_of({*cleared, *(match.found_id for match in concerned)})
    found = set()
    for match in concerned:
        code = hashes.get(match.found_id)
        others = [hashes[other] for other in learned[match.registered_id] if other in hashes]
        if code is not None and any((code ^ other).bit_count() <= min(NEAR, match.hamming - 1) for other in others):
            found.add(match.pk)
    return found


def hashes_of(pictures: Iterable[int]) -> dict[int, int]:
    """The hashes of whole pictures, by primary key; those that have none are left out."""
    rows = FingerprintRow.objects.filter(picture__in=list(pictures), space__name=HASH, part=PART)
    return {picture: int.from_bytes(bytes(vector), "big") for picture, vector in rows.values_list("picture", "vector")}
