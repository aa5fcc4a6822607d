"""Test that all visible uses of an image on a rendered page are located."""

from typing import TYPE_CHECKING

import pytest

from exhibit.browser.program import find_browser

pytest.importorskip("playwright", reason="the optional component capture isn't installed")
if find_browser("").path is None:
    pytest.skip(find_browser("").sentence, allow_module_level=True)

from evidence.capture.boxes import Place
from evidence.capture.browser.capturer import BrowserCapturer
from evidence.capture.browser.places import find_elements, measure_places
from tests.assets.browser_captures import PICTURE, file_roles, record, visit
from tests.assets.site import Answer, Site, picture

if TYPE_CHECKING:
    from playwright.async_api import Browser, Route

HOST, WIDTH = "http://shop.example", 1280


def find_places(capturer: BrowserCapturer, html: str) -> list[Place]:
    """Return where a page that is loaded into the browser shows the image."""
    served = {
        "/": f"<!doctype html>{html}".encode(),
        "/sub/frame": b'<!doctype html><img src="../photo.jpg">',
        "/photo.jpg": PICTURE,
        "/small.jpg": picture(7),
    }

    async def answer(route: "Route") -> None:
        path = route.request.url.removeprefix(HOST)
        kind = "image/jpeg" if path.endswith("jpg") else "text/html"
        await route.fulfill(status=200, content_type=kind, body=served[path])

    async def look(browser: "Browser") -> list[Place]:
        page = await browser.new_page(viewport={"width": WIDTH, "height": 900})
        await page.route(f"{HOST}/**", answer)
        await page.goto(f"{HOST}/", wait_until="load")
        measured_places = await measure_places(await find_elements(page, [f"{HOST}/photo.jpg"]), WIDTH)
        await page.close()
        return measured_places

    return capturer.browser.run(look)


@pytest.mark.long
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
        ('<iframe src="/sub/frame"></iframe>', "shown"),
        ('<p id=p></p><script>p.attachShadow({mode:"open"}).innerHTML="<img src=photo.jpg>"</script>', "shown"),
        ('<img src="photo.jpg" style="opacity:0"><a href="photo.jpg"><img src="small.jpg"></a>', "linked"),
    ],
)
def test_image_is_located_in_every_kind_of_element(capturer: BrowserCapturer, html: str, how: str) -> None:
    assert [place.how for place in find_places(capturer, html)] == [how]


@pytest.mark.long
@pytest.mark.parametrize(
    "html",
    [
        '<img src="photo.jpg" style="visibility:hidden">',
        '<div style="opacity:0"><img src="photo.jpg"></div>',
        '<img src="photo.jpg" style="position:absolute;left:-9999px">',
        '<img src="photo.jpg" style="position:absolute;left:1300px">',
        '<img src="small.jpg">',
    ],
)
def test_invisible_image_has_no_position(capturer: BrowserCapturer, html: str) -> None:
    assert find_places(capturer, html) == []


@pytest.mark.long
def test_lazy_framed_and_redirected_images_are_found(capturer: BrowserCapturer, site: Site) -> None:
    site.routes["/frame"] = Answer(status=302, headers=(("Location", "/sub/frame"),))
    site.page("/sub/frame", '<img src="../photo.jpg">')
    site.routes["/copy-of-it.jpg"] = Answer(PICTURE, media_type="image/jpeg")
    for html in (
        '<div style="height:5000px"></div><img loading=lazy src="photo.jpg">',
        '<iframe src="/frame"></iframe>',
        '<img src="copy-of-it.jpg">',
    ):
        site.page("/", f"<!doctype html>{html}")
        captured = visit(capturer, site)
        assert (captured.outcome, "screenshot-boxed" in file_roles(captured)) == ("captured", True), html
        assert [place["how"] for place in record(captured)["rendered"]["image_places"]] == ["shown"], html


@pytest.mark.long
@pytest.mark.parametrize(
    ("html", "words"),
    [
        (
            '<img src="small.jpg" srcset="small.jpg 1280w, photo.jpg 5000w" sizes="10px" width=90>',
            "lists the image as an alternative size",
        ),
        ('<a href="photo.jpg"><img src="small.jpg"></a>', "links to the image in one place"),
        ('<img src="photo.jpg" style="visibility:hidden">', "does not show the image"),
    ],
)
def test_image_variants_links_to_images_and_hidden_images_are_described(
    capturer: BrowserCapturer, site: Site, html: str, words: str
) -> None:
    site.page("/", f"<!doctype html>{html}")
    site.image("/small.jpg", 7)
    captured = visit(capturer, site)
    is_hidden = words == "does not show the image"
    assert (captured.outcome, words in captured.sentence) == ("not-shown" if is_hidden else "captured", True), (
        captured.sentence
    )
    assert ("screenshot-boxed" in file_roles(captured)) is not is_hidden
