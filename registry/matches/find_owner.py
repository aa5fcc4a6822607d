"""Public search for the owner of a picture, limited to works whose owners allow the public search.

Results do not distinguish between private, removed and unknown works: none of them is compared, named or counted.
"""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from django.db.models import QuerySet

from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import ServiceMissingError
from exhibit.pictures.decode import Limits
from exhibit.types import Decision, Verification
from indexer.draw.difference import compute_differing_fraction
from indexer.draw.draw import View, draw_small
from indexer.draw.pair import Pair
from indexer.picture.features import Features, extract
from indexer.picture.spaces import PHASH
from indexer.search.series import MIN_EXPLAINED_FRACTION
from registry.fingerprints.fingerprints import Collection, map_pictures
from registry.fingerprints.indexes import MAX_NEIGHBOURS
from registry.fingerprints.ports import get_descriptors, get_indexes
from registry.log.log import submit_entry
from registry.matches.identify import WorksSubset
from registry.pictures.models import Picture
from registry.services.services import Services
from registry.works.models import Work, WorkPicture
from registry.works.public_works import list_public_works

MAX_UPLOAD_BYTES = 16 * 1024 * 1024
"""Maximum size in bytes of a picture in a public search."""
MAX_SECONDS = 20.0
MAX_LISTED_WORKS = 5
"""Maximum number of works listed in a response; the others are only counted."""
MAX_ROUNDS = 6
MAX_MAP_SIDE = 640
MAX_SAME_DISTANCE = 10  # maximum distance in bits between hashes of pictures that look the same
MIN_DIFFERENCE = 0.001
"""Fraction of the common area below which no difference is reported."""


class Verdict(StrEnum):
    """Relation of a picture to a work. Values are ordered from most to least certain."""

    SAME = "same-file"
    CHANGED = "changed"
    PART = "part"
    POSSIBLE = "perhaps"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PublicWorkMatch:
    """A work in the public search that the picture shows."""

    work: Work
    picture: Picture
    verdict: Verdict
    verification: Verification | None  # ``None`` for the same file, which needs no comparison


@dataclass(frozen=True, slots=True)
class ChangeMap:
    """Location of a picture in a work, and the differences. It does not show the registered picture."""

    image: bytes  # JPEG: the submitted picture in grey, differences in orange
    differing: float  # fraction of the common area that differs, 0 to 1
    corners: list[list[int]]  # corners of the common area, x and y in pixels of the registered picture


@dataclass(frozen=True, slots=True)
class OwnerSearchResult:
    """Result of a search for one picture."""

    digest: Digest
    claims: tuple[PublicWorkMatch, ...]  # the first of each owner, in order of registration
    more: int  # number of further matching or similar works that are not named; at least this many
    owners: int  # number of owners who claim the picture
    complete: bool  # True if the search was completed
    too_plain: tuple[str, ...]  # why the picture cannot be distinguished from others

    @property
    def verdict(self) -> Verdict:
        """The most certain verdict."""
        return min((claim.verdict for claim in self.claims), key=list(Verdict).index, default=Verdict.UNKNOWN)


def get_upload_limits(services: Services) -> Limits:
    """Return the decoding limits for pictures in a public search."""
    return replace(services.limits, max_bytes=min(MAX_UPLOAD_BYTES, services.limits.max_bytes))


def find_owners(services: Services, data: bytes) -> OwnerSearchResult:
    """Search the works in the public search for a picture, and log the search. Nothing else is stored.

    Raises:
        UnreadablePictureError: The picture cannot be decoded.
        ServiceMissingError: The search takes too long.
    """
    get_descriptors(services).refresh()
    limits = get_upload_limits(services)
    features = extract(data, limits, descriptor=get_descriptors(services).serving)
    get_indexes(services).refresh(Collection.WORKS)
    public_pictures = WorkPicture.objects.filter(work__in=list_public_works()).select_related("work__owner", "picture")
    claims = {
        row.work_id: PublicWorkMatch(row.work, row.picture, Verdict.SAME, None)
        for row in public_pictures.filter(picture__digest=features.digest)
    }
    deadline, remaining_pictures, is_complete = time.monotonic() + MAX_SECONDS, public_pictures, False
    for _ in range(MAX_ROUNDS):  # works found first hide others, so the search is repeated without them
        search = WorksSubset(services, remaining_pictures, series_works=public_pictures)
        search.deadline = deadline
        try:
            verifications = dict(search.find(features, lambda: data))
        except ServiceMissingError:
            if not claims:
                raise
            break
        matches = {
            pk: verification
            for pk, verification in verifications.items()
            if verification.decision in (Decision.CERTAIN, Decision.REVIEW)
        }
        rows = list(remaining_pictures.filter(picture__in=matches))
        for row in rows:
            verification = matches[row.picture_id]
            claim = PublicWorkMatch(row.work, row.picture, _to_verdict(verification), verification)
            earlier_claim = claims.get(row.work_id, claim)
            # The most certain claim
            claims[row.work_id] = min(
                earlier_claim, claim, key=lambda candidate: list(Verdict).index(candidate.verdict)
            )
        if not rows:
            is_complete = not search.errors_by_work
            break
        remaining_pictures = remaining_pictures.exclude(work__owner__in={row.work.owner_id for row in rows}).exclude(
            picture__in=verifications
        )
    ordered_claims = _interleave_owners(claims.values())
    owners = len({claim.work.owner_id for claim in claims.values()})
    work_ids = claims.keys() | (
        _find_works_with_same_appearance(services, public_pictures, features)
        if claims and not features.plain_reasons
        else set()
    )
    further_count = len(work_ids - {claim.work.pk for claim in ordered_claims[:MAX_LISTED_WORKS]})
    result = OwnerSearchResult(
        features.digest,
        tuple(ordered_claims[:MAX_LISTED_WORKS]),
        further_count,
        owners,
        is_complete,
        features.flat_reasons,
    )
    facts = {"verdict": str(result.verdict), "works": [claim.work.public_name for claim in result.claims]}
    details = {"digest": features.digest.hex, **facts}
    submit_entry(EntryType.ACCESS, {"way": "lookup", "what": "whose picture it is"}, details=details)
    return result


def make_change_map(services: Services, claim: PublicWorkMatch, data: bytes) -> ChangeMap | None:
    """Return the location and differences of a picture in a work; ``None`` if there is no alignment."""
    if claim.verification is None or claim.verification.transform is None:
        return None
    registered_bytes = services.blobs.get(claim.picture.digest)
    pair = Pair.from_verification(data, registered_bytes, claim.verification, services.limits, MAX_MAP_SIDE)
    corners = np.round(pair.first_copy.registered_outline + 0.5).astype(int).tolist()
    return ChangeMap(draw_small(View.DIFFERENCE, pair), compute_differing_fraction(pair), corners)


def _find_works_with_same_appearance(
    services: Services, public_pictures: QuerySet[WorkPicture], features: Features
) -> set[int]:
    """Return works in the public search with a nearly identical hash, whether or not they were compared."""
    hits = WorksSubset(services, public_pictures).hashes.search(
        features.hash_variants, k=MAX_NEIGHBOURS, within=MAX_SAME_DISTANCE
    )
    numbers = {hit.number for row in hits for hit in row}
    pictures = map_pictures(Collection.WORKS, PHASH, numbers).values()
    return set(public_pictures.filter(picture__in=pictures).values_list("work", flat=True))


def _to_verdict(verification: Verification) -> Verdict:
    if verification.decision is not Decision.CERTAIN:
        return Verdict.POSSIBLE
    return Verdict.CHANGED if verification.overlap_work >= MIN_EXPLAINED_FRACTION else Verdict.PART


def _interleave_owners(matches: Iterable[PublicWorkMatch]) -> list[PublicWorkMatch]:
    """Sort claims: the first work of each owner, then the second of each, so that one owner cannot hide the others.

    Certain claims precede possible ones; among equals, the earlier registration comes first.
    """
    claims_by_owner: dict[int, list[PublicWorkMatch]] = defaultdict(list)
    for claim in sorted(matches, key=_sort_key):
        claims_by_owner[claim.work.owner_id].append(claim)
    ranked_claims = [
        (position, _sort_key(claim), claim)
        for owner_claims in claims_by_owner.values()
        for position, claim in enumerate(owner_claims)
    ]
    return [claim for _, _, claim in sorted(ranked_claims, key=lambda ranked_claim: ranked_claim[:2])]


def _sort_key(claim: PublicWorkMatch) -> tuple[bool, object, int]:
    return claim.verdict is Verdict.POSSIBLE, claim.work.registered_at, claim.work.pk
