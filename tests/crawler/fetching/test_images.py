import base64
import gzip
from pathlib import Path

import pytest
from scrapy import Request
from scrapy.http import Response

from crawler.fetching.images import ImageFetcher
from crawler.formats.job import Job, Limits, Target
from crawler.reading.document import FoundImage
from crawler.state.crawl import Crawl
from crawler.state.visit import Visit
from exhibit.digests import Digest
from tests.assets.crawling import crawl
from tests.assets.site import Answer, ReceivedRequest, Site, picture


def test_not_modified_image_has_no_bytes(tmp_path: Path) -> None:
    data = picture(5)

    def image(request: ReceivedRequest) -> Answer:
        if request.headers.get("if-none-match") == '"v1"':
            return Answer(b"", media_type="", status=304, length=-1, headers=(("ETag", '"v1"'),))
        return Answer(data, media_type="image/jpeg", headers=(("ETag", '"v1"'),))

    with Site() as site:
        site.page("/", '<img src="/i.jpg">')
        site.page("/same", "", status=304)
        site.routes["/i.jpg"] = image
        first = crawl(tmp_path / "1", sources=[{"kind": "site", "url": site.url()}])
        etag = dict(first.sightings[0].response_headers)["Etag"]
        digest = first.sightings[0].digest.hex
        earlier = {site.url("/i.jpg"): {"etag": etag, "digest": digest}, site.url("/same"): {"etag": '"p"'}}
        urls = [{"url": site.url()}, {"url": site.url("/same")}]
        again = crawl(tmp_path / "2", urls=urls, follow=False, known=earlier)
    (sighting,) = again.sightings
    assert sighting.not_modified
    assert (sighting.digest.hex, sighting.size, sighting.status) == (digest, 0, 304)
    assert not list(again.folder.iterdir())
    assert {page.url: page.not_modified for page in again.pages} == {site.url(): False, site.url("/same"): True}


def test_unmodified_picture_with_a_new_reservation_is_refused(tmp_path: Path) -> None:
    def reserved(request: ReceivedRequest) -> Answer:
        headers = (("X-Robots-Tag", "noai" if request.path == "/i.jpg" else "otherbot: noai"),)
        return Answer(b"", media_type="", status=304, length=-1, headers=headers)

    with Site() as site:
        site.page("/", '<img src="/i.jpg"><img src="/j.jpg">')
        site.routes["/i.jpg"] = site.routes["/j.jpg"] = reserved
        earlier = {site.url(path): {"etag": '"v1"', "digest": "ab" * 32} for path in ("/i.jpg", "/j.jpg")}
        done = crawl(tmp_path, urls=[{"url": site.url()}], follow=False, known=earlier)
    assert [item.image_url for item in done.sightings] == [site.url("/j.jpg")]
    assert [item.reason for item in done.pages[0].refusals] == ["noai"]


def test_image_bytes_are_stored_unchanged_except_for_content_encoding(tmp_path: Path) -> None:
    plain, odd = picture(7), picture(8) + b"\0trailing bytes\xff"
    with Site() as site:
        site.page("/", '<img src="/wrapped.jpg"><img src="/odd.jpg"><img src="/broken.jpg"><img src="/moved.jpg">')
        wrapped = gzip.compress(plain)
        encoding = (("Content-Encoding", "gzip"),)
        site.routes["/wrapped.jpg"] = Answer(wrapped, media_type="image/jpeg", headers=encoding)
        site.routes["/odd.jpg"] = Answer(odd, media_type="application/octet-stream")
        site.routes["/broken.jpg"] = Answer(b"\x1f\x8bnonsense", media_type="image/jpeg", headers=encoding)
        site.routes["/moved.jpg"] = Answer(status=301, headers=(("Location", "/odd.jpg"),))
        done = crawl(tmp_path, sources=[{"kind": "list", "urls": [site.url()]}], limits={"depth": 0})
    assert done.bytes_of(done.sighting(site.url("/wrapped.jpg"))) == plain
    assert dict(done.sighting(site.url("/wrapped.jpg")).response_headers)["Content-Encoding"] == "gzip"
    assert done.bytes_of(done.sighting(site.url("/odd.jpg"))) == odd
    assert done.sighting(site.url("/moved.jpg")).final_url == site.url("/odd.jpg")
    assert done.refusals == {site.url("/broken.jpg"): "bad-encoding"}


def test_picture_requiring_page_referer_is_fetched(tmp_path: Path) -> None:
    def guarded(request: ReceivedRequest) -> Answer:
        referer = request.headers.get("referer", "")
        return Answer(picture(5), "image/jpeg") if referer == site.url("/page") else Answer(status=403)

    with Site() as site:
        site.page("/page", '<img src="/guarded.jpg">')
        site.routes["/guarded.jpg"] = guarded
        done = crawl(tmp_path, sources=[{"kind": "list", "urls": [site.url("/page")]}], limits={"depth": 0})
    assert done.sighting(site.url("/guarded.jpg")).status == 200


@pytest.mark.parametrize(
    ("page", "image", "referer"),
    [
        ("https://a.example/p?q", "https://a.example/i.jpg", "https://a.example/p?q"),
        ("https://www.a.co.uk/p?q", "https://img.a.co.uk/i.jpg", "https://www.a.co.uk/"),
        ("https://a.example/p", "https://b.example/i.jpg", None),
        ("https://a.example/p", "http://a.example/i.jpg", None),
        ("http://me:secret@a.example/p", "http://a.example/i.jpg", None),
    ],
)
def test_referer_is_sent_only_to_the_site_of_the_page(
    page: str, image: str, referer: str | None, tmp_path: Path
) -> None:
    images = RequestedImages(tmp_path)
    visit = Visit(Target(url=page), images.done.append, started=0.0)
    images.images.request_image(visit, FoundImage(image, "img", page_url=page))
    (request,) = images.requests
    assert (request.headers.get("Referer") or b"").decode() == (referer or "")


class RequestedImages:
    """Images requested by this test; nothing responds to the requests automatically."""

    def __init__(self, folder: Path, **limits: int) -> None:
        self.requests: list[Request] = []
        self.done: list[Visit] = []
        job = Job(bytes_dir=folder, urls=(Target(url=PAGE),), limits=Limits(**limits))
        self.crawl = Crawl(job, lambda _line: None)
        self.images = ImageFetcher(self.crawl, self.requests.append)

    def visit(self, *urls: str) -> Visit:
        visit = Visit(Target(url=PAGE), self.done.append, started=0.0)
        for url in urls:
            self.images.request_image(visit, FoundImage(url, "img"))
        visit.release()
        return visit

    def respond(self, number: int, body: bytes, status: int = 200) -> None:
        request = self.requests[number]
        self.images.handle_response(Response(request.url, status=status, body=body, request=request))


PAGE, URL = "http://a.example/page", "http://a.example/i.jpg"


def test_image_url_on_several_pages_is_requested_once(tmp_path: Path) -> None:
    images = RequestedImages(tmp_path)
    first, second = images.visit(URL), images.visit(URL, URL)
    images.respond(0, picture(1))
    third = images.visit(URL)
    assert [item.url for item in images.requests] == [URL]
    assert images.done == [first, second, third]
    assert {item.get_sightings()[0].digest for item in images.done} == {Digest.from_bytes(picture(1))}


def test_each_inline_image_is_decoded_or_refused_separately(tmp_path: Path) -> None:
    images, packed = RequestedImages(tmp_path), base64.b64encode(picture(2)).decode()
    visit = images.visit(
        f"data:image/jpeg;base64,{packed.rstrip('=')}",
        "data:image/jpeg;base64,!!!",
        "data:text/html,<p>",
        "data:image/png,",
        "data:nonsense",
    )
    assert images.requests == []
    (sighting,) = visit.get_sightings()
    assert (tmp_path / sighting.digest.hex).read_bytes() == picture(2)
    assert [refusal.reason for refusal in visit.get_refusals()] == [
        "bad-encoding",
        "not-an-image",
        "empty",
        "not-an-image",
    ]


def test_refused_image_frees_its_budget_slot(tmp_path: Path) -> None:
    images = RequestedImages(tmp_path, images=1)
    refused = images.visit("http://a.example/1.jpg")
    images.respond(0, b"<p>sorry")
    assert [refusal.reason for refusal in refused.get_refusals()] == ["not-an-image"]
    visit = images.visit(URL, "http://a.example/d.svg", "http://a.example/2.jpg")
    images.respond(1, picture(3))
    assert [refusal.image_url for refusal in visit.get_sightings()] == [URL]
    assert [refusal.reason for refusal in visit.get_refusals()] == ["vector-image", "budget"]
