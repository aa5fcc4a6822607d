"""Test that the verdict reports recorded visits that differ from those of an anonymous reader."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evidence.capture.http_capturer import PAGE_ACCEPT
from evidence.capture.wire import Exchange, encode_warc
from evidence.formats.records import Record, Response
from evidence.verdict.result import State, Verdict
from evidence.verify.checks.anonymous import find_request_remarks, find_server_remarks
from evidence.verify.checks.captures import DOUBTFUL_OUTCOME, FOUND_OUTCOME
from evidence.verify.checks.exchanges import RecordedResponse, Recording, Request
from evidence.verify.verifier import Verifier
from exhibit.clock import parse_rfc3339
from exhibit.entries import encode_canonical
from tests.assets.bundle_changes import Files
from tests.assets.bundles import CAPTURED, PAGE, Scene
from tests.assets.corpus.deceit import Invention, forge_bundle
from tests.assets.resealing import Facts
from tests.assets.tampering import read_files, write_zip

WARC, NETWORK, HTML, IMAGE = CAPTURED
AGENT = "ExhibitBot/0.1 (+https://example.org/bot)"
HOST = "Host: copies.example\r\n"
VerifyCapture = Callable[..., Verdict]


@pytest.fixture
def verify_capture(scene: Scene, bundle: Path, tmp_path: Path) -> VerifyCapture:
    """A function that verifies a bundle whose capture has other exchanges."""

    def verify_altered_capture(
        *, page: bytes = PAGE, asked: str = "GET / HTTP/1.1\r\n" + HOST,
        image: str = "GET /field.jpg HTTP/1.1\r\n" + HOST,
        sent: bytes = b"", head: str = "", image_head: str = "", more: Callable[[Facts], object] = bool,
        agent: str = "tests", kind: str = "text/html",
    ) -> Verdict:  # fmt: skip
        def lie(facts: Facts, files: Files, _: Scene) -> None:
            at = parse_rfc3339(facts["sightings"][0]["captures"][0]["started"])
            network = json.loads(files[NETWORK])

            def one(path: str, request: str, media: str, heads: str, body: bytes) -> Exchange:
                started = at + timedelta(milliseconds=path != "/")
                sized = heads if "content-length" in heads.lower() else f"{heads}Content-Length: {len(body)}\r\n"
                answer = f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\n{sized}\r\n".encode() + body
                asks = request.encode() + b"\r\n" + (sent if path != "/" else b"")
                url = f"https://copies.example{path}"
                return Exchange(started, url, "203.0.113.9", bytearray(asks), bytearray(answer))

            files[HTML] = page
            chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(files[IMAGE]), files[IMAGE])
            body = chunked if "chunked" in image_head.lower() else files[IMAGE]
            exchanges = [one("/", asked, kind, head, page)]
            exchanges.append(one("/field.jpg", image, "image/jpeg", image_head, body))
            files[WARC] = encode_warc(exchanges, {})
            for step, data in zip(network["exchanges"], (page, files[IMAGE]), strict=True):
                step["bytes"] = len(data)
            network["user_agent"] = agent
            files[NETWORK] = encode_canonical(network)
            more(facts)

        files, trust = forge_bundle(scene, read_files(bundle), Invention(facts=lie))
        return Verifier(trust).verify(write_zip(tmp_path / "told.zip", files))

    return verify_altered_capture


def get_capture_result(verdict: Verdict) -> tuple[str, tuple[str, ...]]:
    """Return the outcome of the visits, and the remarks; nothing else about the visit may fail."""
    checks = {check.name: check for check in verdict.checks}
    assert checks["capture:01-1"].state is State.PASSED, checks["capture:01-1"].sentence
    [line] = [line for line in verdict.lines if line.of == "capture"]
    assert all(remark in line.value for remark in checks["captures"].remarks)
    return checks["captures"].outcome, checks["captures"].remarks


def test_requests_as_sent_by_exhibit_cause_no_remark(verify_capture: VerifyCapture) -> None:
    own = (
        f"User-Agent: {AGENT}\r\nAccept-Encoding: identity\r\nAccept: {PAGE_ACCEPT}\r\nConnection: keep-alive\r\n"
        'Accept-Language: en-US\r\nsec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"\r\nSec-Fetch-Mode: navigate\r\n'
        "Upgrade-Insecure-Requests: 1\r\n"
    )
    image = f"GET /field.jpg HTTP/1.1\r\n{HOST}Referer: https://copies.example/\r\nCookie: a=1; b=2\r\n{own}"
    set_cookies = "Set-Cookie: a=1; path=/\r\nset-cookie: b=2\r\n"
    outcome, remarks = get_capture_result(
        verify_capture(asked=f"GET / HTTP/1.1\r\n{HOST}{own}", image=image, head=set_cookies, agent=AGENT)
    )
    assert (outcome, len(remarks)) == (FOUND_OUTCOME, 1)  # no browser was used


REQUESTS: dict[str, dict[str, Any]] = {
    **{method: {"image": f"{method} /field.jpg HTTP/1.1\r\n{HOST}"} for method in ("PUT", "POST", "HEAD", "OPTIONS")},
    "a body": {"sent": b"{}"},
    "Authorization": {"asked": f"GET / HTTP/1.1\r\n{HOST}Authorization: Basic YW5uOg==\r\n"},
    "authorization": {"image": f"GET /field.jpg HTTP/1.1\r\n{HOST}authorization: Bearer x\r\n"},
    "PROXY-authorization": {"asked": f"GET / HTTP/1.1\r\n{HOST}PROXY-authorization: Basic x\r\n"},
    "session": {"asked": f"GET / HTTP/1.1\r\n{HOST}Cookie: session=ann\r\n"},
    "variant": {"image": f"GET /field.jpg HTTP/1.1\r\n{HOST}cookie : a=1; variant=B\r\n", "head": "Set-Cookie: a=1\n"},
    "a": {"image": f"GET /field.jpg HTTP/1.1\r\n{HOST}Cookie: a=2\r\n", "head": "Set-Cookie: a=1\r\n"},
    "X-Forwarded-For": {"asked": f"GET / HTTP/1.1\r\n{HOST}X-Forwarded-For: 192.0.2.1\r\n"},
    "Range": {"image": f"GET /field.jpg HTTP/1.1\r\n{HOST}Range: bytes=0-\r\n"},
    ":authority": {"asked": f"GET / HTTP/1.1\r\n{HOST}:authority: x\r\n"},
    "Accept-Language": {"asked": f"GET / HTTP/1.1\r\n{HOST}Accept-Language: tlh\r\n"},
    "User-Agent": {"asked": f"GET / HTTP/1.1\r\n{HOST}User-Agent: another\r\n"},
    "Referer": {"asked": f"GET / HTTP/1.1\r\n{HOST}Referer: https://login.example/\r\n"},
    **{
        name: {"asked": f"GET / HTTP/1.1\r\n{HOST}{name}: {value}\r\n"}
        for name, value in {
            "Accept": "text/html;token=secret", "ACCEPT-language": "en-US, x-secret", "Connection": "secret",
            "Sec-Fetch-Token": "secret", "sec-fetch-Site": "secret", "Sec-CH-UA-Key": "?1", "pragma": "key=secret",
            "Cache-Control": "key=secret", "Priority": "u=secret", "referer": "https://copies.example/admin?key=secret",
            "REFERER": "https://ann:secret@copies.example/",
        }.items()
    },
    "user-agent": {"asked": f"GET / HTTP/1.1\r\n{HOST}user-agent: Googlebot/2.1\r\n", "agent": "Googlebot/2.1"},
    "own": {"image": f"GET /field.jpg HTTP/1.1\r\n{HOST}Cookie: own=1\r\n", "image_head": "Set-Cookie: own=1\r\n"},
    "X-Folded": {"asked": f"GET / HTTP/1.1\r\n{HOST}Accept: x\nX-Folded: 1\r\n"},
}  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
def test_unusual_request_is_reported(verify_capture: VerifyCapture, name: str) -> None:
    outcome, remarks = get_capture_result(verify_capture(**REQUESTS[name]))
    assert outcome == DOUBTFUL_OUTCOME
    assert any(name in remark for remark in remarks), remarks


@pytest.mark.parametrize("host", [HOST, "Host: ann:secret@copies.example\r\n"])
@pytest.mark.parametrize(
    "target", ["/admin/../field.jpg", "/%2E/field.jpg", "/field.jpg#secret", "\\field.jpg", "/field.jpg"]
)
def test_ambiguous_request_target_fails(verify_capture: VerifyCapture, host: str, target: str) -> None:
    verdict = verify_capture(image=f"GET {target} HTTP/1.1\r\n{host}")
    state = next(check.state for check in verdict.checks if check.name == "capture:01-1")
    assert state is (State.PASSED if (host, target) == (HOST, "/field.jpg") else State.FAILED)


@pytest.mark.parametrize(
    ("by", "domain", "counts"),
    [
        ("www.copies.example", "copies.example", True), ("copies.example", "", True), ("www.copies.example", "", False),
        ("mine.example", "", False), ("mine.example", "copies.example", False), ("mine.com", "com", False),
    ],
)  # fmt: skip
def test_cookie_is_accepted_for_hosts_in_its_domain(by: str, domain: str, *, counts: bool) -> None:
    at = datetime(2026, 11, 30, tzinfo=UTC)
    to = "other.com" if domain == "com" else "copies.example"
    header = ("Set-Cookie", f"a=1; Path=/; Domain={domain}" if domain else "a=1")
    record = Record("response", f"https://{by}/", at, "203.0.113.9", "", b"", (0, 0))
    answer = RecordedResponse(record, f"https://{by}/", Response(302, (header,), b""), None, None)
    url = f"https://{to}/"
    request = Request(url, at + timedelta(seconds=1), "GET", (("Cookie", "a=1"),), has_body=False)
    doubts = list(find_request_remarks(Recording([answer], [request], []), (url, url), AGENT))
    assert (not doubts) is counts


RESPONSES = {
    "both": "Transfer-Encoding: chunked\r\n",
    "both, in other letters": "transfer-encoding: Chunked\r\n",
    "two lengths": "Content-Length: 9\r\nContent-Length: 99999\r\n",
    "no number": "Content-Length: 99999 \r\nContent-Length: +99999\r\n",
    "behind": "Content-Length: 5\r\n",
}


@pytest.mark.parametrize("name", [name for name in RESPONSES if name != "behind"])
def test_response_with_ambiguous_length_is_reported(verify_capture: VerifyCapture, name: str) -> None:
    head = RESPONSES[name]
    length = "" if "ontent-" in head else "Content-Length: 7\r\n"
    check = next(item for item in verify_capture(image_head=head + length).checks if item.name == "capture:01-1")
    doubted = check.state is State.FAILED or any(
        "states its length in several ways" in item or "Content-Length" in item for item in check.remarks
    )
    assert doubted, check.sentence


UNRENDERED_PAGES: dict[str, dict[str, Any]] = {
    "as text": {"kind": "text/plain; charset=utf-8"}, "as bytes": {"kind": "application/octet-stream"},
    "to be saved": {"head": "Content-Disposition: attachment; filename=a.html\r\n"},
    "packed by another": {"head": "Content-Encoding: br\r\n"},
    "and left at once": {"head": "Refresh: 0; url=/login\r\n"},
    "and left by markup": {"page": b'<meta http-equiv="Refresh" content="1;URL=\'/login\'">' + PAGE},
}  # fmt: skip


@pytest.mark.parametrize("name", UNRENDERED_PAGES)
def test_page_that_browsers_do_not_render_is_reported(verify_capture: VerifyCapture, name: str) -> None:
    outcome, remarks = get_capture_result(verify_capture(**UNRENDERED_PAGES[name]))
    assert (outcome, len(remarks)) == (DOUBTFUL_OUTCOME, 2), remarks  # and no browser was used


@pytest.mark.parametrize("kind", ["Text/HTML; charset=gbk", "application/xhtml+xml", ""])
def test_page_that_browsers_render_causes_no_remark(verify_capture: VerifyCapture, kind: str) -> None:
    again = b'<meta http-equiv=refresh content=300><meta http-equiv=refresh content="9;url=/#top">'
    outcome, remarks = get_capture_result(verify_capture(kind=kind, page=PAGE + again))
    assert (outcome, len(remarks)) == (FOUND_OUTCOME, 1), remarks


def test_truncated_response_is_reported(verify_capture: VerifyCapture) -> None:
    _, remarks = get_capture_result(verify_capture(image_head="Content-Length: 99999\r\n"))
    assert any("before its Content-Length" in remark for remark in remarks)


@pytest.mark.parametrize(("page", "doubts"), [("10.0.0.7", 1), ("127.0.0.1", 1), ("1.1.1.1", 0)])
def test_page_from_private_address_is_reported(page: str, doubts: int) -> None:
    at = datetime(2026, 11, 30, tzinfo=UTC)
    url = "https://copies.example/"
    first, other = (
        RecordedResponse(Record("response", url, at, peer, "", b"", (0, 0)), url, Response(200, (), b""), None, None)
        for peer in (page, "8.8.8.8")
    )
    assert len(list(find_server_remarks((url, url), first, other, "8.8.8.8:443"))) == doubts


@pytest.mark.parametrize(
    "head",
    [
        "Age: 99999999\r\n",
        "Age: 99999999.0\r\n",
        "Age: 0, 99999999\r\n",
        "age: 999999999999999999\r\n",
        "Date: Mon, 01 Jan 2001 00:00:00 GMT\r\n",
    ],
)
def test_old_cached_response_is_reported(verify_capture: VerifyCapture, head: str) -> None:
    check = next(item for item in verify_capture(image_head=head).checks if item.name == "capture:01-1")
    assert check.state is State.FAILED or any("days old" in remark for remark in check.remarks), check.sentence


def test_server_other_than_in_crawl_record_is_reported(verify_capture: VerifyCapture) -> None:
    def other(facts: Facts) -> None:
        facts["sightings"][0]["peer"] = "198.51.100.7:443"

    def same(facts: Facts) -> None:
        facts["sightings"][0]["peer"] = "203.0.113.9:443"

    assert [
        any("from a different server" in remark for remark in get_capture_result(verify_capture(more=more))[1])
        for more in (other, same)
    ] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    "page", [b"<p>Ours.<!-- field.jpg -->", b"<p>field.jpg", b"<img src=field.jpg width=1 height=1>"]
)
def test_page_that_only_mentions_the_picture_does_not_show_it(verify_capture: VerifyCapture, page: bytes) -> None:
    outcome, remarks = get_capture_result(verify_capture(page=page))
    assert (outcome, len(remarks)) == (DOUBTFUL_OUTCOME, 1)


def test_password_field_is_reported_as_login_form(verify_capture: VerifyCapture) -> None:
    _, remarks = get_capture_result(verify_capture(page=PAGE + b"<form><input type=password></form>"))
    assert any("login form" in remark for remark in remarks)


def test_remarks_that_raise_doubts_are_listed_first(verify_capture: VerifyCapture) -> None:
    def many(facts: Facts) -> None:
        facts["sightings"][0]["peer"] = "198.51.100.7"

    other_headers = f"GET / HTTP/1.1\r\n{HOST}Cookie: a=1\r\nX-Y: 1\r\n"
    _, remarks = get_capture_result(
        verify_capture(asked=other_headers, page=PAGE + b"<input type=password>", more=many)
    )
    assert "cookies" in remarks[0]
    assert "headers" in remarks[1]
