"""Why a picture was found to show a work, or wasn't: each stage's figures beside their limits.

The search itself is asked: whom its indexes named, in which order, and what decided the comparison. Nothing is decided
here, and nothing is measured in another way. A further stage is one more function in ``GATES``.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np

from exhibit.errors import UnreadablePictureError
from exhibit.pictures.decode import Limits
from exhibit.sentences import Sentence
from exhibit.types import Decision, Hit, Verification
from indexer.compare.rules import Condition, Way, ways_to_certain, ways_to_review
from indexer.compare.thresholds import THRESHOLDS
from indexer.compare.verify import HASH, PROMISING_AGREEMENT, PROMISING_INLIERS, Examined
from indexer.picture.descriptor import BUILT_IN, Descriptor
from indexer.picture.features import DEFAULT_LIMITS, ICON_SIDE, NORMAL, Features, extract
from indexer.picture.spaces import ROOTSIFT, WORK_PARTS
from indexer.search import candidates, search
from indexer.search.search import Key, Works
from indexer.votes.index import Vote

STAGES: Mapping[str, Sentence] = {
    "reading": Sentence("The copy can be read"),
    "information": Sentence("The original can be told apart"),
    "naming": Sentence("The search names the original"),
    "laying": Sentence("One can be laid onto the other"),
    "pixels": Sentence("Their pixels agree"),
    "fit": Sentence("Their parts lie in the same places"),
    "pieces": Sentence("Laid piece by piece, they agree"),
    "hash": Sentence("Their hashes alone are near enough"),
    "certainty": Sentence("Nothing is left to doubt"),
}
"""What each gate asks, by its name."""
FIGURES: Mapping[str, Sentence] = {
    "hamming": Sentence("Bits by which the hashes differ"),
    "side": Sentence("Pixels of the copy's shorter side"),
    "similarity": Sentence("Similarity of the descriptors"),
    "place_by_descriptor": Sentence("Place by descriptor"),
    "votes": Sentence("Votes of details, times what chance gives"),
    "place_by_votes": Sentence("Place by votes"),
    "place": Sentence("Place among those that are compared"),
    "inliers": Sentence("Details that agree how the one lies on the other"),
    "dense": Sentence("Share of places where the pixels agree"),
    "patches": Sentence("Patches with texture"),
    "in_place": Sentence("Share of patches in place"),
    "agreement": Sentence("Mean of pixels that agree and patches in place"),
    "precision": Sentence("Patches in place, less the drift in pixels"),
    "excess": Sentence("Displacement, times what noise explains"),
    "score": Sentence("Score of the pieces, a logarithm of odds"),
    "agreeing": Sentence("Details that lie beside their neighbours as in the original"),
    "shown": Sentence("Share of the original that lies in place"),
    "another": Sentence("Share of the overlap that shows another picture"),
}
"""What each figure is, by the name of its condition."""
BREAKS_OFF = Sentence("The file breaks off or is damaged: compared was what there is of it.")
NEAREST = 100
"""Descriptors among which a work's place is looked for."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One stage that a pair has to pass."""

    name: str  # a key of `STAGES`
    figures: Way = ()  # what was measured; where one of several ways would do, the nearest
    passed: bool = True
    sentences: tuple[str, ...] = ()  # what stopped a pair that doesn't pass, and what would have changed that

    @property
    def title(self) -> Sentence:
        """What the gate asks."""
        return STAGES[self.name]

    @property
    def rows(self) -> list[tuple[Sentence, str, Sentence, bool]]:
        """What was measured, the figure, what is needed, and whether that stopped nothing: for a table."""
        return [(FIGURES[one.name], _number(one.figure), _limit(one), one.holds or self.passed) for one in self.figures]


@dataclass(frozen=True, slots=True)
class Explanation(Generic[Key]):
    """What the search made of a pair, gate after gate; those behind where it fell show what would have come next."""

    decision: Decision
    gates: tuple[Gate, ...]
    original: Key  # which of the work's pictures came farthest
    examined: Verification | None = None  # the comparison; `None` when the copy can't be read
    before: tuple[Key, ...] = ()  # what stood before it where it was named
    incomplete: bool = False  # whether the file of the copy breaks off or is damaged

    @property
    def fell(self) -> Gate | None:
        """The gate where the pair fell; ``None`` when it was found."""
        stopped = (gate for gate in self.gates if not gate.passed)
        return next(stopped, self.gates[-1]) if self.decision is Decision.NONE else None

    @property
    def sentences(self) -> tuple[str, ...]:
        """What came of it, and what would have changed that, or what keeps a find from being certain."""
        cut = (BREAKS_OFF,) if self.incomplete else ()
        if self.fell is None:
            return Sentence("It is found."), *self.gates[-1].sentences, *cut
        behind = self.gates[self.gates.index(self.fell) + 1 :]
        further = (said for gate in behind for said in gate.sentences[:1])
        return Sentence("It isn't found."), *self.fell.sentences, *further, *cut

    @property
    def reasons(self) -> tuple[str, ...]:
        """What is to be said of a find."""
        return () if self.examined is None or self.decision is Decision.NONE else self.examined.reasons


def explain(
    data: bytes,
    originals: Mapping[Key, Features],
    works: Works[Key] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    descriptor: Descriptor = BUILT_IN,
    settled: Callable[[Features, dict[Key, Verification]], dict[Key, Verification]] = lambda _found, compared: compared,
) -> Explanation[Key]:
    """Search for one picture, and tell why it is found to show a work, by the features of its pictures, or isn't.

    Without works to search among, the two are compared as if the search had named them. ``settled`` is what becomes of
    the comparisons of a search, as where works of a series are told apart.
    """
    try:
        found = extract(data, limits, descriptor=descriptor)
    except UnreadablePictureError as error:
        why = filter(None, (Sentence("The copy can't be read."), error.message, error.hint))
        gate = Gate("reading", passed=False, sentences=(*why,))
        return Explanation(Decision.NONE, (gate,), next(iter(originals)))
    asked = None if works is None else search.Search(found, lambda: data, works, limits)
    if asked is not None:
        asked.run()
    compared = {} if asked is None else settled(found, asked.compared)
    key = max(originals, key=lambda one: _promise(compared.get(one)))
    examined = compared.get(key) or search.compare_alone(found, lambda: data, originals[key], limits)
    assert isinstance(examined, Examined)
    pair = _Pair(key, found, originals[key], examined, asked)
    gates = (Gate("reading"), *(gate for ask in GATES for gate in ask(pair)))
    decision = examined.decision if asked is None or key in compared else Decision.NONE
    return Explanation(decision, gates, key, examined, tuple(pair.before or ()), bool(found.info.incomplete))


def _promise(compared: Verification | None) -> tuple[int, float]:
    order = [Decision.NONE, Decision.REVIEW, Decision.CERTAIN]
    return (-1, 0.0) if compared is None else (order.index(compared.decision), compared.dense)


@dataclass(frozen=True, slots=True)
class _Pair(Generic[Key]):
    """What is known of a pair when the search has ended."""

    key: Key
    found: Features
    original: Features
    examined: Examined  # as the search compared them, or as it would have
    search: search.Search[Key] | None

    @property
    def agrees(self) -> bool:
        """Whether the comparison shows anything."""
        return self.examined.decision is not Decision.NONE

    @property
    def is_plain(self) -> bool:
        """Whether only nearly exact copies of the original are shown."""
        return bool(self.original.too_plain)

    @property
    def before(self) -> list[Key] | None:
        """What stood before it where it was named first; ``None`` when it wasn't."""
        rounds = () if self.search is None else self.search.named
        return min((named[: named.index(self.key)] for named in rounds if self.key in named), key=len, default=None)


def _gate(name: str, figures: Way, said: Sentence, *further: Sentence, passed: bool) -> Gate:
    """A gate with what stopped a pair there: the sentence, the figures that fall short, and what else is to be said."""
    short = [
        Sentence("%(what)s: %(figure)s; needed: %(limit)s.", what=what, figure=figure, limit=limit)
        for what, figure, limit, holds in Gate(name, figures, passed).rows
        if not holds
    ]
    return Gate(name, figures, passed, () if passed else (said, *short[:2], *further))


def _information(pair: _Pair[Key]) -> Iterator[Gate]:
    said = Sentence("The original carries too little to be told apart: only nearly exact copies of it are shown.")
    nearly = Condition("hamming", pair.examined.hamming, THRESHOLDS.near_exact, at_most=True)
    yield _gate("information", (nearly,) if pair.is_plain else (), said, passed=pair.agrees or not pair.is_plain)


def _naming(pair: _Pair[Key]) -> Iterator[Gate]:
    if pair.search is None:
        return
    figures = [Condition("hamming", pair.examined.hamming, candidates.HASH_WITHIN, at_most=True)]
    if pair.found.is_icon:
        figures.append(Condition("side", min(pair.found.info.width, pair.found.info.height), ICON_SIDE))
    else:
        figures += [*_described(pair, pair.search.works), *_voted(pair, pair.search.works)]
    said = Sentence("Neither hash nor descriptor nor votes named it, so the two weren't compared.")
    if pair.before is not None:
        figures.append(Condition("place", len(pair.before) + 1, candidates.MAX_CANDIDATES, at_most=True))
        said = Sentence("The search named it, but too many others stood before it.")
    elif pair.search.settled:
        said = Sentence("Another work explains all of the picture, so no further one was looked for.")
    same = Sentence("Compared all the same, it isn't found either.")
    if pair.agrees:
        same = Sentence("Compared all the same, it is found.")
    yield _gate("naming", tuple(figures), said, same, passed=pair.key in pair.search.compared)


def _whole(pair: _Pair[Key]) -> Iterator[Gate]:
    """Laid on the original by one transform; a glance goes on only where it promises something."""
    one = pair.examined
    if pair.is_plain or one.pieces or HASH in one.reasons:
        return
    ways: list[Way] = [(Condition("inliers", one.inliers, PROMISING_INLIERS),)]
    if not one.glance:
        ways.append((Condition("hamming", one.hamming, THRESHOLDS.hash_reach, at_most=True),))
    (laid,) = _nearest(ways)
    why = Sentence("It may be bent, drawn anew, cut into parts, show little of the original, or be another picture.")
    if max(pair.found.info.width, pair.found.info.height) < NORMAL.side:
        why = Sentence("A larger copy would show more of them.")
    said = Sentence("Too few details agree how the one lies on the other.")
    yield _gate("laying", (laid,), said, why, passed=pair.agrees or laid.holds)
    if one.transform is not None:
        limit = PROMISING_AGREEMENT if one.glance and not pair.agrees else THRESHOLDS.promising_dense
        agree = Condition("dense", one.dense if one.measurements is None else one.measurements.dense, limit)
        said = Sentence("Laid onto each other, their pixels agree in too few places.")
        yield _gate("pixels", (agree,), said, passed=pair.agrees or agree.holds)
    if one.measurements is not None:
        said = Sentence("What both show doesn't lie as the parts of a copy do.")
        yield _judged(pair, "fit", _nearest(ways_to_review(one.measurements)), said)


def _otherwise(pair: _Pair[Key]) -> Iterator[Gate]:
    """What is asked where the whole isn't found: in pieces, and the hash alone where those say nothing."""
    one = pair.examined
    if one.pieced is not None and (one.pieces or not pair.agrees):
        said = Sentence("Laid piece by piece, it doesn't lie as a copy does.")
        yield _judged(pair, "pieces", _nearest(one.pieced[0]), said)
    elif HASH in one.reasons or not (pair.agrees or pair.original.marked or pair.original.low_information):
        works = 0 if pair.search is None else len(pair.search.works.hashes)
        within = THRESHOLDS.hash_alone if one.pieced is None else THRESHOLDS.hash_review
        near = Condition("hamming", one.hamming, min(within, search.hash_alone(works)), at_most=True)
        yield _gate("hash", (near,), Sentence("The hashes alone are too unlike."), passed=pair.agrees)


def _certainty(pair: _Pair[Key]) -> Iterator[Gate]:
    one = pair.examined
    ways = () if one.measurements is None else ways_to_certain(one.measurements)
    if one.pieced is not None and one.pieces:
        ways = (one.pieced[1],)
    if pair.agrees:
        certain = one.decision is Decision.CERTAIN
        yield _gate("certainty", _nearest(ways), Sentence("A person has to look."), passed=certain)


GATES: tuple[Callable[[_Pair[Key]], Iterator[Gate]], ...] = (_information, _naming, _whole, _otherwise, _certainty)


def _judged(pair: _Pair[Key], name: str, figures: Way, said: Sentence) -> Gate:
    """By a way of the rules; a mark that the owner's works share may follow all of it."""
    holds = all(condition.holds for condition in figures)
    mark = Sentence("What agrees is a mark that other works of the owner carry, too.")
    return _gate(name, figures, mark if holds else said, passed=pair.agrees and holds)


def _described(pair: _Pair[Key], works: Works[Key]) -> Iterator[Condition]:
    """How alike the nearest of their descriptors are, and at which place that is for the copy's."""
    queries = np.stack([*pair.found.embeddings.values()])
    registered = [vector for part, vector in pair.original.embeddings.items() if part in WORK_PARTS]
    similarity = float((queries @ np.stack(registered).T).max())
    yield Condition("similarity", similarity, 1 - candidates.DESCRIPTOR_WITHIN)
    space, nearest = works.descriptors.space.id, works.descriptors.search(queries, k=NEAREST)
    if place := min(filter(None, (_place(pair.key, works, space, row) for row in nearest)), default=None):
        yield Condition("place_by_descriptor", place, candidates.DESCRIPTOR_NEAREST, at_most=True)


def _voted(pair: _Pair[Key], works: Works[Key]) -> Iterator[Condition]:
    """What the votes say, where there are works enough to tell chance."""
    votes = works.votes.votes(pair.found.quick.descriptors)
    if not math.isinf(chance := candidates.by_chance(votes)):
        place = _place(pair.key, works, ROOTSIFT.id, votes)
        yield Condition("votes", votes[place - 1].weight / chance if place else 0.0, candidates.STANDS_OUT)
        if place:
            yield Condition("place_by_votes", place, candidates.VOTED_MOST, at_most=True)


def _place(key: Key, works: Works[Key], space: str, hits: Sequence[Hit | Vote]) -> int | None:
    """At which place of an index's answer the original comes first."""
    owners = works.owners(candidates.Candidate(space, hit.number, 0.0) for hit in hits)
    return next((place for place, hit in enumerate(hits, 1) if owners.get((space, hit.number)) == key), None)


def _nearest(ways: Iterable[Way]) -> Way:
    """The way of which the fewest conditions are missing; a copy comes no nearer by its hash."""

    def missing(way: Way) -> tuple[bool, int]:
        short = [condition.name for condition in way if not condition.holds]
        return "hamming" in short, len(short)

    return min(ways, key=missing, default=())


def _limit(one: Condition) -> Sentence:
    limit = _number(one.limit)
    return Sentence("at most %(limit)s", limit=limit) if one.at_most else Sentence("at least %(limit)s", limit=limit)


def _number(figure: float) -> str:
    """Whole figures as they are, others with three digits."""
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:.3g}"
