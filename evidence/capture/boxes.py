"""Outlines around an image on a screenshot, and cropping of long screenshots to the first outline."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageDraw

from exhibit.pictures.decode import Limits, decode

MARGIN, HALO_WIDTH, LINE_WIDTH = 9, 3, 5
CONTEXT_PIXELS = 400  # pixels above and below the image if a separate screenshot of it is needed
LINE_COLOUR = (214, 0, 42)
MAX_CROP_HEIGHT, PIXELS_ABOVE_PLACE = 1600, 250  # pixels: height of the cropped part, and margin above the outline


@dataclass(frozen=True, slots=True)
class Place:
    """Position of the image on the page, in CSS pixels from the upper left corner."""

    how: str  # ``shown``, ``background``, ``offered`` or ``linked``
    x: float
    y: float
    width: float
    height: float


def draw_boxes(screenshot: bytes, places: Sequence[Place], top: int = 0) -> bytes:
    """Draw an outline around each place on a screenshot (PNG, one pixel per CSS pixel, starting at ``top``)."""
    with Image.open(BytesIO(screenshot)) as screenshot_image:
        image = screenshot_image.convert("RGB")
    draw_outlines(image, places, top)
    return _encode_png(image)


def draw_outlines(image: Image.Image, places: Sequence[Place], top: int = 0) -> None:
    """Draw an outline around each place within an image of the page that starts at ``top``."""
    draw = ImageDraw.Draw(image)
    for place in places:
        if place.x >= image.width or place.x + place.width <= 0:
            continue
        if place.y >= top + image.height or place.y + place.height <= top:
            continue
        left, upper = place.x - MARGIN, place.y - top - MARGIN
        right, lower = place.x + place.width + MARGIN, place.y - top + place.height + MARGIN
        for halo, colour in ((HALO_WIDTH, (255, 255, 255)), (0, LINE_COLOUR)):
            corners = (left - halo, upper - halo, right + halo, lower + halo)
            draw.rectangle(_clip_rectangle(corners, image.size), outline=colour, width=LINE_WIDTH + 2 * halo)


def crop_to_place(screenshot: bytes, place_top: float = 0.0) -> bytes:
    """Crop a screenshot with outlines (PNG) to the surroundings of one place, so that it fits on a printed page.

    ``place_top`` is the place's top edge in pixels.

    Raises:
        UnreadablePictureError: The screenshot cannot be read.
    """
    pixels = decode(screenshot, Limits()).pixels
    if pixels.shape[0] <= MAX_CROP_HEIGHT:
        return screenshot
    top = min(max(int(place_top) - MARGIN - PIXELS_ABOVE_PLACE, 0), pixels.shape[0] - MAX_CROP_HEIGHT)
    return _encode_png(Image.fromarray(pixels[top : top + MAX_CROP_HEIGHT]))


def _encode_png(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG", compress_level=2)  # three times as fast as the default, for 10% more bytes
    return out.getvalue()


def _clip_rectangle(
    corners: tuple[float, float, float, float], size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Limit a rectangle to the image, so that edges outside of it remain visible."""
    width, height = size
    left, right = (min(max(corner, 0.0), width - 1.0) for corner in corners[0::2])
    upper, lower = (min(max(corner, 0.0), height - 1.0) for corner in corners[1::2])
    return left, upper, right, lower
