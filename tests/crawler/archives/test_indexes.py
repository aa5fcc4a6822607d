"""Test which captures archives list for a domain or URL, with local servers of both documented interfaces."""

import tracemalloc
from collections.abc import Iterator

import pytest

from crawler.archives import common_crawl, wayback
from crawler.archives.cdx import Archive, Capture, CaptureQuery, CaptureStatement, find_earliest_captures
from crawler.archives.common_crawl import CommonCrawl
from crawler.archives.wayback import Wayback
from crawler.searches.client import SearchRefusedError
from exhibit.errors import RefusedError
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session
from tests.assets.site import Answer, Site, picture
from tests.assets.web_archive_server import ArchivedCapture, WebArchive, digest

DOMAIN = CaptureQuery(url="photos.example", whole_domain=True, only_pictures=True, limit=2)
RED, BLUE = picture(1), picture(2)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture
def archived(site: Site) -> WebArchive:
    """Serve one image under four URLs and times, another image, a page, an error and a capture of another site."""
    web_archive = WebArchive(
        [
            ArchivedCapture("https://photos.example/red.jpg", "20190303120000", RED),
            ArchivedCapture("https://photos.example/red.jpg", "20200101000000", RED),
            ArchivedCapture("https://photos.example/red.jpg", "20240202000000", RED),
            ArchivedCapture("https://www.photos.example/a.jpg", "20190101000000", RED),
            ArchivedCapture("https://photos.example/shop/blue.jpg", "20240505050505", BLUE),
            ArchivedCapture("https://www.photos.example/", "20190303120000", b"<h1>page</h1>", "text/html"),
            ArchivedCapture("https://www.photos.example/gone.jpg", "20190303120000", b"gone", status="404"),
            ArchivedCapture("https://notphotos.example/red.jpg", "20190303120000", RED),
        ]
    )
    web_archive.serve(site)
    return web_archive


def open_archive(name: str, site: Site, seconds: float = 0.0) -> Archive:
    session = create_guarded_session(Guard(("127.0.0.0/8",)), user_agent="ExhibitBot/0.1 (+https://example.org)")
    if name == "wayback":
        return Wayback(session, site.url(""), seconds)
    return CommonCrawl(session, site.url(""), site.url(""), seconds)


def list_captures(index: Archive, criteria: CaptureQuery) -> list[Capture]:
    """Return all captures that an archive lists, page by page."""
    captures: list[Capture] = []
    page = ""
    for _ in range(30):
        answer = index.fetch_captures(criteria, page)
        captures += answer.captures
        page = answer.next_page
        if not page:
            return captures
    raise AssertionError(page)


BOTH = pytest.mark.parametrize("name", ["wayback", "common-crawl"])


@BOTH
@pytest.mark.usefixtures("archived")
def test_pictures_of_a_domain_are_listed_by_page_with_their_earliest_capture(name: str, site: Site) -> None:
    captures = list_captures(open_archive(name, site), DOMAIN)
    first = find_earliest_captures(captures)
    assert {capture.url for capture in captures} == {
        "https://photos.example/red.jpg", "https://www.photos.example/a.jpg", "https://photos.example/shop/blue.jpg",
    }  # fmt: skip
    assert first[digest(RED)].url == "https://www.photos.example/a.jpg"
    assert len(first) == 2
    assert first[digest(BLUE)].at.isoformat() == "2024-05-05T05:05:05+00:00"
    assert {capture.headers["user-agent"] for capture in site.requests} == {"ExhibitBot/0.1 (+https://example.org)"}


@BOTH
@pytest.mark.usefixtures("archived")
def test_capture_details_are_stored_as_one_line(name: str, site: Site) -> None:
    for capture in list_captures(open_archive(name, site), DOMAIN):
        assert CaptureStatement.from_text(str(capture.statement)) == capture.statement
        assert capture.statement.archive == name


@BOTH
@pytest.mark.usefixtures("archived")
def test_only_captures_within_time_range_are_listed(name: str, site: Site) -> None:
    request = CaptureQuery(url="photos.example", whole_domain=True, only_pictures=True, since="2024", until="202403")
    assert [capture.at.year for capture in list_captures(open_archive(name, site), request)] == [2024]
    if name == "common-crawl":
        assert not any("2019" in path for path in site.requested_paths()), "the index of another time isn't asked"


@pytest.mark.usefixtures("archived")
def test_all_captures_of_an_address_are_listed(site: Site) -> None:
    page = open_archive("wayback", site).fetch_captures(CaptureQuery(url="https://www.photos.example/"))
    assert [(capture.media_type, capture.record_url) for capture in page.captures] == [
        ("text/html", site.url("/web/20190303120000id_/https://www.photos.example/"))
    ]


@BOTH
@pytest.mark.usefixtures("archived")
def test_archive_that_lacks_the_domain_returns_no_captures(name: str, site: Site) -> None:
    assert not list_captures(
        open_archive(name, site), CaptureQuery(url="nobody.example", whole_domain=True, only_pictures=True)
    )


CC, WAYBACK = common_crawl.STATUSES, wayback.STATUSES


@pytest.mark.parametrize(
    ("name", "answer", "reason", "wait"),
    [
        ("wayback", Answer(b"", status=429, headers=(("Retry-After", "7"),)), "busy", 7.0),
        ("wayback", Answer(b"", status=503), "busy", WAYBACK.back_off),
        ("wayback", Answer(b"Blocked Site Error", status=403), "unsearchable", None),
        ("wayback", Answer(b"", status=451), "unsearchable", None),
        ("common-crawl", Answer(b"", status=429, headers=(("Retry-After", "7"),)), "busy", 7.0),
        ("common-crawl", Answer(b"", status=503), "busy", CC.back_off),
        ("common-crawl", Answer(b"<html>Request blocked</html>", status=403), "busy", CC.back_off),
        *(
            (name, answer, "failed", None)
            for name in ("wayback", "common-crawl")
            for answer in (
                Answer(b"", status=504),
                Answer(b"", status=302, headers=(("Location", "http://169.254.169.254/"),)),
                Answer(b"<html>\n<h1>We are sorry</h1>\n\n</html>"),
                Answer(b"\xff\x00" * 50),
            )
        ),
    ],
)
def test_archive_error_message_includes_a_hint(
    name: str, answer: Answer, reason: str, wait: float | None, site: Site, archived: WebArchive
) -> None:
    archived.answer = lambda _: answer
    with pytest.raises(SearchRefusedError) as error:
        open_archive(name, site).fetch_captures(DOMAIN)
    assert (error.value.reason, error.value.wait) == (reason, wait)
    assert len(site.requests) == 1


def test_retry_after_of_archive_applies_to_every_client(site: Site, archived: WebArchive) -> None:
    turns: list[float] = []
    free_at = [0.0]

    def turn(seconds: float) -> float:
        turns.append(seconds)
        before, free_at[0] = free_at[0], free_at[0] + seconds
        return before

    archived.answer = lambda _: Answer(b"<html>Request blocked</html>", status=403)
    session = create_guarded_session(Guard(("127.0.0.0/8",)))
    waits = []
    for _ in range(2):
        asking = CommonCrawl(session, site.url(""), site.url(""), seconds=0.0, reserve_turn=turn)
        with pytest.raises(SearchRefusedError) as error:
            asking.fetch_captures(DOMAIN)
        waits.append((error.value.reason, error.value.wait))
    assert waits == [("busy", CC.back_off)] * 2
    assert turns == [0.0, CC.back_off, 0.0]
    assert len(site.requests) == 1


def test_wayback_machine_is_queried_by_url_key(site: Site, archived: WebArchive) -> None:
    list_captures(open_archive("wayback", site), DOMAIN)
    assert all("fl=urlkey%2Ctimestamp%2C" in path for path in site.requested_paths())


def test_reading_an_endless_index_stops_with_constant_memory(
    site: Site, archived: WebArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.archives.index_client.MAX_BYTES", 100_000)
    index_line = f"https://photos.example/red.jpg image/jpeg 200 {digest(RED)} 512\n"
    line = f"example,photos)/red.jpg 20190303120000 {index_line}".encode()
    archived.answer = lambda _: Answer(line * 200_000, "text/plain", length=-1)
    tracemalloc.start()
    with pytest.raises(RefusedError) as error:
        open_archive("wayback", site).fetch_captures(DOMAIN)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.value.reason == "too-many-bytes"
    assert peak < 60_000_000, peak


def test_index_is_requested_only_from_configured_host(site: Site, archived: WebArchive) -> None:
    other = b'[{"id": "CC-MAIN-2019-09", "cdx-api": "http://127.0.0.9/x", "from": "2019-01-01", "to": "2019-12-31"}]'
    archived.answer = lambda request: Answer(other, "text/json") if request.path == "/collinfo.json" else None
    assert not list_captures(open_archive("common-crawl", site), DOMAIN)
    assert site.requested_paths() == ["/collinfo.json"]


@pytest.mark.usefixtures("archived")
def test_requests_to_an_archive_keep_its_minimum_interval(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []
    monkeypatch.setattr("crawler.archives.index_client.time.sleep", rests.append)
    list_captures(open_archive("wayback", site, seconds=9.0), DOMAIN)
    assert len(site.requests) == 2
    assert len(rests) == 1
    assert 8.0 < rests[0] <= 9.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wayback",
        "12+3 part.warc.gz",
        f"wayback 20190303120000 {digest(RED)} 5",
        "wayback 20191303120000 " + "A" * 32,
    ],
)
def test_unrelated_text_yields_no_captures(text: str) -> None:
    assert CaptureStatement.from_text(text) is None
