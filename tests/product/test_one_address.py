"""Test that a visit of a URL that served several images in turn looks for the last of them, and reports on that one."""

from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from evidence.verdict.result import State
from registry.cases.decisions import confirm_case
from registry.matches.match import match_pictures
from tests.assets.rows import claim_new_slice, encode_jpeg, owner, photograph, record_sightings, register
from tests.assets.sealed_bundles import run_until_sealed, verify
from tests.assets.shop import LOOPBACK, Shop, change_settings
from workers.tasks.sync_runner import SyncRunner

pytestmark = pytest.mark.django_db
SERVED_PICTURES = 3


@pytest.mark.long
@pytest.mark.parametrize(
    ("served", "outcome"), [(None, "image-gone"), (2, "captured"), (0, "image-changed"), (3, "image-changed")]
)
def test_bundle_with_different_pictures_served_at_one_url_passes(
    inline: SyncRunner, shop: Shop, tmp_path: Path, served: int | None, outcome: str
) -> None:
    change_settings(inline, anchors=(), languages=("en",), allowed_networks=(LOOPBACK,))
    pictures = [encode_jpeg(Image.open(BytesIO(photograph(1))), quality) for quality in (40, 60, 80, 90)]
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    for number in range(SERVED_PICTURES):
        planned, epoch = claim_new_slice(studio, f"watch-{number}")
        picture_ids = record_sightings(inline.services, planned, epoch, [pictures[number]], urlsplit(shop.url()).netloc)
        match_pictures(inline.services, picture_ids)
        planned.state = "done"
        planned.save(update_fields=["state"])
    shop.serve("/page-0", b'<img src="/image-0.jpg">', "text/html")
    if served is not None:
        shop.image("/image-0.jpg", pictures[served])
    case = studio.cases.get()
    confirm_case(inline.services, case, by="Ann", reason="A copy.")
    verdict = verify(inline, run_until_sealed(inline, case.bundles.get()), tmp_path)
    assert case.captures.get().outcome == outcome
    visits = {check.name: check.state for check in verdict.checks if check.name.startswith("capture:")}
    assert visits == {f"capture:{SERVED_PICTURES:02d}-1": State.PASSED}
    assert len([check for check in verdict.checks if check.name.startswith("match:")]) == SERVED_PICTURES
    assert [check for check in verdict.checks if check.state is State.FAILED] == []
