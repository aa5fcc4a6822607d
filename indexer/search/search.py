"""The whole path from one picture to the registered works that it shows.

Whoever searches (the match step, a folder without any server, a benchmark) brings the works as it holds them; the order
of the measures, from cheap to dear, is decided here and nowhere else:

1. The hash, of the picture, of what lies inside its borders, of its panels and inset. It may settle all by itself.
2. For pictures that are more than an icon, the descriptor and the local votes of quick features.
3. What a certain match leaves of the picture votes again: it may show further works.
4. Each picture within one that no work explains, in a sheet of dozens or one in another, is asked for by itself.
5. A page or a collage in which nothing was found votes again from twice the size.
6. The hash of the negative, where nothing at all was found.

Each candidate is compared by quick features first; all the features are measured only where those promise something,
or where far more of them name a work than chance would have it.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

import numpy as np

from exhibit.pictures.decode import Limits
from exhibit.ports import VectorIndex
from exhibit.types import Decision, Verification
from indexer.compare.thresholds import THRESHOLDS
from indexer.compare.verify import HASH, PIECES, Examined, promises, verify
from indexer.picture.features import CLOSER, DEFAULT_LIMITS, Features, Part, extract, negative
from indexer.picture.local_features import QUICK_SIDE, LocalFeatures
from indexer.picture.spaces import ROOTSIFT
from indexer.search.candidates import (
    MAX_CANDIDATES,
    Candidate,
    descriptor_candidates,
    distinct,
    hash_candidates,
    in_turns,
    vote_candidates,
)
from indexer.search.within import likest, named_within, parts_of, verified_within
from indexer.votes.index import VoteIndex

EXPLAINED = 0.9
"""Share of a picture and of a work that a certain match shows, from which no other work is looked for."""
LOUD = 4.0
"""Times what chance gives, from which a work's votes have all features measured even where a glance shows nothing: a
copy that fills a sixth of a picture has few of the quick features. Of 200 strangers 8 have such a work among 100, and
13 have one from three times. Of 2,032 copies as many were found without this rule as with it from three times, when at
most twelve parts of a picture and those of one size were compared.
"""
GLANCE_FROM = 160
"""Long side of a picture, pixels, from which it is looked at a glance first."""
APART = 2.0
"""Times what any other work has, that the votes of a loud one weigh at least: where several are as loud, it is a
texture. Of 840 pictures, 600 of them copies, none was decided otherwise with this rule.
"""
LEFT = 40
"""Quick features outside what is explained, from which they are asked for further works."""
UPRIGHT = 2
"""Of the hashes of a negative, those that are looked for."""
ALONE_AMONG, DECADE = 10_000, 14.5
"""Works up to which a hash alone is worth a look within ``hash_alone`` bits, and bits fewer for ten times as many."""
ROUNDS = 3
"""Times that what is left is asked."""
CLOSER_FROM = 1.25 * QUICK_SIDE
"""Long side of a picture, pixels, from which a closer look shows more than the first one."""

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

    ``load`` gives its exact bytes when a closer look needs them, ``hashed`` what ``candidates.hash_candidates`` said of
    it, where several pictures were asked at once.
    """
    search = Search(found, load, works, limits)
    search.run(hashed)
    return list(search.compared.items())


def compare(
    found: Features, load: Callable[[], bytes], registered: Features, limits: Limits = DEFAULT_LIMITS
) -> Examined:
    """Verify one pair: at a glance, then with all features where that promises something, then closer still.

    What is laid in pieces is never certain at a glance: with few features another moment of a scene looks as precise.
    A small picture has few quick features, and all of its features cost little: it is never judged at a glance.
    """
    if max(found.info.width, found.info.height) >= GLANCE_FROM:
        glance = verify(found.glance, registered)
        if (glance.decision is Decision.CERTAIN and PIECES not in glance.reasons) or not promises(glance):
            return glance
    return with_all_features(found, load, registered, limits)


def compare_pictures(registered: bytes, found: bytes, limits: Limits = DEFAULT_LIMITS) -> Verification:
    """Whether one picture shows another, by their exact bytes; without a probability, which a calibration gives.

    Raises ``UnreadablePictureError`` when one of them isn't a picture within the limits.
    """
    return compare(extract(found, limits), lambda: found, extract(registered, limits), limits)


def with_all_features(found: Features, load: Callable[[], bytes], registered: Features, limits: Limits) -> Examined:
    """Verify one pair without a glance before; closer still where that may end a doubt."""
    first = verify(found, registered)
    return second_look(first, load(), registered, limits) if first.decision is Decision.REVIEW else first


def second_look(first: Examined, data: bytes, registered: Features, limits: Limits = DEFAULT_LIMITS) -> Examined:
    """The verification of the found picture at twice the size, when that ends the doubt of the first one.

    A work that fills a small part of a page or a collage has few details left at the usual size. This costs some five
    times a first look, and is seldom needed. What is laid in pieces stays in doubt: there are more details to lay.
    """
    if "few-inliers" not in first.reasons:
        return first
    second = verify(extract(data, limits, CLOSER), registered)
    return second if second.decision is Decision.CERTAIN and PIECES not in second.reasons else first


def compare_alone(
    found: Features, load: Callable[[], bytes], registered: Features, limits: Limits = DEFAULT_LIMITS
) -> Verification:
    """Verify one pair that no search of :func:`find_works` has named, and decide as that does.

    Where nothing of the work is shown, the pictures within the picture are compared, and then a page or a collage from
    twice the size. Raises ``ExhibitError`` when the bytes can't be had or decoded.
    """
    said = compare(found, load, registered, limits)
    if said.decision is not Decision.NONE or found.is_icon:
        return said
    for part in likest(parts_of(found, load, limits), registered):
        within = verified_within(part, found, load, registered, limits)
        if within.decision is not Decision.NONE:
            return within
    return compare(extract(load(), limits, CLOSER), load, registered, limits) if _has_more_to_show(found) else said


def _has_more_to_show(found: Features) -> bool:
    """Whether a picture is a page or a collage that a closer look shows more of."""
    return bool(found.panels) and max(found.info.width, found.info.height) > CLOSER_FROM


def _upright_negative(found: Features) -> Features:
    """With the hashes of the picture as it is and mirrored: a negative is seldom turned as well."""
    inverted = negative(found)
    return replace(inverted, hash_variants=inverted.hash_variants[:UPRIGHT])


def explains(verification: Verification) -> bool:
    """Whether nothing of the picture is left for another work to explain."""
    shown = min(verification.overlap_picture, verification.overlap_work)
    return verification.decision is Decision.CERTAIN and shown >= EXPLAINED


class Search(Generic[Key]):
    """What one picture has been compared with so far."""

    def __init__(self, found: Features, load: Callable[[], bytes], works: Works[Key], limits: Limits) -> None:
        self.compared: dict[Key, Verification] = {}
        self.named: list[list[Key]] = []  # the works that each question named, in order of promise
        self.found = found
        self.load = load
        self.works = works
        self.limits = limits

    @property
    def certain(self) -> list[tuple[Key, Verification]]:
        """The copies that leave no doubt."""
        return [(work, found) for work, found in self.compared.items() if found.decision is Decision.CERTAIN]

    @property
    def shown(self) -> bool:
        """Whether anything was found."""
        return any(found.decision is not Decision.NONE for found in self.compared.values())

    @property
    def settled(self) -> bool:
        """Whether one work explains all of the picture."""
        return any(explains(verification) for verification in self.compared.values())

    def run(self, hashed: Sequence[Candidate] | None = None) -> None:
        """Compare whatever is worth it, as :func:`find_works` says."""
        found, works = self.found, self.works
        self.compare(found, hash_candidates([found], works.hashes)[0] if hashed is None else hashed)
        if self.settled or found.is_icon:
            return
        voices = vote_candidates(found.quick, works.votes), descriptor_candidates(found, works.descriptors)
        self.compare(found, in_turns(*voices))
        self.ask_what_is_left()
        if not self.settled:
            self.look_within()
        if not self.shown and _has_more_to_show(found):
            closer = extract(self.load(), self.limits, CLOSER)
            self.compare(closer, vote_candidates(closer.quick, works.votes))
        if not self.shown:
            self.compare(found, hash_candidates([_upright_negative(found)], works.hashes)[0])

    def compare(self, found: Features, candidates: Iterable[Candidate]) -> None:
        """Compare the works that candidates stand for, as far as that hasn't been done; a closer look does it again."""
        closer = found is not self.found
        listed = list(candidates)
        owners = self.works.owners(listed)

        def owner(candidate: Candidate) -> Key | None:
            return owners.get((candidate.space, candidate.number))

        loud = {owner(hit) for hit in loudest(listed)}
        self.named.append([*distinct(listed, owner, len(listed))])
        for work in [work for work in self.named[-1][:MAX_CANDIDATES] if self._is_open(work, again=closer)]:
            registered = self.works.features(work)
            if registered is not None:
                one = compare(found, self.load, registered, self.limits)
                if one.decision is Decision.NONE and work in loud and one.glance:
                    one = with_all_features(found, self.load, registered, self.limits)
                by_chance = one.reasons == (HASH,) and one.hamming > hash_alone(len(self.works.hashes))
                self.compared[work] = replace(one, decision=Decision.NONE, reasons=()) if by_chance else one

    def look_within(self) -> None:
        """Compare each picture within the picture with the works that it resembles, as if it had been found alone."""
        parts = parts_of(self.found, self.load, self.limits)
        if not parts:
            return
        named = named_within(parts, self.works.descriptors)
        owners = self.works.owners([candidate for _, candidate in named])
        first: dict[Key, Part] = {}
        for part, candidate in named:
            work = owners.get((candidate.space, candidate.number))
            if work is not None and self._is_open(work, again=True):
                first.setdefault(work, part)
        self.named.append([*first])
        for work, part in list(first.items())[:MAX_CANDIDATES]:
            registered = self.works.features(work)
            if registered is not None:
                said = verified_within(part, self.found, self.load, registered, self.limits)
                self.compared[work] = said if said.decision is not Decision.NONE else self.compared.get(work, said)

    def _is_open(self, work: Key, *, again: bool) -> bool:
        known = self.compared.get(work)
        return known is None or (again and known.decision is Decision.NONE)

    def ask_what_is_left(self) -> None:
        """Let the features outside what is explained vote for further works, until they name none."""
        for _ in range(ROUNDS):
            certain = self.certain
            if not certain or self.settled:
                return
            left = self.found.quick
            for work, verification in certain:
                left = self._outside(left, work, verification)
            if len(left) < LEFT:
                return
            self.compare(self.found, vote_candidates(left, self.works.votes))
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


def hash_alone(works: int) -> float:
    """Bits within which a hash alone says something among so many works: one stranger in a hundred has one so near.

    Ten times as many have one that is 14.5 bits nearer, as 6.4 million pairs of strangers do.
    """
    return THRESHOLDS.hash_alone - DECADE * max(0.0, math.log10(max(works, 1) / ALONE_AMONG))
