from collections.abc import Callable
from pathlib import Path

import pytest
from scrapy import Request
from scrapy.http import Response

from crawler.fetching.images import IMAGE, Images
from crawler.fetching.style_sheets import SHEET, Sheets
from crawler.formats.job import Job, Target
from crawler.reading.limits import IMPORTED_SHEETS, STYLE_SHEETS, LeftOut
from crawler.state.crawl import Crawl
from crawler.state.visit import Visit

PAGE, SHEET_URL = "http://a.example/page", "http://a.example/css/site.css"


class Asked:
    """Requests of style sheets and images; nothing responds to them automatically."""

    def __init__(self, folder: Path) -> None:
        self.requests: list[Request] = []
        crawl = Crawl(Job(bytes_dir=folder, urls=(Target(url=PAGE),)), lambda _line: None)
        send: Callable[[Request], None] = self.requests.append
        self.sheets = Sheets(crawl, Images(crawl, send), send)

    def answer(self, url: str, body: bytes, status: int = 200) -> None:
        (request,) = (one for one in self.requests if one.meta.get(SHEET) == url)
        self.sheets.arrived(Response(url, status=status, body=body, request=request))

    def urls(self, kind: str) -> list[str]:
        return [one.url for one in self.requests if kind in one.meta]


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


def visit() -> Visit:
    return Visit(Target(url=PAGE), lambda _visit: None, begun=0.0)


def test_a_sheet_is_fetched_once_and_its_images_are_wanted_by_every_page(asked: Asked) -> None:
    first, second, third = visit(), visit(), visit()
    asked.sheets.want(first, [SHEET_URL])
    asked.sheets.want(second, [SHEET_URL])
    asked.answer(SHEET_URL, b"a{background:url(../i.jpg)}")
    asked.sheets.want(third, [SHEET_URL])
    assert asked.urls(SHEET) == [SHEET_URL]
    assert asked.urls(IMAGE) == ["http://a.example/i.jpg"]
    for one in (first, second, third):
        one.give_up("budget", "")
        assert [refusal.url for refusal in one.refusals()] == ["http://a.example/i.jpg"]


def test_imports_are_followed_to_any_depth_each_once(asked: Asked) -> None:
    page = visit()
    asked.sheets.want(page, [SHEET_URL])
    asked.answer(SHEET_URL, b'@import "1.css"; @import "file:///etc/passwd";')
    for depth in range(1, 5):
        told = f'@import "{depth + 1}.css"; @import "site.css"; a{{background:url({depth}.jpg)}}'
        asked.answer(f"http://a.example/css/{depth}.css", told.encode())
    assert asked.urls(SHEET) == [SHEET_URL, *(f"http://a.example/css/{depth}.css" for depth in range(1, 6))]
    assert asked.urls(IMAGE) == [f"http://a.example/css/{depth}.jpg" for depth in range(1, 5)]


def test_imports_have_an_end_and_what_lies_behind_is_counted(asked: Asked) -> None:
    page = visit()
    asked.sheets.want(page, [SHEET_URL])
    for depth in range(IMPORTED_SHEETS + 1):
        url = SHEET_URL if depth == 0 else f"http://a.example/css/{depth}.css"
        asked.answer(url, f'@import "{depth + 1}.css";'.encode())
    assert len(asked.urls(SHEET)) == IMPORTED_SHEETS + 1
    assert page.line().left_out == {LeftOut.STYLE_SHEETS: 1}


def test_sheets_of_the_own_host_come_first_and_the_rest_is_counted_once(asked: Asked) -> None:
    others = [f"http://cdn.example/{number}.css" for number in range(STYLE_SHEETS)]
    site = [f"http://static.shop.org/{number}.css" for number in range(3)]
    own = [f"http://www.shop.org/{number}.css" for number in range(5)]
    first, second = (Visit(Target(url="http://www.shop.org/"), lambda _visit: None, begun=0.0) for _ in range(2))
    for page in (first, second):
        asked.sheets.want(page, [*others, *site, *own])
    assert asked.urls(SHEET) == [*own, *site, *others[: STYLE_SHEETS - 8]]
    assert (first.line().left_out, second.line().left_out) == ({LeftOut.STYLE_SHEETS: 8}, {})


@pytest.mark.parametrize(("status", "unread"), [(404, 0), (410, 0), (403, 1), (500, 1)])
def test_a_sheet_that_cannot_be_had_holds_no_visit_up_and_is_counted(asked: Asked, status: int, unread: int) -> None:
    done: list[Visit] = []
    waiting = Visit(Target(url=PAGE), done.append, begun=0.0)
    asked.sheets.want(waiting, [SHEET_URL, "http://[bad/"])
    waiting.release()
    assert done == []
    asked.answer(SHEET_URL, b"a{background:url(i.jpg)}", status=status)
    assert done == [waiting]
    assert asked.urls(IMAGE) == []
    assert waiting.line().left_out == {LeftOut.UNREAD_SHEETS: 1 + unread}
