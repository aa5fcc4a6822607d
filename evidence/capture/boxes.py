"""Lines around the places of an image on a screenshot, and cropping of a long screenshot to the first one."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageDraw

from exhibit.pictures.decode import Limits, decode

MARGIN, HALO, LINE = 9, 3, 5
AROUND = 400  # pixels above and below the image in its own screenshot, if the page's does not reach it
COLOUR = (214, 0, 42)
CUT_HEIGHT, ABOVE = 1600, 250  # height of a part in pixels, and pixels above the line


@dataclass(frozen=True, slots=True)
class Place:
    """Place of the image on the page, in CSS pixels from the upper left corner."""

    how: str  # ``shown``, ``background``, ``offered`` or ``linked``
    x: float
    y: float
    width: float
    height: float


def draw_boxes(screenshot: bytes, places: Sequence[Place], top: int = 0) -> bytes:
    """Return the screenshot (PNG, one pixel per CSS pixel, starting at ``top``) with a line around each place in it."""
    with Image.open(BytesIO(screenshot)) as source:
        image = source.convert("RGB")
    draw_lines(image, places, top)
    return _png(image)


def draw_lines(image: Image.Image, places: Sequence[Place], top: int = 0) -> None:
    """Draw a line around each place that lies in a picture of a page starting at ``top``."""
    draw = ImageDraw.Draw(image)
    for place in places:
        if place.x >= image.width or place.x + place.width <= 0:
            continue
        if place.y >= top + image.height or place.y + place.height <= top:
            continue
        left, upper = place.x - MARGIN, place.y - top - MARGIN
        right, lower = place.x + place.width + MARGIN, place.y - top + place.height + MARGIN
        for halo, colour in ((HALO, (255, 255, 255)), (0, COLOUR)):
            corners = (left - halo, upper - halo, right + halo, lower + halo)
            draw.rectangle(_clip(corners, image.size), outline=colour, width=LINE + 2 * halo)


def crop_to_place(screenshot: bytes, first: float = 0.0) -> bytes:
    """Crop a screenshot with lines (PNG) around one place, short enough for a sheet of paper.

    ``first`` is the place's top edge in pixels.

    Raises:
        UnreadablePictureError: The screenshot cannot be read.
    """
    pixels = decode(screenshot, Limits()).pixels
    if pixels.shape[0] <= CUT_HEIGHT:
        return screenshot
    top = min(max(int(first) - MARGIN - ABOVE, 0), pixels.shape[0] - CUT_HEIGHT)
    return _png(Image.fromarray(pixels[top : top + CUT_HEIGHT]))


def _png(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG", compress_level=2)  # a third of the usual time for a tenth more bytes
    return out.getvalue()


def _clip(corners: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the rectangle limited to the picture, so that an edge beyond it is still visible."""
    width, height = size
    left, right = (min(max(corner, 0.0), width - 1.0) for corner in corners[0::2])
    upper, lower = (min(max(corner, 0.0), height - 1.0) for corner in corners[1::2])
    return left, upper, right, lower
