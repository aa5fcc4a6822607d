"""Search from one picture to the registered works that it shows.

The caller (the match step, a folder without a server, a benchmark) provides the works; only this module decides the
order of the steps, from cheap to expensive:

1. The hash, of the picture, of the content inside its borders, of its panels and inset; for an icon nothing else.
2. The local votes of its strongest quick features, then, if these are significant, the descriptor of the whole picture.
   If neither these nor the hash promise a work (:attr:`Search.is_promising`), the picture is unrelated, and steps 3
   and 4 are skipped.
3. The works found by hash, votes and the descriptors of the picture and its parts are compared; descriptors are skipped
   if only votes promise a work, and weakly. Works found by the hash of the negative are compared in any case.
4. The parts of the picture that certain matches do not explain vote again, as it may show further works.
5. Each picture within the picture, in a sheet of dozens or nested, is searched for separately.

The comparison with a work and its result do not depend on other works: a picture may be registered twice, and a page
may be one work and show another. Each candidate is first compared by its quick figures; all features are measured only
if those are promising, or if far more of them vote for a work than chance explains.
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
from indexer.compare.decision import Examined, reject_at_glance, verify
from indexer.picture.features import DEFAULT_LIMITS, Features, Part, extract, invert_features
from indexer.picture.local_features import LocalFeatures
from indexer.picture.spaces import ROOTSIFT
from indexer.search.candidates import (
    FEW_VOTED,
    MAX_CANDIDATES,
    Candidate,
    estimate_chance,
    find_descriptor_candidates,
    find_hash_candidates,
    find_vote_candidates,
    interleave,
    iterate_distinct,
    select_prominent,
)
from indexer.search.parts import find_parts, query_parts, restate_agreement, select_similar_parts, verify_part
from indexer.votes.index import Vote, VoteIndex

EXPLAINED = 0.9
"""Shares of a picture and of a work shown by a match, from which the two are the same picture."""
LOUD = 4.0
"""Ratio of a work's votes to chance from which all features are measured even if a quick look shows nothing: a copy
that fills a sixth of a picture has few of the quick features. Of 200 unrelated pictures, 8 have such a work among
100, and 13 have one from a ratio of three. Of 2,032 copies, as many were found without this rule as with a ratio
of three, when at most twelve parts of a picture and those of one size were compared."""
APART = 2.0
"""Minimum ratio of the loudest work's votes to those of any other: if several are equally loud, it is a texture. Of
840 pictures, 600 of them copies, none was decided differently with this rule."""
MIN_REMAINING = 40
"""Minimum quick features outside explained parts for a search for further works."""
QUESTIONS = 150
"""Quick features, the strongest of each region, that vote for works first."""
VOTED_FOR, NEAR_HASH, NEAR_WHOLE = 2.5, 80, 0.35
"""Limits for a promising work: ratio of its votes to chance, bits, 1 − cosine. Of 352 copies of 40 among 10,000
works, by edits, single changes and chains of them, these rules and 150 features lose none that is found without
them; of 60 unrelated pictures, 52 promise nothing, which saves two thirds of the cost."""
WHOLE_FROM = 1.9
"""Ratio of votes to chance from which the descriptor of the whole is searched for: with fewer votes, it promises
nothing either. Of 3,069 copies by edits, by single changes and at 48 to 200 pixels, it alone promises 6; the two
of them with fewer votes are negatives, which the hash of the negative finds. Of 100 unrelated pictures, more than
half have fewer. For a small picture, votes alone decide: of 379 that were found, the descriptor alone promises
none, and two in five of 177 unrelated ones have more votes."""
DESCRIBED_FROM = 3.0
"""Ratio of votes to chance from which descriptors are searched for if nothing else promises a work: half of the
unrelated pictures that votes promise have fewer. Of 1,681 copies, 17 have fewer, and descriptors alone find none
of them."""
UPRIGHT = 2
"""Number of a negative's hashes that are searched for."""
ROUNDS = 3
"""Maximum rounds of searches with the unexplained parts."""
FINAL_DECISIONS = (Decision.CERTAIN, Decision.REVIEW)
"""Decisions after which the pictures within a picture are not searched."""

Key = TypeVar("Key", bound=Hashable)
"""A caller's identifier of a registered picture: a primary key, a position in a list."""


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
    """Return the results for every registered picture that was compared, in order of promise, including non-matches.

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


def compare(found: Features, registered: Features, works: int = 0) -> Examined:
    """Verify a pair that was named among ``works`` works: by quick features, then by all if these are promising.

    A small picture has few features, all of them cheap: it is always compared with all.
    """
    if not found.is_small:
        rejected = reject_at_glance(found, registered)
        if rejected is not None:
            return rejected
    return verify(found, registered, works)


def compare_pictures(registered: bytes, found_picture: bytes, limits: Limits = DEFAULT_LIMITS) -> Verification:
    """Compare two pictures by their exact bytes; the result has no probability, which a calibration provides.

    Raises:
        UnreadablePictureError: One of them is not a picture within the limits.
    """
    return compare_closely(extract(found_picture, limits), lambda: found_picture, extract(registered, limits), limits)


def compare_closely(
    found_picture: Features, load: Callable[[], bytes], registered: Features, limits: Limits = DEFAULT_LIMITS
) -> Verification:
    """Verify the one pair that a user asks about, with all features.

    If doubt remains, the pictures within the picture are compared, too; the most certain result is returned.

    Raises:
        ExhibitError: The bytes cannot be loaded or decoded.
    """
    verification: Verification = restate_agreement(
        verify(found_picture, registered), found_picture, load, registered, limits
    )
    if verification.decision in FINAL_DECISIONS or found_picture.is_icon:
        return verification
    for part in select_similar_parts(find_parts(found_picture, load, limits), registered):
        within = verify_part(part, found_picture, load, registered, limits)
        verification = within if within.decision.sureness > verification.decision.sureness else verification
        if verification.decision in FINAL_DECISIONS:
            break
    return verification


def compare_without_search(
    found: Features, load: Callable[[], bytes], registered: Features, limits: Limits = DEFAULT_LIMITS
) -> Verification:
    """Verify a pair that no search of :func:`find_works` has named, with the same decision rules.

    If no match is found, the pictures within the picture are compared.

    Raises:
        ExhibitError: The bytes cannot be loaded or decoded.
    """
    verification = restate_agreement(compare(found, registered), found, load, registered, limits)
    if verification.decision is not Decision.NONE or found.is_icon:
        return verification
    for part in select_similar_parts(find_parts(found, load, limits), registered):
        within = verify_part(part, found, load, registered, limits)
        if within.decision is not Decision.NONE:
            return within
    return verification


def _invert_upright(found_picture: Features) -> Features:
    """Return the negative with upright and mirrored hashes only, as negatives are seldom rotated as well."""
    inverted = invert_features(found_picture)
    return replace(inverted, hash_variants=inverted.hash_variants[:UPRIGHT])


class Search(Generic[Key]):
    """The comparisons of one picture so far."""

    def __init__(self, found: Features, load: Callable[[], bytes], works: Works[Key], limits: Limits) -> None:
        self.verifications: dict[Key, Verification] = {}
        self.hash_hits: Sequence[Candidate] = ()  # candidates by hash, nearest first
        self.ranked_works: list[list[Key]] = []  # works found by each query, in order of promise
        self.found_picture = found
        self.load = load
        self.works = works
        self.limits = limits
        self.hashes = works.hashes
        self.count = len(self.hashes)  # maximum number of pictures among which a compared work was found

    @property
    def certain_matches(self) -> list[tuple[Key, Verification]]:
        """The copies without doubt."""
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
            self.compare(self.hash_hits)
            return
        inverted = find_hash_candidates([_invert_upright(picture)], self.hashes)[0]
        if self.is_promising:
            has_few_votes = VOTED_FOR <= self.vote_ratio < DESCRIBED_FROM and not self.is_composed_or_near
            descriptor_hits = [] if has_few_votes else find_descriptor_candidates(picture, self.descriptors)
            self.compare(self.hash_hits, interleave(select_prominent(self.quick_votes), descriptor_hits), inverted)
            self.search_remaining_features()
        else:
            self.compare(inverted)
        self.search_parts()

    @cached_property
    def descriptors(self) -> VectorIndex:
        """Descriptors of the works in the state of their first use, for the whole search."""
        return self.works.descriptors

    @cached_property
    def votes(self) -> VoteIndex:
        """Votes of the works in the state of their first use."""
        return self.works.votes

    @cached_property
    def quick_votes(self) -> list[Vote]:
        """Votes of the strongest quick features."""
        return self.votes.votes(self.found_picture.quick.descriptors[:QUESTIONS])

    @property
    def vote_ratio(self) -> float:
        """Ratio of the heaviest work's votes to chance; 0 without votes or an estimate of chance."""
        return self.quick_votes[0].weight / estimate_chance(self.quick_votes) if self.quick_votes else 0.0

    @cached_property
    def is_composed_or_near(self) -> bool:
        """True if the picture consists of several parts, or its hash is near that of a work."""
        composed = bool(self.found_picture.panels) or self.found_picture.inset is not None
        return composed or any(hit.distance <= NEAR_HASH for hit in self.hash_hits)

    @cached_property
    def is_promising(self) -> bool:
        """True if a cheap feature promises a work, or the picture consists of several parts."""
        if self.is_composed_or_near:
            return True
        if 0 < len(self.quick_votes) <= FEW_VOTED:  # chance cannot be estimated
            return True
        if self.quick_votes and (self.found_picture.is_small or not WHOLE_FROM <= self.vote_ratio < VOTED_FOR):
            return self.vote_ratio >= VOTED_FOR
        return bool(self.descriptors.search(self.found_picture.embedding[None], k=1, within=NEAR_WHOLE)[0])

    def compare(self, *rounds: Iterable[Candidate]) -> None:
        """Compare the works of candidates that have not been compared yet.

        The number of comparisons per round is limited; the owners of all rounds are queried together.
        """
        groups = [list(candidates) for candidates in rounds]
        owners = self.works.owners(chain.from_iterable(groups))
        for group in groups:
            self._compare_group(group, owners)

    def _compare_group(self, candidates: Sequence[Candidate], owners: Mapping[tuple[str, int], Key]) -> None:
        def owner(candidate: Candidate) -> Key | None:
            return owners.get((candidate.space, candidate.number))

        loud = {owner(hit) for hit in find_loudest(candidates)}
        self.ranked_works.append([*iterate_distinct(candidates, owner, len(candidates))])
        for work in [work for work in self.ranked_works[-1][:MAX_CANDIDATES] if work not in self.verifications]:
            registered = self.works.features(work)
            if registered is not None:
                verification = compare(self.found_picture, registered, self.count)
                if work in loud and verification.glance:
                    verification = verify(self.found_picture, registered, self.count)
                self._record(
                    work,
                    restate_agreement(verification, self.found_picture, self.load, registered, self.limits, self.count),
                )

    def search_parts(self) -> None:
        """Compare each picture within the picture with the works that it resembles, as if found separately."""
        parts = find_parts(self.found_picture, self.load, self.limits)
        if not parts:
            return
        hits = query_parts(parts, self.descriptors)
        owners = self.works.owners([candidate for _, candidate in hits])
        first: dict[Key, Part] = {}
        for part, candidate in hits:
            work = owners.get((candidate.space, candidate.number))
            if work is not None and self._is_open(work):
                first.setdefault(work, part)
        self.ranked_works.append([*first])
        for work, part in list(first.items())[:MAX_CANDIDATES]:
            registered = self.works.features(work)
            if registered is not None:
                verification = verify_part(
                    part, self.found_picture, self.load, registered, self.limits, self.count * len(parts)
                )
                self._record(work, verification)

    def _is_open(self, work: Key) -> bool:
        existing = self.verifications.get(work)
        return existing is None or existing.decision not in FINAL_DECISIONS

    def _record(self, work: Key, verification: Verification) -> None:
        """Keep the more certain result for a work; of two equal ones, the first."""
        existing = self.verifications.get(work)
        if existing is None or verification.decision.sureness > existing.decision.sureness:
            self.verifications[work] = verification

    def search_remaining_features(self) -> None:
        """Let the features outside explained parts vote for further works, until they find none."""
        for _ in range(ROUNDS):
            matches = self.certain_matches
            if not matches:
                return
            features = self.found_picture.quick
            for work, verification in matches:
                features = self._exclude_copies(features, work, verification)
            if len(features) < MIN_REMAINING:
                return
            self.compare(find_vote_candidates(features, self.votes))
            if len(self.certain_matches) == len(matches):
                return

    def _exclude_copies(self, local: LocalFeatures, work: Key, verification: Verification) -> LocalFeatures:
        """Return the features outside all copies of a work."""
        registered = self.works.features(work)
        for transform in (verification.transform, *verification.further):
            if transform is not None and registered is not None:
                local = local.exclude_inside(np.array(transform), (registered.info.width, registered.info.height))
        return local


def find_loudest(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the work whose votes far exceed those of chance and of every other work, if there is one."""
    hits = sorted((hit for hit in candidates if hit.space == ROOTSIFT.id), key=lambda hit: hit.distance)
    is_loud = hits and hits[0].distance <= 1 / LOUD
    return hits[:1] if is_loud and all(hit.distance >= APART * hits[0].distance for hit in hits[1:]) else []
