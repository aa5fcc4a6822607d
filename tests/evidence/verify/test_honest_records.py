"""Test that visits to unusual sites and hosts are recorded correctly and pass, with and without a browser."""

import base64
import gzip
import zlib
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evidence.capture.http_capturer import HttpCapturer
from evidence.verify.checks.captures import DOUBTFUL, FOUND_AGAIN
from evidence.verify.verifier import Verifier
from exhibit.clock import parse_rfc3339, rfc3339
from exhibit.digests import Digest
from exhibit.network.addresses import host_of
from exhibit.network.guard import Guard
from exhibit.ports import Captured
from tests.assets.bundle_changes import Files
from tests.assets.bundles import CAPTURED, Scene, captured_page_files, found_bytes
from tests.assets.corpus.deceit import Invention, forge_bundle
from tests.assets.resealing import Facts
from tests.assets.site import Answer, ReceivedRequest, Site
from tests.assets.tampering import read_files, write_zip

if TYPE_CHECKING:
    from evidence.capture.browser.capturer import BrowserCapturer

pytestmark = pytest.mark.timeout(300)
OPEN = Guard(allowed_networks=("127.0.0.1/32",))
IMAGE = found_bytes(1)
SHOWS = b'<!doctype html><img src="/photo.jpg">'
INLINE = base64.b64encode(IMAGE).decode()
Serve = Callable[[Site], None]


def page(html: bytes, *headers: tuple[str, str], at: str = "/", status: int = 200, length: int | None = None) -> Serve:
    return lambda site: site.routes.update({at: Answer(html, status=status, headers=headers, length=length)})


def image(data: bytes, *headers: tuple[str, str], status: int = 200, length: int | None = None) -> Serve:
    response = Answer(data, "image/jpeg", status=status, headers=headers, length=length)
    return lambda site: site.routes.update({"/photo.jpg": response})


def redirect_to(path: str, to: str, status: int = 302) -> Serve:
    return lambda site: site.routes.update({path: Answer(status=status, headers=(("Location", to),))})


def serve_challenge_first(status: int) -> Serve:
    """Serve a visitor check first, which loads the page again."""

    def serve(site: Site) -> None:
        visits = count()
        check = b"<!doctype html><p>Checking<script>setTimeout(() => location.reload(), 20)</script>"

        def answer(_: ReceivedRequest) -> Answer:
            return Answer(SHOWS) if next(visits) else Answer(check, status=status)

        site.routes["/"] = answer

    return serve


def serve_changing_page(site: Site) -> None:
    visits = count()
    site.routes["/t"] = lambda _: Answer(str(next(visits)).encode(), "text/plain")
    site.routes["/"] = Answer(SHOWS + b'<script>for (let i = 0; i < 5; i++) fetch("/t")</script>')


def chunks(site: Site) -> None:
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SHOWS), SHOWS)
    site.routes["/"] = Answer(body, headers=(("Transfer-Encoding", "chunked"),), length=-1)


def serve_revalidated(site: Site) -> None:
    def answer(request: ReceivedRequest) -> Answer:
        return Answer(status=304) if "if-none-match" in request.headers else Answer(IMAGE, "image/jpeg")

    site.routes["/photo.jpg"] = answer
    asks = b'<script>fetch("/photo.jpg", {headers: {"If-None-Match": "x"}})</script>'
    site.routes["/"] = Answer(SHOWS + asks)


def serve_all(*parts: Serve) -> Serve:
    def serve(site: Site) -> None:
        for part in parts:
            part(site)

    return serve


SERVED: dict[str, Serve] = {
    "an image": page(SHOWS),
    "redirects": serve_all(
        redirect_to("/", "/a", 301), redirect_to("/a", "b?x=1#part"), page(SHOWS, at="/b?x=1"),
        redirect_to("/photo.jpg", "/real%7e.jpg", 307),
        lambda site: site.routes.update({"/real%7e.jpg": Answer(IMAGE)}),
    ),
    "a redirect in other letters": serve_all(
        redirect_to("/", "/été".encode().decode("latin-1")), page(SHOWS, at="/%C3%A9t%C3%A9")
    ),
    "a redirect that leads to itself": redirect_to("/", "/"),
    "two places of a redirect": page(b"", ("Location", "/a"), ("Location", "/b"), status=302),
    "a redirect to nowhere": page(SHOWS, status=302),
    "chunks": chunks,
    "what is packed": serve_all(
        page(gzip.compress(SHOWS), ("Content-Encoding", "gzip")),
        image(zlib.compress(IMAGE), ("Content-Encoding", "deflate")),
    ),
    "parts": serve_all(page(SHOWS, status=206), image(IMAGE, status=206)),
    "a page that is gone": page(SHOWS, status=404),
    "a page that is refused": page(SHOWS, status=403),
    "an empty page": page(b""),
    "an empty image": serve_all(page(SHOWS), image(b"")),
    "no image": serve_all(page(SHOWS), image(b"", status=204)),
    "words in the place of the image": serve_all(page(SHOWS), image(b"<!doctype html><p>No.")),
    "an image that breaks off": serve_all(page(SHOWS), image(IMAGE, length=100_000)),
    "a page that breaks off": page(SHOWS, length=100_000),
    "no lengths": serve_all(page(SHOWS, length=-1), image(IMAGE, length=-1)),
    "an image within the page": page(f'<!doctype html><img src="data:image/jpeg;base64,{INLINE}">'.encode()),
}  # fmt: skip
RENDERED: dict[str, Serve] = {
    "an image": SERVED["an image"],
    "redirects": SERVED["redirects"],
    "an image in a style": serve_all(
        page(b"<!doctype html><link rel=stylesheet href=s.css><div class=a>"),
        page(b".a{width:90px;height:80px;background:url(photo.jpg)}", at="/s.css"),
    ),
    "an image of another size": serve_all(
        page(b'<!doctype html><img srcset="/photo.jpg 2000w, /small.jpg 100w" sizes=90px src=/small.jpg width=90>'),
        lambda site: site.routes.update({"/small.jpg": Answer(IMAGE[:-2] + b"\0\0", "image/jpeg")}),
    ),
    "an image in a frame": serve_all(
        page(b'<!doctype html><iframe src="/f" width=400 height=300></iframe>'), redirect_to("/f",
        "/g"), page(SHOWS, at="/g")
    ),
    "a page after a challenge": serve_challenge_first(200),
    "a page after a refusal": serve_challenge_first(503),
    "a page that goes elsewhere": serve_all(
        page(b'<!doctype html><script>location.replace("/next?a=1#x")</script>'), redirect_to("/next?a=1", "/n"),
        page(SHOWS, at="/n"),
    ),
    "a page that says it is elsewhere": page(SHOWS + b'<script>history.pushState({}, "", "/elsewhere")</script>'),
    "an answer that is each time another": serve_changing_page,
    "an image that is asked for again": serve_revalidated,
    "a page with a worker": page(SHOWS + b'<script>navigator.serviceWorker?.register("/sw.js")</script>'),
    "answers that fail": page(
        SHOWS + b'<script>fetch("/t", {method: "HEAD"}); fetch("http://127.0.0.1:1/"); fetch("/no")</script>'
    ),
    "an image within the page": SERVED["an image within the page"],
    "an image below a long page": page(b'<!doctype html><div style="height:17000px"></div>' + SHOWS),
    "an image that can't be seen": page(b"<!doctype html><div hidden>" + SHOWS),
    "an image that is gone": serve_all(page(SHOWS), image(b"", status=404)),
}  # fmt: skip
HOSTS = (
    "copies.example", "copies.example:8443", "copies_of_art.example", "_dmarc.copies.example", "-a.example",
    "a-.example", "copies.example.", "a--b.example", "xn--bcher-kva.example", "xn--zzzzzzzz99999.example",
    "xn--.example",
    "xn--a.example", "bücher.example", "faß.example", "203.0.113.9", "203.0.113.9:8080", "[2001:db8::1]",
    "[2001:DB8:0:0::1]:8443", "COPIES.Example", "a.b.c.d.e.f.copies.example", "localhost", "intranet",
    "1.copies.example", "雪.example", "m.copies.co.uk", "name.github.io", "x" * 63 + ".example", "copies.example:443",
)  # fmt: skip


@pytest.fixture(scope="module")
def capturer() -> "Iterator[BrowserCapturer]":
    from tests.assets.browser_captures import capturer_with

    browser_capturer = capturer_with(seconds=20, load_seconds=5, scroll_seconds=2, resource_seconds=5)
    yield browser_capturer
    browser_capturer.close()


def invention_of(captured: Captured, page_url: str, image_url: str) -> Invention:
    """Put the visit in place of the scene's own, at these URLs."""

    def lie(facts: Facts, files: Files, _: Scene) -> None:
        [sighting], folder = facts["sightings"], "data/sightings/01/capture-1"
        for path in CAPTURED:
            del files[path]
        files.update({f"{folder}/{file.name}": file.data for file in captured.files})
        sighting["captures"] = [{
            "method": captured.method, "outcome": captured.outcome, "sentence": str(captured.sentence),
            "started": rfc3339(captured.started), "finished": rfc3339(captured.finished),
            "image": captured.image.hex if captured.image else None,
            "files": sorted(f"{folder}/{file.name}" for file in captured.files),
        }]  # fmt: skip
        sighting.update(page_url=page_url, image_url=image_url)

    return Invention(facts=lie)


def results_of(scene: Scene, bundle: Path, invention: Invention, path: Path) -> dict[str, tuple[str, str]]:
    files, trust = forge_bundle(scene, read_files(bundle), invention)
    checks = Verifier(trust).verify(write_zip(path, files)).checks
    return {check.name: (str(check.state), check.sentence) for check in checks}


def capture_page(capturer: "HttpCapturer | BrowserCapturer", serve: Serve, name: str) -> tuple[Captured, str, str]:
    with Site() as site:
        image(IMAGE)(site)
        serve(site)
        inside = f"data:image/jpeg;sha-256={Digest.of(IMAGE).hex}"
        urls = site.url("/"), inside if name == "an image within the page" else site.url("/photo.jpg")
        return capturer.capture(*urls, Digest.of(IMAGE)), *urls


@pytest.mark.parametrize("name", SERVED)
def test_a_visit_without_a_browser_passes(scene: Scene, bundle: Path, tmp_path: Path, name: str) -> None:
    visit = capture_page(HttpCapturer(OPEN, "tests"), SERVED[name], name)
    assert results_of(scene, bundle, invention_of(*visit), tmp_path / "visit.zip")["capture:01-1"][0] == "passed"


@pytest.mark.parametrize("name", RENDERED)
def test_a_visit_with_a_browser_passes(
    scene: Scene, bundle: Path, tmp_path: Path, capturer: "BrowserCapturer", name: str
) -> None:
    visit = capture_page(capturer, RENDERED[name], name)
    checks = results_of(scene, bundle, invention_of(*visit), tmp_path / "visit.zip")
    assert visit[0].method == "browser"
    assert {checks[check][0] for check in ("capture:01-1", "wacz:01-1")} == {"passed"}, checks["capture:01-1"]


PLACES = {
    "an image": (SHOWS, FOUND_AGAIN),
    "a background": (
        b"<!doctype html><div style='width:90px;height:80px;background:url(/photo.jpg)'></div>",
        FOUND_AGAIN,
    ),
    "a page that sets cookies and asks again": (
        SHOWS + b"<script>if (!document.cookie) { document.cookie = 'seen=1'; location.reload() }</script>",
        FOUND_AGAIN,
    ),
    "a single pixel": (b"<!doctype html><img src=/photo.jpg width=1 height=1>", DOUBTFUL),
    "a strip": (b"<!doctype html><img src=/photo.jpg width=600 height=20>", DOUBTFUL),
    "mostly beside the page": (
        b"<!doctype html><img src=/photo.jpg style='position:absolute;left:-70px'><p>Words.",
        DOUBTFUL,
    ),
    "a link": (b"<!doctype html><a href=/photo.jpg><img src=/small.png width=90 height=80 alt=x></a>", DOUBTFUL),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_rendered_page_shows_a_picture_where_a_reader_sees_it(
    scene: Scene, bundle: Path, tmp_path: Path, capturer: "BrowserCapturer", name: str
) -> None:
    html, outcome = PLACES[name]
    visit = capture_page(capturer, page(html), name)
    files, trust = forge_bundle(scene, read_files(bundle), invention_of(*visit))
    checks = {check.name: check for check in Verifier(trust).verify(write_zip(tmp_path / "visit.zip", files)).checks}
    assert (visit[0].outcome, checks["capture:01-1"].state) == ("captured", "passed")
    assert checks["captures"].outcome == outcome, checks["captures"].remarks


@pytest.mark.parametrize("host", HOSTS)
def test_a_visit_to_an_odd_host_passes(scene: Scene, bundle: Path, tmp_path: Path, host: str) -> None:
    def lie(facts: Facts, files: Files, _: Scene) -> None:
        [sighting] = facts["sightings"]
        started = parse_rfc3339(sighting["captures"][0]["started"])
        files.update(captured_page_files(started, files[CAPTURED[3]], host=host))
        sighting.update(page_url=f"https://{host}/", image_url=f"https://{host}/field.jpg")
        facts["party"]["name"] = host_of(f"https://{host}/").rstrip(".")

    checks = results_of(scene, bundle, Invention(facts=lie), tmp_path / "host.zip")
    assert checks["capture:01-1"][0] == "passed", checks["capture:01-1"]
    assert checks["party"][0] in {"passed", "not checked"}, checks["party"]
