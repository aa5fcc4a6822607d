"""Test that captures of resource-hungry or endless pages end, and that all served files are stored."""

import time
from collections.abc import Iterator

import pytest

from exhibit.browser.program import find_browser

pytest.importorskip("playwright", reason="the optional component capture isn't installed")
if find_browser("").path is None:
    pytest.skip(find_browser("").sentence, allow_module_level=True)


from evidence.capture.browser.capturer import BrowserCapturer
from exhibit.digests import Digest
from tests.assets.browser_captures import (
    PICTURE,
    capturer_with,
    file_data,
    visit,
)
from tests.assets.site import Answer, Site

ENDLESS = """<p style="height:2000px"></p>
<script>onscroll=()=>document.body.append(Object.assign(document.createElement("p"), {style: "height:3000px"}))</script>
"""


@pytest.fixture(scope="module")
def limited_capturer() -> Iterator[BrowserCapturer]:
    """A capturer for pages that use all available time."""
    capturer = capturer_with(seconds=8, load_seconds=1.5, scroll_seconds=1, resource_seconds=8)
    yield capturer
    capturer.close()


FEW_HOSTILE_PAGES = {
    "a loop": "<script>while(true){}</script>",
    "ever longer": ENDLESS,
}
MORE_HOSTILE_PAGES = {
    "requests without end": "<script>setInterval(()=>fetch('/x?'+Math.random()),1)</script>",
    "elsewhere and elsewhere": "<script>location='/?'+Math.random()</script>",
    "questions": "<script>while(true) alert(1)</script>",
    "reloads": "<script>onbeforeunload=()=>1; setInterval(()=>{location.reload()},1)</script>",
    "a slow script": "<script src='/slow.js'></script>",
    "redirects in a round": "<img src='/round'>",
    "itself in itself": "<iframe src='/'></iframe>",
    "very large": "<div style='height:1e9px;width:1e9px'></div>",
    "much text": "<script>document.write('<p>x'.repeat(3e5))</script>",
    "memory": "<script>setTimeout(()=>{let a=[];while(true)a.push(new Array(1e6).fill(7))},500)</script>",
    "nothing answers": "<script>Element.prototype.scrollIntoView=()=>{throw 1};"
    "document.querySelectorAll=()=>{throw 1}</script>",
}


@pytest.mark.parametrize(
    "pages", [FEW_HOSTILE_PAGES, pytest.param(MORE_HOSTILE_PAGES, marks=pytest.mark.long)], ids=["few", "more"]
)
def test_capture_of_hostile_pages_ends_and_served_files_are_stored(
    limited_capturer: BrowserCapturer, site: Site, pages: dict[str, str]
) -> None:
    site.routes["/slow.js"] = Answer(b"", length=-1, pieces=100, pause=0.2)
    site.routes["/round"] = Answer(status=302, headers=(("Location", "/round"),))
    for what, html in pages.items():
        site.page("/", f'<!doctype html><img src="photo.jpg">{html}')
        started = time.monotonic()
        captured = visit(limited_capturer, site)
        assert time.monotonic() - started < 75, what
        assert (captured.outcome, captured.image) == ("captured", Digest.from_bytes(PICTURE)), (what, captured.sentence)
        assert PICTURE in file_data(captured, "exchange"), what
    assert visit(limited_capturer, site, "/calm").method == "browser"


TRAPS = (
    "<script>document.title='A \\ud800 shop'</script>",
    "<script>Array.prototype.flatMap=()=>[[1],{0:document.body,1:1.5},{0:document.body,1:-0}]</script>",
    "<input type=password><script>Array.prototype.push=function(){this[0]={}}</script>",
    "<link rel=stylesheet href=br.css>",
)


@pytest.mark.long
def test_pages_designed_to_break_the_capture_are_captured_with_browser(capturer: BrowserCapturer, site: Site) -> None:
    site.routes["/br.css"] = Answer(b"no such", media_type="text/css", headers=(("Content-Encoding", "br"),))
    for html in TRAPS:
        site.page("/", f'<!doctype html><img src="photo.jpg">{html}')
        captured = visit(capturer, site)
        assert (captured.outcome, captured.method) == ("captured", "browser"), (html, captured.sentence)
