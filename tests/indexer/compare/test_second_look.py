from dataclasses import replace

import pytest
from PIL import Image

from exhibit.types import Decision
from indexer.compare.second_look import second_look
from indexer.compare.verify import verify
from indexer.picture.features import Features
from tests.assets.edited import PICTURE, jpeg, measured
from tests.assets.textured import encoded, textured


@pytest.fixture(scope="module")
def registered() -> Features:
    return measured(encoded(PICTURE))


def test_a_second_look_finds_a_work_that_is_very_small_on_a_page(registered: Features) -> None:
    page = Image.new("RGB", (2400, 1500), "white")
    page.paste(PICTURE.resize((360, 270), Image.Resampling.LANCZOS), (900, 700))
    data = jpeg(page)
    first = verify(measured(data), registered)
    assert first.inliers < 15
    doubted = replace(first, decision=Decision.REVIEW, reasons=("few-inliers",))
    second = second_look(doubted, data, registered)
    assert (second.decision, second.inliers > 2 * first.inliers) == (Decision.CERTAIN, True)


def test_a_second_look_leaves_alone_what_it_cannot_mend(registered: Features) -> None:
    for data in (encoded(textured(2)), encoded(PICTURE)):
        first = verify(measured(data), registered)
        assert second_look(first, b"never read", registered) is first
