"""Explanation of why a picture matched a work or not: the measurements of each stage beside their limits.

The measurements come from the search itself: the results of its indexes, their order, and the comparison's reasons.
This module neither decides nor measures. To add a stage, add a function to ``GATES``.
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
from indexer.compare.decision import MIN_DENSE_AGREEMENT, NEAR_EXACT_BITS, WEAK_AGREEMENT, DetailedVerification
from indexer.compare.figures import Figures
from indexer.compare.odds_model import TERMS, Question, load_shipped_model
from indexer.picture.descriptor import BUILT_IN, Descriptor
from indexer.picture.features import DEFAULT_LIMITS, MAX_ICON_SIDE, NORMAL_DETAIL, Features, extract
from indexer.picture.spaces import ROOTSIFT
from indexer.search import candidates, search
from indexer.search.comparison import PictureComparison
from indexer.search.search import Key, Works
from indexer.votes.index import Vote

STAGES: Mapping[str, Sentence] = {
    "reading": Sentence("Copy readable"),
    "information": Sentence("Original distinguishable from other pictures"),
    "naming": Sentence("Original returned by the search"),
    "related": Sentence("Related to the original, not by coincidence"),
    "exposure": Sentence("Same picture, not another picture of the scene"),
    "certainty": Sentence("Certain match"),
}
"""Titles of the gates, by name."""
FIGURES: Mapping[str, Sentence] = {
    "hamming": Sentence("Differing hash bits"),
    "side": Sentence("Shorter side of the copy (pixels)"),
    "similarity": Sentence("Descriptor similarity"),
    "margin": Sentence("Lead of the most similar work over others (similarity)"),
    "place_by_descriptor": Sentence("Rank by descriptor"),
    "votes": Sentence("Detail votes (multiple of the chance level)"),
    "place_by_votes": Sentence("Rank by votes"),
    "place": Sentence("Rank among the works to compare"),
    "odds": Sentence("Sum of the terms below (logarithm of the odds)"),
    "begun": Sentence("Initial value before any measurement"),
    "hash": Sentence("Differing hash bits (110 or more carry no information)"),
    "near_hash": Sentence("Nearness of the hash (1 up to 24 differing bits, 0 from 44)"),
    "inliers": Sentence("Details that agree on the alignment of the two pictures"),
    "dense": Sentence("Share of positions where the pixels agree"),
    "agreeing": Sentence("Details whose position relative to their neighbours matches the original"),
    "agreeing_share": Sentence("… as a share of all details found again"),
    "in_place": Sentence("Share of small patches in place (within half a pixel)"),
    "drift": Sentence("Joint shift of neighbouring patches (pixels)"),
    "excess": Sentence("Patch shift (multiple of the shift that noise explains)"),
    "patches": Sentence("Small patches that could be compared"),
    "cover": Sentence("Share of the original covered by pieces"),
    "roughness": Sentence("Displacement of pieces from the midpoint of their neighbours (pixels)"),
    "pieces_in_place": Sentence("Share of small patches in place after piecewise alignment"),
    "pieces_excess": Sentence("Patch shift after piecewise alignment (multiple of the shift that noise explains)"),
    "shown": Sentence("Share of the original in place after piecewise alignment"),
    "firm": Sentence("Share of patches in place, reduced for larger shifts and for fewer than 40 patches"),
    "firm_alone": Sentence("… also reduced if part of the overlap shows different content in the two pictures"),
    "pieces_firm": Sentence("Share of the original in place after piecewise alignment, reduced for larger shifts"),
    "pieces_firm_clear": Sentence("… also reduced if part of the overlap shows different content in the two pictures"),
    "visible": Sentence("Precision of the visible part, reduced if it is small or if patches are displaced"),
}
"""Descriptions of measurements, by the name of the condition or term (:data:`indexer.compare.odds_model.TERMS`)."""
TERM_FIGURES: Mapping[str, str] = {"hash": "hamming"}
"""Measurement that a term uses, if the names differ."""
TRUNCATED_FILE = Sentence("The file is truncated or damaged. The readable part was compared.")
MAX_SEARCHED_RANK = 100
"""Number of nearest descriptors in which the rank of a work is searched for."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Measurement with its limit, or with its summand in the log odds."""

    name: str  # a key of `FIGURES`
    figure: float | None  # measured value; ``None`` if not measured
    limit: float | None = None
    at_most: bool = False  # whether the limit is a maximum; otherwise a minimum
    adds: float | None = None

    @property
    def is_met(self) -> bool:
        """True if the measurement is within its limit, or has no limit."""
        if self.limit is None or self.figure is None:
            return True
        return self.figure <= self.limit if self.at_most else self.figure >= self.limit


Conditions = tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Gate:
    """Stage that a pair must pass to match."""

    name: str  # a key of `STAGES`
    figures: Conditions = ()  # the measurements
    passed: bool = True
    sentences: tuple[str, ...] = ()  # reasons why the pair does not pass, and ways to change that

    @property
    def title(self) -> Sentence:
        """Title of the gate."""
        return STAGES[self.name]

    @property
    def rows(self) -> list[tuple[Sentence, str, Sentence, bool]]:
        """Table rows: description, measurement, required value, and whether the pair meets it."""
        return [
            (
                FIGURES[condition.name],
                _format_number(condition.figure),
                _format_limit(condition),
                condition.is_met or self.passed,
            )
            for condition in self.figures
        ]


@dataclass(frozen=True, slots=True)
class Explanation(Generic[Key]):
    """Result of a search for a pair, gate by gate; gates after a failed one are included for information."""

    decision: Decision
    gates: tuple[Gate, ...]
    original: Key  # the work's picture with the best result
    examined: Verification | None = None  # the comparison; `None` if the copy cannot be read
    works_before: tuple[Key, ...] = ()  # works ranked before this one in the index that returned it
    incomplete: bool = False  # whether the file of the copy is truncated or damaged

    @property
    def failed_gate(self) -> Gate | None:
        """Gate at which the pair failed; ``None`` if the work was found."""
        failed_gates = (gate for gate in self.gates if not gate.passed)
        return next(failed_gates, self.gates[-1]) if self.decision is Decision.NONE else None

    @property
    def sentences(self) -> tuple[str, ...]:
        """Sentences about the result: changes that would have led to a match, or reasons why a match is not certain."""
        cut = (TRUNCATED_FILE,) if self.incomplete else ()
        if self.failed_gate is None:
            return Sentence("The copy is found."), *self.gates[-1].sentences, *cut
        later_gates = self.gates[self.gates.index(self.failed_gate) + 1 :]
        further_sentences = (sentence for gate in later_gates for sentence in gate.sentences[:1])
        return Sentence("The copy is not found."), *self.failed_gate.sentences, *further_sentences, *cut

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
    """Search for one picture and explain why it matches a work or not.

    Args:
        data: Bytes of the picture.
        originals: Features of the work's pictures.
        works: Works to search; without them, the pair is compared as if the search had returned it.
        limits: Limits for decoding.
        descriptor: The model.
        adjust: Final processing of the comparisons of a search, such as for works of a series.

    Returns:
        The explanation.
    """
    try:
        found_picture = extract(data, limits, descriptor=descriptor)
    except UnreadablePictureError as error:
        reasons = filter(None, (Sentence("The copy cannot be read."), error.message, error.hint))
        gate = Gate("reading", passed=False, sentences=(*reasons,))
        return Explanation(Decision.NONE, (gate,), next(iter(originals)))
    searcher = None if works is None else search.Search(found_picture, lambda: data, works, limits)
    if searcher is not None:
        searcher.run()
    verifications = {} if searcher is None else adjust(found_picture, searcher.verifications)
    key = max(originals, key=lambda candidate: _compute_promise(verifications.get(candidate)))
    examined = verifications.get(key) or PictureComparison(found_picture, lambda: data, limits).compare(originals[key])
    assert isinstance(examined, DetailedVerification)
    pair = _Pair(key, found_picture, originals[key], examined, searcher)
    gates = (Gate("reading"), *(gate for create_gates in GATES for gate in create_gates(pair)))
    decision = examined.decision if searcher is None or key in verifications else Decision.NONE
    return Explanation(
        decision, gates, key, examined, tuple(pair.works_before or ()), bool(found_picture.info.incomplete)
    )


def _compute_promise(verification: Verification | None) -> tuple[int, float]:
    return (-1, 0.0) if verification is None else (verification.decision.rank, verification.dense)


@dataclass(frozen=True, slots=True)
class _Pair(Generic[Key]):
    """State of a pair after the search."""

    key: Key
    found_picture: Features
    original: Features
    examined: DetailedVerification  # comparison by the search, or as the search would have done it
    search: search.Search[Key] | None

    @property
    def is_match(self) -> bool:
        """True if the comparison found a match."""
        return self.examined.decision is not Decision.NONE

    @property
    def works_before(self) -> list[Key] | None:
        """Works ranked before this one in the first index that returned it; ``None`` if no index did."""
        rounds = () if self.search is None else self.search.ranked_works
        return min((keys[: keys.index(self.key)] for keys in rounds if self.key in keys), key=len, default=None)


def _create_gate(
    name: str, figures: Conditions, sentence: Sentence, *further_sentences: Sentence, passed: bool
) -> Gate:
    """Create a gate. A failed gate has the sentence, the measurements that fall short, and further sentences."""
    insufficient_figures = [
        Sentence("%(what)s: %(figure)s; required: %(limit)s.", what=description, figure=figure, limit=limit)
        for description, figure, limit, is_met in Gate(name, figures, passed).rows
        if not is_met
    ]
    return Gate(name, figures, passed, () if passed else (sentence, *insufficient_figures[:2], *further_sentences))


def _check_information(pair: _Pair[Key]) -> Iterator[Gate]:
    sentence = Sentence(
        "The original has too little detail to be distinguished from other pictures. Only nearly exact "
        "copies are reported."
    )
    nearly_identical = Condition("hamming", pair.examined.hamming, NEAR_EXACT_BITS, at_most=True)
    is_flat = pair.original.is_flat
    yield _create_gate(
        "information", (nearly_identical,) if is_flat else (), sentence, passed=pair.is_match or not is_flat
    )


def _check_naming(pair: _Pair[Key]) -> Iterator[Gate]:
    if pair.search is None:
        return
    is_icon = pair.found_picture.is_icon
    max_distance = (
        candidates.MAX_HASH_DISTANCE if is_icon or pair.search.is_promising else search.MAX_PROMISING_HASH_DISTANCE
    )
    figures = [Condition("hamming", pair.examined.hamming, max_distance, at_most=True)]
    if is_icon:
        figures.append(
            Condition("side", min(pair.found_picture.info.width, pair.found_picture.info.height), MAX_ICON_SIDE)
        )
    else:
        figures += [*_describe_descriptors(pair, pair.search), *_describe_votes(pair, pair.search)]
    sentence = Sentence(
        "The hash, the descriptor and the votes all failed to return the original, so the two pictures "
        "were not compared."
    )
    if pair.works_before is not None:
        figures.append(Condition("place", len(pair.works_before) + 1, candidates.MAX_CANDIDATES, at_most=True))
        sentence = Sentence("The search returned the original, but ranked too many other works above it.")
    no_direct_match = Sentence("A direct comparison does not find the copy either.")
    if pair.is_match:
        no_direct_match = Sentence("A direct comparison finds the copy.")
    yield _create_gate(
        "naming", tuple(figures), sentence, no_direct_match, passed=pair.key in pair.search.verifications
    )


def _check_related(pair: _Pair[Key]) -> Iterator[Gate]:
    """Yield the gates of both questions with their sums."""
    verification, odds_model = pair.examined, load_shipped_model()
    if verification.related is None or verification.exposure is None:
        return
    figures = Figures.from_dict(verification.figures)
    sentence = Sentence(
        "The agreement is no greater than chance explains, or comes from a mark that other works of the "
        "owner also have."
    )
    larger_copy = Sentence("A larger copy would show more detail.")
    small_copy = max(pair.found_picture.info.width, pair.found_picture.info.height) < NORMAL_DETAIL.side
    conditions = _create_sum(odds_model.related, figures, verification.limit)
    yield _create_gate("related", conditions, sentence, *([larger_copy] if small_copy else []), passed=pair.is_match)
    if pair.is_match:
        sentence = Sentence("The found picture may also be another picture of the same scene, or an adaptation.")
        conditions = _create_sum(odds_model.review_question, figures, odds_model.review_limit)
        yield _create_gate("exposure", conditions, sentence, passed=verification.decision is not Decision.RELATED)


def _check_certainty(pair: _Pair[Key]) -> Iterator[Gate]:
    verification = pair.examined
    if not pair.is_match:
        return
    odds: Conditions = ()
    if verification.exposure is not None:
        odds = (Condition("odds", verification.exposure, load_shipped_model().certain_limit),)
        if WEAK_AGREEMENT in verification.reasons:
            odds += (Condition("dense", verification.dense, MIN_DENSE_AGREEMENT),)
    yield _create_gate(
        "certainty",
        odds,
        Sentence("A person has to review the match."),
        passed=verification.decision is Decision.CERTAIN,
    )


GATES: tuple[Callable[[_Pair[Key]], Iterator[Gate]], ...] = (
    _check_information,
    _check_naming,
    _check_related,
    _check_certainty,
)


def _create_sum(question: Question, figures: Figures, limit: float) -> Conditions:
    """Create the condition for the sum with its limit, and one for the summand of each term."""
    summands = question.compute_summands(figures)
    terms = [Condition(name, _get_figure_value(name, figures), adds=summand) for name, summand in summands.items()]
    start = Condition("begun", question.intercept, adds=question.intercept)
    return Condition("odds", question.compute_log_odds(figures), limit), start, *terms


def _get_figure_value(name: str, figures: Figures) -> float | None:
    """Return the measurement that a term uses, or the value of a term that combines several measurements."""
    values = asdict(figures)
    return values[TERM_FIGURES.get(name, name)] if TERM_FIGURES.get(name, name) in values else TERMS[name](figures)


def _describe_descriptors(pair: _Pair[Key], searcher: search.Search[Key]) -> Iterator[Condition]:
    """Yield the similarity of the nearest descriptors, and the rank of the work.

    In the first look, only the descriptor of the whole is searched for.
    """
    found_picture, works = pair.found_picture, searcher.works
    queries = np.stack([*found_picture.embeddings.values()] if searcher.is_promising else [found_picture.embedding])
    similarity = float((queries @ pair.original.embedding).max())
    max_distance = (
        candidates.MAX_DESCRIPTOR_DISTANCE if searcher.is_promising else search.MAX_PROMISING_DESCRIPTOR_DISTANCE
    )
    yield Condition("similarity", similarity, 1 - max_distance)
    if not searcher.is_promising:
        yield Condition("margin", searcher.descriptor_margin, search.MIN_PROMISING_MARGIN)
    space, nearest = works.descriptors.space.id, works.descriptors.search(queries, k=MAX_SEARCHED_RANK)
    if rank := min(filter(None, (_find_rank(pair.key, works, space, row) for row in nearest)), default=None):
        yield Condition("place_by_descriptor", rank, candidates.MAX_DESCRIPTOR_HITS, at_most=True)


def _describe_votes(pair: _Pair[Key], searcher: search.Search[Key]) -> Iterator[Condition]:
    """Yield the votes, if there are enough works to estimate chance."""
    votes, works = searcher.all_votes if searcher.is_promising else searcher.first_votes, searcher.works
    if not math.isinf(chance := candidates.estimate_chance(votes)):
        rank = _find_rank(pair.key, works, ROOTSIFT.id, votes)
        threshold = candidates.MIN_PROMINENCE if searcher.is_promising else search.MIN_PROMISING_VOTE_RATIO
        yield Condition("votes", votes[rank - 1].weight / chance if rank else 0.0, threshold)
        if rank:
            yield Condition("place_by_votes", rank, candidates.MAX_VOTE_CANDIDATES, at_most=True)


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
    """Format integers unchanged, other numbers with three digits, and missing ones as a dash."""
    if figure is None:
        return "–"
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:.3g}"
