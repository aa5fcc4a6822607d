"""Test the capture over HTTP with local servers that behave like various sites."""

import base64
import datetime as dt

import pytest

from evidence.capture.http_capturer import CaptureLimits, HttpCapturer
from exhibit.digests import Digest
from tests.assets.exact_site import AGENT, OPEN, PAGE, PICTURE, Site, answer, capture, file, network, picture

CHUNKED = (
    b"HTTP/1.1 200 Very OK\r\nx-ODD-case:  two spaces \r\nTransfer-Encoding: chunked\r\nContent-Type: text/html\r\n\r\n"
    + (b"%x;ext=1\r\n%s\r\n0\r\nTrailer-Field: x\r\n\r\n" % (len(PAGE), PAGE))
)


def test_ongoing_use_is_captured_byte_for_byte(site: Site) -> None:
    captured = capture(site)
    assert captured.outcome == "captured"
    assert captured.image == Digest.from_bytes(PICTURE)
    assert captured.started <= captured.finished
    assert [(each.role, each.name, each.media_type) for each in captured.files] == [
        ("exchange", "exchange.warc", "application/warc"),
        ("network", "network.json", "application/json"),
        ("page", "page.html", "text/html"),
        ("captured-image", "image.png", "image/png"),
    ]
    assert (file(captured, "page"), file(captured, "captured-image")) == (PAGE, PICTURE)


def test_environment_is_recorded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://user:secret@127.0.0.1:9")
    captured = capture(site)
    record = network(captured)
    assert record["proxy"] == {"used": False, "environment_variables": ["http_proxy"]}
    assert b"secret" not in file(captured, "network")
    assert [each["status"] for each in record["exchanges"]] == [200, 200]
    assert {each["peer"]["address"] for each in record["exchanges"]} == {"127.0.0.1"}
    assert {tuple(each["dns_answers"]) for each in record["exchanges"]} == {("127.0.0.1",)}
    assert record["hosts_file"]["names_visited_hosts"] == []
    assert set(record["software"]) >= {"exhibit", "python", "openssl", "requests", "warcio"}
    assert record["page_names_image"] is True
    assert record["outcome"] == "captured"


def test_clock_offset_is_measured_from_server_date(site: Site) -> None:
    record = network(capture(site))
    clock = record["clock"]
    sent = dt.datetime.fromisoformat(record["exchanges"][0]["sent"])
    local_time = dt.datetime(2026, 11, 20, 9, 0, 0, 500_000, tzinfo=dt.UTC)
    assert clock["samples"][0]["offset"] == pytest.approx((local_time - sent).total_seconds(), abs=clock["uncertainty"])
    assert len(clock["samples"]) == 2
    site.answers["/shop"] = CHUNKED
    site.answers["/red%20one.png"] = answer(PICTURE).replace(b"Fri, 20 Nov 2026", b"a day in Nov")
    assert network(capture(site))["clock"]["offset"] is None


@pytest.mark.parametrize(
    ("path", "data", "outcome", "words"),
    [
        ("/shop", answer(b"gone", "404 Not Found"), "page-gone", "exactly the bytes that were seen before"),
        ("/shop", answer(b"gone", "410 Gone"), "page-gone", "status 410"),
        ("/red%20one.png", answer(b"gone", "404 Not Found"), "image-gone", "status 404"),
        ("/red%20one.png", answer(picture("blue")), "image-changed", "different bytes"),
        ("/red%20one.png", answer(PICTURE[:-5]), "image-changed", "different bytes"),
        ("/red%20one.png", answer(b"<!doctype html><p>Gone"), "image-gone", "an HTML page instead of an image"),
        ("/red%20one.png", answer(b""), "image-gone", "nothing instead of an image"),
        ("/red%20one.png", answer(b"", "500 Oops"), "unreachable", "status 500"),
        ("/red%20one.png", answer(b"", "403 Forbidden"), "unreachable", "denied access"),
        ("/shop", answer(b"", "401 Unauthorized"), "unreachable", "requires a login"),
        ("/shop", answer(b"", "403 Forbidden"), "unreachable", "Other visitors may be able to see it"),
        ("/shop", answer(b"", "429 Too Many"), "unreachable", "denied access because of too many requests"),
        ("/shop", answer(b"", "451 Legal"), "unreachable", "for legal reasons"),
        ("/shop", answer(b"", "503 Busy"), "unreachable", "was temporarily unavailable"),
        ("/shop", answer(b"", "500 Oops"), "unreachable", "the URL returned status 500"),
        ("/shop", answer(PAGE, headers="cf-mitigated: challenge\r\n"), "unreachable", "pass a bot check"),
        ("/shop", b"", "unreachable", "did not return a complete response"),
        ("/shop", answer(PAGE)[:-9], "unreachable", "did not return a complete response"),
        ("/shop", b"not http\r\n\r\n", "unreachable", "did not return a complete response"),
        ("/red%20one.png", answer(PICTURE)[:-9], "unreachable", "did not return a complete response"),
    ],
)
def test_outcome_matches_response(site: Site, path: str, data: bytes, outcome: str, words: str) -> None:
    site.answers[path] = data
    captured = capture(site)
    assert (captured.outcome, words in captured.sentence) == (outcome, True), captured.sentence
    assert data in file(captured, "exchange")
    assert network(captured)["outcome"] == outcome


def test_changed_image_is_stored_as_changed(site: Site) -> None:
    blue = picture("blue", "JPEG")
    site.answers["/red%20one.png"] = answer(blue, headers="Content-Type: image/png\r\n")
    captured = capture(site)
    assert captured.image == Digest.from_bytes(blue) != Digest.from_bytes(PICTURE)
    assert [each.name for each in captured.files][-1] == "image.jpg"


def test_page_without_image_reference_is_reported(site: Site) -> None:
    site.answers["/shop"] = answer(b"<p>Sold out")
    captured = capture(site)
    assert captured.outcome == "captured"
    assert "does not reference the image URL" in captured.sentence
    assert network(captured)["page_names_image"] is False


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "http://[bad/", "http://user:pass@127.0.0.1/", "http:///", ""])
def test_invalid_url_is_unreachable(site: Site, url: str) -> None:
    for captured in (
        HttpCapturer(OPEN, AGENT).capture(url, f"{site.url}/red%20one.png", Digest.from_bytes(PICTURE)),
        HttpCapturer(OPEN, AGENT).capture(f"{site.url}/shop", url, Digest.from_bytes(PICTURE)),
    ):
        assert captured.outcome == "unreachable"
        assert captured.sentence.endswith(".")
    assert all("pass" not in headers.get("Referer", "") for _, headers in site.asked)


def test_oversized_body_is_not_accepted_as_image(site: Site) -> None:
    captured = capture(site, limits=CaptureLimits(image_bytes=len(PICTURE) - 1))
    assert (captured.outcome, captured.image) == ("unreachable", None)
    assert "exceeds" in captured.sentence
    assert b"WARC-Truncated: length" in file(captured, "exchange")


def test_inline_image_is_found_by_digest(site: Site) -> None:
    inside = f"data:image/png;sha-256={Digest.from_bytes(PICTURE).hex}"
    assert capture(site, image=inside).outcome == "unreachable"
    code = base64.b64encode(PICTURE)
    site.answers["/shop"] = answer(b'<img src="data:image/png;base64,%s">' % code)
    captured = capture(site, image=inside)
    assert (captured.outcome, captured.image) == ("captured", Digest.from_bytes(PICTURE))
    assert len(network(captured)["exchanges"]) == 1
