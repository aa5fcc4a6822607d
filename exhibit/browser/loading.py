"""Loading a page as a visitor sees it: wait until the network is idle, scroll through it once, return to the top."""

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
ANSWER_SECONDS = 5.0  # maximum time to wait for an answer from the page's scripts

HEIGHT = "Math.max(document.documentElement.scrollHeight, document.body ? document.body.scrollHeight : 0)"
SIGNS = (Sentence("a password field"), Sentence("a robot check"))
BOTH_SIGNS = Sentence("a password field and a robot check")
WALLS = """
() => {
  const seen = (e) => { const b = e.getBoundingClientRect(); return b.width > 1 && b.height > 1 };
  const signs = [];
  if ([...document.querySelectorAll('input[type=password]')].some(seen)) signs.push('a password field');
  const frames = [...document.querySelectorAll('iframe')].filter(seen).map((f) => f.src);
  if (frames.some((s) => /captcha|challenges\\.cloudflare\\.com|turnstile/i.test(s)) ||
      document.querySelector('#challenge-form, #cf-challenge-running, .g-recaptcha, .h-captcha, .cf-turnstile'))
    signs.push('a robot check');
  return signs;
}
"""


@dataclass(eq=False, repr=False)
class PageTraffic(ABC):
    """Handles all requests of one page."""

    page: Page = field(kw_only=True)

    def __post_init__(self) -> None:
        self._in_flight = 0
        self._quiet_since = time.monotonic()
        self._closed = False

    @property
    def quiet_for(self) -> float:
        """Seconds since the last request was answered; 0 while an awaited request is in progress."""
        return 0.0 if self._in_flight else time.monotonic() - self._quiet_since

    def close(self) -> None:
        """Stop answering requests. Requests in progress are not awaited."""
        self._closed = True

    async def answer(self, route: Route) -> None:
        """Answer one request of the browser."""
        is_awaited = self._is_awaited(route.request)
        self._in_flight += is_awaited
        try:
            with suppress(Error):  # the page or the browser has been closed
                await self._answer(route)
        finally:
            self._in_flight -= is_awaited
            self._quiet_since = time.monotonic()

    @abstractmethod
    async def _answer(self, route: Route) -> None: ...

    def _is_awaited(self, _request: Request) -> bool:
        return True

    def _is_of_page(self, request: Request) -> bool:
        """Return True if the request comes from the page or a frame in it, not from another window or a worker."""
        try:
            return request.frame.page is self.page
        except Error:  # a window that is just being opened has no frame yet
            return False


@asynccontextmanager
async def visitors_page(browser: Browser, agent: str, width: int, height: int) -> AsyncIterator[Page]:
    """Open a page in a separate context for one visit: no service worker, no downloads, a fixed locale."""
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


def keep_alone(page: Page, refused: Callable[[str, str, str], None] = lambda *_: None) -> None:
    """Close popups and dialogs of a page.

    Args:
        page: The page.
        refused: Called with URL, kind and reason of each refused attempt.
    """

    async def dismiss(dialog: Dialog) -> None:
        refused(page.url, "dialog", dialog.type)
        with suppress(Error):
            await dialog.dismiss()

    async def shut(other: Page) -> None:
        refused(other.url, "popup", "popup")
        with suppress(Error):
            await other.close()

    page.on("dialog", dismiss)
    page.on("popup", shut)
    page.on("websocket", lambda socket: refused(socket.url, "websocket", "websocket"))
    page.on("download", lambda download: refused(download.url, "download", "download"))


async def load(page: Page, url: str, traffic: PageTraffic, limits: PageLimits) -> str:
    """Go to a URL and wait until the page has loaded. Returns the browser's error, or an empty string."""
    end = time.monotonic() + limits.load_seconds
    try:
        await page.goto(url, wait_until="commit", timeout=limits.load_seconds * 1000)
    except Error as error:
        return error.message.splitlines()[0].removeprefix("Page.goto: ").partition(" at ")[0][:200]
    with suppress(Error):
        await page.wait_for_load_state("load", timeout=max(end - time.monotonic(), 0.001) * 1000)
    await settle(traffic, limits, min(max(end - time.monotonic(), limits.quiet_seconds), SETTLE_SECONDS))
    return ""


async def settle(traffic: PageTraffic, limits: PageLimits, seconds: float = SETTLE_SECONDS) -> None:
    """Wait until the page has made no request for a short time, at most ``seconds``."""
    end = time.monotonic() + seconds
    while traffic.quiet_for < limits.quiet_seconds and time.monotonic() < end:  # noqa: ASYNC110 - quiet is a span of time
        await asyncio.sleep(0.05)


async def scroll_through(page: Page, traffic: PageTraffic, limits: PageLimits) -> None:
    """Scroll to the end once to trigger lazy loading, then back to the top. Stops at the maximum screenshot height."""
    end = time.monotonic() + limits.scroll_seconds
    step = page.viewport_size["height"] if page.viewport_size else 900
    top = 0
    while time.monotonic() < end and top < min(await page_height(page), limits.height):
        top += step
        await _send_command(page.evaluate("(y) => window.scrollTo({top: y, behavior: 'instant'})", top))
        await asyncio.sleep(SCROLL_PAUSE)
    await settle(traffic, limits)
    await scroll_back(page)


async def scroll_back(page: Page) -> None:
    """Scroll to the top."""
    await _send_command(page.evaluate("() => window.scrollTo({top: 0, left: 0, behavior: 'instant'})"))


async def page_height(page: Page) -> int:
    """Return the height of the page in pixels as reported by its scripts; 0 if they report none."""
    height = await _send_command(page.evaluate(HEIGHT))
    return int(height) if isinstance(height, int | float) and 0 < height < 1 << 31 else 0


async def wall_signs(page: Page) -> list[str]:
    """Return the signs of a login form or a CAPTCHA on the page."""
    signs = await _send_command(page.evaluate(WALLS))
    return [sign for sign in SIGNS if sign in signs] if isinstance(signs, list) else []


async def _send_command(question: Coroutine[Any, Any, Any]) -> Untyped:
    """Return the page's answer, or ``None`` if there is none in time."""
    try:
        return await asyncio.wait_for(question, ANSWER_SECONDS)
    except (Error, TimeoutError):
        return None
