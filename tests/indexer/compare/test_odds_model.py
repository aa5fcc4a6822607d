"""Test that each question has one weighted sum, in which more agreement never worsens the answer."""

import json
from dataclasses import replace

import pytest

from exhibit.types import Decision
from indexer.compare.figures import Figures
from indexer.compare.odds_model import TERMS, load_shipped_model, parse_odds_model
from indexer.search.explanation import FIGURES

COPY = Figures(
    hamming=20, inliers=80, dense=0.9, matches=120, agreeing=100, patches=200, in_place=0.9, drift=0.1, excess=1.0,
    cover=0.9, roughness=0.2, pieces_in_place=0.9, pieces_excess=0.8, pieces_dense=0.9, another=0.02,
    pieces_another=0.01, alike=0.95,
)  # fmt: skip
BETTER = {
    "hamming": -10, "inliers": 20, "dense": 0.05, "agreeing": 10, "patches": 50, "in_place": 0.05, "drift": -0.05,
    "excess": -0.3, "cover": 0.05, "roughness": -0.1, "pieces_in_place": 0.05, "pieces_excess": -0.3,
    "another": -0.01, "pieces_another": -0.005,
}  # fmt: skip
NOTHING = Figures(128)


@pytest.mark.parametrize("name", BETTER)
def test_more_agreement_never_lowers_the_odds(name: str) -> None:
    for start in (COPY, replace(COPY, excess=4.0, pieces_excess=4.0, another=0.3, pieces_another=0.2, drift=1.0)):
        better = replace(start, **{name: getattr(start, name) + BETTER[name]})
        for question in (
            load_shipped_model().related,
            load_shipped_model().exposure,
        ):
            assert question.compute_log_odds(better) >= question.compute_log_odds(start)


def test_measurements_of_a_copy_are_certain_and_without_evidence_there_is_no_match() -> None:
    assert load_shipped_model().compute_odds(COPY).decision is Decision.CERTAIN
    assert load_shipped_model().compute_odds(NOTHING).decision is Decision.NONE


def test_common_content_without_precise_alignment_is_related() -> None:
    moved = replace(
        COPY, hamming=60, in_place=0.2, drift=3.0, excess=9.0, pieces_in_place=0.3, pieces_excess=6.0, another=0.3
    )
    assert load_shipped_model().compute_odds(moved).decision is Decision.RELATED


def test_near_hash_without_precise_alignment_is_reviewed() -> None:
    compressed = replace(COPY, hamming=12, in_place=0.2, excess=9.0, pieces_in_place=0.3, pieces_excess=6.0)
    assert load_shipped_model().compute_odds(compressed).decision is Decision.REVIEW
    assert load_shipped_model().compute_odds(replace(compressed, hamming=52)).decision is Decision.RELATED


def test_more_works_raise_the_threshold() -> None:
    limits = [load_shipped_model().compute_limit(works) for works in (0, 1_000, 10_000, 1_000_000)]
    assert limits == sorted(limits)
    assert limits[0] == limits[1] < limits[2] < limits[3]


def test_score_is_listed_term_by_term() -> None:
    for question in (load_shipped_model().related, load_shipped_model().exposure):
        assert question.intercept + sum(question.compute_summands(COPY).values()) == pytest.approx(
            question.compute_log_odds(COPY)
        )
    assert TERMS.keys() <= FIGURES.keys()


def test_precise_visible_part_is_for_review_and_never_certain() -> None:
    odds_model = load_shipped_model()
    covered_copy = Figures(100, inliers=60, dense=0.5, matches=65, agreeing=60, patches=300, in_place=0.3, excess=1.0)
    visible = replace(covered_copy, another=0.5, visible=0.5, visible_in_place=1.0, visible_excess=0.5)
    bar = replace(visible, visible=0.15)
    displaced = replace(visible, visible_excess=4.0)
    decisions = [odds_model.compute_odds(figures).decision for figures in (covered_copy, visible, bar, displaced)]
    assert decisions == [Decision.RELATED, Decision.REVIEW, Decision.RELATED, Decision.RELATED]
    assert odds_model.exposure.weights.keys().isdisjoint(odds_model.review_weights)


def document() -> dict[str, dict[str, object]]:
    question = {"intercept": 0.0, "weights": {"dense": 1.0}}
    return {
        "related": {**question, "limit": 0.0, "works": 1, "decade": 0.5},
        "exposure": {**question, "review": 0.0, "certain": 1.0, "review_weights": {}},
    }


@pytest.mark.parametrize(
    ("weights", "message"),
    [({"votes": 1.0}, "There is no term votes."), ({"dense": -0.1}, "more agreement would speak against a copy")],
)
def test_weights_with_unknown_terms_or_wrong_sign_are_refused(weights: dict[str, float], message: str) -> None:
    weighing = document()
    assert parse_odds_model(json.dumps(weighing)).related.compute_log_odds(COPY) == pytest.approx(0.9)
    weighing["related"]["weights"] = weights
    with pytest.raises(ValueError, match=message):
        parse_odds_model(json.dumps(weighing))
