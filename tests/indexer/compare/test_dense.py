import numpy as np
import pytest
from PIL import Image, ImageFilter

from exhibit.comparison.similarity import compute_dense_similarity
from exhibit.pictures.decode import decode
from indexer.compare.decision import verify
from indexer.compare.dense import (
    compare_windows,
    compute_agreeing_area,
    compute_dense_agreement,
    find_largest_disagreement,
)
from indexer.picture.features import Features
from tests.assets.edited_pictures import EDITS, PICTURE, cached_features, edited_copy
from tests.assets.textured import encoded, textured


@pytest.fixture(scope="module")
def registered() -> Features:
    return cached_features(encoded(PICTURE))


@pytest.mark.parametrize("edit", EDITS)
def test_fast_dense_check_matches_reference(registered: Features, edit: str) -> None:
    data = edited_copy(edit)
    features = cached_features(data)
    transform = np.array(verify(features, registered).transform)
    fast = compute_dense_agreement(features, registered, transform).fraction
    slow = compute_dense_similarity(decode(data).pixels, np.asarray(PICTURE), transform)
    assert fast == pytest.approx(slow, abs=0.03)


def test_dense_checks_agree_for_work_smaller_than_frame() -> None:
    work, copy = (textured(31, (128, 96)).filter(blur) for blur in (ImageFilter.GaussianBlur(0), ImageFilter.EMBOSS))
    shift = np.array([[0.99, 0.005, 1.4], [-0.01, 0.99, -1.0], [0, 0, 1]])
    fast = compute_dense_agreement(cached_features(encoded(copy)), cached_features(encoded(work)), shift).fraction
    assert 0.1 < fast < 0.9
    assert fast == pytest.approx(compute_dense_similarity(np.asarray(copy), np.asarray(work), shift), abs=0.03)


def with_patch(patch: Image.Image) -> Features:
    """Return features of the image with something else in its centre."""
    sheet = PICTURE.copy()
    sheet.paste(patch, (120, 100))
    return cached_features(encoded(sheet))


def test_areas_differ_only_if_both_pictures_have_texture(registered: Features) -> None:
    other, plain = (with_patch(patch) for patch in (textured(90, (240, 160)), Image.new("RGB", (240, 160), "red")))
    shares = [
        find_largest_disagreement(pair, pair)
        for pair in (compare_windows(features, registered, np.eye(3)) for features in (other, plain))
    ]
    assert shares == [pytest.approx(0.16, abs=0.05), pytest.approx(0, abs=0.03)]


def before_wall(wall: Image.Image) -> Features:
    """Return features of a small image in front of a wall."""
    sheet = wall.resize((480, 360)).convert("RGB")
    sheet.paste(textured(17, (150, 110)), (160, 120))
    return cached_features(encoded(sheet))


def test_plain_surroundings_are_compared_if_brightness_differs_linearly() -> None:
    falling = Image.linear_gradient("L")
    rising = falling.rotate(90)
    work, brighter, other = (
        before_wall(wall)
        for wall in (rising.point(lambda grey: 40 + grey // 3), rising.point(lambda grey: 90 + grey // 4), falling)
    )
    shares = [compute_agreeing_area(compare_windows(features, work, np.eye(3)), work) for features in (brighter, other)]
    assert [agreeing < 0.25 for agreeing, _ in shares] == [True, True]
    assert [alike for _, alike in shares] == [pytest.approx(1, abs=0.05), pytest.approx(0.3, abs=0.15)]
