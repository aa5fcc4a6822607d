"""Weighing of a pair's figures: two questions, each answered by one sum.

*Is the found picture related to this work, beyond chance?* was learned against unrelated pictures; *does it show this
exposure, or another one of the scene?* against other photographs of one scene. Each answer is the logarithm of odds: an
intercept, and a term for each figure times its weight (logistic regression, D. R. Cox, "The Regression Analysis of
Binary Sequences", 1958). No weight is negative, and each term grows with the evidence for a copy, so that more
agreement never lowers an answer. The weights are a readable file for each version of the comparison in
``models/weighing/``: anyone who has the figures of a bundle can calculate the sum by hand.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from exhibit.comparison.odds import (
    ANOTHER_PICTURE,
    ENOUGH_PATCHES,
    EXCESS,
    FAR_DRIFT,
    FAR_EXCESS,
    FAR_ROUGHNESS,
    HALF_ANOTHER,
    NEAR_HASH,
    PIECES_EXCESS,
)
from exhibit.types import Decision
from indexer.compare.figures import Figures
from indexer.picture.spaces import PIPELINE

WEIGHTS_FOLDER = Path(__file__).parents[1] / "models" / "weighing"
"""Folder with the weights of each version of the comparison since the first release, as ``PIPELINE.json``."""


def _limit_other_picture(other_share: float | None, share: float = ANOTHER_PICTURE) -> float:
    """Return 1 if no part of the overlap shows another picture, 0 for a large share or without a measurement."""
    return 0.0 if other_share is None else max(0.0, 1 - other_share / share)


def _firm(figures: Figures) -> float:
    """Return the share of patches in place, reduced for few patches and for displacements that exceed the noise."""
    share = _value_or(figures.in_place, 0.0) * min(1.0, _value_or(figures.patches, 0) / ENOUGH_PATCHES)
    return share * _interpolate_down(_value_or(figures.excess, FAR_EXCESS), *EXCESS)


def _pieces_firm(figures: Figures) -> float:
    """Return the share of the registered picture in place in pieces, reduced for displacements above the noise."""
    share = _value_or(figures.cover, 0.0) * _value_or(figures.pieces_in_place, 0.0)
    return share * _interpolate_down(_value_or(figures.pieces_excess, FAR_EXCESS), *PIECES_EXCESS)


def _interpolate_down(value: float, full: float, none: float) -> float:
    """Return 1 up to ``full``, 0 from ``none`` on, and interpolate linearly between."""
    return min(1.0, max(0.0, (none - value) / (none - full)))


def _value_or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


TERMS: Mapping[str, Callable[[Figures], float]] = MappingProxyType(
    {
        "hash": lambda figures: max(0, NEAR_HASH - figures.hamming) / NEAR_HASH,
        "inliers": lambda figures: math.log1p(figures.inliers),
        "dense": lambda figures: figures.dense,
        "agreeing": lambda figures: math.log1p(figures.agreeing),
        "agreeing_share": lambda figures: figures.agreeing / max(1, figures.matches),
        "in_place": lambda figures: _value_or(figures.in_place, 0.0),
        "drift": lambda figures: -min(_value_or(figures.drift, FAR_DRIFT), FAR_DRIFT),
        "excess": lambda figures: -math.log(0.1 + _value_or(figures.excess, FAR_EXCESS)),
        "patches": lambda figures: math.log1p(_value_or(figures.patches, 0)),
        "cover": lambda figures: _value_or(figures.cover, 0.0),
        "roughness": lambda figures: -math.log(0.02 + _value_or(figures.roughness, FAR_ROUGHNESS)),
        "pieces_in_place": lambda figures: _value_or(figures.pieces_in_place, 0.0),
        "pieces_excess": lambda figures: -math.log(0.1 + _value_or(figures.pieces_excess, FAR_EXCESS)),
        "shown": lambda figures: _value_or(figures.cover, 0.0) * _value_or(figures.pieces_in_place, 0.0),
        "firm": _firm,
        "firm_alone": lambda figures: _firm(figures) * _limit_other_picture(figures.another),
        "pieces_firm": _pieces_firm,
        "pieces_firm_clear": lambda figures: (
            _pieces_firm(figures) * _limit_other_picture(figures.pieces_another, HALF_ANOTHER)
        ),
    }
)
"""Terms by name: 0 or more for evidence of a copy, or growing towards it."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the weights of its answer."""

    intercept: float
    weights: Mapping[str, float]

    def odds(self, figures: Figures) -> float:
        """Return the natural logarithm of the odds that the answer is yes."""
        return self.intercept + sum(weight * TERMS[name](figures) for name, weight in self.weights.items())

    def summands(self, figures: Figures) -> dict[str, float]:
        """Return the summand of each term by name, to show the calculation."""
        return {name: weight * TERMS[name](figures) for name, weight in self.weights.items()}


@dataclass(frozen=True, slots=True)
class Provenance:
    """Data to which the weights were fitted.

    Attributes:
        made: day of the fit, ISO 8601.
        pipeline: version that measured the figures.
        data: description of the pictures.
        pairs: number of measured pairs by kind.
        command: command that measured and fitted them.
        seed: seed of all random choices.
    """

    made: str
    pipeline: str
    data: str
    pairs: Mapping[str, int]
    command: str
    seed: int


@dataclass(frozen=True, slots=True)
class Weighing:
    """All questions, and the limits of their answers.

    Attributes:
        glance: whether the pair needs a full comparison, by the quick figures.
        glance_limit: log odds from which it does.
        related: whether the found picture is related to the work.
        related_limit: log odds from which it is, among ``works`` works.
        works: number of works for ``related_limit``.
        decade: increase of the limit for ten times as many works.
        exposure: whether it shows this exposure.
        review_limit: log odds from which a person should review whether it is a copy.
        certain_limit: log odds from which no doubt is left.
        provenance: data to which the weights were fitted, if the file states it.
    """

    glance: Question
    glance_limit: float
    related: Question
    related_limit: float
    works: int
    decade: float
    exposure: Question
    review_limit: float
    certain_limit: float
    provenance: Provenance | None = None

    def decide(self, figures: Figures, works: int = 0) -> "Answers":
        """Answer both questions for a pair that was found among ``works`` works."""
        return Answers(self, self.related.odds(figures), self.exposure.odds(figures), self.limit_among(works))

    def limit_among(self, works: int) -> float:
        """Return the limit of ``related`` among ``works`` works; it rises with their number, as do chance matches."""
        return self.related_limit + self.decade * max(0.0, math.log10(max(works, 1) / self.works))


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers for the figures of a pair.

    Attributes:
        weighing: the weights and limits.
        related: log odds that the found picture is related to the work.
        exposure: log odds that it shows this exposure.
        limit: limit of ``related``.
    """

    weighing: Weighing
    related: float
    exposure: float
    limit: float

    @property
    def decision(self) -> Decision:
        """``none`` if the pictures are unrelated; otherwise by how likely it is this exposure."""
        if self.related < self.limit:
            return Decision.NONE
        if self.exposure < self.weighing.review_limit:
            return Decision.RESEMBLES
        return Decision.REVIEW if self.exposure < self.weighing.certain_limit else Decision.CERTAIN


@cache
def shipped() -> Weighing:
    """Return the weighing by which this version decides."""
    return parse_weighing((WEIGHTS_FOLDER / f"{PIPELINE}.json").read_text("utf-8"))


def load_weighing(pipeline: str, folder: Path = WEIGHTS_FOLDER) -> Weighing | None:
    """Return the weighing of a version of the comparison; ``None`` if the folder does not contain it."""
    file = next((file for file in folder.iterdir() if file.name == f"{pipeline}.json"), None)
    return None if file is None else parse_weighing(file.read_text("utf-8"))


def parse_weighing(text: str) -> Weighing:
    """Parse a weighing from JSON.

    Raises:
        ValueError: A term is unknown, or a weight is negative.
    """
    data = json.loads(text)
    return Weighing(
        glance=_parse_question(data["glance"]),
        glance_limit=float(data["glance"]["limit"]),
        related=_parse_question(data["related"]),
        related_limit=float(data["related"]["limit"]),
        works=int(data["related"]["works"]),
        decade=float(data["related"]["decade"]),
        exposure=_parse_question(data["exposure"]),
        review_limit=float(data["exposure"]["review"]),
        certain_limit=float(data["exposure"]["certain"]),
        provenance=Provenance(**data["provenance"]) if "provenance" in data else None,
    )


def _parse_question(data: Mapping[str, object]) -> Question:
    weights = data["weights"]
    assert isinstance(weights, dict)
    if unknown := weights.keys() - TERMS.keys():
        raise ValueError(f"There is no term {min(unknown)}.")
    if below := [name for name, weight in weights.items() if weight < 0]:
        raise ValueError(f"The weight of {below[0]} is below zero: more agreement would speak against a copy.")
    return Question(float(str(data["intercept"])), {name: float(weight) for name, weight in weights.items()})
