"""Test that redrawn works are aligned by their edges, graded, and never reported as more than resembling."""

import numpy as np
from PIL import Image, ImageFilter

from exhibit.comparison.derived import compute_survival_map, grade_survival_map
from exhibit.comparison.similarity import align_pair
from exhibit.types import Decision, Verification
from indexer.compare.decision import verify
from indexer.search.adaptations import add_survival
from tests.assets.edited_pictures import cached_features
from tests.assets.line_drawings import draw_scene
from tests.assets.textured import encoded, textured

PICTURE = draw_scene(1)
WORK = cached_features(encoded(PICTURE))


def redraw() -> Image.Image:
    """Return only lines, mirrored, reduced and slightly displaced."""
    lines = draw_scene(1, as_outline=True).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return lines.crop((8, 6, *lines.size)).resize((400, 300))


def compare_both(picture: Image.Image) -> tuple[Verification, Verification]:
    features = cached_features(encoded(picture))
    plain = verify(features, WORK)
    return plain, add_survival(features, WORK, plain)


def test_redrawn_picture_is_derived_and_verifier_agrees() -> None:
    plain, derived = compare_both(redraw())
    assert plain.decision is Decision.NONE
    assert derived.decision is Decision.RELATED
    assert derived.reasons == ("derived",)
    assert derived.mirrored
    assert derived.transform is not None
    assert grade_survival_map(derived.survival) in (2, 3)
    again = compute_survival_map(*align_pair(np.asarray(redraw()), np.asarray(PICTURE), derived.transform))
    away = sum(map(str.__ne__, "".join(again), "".join(derived.survival)))
    assert away <= 0.1 * sum(map(len, again))


def test_unrelated_picture_verdict_is_unchanged() -> None:
    plain, derived = compare_both(textured(77, PICTURE.size))
    assert plain.decision is Decision.NONE
    assert derived == plain


def test_verdict_on_a_copy_only_gains_the_map() -> None:
    plain, derived = compare_both(PICTURE.filter(ImageFilter.GaussianBlur(1)))
    assert derived.decision is plain.decision is Decision.CERTAIN
    assert grade_survival_map(derived.survival) == 5
    assert derived.transform == plain.transform


def test_plain_work_has_no_derived_pictures() -> None:
    plain = cached_features(encoded(Image.linear_gradient("L").convert("RGB").resize(PICTURE.size)))
    features = cached_features(encoded(redraw()))
    assert add_survival(features, plain, verify(features, plain)).decision is Decision.NONE
