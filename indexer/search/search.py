"""Search from one picture to the registered works that it shows.

The caller (the match step, the folder matcher, a benchmark) provides the works. This module alone decides the order of
the steps, from cheap to expensive:

1. The hashes of the picture, of the content inside its borders, of its panels and its inset are searched for. An icon
   is searched for by its hash only.
2. Its strongest quick features vote for works. If the votes are significant, the descriptor of the whole picture is
   searched for. If none of these finds a candidate (:attr:`Search.is_promising`), the picture is unrelated, and steps 3
   and 4 are skipped.
3. The works found by hash, votes and the descriptors of the picture and its parts are compared; descriptors are skipped
   if only weak votes indicate a work. Works found by the hash of the negative are always compared.
4. The parts of the picture that certain matches do not explain vote again, as the picture may show further works.
5. Each picture within the picture, in a sheet of dozens or nested, is searched for separately.

The comparison with a work and its result do not depend on other works: a picture may be registered twice, and a page
may be one work and show another. Each candidate is first compared by quick features. All features are measured only if
these do not rule out a match, or if far more of them vote for a work than chance explains.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import Generic, Protocol, TypeVar

import numpy as np

from exhibit.pictures.decode import Limits
from exhibit.ports import VectorIndex
from exhibit.types import Decision, Verification
from indexer.compare.decision import DetailedVerification, reject_quickly, verify
from indexer.picture.features import DEFAULT_LIMITS, Features, Part, extract, invert_features
from indexer.picture.local_features import LocalFeatures
from indexer.picture.spaces import ROOTSIFT
from indexer.search.candidates import (
    FEW_VOTED_WORKS,
    MAX_CANDIDATES,
    Candidate,
    estimate_chance,
    find_descriptor_candidates,
    find_hash_candidates,
    find_vote_candidates,
    interleave,
    iterate_distinct,
    select_prominent_works,
)
from indexer.search.parts import find_parts, query_parts, restate_agreement, select_similar_parts, verify_part
from indexer.votes.index import Vote, VoteIndex

MIN_EXPLAINED_FRACTION = 0.9
"""Minimum fractions of a picture and of a work covered by a match for the two to count as the same picture."""
LOUD_VOTE_RATIO = 4.0
"""Ratio of a work's votes to chance from which all features are measured even if the quick comparison rejects the pair:
a copy that fills a sixth of a picture has few of the quick features. Of 200 unrelated pictures, 8 have such a work
among 100, and 13 have one from a ratio of three. Of 2,032 copies, as many were found without this rule as with a ratio
of three, when at most twelve parts of a picture and those of one size were compared."""
MIN_LOUDEST_RATIO = 2.0
"""Minimum ratio of the votes of the work with the most votes to those of any other work. If several works have
similarly many votes, these come from a texture. Of 840 pictures, 600 of them copies, none was decided differently with
this rule."""
MIN_REMAINING_FEATURES = 40
"""Minimum quick features outside explained parts for a search for further works."""
QUICK_QUERY_COUNT = 150
"""Number of quick features, the strongest of each region, that vote for works first."""
MIN_PROMISING_VOTE_RATIO, MAX_PROMISING_HASH_DISTANCE, MAX_PROMISING_DESCRIPTOR_DISTANCE = 2.5, 80, 0.35
"""Limits for a candidate: minimum ratio of its votes to chance, maximum bits, maximum 1 − cosine. Of 352 copies of 40
among 10,000 works, by edits, single changes and chains of them, these rules and 150 features lose none that is found
without them. Of 60 unrelated pictures, 52 have no candidate, which saves two thirds of the cost."""
MIN_VOTE_RATIO_FOR_WHOLE = 1.9
"""Minimum ratio of votes to chance for searching with the descriptor of the whole; with fewer votes, it finds no copy
either. Of 3,069 copies by edits, by single changes and at 48 to 200 pixels, 6 are candidates by the descriptor alone;
the two of them with fewer votes are negatives, which the hash of the negative finds. Of 100 unrelated pictures, more
than half have fewer votes. For a small picture, votes alone decide: of 379 that were found, none is a candidate by the
descriptor alone, and two in five of 177 unrelated ones have more votes."""
MIN_VOTE_RATIO_FOR_DESCRIPTORS = 3.0
"""Minimum ratio of votes to chance for searching with all descriptors if votes are the only indication of a work. Half
of the unrelated pictures with candidates by votes have a lower ratio. Of 1,681 copies, 17 have a lower ratio, and
descriptors alone find none of them."""
UPRIGHT_HASH_COUNT = 2
"""Number of hashes of a negative that are searched for: upright and mirrored."""
MAX_ROUNDS = 3
"""Maximum number of searches with the unexplained parts."""
FINAL_DECISIONS = (Decision.CERTAIN, Decision.REVIEW)
"""Decisions after which the pictures within a picture are not searched."""

Key = TypeVar("Key", bound=Hashable)
"""Identifier of a registered picture, chosen by the caller: a primary key, a list index."""


class Works(Protocol[Key]):
    """The registered pictures, for one process."""

    @property
    def hashes(self) -> VectorIndex:
        """Index of their hashes."""

    @property
    def descriptors(self) -> VectorIndex:
        """Index of their descriptors."""

    @property
    def votes(self) -> VoteIndex:
        """Index of their local features."""

    def owners(self, candidates: Iterable[Candidate]) -> Mapping[tuple[str, int], Key]:
        """Return the work of each candidate's vector, by space and number; deleted ones are omitted."""

    def features(self, work: Key) -> Features | None:
        """Return the features of a registered picture; ``None`` if they are unavailable, and the picture is skipped."""


def find_works(
    found_picture: Features,
    load: Callable[[], bytes],
    works: Works[Key],
    limits: Limits = DEFAULT_LIMITS,
    hash_hits: Sequence[Candidate] | None = None,
) -> list[tuple[Key, Verification]]:
    """Search for the works that a picture shows.

    Results include all registered pictures that were compared, also without a match, most promising first.

    Args:
        found_picture: Features of the picture.
        load: Returns its exact bytes, to cut out pictures within it.
        works: The registered works.
        limits: Limits for decoding.
        hash_hits: Results of ``candidates.find_hash_candidates`` for it, if several pictures were searched together.

    Returns:
        The works with their verifications.
    """
    search = Search(found_picture, load, works, limits)
    search.run(hash_hits)
    return list(search.verifications.items())


def compare_pair(found_picture: Features, registered_picture: Features, works: int = 0) -> DetailedVerification:
    """Compare a pair that was found among ``works`` works: by quick features, then by all unless these reject the pair.

    A small picture has few features, so it is always compared with all of them.
    """
    if not found_picture.is_small:
        rejection = reject_quickly(found_picture, registered_picture)
        if rejection is not None:
            return rejection
    return verify(found_picture, registered_picture, works)


def compare_pictures(registered: bytes, found_picture: bytes, limits: Limits = DEFAULT_LIMITS) -> Verification:
    """Compare two pictures, given as bytes. The result has no probability, which requires a calibration.

    Raises:
        UnreadablePictureError: One of them is not a picture within the limits.
    """
    return compare_thoroughly(
        extract(found_picture, limits), lambda: found_picture, extract(registered, limits), limits
    )


def compare_thoroughly(
    found_picture: Features, load: Callable[[], bytes], registered_picture: Features, limits: Limits = DEFAULT_LIMITS
) -> Verification:
    """Compare a single pair with all features, as requested by a user.

    If the match is not certain, the pictures within the picture are compared, too; the most certain result is returned.

    Raises:
        ExhibitError: The bytes cannot be loaded or decoded.
    """
    verification: Verification = restate_agreement(
        verify(found_picture, registered_picture), found_picture, load, registered_picture, limits
    )
    if verification.decision in FINAL_DECISIONS or found_picture.is_icon:
        return verification
    for part in select_similar_parts(find_parts(found_picture, load, limits), registered_picture):
        part_verification = verify_part(part, found_picture, load, registered_picture, limits)
        verification = (
            part_verification if part_verification.decision.rank > verification.decision.rank else verification
        )
        if verification.decision in FINAL_DECISIONS:
            break
    return verification


def compare_without_search(
    found_picture: Features, load: Callable[[], bytes], registered_picture: Features, limits: Limits = DEFAULT_LIMITS
) -> Verification:
    """Compare a pair that no search of :func:`find_works` has returned, with the same decision rules.

    If no match is found, the pictures within the picture are compared.

    Raises:
        ExhibitError: The bytes cannot be loaded or decoded.
    """
    verification = restate_agreement(
        compare_pair(found_picture, registered_picture), found_picture, load, registered_picture, limits
    )
    if verification.decision is not Decision.NONE or found_picture.is_icon:
        return verification
    for part in select_similar_parts(find_parts(found_picture, load, limits), registered_picture):
        part_verification = verify_part(part, found_picture, load, registered_picture, limits)
        if part_verification.decision is not Decision.NONE:
            return part_verification
    return verification


def _invert_upright_hashes(found_picture: Features) -> Features:
    """Return the negative with its upright and mirrored hashes only, because negatives are rarely rotated."""
    inverted_picture = invert_features(found_picture)
    return replace(inverted_picture, hash_variants=inverted_picture.hash_variants[:UPRIGHT_HASH_COUNT])


class Search(Generic[Key]):
    """Search for the works that one picture shows, with its comparisons up to now."""

    def __init__(self, found_picture: Features, load: Callable[[], bytes], works: Works[Key], limits: Limits) -> None:
        self.verifications: dict[Key, Verification] = {}
        self.hash_hits: Sequence[Candidate] = ()  # candidates by hash, nearest first
        self.ranked_works: list[list[Key]] = []  # works found by each query, most promising first
        self.found_picture = found_picture
        self.load = load
        self.works = works
        self.limits = limits
        self.hashes = works.hashes
        self.count = len(self.hashes)  # maximum number of pictures among which a compared work was found

    @property
    def certain_matches(self) -> list[tuple[Key, Verification]]:
        """Works with a certain match, and their verifications."""
        return [
            (work, verification)
            for work, verification in self.verifications.items()
            if verification.decision is Decision.CERTAIN
        ]

    def run(self, hash_hits: Sequence[Candidate] | None = None) -> None:
        """Compare all promising works, as described at :func:`find_works`."""
        picture = self.found_picture
        self.hash_hits = find_hash_candidates([picture], self.hashes)[0] if hash_hits is None else hash_hits
        if picture.is_icon:
            self.compare_candidates(self.hash_hits)
            return
        inverted_picture = find_hash_candidates([_invert_upright_hashes(picture)], self.hashes)[0]
        if self.is_promising:
            has_few_votes = (
                MIN_PROMISING_VOTE_RATIO <= self.vote_ratio < MIN_VOTE_RATIO_FOR_DESCRIPTORS
                and not self.is_composed_or_near
            )
            descriptor_hits = [] if has_few_votes else find_descriptor_candidates(picture, self.descriptors)
            self.compare_candidates(
                self.hash_hits, interleave(select_prominent_works(self.quick_votes), descriptor_hits), inverted_picture
            )
            self.search_remaining_features()
        else:
            self.compare_candidates(inverted_picture)
        self.search_parts()

    @cached_property
    def descriptors(self) -> VectorIndex:
        """Index of descriptors, opened on first use and kept for the whole search."""
        return self.works.descriptors

    @cached_property
    def votes(self) -> VoteIndex:
        """Index of local features, opened on first use and kept for the whole search."""
        return self.works.votes

    @cached_property
    def quick_votes(self) -> list[Vote]:
        """Votes of the strongest quick features."""
        return self.votes.votes(self.found_picture.quick_features.descriptors[:QUICK_QUERY_COUNT])

    @property
    def vote_ratio(self) -> float:
        """Ratio of the heaviest work's votes to chance; 0 without votes or an estimate of chance."""
        return self.quick_votes[0].weight / estimate_chance(self.quick_votes) if self.quick_votes else 0.0

    @cached_property
    def is_composed_or_near(self) -> bool:
        """True if the picture consists of several parts, or its hash is near that of a work."""
        composed = bool(self.found_picture.panels) or self.found_picture.inset is not None
        return composed or any(hit.distance <= MAX_PROMISING_HASH_DISTANCE for hit in self.hash_hits)

    @cached_property
    def is_promising(self) -> bool:
        """True if a cheap feature indicates a work, or the picture consists of several parts."""
        if self.is_composed_or_near:
            return True
        if 0 < len(self.quick_votes) <= FEW_VOTED_WORKS:  # chance cannot be estimated
            return True
        if self.quick_votes and (
            self.found_picture.is_small or not MIN_VOTE_RATIO_FOR_WHOLE <= self.vote_ratio < MIN_PROMISING_VOTE_RATIO
        ):
            return self.vote_ratio >= MIN_PROMISING_VOTE_RATIO
        return bool(
            self.descriptors.search(self.found_picture.embedding[None], k=1, within=MAX_PROMISING_DESCRIPTOR_DISTANCE)[
                0
            ]
        )

    def compare_candidates(self, *rounds: Iterable[Candidate]) -> None:
        """Compare the works of candidates that have not been compared yet.

        The number of comparisons per round is limited; the owners of all rounds are queried together.
        """
        groups = [list(candidates) for candidates in rounds]
        owners = self.works.owners(chain.from_iterable(groups))
        for group in groups:
            self._compare_group(group, owners)

    def _compare_group(self, candidates: Sequence[Candidate], owners: Mapping[tuple[str, int], Key]) -> None:
        def get_owner(candidate: Candidate) -> Key | None:
            return owners.get((candidate.space, candidate.number))

        loud_works = {get_owner(hit) for hit in find_loudest_work(candidates)}
        self.ranked_works.append([*iterate_distinct(candidates, get_owner, len(candidates))])
        for work in [work for work in self.ranked_works[-1][:MAX_CANDIDATES] if work not in self.verifications]:
            registered_picture = self.works.features(work)
            if registered_picture is not None:
                verification = compare_pair(self.found_picture, registered_picture, self.count)
                if work in loud_works and verification.glance:
                    verification = verify(self.found_picture, registered_picture, self.count)
                self._record(
                    work,
                    restate_agreement(
                        verification, self.found_picture, self.load, registered_picture, self.limits, self.count
                    ),
                )

    def search_parts(self) -> None:
        """Compare each picture within the picture with similar works, as if it had been found separately."""
        parts = find_parts(self.found_picture, self.load, self.limits)
        if not parts:
            return
        hits = query_parts(parts, self.descriptors)
        owners = self.works.owners([candidate for _, candidate in hits])
        first: dict[Key, Part] = {}
        for part, candidate in hits:
            work = owners.get((candidate.space, candidate.number))
            if work is not None and self._is_undecided(work):
                first.setdefault(work, part)
        self.ranked_works.append([*first])
        for work, part in list(first.items())[:MAX_CANDIDATES]:
            registered_picture = self.works.features(work)
            if registered_picture is not None:
                verification = verify_part(
                    part, self.found_picture, self.load, registered_picture, self.limits, self.count * len(parts)
                )
                self._record(work, verification)

    def _is_undecided(self, work: Key) -> bool:
        existing = self.verifications.get(work)
        return existing is None or existing.decision not in FINAL_DECISIONS

    def _record(self, work: Key, verification: Verification) -> None:
        """Keep the more certain result for a work; of two equal ones, the first."""
        existing = self.verifications.get(work)
        if existing is None or verification.decision.rank > existing.decision.rank:
            self.verifications[work] = verification

    def search_remaining_features(self) -> None:
        """Search for further works with the features outside explained parts, until these find none."""
        for _ in range(MAX_ROUNDS):
            matches = self.certain_matches
            if not matches:
                return
            features = self.found_picture.quick_features
            for work, verification in matches:
                features = self._exclude_copies(features, work, verification)
            if len(features) < MIN_REMAINING_FEATURES:
                return
            self.compare_candidates(find_vote_candidates(features, self.votes))
            if len(self.certain_matches) == len(matches):
                return

    def _exclude_copies(self, local: LocalFeatures, work: Key, verification: Verification) -> LocalFeatures:
        """Return the features outside all copies of a work."""
        registered_picture = self.works.features(work)
        for transform in (verification.transform, *verification.further):
            if transform is not None and registered_picture is not None:
                local = local.exclude_inside(
                    np.array(transform), (registered_picture.info.width, registered_picture.info.height)
                )
        return local


def find_loudest_work(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidate whose votes far exceed chance and the votes of all other works; empty if there is none."""
    hits = sorted((hit for hit in candidates if hit.space == ROOTSIFT.id), key=lambda hit: hit.distance)
    is_loud = hits and hits[0].distance <= 1 / LOUD_VOTE_RATIO
    return hits[:1] if is_loud and all(hit.distance >= MIN_LOUDEST_RATIO * hits[0].distance for hit in hits[1:]) else []
