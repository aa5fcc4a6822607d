"""Test that styles and scripts have permanently cacheable URLs, and are compressed like pages."""

import gzip
import re

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.test import Client

GZIP = {"Accept-Encoding": "br, gzip, deflate"}


def styled(page: str) -> list[str]:
    """Return the URLs of a page's styles and scripts."""
    return re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)


def test_a_browser_keeps_them_for_good_at_the_address_that_a_page_names(db: None) -> None:
    page = Client().get("/sign-in/").content.decode()
    addresses = styled(page)
    assert len(addresses) >= 3
    for address in addresses:
        answer = Client().get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["Cache-Control"]
        assert "Set-Cookie" not in answer.headers
        packed = Client().get(address, headers=GZIP)
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["Vary"] == "Accept-Encoding"
        assert gzip.decompress(packed.content) == answer.content
        assert len(packed.content) < len(answer.content)


@pytest.mark.parametrize(("takes", "packed"), [("gzip;q=0, br", ""), ("identity", ""), ("br, gzip;q=0.5", "gzip")])
def test_what_a_browser_doesnt_take_isnt_sent(takes: str, packed: str) -> None:
    address = staticfiles_storage.url("web/style.css")
    answer = Client().get(address, headers={"Accept-Encoding": takes})
    assert answer.headers.get("Content-Encoding", "") == packed


def test_a_page_of_before_an_update_gets_what_is_there_now_and_doesnt_keep_it() -> None:
    address = staticfiles_storage.url("web/style.css")
    older = re.sub("/assets/[0-9a-f]+/", "/assets/0123456789abcdef/", address)
    answer = Client().get(older)
    assert answer.content == Client().get(address).content
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["", "x", "x/", "x/web/none.css", "x/web/README.md", "x/../../settings.py"])
def test_nothing_else_is_handed_out(path: str) -> None:
    assert Client().get(f"/assets/{path}").status_code == 404
    assert Client().post(staticfiles_storage.url("web/style.css")).status_code == 405
