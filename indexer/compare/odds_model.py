"""Odds model: computes the log odds of a pair for two questions from its measurements.

*Is the found picture related to this work, rather than similar by coincidence?* was fitted to copies and unrelated
pictures. *Does it show this exposure, rather than another one of the scene?* was fitted to copies and other photographs
of one scene. The log odds are an intercept plus the weighted terms of the measurements (logistic regression, D. R. Cox,
"The Regression Analysis of Binary Sequences", 1958). No weight is negative, and each term grows with the evidence for a
copy, so more agreement never lowers the odds. ``models/weighing/`` contains a readable file with the weights for each
version of the comparison: anyone who has the measurements in a bundle can calculate the sums by hand.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from exhibit.comparison.odds import (
    EXCESS_RANGE,
    FULL_WEIGHT_PATCHES,
    NEAR_HASH_RANGE,
    OTHER_PICTURE_FRACTION,
    PIECES_EXCESS_RANGE,
    PIECES_OTHER_PICTURE_FRACTION,
    UNMEASURED_DRIFT,
    UNMEASURED_EXCESS,
    UNMEASURED_ROUGHNESS,
    UNRELATED_HASH_DISTANCE,
    VISIBLE_EXCESS_RANGE,
    VISIBLE_RANGE,
)
from exhibit.types import Decision
from indexer.compare.figures import Figures
from indexer.picture.spaces import PIPELINE

WEIGHTS_FOLDER = Path(__file__).parents[1] / "models" / "weighing"
"""Folder with the weights of each version of the comparison since the first release, as ``PIPELINE.json``."""


def _limit_other_picture(other_fraction: float | None, threshold: float = OTHER_PICTURE_FRACTION) -> float:
    """Return 1 if no part of the overlap shows another picture, 0 if a large part does or if it was not measured."""
    return 0.0 if other_fraction is None else max(0.0, 1 - other_fraction / threshold)


def _compute_firm_fraction(figures: Figures) -> float:
    """Compute the fraction of patches in place, reduced for few patches and for displacements above the noise."""
    fraction = _get_value_or(figures.in_place, 0.0) * min(1.0, _get_value_or(figures.patches, 0) / FULL_WEIGHT_PATCHES)
    return fraction * _interpolate_down(_get_value_or(figures.excess, UNMEASURED_EXCESS), *EXCESS_RANGE)


def _compute_firm_pieces_fraction(figures: Figures) -> float:
    """Compute the fraction of the registered picture in place in pieces, reduced for displacements above the noise."""
    fraction = _get_value_or(figures.cover, 0.0) * _get_value_or(figures.pieces_in_place, 0.0)
    return fraction * _interpolate_down(_get_value_or(figures.pieces_excess, UNMEASURED_EXCESS), *PIECES_EXCESS_RANGE)


def _compute_visible_agreement(figures: Figures) -> float:
    """Compute the precision of the visible part, reduced for a small part and for displacements above the noise."""
    size = 1 - _interpolate_down(_get_value_or(figures.visible, 0.0), *VISIBLE_RANGE)
    precision = _interpolate_down(_get_value_or(figures.visible_excess, UNMEASURED_EXCESS), *VISIBLE_EXCESS_RANGE)
    return size * precision * _get_value_or(figures.visible_in_place, 0.0)


def _interpolate_down(value: float, full_until: float, zero_from: float) -> float:
    """Interpolate linearly from 1 at ``full_until`` or less to 0 at ``zero_from`` or more."""
    return min(1.0, max(0.0, (zero_from - value) / (zero_from - full_until)))


def _get_value_or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


TERMS: Mapping[str, Callable[[Figures], float]] = MappingProxyType(
    {
        "hash": lambda figures: max(0, UNRELATED_HASH_DISTANCE - figures.hamming) / UNRELATED_HASH_DISTANCE,
        "near_hash": lambda figures: _interpolate_down(figures.hamming, *NEAR_HASH_RANGE),
        "inliers": lambda figures: math.log1p(figures.inliers),
        "dense": lambda figures: figures.dense,
        "agreeing": lambda figures: math.log1p(figures.agreeing),
        "agreeing_share": lambda figures: figures.agreeing / max(1, figures.matches),
        "in_place": lambda figures: _get_value_or(figures.in_place, 0.0),
        "drift": lambda figures: -min(_get_value_or(figures.drift, UNMEASURED_DRIFT), UNMEASURED_DRIFT),
        "excess": lambda figures: -math.log(0.1 + _get_value_or(figures.excess, UNMEASURED_EXCESS)),
        "patches": lambda figures: math.log1p(_get_value_or(figures.patches, 0)),
        "cover": lambda figures: _get_value_or(figures.cover, 0.0),
        "roughness": lambda figures: -math.log(0.02 + _get_value_or(figures.roughness, UNMEASURED_ROUGHNESS)),
        "pieces_in_place": lambda figures: _get_value_or(figures.pieces_in_place, 0.0),
        "pieces_excess": lambda figures: -math.log(0.1 + _get_value_or(figures.pieces_excess, UNMEASURED_EXCESS)),
        "shown": lambda figures: _get_value_or(figures.cover, 0.0) * _get_value_or(figures.pieces_in_place, 0.0),
        "firm": _compute_firm_fraction,
        "firm_alone": lambda figures: _compute_firm_fraction(figures) * _limit_other_picture(figures.another),
        "pieces_firm": _compute_firm_pieces_fraction,
        "pieces_firm_clear": lambda figures: (
            _compute_firm_pieces_fraction(figures)
            * _limit_other_picture(figures.pieces_another, PIECES_OTHER_PICTURE_FRACTION)
        ),
        "visible": _compute_visible_agreement,
    }
)
"""Terms of the sums by name. Each grows with the evidence for a copy; terms that measure evidence directly are 0 or
more."""


@dataclass(frozen=True, slots=True)
class Question:
    """Logistic regression for one question: intercept and weights."""

    intercept: float
    weights: Mapping[str, float]

    def compute_log_odds(self, figures: Figures) -> float:
        """Compute the natural logarithm of the odds that the answer is yes."""
        return self.intercept + sum(weight * TERMS[name](figures) for name, weight in self.weights.items())

    def compute_summands(self, figures: Figures) -> dict[str, float]:
        """Compute the summand of each term by name, to show the calculation."""
        return {name: weight * TERMS[name](figures) for name, weight in self.weights.items()}


@dataclass(frozen=True, slots=True)
class Provenance:
    """Data to which the weights were fitted.

    Attributes:
        made: date of the fit, ISO 8601.
        pipeline: version of the pipeline that measured the pairs.
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
class OddsModel:
    """All questions, with the limits of their log odds.

    Attributes:
        related: whether the found picture is related to the work.
        related_limit: log odds from which it counts as related, among ``works`` works.
        works: number of works for ``related_limit``.
        decade: increase of the limit for ten times as many works.
        exposure: whether the found picture shows this exposure.
        review_limit: log odds from which a member should review the match.
        review_weights: weights of further terms that count for a review only: the visible part of a work may also be
            in other works, such as the label of another product, so it never makes a match certain.
        certain_limit: log odds from which the match is certain.
        provenance: data to which the weights were fitted, if the file states it.
    """

    related: Question
    related_limit: float
    works: int
    decade: float
    exposure: Question
    review_limit: float
    certain_limit: float
    review_weights: Mapping[str, float] = field(default_factory=dict)
    provenance: Provenance | None = None

    def compute_odds(self, figures: Figures, works: int = 0) -> "PairOdds":
        """Compute the odds of both questions for a pair that was found among ``works`` works."""
        return PairOdds(
            self,
            self.related.compute_log_odds(figures),
            self.exposure.compute_log_odds(figures),
            self.review_question.compute_log_odds(figures),
            self.compute_limit(works),
        )

    @property
    def review_question(self) -> Question:
        """The question for a review: that of the exposure with the further terms."""
        return Question(self.exposure.intercept, {**self.exposure.weights, **self.review_weights})

    def compute_limit(self, works: int) -> float:
        """Return the limit of ``related`` among ``works`` works; it rises with their number, as do chance matches."""
        return self.related_limit + self.decade * max(0.0, math.log10(max(works, 1) / self.works))


@dataclass(frozen=True, slots=True)
class PairOdds:
    """Log odds of a pair for both questions.

    Attributes:
        odds_model: the weights and limits.
        related: log odds that the found picture is related to the work.
        exposure: log odds that it shows this exposure.
        review: log odds that it, or its visible part, shows this exposure.
        limit: limit of ``related``.
    """

    odds_model: OddsModel
    related: float
    exposure: float
    review: float
    limit: float

    @property
    def decision(self) -> Decision:
        """Decision: ``none`` for unrelated pictures, otherwise by the odds of the exposure."""
        if self.related < self.limit:
            return Decision.NONE
        if self.exposure >= self.odds_model.certain_limit:
            return Decision.CERTAIN
        return Decision.RELATED if self.review < self.odds_model.review_limit else Decision.REVIEW


@cache
def load_shipped_model() -> OddsModel:
    """Load the odds model of this version."""
    return parse_odds_model((WEIGHTS_FOLDER / f"{PIPELINE}.json").read_text("utf-8"))


def load_odds_model(pipeline: str, folder: Path = WEIGHTS_FOLDER) -> OddsModel | None:
    """Load the odds model of a version of the comparison; return ``None`` if the folder does not contain it."""
    file = next((file for file in folder.iterdir() if file.name == f"{pipeline}.json"), None)
    return None if file is None else parse_odds_model(file.read_text("utf-8"))


def parse_odds_model(text: str) -> OddsModel:
    """Parse an odds model from JSON.

    Raises:
        ValueError: A term is unknown, or a weight is negative.
    """
    data = json.loads(text)
    return OddsModel(
        related=_parse_question(data["related"]),
        related_limit=float(data["related"]["limit"]),
        works=int(data["related"]["works"]),
        decade=float(data["related"]["decade"]),
        exposure=_parse_question(data["exposure"]),
        review_limit=float(data["exposure"]["review"]),
        certain_limit=float(data["exposure"]["certain"]),
        review_weights=_parse_weights(data["exposure"]["review_weights"]),
        provenance=Provenance(**data["provenance"]) if "provenance" in data else None,
    )


def _parse_question(data: Mapping[str, object]) -> Question:
    return Question(float(str(data["intercept"])), _parse_weights(data["weights"]))


def _parse_weights(weights: object) -> dict[str, float]:
    assert isinstance(weights, dict)
    if unknown_terms := weights.keys() - TERMS.keys():
        raise ValueError(f"There is no term {min(unknown_terms)}.")
    if negative_terms := [name for name, weight in weights.items() if weight < 0]:
        raise ValueError(f"The weight of {negative_terms[0]} is below zero: more agreement would speak against a copy.")
    return {name: float(weight) for name, weight in weights.items()}
