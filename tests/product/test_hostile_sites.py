"""Test that no page or row is lost on sites that send impossible values."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from registry.models import Crawl, FrontierUrl, Refusal, Sighting
from tests.assets.rows import owner, photograph
from tests.assets.shop import LOOPBACK, create_watch, run_now
from tests.assets.site import Answer, Site
from workers.tasks.sync_runner import SyncRunner

LONG = "x" * 400
PICTURE = photograph(1)


def _linked_data(url: str) -> bytes:
    return f'<script type="application/ld+json">{{"@type":"ImageObject","contentUrl":"{url}"}}</script>'.encode()


DOCUMENTS = {
    "an address with NUL": _linked_data("/a\\u0000b.jpg"),
    "half a character": _linked_data("/a\\ud800b.jpg"),
    "a title with NUL": b"<title>a\0b&#0;c&#xd800;d</title>",
    "a description with NUL": b'<img src="/good.jpg" alt="a\0b&#0;c&#xd800;d\x07">',
    "a host that is too long": f'<a href="http://{LONG}.127.0.0.9/">x</a><img src="http://{LONG}/x.jpg">'.encode(),
    "a host of many labels": f'<a href="http://{"a." * 200}127.0.0.9/">x</a>'.encode(),
    "a very long address": f'<a href="/{LONG * 50}">x</a><img src="/{LONG * 50}.jpg">'.encode(),
    "an address that isn't one": b'<a href="http://[::1">x</a><img src="http://127.0.0.9:99999/x.jpg"><img src="//">',
    "a type of data that is too long": f'<img src="data:image/{LONG};base64,AAAA">'.encode(),
    "no characters of UTF-8": b"<title>\xff\xfe\xc3\x28</title><a href='/\xff\xfe'>x</a>",
}
ANSWERS = {
    "a media type that is too long": Answer(PICTURE, f"image/{LONG}"),
    "a status that is too large": Answer(PICTURE, "image/jpeg", status=10**60),
    "a header with NUL": Answer(PICTURE, "image/jpeg", headers=(("X-Odd", "a\0b"), ("ETag", '"a\0b"'))),
    "headers beyond ASCII": Answer(PICTURE, "image/jpeg", headers=(("X-Odd", "\xff\xfe"), ("Last-Modified", "\xe9"))),
}


@pytest.fixture
def site(inline: SyncRunner) -> Iterator[Site]:
    inline.services.config = replace(inline.services.config, allowed_networks=(LOOPBACK,))
    with Site(host="127.0.0.9") as running:
        for path in ("/good.jpg", "/a%00b.jpg"):
            running.routes[path] = Answer(PICTURE, "image/jpeg")
        yield running


@pytest.mark.long
def test_valid_pictures_of_documents_with_invalid_contents_are_kept(inline: SyncRunner, site: Site) -> None:
    links = "".join(f"<a href='/{place}'>x</a>" for place in range(len(DOCUMENTS)))
    site.page("/", links)
    for place, odd in enumerate(DOCUMENTS.values()):
        site.routes[f"/{place}"] = Answer(b"<img src='/good.jpg'>" + odd)
    create_watch(owner("studio"), site.url())
    inline.run_until_idle()
    assert Sighting.objects.filter(image_url=site.url("/a%00b.jpg")).exists()
    page_urls = set(Sighting.objects.filter(image_url=site.url("/good.jpg")).values_list("page_url", flat=True))
    assert [what for place, what in enumerate(DOCUMENTS) if site.url(f"/{place}") not in page_urls] == []
    assert_all_steps_done()


@pytest.mark.long
def test_malformed_http_responses_do_not_affect_other_pages(inline: SyncRunner, site: Site) -> None:
    odd = "".join(f"<img src='/odd-{place}.jpg'>" for place in range(len(ANSWERS)))
    site.page("/", f"<img src='/good.jpg'>{odd}")
    for place, answer in enumerate(ANSWERS.values()):
        site.routes[f"/odd-{place}.jpg"] = answer
    site_watch = create_watch(owner("studio"), site.url())
    for _ in range(2):  # the second time with the results of the first
        run_now(site_watch)
        inline.run_until_idle()
    assert Sighting.objects.filter(image_url=site.url("/good.jpg")).count() == 2
    assert_all_steps_done()


def assert_all_steps_done() -> None:
    assert not Refusal.objects.filter(reason="broke-off").exists()
    assert not FrontierUrl.objects.filter(attempts__gt=0).exists()
    assert {crawl.reason for crawl in Crawl.objects.all()} == {"finished"}
