"""Positions of an image on a rendered page, found by its URL and measured by the browser."""

import json
from collections.abc import Sequence
from urllib.parse import quote

from playwright.async_api import ElementHandle, Error, Frame, Page

from evidence.capture.boxes import Place

MAX_PLACES = 20
USE_KINDS = ("shown", "background", "offered", "linked")
"""Ways in which a page uses an image; the first that is found counts.

It shows its bytes, has it as a background, lists it in another size (``srcset``), or links to it around a smaller one.
"""

ENGINE_NAME = "uses"
ENGINE_SCRIPT = """
{
  query(root, selector) { return this.queryAll(root, selector)[0] },
  queryAll(root, selector) {
    const [how, wanted] = JSON.parse(decodeURIComponent(selector));
    const tidy = (address) => { try { const u = new URL(address, document.baseURI); u.hash = ''; return u.href }
                                catch { return '' } };
    const set = new Set(wanted.map(tidy)); set.delete('');
    const is = (address) => !!address && set.has(tidy(address));
    const css = (value) => [...(value || '').matchAll(/url\\((['"]?)(.*?)\\1\\)/g)].some((one) => is(one[2]));
    const sizes = (value) => (value || '').split(/,\\s+|\\s+/).some((one) => /[./]/.test(one) && is(one));
    const found = [[], [], [], []];
    let styled = 0;
    const walk = (root) => {
      for (const e of root.querySelectorAll('*')) {
        if (e.shadowRoot) walk(e.shadowRoot);
        const name = e.localName;
        if (name === 'img' || name === 'image' || name === 'input' || name === 'video') {
          const now = name === 'image' ? (e.href && e.href.baseVal) || e.getAttribute('href')
                    : name === 'video' ? e.poster : e.currentSrc || e.src;
          if (is(now)) { found[0].push(e); continue }
          if (name === 'img') {
            const around = e.closest('a[href]');
            const other = [...e.attributes].some((a) => a.name !== 'alt' && (is(a.value) || sizes(a.value)));
            const source = e.parentElement && e.parentElement.localName === 'picture'
              && [...e.parentElement.querySelectorAll('source')].some((s) => sizes(s.srcset));
            if (other || source) found[2].push(e);
            else if (around && is(around.href)) found[3].push(e);
          }
        }
        if (how === 1 && styled++ < 20000) {
          const hit = [null, '::before', '::after'].some((part) => {
            const style = getComputedStyle(e, part);
            return css(style.backgroundImage) || css(style.borderImageSource) || css(style.listStyleImage)
              || css(style.content);
          });
          if (hit) found[1].push(e);
        }
      }
    };
    walk(document);
    const seen = (e) => e.checkVisibility({opacityProperty: true, visibilityProperty: true});
    return found[how].filter(seen).slice(0, 20);
  }
}
"""
"""A selector engine for Playwright that finds the visible elements which use any of some URLs in one way.

Registered as a content script, it has its own isolated world: a page's scripts cannot change what it calls.
"""


async def find_elements(page: Page, urls: Sequence[str]) -> list[tuple[str, ElementHandle]]:
    """Find the elements in all frames that use one of these URLs, with those that show the image first.

    Elements and positions come from the browser, because the page's scripts are not trusted.
    """
    elements: list[tuple[str, ElementHandle]] = []
    for frame in page.frames:
        try:
            elements += await _find_in_frame(frame, urls)
        except Error:
            if frame is page.main_frame:
                raise
            continue  # the frame was removed, or has no document
    return sorted(elements, key=lambda use: USE_KINDS.index(use[0]))


async def _find_in_frame(frame: Frame, urls: Sequence[str]) -> list[tuple[str, ElementHandle]]:
    elements = []
    for index, use in enumerate(USE_KINDS):
        selector = quote(json.dumps([index, list(urls)]), safe="")
        elements += [(use, element) for element in await frame.query_selector_all(f"{ENGINE_NAME}={selector}")]
    return elements


async def measure_places(elements: Sequence[tuple[str, ElementHandle]], width: int) -> list[Place]:
    """Measure the elements that are visible on the screenshot; only the first kind of use with visible ones counts.

    The page must be scrolled to its top; elements beyond the window's width are not visible.
    """
    places: list[Place] = []
    for use, element in elements:
        if len(places) >= MAX_PLACES or (places and places[0].how != use):
            break
        try:
            box = await element.bounding_box()
        except Error:
            continue
        if box is None or box["width"] < 1 or box["height"] < 1:
            continue
        if -box["width"] < box["x"] < width and -box["height"] < box["y"]:
            places.append(Place(use, *(round(box[key], 1) for key in ("x", "y", "width", "height"))))
    return places
