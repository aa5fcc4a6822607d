"""Test that one browser serves several pages at once, which are lost together, and is replaced once."""

import asyncio
import os
import signal

import pytest

from exhibit.browser.program import find_browser

pytest.importorskip("playwright", reason="the optional component capture isn't installed")
if find_browser("").path is None:
    pytest.skip(find_browser("").sentence, allow_module_level=True)
from playwright.async_api import Browser

from exhibit.browser.limits import PageLimits
from exhibit.browser.running import BrowserLostError, ControlledBrowser

pytestmark = pytest.mark.root


async def version(browser: Browser) -> str:
    return browser.version


async def open_two_pages_and_kill_browser(steered: ControlledBrowser) -> tuple[list[object], list[int], list[str]]:
    both_open = asyncio.Barrier(2)

    async def work(browser: Browser) -> None:
        page = await browser.new_page()
        await both_open.wait()
        if steered.pid:
            os.kill(steered.pid, signal.SIGKILL)
        await page.wait_for_function("false")  # ends only with the browser

    await steered.run(version)
    pids = [steered.pid]
    results = await asyncio.gather(steered.run(work), steered.run(work), return_exceptions=True)
    versions = [*await asyncio.gather(steered.run(version), steered.run(version))]
    pids.append(steered.pid)
    await steered.stop()
    return list(results), [*pids, steered.pid], versions


@pytest.mark.long
def test_pages_of_a_killed_browser_fail_and_later_pages_use_one_new_browser() -> None:
    browser = find_browser("").path
    assert browser is not None
    steered = ControlledBrowser(browser, PageLimits(seconds=20))
    lost, (first, second, ended), versions = asyncio.run(open_two_pages_and_kill_browser(steered))
    assert [type(result) for result in lost] == [BrowserLostError, BrowserLostError]
    assert first != second
    assert ended == 0
    assert versions[0] == versions[1]
