"""Test that styles and scripts have permanently cacheable URLs, and are compressed like pages."""

import gzip
import re

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.test import Client

GZIP = {"Accept-Encoding": "br, gzip, deflate"}


def asset_urls(page: str) -> list[str]:
    """Return the URLs of a page's styles and scripts."""
    return re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)


def test_assets_are_cached_permanently_at_versioned_urls(db: None) -> None:
    page = Client().get("/sign-in/").content.decode()
    addresses = asset_urls(page)
    assert len(addresses) >= 3
    for address in addresses:
        response = Client().get(address)
        assert response.status_code == 200, address
        assert "immutable" in response.headers["Cache-Control"]
        assert "Set-Cookie" not in response.headers
        packed = Client().get(address, headers=GZIP)
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["Vary"] == "Accept-Encoding"
        assert gzip.decompress(packed.content) == response.content
        assert len(packed.content) < len(response.content)


@pytest.mark.parametrize(("takes", "packed"), [("gzip;q=0, br", ""), ("identity", ""), ("br, gzip;q=0.5", "gzip")])
def test_unsupported_encodings_are_not_sent(takes: str, packed: str) -> None:
    address = staticfiles_storage.url("web/style.css")
    response = Client().get(address, headers={"Accept-Encoding": takes})
    assert response.headers.get("Content-Encoding", "") == packed


def test_outdated_asset_url_serves_the_current_file_uncached() -> None:
    address = staticfiles_storage.url("web/style.css")
    older = re.sub("/assets/[0-9a-f]+/", "/assets/0123456789abcdef/", address)
    response = Client().get(older)
    assert response.content == Client().get(address).content
    assert response.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["", "x", "x/", "x/web/none.css", "x/web/README.md", "x/../../settings.py"])
def test_only_assets_are_served(path: str) -> None:
    assert Client().get(f"/assets/{path}").status_code == 404
    assert Client().post(staticfiles_storage.url("web/style.css")).status_code == 405
