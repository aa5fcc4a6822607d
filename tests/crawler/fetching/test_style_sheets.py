from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from scrapy import Request
from scrapy.http import Response

from crawler.fetching.images import IMAGE, ImageFetcher
from crawler.fetching.style_sheets import SHEET, StyleSheetFetcher
from crawler.formats.job import Job, StyleSheet, Target
from crawler.reading.limits import MAX_IMPORTED_SHEETS, MAX_STYLE_SHEETS, OmittedItem
from crawler.state.crawl import Crawl
from crawler.state.visit import Visit

PAGE, SHEET_URL = "http://a.example/page", "http://a.example/css/site.css"


class RequestedSheets:
    """Requests of style sheets and images; nothing responds to them automatically."""

    def __init__(self, folder: Path, known: tuple[StyleSheet, ...] = ()) -> None:
        self.requests: list[Request] = []
        crawl = Crawl(Job(bytes_dir=folder, urls=(Target(url=PAGE),), known_sheets=known), lambda _line: None)
        send: Callable[[Request], None] = self.requests.append
        self.sheets = StyleSheetFetcher(crawl, ImageFetcher(crawl, send), send)

    def respond(self, url: str, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        (request,) = (item for item in self.requests if item.meta.get(SHEET) == url)
        self.sheets.handle_response(Response(url, status=status, body=body, request=request, headers=headers or {}))

    def urls(self, kind: str) -> list[str]:
        return [request.url for request in self.requests if kind in request.meta]


@pytest.fixture
def requested_sheets(tmp_path: Path) -> RequestedSheets:
    return RequestedSheets(tmp_path)


def visit() -> Visit:
    return Visit(Target(url=PAGE), lambda _visit: None, started=0.0)


def test_shared_style_sheet_is_fetched_once_for_all_pages(requested_sheets: RequestedSheets) -> None:
    first, second, third = visit(), visit(), visit()
    requested_sheets.sheets.request_sheets(first, [SHEET_URL])
    requested_sheets.sheets.request_sheets(second, [SHEET_URL])
    requested_sheets.respond(SHEET_URL, b"a{background:url(../i.jpg)}")
    requested_sheets.sheets.request_sheets(third, [SHEET_URL])
    assert requested_sheets.urls(SHEET) == [SHEET_URL]
    assert requested_sheets.urls(IMAGE) == ["http://a.example/i.jpg"]
    for page in (first, second, third):
        page.abort("budget", "")
        assert [refusal.url for refusal in page.get_refusals()] == ["http://a.example/i.jpg"]


def test_style_sheet_imports_are_followed_at_any_depth_and_once_each(requested_sheets: RequestedSheets) -> None:
    page = visit()
    requested_sheets.sheets.request_sheets(page, [SHEET_URL])
    requested_sheets.respond(SHEET_URL, b'@import "1.css"; @import "file:///etc/passwd";')
    for depth in range(1, 5):
        style = f'@import "{depth + 1}.css"; @import "site.css"; a{{background:url({depth}.jpg)}}'
        requested_sheets.respond(f"http://a.example/css/{depth}.css", style.encode())
    assert requested_sheets.urls(SHEET) == [SHEET_URL, *(f"http://a.example/css/{depth}.css" for depth in range(1, 6))]
    assert requested_sheets.urls(IMAGE) == [f"http://a.example/css/{depth}.jpg" for depth in range(1, 5)]


def test_style_sheet_import_depth_is_limited_and_excess_is_counted(requested_sheets: RequestedSheets) -> None:
    page = visit()
    requested_sheets.sheets.request_sheets(page, [SHEET_URL])
    for depth in range(MAX_IMPORTED_SHEETS + 1):
        url = SHEET_URL if depth == 0 else f"http://a.example/css/{depth}.css"
        requested_sheets.respond(url, f'@import "{depth + 1}.css";'.encode())
    assert len(requested_sheets.urls(SHEET)) == MAX_IMPORTED_SHEETS + 1
    assert page.build_line().left_out == {OmittedItem.STYLE_SHEETS: 1}


def test_style_sheets_of_the_same_host_come_first_and_excess_is_counted_once(requested_sheets: RequestedSheets) -> None:
    other_urls = [f"http://cdn.example/{number}.css" for number in range(MAX_STYLE_SHEETS)]
    site = [f"http://static.shop.org/{number}.css" for number in range(3)]
    own = [f"http://www.shop.org/{number}.css" for number in range(5)]
    first, second = (Visit(Target(url="http://www.shop.org/"), lambda _visit: None, started=0.0) for _ in range(2))
    for page in (first, second):
        requested_sheets.sheets.request_sheets(page, [*other_urls, *site, *own])
    assert requested_sheets.urls(SHEET) == [*own, *site, *other_urls[: MAX_STYLE_SHEETS - 8]]
    assert (first.build_line().left_out, second.build_line().left_out) == ({OmittedItem.STYLE_SHEETS: 8}, {})


@pytest.mark.parametrize(("status", "unread"), [(404, 0), (410, 0), (403, 1), (500, 1)])
def test_unavailable_style_sheet_does_not_block_visit_and_is_counted(
    requested_sheets: RequestedSheets, status: int, unread: int
) -> None:
    done: list[Visit] = []
    waiting_visit = Visit(Target(url=PAGE), done.append, started=0.0)
    requested_sheets.sheets.request_sheets(waiting_visit, [SHEET_URL, "http://[bad/"])
    waiting_visit.release()
    assert done == []
    requested_sheets.respond(SHEET_URL, b"a{background:url(i.jpg)}", status=status)
    assert done == [waiting_visit]
    assert requested_sheets.urls(IMAGE) == []
    assert waiting_visit.build_line().left_out == {OmittedItem.UNREAD_SHEETS: 1 + unread}


def test_known_style_sheet_is_requested_conditionally_and_its_urls_are_used_again(tmp_path: Path) -> None:
    known = StyleSheet(url=SHEET_URL, etag='"1"', images=("http://a.example/i.jpg",))
    requested = RequestedSheets(tmp_path, (known,))
    page = visit()
    requested.sheets.request_sheets(page, [SHEET_URL, "http://a.example/css/new.css"])
    first, second = (request.headers for request in requested.requests)
    assert first["If-None-Match"] == b'"1"'
    assert "If-None-Match" not in second
    requested.respond(SHEET_URL, b"", 304)
    assert requested.urls(IMAGE) == ["http://a.example/i.jpg"]
    assert page.fetched_sheets == []


def test_changed_style_sheet_is_reported_with_its_validators_once(tmp_path: Path) -> None:
    requested = RequestedSheets(tmp_path)
    first, second = visit(), visit()
    for page in (first, second):
        requested.sheets.request_sheets(page, [SHEET_URL, "http://a.example/css/plain.css"])
    requested.respond(SHEET_URL, b"a{background:url(i.jpg)}", headers={"ETag": '"2"', "Last-Modified": "then"})
    requested.respond("http://a.example/css/plain.css", b"a{}")
    [sheet] = first.fetched_sheets + second.fetched_sheets
    assert (sheet.url, sheet.etag, sheet.last_modified) == (SHEET_URL, '"2"', "then")
    assert sheet.images == ("http://a.example/css/i.jpg",)


@pytest.mark.parametrize(
    ("body", "headers", "meta"),
    [
        (b"a{background:url(data:image/jpeg;base64,AAAA)}", {"ETag": '"3"'}, {}),
        (b"a{background:url(%s)}" % b"),url(".join(b"%0999d" % n for n in range(66)), {"ETag": '"3"'}, {}),
        (b"a{background:url(i.jpg)}", {}, {}),
        (b"a{background:url(i.jpg)}", {"ETag": '"3"'}, {"redirect_times": 1}),
    ],
    ids=["picture bytes", "long", "no validators", "redirected"],
)
def test_known_sheet_that_must_be_fetched_again_is_reported_without_validators(
    tmp_path: Path, body: bytes, headers: dict[str, str], meta: dict[str, int]
) -> None:
    requested = RequestedSheets(tmp_path, (StyleSheet(url=SHEET_URL, etag='"1"'),))
    page = visit()
    requested.sheets.request_sheets(page, [SHEET_URL])
    requested.requests[0].meta.update(meta)
    requested.respond(SHEET_URL, body, headers=headers)
    [sheet] = page.fetched_sheets
    assert sheet == StyleSheet(url=SHEET_URL)


def test_not_modified_response_of_another_url_leads_to_a_complete_request(tmp_path: Path) -> None:
    known = StyleSheet(url=SHEET_URL, etag='"1"', images=("http://a.example/old.jpg",))
    requested = RequestedSheets(tmp_path, (known,))
    requested.sheets.request_sheets(visit(), [SHEET_URL])
    requested.requests[0].meta["redirect_times"] = 1
    requested.respond(SHEET_URL, b"", 304)
    first, second = requested.requests
    assert ("If-None-Match" in first.headers, "If-None-Match" in second.headers) == (True, False)
    assert requested.urls(IMAGE) == []
