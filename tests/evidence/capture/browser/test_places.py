"""Where a rendered page shows the image: found however it is used, and only what can be seen."""

import pytest

from evidence.capture.browser.program import find_browser

pytest.importorskip("playwright", reason="the optional part capture isn't installed")
if find_browser("").path is None:
    pytest.skip(find_browser("").sentence, allow_module_level=True)
import pytest

from evidence.capture.browser.capturer import BrowserCapturer
from evidence.capture.browser.program import find_browser
from tests.assets.browser_captures import (
    PICTURE,
    record,
    roles,
    visit,
)
from tests.assets.site import Answer, Site


@pytest.mark.parametrize(
    ("html", "how"),
    [
        ('<img srcset="photo.jpg 1x">', "shown"),
        ('<div style="width:90px;height:60px;background:url(photo.jpg)"></div>', "background"),
        (
            '<style>p::before{content:"";display:block;width:9em;height:6em;background:url(photo.jpg)}</style><p>',
            "background",
        ),
        ('<img src="small.jpg" srcset="small.jpg 1280w, photo.jpg 5000w" sizes="10px" width=90>', "offered"),
        ('<a href="photo.jpg#full"><img src="small.jpg"></a>', "linked"),
        ('<svg width=90 height=60><image href="photo.jpg" width=90 height=60 /></svg>', "shown"),
        ('<iframe srcdoc="<img src=photo.jpg>"></iframe>', "shown"),
        ('<iframe src="/frame"></iframe>', "shown"),
        ('<p id=p></p><script>p.attachShadow({mode:"open"}).innerHTML="<img src=photo.jpg>"</script>', "shown"),
        ('<div style="height:5000px"></div><img loading=lazy src="photo.jpg">', "shown"),
        ('<img src="copy-of-it.jpg">', "shown"),
    ],
)
def test_the_image_is_found_however_the_page_uses_it(
    capturer: BrowserCapturer, site: Site, html: str, how: str
) -> None:
    site.page("/", f"<!doctype html>{html}")
    site.routes["/frame"] = Answer(status=302, headers=(("Location", "/sub/frame"),))
    site.page("/sub/frame", '<img src="../photo.jpg">')
    site.image("/small.jpg", 7)
    site.routes["/copy-of-it.jpg"] = Answer(PICTURE, media_type="image/jpeg")
    captured = visit(capturer, site)
    assert (captured.outcome, "screenshot-boxed" in roles(captured)) == ("captured", True)
    assert [one["how"] for one in record(captured)["rendered"]["image_places"]] == [how]


@pytest.mark.parametrize(
    ("html", "words"),
    [
        (
            '<img src="small.jpg" srcset="small.jpg 1280w, photo.jpg 5000w" sizes="10px" width=90>',
            "offers it in another",
        ),
        ('<a href="photo.jpg"><img src="small.jpg"></a>', "links to it at one place"),
        ('<img src="photo.jpg" style="visibility:hidden">', "doesn't show it"),
        ('<div style="opacity:0"><img src="photo.jpg"></div>', "doesn't show it"),
        ('<img src="photo.jpg" style="position:absolute;left:-9999px">', "doesn't show it"),
        ('<img src="photo.jpg" style="position:absolute;left:1300px">', "doesn't show it"),
        ('<img src="photo.jpg" style="opacity:0"><a href="photo.jpg"><img src="small.jpg"></a>', "links to it"),
    ],
)
def test_no_more_is_said_than_can_be_seen(capturer: BrowserCapturer, site: Site, html: str, words: str) -> None:
    site.page("/", f"<!doctype html>{html}")
    site.image("/small.jpg", 7)
    captured = visit(capturer, site)
    hidden = words == "doesn't show it"
    assert (captured.outcome, words in captured.sentence) == ("not-shown" if hidden else "captured", True), (
        captured.sentence
    )
    assert ("screenshot-boxed" in roles(captured)) is not hidden
