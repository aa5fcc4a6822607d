"""Evaluation of a weighing: by kind of pair, on works that it was not fitted to, and on families left out."""

import hashlib
from collections.abc import Iterator
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from bench.common import Row, TitledTable
from bench.primitives import FAMILIES
from bench.weighing.fitting import Fitting, Mask
from bench.weighing.pairs import CHAINS, EDITS, Kind
from exhibit.types import Decision
from indexer.compare.weighing import Weighing

HELD_OUT = "copies by primitives held back"
GRADES = tuple(str(grade) for grade in (Decision.CERTAIN, Decision.REVIEW, Decision.RESEMBLES, Decision.NONE))
Decisions = NDArray[np.str_]


def tables(fitting: Fitting, weighing: Weighing) -> Iterator[TitledTable]:
    """Yield shares by kind and family: fitted to all pairs, to the other half of the works, and without the family."""
    own = fitting.decide(weighing)
    apart = _cross_validate(fitting, np.ones(len(own), bool))
    yield "weighing-kinds", "Fitted to all pairs", _by_kind(fitting, own)
    yield "weighing-kinds-apart", "Fitted to the other half of the works", _by_kind(fitting, apart)
    left_out = {family: _cross_validate(fitting, without(fitting, family)) for family in FAMILIES}
    yield "weighing-families", "Copies by family", _by_family(fitting, own, apart, left_out)


def without(fitting: Fitting, family: str) -> Mask:
    """Return the pairs without a family: no chain with it, and no listed edit, since those are not sorted by family."""
    return np.array([not pair.families & {family, EDITS} for pair in fitting.pairs])


def _cross_validate(fitting: Fitting, selected: Mask) -> Decisions:
    """Decide each pair by a weighing fitted to the half of the works that does not include its own."""
    halves = np.array([hashlib.sha256(pair.scene.encode()).digest()[0] & 1 for pair in fitting.pairs])
    decisions = [fitting.decide(fitting.fit(selected & (halves == half))) for half in (1, 0)]
    return np.where(halves == 0, decisions[0], decisions[1])


def _by_kind(fitting: Fitting, decided: Decisions) -> list[Row]:
    copies = fitting.kinds == Kind.COPY
    groups: dict[str, Mask] = {"copies": copies & ~fitting.held_out, HELD_OUT: copies & fitting.held_out}
    groups |= {str(kind): fitting.kinds == kind for kind in Kind if kind is not Kind.COPY}
    return [
        {"pairs of": name, "pairs": int(group.sum()), **{grade: _share(decided[group], grade) for grade in GRADES}}
        for name, group in groups.items()
        if group.any()
    ]


def _by_family(fitting: Fitting, own: Decisions, apart: Decisions, left_out: dict[str, Decisions]) -> list[Row]:
    by_family: dict[str, tuple[int, dict[str, float]]] = {}
    of = np.array([pair.family for pair in fitting.pairs])
    for family in (*FAMILIES, EDITS, CHAINS):
        group = (fitting.kinds == Kind.COPY) & (of == family)
        by = {"all": own, "apart": apart, "left out": left_out.get(family)}
        if group.any():
            by_family[family] = (
                int(group.sum()),
                {
                    f"{what}: {who}": _shared(decided[group], what)
                    for who, decided in by.items()
                    if decided is not None
                    for what in ("found", "certain")
                },
            )
    rows = [_row(name.replace("_", " "), count, shares) for name, (count, shares) in by_family.items()]
    families = [by_family[family] for family in FAMILIES if family in by_family]
    for name, how in (("**families, mean**", mean), ("**families, worst**", min)):
        ends = {column: float(how(shares[column] for _, shares in families)) for column in COLUMNS}
        rows.append(_row(name, sum(count for count, _ in families), ends))
    return rows


COLUMNS = tuple(f"{what}: {who}" for who in ("all", "apart", "left out") for what in ("found", "certain"))


def _row(name: str, count: int, shares: dict[str, float]) -> Row:
    return {"copies": name, "pairs": count, **{at: f"{shares[at]:.3f}" if at in shares else "–" for at in COLUMNS}}


def _shared(decided: Decisions, what: str) -> float:
    return float((decided == "certain").mean() if what == "certain" else (decided != "none").mean())


def _share(decided: Decisions, grade: str) -> str:
    return f"{(decided == grade).mean():.4f}"
