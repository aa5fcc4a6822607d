"""Test the files and the outcome of a page's browser capture."""

import base64
import errno
import json
import subprocess
import sys
import time
import zipfile
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader
from warcio.archiveiterator import ArchiveIterator

from exhibit.browser.program import find_browser

pytest.importorskip("playwright", reason="the optional component capture isn't installed")
if find_browser("").path is None:
    pytest.skip(find_browser("").sentence, allow_module_level=True)

from evidence.capture.browser.capturer import BrowserCapturer
from evidence.capture.http_capturer import HttpCapturer
from exhibit.digests import Digest
from exhibit.errors import ServiceMissingError
from exhibit.network.guard import Guard
from tests.assets.browser_captures import (
    AGENT,
    EVERYTHING,
    OPEN,
    PICTURE,
    file_data,
    file_roles,
    record,
    visit,
)
from tests.assets.site import Answer, ReceivedRequest, Site, picture


def test_ongoing_use_is_captured_as_served_and_rendered(capturer: BrowserCapturer, site: Site) -> None:
    site.page("/", '<!doctype html><title>A shop 商店</title><h1>Prints</h1><img src="photo.jpg" width="300">')
    captured = visit(capturer, site)
    assert (captured.outcome, captured.method, captured.image) == ("captured", "browser", Digest.from_bytes(PICTURE))
    assert captured.sentence.endswith("The rendered page shows the image in one place.")
    assert file_roles(captured) == EVERYTHING
    assert file_data(captured, "captured-image") == PICTURE
    assert b"<h1>Prints</h1>" in file_data(captured, "dom")
    assert file_data(captured, "mhtml").startswith(b"From: <Saved by Blink>")
    assert "Prints" in PdfReader(BytesIO(file_data(captured, "page-pdf"))).pages[0].extract_text()
    network_record = record(captured)
    assert network_record["rendered"]["title"] == "A shop 商店"
    assert network_record["software"]["browser"].startswith("Chromium ")
    assert {resource["sha256"] for resource in network_record["resources"]} >= {Digest.from_bytes(PICTURE).hex}
    assert {resource["peer"] for resource in network_record["resources"]} == {"127.0.0.1"}
    assert site.requests[0].headers["user-agent"].endswith(f"Safari/537.36 {AGENT}")
    assert site.count_requests("/photo.jpg") == 1


@pytest.mark.long
def test_different_bytes_at_the_image_url_are_reported_as_changed_image(capturer: BrowserCapturer, site: Site) -> None:
    site.page("/", '<!doctype html><img src="photo.jpg">')
    site.routes["/photo.jpg"] = Answer(picture(8), media_type="image/jpeg")
    captured = visit(capturer, site)
    assert captured.outcome == "image-changed"
    assert captured.sentence.endswith("The rendered page uses the image URL in one place.")


@pytest.mark.long
def test_rejected_cookies_do_not_block_page(capturer: BrowserCapturer, site: Site) -> None:
    cookies = ("__Host-a=1; Path=/", "__Secure-b=2", "plain=3; Path=/; HttpOnly; SameSite=Strict", "kept=5; Path=/")
    site.page("/", '<!doctype html><script>document.cookie="kept=4"</script><img src="/old.jpg">')
    site.routes["/old.jpg"] = Answer(
        status=302, headers=(("Location", "/photo.jpg"), *(("Set-Cookie", cookie) for cookie in cookies))
    )
    site.page("/later", "")
    started = time.monotonic()
    captured = visit(capturer, site)
    assert time.monotonic() - started < 10
    assert captured.outcome == "captured"
    assert "in one place" in captured.sentence


@pytest.mark.long
def test_inline_image_is_found_by_digest(capturer: BrowserCapturer, site: Site) -> None:
    code = base64.b64encode(PICTURE).decode()
    site.page(
        "/", f"<!doctype html><script>document.write('<img src=\"data:image/jpeg;base64,'+'{code}'+'\">')</script>"
    )
    captured = visit(capturer, site, image=f"data:image/jpeg;sha-256={Digest.from_bytes(PICTURE).hex}")
    assert (captured.outcome, captured.image) == ("captured", Digest.from_bytes(PICTURE))
    assert [row["how"] for row in record(captured)["rendered"]["image_places"]] == ["shown"]


@pytest.mark.long
def test_capture_lists_digests_of_all_page_images(capturer: BrowserCapturer, site: Site) -> None:
    inside = base64.b64encode(picture(8)).decode()
    site.page("/", '<!doctype html><link rel=stylesheet href=s.css><img src="photo.jpg"><img src=other.jpg>')
    site.routes["/s.css"] = Answer(f"p{{background:url(data:image/jpeg;base64,{inside})}}".encode(), "text/css")
    other = site.image("/other.jpg", 9)
    assert visit(capturer, site).digests >= {Digest.from_bytes(data) for data in (PICTURE, other, picture(8))}


@pytest.mark.long
def test_web_archive_contains_all_requests_of_page(capturer: BrowserCapturer, site: Site, tmp_path: Path) -> None:
    site.page("/", '<!doctype html><link rel=stylesheet href=s.css><img src="photo.jpg"><script src=s.js></script>')
    site.routes["/s.css"] = Answer(b"h1{}", media_type="text/css")
    site.routes["/s.js"] = Answer(b"fetch('/api',{method:'POST',body:'x=1'})", media_type="text/javascript")
    site.routes["/api"] = Answer(b"{}", media_type="application/json")
    captured = visit(capturer, site)
    with zipfile.ZipFile(BytesIO(file_data(captured, "wacz"))) as archive:
        assert archive.testzip() is None
        warc = archive.read("archive/data.warc")
        index = archive.read("indexes/index.cdxj").decode()
        described = json.loads(archive.read("datapackage.json"))
        seal = json.loads(archive.read("datapackage-digest.json"))
        assert seal["hash"] == f"sha256:{Digest.from_bytes(archive.read('datapackage.json')).hex}"
        for resource in described["resources"]:
            assert resource["hash"] == f"sha256:{Digest.from_bytes(archive.read(resource['path'])).hex}"
    requested = [
        resource.rec_headers.get_header("WARC-Target-URI")
        for resource in ArchiveIterator(BytesIO(warc), no_record_parse=True)
        if resource.rec_type == "response"
    ]
    assert sorted(requested) == sorted(site.url(path) for path in ("/", "/api", "/s.css", "/s.js", "/photo.jpg"))
    assert index.count("\n") == len(requested)
    assert b"\r\n\r\nx=1\r\n" in warc
    assert PICTURE in file_data(captured, "exchange")
    assert b"h1{}" not in file_data(captured, "exchange")
    path = tmp_path / "data.warc"
    path.write_bytes(warc)
    check = [str(Path(sys.executable).with_name("warcio")), "check", "-v", str(path)]
    assert subprocess.run(check, capture_output=True, check=False).returncode == 0


@pytest.mark.long
def test_cookies_and_redirects_work_as_in_a_browser(capturer: BrowserCapturer, site: Site) -> None:
    first, second = (("Set-Cookie", "first=1; Path=/"), ("Set-Cookie", "second=2; Path=/; HttpOnly"))
    site.routes["/old"] = Answer(
        status=301, headers=(("Location", "/deep/shop?q=1"), ("Set-Cookie", "moved=3; Path=/"))
    )
    site.routes["/deep/shop"] = Answer(
        b'<!doctype html><title>x</title><img src="../photo.jpg">', headers=(first, second)
    )
    captured = visit(capturer, site, "/old")
    assert record(captured)["rendered"]["address"] == site.url("/deep/shop?q=1")
    assert record(captured)["rendered"]["image_places"] != []
    image = next(request for request in site.requests if request.path == "/photo.jpg")
    assert sorted(image.headers["cookie"].split("; ")) == ["first=1", "moved=3", "second=2"]
    assert [(request["url"], request["status"]) for request in record(captured)["exchanges"][:2]] == [
        (site.url("/old"), 301),
        (site.url("/deep/shop?q=1"), 200),
    ]
    assert site.count_requests("/deep/shop?q=1") == 1


@pytest.mark.long
def test_content_negotiation_is_not_a_changed_image(capturer: BrowserCapturer, site: Site) -> None:
    def by_accept(request: ReceivedRequest) -> Answer:
        return Answer(picture(9) if "apng" in request.headers["accept"] else PICTURE, media_type="image/jpeg")

    site.page("/", '<!doctype html><img src="photo.jpg">')
    site.routes["/photo.jpg"] = by_accept
    captured = visit(capturer, site)
    assert (captured.outcome, file_data(captured, "captured-image")) == ("captured", PICTURE)
    assert site.count_requests("/photo.jpg") == 2


long_param = partial(pytest.param, marks=pytest.mark.long)
"""Outcomes that a capture without a browser reports in the same way."""


@pytest.mark.long
@pytest.mark.parametrize(
    ("page", "image", "outcome", "words"),
    [
        (Answer(b"<h1>gone</h1>", status=404), None, "page-gone", "status 404"),
        long_param(Answer(b"<img src=photo.jpg>"), Answer(b"", status=404), "image-gone", "status 404"),
        (
            Answer(b"<img src=photo.jpg>"),
            Answer(picture(8), media_type="image/jpeg"),
            "image-changed",
            "different bytes",
        ),
        long_param(Answer(b"<p>Sold out"), None, "not-shown", "does not show the image"),
        long_param(Answer(b"<h1>no</h1>", status=403), None, "unreachable", "denied access"),
        (Answer(b"x", headers=(("cf-mitigated", "challenge"),)), None, "unreachable", "pass a bot check"),
        (Answer(b"<form><input type=password></form>"), None, "unreachable", "a password field"),
        long_param(Answer(b"<div class=h-captcha>Are you a person?</div>"), None, "unreachable", "a bot check"),
        long_param(Answer(b"<script>location='/login'</script>"), None, "unreachable", "redirects to a login"),
        (Answer(b"<input type=password><img src=photo.jpg>"), None, "captured", "in one place"),
    ],
)
def test_outcome_matches_response(
    capturer: BrowserCapturer, site: Site, page: Answer, image: Answer | None, outcome: str, words: str
) -> None:
    site.routes["/"] = page
    site.page("/login", "<input type=password>")
    if image is not None:
        site.routes["/photo.jpg"] = image
    captured = visit(capturer, site)
    assert (captured.outcome, words in captured.sentence) == (outcome, True), captured.sentence
    assert captured.method == "browser"
    assert {"exchange", "network", "screenshot"} <= file_roles(captured)


@pytest.mark.long
def test_images_of_a_page_are_captured_in_one_visit_with_separate_boxes(capturer: BrowserCapturer, site: Site) -> None:
    site.routes["/other.jpg"] = Answer(other := PICTURE + b"2", media_type="image/jpeg")
    site.page("/", '<body style="margin:0"><img src="photo.jpg" width="480"><br><img src="other.jpg" width="240">')
    expected = [("/photo.jpg", PICTURE), ("/other.jpg", other), ("/none.jpg", b"none")]
    images = [(site.url(path), Digest.from_bytes(data)) for path, data in expected]
    row, two, none = capturer.capture_all(site.url("/"), images)
    assert (site.count_requests("/"), site.count_requests("/photo.jpg"), site.count_requests("/other.jpg")) == (1, 1, 1)
    assert [each.outcome for each in (row, two, none)] == ["captured", "captured", "image-gone"]
    assert [record(each)["rendered"]["image_places"][0]["width"] for each in (row, two)] == [480, 240]
    assert record(none)["rendered"]["image_places"] == []
    assert file_roles(row) == file_roles(two) == EVERYTHING
    assert file_data(row, "screenshot") == file_data(two, "screenshot")
    assert file_data(row, "screenshot-boxed") != file_data(two, "screenshot-boxed")
    assert (file_data(row, "captured-image"), file_data(two, "captured-image")) == (PICTURE, other)


@pytest.mark.long
def test_local_resource_shortage_is_not_recorded_as_visit_outcome(
    capturer: BrowserCapturer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    site.page("/", '<img src="photo.jpg">')
    with monkeypatch.context() as patch:
        patch.setattr("exhibit.network.http.create_connection", fail)
        for check in (capturer, HttpCapturer(OPEN, AGENT)):
            with pytest.raises(ServiceMissingError, match="files"):
                check.capture(site.url("/"), site.url("/photo.jpg"), Digest.from_bytes(PICTURE))
    assert visit(capturer, site).outcome == "captured"


@pytest.mark.long
def test_forbidden_url_never_reaches_browser(capturer: BrowserCapturer, site: Site) -> None:
    for address in (
        "file:///etc/passwd",
        "chrome://version",
        "http://10.0.0.1/",
        "http://[bad/",
        "",
        "ftp://127.0.0.1/",
    ):
        captured = capturer.capture(address, site.url("/photo.jpg"), Digest.from_bytes(PICTURE))
        assert (captured.outcome, file_roles(captured) & {"dom", "screenshot"}) == ("unreachable", set()), address


@pytest.mark.long
def test_page_that_crashes_the_capturer_is_captured_without_browser(
    capturer: BrowserCapturer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("0")

    site.page("/", '<!doctype html><img src="photo.jpg">')
    monkeypatch.setattr("evidence.capture.browser.capturer.describe_outcome", fail)
    captured = visit(capturer, site)
    assert (captured.outcome, captured.method) == ("captured", "http")
    assert captured.sentence.endswith("visited without a browser: Exhibit failed to process the page.")


def _build_start_error() -> ServiceMissingError:
    error = ServiceMissingError("The browser can't be started.")
    error.__cause__ = OSError(errno.EMFILE, "")
    return error


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "", "shot"), MemoryError(), _build_start_error()], ids=repr)
def test_local_errors_do_not_disable_the_browser_permanently(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise error

    capturer = BrowserCapturer(Path("browser"), Guard(allowed_networks=("127.0.0.0/8",)), "Exhibit")
    monkeypatch.setattr(capturer.browser, "run", fail)
    with pytest.raises(type(error)):
        capturer.capture("http://127.0.0.1:9/", "http://127.0.0.1:9/a.jpg", Digest.from_bytes(b""))
