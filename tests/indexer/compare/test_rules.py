from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from exhibit.types import Decision
from indexer.compare.fit import Fit
from indexer.compare.pieces import InPieces
from indexer.compare.rules import Measurements, decide, decide_pieces, ways_in_pieces, ways_to_certain, ways_to_review

COPY = Measurements(hamming=100, inliers=60, dense=0.9, patches=250, in_place=0.95, drift=0.1, excess=1.5)


@pytest.mark.parametrize(
    ("change", "decision", "reasons"),
    [
        ({}, Decision.CERTAIN, ()),
        ({"inliers": 5}, Decision.CERTAIN, ()),
        ({"inliers": 4}, Decision.CERTAIN, ()),
        ({"inliers": 4, "in_place": 0.8}, Decision.REVIEW, ("few-inliers",)),
        ({"inliers": 4, "in_place": 0.55}, Decision.NONE, ()),
        ({"drift": 0.6}, Decision.REVIEW, ("imprecise",)),
        ({"drift": 1.2, "excess": 4.6}, Decision.NONE, ()),
        ({"drift": 1.2, "excess": 4.4}, Decision.REVIEW, ("imprecise",)),
        ({"drift": 1.2, "excess": 4.1, "dense": 0.45}, Decision.NONE, ()),
        ({"drift": 1.2, "excess": 3.9, "dense": 0.45}, Decision.REVIEW, ("weak-agreement", "imprecise")),
        ({"drift": 1.2, "excess": 3.9, "inliers": 11}, Decision.NONE, ()),
        ({"drift": 0.6, "in_place": 0.49, "excess": 5.1}, Decision.NONE, ()),
        ({"drift": 0.6, "in_place": 0.49, "excess": 4.9}, Decision.REVIEW, ("imprecise",)),
        ({"drift": 0.6, "excess": 5.1}, Decision.REVIEW, ("imprecise",)),
        ({"in_place": 0.45}, Decision.REVIEW, ("shared-overlay",)),
        ({"dense": 0.45}, Decision.REVIEW, ("weak-agreement",)),
        ({"dense": 0.38, "in_place": 0.3}, Decision.NONE, ()),
        ({"patches": 39}, Decision.REVIEW, ("few-inliers",)),
        ({"hamming": 30, "in_place": 0.4, "inliers": 0}, Decision.CERTAIN, ()),
        ({"hamming": 30, "dense": 0.2, "in_place": 0.9}, Decision.REVIEW, ("weak-agreement",)),
        ({"hamming": 40, "inliers": 0, "drift": 2.0}, Decision.REVIEW, ("few-inliers", "imprecise")),
        ({"hamming": 30, "drift": 0.7, "excess": 3.1}, Decision.REVIEW, ("imprecise",)),
        (
            {"hamming": 14, "dense": 0.99, "in_place": 0.75, "drift": 0.41, "excess": 4.2},
            Decision.REVIEW,
            ("imprecise",),
        ),
        ({"hamming": 8, "drift": 0.9, "excess": 4.0}, Decision.CERTAIN, ()),
        ({"hamming": 9, "drift": 0.9, "excess": 4.0}, Decision.REVIEW, ("imprecise",)),
        ({"hamming": 8, "drift": 0.9, "excess": 4.1}, Decision.REVIEW, ("imprecise",)),
        ({"hamming": 8, "inliers": 0, "drift": 9.0, "excess": 9.0, "patches": 39}, Decision.CERTAIN, ()),
        ({"hamming": 8, "drift": 9.0, "excess": 9.0, "patches": 40}, Decision.REVIEW, ("imprecise",)),
    ],
    ids=str,
)
def test_the_rules(change: dict[str, Any], decision: Decision, reasons: tuple[str, ...]) -> None:
    assert decide(replace(COPY, **change)) == (decision, reasons)


def test_each_way_says_which_figure_is_missing() -> None:
    another = replace(COPY, drift=1.2, excess=4.6)
    assert decide(another) == (Decision.NONE, ())
    missing = [[one.name for one in way if not one.holds] for way in ways_to_review(another)]
    assert missing[:3] == [["precision"], ["precision"], ["excess"]]
    excess = next(one for one in ways_to_review(another)[2] if one.name == "excess")
    assert (excess.figure, excess.limit, excess.at_most) == (4.6, 4.5, True)
    imprecise = replace(COPY, drift=0.6)
    assert [one.name for one in ways_to_certain(imprecise)[0] if not one.holds] == ["precision"]


@pytest.mark.parametrize(
    ("change", "decision", "reasons"),
    [
        ({}, Decision.CERTAIN, ()),
        ({"agreeing": 39}, Decision.REVIEW, ("few-inliers",)),
        ({"dense": 0.49}, Decision.REVIEW, ("weak-agreement",)),
        ({"dense": 0.34}, Decision.NONE, ()),
        ({"cover": 0.6}, Decision.REVIEW, ("shared-overlay", "imprecise")),
        ({"excess": 2.5}, Decision.REVIEW, ("imprecise",)),
        ({"excess": 4.0}, Decision.NONE, ()),
        ({"excess": 4.0, "dense": 0.95}, Decision.REVIEW, ("imprecise",)),
        ({"excess": 4.0, "dense": 0.95, "agreeing": 39}, Decision.NONE, ()),
        ({"excess": 4.0, "dense": 0.95, "cover": 0.8}, Decision.NONE, ()),
        ({"roughness": 9.0}, Decision.REVIEW, ("imprecise",)),
        ({"cover": 0.6, "another": 0.45}, Decision.REVIEW, ("shared-overlay", "imprecise")),
        ({"cover": 0.6, "another": 0.46}, Decision.NONE, ()),
    ],
    ids=str,
)
def test_the_rules_of_pieces(change: dict[str, float], decision: Decision, reasons: tuple[str, ...]) -> None:
    of = {"agreeing": 60, "cover": 0.9, "roughness": 0.1, "excess": 1.2, "dense": 0.7, "another": 0.0} | change
    fit = Fit(np.eye(3), 200, 0.8, 0.1, of["excess"])
    laid = InPieces(int(of["agreeing"]), (), of["cover"], of["roughness"], fit)
    assert decide_pieces(*ways_in_pieces(laid, of["dense"], of["another"])) == (decision, reasons)
