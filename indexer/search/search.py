"""The whole path from one picture to the registered works that it shows.

Whoever searches (the match step, a folder without any server, a benchmark) brings the works as it holds them; the order
of the measures, from cheap to dear, is decided here and nowhere else:

1. The hash, of the picture, of what lies inside its borders, of its panels and inset; of an icon nothing else.
2. The local votes of its strongest quick features, then, where these say anything, the descriptor of the whole picture.
   Where neither these nor the hash promise a work (:attr:`Search.is_promising`), the picture shows a stranger, and 3
   and 4 are left out.
3. The works that hash, votes and, unless votes alone promise any and hardly do, the descriptors of the picture and its
   parts name are compared; those that the hash of the negative names in any case.
4. What certain matches leave of the picture votes again: it may show further works.
5. Each picture within one, in a sheet of dozens or one in another, is asked for by itself.

Whether a work is compared, and what is said of it, doesn't hang on what was found of other works: a picture may be
registered twice, and a page may be one work and show another. Each candidate is glanced at by its quick figures first;
all the features are measured only where those promise something, or where far more of them name a work than chance
would have it.
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
from indexer.compare.decision import Examined, promises, verify
from indexer.picture.features import DEFAULT_LIMITS, Features, Part, extract, negative
from indexer.picture.local_features import LocalFeatures
from indexer.picture.spaces import ROOTSIFT
from indexer.search.candidates import (
    FEW_VOTED,
    MAX_CANDIDATES,
    Candidate,
    by_chance,
    descriptor_candidates,
    distinct,
    hash_candidates,
    in_turns,
    standing_out,
    vote_candidates,
)
from indexer.search.within import likest, named_within, parts_of, state_agreement, verified_within
from indexer.votes.index import Vote, VoteIndex

EXPLAINED = 0.9
"""Share of a picture and of a work that a match shows, from which the two are the same picture."""
LOUD = 4.0
"""Times what chance gives, from which a work's votes have all features measured even where a glance shows nothing: a
copy that fills a sixth of a picture has few of the quick features. Of 200 strangers 8 have such a work among 100, and
13 have one from three times. Of 2,032 copies as many were found without this rule as with it from three times, when at
most twelve parts of a picture and those of one size were compared.
"""
APART = 2.0
"""Times what any other work has, that the votes of a loud one weigh at least: where several are as loud, it is a
texture. Of 840 pictures, 600 of them copies, none was decided otherwise with this rule.
"""
LEFT = 40
"""Quick features outside what is explained, from which they are asked for further works."""
QUESTIONS = 150
"""Quick features, the strongest of each region, that vote for works first."""
VOTED_FOR, NEAR_HASH, NEAR_WHOLE = 2.5, 80, 0.35
"""What promises a work: times what chance gives its votes, bits, 1 − cosine. Of 352 copies of 40 among 10,000 works, by
edits, single changes and chains of them, these rules and 150 questions leave out none that is found without them; of 60
strangers 52 promise nothing, and cost two thirds.
"""
WHOLE_FROM = 1.9
"""Times what chance gives its votes, from which the descriptor of the whole is asked: where votes say less, it promises
nothing either. Of 3,069 copies by edits, by single changes and at 48 to 200 pixels it alone promises 6; the two of them
with less are negatives, which the hash of the negative names. Of 100 strangers more than half have less. Of a small
picture votes alone decide: of 379 that were found it alone promises none, and two in five of 177 strangers have more.
"""
DESCRIBED_FROM = 3.0
"""Times what chance gives its votes, from which the descriptors name works where nothing else promises any: half of
the strangers that votes promise stay below. Of 1,681 copies 17 do, and none of them is named by descriptors alone.
"""
UPRIGHT = 2
"""Of the hashes of a negative, those that are looked for."""
ROUNDS = 3
"""Times that what is left is asked."""
SETTLED = (Decision.CERTAIN, Decision.REVIEW)
"""After which the pictures within a picture aren't asked any more."""

Key = TypeVar("Key", bound=Hashable)
"""How a caller names a registered picture: a primary key, a place in a list."""


class Works(Protocol[Key]):
    """The registered pictures, as one process sees them."""

    @property
    def hashes(self) -> VectorIndex:
        """Their hashes."""

    @property
    def descriptors(self) -> VectorIndex:
        """Their descriptors."""

    @property
    def votes(self) -> VoteIndex:
        """Their local features."""

    def owners(self, candidates: Iterable[Candidate]) -> Mapping[tuple[str, int], Key]:
        """Whose vector each candidate is, by space and number; what has gone is left out."""

    def features(self, work: Key) -> Features | None:
        """What was measured of a registered picture; ``None`` when it can't be had, and is left out."""


def find_works(
    found: Features,
    load: Callable[[], bytes],
    works: Works[Key],
    limits: Limits = DEFAULT_LIMITS,
    hashed: Sequence[Candidate] | None = None,
) -> list[tuple[Key, Verification]]:
    """Every registered picture that one picture was compared with, once, in the order of promise; also those unlike it.

    ``load`` gives its exact bytes when pictures within it are cut out, ``hashed`` what ``candidates.hash_candidates``
    said of it, where several pictures were asked at once.
    """
    search = Search(found, load, works, limits)
    search.run(hashed)
    return list(search.compared.items())


def compare(found: Features, registered: Features, works: int = 0) -> Examined:
    """Verify one pair that was named among so many works: at a glance, then with all features where that promises some.

    A small picture has few features, and all of them cost little: it is never judged at a glance.
    """
    if not found.is_small:
        dismissed = promises(found, registered)
        if dismissed is not None:
            return dismissed
    return verify(found, registered, works)


def compare_pictures(registered: bytes, found: bytes, limits: Limits = DEFAULT_LIMITS) -> Verification:
    """Whether one picture shows another, by their exact bytes; without a probability, which a calibration gives.

    Raises ``UnreadablePictureError`` when one of them isn't a picture within the limits.
    """
    return compare_closely(extract(found, limits), lambda: found, extract(registered, limits), limits)


def compare_closely(
    found: Features, load: Callable[[], bytes], registered: Features, limits: Limits = DEFAULT_LIMITS
) -> Verification:
    """Verify the one pair that somebody asks about: with all features, without a glance that spares a search its cost.

    Where these leave a doubt, the pictures within the picture are compared, too; the surest of them counts. Raises
    ``ExhibitError`` when the bytes can't be had or decoded.
    """
    said: Verification = state_agreement(verify(found, registered), found, load, registered, limits)
    if said.decision in SETTLED or found.is_icon:
        return said
    for part in likest(parts_of(found, load, limits), registered):
        within = verified_within(part, found, load, registered, limits)
        said = within if within.decision.sureness > said.decision.sureness else said
        if said.decision in SETTLED:
            break
    return said


def compare_alone(
    found: Features, load: Callable[[], bytes], registered: Features, limits: Limits = DEFAULT_LIMITS
) -> Verification:
    """Verify one pair that no search of :func:`find_works` has named, and decide as that does.

    Where nothing of the work is shown, the pictures within the picture are compared. Raises ``ExhibitError`` when the
    bytes can't be had or decoded.
    """
    said = state_agreement(compare(found, registered), found, load, registered, limits)
    if said.decision is not Decision.NONE or found.is_icon:
        return said
    for part in likest(parts_of(found, load, limits), registered):
        within = verified_within(part, found, load, registered, limits)
        if within.decision is not Decision.NONE:
            return within
    return said


def _upright_negative(found: Features) -> Features:
    """With the hashes of the picture as it is and mirrored: a negative is seldom turned as well."""
    inverted = negative(found)
    return replace(inverted, hash_variants=inverted.hash_variants[:UPRIGHT])


class Search(Generic[Key]):
    """What one picture has been compared with so far."""

    def __init__(self, found: Features, load: Callable[[], bytes], works: Works[Key], limits: Limits) -> None:
        self.compared: dict[Key, Verification] = {}
        self.hashed: Sequence[Candidate] = ()  # what the hashes name, nearest first
        self.named: list[list[Key]] = []  # the works that each question named, in order of promise
        self.found = found
        self.load = load
        self.works = works
        self.limits = limits
        self.hashes = works.hashes
        self.count = len(self.hashes)  # among how many pictures, at most, a comparison's work was named

    @property
    def certain(self) -> list[tuple[Key, Verification]]:
        """The copies that leave no doubt."""
        return [(work, found) for work, found in self.compared.items() if found.decision is Decision.CERTAIN]

    def run(self, hashed: Sequence[Candidate] | None = None) -> None:
        """Compare whatever is worth it, as :func:`find_works` says."""
        found = self.found
        self.hashed = hash_candidates([found], self.hashes)[0] if hashed is None else hashed
        if found.is_icon:
            self.compare(self.hashed)
            return
        inverted = hash_candidates([_upright_negative(found)], self.hashes)[0]
        if self.is_promising:
            few = VOTED_FOR <= self.heaviest < DESCRIBED_FROM and not self.is_composed_or_near
            described = [] if few else descriptor_candidates(found, self.descriptors)
            self.compare(self.hashed, in_turns(standing_out(self.voted), described), inverted)
            self.ask_what_is_left()
        else:
            self.compare(inverted)
        self.look_within()

    @cached_property
    def descriptors(self) -> VectorIndex:
        """Those of the works, as they are when they are first asked for: one state for the whole search."""
        return self.works.descriptors

    @cached_property
    def votes(self) -> VoteIndex:
        """The same of their votes."""
        return self.works.votes

    @cached_property
    def voted(self) -> list[Vote]:
        """What the strongest of the quick features say."""
        return self.votes.votes(self.found.quick.descriptors[:QUESTIONS])

    @property
    def heaviest(self) -> float:
        """What the heaviest work's votes weigh, times what chance gives; 0 if none are there or it can't be told."""
        return self.voted[0].weight / by_chance(self.voted) if self.voted else 0.0

    @cached_property
    def is_composed_or_near(self) -> bool:
        """Whether the picture is one of several parts, or its hash speaks for some work."""
        composed = bool(self.found.panels) or self.found.inset is not None
        return composed or any(hit.distance <= NEAR_HASH for hit in self.hashed)

    @cached_property
    def is_promising(self) -> bool:
        """Whether anything cheap speaks for some work, or the picture is one of several parts."""
        if self.is_composed_or_near:
            return True
        if 0 < len(self.voted) <= FEW_VOTED:  # what chance gives can't be told
            return True
        if self.voted and (self.found.is_small or not WHOLE_FROM <= self.heaviest < VOTED_FOR):
            return self.heaviest >= VOTED_FOR
        return bool(self.descriptors.search(self.found.embedding[None], k=1, within=NEAR_WHOLE)[0])

    def compare(self, *rounds: Iterable[Candidate]) -> None:
        """Compare the works that candidates stand for, as far as that hasn't been done.

        Of each round so many are compared; the owners of all rounds are asked for at once.
        """
        listed = [list(candidates) for candidates in rounds]
        owners = self.works.owners(chain.from_iterable(listed))
        for one in listed:
            self._compare(one, owners)

    def _compare(self, listed: Sequence[Candidate], owners: Mapping[tuple[str, int], Key]) -> None:
        def owner(candidate: Candidate) -> Key | None:
            return owners.get((candidate.space, candidate.number))

        loud = {owner(hit) for hit in loudest(listed)}
        self.named.append([*distinct(listed, owner, len(listed))])
        for work in [work for work in self.named[-1][:MAX_CANDIDATES] if work not in self.compared]:
            registered = self.works.features(work)
            if registered is not None:
                one = compare(self.found, registered, self.count)
                if work in loud and one.glance:
                    one = verify(self.found, registered, self.count)
                self._keep(work, state_agreement(one, self.found, self.load, registered, self.limits, self.count))

    def look_within(self) -> None:
        """Compare each picture within the picture with the works that it resembles, as if it had been found alone."""
        parts = parts_of(self.found, self.load, self.limits)
        if not parts:
            return
        named = named_within(parts, self.descriptors)
        owners = self.works.owners([candidate for _, candidate in named])
        first: dict[Key, Part] = {}
        for part, candidate in named:
            work = owners.get((candidate.space, candidate.number))
            if work is not None and self._is_open(work):
                first.setdefault(work, part)
        self.named.append([*first])
        for work, part in list(first.items())[:MAX_CANDIDATES]:
            registered = self.works.features(work)
            if registered is not None:
                said = verified_within(part, self.found, self.load, registered, self.limits, self.count * len(parts))
                self._keep(work, said)

    def _is_open(self, work: Key) -> bool:
        known = self.compared.get(work)
        return known is None or known.decision not in SETTLED

    def _keep(self, work: Key, said: Verification) -> None:
        """The surer of what was said of a work; the first of two as sure."""
        known = self.compared.get(work)
        if known is None or said.decision.sureness > known.decision.sureness:
            self.compared[work] = said

    def ask_what_is_left(self) -> None:
        """Let the features outside what is explained vote for further works, until they name none."""
        for _ in range(ROUNDS):
            certain = self.certain
            if not certain:
                return
            left = self.found.quick
            for work, verification in certain:
                left = self._outside(left, work, verification)
            if len(left) < LEFT:
                return
            self.compare(vote_candidates(left, self.votes))
            if len(self.certain) == len(certain):
                return

    def _outside(self, local: LocalFeatures, work: Key, verification: Verification) -> LocalFeatures:
        """The features that show no copy of a work."""
        registered = self.works.features(work)
        for transform in (verification.transform, *verification.further):
            if transform is not None and registered is not None:
                local = local.outside(np.array(transform), (registered.info.width, registered.info.height))
        return local


def loudest(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The work whose votes are far above those of chance and of every other, if there is one."""
    voted = sorted((hit for hit in candidates if hit.space == ROOTSIFT.id), key=lambda hit: hit.distance)
    is_loud = voted and voted[0].distance <= 1 / LOUD
    return voted[:1] if is_loud and all(hit.distance >= APART * voted[0].distance for hit in voted[1:]) else []
