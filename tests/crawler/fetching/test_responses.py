import gzip
import socket
import time
from ipaddress import ip_address
from pathlib import Path

from scrapy import Request
from scrapy.exceptions import CannotResolveHostError, DownloadTimeoutError, IgnoreRequest
from scrapy.http import Response

from crawler.fetching.responses import (
    RequestRefusedError,
    build_failure_refusal,
    build_status_refusal,
    get_peer,
    to_fetched_picture,
)
from crawler.formats.job import Kind
from exhibit.digests import Digest
from exhibit.errors import RefusedError
from tests.assets.crawling import crawl
from tests.assets.site import Answer, Site


def test_slow_and_oversized_responses_are_aborted(tmp_path: Path) -> None:
    with Site() as site:
        site.page("/", "".join(f'<img src="/{name}.jpg">' for name in ("slow", "claims", "huge", "cut", "bomb", "ok")))
        site.routes["/slow.jpg"] = Answer(b"\xff\xd8\xff", "image/jpeg", length=10_000, pieces=50, pause=0.2)
        site.routes["/claims.jpg"] = Answer(b"\xff\xd8\xff", "image/jpeg", length=10**12)
        site.routes["/huge.jpg"] = Answer(b"\xff\xd8\xff" + b"\0" * 200_000, "image/jpeg", length=-1)
        site.routes["/cut.jpg"] = Answer(b"\xff\xd8\xff", "image/jpeg", length=5_000)
        bomb = gzip.compress(b"\xff\xd8\xff" + b"\0" * 5_000_000)
        site.routes["/bomb.jpg"] = Answer(bomb, "image/jpeg", headers=(("Content-Encoding", "gzip"),))
        site.image("/ok.jpg")
        limits = {"max_picture_bytes": 100_000, "request_seconds": 2}
        start = time.monotonic()
        done = crawl(tmp_path, urls=[{"url": site.url()}], follow=False, limits=limits)
        assert time.monotonic() - start < 60
    assert done.refusals == {
        site.url("/slow.jpg"): "timeout",
        site.url("/claims.jpg"): "too-large",
        site.url("/huge.jpg"): "too-large",
        site.url("/bomb.jpg"): "too-large",
        site.url("/cut.jpg"): "incomplete",
    }
    assert [sighting.image_url for sighting in done.sightings] == [site.url("/ok.jpg")]


def test_unreachable_host_does_not_stop_crawl(tmp_path: Path) -> None:
    with Site() as site:
        site.page("/", "<p>here")
        closed = f"http://127.0.0.1:{_closed_port()}/"
        urls = [{"url": closed}, {"url": "http://nowhere.invalid/"}, {"url": "no address"}, {"url": site.url()}]
        done = crawl(tmp_path, urls=urls, follow=False)
    assert done.refusals[closed] == "unreachable"
    assert done.refusals["http://nowhere.invalid/"] == "unresolvable"
    assert done.refusals["no address"] == "bad-url"
    assert [(page.url, page.kind) for page in done.pages] == [(site.url(), Kind.PAGE)]


def _closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def build_response(status: int = 200, address: str | None = "192.0.2.7", **headers: str) -> Response:
    header_fields = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request("http://a.example/i", headers={"Accept": "image/*"})
    at = None if address is None else ip_address(address)
    return Response("http://a.example/i", status=status, headers=header_fields, request=request, ip_address=at)


def test_recorded_response_matches_the_transmitted_response() -> None:
    facts = to_fetched_picture(
        build_response(Content_Type="Image/JPEG; q=1", Via="a\0b"), Digest.from_bytes(b"x"), size=1
    )
    assert (facts.media_type, facts.status, facts.peer) == ("image/jpeg", 200, "192.0.2.7:80")
    assert facts.request_headers == (("Host", "a.example"), ("Accept", "image/*"))
    assert ("Via", "ab") in facts.response_headers
    assert get_peer(build_response(address="2001:db8::1")) == "[2001:db8::1]:80"
    assert get_peer(build_response(address=None)) == ""


def test_each_kind_of_failure_is_recorded_with_its_own_reason() -> None:
    def reason(error: BaseException | None) -> str:
        errors = {"inner.example": RefusedError("It is private.", reason="private-address")}
        return build_failure_refusal(error, "http://inner.example/", errors).reason

    assert reason(RequestRefusedError("robots", "No.")) == "robots"
    assert reason(CannotResolveHostError()) == "private-address"
    assert build_failure_refusal(CannotResolveHostError(), "http://b.example/", {}).reason == "unresolvable"
    assert reason(DownloadTimeoutError()) == "timeout"
    assert reason(IgnoreRequest("max redirections reached")) == "redirects"
    assert reason(IgnoreRequest("too many bytes")) == "too-large"
    assert reason(OSError()) == reason(None) == "unreachable"


def test_non_success_status_is_refused() -> None:
    assert build_status_refusal(build_response(200), "http://a/u") is None
    for status, location, reason in ((204, "", "http-204"), (302, "ftp://b/", "scheme"), (302, "/b", "http-302")):
        refusal = build_status_refusal(build_response(status, Location=location), "http://a/u")
        assert refusal is not None
        assert refusal.reason == reason
