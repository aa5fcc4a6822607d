"""Fitting of the three parts of an odds model, each a logistic regression with non-negative weights.

D. R. Cox, "The Regression Analysis of Binary Sequences", 1958; with bounds by L-BFGS-B (R. H. Byrd, P. Lu, J. Nocedal,
C. Zhu, "A Limited Memory Algorithm for Bound Constrained Optimization", 1995). Each limit is determined from pairs
that are not copies and were used for fitting.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from bench.weighing.pairs import Pair, PairKind
from exhibit.errors import InvalidRequestError
from indexer.compare.figures import Figures
from indexer.compare.odds_model import TERMS, OddsModel, Provenance, Question

RELATED_TERMS = (
    "hash", "inliers", "dense", "agreeing", "agreeing_share", "in_place", "drift", "excess", "patches", "cover",
    "roughness", "pieces_in_place", "pieces_excess", "shown",
)  # fmt: skip
EXPOSURE_TERMS = ("near_hash", "drift", "shown", "firm", "firm_alone", "pieces_firm", "pieces_firm_clear")
"""Terms of each part of the model."""
RIDGE_PENALTY, EXPOSURE_RIDGE_PENALTY = 2.0, 5.0
"""Penalty on the squared weights of standardised terms, relative to the sum over all pairs. Without it, weights would
be infinite if copies and other pairs are perfectly separated.
"""
FIT_ROUNDS = 3
"""Number of rounds. In each, a part is fitted to the alignments that the previous fit considers likeliest."""
RELATED_PASS_RATE, RELATED_MARGIN = 0.00025, 0.5
"""Fraction of unrelated pairs that may count as related, and additional margin of the limit in log odds."""
EXPOSURE_MARGIN = 1.0
"""Margin in log odds of the limit for certain above all other exposures, because exposures of other works may be
slightly more similar than those used for fitting.
"""
REFERENCE_WORKS, LIMIT_PER_DECADE = 1000, 0.5
"""Number of works for which the limit for related is valid, and its increase per factor of 10 of works."""
REVIEW_WEIGHTS = {"visible": 3.0}
"""Weights of further terms that count for a review only."""
REVIEW_LOG_ODDS = -0.3
"""Log odds of the exposure from which review is needed, with equal weight of copies and other pairs. A missed copy
costs more than the review of another photograph of the scene; below it, pairs under one news bar would be reviewed."""
MIN_WEIGHT = 5e-5

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class AlignmentTerms:
    """Terms of all alignments of some pairs.

    Args:
        pairs: Pairs with at least one alignment each.
        measurements: Function that returns the measurements of all alignments of a pair.
    """

    def __init__(self, pairs: Sequence[Pair], measurements: Callable[[Pair], Sequence[Figures]]) -> None:
        numbered = [(number, alignment) for number, pair in enumerate(pairs) for alignment in measurements(pair)]
        self._pair = np.array([number for number, _ in numbered])
        self._rows = np.array([[term(alignment) for term in TERMS.values()] for _, alignment in numbered])

    def select_likeliest(self, question: Question) -> tuple[Floats, Floats]:
        """Return the terms (pairs, terms) of each pair's alignment with the highest odds, and those odds (pairs)."""
        log_odds = compute_odds(question, self._rows)
        order = np.lexsort((-log_odds, self._pair))
        first = order[np.unique(self._pair[order], return_index=True)[1]]
        return self._rows[first], log_odds[first]

    def get_first(self) -> Floats:
        """Return the terms of each pair's first alignment."""
        return self._rows[np.unique(self._pair, return_index=True)[1]]


def compute_odds(question: Question, rows: Floats) -> Floats:
    """Return the log odds of each row of terms, as :meth:`indexer.compare.odds_model.Question.odds`."""
    weights = np.array([question.weights.get(name, 0.0) for name in TERMS])
    return np.asarray(question.intercept + rows @ weights)


class FittingData:
    """Pairs prepared for fitting and evaluation.

    Args:
        pairs: Measured pairs.
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = pairs
        self.kinds = np.array([pair.kind for pair in pairs])
        self.held_out = np.array([pair.held_out for pair in pairs])
        self.composed = np.array([pair.composed for pair in pairs])
        self.whole = AlignmentTerms(pairs, lambda pair: pair.ways)

    def fit(self, selected: Mask, provenance: Provenance | None = None) -> OddsModel:
        """Fit an odds model to the selected pairs that are not held out.

        Raises:
            InvalidRequestError: There are no copies, unrelated pairs or other exposures among them.
        """
        selected = selected & ~self.held_out
        copies, unrelated = selected & (self.kinds == PairKind.COPY), selected & (self.kinds == PairKind.UNRELATED)
        exposures = selected & (self.kinds == PairKind.EXPOSURE)
        if not (copies.any() and unrelated.any() and exposures.any()):
            raise InvalidRequestError(
                "A weighing can't be fitted without copies, strangers and look-alikes.",
                hint="Name --photos, --unrelated and --lookalikes with more pictures.",
            )
        related, related_odds = _fit_question(self.whole, RELATED_TERMS, copies, unrelated)
        limit = _find_quantile_limit(related_odds[unrelated], RELATED_PASS_RATE) + RELATED_MARGIN
        rows, _ = self.whole.select_likeliest(related)
        overlays = selected & (self.kinds == PairKind.OVERLAY) & ~self.composed
        exposure = _fit_exposure(rows, copies & (related_odds > 0), (exposures | overlays) & (related_odds > 0))
        exposure_odds = compute_odds(exposure, rows)[exposures & (related_odds >= limit)]
        return OddsModel(
            related=related,
            related_limit=round(limit, 2),
            works=REFERENCE_WORKS,
            decade=LIMIT_PER_DECADE,
            exposure=exposure,
            review_limit=REVIEW_LOG_ODDS,
            certain_limit=max(
                REVIEW_LOG_ODDS, round(float(exposure_odds.max(initial=REVIEW_LOG_ODDS)) + EXPOSURE_MARGIN, 2)
            ),
            review_weights=REVIEW_WEIGHTS,
            provenance=provenance,
        )

    def decide(self, odds_model: OddsModel) -> NDArray[np.str_]:
        """Return the decision on each pair, by name. Pages and collages are never certain."""
        rows, related = self.whole.select_likeliest(odds_model.related)
        exposure = compute_odds(odds_model.exposure, rows)
        review = compute_odds(odds_model.review_question, rows)
        is_certain = (exposure >= odds_model.certain_limit) & ~self.composed
        grades = np.where(is_certain, "certain", np.where(review >= odds_model.review_limit, "review", "related"))
        return np.where(related >= odds_model.related_limit, grades, "none")


def fit_logistic(rows: Floats, outcomes: Mask, names: Sequence[str], pair_weights: Floats, ridge: float) -> Question:
    """Fit a weighted logistic regression without negative weights, so that no term counts against a copy.

    Args:
        rows: Terms, (pairs, terms of ``TERMS``).
        outcomes: True for copies, (pairs).
        names: Names of the terms to use.
        pair_weights: Weight of each pair, (pairs).
        ridge: Penalty, see :data:`RIDGE_PENALTY`.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - takes a while, and few ask

    columns = [list(TERMS).index(name) for name in names]
    terms = rows[:, columns]
    means, deviations = terms.mean(axis=0), terms.std(axis=0) + 1e-9
    design = np.column_stack([np.ones(len(terms)), (terms - means) / deviations])
    signs, total = np.where(outcomes, 1.0, -1.0), pair_weights.sum()
    penalty = np.array([0.0, *[ridge / len(terms)] * len(names)])

    def loss(weights: Floats) -> tuple[float, Floats]:
        margins = signs * (design @ weights)
        errors = pair_weights * np.exp(-np.logaddexp(0, margins))
        value = pair_weights @ np.logaddexp(0, -margins) / total + penalty @ weights**2 / 2
        return value, -(design.T @ (signs * errors)) / total + penalty * weights

    bounds = [(None, None), *[(0.0, None)] * len(names)]
    options = {"maxiter": 4000, "ftol": 1e-12}
    solution = minimize(loss, np.zeros(len(bounds)), jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    weights = solution[1:] / deviations
    named_weights = {
        name: round(float(weight), 4) for name, weight in zip(names, weights, strict=True) if weight > MIN_WEIGHT
    }
    return Question(round(float(solution[0] - weights @ means), 4), named_weights)


def format_odds_model(odds_model: OddsModel) -> str:
    """Format an odds model as the JSON that :func:`indexer.compare.odds_model.parse_weighing` reads."""
    values: dict[str, object] = {
        "related": {
            **_question_as_dict(odds_model.related),
            "limit": odds_model.related_limit,
            "works": odds_model.works,
            "decade": odds_model.decade,
        },
        "exposure": {
            **_question_as_dict(odds_model.exposure),
            "review": odds_model.review_limit,
            "certain": odds_model.certain_limit,
            "review_weights": dict(odds_model.review_weights),
        },
    }
    if odds_model.provenance is not None:
        values["provenance"] = asdict(odds_model.provenance)
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _question_as_dict(question: Question) -> dict[str, object]:
    return {"intercept": question.intercept, "weights": dict(question.weights)}


def _fit_question(
    alignments: AlignmentTerms, names: Sequence[str], positives: Mask, negatives: Mask
) -> tuple[Question, Floats]:
    """Fit one part of the model. Returns it, and the log odds of the likeliest alignment of every pair."""
    selected, rows = positives | negatives, alignments.get_first()
    for _ in range(FIT_ROUNDS):
        question = fit_logistic(rows[selected], positives[selected], names, np.ones(selected.sum()), RIDGE_PENALTY)
        rows, log_odds = alignments.select_likeliest(question)
    return question, log_odds


def _fit_exposure(rows: Floats, copies: Mask, negatives: Mask) -> Question:
    """Fit the exposure part to related pairs only, with equal total weight of copies and other pairs."""
    if not (copies.any() and negatives.any()):
        raise InvalidRequestError(
            "No look-alike has to do with the others of its scene: nothing can be fitted to tell them from copies.",
            hint="Name a folder of --lookalikes with other photographs of the same scenes.",
        )
    selected = copies | negatives
    pair_weights = np.where(copies[selected], 1.0, copies.sum() / negatives.sum())
    return fit_logistic(rows[selected], copies[selected], EXPOSURE_TERMS, pair_weights, EXPOSURE_RIDGE_PENALTY)


def _find_quantile_limit(log_odds: Floats, fraction: float) -> float:
    """Return the log odds that at most this fraction of the pairs exceeds."""
    return float(np.sort(log_odds)[::-1][int(fraction * len(log_odds))])
