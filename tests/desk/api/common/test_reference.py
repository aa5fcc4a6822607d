"""Test that the API reference lists every operation, without scripts or external resources."""

import re

import pytest
from django.test import Client

from desk.api.api import api
from desk.api.common.reference import read_reference
from tests.assets.rows import owner
from tests.assets.site_browser import PHONE, Site, chromium, site

__all__ = ["chromium", "site"]
PAGE = "/api/v1/docs"


@pytest.mark.long
def test_reference_lists_every_operation_and_its_links_work(client: Client, db: None) -> None:
    _about, operations, _schemas = read_reference(api)
    assert len(operations) > 100
    start = client.get(PAGE).content.decode()
    for tag in {operation.tag for operation in operations}:
        page = client.get(PAGE, {"of": tag}).content.decode()
        for operation in operations:
            if operation.tag == tag:
                assert f'href="?of={tag.replace(" ", "%20")}#{operation.name}"' in start
                assert f'id="{operation.name}"' in page
                assert operation.address in page
        targets = set(re.findall(r'id="([\w-]+)"', page))
        linked = set(re.findall(r'href="#(\w+)"', page))
        assert linked <= targets | {"content"}, linked - targets
        assert len(page.encode()) < 100_000


def test_reference_shows_required_and_accepted_fields(client: Client, db: None) -> None:
    page = client.get(PAGE, {"of": "cases"}).content.decode()
    assert "scope <code>decide</code>" in page
    assert client.get(PAGE, {"of": "<script>"}).content.decode().count("<script>") == 0
    assert "openapi.json" in page


@pytest.mark.long
def test_reference_fits_a_phone(site: Site) -> None:
    viewer = site.member(owner("studio"), size=PHONE)
    for address in (PAGE, f"{PAGE}?of=works"):
        viewer.open(address)
        viewer.check()
