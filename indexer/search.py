"""The whole path from one picture to the registered works that it shows.

Whoever searches (the match step, a folder without any server, a benchmark) brings the works as it holds them; the order
of the measures, from cheap to dear, is decided here and nowhere else.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Protocol, TypeVar

from exhibit.decode import Limits
from exhibit.ports import VectorIndex
from exhibit.types import Decision, Verification
from indexer.candidates import MOST, Candidate, descriptor_candidates, distinct, hash_candidates
from indexer.features import DEFAULT_LIMITS, Features
from indexer.second_look import second_look
from indexer.verify import verify

EXPLAINED = 0.9
"""Share of a picture and of a work that a certain match shows, from which no other work is looked for."""

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

    def owners(self, candidates: Iterable[Candidate]) -> Mapping[tuple[str, int], Key]:
        """Whose vector each candidate is, by space and number; what has gone is left out."""

    def features(self, work: Key) -> Features:
        """What was measured of a registered picture; raises ``ExhibitError`` when it can't be had."""


def find_works(
    found: Features, load: Callable[[], bytes], works: Works[Key], limits: Limits = DEFAULT_LIMITS
) -> list[tuple[Key, Verification]]:
    """Every registered picture that one picture was compared with, and what came of it.

    Args:
        found: what was measured of the picture (:func:`indexer.features.extract`).
        load: gives its exact bytes, when a closer look needs them.
        works: what is searched.
        limits: for decoding.

    Returns:
        Each compared registered picture once, in the order of promise; also those that turned out unlike.

    Raises:
        ExhibitError: a registered picture's features can't be had.
    """
    compared: dict[Key, Verification] = {}
    for candidates in (hash_candidates(found, works.hashes), descriptor_candidates(found, works.descriptors)):
        for work in _named(candidates, works):
            if work not in compared and len(compared) < MOST:
                compared[work] = compare(found, load, works.features(work), limits)
        if any(explains(verification) for verification in compared.values()):
            break
    return list(compared.items())


def _named(candidates: list[Candidate], works: Works[Key]) -> Iterator[Key]:
    """The works that candidates stand for, each once, in their order."""
    owners = works.owners(candidates)
    return distinct(candidates, lambda one: owners.get((one.space, one.number)))


def compare(
    found: Features, load: Callable[[], bytes], registered: Features, limits: Limits = DEFAULT_LIMITS
) -> Verification:
    """Verify one pair, and look closer where the first look leaves a doubt that a second may end.

    Args:
        found: the picture that may be a copy.
        load: gives its exact bytes.
        registered: the work's picture.
        limits: for decoding.
    """
    first = verify(found, registered)
    return second_look(first, load(), registered, limits) if first.decision is Decision.REVIEW else first


def explains(verification: Verification) -> bool:
    """Whether nothing of the picture is left for another work to explain."""
    shown = min(verification.overlap_picture, verification.overlap_work)
    return verification.decision is Decision.CERTAIN and shown >= EXPLAINED
