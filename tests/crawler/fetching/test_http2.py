"""Test crawls of servers that offer HTTP/2."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.assets.crawling import CrawlResult, crawl
from tests.assets.site import picture
from tests.assets.tls import CertificateHolder

_SERVER = """
import sys
from pathlib import Path
from twisted.internet import endpoints, reactor, ssl
from twisted.web import resource, server

BREAKS = "breaks" in sys.argv

class Pictures(resource.Resource):
    isLeaf = True
    def render_GET(self, request):
        print(request.clientproto.decode(), request.path.decode(), flush=True)
        if request.clientproto == b"HTTP/2" and BREAKS:
            request.channel._conn.transport.abortConnection()
            return server.NOT_DONE_YET
        if request.path == b"/moved.jpg":
            request.redirect(b"/a.jpg")
            return b""
        if request.path == b"/robots.txt":
            return b"User-agent: *\\nDisallow: /kept/"
        request.setHeader("Content-Type", "image/jpeg")
        return Path(sys.argv[1]).read_bytes()

key = ssl.PrivateCertificate.loadPEM(Path(sys.argv[2]).read_bytes())
port = reactor.listenSSL(0, server.Site(Pictures()), key.options(), interface="127.0.0.1")
print(port.getHost().port, flush=True)
reactor.run()
"""


@contextmanager
def running_server(folder: Path, *arguments: str) -> Iterator[tuple[str, Path]]:
    """Run a real server with both protocols, and yield its URL and log."""
    holder = CertificateHolder.create("127.0.0.1")
    holder.server_context(folder)
    (folder / "a.jpg").write_bytes(picture(1))
    log = folder / "log"
    with log.open("w") as log_file:
        command = [
            sys.executable,
            "-c",
            _SERVER,
            str(folder / "a.jpg"),
            str(folder / f"{holder.digest}.pem"),
            *arguments,
        ]
        with subprocess.Popen(command, stdout=log_file) as process:
            try:
                while not (port := log.read_text()).endswith("\n"):
                    assert process.poll() is None
                yield f"https://127.0.0.1:{port.strip()}", log
            finally:
                process.kill()


def crawl_images(folder: Path, site: str, *paths: str) -> CrawlResult:
    """Crawl images one after the other."""
    targets = [{"url": f"{site}{path}", "kind": "image"} for path in paths]
    politeness = {"concurrency_per_host": 1, "obey_robots": True}
    return crawl(folder / "crawl", urls=targets, follow=False, politeness=politeness)


@pytest.mark.long
def test_pictures_are_fetched_over_http2_if_the_server_offers_it(tmp_path: Path) -> None:
    with running_server(tmp_path) as (site, log):
        result = crawl_images(tmp_path, site, "/1.jpg", "/moved.jpg", "/kept/2.jpg", "/3.jpg")
        request_lines = log.read_text().splitlines()[1:]
    assert request_lines[0] == "HTTP/1.1 /robots.txt"
    assert {line for line in request_lines if "jpg" in line} == {
        f"HTTP/2 /{name}.jpg" for name in ("1", "moved", "a", "3")
    }
    assert result.refusals == {f"{site}/kept/2.jpg": "robots"}
    sightings = {sighting.image_url: sighting for sighting in result.sightings}
    assert {sighting.final_url for sighting in result.sightings} == {f"{site}/{name}.jpg" for name in ("1", "a", "3")}
    last = sightings[f"{site}/3.jpg"]
    assert last.request_headers[:2] == ((":authority", site.removeprefix("https://")), ("content-length", "0"))
    assert dict(last.request_headers)["user-agent"]
    assert (last.peer, last.status) == (site.removeprefix("https://"), 200)
    assert last.certificate.startswith("other-name,self-signed sha256:")


@pytest.mark.long
def test_broken_http2_falls_back_to_http1(tmp_path: Path) -> None:
    with running_server(tmp_path, "breaks") as (site, log):
        result = crawl_images(tmp_path, site, "/1.jpg", "/2.jpg", "/3.jpg")
        request_lines = log.read_text().splitlines()[1:]
    assert sum(line.startswith("HTTP/2 ") for line in request_lines) == 1
    assert {sighting.image_url for sighting in result.sightings} == {f"{site}/{number}.jpg" for number in (1, 2, 3)}
    assert not result.refusals


@pytest.mark.long
def test_oversized_picture_is_refused_over_http2(tmp_path: Path) -> None:
    with running_server(tmp_path) as (site, log):
        targets = [{"url": f"{site}/{number}.jpg", "kind": "image"} for number in (1, 2)]
        politeness = {"concurrency_per_host": 1}
        limits = {"max_picture_bytes": (tmp_path / "a.jpg").stat().st_size - 1}
        result = crawl(tmp_path / "crawl", urls=targets, follow=False, politeness=politeness, limits=limits)
        request_lines = log.read_text().splitlines()[1:]
    assert [line for line in request_lines if "jpg" in line] == ["HTTP/2 /1.jpg", "HTTP/2 /2.jpg"]
    assert set(result.refusals.values()) == {"too-large"}
