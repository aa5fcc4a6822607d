"""The three questions of a weighing, each fitted as a logistic regression with non-negative weights.

D. R. Cox, "The Regression Analysis of Binary Sequences", 1958; with bounds by L-BFGS-B (R. H. Byrd, P. Lu, J. Nocedal,
C. Zhu, "A Limited Memory Algorithm for Bound Constrained Optimization", 1995). Each limit is determined by pairs that
are not copies and were used for fitting.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from bench.weighing.pairs import Kind, Pair
from exhibit.errors import WrongUseError
from indexer.compare.figures import Figures
from indexer.compare.weighing import TERMS, Provenance, Question, Weighing

GLANCE = ("hash", "agreeing", "agreeing_share")
RELATED = (
    "hash", "inliers", "dense", "agreeing", "agreeing_share", "in_place", "drift", "excess", "patches", "cover",
    "roughness", "pieces_in_place", "pieces_excess", "shown",
)  # fmt: skip
EXPOSURE = ("drift", "shown", "firm", "firm_alone", "pieces_firm", "pieces_firm_clear")
"""Terms of each question."""
RIDGE, EXPOSURE_RIDGE = 2.0, 5.0
"""Penalty on the squared weights of standardised terms, against the sum over all pairs. Without it, perfectly separated
copies and other pairs would have no finite weights.
"""
ROUNDS = 3
"""Number of rounds in which a question is fitted to the alignment that the previous fit considers likeliest."""
GLANCE_SHARE = 0.05
"""Share of unrelated pairs that a glance may pass on for full measurement."""
CHANCE, MARGIN = 0.00025, 0.5
"""Share of unrelated pairs that may pass as related, and margin of the limit above them in log odds."""
EXPOSURE_MARGIN = 1.0
"""Margin in log odds of the limit for certain above every other exposure: those of other works come a bit nearer than
those used for fitting.
"""
WORKS, DECADE = 1000, 0.5
"""Number of works for which that limit is valid, and its increase for ten times as many."""
EVEN = 0.0
"""Log odds of the exposure, with equal weight of copies and others, from which a person should review."""
LEAST_WEIGHT = 5e-5

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Ways:
    """All alignments of some pairs, as their terms.

    Args:
        pairs: Pairs with at least one alignment each.
        figures: Function that returns the measurements of all alignments of a pair.
    """

    def __init__(self, pairs: Sequence[Pair], figures: Callable[[Pair], Sequence[Figures]]) -> None:
        numbered = [(number, way) for number, pair in enumerate(pairs) for way in figures(pair)]
        self._pair = np.array([number for number, _ in numbered])
        self._rows = np.array([[term(way) for term in TERMS.values()] for _, way in numbered])

    def likeliest(self, question: Question) -> tuple[Floats, Floats]:
        """Return the terms (pairs, terms) of each pair's alignment with the highest odds, and those odds (pairs)."""
        answers = odds(question, self._rows)
        order = np.lexsort((-answers, self._pair))
        first = order[np.unique(self._pair[order], return_index=True)[1]]
        return self._rows[first], answers[first]

    def first(self) -> Floats:
        """Return the terms of each pair's first alignment."""
        return self._rows[np.unique(self._pair, return_index=True)[1]]


def odds(question: Question, rows: Floats) -> Floats:
    """Return the odds of each row of terms, as :meth:`indexer.compare.weighing.Question.odds` does."""
    weights = np.array([question.weights.get(name, 0.0) for name in TERMS])
    return np.asarray(question.intercept + rows @ weights)


class Fitting:
    """Pairs prepared for fitting and evaluation.

    Args:
        pairs: Measured pairs.
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = pairs
        self.kinds = np.array([pair.kind for pair in pairs])
        self.held_out = np.array([pair.held_out for pair in pairs])
        self.composed = np.array([pair.composed for pair in pairs])
        self.whole, self.glance = Ways(pairs, lambda pair: pair.ways), Ways(pairs, lambda pair: pair.glance)

    def fit(self, selected: Mask, provenance: Provenance | None = None) -> Weighing:
        """Fit a weighing to some of the pairs, never to held-out ones.

        Raises ``WrongUseError`` if there are no copies, unrelated pairs or other exposures among them.
        """
        selected = selected & ~self.held_out
        copies, strangers = selected & (self.kinds == Kind.COPY), selected & (self.kinds == Kind.STRANGER)
        exposures = selected & (self.kinds == Kind.EXPOSURE)
        if not (copies.any() and strangers.any() and exposures.any()):
            raise WrongUseError(
                "A weighing can't be fitted without copies, strangers and look-alikes.",
                hint="Name --photos, --unrelated and --lookalikes with more pictures.",
            )
        glance, glances = _fit_question(self.glance, GLANCE, copies, strangers)
        related, answers = _fit_question(self.whole, RELATED, copies, strangers)
        limit = _quantile_limit(answers[strangers], CHANCE) + MARGIN
        rows, _ = self.whole.likeliest(related)
        overlays = selected & (self.kinds == Kind.OVERLAY) & ~self.composed
        exposure = _fit_exposure(rows, copies & (answers > 0), (exposures | overlays) & (answers > 0))
        alike = odds(exposure, rows)[exposures & (answers >= limit)]
        return Weighing(
            glance=glance,
            glance_limit=round(_quantile_limit(glances[strangers], GLANCE_SHARE), 2),
            related=related,
            related_limit=round(limit, 2),
            works=WORKS,
            decade=DECADE,
            exposure=exposure,
            review_limit=EVEN,
            certain_limit=max(EVEN, round(float(alike.max(initial=EVEN)) + EXPOSURE_MARGIN, 2)),
            provenance=provenance,
        )

    def decide(self, weighing: Weighing) -> NDArray[np.str_]:
        """Return the decision on each pair, by name. Pages and collages are never certain."""
        rows, related = self.whole.likeliest(weighing.related)
        exposure = odds(weighing.exposure, rows)
        certain = (exposure >= weighing.certain_limit) & ~self.composed
        grades = np.where(certain, "certain", np.where(exposure >= weighing.review_limit, "review", "resembles"))
        return np.where(related >= weighing.related_limit, grades, "none")


def logistic(rows: Floats, outcomes: Mask, names: Sequence[str], shares: Floats, ridge: float) -> Question:
    """Fit a weighted logistic regression in which no term counts against a copy.

    Args:
        rows: Terms, (pairs, terms of ``TERMS``).
        outcomes: True answers, (pairs).
        names: Names of the terms to use.
        shares: Weight of each pair, (pairs).
        ridge: Penalty, see :data:`RIDGE`.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - takes a while, and few ask

    places = [list(TERMS).index(name) for name in names]
    terms = rows[:, places]
    middle, spread = terms.mean(axis=0), terms.std(axis=0) + 1e-9
    design = np.column_stack([np.ones(len(terms)), (terms - middle) / spread])
    signs, total = np.where(outcomes, 1.0, -1.0), shares.sum()
    penalty = np.array([0.0, *[ridge / len(terms)] * len(names)])

    def loss(weights: Floats) -> tuple[float, Floats]:
        margins = signs * (design @ weights)
        wrong = shares * np.exp(-np.logaddexp(0, margins))
        value = shares @ np.logaddexp(0, -margins) / total + penalty @ weights**2 / 2
        return value, -(design.T @ (signs * wrong)) / total + penalty * weights

    bounds = [(None, None), *[(0.0, None)] * len(names)]
    options = {"maxiter": 4000, "ftol": 1e-12}
    best = minimize(loss, np.zeros(len(bounds)), jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    weights = best[1:] / spread
    used = {name: round(float(weight), 4) for name, weight in zip(names, weights, strict=True) if weight > LEAST_WEIGHT}
    return Question(round(float(best[0] - weights @ middle), 4), used)


def document(weighing: Weighing) -> str:
    """Format a weighing as the JSON that :func:`indexer.compare.weighing.parse_weighing` reads."""
    values: dict[str, object] = {
        "glance": {**_question_as_dict(weighing.glance), "limit": weighing.glance_limit},
        "related": {
            **_question_as_dict(weighing.related),
            "limit": weighing.related_limit,
            "works": weighing.works,
            "decade": weighing.decade,
        },
        "exposure": {
            **_question_as_dict(weighing.exposure),
            "review": weighing.review_limit,
            "certain": weighing.certain_limit,
        },
    }
    if weighing.provenance is not None:
        values["provenance"] = asdict(weighing.provenance)
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _question_as_dict(question: Question) -> dict[str, object]:
    return {"intercept": question.intercept, "weights": dict(question.weights)}


def _fit_question(ways: Ways, names: Sequence[str], yes: Mask, no: Mask) -> tuple[Question, Floats]:
    """Return a question, and its answer to every pair, each with the alignment that it considers likeliest."""
    selected, rows = yes | no, ways.first()
    for _ in range(ROUNDS):
        question = logistic(rows[selected], yes[selected], names, np.ones(selected.sum()), RIDGE)
        rows, answers = ways.likeliest(question)
    return question, answers


def _fit_exposure(rows: Floats, copies: Mask, negatives: Mask) -> Question:
    """Fit the exposure question to related pairs only, with equal total weight of copies and others."""
    if not (copies.any() and negatives.any()):
        raise WrongUseError(
            "No look-alike has to do with the others of its scene: nothing can be fitted to tell them from copies.",
            hint="Name a folder of --lookalikes with other photographs of the same scenes.",
        )
    selected = copies | negatives
    shares = np.where(copies[selected], 1.0, copies.sum() / negatives.sum())
    return logistic(rows[selected], copies[selected], EXPOSURE, shares, EXPOSURE_RIDGE)


def _quantile_limit(answers: Floats, share: float) -> float:
    """Return the answer that at most this share exceeds."""
    return float(np.sort(answers)[::-1][int(share * len(answers))])
