"""Load a page in the browser, scroll through it, and collect its content."""

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from playwright.async_api import Browser, Error, Page

from crawler.formats.job import Job
from crawler.reading.limits import MAX_CANVAS_PIXELS, MAX_CANVASES, MAX_RENDERED_ELEMENTS, MAX_STYLED_PICTURES
from crawler.rendering.traffic import Traffic
from exhibit.browser.limits import PageLimits
from exhibit.browser.loading import (
    block_popups,
    find_wall_signs,
    measure_page_height,
    open_visitor_page,
    scroll_to_end,
    wait_until_idle,
)
from exhibit.types import Untyped

WIDTH, HEIGHT = 1280, 1600
MAX_SCROLL_ROUNDS = 3  # maximum scrolls to the end of a page that grows while it is scrolled
COLLECT_SECONDS = 5.0
MIN_CANVAS_SIDE = 64  # pixels per side

COLLECT_SCRIPT = """
([length, most, pictures, canvases, side, pixels]) => {
  const styled = new Set(), drawn = [], tiny = [], shadows = [];
  const out = {elements: 0, canvases: 0, addresses: 0, 'page-ends': 0};
  let left = most, room = 4 * length;
  const css = (value) => {
    for (const one of (value || '').matchAll(/url\\((['"]?)(.*?)\\1\\)/g))
      if (one[2].length < 8192 && !styled.has(one[2])) styled.size < pictures ? styled.add(one[2]) : out.addresses++;
  };
  const draw = (e) => {
    if (e.width < side || e.height < side) return;
    if (drawn.length >= canvases || e.width * e.height > pixels) { out.canvases++; return }
    try {
      const blank = document.createElement('canvas');
      blank.width = e.width; blank.height = e.height;
      const url = e.toDataURL();
      if (url !== blank.toDataURL() && (room -= url.length) > 0) drawn.push(url);
      else if (room <= 0) out.canvases++;
    } catch {}
  };
  const walk = (root) => {
    for (const e of root.querySelectorAll('*')) {
      if (left-- <= 0) { out.elements++; continue }
      if (e.shadowRoot) { shadows.push(e.shadowRoot.innerHTML); walk(e.shadowRoot) }
      if (e.localName === 'canvas') draw(e);
      if (e.localName === 'img' && e.complete && e.naturalWidth && e.naturalWidth < 3 && e.naturalHeight < 3)
        tiny.push(e.currentSrc.slice(0, 8192));
      for (const part of [null, '::before', '::after']) {
        const style = getComputedStyle(e, part);
        if (part && style.content === 'none') continue;
        css(style.backgroundImage); css(style.borderImageSource); css(style.listStyleImage); css(style.content);
      }
    }
  };
  walk(document);
  const html = document.documentElement.outerHTML + shadows.map((one) => `<div>${one}</div>`).join('');
  out['page-ends'] = +(html.length > length);
  const left_out = Object.fromEntries(Object.entries(out).filter(([, count]) => count));
  return {html: html.slice(0, length), styled: [...styled], canvas_urls: drawn, tiny, left_out, base: document.baseURI};
}
"""


@dataclass(slots=True)
class RenderedPage:
    """Contents of a rendered page; empty if it did not respond in time."""

    html: str = ""
    base: str = ""  # base of relative URLs
    styled: list[str] = field(default_factory=list)  # URLs of background images and the like
    canvas_urls: list[str] = field(default_factory=list)  # canvases, as `data:` URLs
    tiny: set[str] = field(default_factory=set)  # URLs of images of one or two pixels
    requested_urls: list[str] = field(default_factory=list)  # URLs of requested images
    navigation_targets: list[str] = field(default_factory=list)  # URLs to which the page tried to navigate
    signs: list[str] = field(default_factory=list)  # signs of a login or bot check
    left_out: dict[str, int] = field(default_factory=dict)  # by :class:`crawler.reading.limits.OmittedItem`


async def render_page(
    browser: Browser, *, url: str, job: Job, limits: PageLimits, create_traffic: "partial[Traffic]"
) -> RenderedPage:
    """Render a page that the crawl has fetched; content that exceeds the time limit is omitted."""
    rendered = RenderedPage()
    async with open_visitor_page(browser, job.user_agent.to_header(), WIDTH, HEIGHT) as page:
        traffic = create_traffic(page=page)
        await page.context.route("**/*", traffic.handle_route)
        block_popups(page)
        with suppress(TimeoutError):
            async with asyncio.timeout(limits.seconds):
                await _load(page, url, traffic, limits)
        with suppress(TimeoutError, Error):
            async with asyncio.timeout(COLLECT_SECONDS):
                rendered = await _collect_content(page, job.limits.max_page_bytes)
        traffic.close()
        rendered.requested_urls, rendered.navigation_targets = list(traffic.pictures), traffic.navigation_targets
    return rendered


async def _load(page: Page, url: str, traffic: Traffic, limits: PageLimits) -> None:
    deadline = time.monotonic() + limits.load_seconds
    with suppress(Error):  # an immediate redirect is recorded as a navigation target
        await page.goto(url, wait_until="domcontentloaded", timeout=limits.load_seconds * 1000)
    await wait_until_idle(traffic, limits, deadline - time.monotonic())
    for _ in range(MAX_SCROLL_ROUNDS):
        height = await measure_page_height(page)
        deadline = time.monotonic() + limits.scroll_seconds
        await scroll_to_end(page, traffic, limits)
        await wait_until_idle(traffic, limits, deadline - time.monotonic())
        if await measure_page_height(page) <= height or height >= limits.height:
            return


async def _collect_content(page: Page, max_bytes: int) -> RenderedPage:
    signs = await find_wall_signs(page)
    limits = json.dumps(
        [max_bytes, MAX_RENDERED_ELEMENTS, MAX_STYLED_PICTURES, MAX_CANVASES, MIN_CANVAS_SIDE, MAX_CANVAS_PIXELS]
    )
    values = await _evaluate_isolated(page, f"({COLLECT_SCRIPT})({limits})")
    return RenderedPage(**{**values, "tiny": set(values["tiny"])}, signs=signs)


async def _evaluate_isolated(page: Page, expression: str) -> Untyped:
    """Evaluate an expression in an isolated world, in which the page's scripts cannot change the functions called."""
    session = await page.context.new_cdp_session(page)
    frame = (await session.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
    world = await session.send("Page.createIsolatedWorld", {"frameId": frame})
    parameters = {"expression": expression, "contextId": world["executionContextId"], "returnByValue": True}
    return (await session.send("Runtime.evaluate", parameters))["result"].get("value")
