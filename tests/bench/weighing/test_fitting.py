"""The fit of a weighing: it tells kinds apart, never lets agreement speak against a copy, and can be judged."""

from collections.abc import Iterator
from dataclasses import asdict, replace

import numpy as np
import pytest

from bench.primitives import PRIMITIVES
from bench.weighing.fitting import RELATED, RIDGE, Fitting, document, logistic
from bench.weighing.judging import tables
from bench.weighing.pairs import Kind, Measured, Pair, measured_from
from exhibit.errors import WrongUseError
from indexer.compare.figures import Figures
from indexer.compare.weighing import TERMS, Provenance, read

PRECISE = Figures(20, 80, 0.9, 100, 90, 200, 0.9, 0.1, 0.8, 0.9, 0.1, 0.9, 0.8, 0.9, 0.0, 0.0, 0.9)
BENT = Figures(150, 0, 0.1, 60, 50, cover=0.9, roughness=0.2, pieces_in_place=0.9, pieces_excess=0.8,
               pieces_dense=0.8, pieces_another=0.0)  # fmt: skip
MOVED = Figures(60, 60, 0.5, 100, 60, 200, 0.2, 2.0, 5.0, 0.6, 1.0, 0.2, 5.0, 0.5, 0.4, 0.4, 0.5)
UNLIKE = Figures(120, matches=12, agreeing=3)
KNOWN = {one.family: one.name for one in PRIMITIVES.values() if not one.held_out}
HELD_BACK = next(one for one in PRIMITIVES.values() if one.held_out and one.family == "tone")


def pairs(kind: Kind, figures: Figures, family: str = "", *, primitive: str = "", count: int = 40) -> Iterator[Pair]:
    made = (primitive or KNOWN[family],) if family else ()
    for number in range(count):
        shown = replace(figures, inliers=figures.inliers + number % 5, agreeing=figures.agreeing + number % 3)
        name = f"{number}.jpg"
        yield Pair(
            kind, name, name, composed=False, ways=(shown, UNLIKE), glance=(shown,), family=family, primitives=made
        )


@pytest.fixture
def every() -> list[Pair]:
    return [
        *pairs(Kind.COPY, PRECISE, "geometry"),
        *pairs(Kind.COPY, replace(PRECISE, dense=0.7), "tone"),
        *pairs(Kind.COPY, BENT, "bending"),
        *pairs(Kind.STRANGER, UNLIKE),
        *pairs(Kind.EXPOSURE, MOVED),
    ]


def test_copies_strangers_and_other_exposures_are_told_apart(every: list[Pair]) -> None:
    fitting = Fitting(every)
    weighing = fitting.fitted(np.ones(len(every), bool))
    said = fitting.decided(weighing)
    assert set(said[fitting.kinds == Kind.COPY]) == {"certain"}
    assert set(said[fitting.kinds == Kind.STRANGER]) == {"none"}
    assert set(said[fitting.kinds == Kind.EXPOSURE]) <= {"none", "resembles"}
    for question in (weighing.glance, weighing.related, weighing.exposure):
        assert min(question.weights.values()) > 0


def test_what_is_decided_of_many_pairs_at_once_is_what_the_product_decides_of_each(every: list[Pair]) -> None:
    fitting = Fitting(every)
    weighing = fitting.fitted(np.ones(len(every), bool))
    likeliest = (max(pair.ways, key=weighing.related.odds) for pair in every)
    assert [str(weighing.decide(way).decision) for way in likeliest] == list(fitting.decided(weighing))


def test_a_page_is_never_certain(every: list[Pair]) -> None:
    fitting = Fitting([replace(pair, composed=True) for pair in every])
    said = fitting.decided(fitting.fitted(np.ones(len(every), bool)))
    assert set(said[fitting.kinds == Kind.COPY]) == {"review"}


def test_a_term_that_speaks_against_copies_weighs_nothing() -> None:
    rows = np.random.default_rng(1).normal(size=(400, len(TERMS)))
    names = list(TERMS)
    copies = rows[:, names.index("dense")] - rows[:, names.index("drift")] > 0
    weights = logistic(rows, copies, RELATED, np.ones(400), RIDGE).weights
    assert weights["dense"] > 1
    assert "drift" not in weights


def test_the_file_is_read_as_it_was_fitted(every: list[Pair]) -> None:
    told = Provenance("2026-11-27", "match-7", "made pictures", {"copy": 120}, "python -m bench weighing", 1)
    weighing = Fitting(every).fitted(np.ones(len(every), bool), told)
    assert read(document(weighing)) == weighing
    plain = replace(weighing, provenance=None)
    assert read(document(plain)) == plain


def test_nothing_is_fitted_to_primitives_that_are_held_back(every: list[Pair]) -> None:
    held = [*pairs(Kind.COPY, MOVED, "tone", primitive=HELD_BACK.name)]
    known = np.ones(len(every), bool)
    with_them = Fitting([*every, *held])
    assert with_them.fitted(np.ones(len(every) + len(held), bool)) == Fitting(every).fitted(known)
    kinds = {str(row["pairs of"]): row for row in table(with_them, "weighing-kinds")}
    assert kinds["copies"]["pairs"] == 120
    assert kinds["copies by primitives held back"]["pairs"] == 40


def test_what_only_one_family_shows_is_missed_when_that_is_left_out(every: list[Pair]) -> None:
    rows = {str(row["copies"]): row for row in table(Fitting(every), "weighing-families")}
    assert rows["bending"]["certain: apart"] == "1.000"
    assert rows["bending"]["certain: left out"] == "0.000"
    assert rows["geometry"]["certain: left out"] == "1.000"
    assert rows["**families, mean**"]["certain: left out"] == "0.667"
    assert rows["**families, worst**"]["certain: left out"] == "0.000"
    assert rows["**families, mean**"]["pairs"] == 120


def test_a_chain_says_nothing_of_a_family_that_is_left_out(every: list[Pair]) -> None:
    chain = [
        replace(pair, family="chains", primitives=(KNOWN["bending"], KNOWN["tone"]))
        for pair in pairs(Kind.COPY, BENT, "bending")
    ]
    alone = {str(row["copies"]): row for row in table(Fitting(every), "weighing-families")}
    beside = {str(row["copies"]): row for row in table(Fitting([*every, *chain]), "weighing-families")}
    assert beside["bending"]["certain: left out"] == alone["bending"]["certain: left out"]


@pytest.mark.parametrize("missing", [Kind.COPY, Kind.STRANGER, Kind.EXPOSURE])
def test_nothing_is_fitted_without_a_kind(every: list[Pair], missing: Kind) -> None:
    some = [pair for pair in every if pair.kind is not missing]
    with pytest.raises(WrongUseError) as told:
        Fitting(some).fitted(np.ones(len(some), bool))
    assert told.value.hint


def test_pairs_are_read_as_they_were_kept(every: list[Pair]) -> None:
    measured = Measured("photo", "edit", tuple(every))
    assert measured_from(asdict(measured)) == measured


def table(fitting: Fitting, name: str) -> list[dict[str, object]]:
    weighing = fitting.fitted(np.ones(len(fitting.pairs), bool))
    return next([dict(row) for row in rows] for at, _, rows in tables(fitting, weighing) if at == name)
