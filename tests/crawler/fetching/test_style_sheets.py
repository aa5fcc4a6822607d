from collections.abc import Callable
from pathlib import Path

import pytest
from scrapy import Request
from scrapy.http import Response

from crawler.fetching.images import IMAGE, Images
from crawler.fetching.style_sheets import SHEET, Sheets
from crawler.formats.job import Job, Target
from crawler.state.crawl import Crawl
from crawler.state.visit import Visit

PAGE, SHEET_URL = "http://a.example/page", "http://a.example/css/site.css"


class Asked:
    """The requests of sheets and of images, which nobody answers by itself."""

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
    asked.sheets.want(first, SHEET_URL)
    asked.sheets.want(second, SHEET_URL)
    asked.answer(SHEET_URL, b"a{background:url(../i.jpg)}")
    asked.sheets.want(third, SHEET_URL)
    assert asked.urls(SHEET) == [SHEET_URL]
    assert asked.urls(IMAGE) == ["http://a.example/i.jpg"]
    for one in (first, second, third):
        one.give_up("budget", "")
        assert [refusal.url for refusal in one.refusals()] == ["http://a.example/i.jpg"]


def test_sheets_are_imported_one_level_deep(asked: Asked) -> None:
    asked.sheets.want(visit(), SHEET_URL)
    asked.answer(SHEET_URL, b'@import "more.css"; @import "file:///etc/passwd";')
    asked.answer("http://a.example/css/more.css", b'@import "deeper.css"; a{background:url(j.jpg)}')
    assert asked.urls(SHEET) == [SHEET_URL, "http://a.example/css/more.css"]
    assert asked.urls(IMAGE) == ["http://a.example/css/j.jpg"]


def test_a_sheet_that_cannot_be_had_holds_no_visit_up(asked: Asked) -> None:
    done: list[Visit] = []
    waiting = Visit(Target(url=PAGE), done.append, begun=0.0)
    asked.sheets.want(waiting, SHEET_URL)
    asked.sheets.want(waiting, "http://[bad/")
    waiting.release()
    assert done == []
    asked.answer(SHEET_URL, b"a{background:url(i.jpg)}", status=404)
    assert done == [waiting]
    assert asked.urls(IMAGE) == []
