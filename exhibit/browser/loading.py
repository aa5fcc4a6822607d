"""Page loading as for a visitor: wait until the network is idle, scroll to the end once, return to the top."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, Dialog, Error, Page, Request, Route

from exhibit.browser.limits import PageLimits
from exhibit.sentences import Sentence
from exhibit.types import Untyped

SETTLE_SECONDS = 3.0
SCROLL_PAUSE = 0.12
CLOSE_SECONDS = 5.0
SCRIPT_SECONDS = 5.0  # maximum time to wait for a result of the page's scripts

HEIGHT_SCRIPT = "Math.max(document.documentElement.scrollHeight, document.body ? document.body.scrollHeight : 0)"
WALL_SIGNS = (Sentence("a password field"), Sentence("a bot check (CAPTCHA)"))
BOTH_WALL_SIGNS = Sentence("a password field and a bot check (CAPTCHA)")
WALL_SCRIPT = """
() => {
  const seen = (e) => { const b = e.getBoundingClientRect(); return b.width > 1 && b.height > 1 };
  const signs = [];
  if ([...document.querySelectorAll('input[type=password]')].some(seen)) signs.push('a password field');
  const frames = [...document.querySelectorAll('iframe')].filter(seen).map((f) => f.src);
  if (frames.some((s) => /captcha|challenges\\.cloudflare\\.com|turnstile/i.test(s)) ||
      document.querySelector('#challenge-form, #cf-challenge-running, .g-recaptcha, .h-captcha, .cf-turnstile'))
    signs.push('a bot check (CAPTCHA)');
  return signs;
}
"""


@dataclass(eq=False, repr=False)
class PageTraffic(ABC):
    """Handler of all requests of one page."""

    page: Page = field(kw_only=True)

    def __post_init__(self) -> None:
        self._in_flight = 0
        self._idle_since = time.monotonic()
        self._closed = False

    @property
    def idle_seconds(self) -> float:
        """Seconds since the last response; 0 while an awaited request is in progress."""
        return 0.0 if self._in_flight else time.monotonic() - self._idle_since

    def close(self) -> None:
        """Stop handling requests, without waiting for requests in progress."""
        self._closed = True

    async def handle_route(self, route: Route) -> None:
        """Handle one request of the browser."""
        is_awaited = self._is_awaited(route.request)
        self._in_flight += is_awaited
        try:
            with suppress(Error):  # the page or the browser has been closed
                await self._respond(route)
        finally:
            self._in_flight -= is_awaited
            self._idle_since = time.monotonic()

    @abstractmethod
    async def _respond(self, route: Route) -> None: ...

    def _is_awaited(self, _request: Request) -> bool:
        return True

    def _is_from_page(self, request: Request) -> bool:
        """Return True if the request comes from the page or a frame in it, not from another window or a worker."""
        try:
            return request.frame.page is self.page
        except Error:  # a window that is just being opened has no frame yet
            return False


@asynccontextmanager
async def open_visitor_page(browser: Browser, agent: str, width: int, height: int) -> AsyncIterator[Page]:
    """Open a page in a separate context for one visit, without service workers and downloads, in a fixed locale."""
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        user_agent=agent,
        service_workers="block",
        accept_downloads=False,
        locale="en-US",
    )
    try:
        yield await context.new_page()
    finally:
        with suppress(Error, TimeoutError):
            await asyncio.wait_for(context.close(), CLOSE_SECONDS)


def block_popups(page: Page, on_refused: Callable[[str, str, str], None] = lambda *_: None) -> None:
    """Close the popups and dismiss the dialogs of a page; report these, WebSockets and downloads.

    Args:
        page: The page.
        on_refused: Called with URL, kind and reason of each popup, dialog, WebSocket and download.
    """

    async def dismiss_dialog(dialog: Dialog) -> None:
        on_refused(page.url, "dialog", dialog.type)
        with suppress(Error):
            await dialog.dismiss()

    async def close_popup(popup: Page) -> None:
        on_refused(popup.url, "popup", "popup")
        with suppress(Error):
            await popup.close()

    page.on("dialog", dismiss_dialog)
    page.on("popup", close_popup)
    page.on("websocket", lambda socket: on_refused(socket.url, "websocket", "websocket"))
    page.on("download", lambda download: on_refused(download.url, "download", "download"))


async def load_page(page: Page, url: str, traffic: PageTraffic, limits: PageLimits) -> str:
    """Open a URL and wait until the page has loaded. Returns the browser's error, or an empty string."""
    deadline = time.monotonic() + limits.load_seconds
    try:
        await page.goto(url, wait_until="commit", timeout=limits.load_seconds * 1000)
    except Error as error:
        return error.message.splitlines()[0].removeprefix("Page.goto: ").partition(" at ")[0][:200]
    with suppress(Error):
        await page.wait_for_load_state("load", timeout=max(deadline - time.monotonic(), 0.001) * 1000)
    await wait_until_idle(traffic, limits, min(max(deadline - time.monotonic(), limits.quiet_seconds), SETTLE_SECONDS))
    return ""


async def wait_until_idle(traffic: PageTraffic, limits: PageLimits, seconds: float = SETTLE_SECONDS) -> None:
    """Wait, at most ``seconds``, until the page has made no request for ``limits.quiet_seconds``."""
    deadline = time.monotonic() + seconds
    while traffic.idle_seconds < limits.quiet_seconds and time.monotonic() < deadline:  # noqa: ASYNC110 - quiet is a span of time
        await asyncio.sleep(0.05)


async def scroll_to_end(page: Page, traffic: PageTraffic, limits: PageLimits) -> None:
    """Scroll to the end once to trigger lazy loading, then back to the top. Stops at the maximum screenshot height."""
    deadline = time.monotonic() + limits.scroll_seconds
    step = page.viewport_size["height"] if page.viewport_size else 900
    top = 0
    while time.monotonic() < deadline and top < min(await measure_page_height(page), limits.height):
        top += step
        await _await_result(page.evaluate("(y) => window.scrollTo({top: y, behavior: 'instant'})", top))
        await asyncio.sleep(SCROLL_PAUSE)
    await wait_until_idle(traffic, limits)
    await scroll_back(page)


async def scroll_back(page: Page) -> None:
    """Scroll to the top."""
    await _await_result(page.evaluate("() => window.scrollTo({top: 0, left: 0, behavior: 'instant'})"))


async def measure_page_height(page: Page) -> int:
    """Return the height of the page in pixels, measured by a script; 0 if the script fails."""
    height = await _await_result(page.evaluate(HEIGHT_SCRIPT))
    return int(height) if isinstance(height, int | float) and 0 < height < 1 << 31 else 0


async def find_wall_signs(page: Page) -> list[str]:
    """Return descriptions of a login form or a CAPTCHA on the page; empty if there is neither."""
    signs = await _await_result(page.evaluate(WALL_SCRIPT))
    return [sign for sign in WALL_SIGNS if sign in signs] if isinstance(signs, list) else []


async def _await_result(command: Coroutine[Any, Any, Any]) -> Untyped:
    """Return the result of a script in the page, or ``None`` if it fails or times out."""
    try:
        return await asyncio.wait_for(command, SCRIPT_SECONDS)
    except (Error, TimeoutError):
        return None
