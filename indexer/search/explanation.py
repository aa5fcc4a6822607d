"""Explanation of why a picture matched a work or not: the figures of each stage beside their limits.

The figures come from the search itself: the results of its indexes, their order, and the comparison's reasons. This
module decides nothing and measures nothing differently. A further stage is another function in ``GATES``.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Generic

import numpy as np

from exhibit.errors import UnreadablePictureError
from exhibit.pictures.decode import Limits
from exhibit.sentences import Sentence
from exhibit.types import Decision, Hit, Verification
from indexer.compare.decision import NEAR_EXACT, WEAK, WEAK_DENSE, Examined
from indexer.compare.figures import Figures
from indexer.compare.weighing import TERMS, Question, shipped
from indexer.picture.descriptor import BUILT_IN, Descriptor
from indexer.picture.features import DEFAULT_LIMITS, ICON_SIDE, NORMAL, Features, extract
from indexer.picture.spaces import ROOTSIFT
from indexer.search import candidates, search
from indexer.search.search import Key, Works
from indexer.votes.index import Vote

STAGES: Mapping[str, Sentence] = {
    "reading": Sentence("Copy readable"),
    "information": Sentence("Original distinctive"),
    "naming": Sentence("Original returned by the search"),
    "glance": Sentence("Quick comparison passed"),
    "related": Sentence("Related to the original, not by coincidence"),
    "exposure": Sentence("Same picture, not another picture of the scene"),
    "certainty": Sentence("Certain match"),
}
"""The question of each gate, by name."""
FIGURES: Mapping[str, Sentence] = {
    "hamming": Sentence("Differing hash bits"),
    "side": Sentence("Shorter side of the copy (pixels)"),
    "similarity": Sentence("Descriptor similarity"),
    "place_by_descriptor": Sentence("Rank by descriptor"),
    "votes": Sentence("Detail votes (multiple of the chance level)"),
    "place_by_votes": Sentence("Rank by votes"),
    "place": Sentence("Rank among the works to compare"),
    "odds": Sentence("Sum of the terms below (logarithm of the odds)"),
    "begun": Sentence("Initial value before any measurement"),
    "hash": Sentence("Differing hash bits (110 or more carry no information)"),
    "inliers": Sentence("Details that agree on the alignment of the two pictures"),
    "dense": Sentence("Share of positions where the pixels agree"),
    "agreeing": Sentence("Details placed among their neighbours as in the original"),
    "agreeing_share": Sentence("… as a share of all details found again"),
    "in_place": Sentence("Share of small patches in place (within half a pixel)"),
    "drift": Sentence("Joint shift of neighbouring patches (pixels)"),
    "excess": Sentence("Patch shift relative to what noise explains (factor)"),
    "patches": Sentence("Small patches that could be compared"),
    "cover": Sentence("Share of the original covered by pieces"),
    "roughness": Sentence("Displacement of pieces from the midpoint of their neighbours (pixels)"),
    "pieces_in_place": Sentence("Share of small patches in place after piecewise alignment"),
    "pieces_excess": Sentence("Patch shift after piecewise alignment, relative to what noise explains (factor)"),
    "shown": Sentence("Share of the original in place after piecewise alignment"),
    "firm": Sentence("Share of patches in place, reduced for larger shifts and for fewer than 40 patches"),
    "firm_alone": Sentence("… reduced where a part of one picture shows something else"),
    "pieces_firm": Sentence("Share of the original in place after piecewise alignment, reduced for larger shifts"),
    "pieces_firm_clear": Sentence("… reduced where a part of one picture shows something else"),
}
"""Descriptions of figures, by the name of the condition or term (:data:`indexer.compare.weighing.TERMS`)."""
TERM_FIGURES: Mapping[str, str] = {"hash": "hamming"}
"""The figure that a term weighs, if the names differ."""
BREAKS_OFF = Sentence("The file is truncated or damaged. The readable part was compared.")
NEAREST = 100
"""Number of nearest descriptors among which a work is searched for."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A figure with its limit, or with its summand."""

    name: str  # a key of `FIGURES`
    figure: float | None  # measured value; ``None`` if not measured
    limit: float | None = None
    at_most: bool = False  # whether the limit is a maximum; otherwise a minimum
    adds: float | None = None

    @property
    def holds(self) -> bool:
        """True if the figure is within its limit, or has none."""
        if self.limit is None or self.figure is None:
            return True
        return self.figure <= self.limit if self.at_most else self.figure >= self.limit


Way = tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Gate:
    """A stage that a pair must pass."""

    name: str  # a key of `STAGES`
    figures: Way = ()  # the measurements
    passed: bool = True
    sentences: tuple[str, ...] = ()  # why a pair does not pass, and what would change that

    @property
    def title(self) -> Sentence:
        """The question of the gate."""
        return STAGES[self.name]

    @property
    def rows(self) -> list[tuple[Sentence, str, Sentence, bool]]:
        """Rows of a table: description, figure, required value, and True if the pair was not stopped by it."""
        return [
            (
                FIGURES[condition.name],
                _format_number(condition.figure),
                _format_limit(condition),
                condition.holds or self.passed,
            )
            for condition in self.figures
        ]


@dataclass(frozen=True, slots=True)
class Explanation(Generic[Key]):
    """Result of a search for a pair, gate by gate; gates after a failed one show what would have come next."""

    decision: Decision
    gates: tuple[Gate, ...]
    original: Key  # the work's picture with the best result
    examined: Verification | None = None  # the comparison; `None` if the copy cannot be read
    before: tuple[Key, ...] = ()  # works ranked before it where it was found
    incomplete: bool = False  # whether the file of the copy is truncated or damaged

    @property
    def failed_gate(self) -> Gate | None:
        """The gate at which the pair failed; ``None`` if it was found."""
        stopped = (gate for gate in self.gates if not gate.passed)
        return next(stopped, self.gates[-1]) if self.decision is Decision.NONE else None

    @property
    def sentences(self) -> tuple[str, ...]:
        """The result, with what would have changed it, or what keeps a match from being certain."""
        cut = (BREAKS_OFF,) if self.incomplete else ()
        if self.failed_gate is None:
            return Sentence("The copy is found."), *self.gates[-1].sentences, *cut
        behind = self.gates[self.gates.index(self.failed_gate) + 1 :]
        further = (sentence for gate in behind for sentence in gate.sentences[:1])
        return Sentence("The copy is not found."), *self.failed_gate.sentences, *further, *cut

    @property
    def reasons(self) -> tuple[str, ...]:
        """Reasons that apply to a match."""
        return () if self.examined is None or self.decision is Decision.NONE else self.examined.reasons


def explain(
    data: bytes,
    originals: Mapping[Key, Features],
    works: Works[Key] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    descriptor: Descriptor = BUILT_IN,
    adjust: Callable[[Features, dict[Key, Verification]], dict[Key, Verification]] = lambda _found, compared: compared,
) -> Explanation[Key]:
    """Search for one picture, and explain why it matches a work or not.

    Args:
        data: Bytes of the picture.
        originals: Features of the work's pictures.
        works: Works to search; without them, the two are compared as if the search had found them.
        limits: Limits for decoding.
        descriptor: The network.
        adjust: Final processing of a search's comparisons, such as for works of a series.

    Returns:
        The explanation.
    """
    try:
        found_picture = extract(data, limits, descriptor=descriptor)
    except UnreadablePictureError as error:
        why = filter(None, (Sentence("The copy cannot be read."), error.message, error.hint))
        gate = Gate("reading", passed=False, sentences=(*why,))
        return Explanation(Decision.NONE, (gate,), next(iter(originals)))
    searcher = None if works is None else search.Search(found_picture, lambda: data, works, limits)
    if searcher is not None:
        searcher.run()
    verifications = {} if searcher is None else adjust(found_picture, searcher.verifications)
    key = max(originals, key=lambda candidate: _promise_rank(verifications.get(candidate)))
    examined = verifications.get(key) or search.compare_without_search(
        found_picture, lambda: data, originals[key], limits
    )
    assert isinstance(examined, Examined)
    pair = _Pair(key, found_picture, originals[key], examined, searcher)
    gates = (Gate("reading"), *(gate for create_gates in GATES for gate in create_gates(pair)))
    decision = examined.decision if searcher is None or key in verifications else Decision.NONE
    return Explanation(decision, gates, key, examined, tuple(pair.before or ()), bool(found_picture.info.incomplete))


def _promise_rank(verification: Verification | None) -> tuple[int, float]:
    return (-1, 0.0) if verification is None else (verification.decision.sureness, verification.dense)


@dataclass(frozen=True, slots=True)
class _Pair(Generic[Key]):
    """Facts about a pair after the search."""

    key: Key
    found_picture: Features
    original: Features
    examined: Examined  # as the search compared them, or would have
    search: search.Search[Key] | None

    @property
    def agrees(self) -> bool:
        """True if the comparison found a match."""
        return self.examined.decision is not Decision.NONE

    @property
    def before(self) -> list[Key] | None:
        """Works ranked before it where it was found first; ``None`` if it was not found."""
        rounds = () if self.search is None else self.search.ranked_works
        return min((keys[: keys.index(self.key)] for keys in rounds if self.key in keys), key=len, default=None)


def _create_gate(name: str, figures: Way, sentence: Sentence, *further: Sentence, passed: bool) -> Gate:
    """Create a gate; if the pair fails, with the sentence, the insufficient figures, and further sentences."""
    short = [
        Sentence("%(what)s: %(figure)s; required: %(limit)s.", what=what, figure=figure, limit=limit)
        for what, figure, limit, holds in Gate(name, figures, passed).rows
        if not holds
    ]
    return Gate(name, figures, passed, () if passed else (sentence, *short[:2], *further))


def _check_information(pair: _Pair[Key]) -> Iterator[Gate]:
    sentence = Sentence(
        "The original has too little detail to be distinguished from other pictures. Only nearly exact "
        "copies are reported."
    )
    nearly = Condition("hamming", pair.examined.hamming, NEAR_EXACT, at_most=True)
    flat = pair.original.is_flat
    yield _create_gate("information", (nearly,) if flat else (), sentence, passed=pair.agrees or not flat)


def _check_naming(pair: _Pair[Key]) -> Iterator[Gate]:
    if pair.search is None:
        return
    icon = pair.found_picture.is_icon
    within = candidates.HASH_WITHIN if icon or pair.search.is_promising else search.NEAR_HASH
    figures = [Condition("hamming", pair.examined.hamming, within, at_most=True)]
    if icon:
        figures.append(Condition("side", min(pair.found_picture.info.width, pair.found_picture.info.height), ICON_SIDE))
    else:
        figures += [*_describe_descriptors(pair, pair.search), *_describe_votes(pair, pair.search)]
    sentence = Sentence(
        "Neither the hash, the descriptor nor the votes returned the original, so the two pictures were not compared."
    )
    if pair.before is not None:
        figures.append(Condition("place", len(pair.before) + 1, candidates.MAX_CANDIDATES, at_most=True))
        sentence = Sentence("The search returned the original, but ranked too many other works above it.")
    same = Sentence("A direct comparison does not find the copy either.")
    if pair.agrees:
        same = Sentence("A direct comparison does find the copy.")
    yield _create_gate("naming", tuple(figures), sentence, same, passed=pair.key in pair.search.verifications)


def _check_related(pair: _Pair[Key]) -> Iterator[Gate]:
    """Yield the gates of both questions with their sums, and the gate of a quick look that dismissed the pair."""
    verification, weighing = pair.examined, shipped()
    if verification.glance:
        quick = Figures.from_dict(verification.figures)
        sentence = Sentence(
            "The quick comparison found too little agreement. The copy may be redrawn, show only a small "
            "part of the original, or be another picture."
        )
        yield _create_gate("glance", _create_sum(weighing.glance, quick, weighing.glance_limit), sentence, passed=False)
    if verification.related is None or verification.exposure is None or verification.glance:
        return
    figures = Figures.from_dict(verification.figures)
    sentence = Sentence(
        "The agreement is no greater than chance explains, or comes from a mark that other works of the "
        "owner also have."
    )
    larger = Sentence("A larger copy would show more detail.")
    small = max(pair.found_picture.info.width, pair.found_picture.info.height) < NORMAL.side
    conditions = _create_sum(weighing.related, figures, verification.limit)
    yield _create_gate("related", conditions, sentence, *([larger] if small else []), passed=pair.agrees)
    if pair.agrees:
        sentence = Sentence("It may also be another picture of the same scene, or an adaptation.")
        conditions = _create_sum(weighing.exposure, figures, weighing.review_limit)
        yield _create_gate("exposure", conditions, sentence, passed=verification.decision is not Decision.RESEMBLES)


def _check_certainty(pair: _Pair[Key]) -> Iterator[Gate]:
    verification = pair.examined
    if not pair.agrees:
        return
    odds: Way = ()
    if verification.exposure is not None:
        odds = (Condition("odds", verification.exposure, shipped().certain_limit),)
        if WEAK in verification.reasons:
            odds += (Condition("dense", verification.dense, WEAK_DENSE),)
    yield _create_gate(
        "certainty", odds, Sentence("A person has to review it."), passed=verification.decision is Decision.CERTAIN
    )


GATES: tuple[Callable[[_Pair[Key]], Iterator[Gate]], ...] = (
    _check_information,
    _check_naming,
    _check_related,
    _check_certainty,
)


def _create_sum(question: Question, figures: Figures, limit: float) -> Way:
    """Return the sum with its limit, and the summand of each term."""
    summands = question.summands(figures)
    terms = [Condition(name, _figure_value(name, figures), adds=summand) for name, summand in summands.items()]
    start = Condition("begun", question.intercept, adds=question.intercept)
    return Condition("odds", question.odds(figures), limit), start, *terms


def _figure_value(name: str, figures: Figures) -> float | None:
    """Return the measured figure that a term weighs; for a term of several figures, its value."""
    values = asdict(figures)
    return values[TERM_FIGURES.get(name, name)] if TERM_FIGURES.get(name, name) in values else TERMS[name](figures)


def _describe_descriptors(pair: _Pair[Key], searcher: search.Search[Key]) -> Iterator[Condition]:
    """Yield the similarity of the nearest descriptors, and the rank of the work.

    For a picture without promising results, only the descriptor of the whole was searched for.
    """
    found_picture, works = pair.found_picture, searcher.works
    queries = np.stack([*found_picture.embeddings.values()] if searcher.is_promising else [found_picture.embedding])
    similarity = float((queries @ pair.original.embedding).max())
    within = candidates.DESCRIPTOR_WITHIN if searcher.is_promising else search.NEAR_WHOLE
    yield Condition("similarity", similarity, 1 - within)
    space, nearest = works.descriptors.space.id, works.descriptors.search(queries, k=NEAREST)
    if place := min(filter(None, (_find_rank(pair.key, works, space, row) for row in nearest)), default=None):
        yield Condition("place_by_descriptor", place, candidates.DESCRIPTOR_NEAREST, at_most=True)


def _describe_votes(pair: _Pair[Key], searcher: search.Search[Key]) -> Iterator[Condition]:
    """Yield the votes, if there are enough works to estimate chance."""
    votes, works = searcher.quick_votes, searcher.works
    if not math.isinf(chance := candidates.estimate_chance(votes)):
        place = _find_rank(pair.key, works, ROOTSIFT.id, votes)
        threshold = candidates.PROMINENCE if searcher.is_promising else search.VOTED_FOR
        yield Condition("votes", votes[place - 1].weight / chance if place else 0.0, threshold)
        if place:
            yield Condition("place_by_votes", place, candidates.MAX_VOTED, at_most=True)


def _find_rank(key: Key, works: Works[Key], space: str, hits: Sequence[Hit | Vote]) -> int | None:
    """Return the rank of the original in an index's results."""
    owners = works.owners(candidates.Candidate(space, hit.number, 0.0) for hit in hits)
    return next((rank for rank, hit in enumerate(hits, 1) if owners.get((space, hit.number)) == key), None)


def _format_limit(condition: Condition) -> Sentence:
    if condition.limit is None:
        return Sentence("adds %(much)s", much=f"{condition.adds or 0.0:+.2f}")
    limit = _format_number(condition.limit)
    return (
        Sentence("at most %(limit)s", limit=limit) if condition.at_most else Sentence("at least %(limit)s", limit=limit)
    )


def _format_number(figure: float | None) -> str:
    """Format integers as they are, other figures with three digits, missing ones as a dash."""
    if figure is None:
        return "–"
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:.3g}"
