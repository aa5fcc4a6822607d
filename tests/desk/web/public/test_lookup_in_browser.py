"""Test queries for an image's owner in a browser.

The other tests' scene holds the database, hence the separate module.
"""

import io

import pytest
from django.core.cache import cache
from django.urls import reverse
from PIL import Image
from playwright.sync_api import FilePayload

from registry.works.public_works import publish_work
from tests.assets.rows import encode_jpeg, owner, photograph, recompress, register
from tests.assets.site_browser import DESKTOP, PHONE, Site, site

__all__ = ["site"]
CROPPED = encode_jpeg(Image.open(io.BytesIO(photograph(1))).crop((20, 20, 240, 190)))


@pytest.mark.long
@pytest.mark.parametrize(("size", "scripts"), [(PHONE, False), (DESKTOP, True)])
def test_lookup_works_in_a_browser_with_and_without_scripts(
    site: Site,
    size: tuple[int, int],
    scripts: bool,  # noqa: FBT001
) -> None:
    cache.clear()
    publish_work(
        site.services, register(site.services, owner("studio"), photograph(1), "Harbour").work, contact="", by="Ann"
    )
    person = site.anonymous_visitor(size=size, javascript=scripts)
    for data, heading in (
        (photograph(1), "unchanged"),
        (recompress(photograph(1)), "different file"),
        (CROPPED, "Part of"),
        (photograph(77), "No work found"),
    ):
        person.open(reverse("ask"))
        file: FilePayload = {"name": "seen.jpg", "mimeType": "image/jpeg", "buffer": data}
        person.page.get_by_label("Picture", exact=True).set_input_files(file)
        person.page.get_by_role("button", name="Look up").click()
        person.page.get_by_role("heading", name=heading).wait_for()
        person.check() if scripts else person.check_width()
