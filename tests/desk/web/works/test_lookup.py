"""Test the page "Is this mine?", to which a bookmarklet submits an image's URL."""

from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from desk.api.common.limits import FETCH_SLOT
from desk.texts.cases import CERTAINTY_LABELS
from exhibit.types import Decision
from registry.models import Case, Membership, Owner, Picture, Role
from tests.assets.pages import has_test_id, message_levels, select
from tests.assets.rows import encode_jpeg, owner, photograph, recompress, register
from tests.assets.shop import LOOPBACK
from tests.assets.site import Answer, Site as Web
from tests.assets.site_browser import PHONE, Site, chromium, site
from tests.assets.source import collapse_whitespace
from tests.desk.web.works.test_uploads import ann, build_url, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "chromium", "site", "studio"]


@pytest.fixture
def web(inline: SyncRunner) -> Iterator[Web]:
    inline.services.config = replace(inline.services.config, allowed_networks=(LOOPBACK,))
    with Web(host="127.0.0.7") as shop:
        shop.routes["/seen.jpg"] = Answer(recompress(photograph(1)), media_type="image/jpeg")
        shop.routes["/other.jpg"] = Answer(photograph(50), media_type="image/jpeg")
        shop.routes["/"] = Answer(b"<html><img src='/seen.jpg'>", media_type="text/html")
        yield shop


@pytest.mark.long
def test_url_is_fetched_only_on_submit_and_nothing_is_stored(
    ann: Client, inline: SyncRunner, studio: Owner, web: Web
) -> None:
    register(inline.services, studio, photograph(1), "Harbour")
    query = {"url": web.url("/seen.jpg"), "page": web.url("/")}
    before = ann.get(build_url("mine"), query).content.decode()
    assert web.requests == []
    assert f'value="{web.url("/seen.jpg")}"' in before
    page = collapse_whitespace(ann.post(build_url("mine"), query).content.decode())
    assert build_url("work", 1) in page
    assert str(CERTAINTY_LABELS[Decision.CERTAIN]) in page
    assert "100%" in page
    assert f'name="address" value="{web.url("/")}"' in page
    response = ann.post(build_url("mine"), {"url": web.url("/other.jpg")})
    assert has_test_id(response, "not-found")
    dropped = ann.post(build_url("mine"), {"url": "", "file": SimpleUploadedFile("a.jpg", recompress(photograph(1)))})
    assert build_url("work", 1) in dropped.content.decode()
    assert Picture.objects.count() == 1


@pytest.mark.long
def test_page_visit_opens_its_run_and_requires_a_reviewer(
    ann: Client, inline: SyncRunner, studio: Owner, web: Web
) -> None:
    register(inline.services, studio, photograph(1), "Harbour")
    response = ann.post(build_url("mine"), {"url": web.url("/"), "look": "yes"}, follow=True)
    assert response.redirect_chain == [("/o/studio/watches/1/crawls/1/", 302)]
    assert message_levels(response) == ["success"]
    inline.run_until_idle()
    assert Case.objects.get().party == "127.0.0.7"
    refused_response = ann.post(build_url("mine"), {"url": "http://10.0.0.1/", "look": "yes"})
    assert (refused_response.status_code, "10.0.0.1" in refused_response.content.decode()) == (422, True)
    Membership.objects.update(role=Role.VIEWER)
    assert ann.post(build_url("mine"), {"url": web.url("/"), "look": "yes"}).status_code == 403
    assert 'name="look"' not in ann.get(build_url("mine")).content.decode()
    assert ann.post("/o/rival/works/mine", {"url": web.url("/"), "look": "yes"}).status_code == 404


def test_works_of_other_owners_are_hidden_and_anonymous_users_cannot_search(
    ann: Client, inline: SyncRunner, studio: Owner, web: Web
) -> None:
    register(inline.services, owner("rival"), photograph(1), "Theirs")
    page = ann.post(build_url("mine"), {"url": web.url("/seen.jpg")}).content.decode()
    assert has_test_id(page, "not-found")
    assert ann.post("/o/rival/works/mine", {"url": web.url("/seen.jpg")}).status_code == 404
    response = Client().get(build_url("mine"), {"url": web.url("/seen.jpg")})
    assert response.headers["Location"].startswith("/sign-in/?next=")


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/a.jpg", "file:///etc/passwd", "", "http://127.0.0.7:1/a.jpg", "/gone.jpg", "/"]
)
def test_failed_fetch_is_reported(ann: Client, web: Web, url: str) -> None:
    response = ann.post(build_url("mine"), {"url": web.url(url) if url.startswith("/") else url})
    assert response.status_code == 422
    assert len(select(response, "[role=alert]")) == 1


def test_fetches_are_limited_in_concurrency_and_rate(ann: Client, web: Web) -> None:
    with FETCH_SLOT:
        response = ann.post(build_url("mine"), {"url": web.url("/other.jpg")})
    assert response.status_code == 422
    assert web.requests == []


@pytest.mark.long
def test_bookmarklet_sends_the_largest_picture_of_a_page(site: Site, inline: SyncRunner, studio: Owner) -> None:
    viewer = site.member(studio, "viewer", size=PHONE)
    page = viewer.open(build_url("mine"))
    viewer.check()
    script = page.locator("a[href^='javascript:']").get_attribute("href")
    assert script is not None
    small = "<img src='/small.jpg'><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>"
    with Web() as web:
        web.routes["/large.jpg"] = Answer(photograph(2), media_type="image/jpeg")
        web.routes["/small.jpg"] = Answer(encode_jpeg(Image.new("RGB", (20, 20))), media_type="image/jpeg")
        shop = f"<html>{small}<img src='/large.jpg'><img src='/small.jpg'>"
        web.routes["/shop"] = Answer(shop.encode(), media_type="text/html")
        page.goto(web.url("/shop"))
        page.evaluate(script.removeprefix("javascript:"))
        page.wait_for_url("**/works/mine?**")
    query = parse_qs(urlsplit(unescape(page.url)).query)
    assert query["page"] == [web.url("/shop")]
    assert query["url"] == [web.url("/large.jpg")]
    assert page.locator("#url").input_value() == query["url"][0]
    viewer.outside_requests.clear()
    viewer.errors.clear()
