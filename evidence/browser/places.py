"""Where on a rendered page an image is shown: found by its address, measured by the browser."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from playwright.async_api import Error

from evidence.boxes import Place

if TYPE_CHECKING:
    from playwright.async_api import ElementHandle, Frame, Page

MOST_PLACES = 20
HOWS = ("shown", "background", "offered", "linked")
"""How a page uses an image: shows its bytes, has it as a background, offers it beside others of another size
(``srcset``), or links to it around a smaller one. The first that is found counts."""

_FIND = """
(wanted) => {
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
      if (styled++ < 20000) {
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
  return found.flatMap((list, how) => list.slice(0, 20).map((e) => [e, how]));
}
"""


async def find_elements(page: "Page", wanted: Sequence[str]) -> list[tuple[str, "ElementHandle"]]:
    """The elements that show one of these addresses, in all frames, by the first way of use that is found at all.

    A page's scripts may lie about its elements; where an element lies is asked of the browser, not of the page.
    """
    found: list[tuple[str, ElementHandle]] = []
    for frame in page.frames:
        try:
            found += await _in_frame(frame, wanted)
        except Error:
            continue  # the frame has gone, or has no document
    how = next((each for each in HOWS if any(one == each for one, _ in found)), "")
    return [(one, element) for one, element in found if one == how][:MOST_PLACES]


async def _in_frame(frame: "Frame", wanted: Sequence[str]) -> list[tuple[str, "ElementHandle"]]:
    listed = await frame.evaluate_handle(_FIND, list(wanted))
    found = []
    for pair in (await listed.get_properties()).values():
        parts = await pair.get_properties()
        if not {"0", "1"} <= parts.keys():
            continue  # the page has put something of its own into the answer
        element, how = parts["0"].as_element(), await parts["1"].json_value()
        if element is not None and isinstance(how, int) and how in range(len(HOWS)):
            found.append((HOWS[how], element))
    return found


async def measure(elements: Sequence[tuple[str, "ElementHandle"]]) -> list[Place]:
    """Where the elements lie, those that have no area left out; the page must be scrolled to its beginning."""
    places = []
    for how, element in elements:
        try:
            box = await element.bounding_box()
        except Error:
            continue
        if box is not None and box["width"] >= 1 and box["height"] >= 1:
            places.append(Place(how, *(round(box[key], 1) for key in ("x", "y", "width", "height"))))
    return places
