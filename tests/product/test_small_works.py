"""Test that a bundle about a work that is small within the sighted image verifies, also for works in long strips."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from exhibit.types import Decision
from registry.models import Match
from tests.assets.rows import photograph
from tests.assets.sealed_bundles import WORK, request_bundle, run_until_sealed, verify
from tests.assets.textured import encoded, textured
from workers.tasks.sync_runner import SyncRunner

pytestmark = pytest.mark.django_db


def small_work() -> Image.Image:
    return Image.open(BytesIO(WORK)).convert("RGB")


def contact_sheet(tile: tuple[int, int] = (380, 284)) -> bytes:
    """Return dozens of images in rows, one of them the work."""
    sheet = Image.new("RGB", (2460, 1880), "white")
    for place in range(36):
        tile_picture = small_work() if place == 23 else textured(800 + place)
        sheet.paste(ImageOps.fit(tile_picture, tile), (24 + 404 * (place % 6), 24 + 308 * (place // 6)))
    return encoded(sheet, "JPEG")


def cropped_contact_sheet() -> bytes:
    """Return the same with tiles that show only the middle of each image, so that its sides are outside the tile."""
    return contact_sheet((330, 284))


def long_strip() -> bytes:
    """Return a page nine times as high as wide that contains the work, like long product descriptions."""
    strip = Image.new("RGB", (900, 8300), "white")
    for place in range(14):
        tile_picture = small_work() if place == 9 else Image.open(BytesIO(photograph(40 + place))).convert("RGB")
        strip.paste(ImageOps.fit(tile_picture, (300, 225)), (60 + 480 * (place % 2), 90 + 580 * place))
    return encoded(strip, "JPEG")


@pytest.mark.parametrize("make_picture", [contact_sheet, cropped_contact_sheet, long_strip])
def test_bundle_of_a_picture_that_contains_a_small_work_passes(
    inline: SyncRunner, tmp_path: Path, make_picture: object
) -> None:
    assert callable(make_picture)
    bundle = request_bundle(inline, make_picture())
    match = Match.objects.get(decision__in=(Decision.CERTAIN, Decision.REVIEW))
    assert match.overlap_picture < 0.06
    verdict = verify(inline, run_until_sealed(inline, bundle), tmp_path)
    assert [check for check in verdict.checks if check.state == "failed"] == []
    [similarity] = [check.similarity for check in verdict.checks if check.name == "match:01"]
    assert similarity == pytest.approx(match.dense, abs=0.05)
