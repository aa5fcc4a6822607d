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
from evidence.verify.checks.captures import DOUBTFUL_OUTCOME, FOUND_OUTCOME
from evidence.verify.verifier import Verifier
from exhibit.browser.program import find_browser
from exhibit.clock import format_rfc3339, parse_rfc3339
from exhibit.digests import Digest
from exhibit.network.addresses import get_url_host
from exhibit.network.guard import Guard
from exhibit.ports import CaptureResult
from tests.assets.bundle_changes import Files
from tests.assets.bundles import CAPTURED, Scene, captured_page_files, found_bytes
from tests.assets.corpus.deceit import Invention, forge_bundle
from tests.assets.resealing import Facts
from tests.assets.site import Answer, ReceivedRequest, Site
from tests.assets.tampering import read_files, write_zip

if TYPE_CHECKING:
    from evidence.capture.browser.capturer import BrowserCapturer

pytestmark = pytest.mark.timeout(300)
OPEN_GUARD = Guard(allowed_networks=("127.0.0.1/32",))
IMAGE = found_bytes(1)
SHOWING_PAGE = b'<!doctype html><img src="/photo.jpg">'
INLINE = base64.b64encode(IMAGE).decode()
Serve = Callable[[Site], None]


def serve_page(
    html: bytes, *headers: tuple[str, str], at: str = "/", status: int = 200, length: int | None = None
) -> Serve:
    return lambda site: site.routes.update({at: Answer(html, status=status, headers=headers, length=length)})


def serve_image(data: bytes, *headers: tuple[str, str], status: int = 200, length: int | None = None) -> Serve:
    response = Answer(data, "image/jpeg", status=status, headers=headers, length=length)
    return lambda site: site.routes.update({"/photo.jpg": response})


def serve_redirect(path: str, to: str, status: int = 302) -> Serve:
    return lambda site: site.routes.update({path: Answer(status=status, headers=(("Location", to),))})


def serve_challenge_first(status: int) -> Serve:
    """Serve a bot check first; it reloads the page."""

    def serve(site: Site) -> None:
        visits = count()
        check = b"<!doctype html><p>Checking<script>setTimeout(() => location.reload(), 20)</script>"

        def answer(_: ReceivedRequest) -> Answer:
            return Answer(SHOWING_PAGE) if next(visits) else Answer(check, status=status)

        site.routes["/"] = answer

    return serve


def serve_changing_page(site: Site) -> None:
    visits = count()
    site.routes["/t"] = lambda _: Answer(str(next(visits)).encode(), "text/plain")
    site.routes["/"] = Answer(SHOWING_PAGE + b'<script>for (let i = 0; i < 5; i++) fetch("/t")</script>')


def serve_chunks(site: Site) -> None:
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SHOWING_PAGE), SHOWING_PAGE)
    site.routes["/"] = Answer(body, headers=(("Transfer-Encoding", "chunked"),), length=-1)


def serve_revalidated(site: Site) -> None:
    def answer(request: ReceivedRequest) -> Answer:
        return Answer(status=304) if "if-none-match" in request.headers else Answer(IMAGE, "image/jpeg")

    site.routes["/photo.jpg"] = answer
    asks = b'<script>fetch("/photo.jpg", {headers: {"If-None-Match": "x"}})</script>'
    site.routes["/"] = Answer(SHOWING_PAGE + asks)


def serve_all(*parts: Serve) -> Serve:
    def serve(site: Site) -> None:
        for part in parts:
            part(site)

    return serve


SERVED_SITES: dict[str, Serve] = {
    "an image": serve_page(SHOWING_PAGE),
    "redirects": serve_all(
        serve_redirect("/", "/a", 301), serve_redirect("/a", "b?x=1#part"), serve_page(SHOWING_PAGE, at="/b?x=1"),
        serve_redirect("/photo.jpg", "/real%7e.jpg", 307),
        lambda site: site.routes.update({"/real%7e.jpg": Answer(IMAGE)}),
    ),
    "a redirect in other letters": serve_all(
        serve_redirect("/", "/été".encode().decode("latin-1")), serve_page(SHOWING_PAGE, at="/%C3%A9t%C3%A9")
    ),
    "a redirect that leads to itself": serve_redirect("/", "/"),
    "two places of a redirect": serve_page(b"", ("Location", "/a"), ("Location", "/b"), status=302),
    "a redirect to nowhere": serve_page(SHOWING_PAGE, status=302),
    "chunks": serve_chunks,
    "what is packed": serve_all(
        serve_page(gzip.compress(SHOWING_PAGE), ("Content-Encoding", "gzip")),
        serve_image(zlib.compress(IMAGE), ("Content-Encoding", "deflate")),
    ),
    "parts": serve_all(serve_page(SHOWING_PAGE, status=206), serve_image(IMAGE, status=206)),
    "a page that is gone": serve_page(SHOWING_PAGE, status=404),
    "a page that is refused": serve_page(SHOWING_PAGE, status=403),
    "an empty page": serve_page(b""),
    "an empty image": serve_all(serve_page(SHOWING_PAGE), serve_image(b"")),
    "no image": serve_all(serve_page(SHOWING_PAGE), serve_image(b"", status=204)),
    "words in the place of the image": serve_all(serve_page(SHOWING_PAGE), serve_image(b"<!doctype html><p>No.")),
    "an image that breaks off": serve_all(serve_page(SHOWING_PAGE), serve_image(IMAGE, length=100_000)),
    "a page that breaks off": serve_page(SHOWING_PAGE, length=100_000),
    "no lengths": serve_all(serve_page(SHOWING_PAGE, length=-1), serve_image(IMAGE, length=-1)),
    "an image within the page": serve_page(f'<!doctype html><img src="data:image/jpeg;base64,{INLINE}">'.encode()),
}  # fmt: skip
RENDERED_SITES: dict[str, Serve] = {
    "an image": SERVED_SITES["an image"],
    "redirects": SERVED_SITES["redirects"],
    "an image in a style": serve_all(
        serve_page(b"<!doctype html><link rel=stylesheet href=s.css><div class=a>"),
        serve_page(b".a{width:90px;height:80px;background:url(photo.jpg)}", at="/s.css"),
    ),
    "an image of another size": serve_all(
        serve_page(
            b'<!doctype html><img srcset="/photo.jpg 2000w, /small.jpg 100w" '
            b"sizes=90px src=/small.jpg width=90>"
        ),
        lambda site: site.routes.update({"/small.jpg": Answer(IMAGE[:-2] + b"\0\0", "image/jpeg")}),
    ),
    "an image in a frame": serve_all(
        serve_page(b'<!doctype html><iframe src="/f" width=400 height=300></iframe>'), serve_redirect("/f",
        "/g"), serve_page(SHOWING_PAGE, at="/g")
    ),
    "a page after a challenge": serve_challenge_first(200),
    "a page after a refusal": serve_challenge_first(503),
    "a page that goes elsewhere": serve_all(
        serve_page(b'<!doctype html><script>location.replace("/next?a=1#x")</script>'), serve_redirect("/next?a=1",
            "/n"),
        serve_page(SHOWING_PAGE, at="/n"),
    ),
    "a page that says it is "
    "elsewhere": serve_page(SHOWING_PAGE + b'<script>history.pushState({}, "", "/elsewhere")</script>'),
    "an answer that is each time another": serve_changing_page,
    "an image that is asked for again": serve_revalidated,
    "a page with a worker": serve_page(SHOWING_PAGE + b'<script>navigator.serviceWorker?.register("/sw.js")</script>'),
    "answers that fail": serve_page(
        SHOWING_PAGE + b'<script>fetch("/t", {method: "HEAD"}); fetch("http://127.0.0.1:1/"); fetch("/no")</script>'
    ),
    "an image within the page": SERVED_SITES["an image within the page"],
    "an image below a long page": serve_page(b'<!doctype html><div style="height:17000px"></div>' + SHOWING_PAGE),
    "an image that can't be seen": serve_page(b"<!doctype html><div hidden>" + SHOWING_PAGE),
    "an image that is gone": serve_all(serve_page(SHOWING_PAGE), serve_image(b"", status=404)),
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
    pytest.importorskip("playwright", reason="the optional component capture isn't installed")
    if find_browser("").path is None:
        pytest.skip(find_browser("").sentence)
    from tests.assets.browser_captures import capturer_with

    browser_capturer = capturer_with(seconds=20, load_seconds=5, scroll_seconds=2, resource_seconds=5)
    yield browser_capturer
    browser_capturer.close()


def create_invention(captured: CaptureResult, page_url: str, image_url: str) -> Invention:
    """Put the visit in place of the scene's own, at these URLs."""

    def lie(facts: Facts, files: Files, _: Scene) -> None:
        [sighting], folder = facts["sightings"], "data/sightings/01/capture-1"
        for path in CAPTURED:
            del files[path]
        files.update({f"{folder}/{file.name}": file.data for file in captured.files})
        sighting["captures"] = [{
            "method": captured.method, "outcome": captured.outcome, "sentence": str(captured.sentence),
            "started": format_rfc3339(captured.started), "finished": format_rfc3339(captured.finished),
            "image": captured.image.hex if captured.image else None,
            "files": sorted(f"{folder}/{file.name}" for file in captured.files),
        }]  # fmt: skip
        sighting.update(page_url=page_url, image_url=image_url)

    return Invention(facts=lie)


def verify_invention(scene: Scene, bundle: Path, invention: Invention, path: Path) -> dict[str, tuple[str, str]]:
    files, trust = forge_bundle(scene, read_files(bundle), invention)
    checks = Verifier(trust).verify(write_zip(path, files)).checks
    return {check.name: (str(check.state), check.sentence) for check in checks}


def capture_page(capturer: "HttpCapturer | BrowserCapturer", serve: Serve, name: str) -> tuple[CaptureResult, str, str]:
    with Site() as site:
        serve_image(IMAGE)(site)
        serve(site)
        inside = f"data:image/jpeg;sha-256={Digest.from_bytes(IMAGE).hex}"
        urls = site.url("/"), inside if name == "an image within the page" else site.url("/photo.jpg")
        return capturer.capture(*urls, Digest.from_bytes(IMAGE)), *urls


@pytest.mark.parametrize("name", SERVED_SITES)
def test_visit_without_browser_passes(scene: Scene, bundle: Path, tmp_path: Path, name: str) -> None:
    visit = capture_page(HttpCapturer(OPEN_GUARD, "tests"), SERVED_SITES[name], name)
    assert (
        verify_invention(scene, bundle, create_invention(*visit), tmp_path / "visit.zip")["capture:01-1"][0] == "passed"
    )


@pytest.mark.parametrize("name", RENDERED_SITES)
def test_visit_with_browser_passes(
    scene: Scene, bundle: Path, tmp_path: Path, capturer: "BrowserCapturer", name: str
) -> None:
    visit = capture_page(capturer, RENDERED_SITES[name], name)
    checks = verify_invention(scene, bundle, create_invention(*visit), tmp_path / "visit.zip")
    assert visit[0].method == "browser"
    assert {checks[check][0] for check in ("capture:01-1", "wacz:01-1")} == {"passed"}, checks["capture:01-1"]


PLACES = {
    "an image": (SHOWING_PAGE, FOUND_OUTCOME),
    "a background": (
        b"<!doctype html><div style='width:90px;height:80px;background:url(/photo.jpg)'></div>",
        FOUND_OUTCOME,
    ),
    "a page that sets cookies and asks again": (
        SHOWING_PAGE + b"<script>if (!document.cookie) { document.cookie = 'seen=1'; location.reload() }</script>",
        FOUND_OUTCOME,
    ),
    "a single pixel": (b"<!doctype html><img src=/photo.jpg width=1 height=1>", DOUBTFUL_OUTCOME),
    "a strip": (b"<!doctype html><img src=/photo.jpg width=600 height=20>", DOUBTFUL_OUTCOME),
    "mostly beside the page": (
        b"<!doctype html><img src=/photo.jpg style='position:absolute;left:-70px'><p>Words.",
        DOUBTFUL_OUTCOME,
    ),
    "a link": (
        b"<!doctype html><a href=/photo.jpg><img src=/small.png width=90 height=80 alt=x></a>",
        DOUBTFUL_OUTCOME,
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_rendered_page_shows_picture_where_visible(
    scene: Scene, bundle: Path, tmp_path: Path, capturer: "BrowserCapturer", name: str
) -> None:
    html, outcome = PLACES[name]
    visit = capture_page(capturer, serve_page(html), name)
    files, trust = forge_bundle(scene, read_files(bundle), create_invention(*visit))
    checks = {check.name: check for check in Verifier(trust).verify(write_zip(tmp_path / "visit.zip", files)).checks}
    assert (visit[0].outcome, checks["capture:01-1"].state) == ("captured", "passed")
    assert checks["captures"].outcome == outcome, checks["captures"].remarks


@pytest.mark.parametrize("host", HOSTS)
def test_visit_to_unusual_host_passes(scene: Scene, bundle: Path, tmp_path: Path, host: str) -> None:
    def lie(facts: Facts, files: Files, _: Scene) -> None:
        [sighting] = facts["sightings"]
        started = parse_rfc3339(sighting["captures"][0]["started"])
        files.update(captured_page_files(started, files[CAPTURED[3]], host=host))
        sighting.update(page_url=f"https://{host}/", image_url=f"https://{host}/field.jpg")
        facts["party"]["name"] = get_url_host(f"https://{host}/").rstrip(".")

    checks = verify_invention(scene, bundle, Invention(facts=lie), tmp_path / "host.zip")
    assert checks["capture:01-1"][0] == "passed", checks["capture:01-1"]
    assert checks["party"][0] in {"passed", "not checked"}, checks["party"]
