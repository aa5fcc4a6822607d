"""What the figures of a pair are worth: two questions, each answered by one sum.

*Has the found picture to do with this work, beyond chance?* was learned against strangers; *is it this exposure, or
another one of the scene?* against other photographs of one scene. Each answer is the logarithm of odds: an intercept,
and of each figure a term times its weight (logistic regression, D. R. Cox, "The Regression Analysis of Binary
Sequences", 1958). No weight is negative, and each term grows with what speaks for a copy, so more agreement never makes
an answer worse. The weights are a readable file of each version of the comparison in ``models/weighing/``: whoever has
the figures of a bundle can do the sum by hand.
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

KEPT = Path(__file__).parents[1] / "models" / "weighing"
"""The weights of each version of the comparison since the first release, ``PIPELINE.json`` each."""


def _alone(another: float | None, share: float = ANOTHER_PICTURE) -> float:
    """1 where no part of the overlap shows another picture, 0 where so large a share does or it wasn't measured."""
    return 0.0 if another is None else max(0.0, 1 - another / share)


def _firm(one: Figures) -> float:
    """The share of patches in place, by how many there are, and the less the farther noise leaves them unexplained."""
    seen = _or(one.in_place, 0.0) * min(1.0, _or(one.patches, 0) / ENOUGH_PATCHES)
    return seen * _falling(_or(one.excess, FAR_EXCESS), *EXCESS)


def _pieces_firm(one: Figures) -> float:
    """The share of the registered picture that lies in place piece by piece, the less the farther, as above."""
    seen = _or(one.cover, 0.0) * _or(one.pieces_in_place, 0.0)
    return seen * _falling(_or(one.pieces_excess, FAR_EXCESS), *PIECES_EXCESS)


def _falling(value: float, full: float, none: float) -> float:
    """1 up to ``full``, 0 from ``none`` on, a straight line between."""
    return min(1.0, max(0.0, (none - value) / (none - full)))


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


TERMS: Mapping[str, Callable[[Figures], float]] = MappingProxyType(
    {
        "hash": lambda one: max(0, NEAR_HASH - one.hamming) / NEAR_HASH,
        "inliers": lambda one: math.log1p(one.inliers),
        "dense": lambda one: one.dense,
        "agreeing": lambda one: math.log1p(one.agreeing),
        "agreeing_share": lambda one: one.agreeing / max(1, one.matches),
        "in_place": lambda one: _or(one.in_place, 0.0),
        "drift": lambda one: -min(_or(one.drift, FAR_DRIFT), FAR_DRIFT),
        "excess": lambda one: -math.log(0.1 + _or(one.excess, FAR_EXCESS)),
        "patches": lambda one: math.log1p(_or(one.patches, 0)),
        "cover": lambda one: _or(one.cover, 0.0),
        "roughness": lambda one: -math.log(0.02 + _or(one.roughness, FAR_ROUGHNESS)),
        "pieces_in_place": lambda one: _or(one.pieces_in_place, 0.0),
        "pieces_excess": lambda one: -math.log(0.1 + _or(one.pieces_excess, FAR_EXCESS)),
        "shown": lambda one: _or(one.cover, 0.0) * _or(one.pieces_in_place, 0.0),
        "firm": _firm,
        "firm_alone": lambda one: _firm(one) * _alone(one.another),
        "pieces_firm": _pieces_firm,
        "pieces_firm_clear": lambda one: _pieces_firm(one) * _alone(one.pieces_another, HALF_ANOTHER),
    }
)
"""Each term by its name, 0 or more for what speaks for a copy, or growing towards it."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question and the weights of its answer."""

    intercept: float
    weights: Mapping[str, float]

    def odds(self, figures: Figures) -> float:
        """The natural logarithm of the odds that the answer is yes."""
        return self.intercept + sum(weight * TERMS[name](figures) for name, weight in self.weights.items())

    def sum_of(self, figures: Figures) -> dict[str, float]:
        """What each term adds, by its name, for whoever wants to see the sum."""
        return {name: weight * TERMS[name](figures) for name, weight in self.weights.items()}


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the weights were fitted to.

    Attributes:
        made: day of the fit, ISO 8601.
        pipeline: that measured the figures.
        data: the pictures, in words.
        pairs: how many of each kind were measured.
        command: what measured and fitted them.
        seed: of everything that was left to chance.
    """

    made: str
    pipeline: str
    data: str
    pairs: Mapping[str, int]
    command: str
    seed: int


@dataclass(frozen=True, slots=True)
class Weighing:
    """All questions, and where their answers begin to count.

    Attributes:
        glance: whether the pair is worth measuring with all features, by the quick ones.
        glance_limit: logarithm of odds from which it is.
        related: whether the found picture has to do with the work.
        related_limit: logarithm of odds from which it has, among ``works`` works.
        works: see there.
        decade: by how much the limit rises with ten times as many works.
        exposure: whether it shows this exposure.
        review_limit: logarithm of odds from which a person should look whether it is a copy.
        certain_limit: logarithm of odds from which nothing is left to doubt.
        provenance: what they were fitted to, where the file tells.
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
        """Both questions answered of a pair that was found among so many works."""
        return Answers(self, self.related.odds(figures), self.exposure.odds(figures), self.limit_among(works))

    def limit_among(self, works: int) -> float:
        """The limit of ``related`` among so many works: the more are compared, the farther chance reaches."""
        return self.related_limit + self.decade * max(0.0, math.log10(max(works, 1) / self.works))


@dataclass(frozen=True, slots=True)
class Answers:
    """What the figures of a pair say.

    Attributes:
        related: logarithm of the odds that the found picture has to do with the work.
        exposure: logarithm of the odds that it shows this exposure.
        limit: where the first begins to count.
    """

    weighing: Weighing
    related: float
    exposure: float
    limit: float

    @property
    def decision(self) -> Decision:
        """``none`` where they have nothing to do with each other; else by how sure it is that it is this exposure."""
        if self.related < self.limit:
            return Decision.NONE
        if self.exposure < self.weighing.review_limit:
            return Decision.RESEMBLES
        return Decision.REVIEW if self.exposure < self.weighing.certain_limit else Decision.CERTAIN


@cache
def shipped() -> Weighing:
    """The weighing by which this version decides."""
    return read((KEPT / f"{PIPELINE}.json").read_text("utf-8"))


def kept(pipeline: str, folder: Path = KEPT) -> Weighing | None:
    """The weighing by which a version of the comparison decided; ``None`` where a folder doesn't keep it."""
    file = next((file for file in folder.iterdir() if file.name == f"{pipeline}.json"), None)
    return None if file is None else read(file.read_text("utf-8"))


def read(text: str) -> Weighing:
    """A weighing from its JSON; raises ``ValueError`` for terms that aren't known or weights below zero."""
    told = json.loads(text)
    return Weighing(
        glance=_question(told["glance"]),
        glance_limit=float(told["glance"]["limit"]),
        related=_question(told["related"]),
        related_limit=float(told["related"]["limit"]),
        works=int(told["related"]["works"]),
        decade=float(told["related"]["decade"]),
        exposure=_question(told["exposure"]),
        review_limit=float(told["exposure"]["review"]),
        certain_limit=float(told["exposure"]["certain"]),
        provenance=Provenance(**told["provenance"]) if "provenance" in told else None,
    )


def _question(told: Mapping[str, object]) -> Question:
    weights = told["weights"]
    assert isinstance(weights, dict)
    if unknown := weights.keys() - TERMS.keys():
        raise ValueError(f"There is no term {min(unknown)}.")
    if below := [name for name, weight in weights.items() if weight < 0]:
        raise ValueError(f"The weight of {below[0]} is below zero: more agreement would speak against a copy.")
    return Question(float(str(told["intercept"])), {name: float(weight) for name, weight in weights.items()})
