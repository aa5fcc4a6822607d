"""A logistic model of what is measured, and its limits: a likelihood ratio in place of one threshold after another."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from bench.families.measured import Measured
from bench.families.pairs import OTHERS
from exhibit.types import Decision
from indexer.calibration.probability import logistic

MARGIN = 1.0
"""By how much the score of a certain copy exceeds that of every other picture that was fitted with."""
DEVIATION = 6.0
"""To which each figure is brought: with the ridge of a calibration, as if hardly anything spoke against weights."""
FAR, UNRELATED, NEAR, LITTLE = 2.0, 128, 64, 0.1
"""Pixels beyond which a drift says no more; bits of unrelated and of near hashes; what is added to an excess."""
Figures = Callable[[Measured], list[float]]
"""What a model is told of a pair."""


def of_one_transform(pair: Measured) -> list[float]:
    """The figures of the plain comparison; the last one is large only where windows agree and patches lie precisely."""
    plain = pair.plain
    assert plain is not None
    drift, precise = min(plain.drift, FAR), max(0.0, plain.precision)
    hashes = (max(0.0, 1 - plain.hamming / bits) for bits in (UNRELATED, NEAR))
    counts = math.log1p(plain.inliers), math.log1p(plain.patches)
    excess = math.log(plain.excess + LITTLE)
    return [*hashes, *counts, plain.dense, plain.in_place, drift, excess, plain.dense * precise]


def of_everything(pair: Measured) -> list[float]:
    """The same, and those of the pieces; zeros where nothing could be laid in pieces."""
    laid = pair.pieces
    if laid is None:
        return [*of_one_transform(pair), *[0.0] * 6]
    told = math.log1p(laid.agreeing), math.log(laid.excess + LITTLE), math.log(laid.roughness)
    return [*of_one_transform(pair), 1.0, laid.cover, laid.dense, *told]


def decided(known: Sequence[Measured], asked: Sequence[Measured], of: Figures, allowed: float) -> list[Decision]:
    """What a model that was fitted with some pairs takes others for, by a logarithm of odds.

    Its limits are set by the other pictures that it was fitted with: of each kind of them so large a share is put up
    for review, and none comes near to being certain.
    """
    rows, others = np.array([of(pair) for pair in known]), np.array([pair.kind in OTHERS for pair in known])
    scales = DEVIATION / np.maximum(rows.std(axis=0), 1e-9)
    shares = np.where(others, 0.5 / others.sum(), 0.5 / (~others).sum())
    weights = logistic(rows * scales, (~others).astype(np.float64), shares * len(known))[1:] * scales
    ranked = [sorted(rows[[pair.kind == kind for pair in known]] @ weights) for kind in OTHERS]
    review = max(scores[-1 - int(allowed * len(scores))] for scores in ranked if scores)
    limits = (
        review + 1e-6,
        max(scores[-1] for scores in ranked if scores) + MARGIN,
    )  # a sum may differ in its last digit
    said = [Decision.NONE, Decision.REVIEW, Decision.CERTAIN]
    scores = np.array([of(pair) for pair in asked]) @ weights
    return [said[sum(score >= limit for limit in limits)] for score in scores]
