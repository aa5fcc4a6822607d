"""Test that the browser makes each file of a page within its time limit."""

import asyncio
from io import BytesIO
from typing import cast
from unittest.mock import AsyncMock, Mock

import pytest
from PIL import Image

from exhibit.browser.program import find_browser

pytest.importorskip("playwright", reason="the optional component capture isn't installed")
if find_browser("").path is None:
    pytest.skip(find_browser("").sentence, allow_module_level=True)

from evidence.capture.browser.capturer import BrowserCapturer
from evidence.capture.browser.limits import BrowserLimits
from evidence.capture.browser.shots import PageRecorder
from tests.assets.browser_captures import (
    file_data,
    record,
    visit,
)
from tests.assets.site import Site


def test_long_page_may_use_all_time_not_reserved_for_later_steps() -> None:
    limits = BrowserLimits()
    photographer = PageRecorder(None, limits, lambda: 63.0)  # type: ignore[arg-type]
    assert photographer._compute_time_limit("screenshot") == 63 - 3 * limits.shot_seconds
    assert photographer._compute_time_limit("page-pdf") == 63
    late = PageRecorder(None, limits, lambda: 1.0)  # type: ignore[arg-type]
    assert late._compute_time_limit("screenshot") == limits.shot_seconds


def test_images_share_a_single_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
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
        photographer = PageRecorder(page, limits, lambda: 63.0)
        monkeypatch.setattr(photographer, "_find_image_once", hang)
        runner.run(photographer._find_images([["http://a.example/1"], ["http://a.example/2"], ["http://a.example/3"]]))
    assert [shot.missing_reasons for shot in photographer.list_page_files(3)] == [{"place": "It took too long."}] * 3
    assert calls == 1


RED = (214, 0, 42)


@pytest.mark.long
def test_box_is_drawn_around_the_image_and_other_pixels_are_unchanged(capturer: BrowserCapturer, site: Site) -> None:
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
def test_image_beyond_screenshot_limit_gets_its_own_screenshot(capturer: BrowserCapturer, site: Site) -> None:
    site.page("/", '<!doctype html><body style="margin:0"><div style="height:30000px"></div><img src="photo.jpg">')
    captured = visit(capturer, site)
    rendered = record(captured)["rendered"]
    assert (rendered["screenshot_is_cut"], rendered["boxed_screenshot_from"]) == (True, 29600)
    assert Image.open(BytesIO(file_data(captured, "screenshot"))).size == (1280, 15_000)
    boxed = Image.open(BytesIO(file_data(captured, "screenshot-boxed")))
    assert boxed.getpixel((40, 392)) == RED
