"""Generated images with watermarks and logos such as agencies use."""

from PIL import Image, ImageDraw, ImageFont

from tests.assets.textured import textured

SIZE = (480, 360)


def object_picture(seed: int) -> Image.Image:
    """Return an object on a smooth gradient; a mark on such an image provides most of its detail."""
    picture = Image.radial_gradient("L").resize(SIZE).point(lambda level: 250 - level // 2).convert("RGB")
    shape = Image.new("L", SIZE)
    x, y = 90 + 37 * seed % 150, 60 + 53 * seed % 100
    ImageDraw.Draw(shape).ellipse((x, y, x + 200, y + 150), fill=255)
    picture.paste(textured(seed, SIZE), mask=shape)
    return picture


def cover_with_text(picture: Image.Image) -> Image.Image:
    """Cover the image with an agency's name."""
    marked = picture.copy()
    draw = ImageDraw.Draw(marked)
    font = ImageFont.load_default(30)
    for row in range(4):
        draw.text((-60 + 33 * (row % 3), 20 + 92 * row), "AGENCY  Lumen  AGENCY  Lumen", fill=(70, 70, 70), font=font)
    return marked


def with_logo(picture: Image.Image) -> Image.Image:
    """Add an agency's logo in the lower right corner."""
    marked = picture.copy()
    marked.paste(textured(700, (130, 80)), (picture.width - 140, picture.height - 90))
    return marked
