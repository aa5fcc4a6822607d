import numpy as np
import pytest
from PIL import Image

from indexer.layout.information import MIN_QUALITY
from indexer.picture.features import extract
from tests.assets.textured import encoded, text_page, textured


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (Image.new("RGB", (400, 300), "teal"), "flat"),
        (Image.linear_gradient("L").resize((400, 300)).convert("RGB"), "few-features"),
        (text_page(1), "two-tone"),
        (textured(1, (50, 50)), "tiny"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_picture_with_too_little_detail_is_reported_with_the_reason(picture: Image.Image, reason: str) -> None:
    assert reason in extract(encoded(picture)).low_information


def test_picture_with_details_too_fine_for_hash_is_not_flat() -> None:
    grain = np.random.default_rng(1).normal(128, 15, (300, 400)).clip(0, 255).astype(np.uint8)
    features = extract(encoded(Image.fromarray(grain).resize((800, 600), Image.Resampling.BICUBIC)))
    assert features.quality < MIN_QUALITY
    assert features.low_information == ()
