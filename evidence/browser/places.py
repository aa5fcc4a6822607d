"""Where on a rendered page an image is shown: found by its address, measured by the browser, boxed on a screenshot."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw
from playwright.async_api import Error

if TYPE_CHECKING:
    from playwright.async_api import ElementHandle, Frame, Page

MOST_PLACES = 20
MARGIN, HALO, LINE = 9, 3, 5
COLOUR = (214, 0, 42)
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


@dataclass(frozen=True, slots=True)
class Place:
    """Where the image is on the page, in CSS pixels from its upper left corner.

    Attributes:
        how: ``shown``, ``background``, ``offered`` or ``linked``.
        x: left edge.
        y: upper edge.
        width: of the element.
        height: of the element.
    """

    how: str
    x: float
    y: float
    width: float
    height: float

    def plain(self) -> dict[str, Any]:
        """For a record."""
        return asdict(self)


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
        element, how = parts["0"].as_element(), await parts["1"].json_value()
        if element is not None and how in range(len(HOWS)):
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


def boxed(screenshot: bytes, places: Sequence[Place], top: int = 0) -> bytes:
    """The screenshot with a line around each place; nothing else is changed.

    Args:
        screenshot: PNG, one pixel for each CSS pixel.
        places: on the page.
        top: where on the page the screenshot begins, pixels.
    """
    with Image.open(BytesIO(screenshot)) as opened:
        image = opened.convert("RGB")
    draw = ImageDraw.Draw(image)
    for place in places:
        left, upper = place.x - MARGIN, place.y - top - MARGIN
        right, lower = place.x + place.width + MARGIN, place.y - top + place.height + MARGIN
        for grown, colour in ((HALO, (255, 255, 255)), (0, COLOUR)):
            corners = (left - grown, upper - grown, right + grown, lower + grown)
            draw.rectangle(_inside(corners, image.size), outline=colour, width=LINE + 2 * grown)
    out = BytesIO()
    image.save(out, "PNG", compress_level=2)  # a third of the usual time, for a tenth more bytes
    return out.getvalue()


def _inside(corners: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The rectangle as far as it lies on the picture, so that an edge beyond it still shows."""
    width, height = size
    left, right = (min(max(one, 0.0), width - 1.0) for one in corners[0::2])
    upper, lower = (min(max(one, 0.0), height - 1.0) for one in corners[1::2])
    return left, upper, right, lower
