"""The capture over HTTP against servers on loopback that behave in all the ways that sites do."""

import base64
import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from evidence.capture.plain import CaptureLimits, HttpCapturer
from exhibit.digests import Digest
from exhibit.network.guard import Guard
from tests.assets.exact_site import AGENT, OPEN, PAGE, PICTURE, Site, answer, capture, file, network, picture

CHUNKED = (
    b"HTTP/1.1 200 Very OK\r\nx-ODD-case:  two spaces \r\nTransfer-Encoding: chunked\r\nContent-Type: text/html\r\n\r\n"
    + (b"%x;ext=1\r\n%s\r\n0\r\nTrailer-Field: x\r\n\r\n" % (len(PAGE), PAGE))
)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site().running() as running:
        running.answers["/shop"] = answer(PAGE)
        running.answers["/red%20one.png"] = answer(PICTURE, headers="Content-Type: image/png\r\n")
        yield running


def test_a_use_that_goes_on_is_captured_with_its_exact_bytes(site: Site) -> None:
    captured = capture(site)
    assert captured.outcome == "captured"
    assert captured.image == Digest.of(PICTURE)
    assert captured.started <= captured.finished
    assert [(each.role, each.name, each.media_type) for each in captured.files] == [
        ("exchange", "exchange.warc", "application/warc"),
        ("network", "network.json", "application/json"),
        ("page", "page.html", "text/html"),
        ("captured-image", "image.png", "image/png"),
    ]
    assert (file(captured, "page"), file(captured, "captured-image")) == (PAGE, PICTURE)


def test_the_record_holds_the_bytes_of_the_wire(site: Site, tmp_path: Path) -> None:
    site.answers["/shop"] = CHUNKED
    captured = capture(site)
    warc = file(captured, "exchange")
    assert CHUNKED in warc
    assert file(captured, "page") == PAGE
    (tmp_path / "exchange.warc").write_bytes(warc)
    check = [str(Path(sys.executable).with_name("warcio")), "check", "-v", str(tmp_path / "exchange.warc")]
    checked = subprocess.run(check, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    records = [
        (record.rec_type, record.rec_headers.get_header("WARC-Target-URI"))
        for record in ArchiveIterator(BytesIO(warc), no_record_parse=True)
    ]
    page, image = f"{site.url}/shop", f"{site.url}/red%20one.png"
    assert sorted(records[1:]) == [("request", image), ("request", page), ("response", image), ("response", page)]
    assert records[0][0] == "warcinfo"


def test_recording_does_not_depend_on_what_was_imported_before() -> None:
    code = (
        "import requests, urllib3, http.client\n"
        "from tests.evidence.capture.test_plain import Site, answer, capture, file, PAGE, PICTURE\n"
        "with Site().running() as site:\n"
        "    site.answers = {'/shop': answer(PAGE), '/red%20one.png': answer(PICTURE)}\n"
        "    assert PICTURE in file(capture(site), 'exchange')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_says_who_it_is_and_where_it_comes_from(site: Site) -> None:
    capture(site)
    (page, page_headers), (image, image_headers) = site.asked
    assert (page, image) == ("/shop", "/red%20one.png")
    assert page_headers["User-Agent"] == image_headers["User-Agent"] == AGENT
    assert page_headers["Accept-Encoding"] == "identity"
    assert image_headers["Referer"] == f"{site.url}/shop"


def test_another_site_learns_only_the_origin(site: Site) -> None:
    with Site().running() as shop:
        shop.answers["/basket?id=1"] = answer(PAGE)
        capture(site, page=f"{shop.url}/basket?id=1#part")
    assert site.asked[0][1]["Referer"] == f"{shop.url}/"


def test_the_surroundings_are_written_down(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_the_clocks_distance_is_measured_by_the_servers_date(site: Site) -> None:
    record = network(capture(site))
    clock = record["clock"]
    sent = dt.datetime.fromisoformat(record["exchanges"][0]["sent"])
    told = dt.datetime(2026, 11, 20, 9, 0, 0, 500_000, tzinfo=dt.UTC)
    assert clock["samples"][0]["offset"] == pytest.approx((told - sent).total_seconds(), abs=clock["uncertainty"])
    assert len(clock["samples"]) == 2
    site.answers["/shop"] = CHUNKED
    site.answers["/red%20one.png"] = answer(PICTURE).replace(b"Fri, 20 Nov 2026", b"a day in Nov")
    assert network(capture(site))["clock"]["offset"] is None


@pytest.mark.parametrize(
    ("path", "given", "outcome", "words"),
    [
        ("/shop", answer(b"gone", "404 Not Found"), "page-gone", "exactly the bytes that were seen before"),
        ("/shop", answer(b"gone", "410 Gone"), "page-gone", "status 410"),
        ("/red%20one.png", answer(b"gone", "404 Not Found"), "image-gone", "status 404"),
        ("/red%20one.png", answer(picture("blue")), "image-changed", "other bytes"),
        ("/red%20one.png", answer(PICTURE[:-5]), "image-changed", "other bytes"),
        ("/red%20one.png", answer(b"<!doctype html><p>Gone"), "image-gone", "an HTML page instead of an image"),
        ("/red%20one.png", answer(b""), "image-gone", "nothing instead of an image"),
        ("/red%20one.png", answer(b"", "500 Oops"), "unreachable", "status 500"),
        ("/red%20one.png", answer(b"", "403 Forbidden"), "unreachable", "refuses this visit"),
        ("/shop", answer(b"", "401 Unauthorized"), "unreachable", "asks for a login"),
        ("/shop", answer(b"", "403 Forbidden"), "unreachable", "may be there for others"),
        ("/shop", answer(b"", "429 Too Many"), "unreachable", "refuses so many visits"),
        ("/shop", answer(b"", "451 Legal"), "unreachable", "for legal reasons"),
        ("/shop", answer(b"", "503 Busy"), "unreachable", "doesn't serve this visit now"),
        ("/shop", answer(b"", "500 Oops"), "unreachable", "answered with status 500"),
        ("/shop", answer(PAGE, headers="cf-mitigated: challenge\r\n"), "unreachable", "aren't programs"),
        ("/shop", b"", "unreachable", "no whole answer"),
        ("/shop", answer(PAGE)[:-9], "unreachable", "no whole answer"),
        ("/shop", b"not http\r\n\r\n", "unreachable", "no whole answer"),
        ("/red%20one.png", answer(PICTURE)[:-9], "unreachable", "no whole answer"),
    ],
)
def test_what_happened_is_the_outcome_and_nothing_else(
    site: Site, path: str, given: bytes, outcome: str, words: str
) -> None:
    site.answers[path] = given
    captured = capture(site)
    assert (captured.outcome, words in captured.sentence) == (outcome, True), captured.sentence
    assert given in file(captured, "exchange")
    assert network(captured)["outcome"] == outcome


def test_a_changed_image_is_kept_and_never_passed_off_as_the_old_one(site: Site) -> None:
    blue = picture("blue", "JPEG")
    site.answers["/red%20one.png"] = answer(blue, headers="Content-Type: image/png\r\n")
    captured = capture(site)
    assert captured.image == Digest.of(blue) != Digest.of(PICTURE)
    assert [each.name for each in captured.files][-1] == "image.jpg"


def test_a_page_that_no_longer_names_the_image_is_told(site: Site) -> None:
    site.answers["/shop"] = answer(b"<p>Sold out")
    captured = capture(site)
    assert captured.outcome == "captured"
    assert "doesn't name the image's address" in captured.sentence
    assert network(captured)["page_names_image"] is False


def test_redirects_are_followed_and_written_down_one_by_one(site: Site) -> None:
    site.answers["/old"] = answer(b"moved", "301 Moved", "Location: /shop#top\r\n")
    captured = capture(site, page="/old")
    assert captured.outcome == "captured"
    exchanges = network(captured)["exchanges"]
    assert [(each["url"], each["status"]) for each in exchanges[:2]] == [
        (f"{site.url}/old", 301),
        (f"{site.url}/shop", 200),
    ]
    assert site.answers["/old"] in file(captured, "exchange")


def test_a_redirect_to_a_login_is_an_obstacle_but_one_to_an_author_is_not(site: Site) -> None:
    site.answers["/members"] = answer(b"", "302 Found", "Location: /login?next=/members\r\n")
    site.answers["/login?next=/members"] = answer(PAGE)
    captured = capture(site, page="/members")
    assert (captured.outcome, "leads to a login" in captured.sentence) == ("unreachable", True)
    site.answers["/a"] = answer(b"", "302 Found", "Location: /authors/blogin\r\n")
    site.answers["/authors/blogin"] = answer(PAGE)
    assert capture(site, page="/a").outcome == "captured"


def test_redirects_without_end_are_unreachable(site: Site) -> None:
    site.answers["/round"] = answer(b"", "302 Found", "Location: /round\r\n")
    captured = capture(site, page="/round")
    assert (captured.outcome, "redirects too often" in captured.sentence) == ("unreachable", True)


def test_private_addresses_are_refused_directly_and_behind_a_redirect(site: Site) -> None:
    captured = capture(site, guard=Guard())
    assert captured.outcome == "unreachable"
    assert {each["reason"] for each in network(captured)["failures"]} == {"private-address"}
    assert site.asked == []
    site.answers["/shop"] = answer(b"", "302 Found", "Location: http://169.254.169.254/latest\r\n")
    captured = capture(site)
    assert (captured.outcome, captured.image) == ("unreachable", Digest.of(PICTURE))
    failure = {"url": f"{site.url}/shop", "at": "http://169.254.169.254/latest", "reason": "private-address"}
    assert network(captured)["failures"] == [failure]
    assert b"WARC-Truncated" not in file(captured, "exchange")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "http://[bad/", "http://user:pass@127.0.0.1/", "http:///", ""])
def test_an_address_that_cannot_be_visited_is_an_outcome_too(site: Site, url: str) -> None:
    for captured in (
        HttpCapturer(OPEN, AGENT).capture(url, f"{site.url}/red%20one.png", Digest.of(PICTURE)),
        HttpCapturer(OPEN, AGENT).capture(f"{site.url}/shop", url, Digest.of(PICTURE)),
    ):
        assert captured.outcome == "unreachable"
        assert captured.sentence.endswith(".")
    assert all("pass" not in headers.get("Referer", "") for _, headers in site.asked)


def test_a_body_over_the_limit_is_not_taken_for_the_image(site: Site) -> None:
    captured = capture(site, limits=CaptureLimits(image_bytes=len(PICTURE) - 1))
    assert (captured.outcome, captured.image) == ("unreachable", None)
    assert "more than" in captured.sentence
    assert b"WARC-Truncated: length" in file(captured, "exchange")


def test_an_answer_that_breaks_off_is_recorded_as_far_as_it_came(site: Site) -> None:
    site.answers["/shop"] = answer(PAGE)[:-9]
    warc = file(capture(site), "exchange")
    assert warc.count(b"WARC-Truncated: disconnect") == 1
    assert answer(PAGE)[:-9] + b"\r\n\r\nWARC/1.1" in warc


def test_an_answer_that_breaks_off_is_marked_however_its_address_is_written(site: Site) -> None:
    site.answers["/~shop"] = answer(PAGE)[:-9]
    warc = file(capture(site, page="/%7eshop"), "exchange")
    assert warc.count(b"WARC-Truncated: disconnect") == 1


def test_a_denied_host_is_not_asked_behind_a_redirect_either(site: Site) -> None:
    with Site().running() as other:
        other.answers["/shop"] = answer(PAGE)
        target = other.url.replace("127.0.0.1", "localhost")
        site.answers["/shop"] = answer(b"", "302 Found", f"Location: {target}/shop\r\n")
        guard = Guard(allowed_networks=("127.0.0.0/8",))
        page, image = f"{site.url}/shop", f"{site.url}/red%20one.png"
        captured = HttpCapturer(guard, AGENT).capture(page, image, Digest.of(PICTURE), {"localhost"}.__contains__)
        assert other.asked == []
    assert (captured.outcome, "rules name localhost" in captured.sentence) == ("unreachable", True)
    assert [one["reason"] for one in network(captured)["failures"]] == ["denied-host"]


def test_time_runs_out_for_everything_together(site: Site) -> None:
    captured = capture(site, limits=CaptureLimits(seconds=0))
    assert captured.outcome == "unreachable"
    assert "time for this visit was over" in captured.sentence
    assert site.asked == []


def test_an_image_inside_the_page_is_found_again_by_its_digest(site: Site) -> None:
    inside = f"data:image/png;sha-256={Digest.of(PICTURE).hex}"
    assert capture(site, image=inside).outcome == "unreachable"
    code = base64.b64encode(PICTURE)
    site.answers["/shop"] = answer(b'<img src="data:image/png;base64,%s">' % code)
    captured = capture(site, image=inside)
    assert (captured.outcome, captured.image) == ("captured", Digest.of(PICTURE))
    assert len(network(captured)["exchanges"]) == 1
