"""Test that the API reference lists every operation, without scripts or external resources."""

import re

import pytest
from django.test import Client

from desk.api.api import api
from desk.api.common.reference import read
from tests.assets.rows import owner
from tests.assets.site_browser import PHONE, Site, chromium, site

__all__ = ["chromium", "site"]
PAGE = "/api/v1/docs"


@pytest.mark.long
def test_every_operation_stands_on_the_page_and_links_lead_to_what_is_there(client: Client, db: None) -> None:
    _about, operations, _things = read(api)
    assert len(operations) > 100
    start = client.get(PAGE).content.decode()
    for subject in {one.subject for one in operations}:
        page = client.get(PAGE, {"of": subject}).content.decode()
        for one in operations:
            if one.subject == subject:
                assert f'href="?of={subject.replace(" ", "%20")}#{one.name}"' in start
                assert f'id="{one.name}"' in page
                assert one.address in page
        targets = set(re.findall(r'id="([\w-]+)"', page))
        linked = set(re.findall(r'href="#(\w+)"', page))
        assert linked <= targets | {"content"}, linked - targets
        assert len(page.encode()) < 100_000


def test_the_page_says_what_an_operation_needs_and_takes(client: Client, db: None) -> None:
    page = client.get(PAGE, {"of": "cases"}).content.decode()
    assert "scope <code>decide</code>" in page
    assert client.get(PAGE, {"of": "<script>"}).content.decode().count("<script>") == 0
    assert "openapi.json" in page


@pytest.mark.long
def test_the_page_holds_on_a_phone(site: Site) -> None:
    viewer = site.member(owner("studio"), size=PHONE)
    for address in (PAGE, f"{PAGE}?of=works"):
        viewer.open(address)
        viewer.check()
