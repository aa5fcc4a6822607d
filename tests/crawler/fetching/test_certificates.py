"""Test what a crawl records about servers' certificates."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.assets.crawling import CrawlResult, crawl
from tests.assets.site import Answer, Site
from tests.assets.tls import DAY, CertificateHolder

PAST, FUTURE = (-2 * DAY, -DAY), (DAY, 2 * DAY)


class CountingContext:
    """A TLS context that counts handshakes, and may present another certificate from the second one on."""

    def __init__(self, context: ssl.SSLContext, next_context: ssl.SSLContext | None = None) -> None:
        self.context, self.handshakes, self._then = context, 0, next_context
        context.sni_callback = self._count_handshake

    def _count_handshake(self, live: ssl.SSLObject, _name: str, _context: ssl.SSLContext) -> None:
        self.handshakes += 1
        if self._then is not None and self.handshakes > 1:
            live.context = self._then


@pytest.fixture
def authority(tmp_path: Path) -> CertificateHolder:
    certificate_authority = CertificateHolder.create("Authority of this test")
    (tmp_path / "roots.pem").write_bytes(certificate_authority.pem)
    return certificate_authority


@pytest.fixture
def sites() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def crawl_images(folder: Path, urls: list[str]) -> CrawlResult:
    """Crawl images by URL, with the test's certificate authority."""
    targets = [{"url": url, "kind": "image"} for url in urls]
    politeness = {"concurrency_per_host": 1}
    job = {"urls": targets, "follow": False, "ca_bundle": str(folder / "roots.pem"), "politeness": politeness}
    return crawl(folder / "crawl", **job)


def test_each_sighting_records_server_certificate(
    authority: CertificateHolder, sites: ExitStack, tmp_path: Path
) -> None:
    unknown_authority = CertificateHolder.create("Nobody knows this authority")
    holders = {
        "valid": CertificateHolder.create("127.0.0.2", authority),
        "expired": CertificateHolder.create("127.0.0.3", authority, PAST),
        "not-yet-valid": CertificateHolder.create("127.0.0.4", authority, FUTURE),
        "other-name": CertificateHolder.create("127.0.0.99", authority),
        "unknown-issuer": CertificateHolder.create("127.0.0.6", unknown_authority),
        "expired,other-name": CertificateHolder.create("127.0.0.99", authority, PAST),
    }
    alone = CertificateHolder.create("127.0.0.8")
    expected = {}
    for number, (words, holder) in enumerate(holders.items(), 2):
        site = sites.enter_context(Site(host=f"127.0.0.{number}", tls=holder.server_context(tmp_path)))
        site.image("/a.jpg", number)
        expected[site.url("/a.jpg")] = f"{words} sha256:{holder.digest}"
    own = sites.enter_context(Site(host="127.0.0.8", tls=alone.server_context(tmp_path)))
    own.image("/a.jpg", 8)
    expected[own.url("/a.jpg")] = f"other-name,self-signed sha256:{alone.digest}"
    plain = sites.enter_context(Site())
    plain.image("/a.jpg", 9)
    expected[plain.url("/a.jpg")] = ""
    result = crawl_images(tmp_path, list(expected))
    assert {sighting.image_url: sighting.certificate for sighting in result.sightings} == expected


def test_certificate_is_checked_once_per_server(authority: CertificateHolder, sites: ExitStack, tmp_path: Path) -> None:
    counting = CountingContext(CertificateHolder.create("127.0.0.2", authority).server_context(tmp_path))
    site = sites.enter_context(Site(host="127.0.0.2", tls=counting.context))
    for number in range(12):
        site.image(f"/{number}.jpg", number)
    result = crawl_images(tmp_path, [site.url(f"/{number}.jpg") for number in range(12)])
    assert [sighting.certificate.partition(" ")[0] for sighting in result.sightings] == ["valid"] * 12
    assert sum(path.endswith(".jpg") for path in site.requested_paths()) == 12
    assert counting.handshakes <= 3, "a connection or two that are kept alive, and the check"


def test_changed_certificate_is_not_reported_as_valid(
    authority: CertificateHolder, sites: ExitStack, tmp_path: Path
) -> None:
    first, then = CertificateHolder.create("127.0.0.2"), CertificateHolder.create("127.0.0.2", authority)
    counting = CountingContext(first.server_context(tmp_path), then.server_context(tmp_path))
    site = sites.enter_context(Site(host="127.0.0.2", tls=counting.context))
    site.image("/a.jpg")
    (sighting,) = crawl_images(tmp_path, [site.url("/a.jpg")]).sightings
    assert sighting.certificate == f"not-checked sha256:{first.digest}"


def test_recorded_certificate_is_that_of_the_final_redirect_target(
    authority: CertificateHolder, sites: ExitStack, tmp_path: Path
) -> None:
    good, bad = CertificateHolder.create("127.0.0.2", authority), CertificateHolder.create("127.0.0.3", authority, PAST)
    last = sites.enter_context(Site(host="127.0.0.2", tls=good.server_context(tmp_path)))
    first = sites.enter_context(Site(host="127.0.0.3", tls=bad.server_context(tmp_path)))
    plain = sites.enter_context(Site())
    last.image("/a.jpg", 1)
    plain.image("/b.jpg", 2)
    first.routes["/a.jpg"] = Answer(status=302, headers=(("Location", last.url("/a.jpg")),))
    first.routes["/b.jpg"] = Answer(status=302, headers=(("Location", plain.url("/b.jpg")),))
    result = crawl_images(tmp_path, [first.url("/a.jpg"), first.url("/b.jpg")])
    assert result.sighting(first.url("/a.jpg")).certificate == f"valid sha256:{good.digest}"
    assert result.sighting(first.url("/b.jpg")).certificate == ""
