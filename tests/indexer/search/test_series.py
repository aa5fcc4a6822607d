"""Test works of one scene: which of them is certain for an image, and how two works are related."""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from exhibit.types import Decision, Piece, Relation, Verification
from indexer.search.comparison import compare_pictures
from indexer.search.series import SERIES, compute_precision, derive_relation, downgrade_ambiguous_matches
from tests.assets.exposures import exposure
from tests.assets.textured import encoded, textured

CERTAIN = compare_pictures(encoded(textured(1)), encoded(textured(1), "JPEG", 60))


def pair(in_place: float, drift: float = 0.0, decision: Decision = Decision.CERTAIN) -> Verification:
    return replace(CERTAIN, in_place=in_place, drift=drift, decision=decision)


def decisions_of(verifications: Sequence[Verification], series: Sequence[int]) -> list[str]:
    results = downgrade_ambiguous_matches(
        dict(enumerate(verifications)), lambda work: [other for other in series if other != work]
    )
    return [str(verification.decision) for verification in results.values()]


@pytest.mark.parametrize(
    ("precisions", "series", "decisions"),
    [
        ((0.95, 0.9), (), ["certain", "certain"]),
        ((0.95, 0.9), (0, 1), ["certain", "review"]),
        ((0.6, 0.95), (0, 1), ["review", "certain"]),
        ((0.6, 0.59), (0, 1), ["review", "review"]),
        ((0.93, 0.94), (0, 1), ["certain", "certain"]),
        ((0.95, 0.6, 0.96), (0, 1), ["certain", "review", "certain"]),
    ],
    ids=["strangers", "the nearer", "the later", "neither", "rather one picture", "another work beside"],
)
def test_only_the_best_aligned_work_of_a_series_is_certain(
    precisions: tuple[float, ...], series: tuple[int, ...], decisions: list[str]
) -> None:
    assert decisions_of([pair(value) for value in precisions], series) == decisions


def test_sibling_that_does_not_match_leaves_the_decision_unchanged() -> None:
    nothing = pair(0.99, decision=Decision.NONE)
    assert decisions_of([pair(0.6), nothing], (0, 1)) == ["certain", "none"]
    assert decisions_of([pair(0.6)], (0, 1)) == ["certain"]


def test_identical_bytes_outrank_every_other_exposure() -> None:
    same = replace(CERTAIN, in_place=None, drift=None, reasons=("same-bytes",))
    results = downgrade_ambiguous_matches({1: same, 2: pair(0.99)}, lambda work: [3 - work])
    assert results[1] == same
    assert (results[2].decision, results[2].reasons) == (Decision.REVIEW, (SERIES,))


def test_whole_alignment_outranks_piecewise_alignment_in_a_series() -> None:
    piece = Piece((0.0, 0.0, 9.0, 9.0), ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
    in_pieces = replace(pair(0.99), pieces=(piece,))
    assert decisions_of([pair(0.85), in_pieces], (0, 1)) == ["certain", "review"]
    assert decisions_of([in_pieces, in_pieces], (0, 1)) == ["review", "review"]
    assert derive_relation(in_pieces) is Relation.SERIES


@pytest.mark.long
def test_copy_of_one_exposure_aligns_less_precisely_with_other_exposures() -> None:
    copy = encoded(Image.open(BytesIO(exposure(1))), "JPEG", 60)
    own, other = (compare_pictures(exposure(number), copy) for number in (1, 0))
    assert [verification.decision for verification in (own, other)] == [Decision.CERTAIN, Decision.CERTAIN]
    assert compute_precision(own) > compute_precision(other) + 0.1


@pytest.mark.long
def test_relation_between_works_is_derived_from_their_comparison() -> None:
    whole = textured(4)
    part = whole.crop((40, 30, 400, 320))
    assert derive_relation(compare_pictures(encoded(whole), encoded(whole, "JPEG", 80))) is Relation.DUPLICATE
    assert derive_relation(compare_pictures(encoded(whole), encoded(part, "JPEG"))) is Relation.PART
    assert derive_relation(compare_pictures(encoded(part), encoded(whole, "JPEG"))) is Relation.PART
    assert derive_relation(compare_pictures(exposure(0), exposure(1))) is Relation.SERIES
    assert derive_relation(compare_pictures(encoded(whole), encoded(textured(5)))) is None
