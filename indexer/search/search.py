"""Search from one picture to the registered works that it shows.

The caller (the match step, the folder matcher, a benchmark) provides the works. This module alone decides which of them
are compared with the picture:

1. A first look: the hashes of the picture, of the content inside its borders, of its panels and its inset are searched
   for, its strongest local features vote for works, and its descriptor is searched for. If none of these indicates a
   work (:attr:`Search.is_promising`), the picture is unrelated, and steps 2 and 3 are skipped.
2. All its local features vote. The works found by hash, votes and the descriptors of the picture and its parts are
   compared. Works found by the hash of the negative are always compared.
3. The parts of the picture that certain matches do not explain vote again, as the picture may show further works.
4. Each picture within the picture, in a sheet of dozens or nested, is searched for separately.

An icon is searched for by its hash only. :class:`indexer.search.comparison.PictureComparison` makes every comparison.
The result for a work does not depend on other works: a picture may be registered twice, and a page may be one work and
show another.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import Generic, Protocol, TypeVar

import numpy as np

from exhibit.pictures.decode import Limits
from exhibit.ports import VectorIndex
from exhibit.types import Decision, Hit, Verification
from indexer.picture.features import DEFAULT_LIMITS, Features, invert_features
from indexer.picture.local_features import LocalFeatures
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
from indexer.search.comparison import MAX_PART_DISTANCE, PictureComparison
from indexer.votes.index import Vote, VoteIndex

MIN_REMAINING_FEATURES = 40
"""Minimum local features outside explained parts for a search for further works."""
FIRST_QUERY_COUNT = 150
"""Number of local features, the strongest of each region, that vote for works in the first look."""
MIN_PROMISING_VOTE_RATIO, MAX_PROMISING_HASH_DISTANCE, MAX_PROMISING_DESCRIPTOR_DISTANCE = 2.5, 80, 0.35
"""Limits of the first look: minimum ratio of a work's votes to chance, maximum bits, maximum 1 − cosine."""
MIN_PROMISING_MARGIN, BACKGROUND_HITS = 0.15, slice(5, 15)
"""Minimum difference in cosine between the nearest descriptor and the mean of those in the background ranks: the
descriptor of the picture stands out."""
UPRIGHT_HASH_COUNT = 2
"""Number of hashes of a negative that are searched for: upright and mirrored."""
MAX_ROUNDS = 3
"""Maximum number of searches with the unexplained parts."""
MAX_WORKS_PER_PART = 3
"""Maximum number of works that are compared for each picture within the picture."""
ANY_DISTANCE = 2.0
"""Largest possible 1 − cosine."""

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
        self.comparison = PictureComparison(found_picture, load, limits)
        self.works = works
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
        """Compare all promising works, as described at the top of this module."""
        picture = self.found_picture
        self.hash_hits = find_hash_candidates([picture], self.hashes)[0] if hash_hits is None else hash_hits
        if picture.is_icon:
            self.compare_candidates(self.hash_hits)
            return
        inverted_hits = find_hash_candidates([_invert_upright_hashes(picture)], self.hashes)[0]
        if self.is_promising:
            vote_hits = select_prominent_works(self.all_votes)
            descriptor_hits = find_descriptor_candidates(picture, self.descriptors)
            self.compare_candidates(self.hash_hits, interleave(vote_hits, descriptor_hits), inverted_hits)
            self.search_remaining_features()
        else:
            self.compare_candidates(inverted_hits)
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
    def first_votes(self) -> list[Vote]:
        """Votes of the strongest local features."""
        return self.votes.votes(self.found_picture.local.descriptors[:FIRST_QUERY_COUNT])

    @cached_property
    def all_votes(self) -> list[Vote]:
        """Votes of all local features."""
        return self.votes.votes(self.found_picture.local.descriptors)

    @property
    def vote_ratio(self) -> float:
        """Ratio of the heaviest work's votes to chance; 0 without votes or an estimate of chance."""
        return self.first_votes[0].weight / estimate_chance(self.first_votes) if self.first_votes else 0.0

    @cached_property
    def nearest_descriptors(self) -> Sequence[Hit]:
        """Registered descriptors nearest to that of the whole picture."""
        return self.descriptors.search(self.found_picture.embedding[None], k=BACKGROUND_HITS.stop, within=ANY_DISTANCE)[
            0
        ]

    @property
    def descriptor_margin(self) -> float:
        """Difference in cosine between the nearest descriptor and those in the background ranks; 0 if there are few."""
        background = [hit.distance for hit in self.nearest_descriptors[BACKGROUND_HITS]]
        return float(np.mean(background)) - self.nearest_descriptors[0].distance if background else 0.0

    @cached_property
    def is_promising(self) -> bool:
        """True if the hash, the votes or the descriptor indicate a work, or the picture consists of several parts."""
        picture = self.found_picture
        return (
            bool(picture.panels)
            or picture.inset is not None
            or any(hit.distance <= MAX_PROMISING_HASH_DISTANCE for hit in self.hash_hits)
            or 0 < len(self.first_votes) <= FEW_VOTED_WORKS  # chance cannot be estimated
            or self.vote_ratio >= MIN_PROMISING_VOTE_RATIO
            or self.descriptor_margin >= MIN_PROMISING_MARGIN
            or any(hit.distance <= MAX_PROMISING_DESCRIPTOR_DISTANCE for hit in self.nearest_descriptors[:1])
        )

    def compare_candidates(self, *rounds: Iterable[Candidate]) -> None:
        """Compare the works of candidates that have not been compared yet.

        The number of comparisons per round is limited; the owners of all rounds are queried together.
        """
        groups = [list(candidates) for candidates in rounds]
        owners = self.works.owners(chain.from_iterable(groups))
        for group in groups:

            def get_owner(candidate: Candidate) -> Key | None:
                return owners.get((candidate.space, candidate.number))

            self.ranked_works.append([*iterate_distinct(group, get_owner, len(group))])
            self._compare_works(self.ranked_works[-1][:MAX_CANDIDATES])

    def _compare_works(self, works: Iterable[Key]) -> None:
        """Compare works that have not been compared yet."""
        for work in works:
            if work not in self.verifications and (registered_picture := self.works.features(work)) is not None:
                self.verifications[work] = self.comparison.compare(registered_picture, self.count)

    def search_parts(self) -> None:
        """Compare the works nearest to each picture within the picture, a few for each."""
        if not self.comparison.parts:
            return
        hits_by_part = self.descriptors.search(
            self.comparison.part_descriptors, k=MAX_WORKS_PER_PART, within=MAX_PART_DISTANCE
        )
        hits = sorted(chain.from_iterable(hits_by_part), key=lambda hit: hit.distance)
        candidates = [Candidate(self.descriptors.space.id, hit.number, hit.distance) for hit in hits]
        owners = self.works.owners(candidates)
        self.ranked_works.append(
            [*dict.fromkeys(owners[key] for hit in candidates if (key := (hit.space, hit.number)) in owners)]
        )
        self._compare_works(self.ranked_works[-1])

    def search_remaining_features(self) -> None:
        """Search for further works with the features outside explained parts, until these find none."""
        for _ in range(MAX_ROUNDS):
            matches = self.certain_matches
            if not matches:
                return
            features = self.found_picture.local
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
