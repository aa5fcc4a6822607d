"""Evaluation of an odds model: on all pairs, on works not used for fitting, and on excluded families."""

import hashlib
from collections.abc import Iterator
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from bench.common import Row, TitledTable
from bench.primitives import FAMILIES
from bench.weighing.fitting import FittingData, Mask
from bench.weighing.pairs import CHAINS_FAMILY, EDITS_FAMILY, PairKind
from exhibit.types import Decision
from indexer.compare.odds_model import OddsModel

HELD_OUT_LABEL = "copies by primitives held back"
GRADES = tuple(str(grade) for grade in (Decision.CERTAIN, Decision.REVIEW, Decision.RELATED, Decision.NONE))
Decisions = NDArray[np.str_]


def build_tables(fitting: FittingData, odds_model: OddsModel) -> Iterator[TitledTable]:
    """Yield tables of models fitted to all pairs, to the other half of the works, and without a family."""
    own_decisions = fitting.decide(odds_model)
    cross_decisions = _cross_validate(fitting, np.ones(len(own_decisions), bool))
    yield "weighing-kinds", "Fitted to all pairs", _build_kind_rows(fitting, own_decisions)
    yield "weighing-kinds-apart", "Fitted to the other half of the works", _build_kind_rows(fitting, cross_decisions)
    decisions_by_family = {
        family: _cross_validate(fitting, select_without_family(fitting, family)) for family in FAMILIES
    }
    yield (
        "weighing-families",
        "Copies by family",
        _build_family_rows(fitting, own_decisions, cross_decisions, decisions_by_family),
    )


def select_without_family(fitting: FittingData, family: str) -> Mask:
    """Return a mask without a family: without its chains, and without listed edits, which have no family."""
    return np.array([not pair.families & {family, EDITS_FAMILY} for pair in fitting.pairs])


def _cross_validate(fitting: FittingData, selected: Mask) -> Decisions:
    """Decide each pair by a model that was fitted to the half of the works that does not contain its work."""
    halves = np.array([hashlib.sha256(pair.scene.encode()).digest()[0] & 1 for pair in fitting.pairs])
    decisions = [fitting.decide(fitting.fit(selected & (halves == half))) for half in (1, 0)]
    return np.where(halves == 0, decisions[0], decisions[1])


def _build_kind_rows(fitting: FittingData, decisions: Decisions) -> list[Row]:
    copies = fitting.kinds == PairKind.COPY
    groups: dict[str, Mask] = {"copies": copies & ~fitting.held_out, HELD_OUT_LABEL: copies & fitting.held_out}
    groups |= {str(kind): fitting.kinds == kind for kind in PairKind if kind is not PairKind.COPY}
    return [
        {
            "pairs of": name,
            "pairs": int(group.sum()),
            **{grade: _format_fraction(decisions[group], grade) for grade in GRADES},
        }
        for name, group in groups.items()
        if group.any()
    ]


def _build_family_rows(
    fitting: FittingData,
    own_decisions: Decisions,
    cross_decisions: Decisions,
    decisions_by_family: dict[str, Decisions],
) -> list[Row]:
    by_family: dict[str, tuple[int, dict[str, float]]] = {}
    pair_families = np.array([pair.family for pair in fitting.pairs])
    for family in (*FAMILIES, EDITS_FAMILY, CHAINS_FAMILY):
        group = (fitting.kinds == PairKind.COPY) & (pair_families == family)
        decisions_by_method = {
            "all": own_decisions,
            "apart": cross_decisions,
            "left out": decisions_by_family.get(family),
        }
        if group.any():
            by_family[family] = (
                int(group.sum()),
                {
                    f"{decision}: {method}": _compute_fraction(decisions[group], decision)
                    for method, decisions in decisions_by_method.items()
                    if decisions is not None
                    for decision in ("found", "certain")
                },
            )
    rows = [_build_row(name.replace("_", " "), count, shares) for name, (count, shares) in by_family.items()]
    families = [by_family[family] for family in FAMILIES if family in by_family]
    for name, aggregate in (("**families, mean**", mean), ("**families, worst**", min)):
        aggregates = {column: float(aggregate(shares[column] for _, shares in families)) for column in COLUMNS}
        rows.append(_build_row(name, sum(count for count, _ in families), aggregates))
    return rows


COLUMNS = tuple(f"{what}: {who}" for who in ("all", "apart", "left out") for what in ("found", "certain"))


def _build_row(name: str, count: int, shares: dict[str, float]) -> Row:
    return {
        "copies": name,
        "pairs": count,
        **{column: f"{shares[column]:.3f}" if column in shares else "–" for column in COLUMNS},
    }


def _compute_fraction(decisions: Decisions, decision: str) -> float:
    return float((decisions == "certain").mean() if decision == "certain" else (decisions != "none").mean())


def _format_fraction(decisions: Decisions, grade: str) -> str:
    return f"{(decisions == grade).mean():.4f}"
