"""Test what a crawl records about servers' certificates."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.assets.crawling import Crawled, crawl
from tests.assets.site import Answer, Site
from tests.assets.tls import DAY, Holder

PAST, FUTURE = (-2 * DAY, -DAY), (DAY, 2 * DAY)


class Counted:
    """A TLS context that counts handshakes, and may present another certificate from the second one on."""

    def __init__(self, context: ssl.SSLContext, then: ssl.SSLContext | None = None) -> None:
        self.context, self.handshakes, self._then = context, 0, then
        context.sni_callback = self._greeted

    def _greeted(self, live: ssl.SSLObject, _name: str, _context: ssl.SSLContext) -> None:
        self.handshakes += 1
        if self._then is not None and self.handshakes > 1:
            live.context = self._then


@pytest.fixture
def authority(tmp_path: Path) -> Holder:
    made = Holder.made("Authority of this test")
    (tmp_path / "roots.pem").write_bytes(made.pem)
    return made


@pytest.fixture
def sites() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def crawled(folder: Path, urls: list[str]) -> Crawled:
    """Crawl images by URL, with the test's certificate authority."""
    targets = [{"url": url, "kind": "image"} for url in urls]
    one_by_one = {"concurrency_per_host": 1}
    given = {"urls": targets, "follow": False, "ca_bundle": str(folder / "roots.pem"), "politeness": one_by_one}
    return crawl(folder / "crawl", **given)


def test_each_sighting_says_what_the_certificate_of_its_server_was(
    authority: Holder, sites: ExitStack, tmp_path: Path
) -> None:
    stranger = Holder.made("Nobody knows this authority")
    shown = {
        "valid": Holder.made("127.0.0.2", authority),
        "expired": Holder.made("127.0.0.3", authority, PAST),
        "not-yet-valid": Holder.made("127.0.0.4", authority, FUTURE),
        "other-name": Holder.made("127.0.0.99", authority),
        "unknown-issuer": Holder.made("127.0.0.6", stranger),
        "expired,other-name": Holder.made("127.0.0.99", authority, PAST),
    }
    alone = Holder.made("127.0.0.8")
    expected = {}
    for number, (words, holder) in enumerate(shown.items(), 2):
        site = sites.enter_context(Site(host=f"127.0.0.{number}", tls=holder.served(tmp_path)))
        site.image("/a.jpg", number)
        expected[site.url("/a.jpg")] = f"{words} sha256:{holder.digest}"
    own = sites.enter_context(Site(host="127.0.0.8", tls=alone.served(tmp_path)))
    own.image("/a.jpg", 8)
    expected[own.url("/a.jpg")] = f"other-name,self-signed sha256:{alone.digest}"
    plain = sites.enter_context(Site())
    plain.image("/a.jpg", 9)
    expected[plain.url("/a.jpg")] = ""
    found = crawled(tmp_path, list(expected))
    assert {sighting.image_url: sighting.certificate for sighting in found.sightings} == expected


def test_a_certificate_is_checked_once_however_many_pictures_a_server_shows(
    authority: Holder, sites: ExitStack, tmp_path: Path
) -> None:
    counted = Counted(Holder.made("127.0.0.2", authority).served(tmp_path))
    site = sites.enter_context(Site(host="127.0.0.2", tls=counted.context))
    for number in range(12):
        site.image(f"/{number}.jpg", number)
    found = crawled(tmp_path, [site.url(f"/{number}.jpg") for number in range(12)])
    assert [sighting.certificate.partition(" ")[0] for sighting in found.sightings] == ["valid"] * 12
    assert sum(path.endswith(".jpg") for path in site.paths()) == 12
    assert counted.handshakes <= 3, "a connection or two that are kept alive, and the check"


def test_a_server_that_shows_another_certificate_when_it_is_checked_is_not_called_valid(
    authority: Holder, sites: ExitStack, tmp_path: Path
) -> None:
    first, then = Holder.made("127.0.0.2"), Holder.made("127.0.0.2", authority)
    counted = Counted(first.served(tmp_path), then.served(tmp_path))
    site = sites.enter_context(Site(host="127.0.0.2", tls=counted.context))
    site.image("/a.jpg")
    (sighting,) = crawled(tmp_path, [site.url("/a.jpg")]).sightings
    assert sighting.certificate == f"not-checked sha256:{first.digest}"


def test_the_certificate_is_that_of_the_server_to_which_redirects_led(
    authority: Holder, sites: ExitStack, tmp_path: Path
) -> None:
    good, bad = Holder.made("127.0.0.2", authority), Holder.made("127.0.0.3", authority, PAST)
    last = sites.enter_context(Site(host="127.0.0.2", tls=good.served(tmp_path)))
    first = sites.enter_context(Site(host="127.0.0.3", tls=bad.served(tmp_path)))
    plain = sites.enter_context(Site())
    last.image("/a.jpg", 1)
    plain.image("/b.jpg", 2)
    first.routes["/a.jpg"] = Answer(status=302, headers=(("Location", last.url("/a.jpg")),))
    first.routes["/b.jpg"] = Answer(status=302, headers=(("Location", plain.url("/b.jpg")),))
    found = crawled(tmp_path, [first.url("/a.jpg"), first.url("/b.jpg")])
    assert found.sighting(first.url("/a.jpg")).certificate == f"valid sha256:{good.digest}"
    assert found.sighting(first.url("/b.jpg")).certificate == ""
