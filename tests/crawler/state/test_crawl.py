from pathlib import Path

import pytest

from crawler.formats.job import EarlierVisit, Job, Politeness, Target
from crawler.state.crawl import Crawl
from exhibit.digests import Digest

DIGEST = Digest.from_bytes(b"x")


@pytest.fixture
def crawl(tmp_path: Path) -> Crawl:
    known_pictures = {
        "HTTP://A.example:80/i.jpg": EarlierVisit(etag='"1"', digest=DIGEST),
        "http://a.example/page": EarlierVisit(last_modified="Fri, 20 Nov 2026 09:00:00 GMT"),
    }
    job = Job(
        bytes_dir=tmp_path / "bytes",
        urls=(Target(url="http://a.example/"),),
        known=known_pictures,
        denied_hosts={"Denied.example.": "it asked us", "deep.open.example": "it, too"},
    )
    return Crawl(job, lambda _line: None)


def test_denied_domain_includes_its_hosts(crawl: Crawl) -> None:
    assert crawl.get_denial_reason("denied.example") == crawl.get_denial_reason("www.denied.example") == "it asked us"
    assert crawl.get_denial_reason("deep.open.example") == "it, too"
    assert crawl.get_denial_reason("open.example") == crawl.get_denial_reason("undenied.example") == ""


def test_cached_validators_make_a_request_conditional(crawl: Crawl) -> None:
    assert crawl.build_conditional_headers("http://a.example/i.jpg") == {"If-None-Match": '"1"'}
    assert crawl.build_conditional_headers("http://a.example/page") == {
        "If-Modified-Since": "Fri, 20 Nov 2026 09:00:00 GMT"
    }
    assert crawl.build_conditional_headers("http://a.example/other") == {}
    image = crawl.get_known_image("http://a.example/i.jpg")
    assert image is not None
    assert image.digest == DIGEST
    assert crawl.get_known_image("http://a.example/page") is None  # its bytes are unknown


def test_robots_are_requested_unless_disabled(tmp_path: Path, crawl: Crawl) -> None:
    assert crawl.needs_policies
    heedless = Politeness(obey_robots=False, obey_reservations=False)
    job = Job(bytes_dir=tmp_path, urls=(Target(url="http://a.example/"),), politeness=heedless)
    assert not Crawl(job, lambda _line: None).needs_policies
