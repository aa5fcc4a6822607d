"""Test that the browser makes each file of a page within its time limit."""

import asyncio
from io import BytesIO
from typing import cast
from unittest.mock import AsyncMock, Mock

import pytest
from PIL import Image

from exhibit.browser.program import find_browser

pytest.importorskip("playwright", reason="the optional part capture isn't installed")
if find_browser("").path is None:
    pytest.skip(find_browser("").sentence, allow_module_level=True)

from evidence.capture.browser.capturer import BrowserCapturer
from evidence.capture.browser.limits import BrowserLimits
from evidence.capture.browser.shots import Photographer
from tests.assets.browser_captures import (
    file_data,
    record,
    visit,
)
from tests.assets.site import Site


def test_a_long_page_may_take_all_that_the_steps_behind_it_do_not_need() -> None:
    limits = BrowserLimits()
    photographer = Photographer(None, limits, lambda: 63.0)  # type: ignore[arg-type]
    assert photographer._seconds("screenshot") == 63 - 3 * limits.shot_seconds
    assert photographer._seconds("page-pdf") == 63
    late = Photographer(None, limits, lambda: 1.0)  # type: ignore[arg-type]
    assert late._seconds("screenshot") == limits.shot_seconds


def test_all_images_share_the_time_that_one_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    limits, calls = BrowserLimits(), 0

    async def hang(*_: object) -> None:
        nonlocal calls
        calls += 1
        clock.passed += 100
        raise TimeoutError

    class Clock(asyncio.SelectorEventLoop):
        passed = 0.0

        def time(self) -> float:
            return super().time() + self.passed

    page = Mock(evaluate=AsyncMock())
    with asyncio.Runner(loop_factory=Clock) as runner:
        clock = cast("Clock", runner.get_loop())
        photographer = Photographer(page, limits, lambda: 63.0)
        monkeypatch.setattr(photographer, "_find_once", hang)
        runner.run(photographer._find_all([["http://a.example/1"], ["http://a.example/2"], ["http://a.example/3"]]))
    assert [shot.missing for shot in photographer.list_shots(3)] == [{"place": "It took too long."}] * 3
    assert calls == 1


RED = (214, 0, 42)


@pytest.mark.long
def test_the_place_of_the_image_is_boxed_and_nothing_else_is_changed(capturer: BrowserCapturer, site: Site) -> None:
    site.page("/", '<!doctype html><body style="margin:0"><img src="photo.jpg" style="margin:40px 60px" width="480">')
    captured = visit(capturer, site)
    (place,) = record(captured)["rendered"]["image_places"]
    assert place == {"how": "shown", "x": 60, "y": 40, "width": 480, "height": 320}
    plain, boxed = (Image.open(BytesIO(file_data(captured, role))) for role in ("screenshot", "screenshot-boxed"))
    assert plain.size == boxed.size == (1280, 900)
    assert boxed.getpixel((53, 200)) == RED
    inside = (60, 40, 540, 360)
    assert plain.convert("RGB").crop(inside).tobytes() == boxed.crop(inside).tobytes()
    beyond = (600, 0, 1280, 900)
    assert plain.convert("RGB").crop(beyond).tobytes() == boxed.crop(beyond).tobytes()


@pytest.mark.long
def test_an_image_below_what_a_screenshot_holds_gets_one_of_its_own(capturer: BrowserCapturer, site: Site) -> None:
    site.page("/", '<!doctype html><body style="margin:0"><div style="height:30000px"></div><img src="photo.jpg">')
    captured = visit(capturer, site)
    rendered = record(captured)["rendered"]
    assert (rendered["screenshot_is_cut"], rendered["boxed_screenshot_from"]) == (True, 29600)
    assert Image.open(BytesIO(file_data(captured, "screenshot"))).size == (1280, 15_000)
    boxed = Image.open(BytesIO(file_data(captured, "screenshot-boxed")))
    assert boxed.getpixel((40, 392)) == RED
