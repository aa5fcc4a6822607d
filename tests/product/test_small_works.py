"""Test that a bundle about a work that is small within the sighted image verifies, also for works in long strips."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from exhibit.types import Decision
from registry.models import Match
from tests.assets.rows import photograph
from tests.assets.sealed import WORK, asked_bundle, sealed, verified
from tests.assets.textured import encoded, textured
from workers.tasks.sync_runner import SyncRunner

pytestmark = pytest.mark.django_db


def work() -> Image.Image:
    return Image.open(BytesIO(WORK)).convert("RGB")


def in_sheet(tile: tuple[int, int] = (380, 284)) -> bytes:
    """Return dozens of images in rows, one of them the work."""
    sheet = Image.new("RGB", (2460, 1880), "white")
    for place in range(36):
        shown = work() if place == 23 else textured(800 + place)
        sheet.paste(ImageOps.fit(shown, tile), (24 + 404 * (place % 6), 24 + 308 * (place // 6)))
    return encoded(sheet, "JPEG")


def cut_in_sheet() -> bytes:
    """Return the same with tiles that show only the middle of each image, so that its sides are outside the tile."""
    return in_sheet((330, 284))


def in_strip() -> bytes:
    """Return a page nine times as high as wide that contains the work, like long product descriptions."""
    strip = Image.new("RGB", (900, 8300), "white")
    for place in range(14):
        shown = work() if place == 9 else Image.open(BytesIO(photograph(40 + place))).convert("RGB")
        strip.paste(ImageOps.fit(shown, (300, 225)), (60 + 480 * (place % 2), 90 + 580 * place))
    return encoded(strip, "JPEG")


@pytest.mark.parametrize("made", [in_sheet, cut_in_sheet, in_strip])
def test_a_bundle_about_a_work_that_is_small_in_the_picture_passes(
    inline: SyncRunner, tmp_path: Path, made: object
) -> None:
    assert callable(made)
    bundle = asked_bundle(inline, made())
    found = Match.objects.get(decision__in=(Decision.CERTAIN, Decision.REVIEW))
    assert found.overlap_picture < 0.06
    verdict = verified(inline, sealed(inline, bundle), tmp_path)
    assert [check for check in verdict.checks if check.state == "failed"] == []
    [similarity] = [check.similarity for check in verdict.checks if check.name == "match:01"]
    assert similarity == pytest.approx(found.dense, abs=0.05)
