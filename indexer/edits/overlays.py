"""Edits that add something on a picture or at its edge: text, stickers, marks, bars."""

from PIL import Image, ImageDraw

from indexer.edits.scene import BLACK, WHITE, Colour, Scene, choose_colour
from indexer.edits.stickers import draw_sticker
from indexer.edits.words import create_sentence, find_fitting_font, load_font

CAPTIONS: list[Colour] = [WHITE, BLACK, (255, 220, 0), (220, 20, 20)]


def add_captions(scene: Scene) -> Image.Image:
    """Add one to three large lines of text with an outline."""
    picture, chance = scene.picture.copy(), scene.random_source
    draw = ImageDraw.Draw(picture)
    for _ in range(chance.randint(1, 3)):
        height = picture.height * chance.uniform(0.06, 0.14)
        position = (chance.uniform(0, 0.3) * picture.width, chance.uniform(0, 0.85) * picture.height)
        words, fill = create_sentence(chance, chance.randint(2, 5)), chance.choice(CAPTIONS)
        draw.text(position, words, font=load_font(height), fill=fill, stroke_width=2, stroke_fill=BLACK)
    return picture


def add_stickers(scene: Scene) -> Image.Image:
    """Add one to three stickers of a fifth to nearly half of the short side."""
    picture, chance = scene.picture.copy(), scene.random_source
    for _ in range(chance.randint(1, 3)):
        side = int(min(picture.size) * chance.uniform(0.2, 0.45))
        sticker_picture = draw_sticker(chance, side)
        position = (
            int(chance.uniform(0, 0.9) * (picture.width - side / 2)),
            int(chance.uniform(0, 0.9) * (picture.height - side / 2)),
        )
        picture.paste(sticker_picture, position, sticker_picture)
    return picture


def add_big_sticker(scene: Scene) -> Image.Image:
    """Add one sticker over the centre, 55 to 65% of the short side."""
    picture = scene.picture.copy()
    side = int(min(picture.size) * scene.random_source.uniform(0.55, 0.65))
    sticker_picture = draw_sticker(scene.random_source, side)
    picture.paste(sticker_picture, ((picture.width - side) // 2, (picture.height - side) // 2), sticker_picture)
    return picture


def add_watermark(scene: Scene) -> Image.Image:
    """Add a semi-transparent line of text, tiled and slanted over the whole picture."""
    width, height = scene.picture.size
    layer = Image.new("L", (width * 2, height * 2))
    words = "© " + create_sentence(scene.random_source, 2)
    draw, face = ImageDraw.Draw(layer), find_fitting_font(words, width * 0.42, height * 0.07)
    for row, y in enumerate(range(0, layer.height, max(1, int(height * 0.2)))):
        for x in range(0, layer.width, max(1, int(width * 0.45))):
            draw.text((x + row % 3 * 20, y), words, font=face, fill=110)
    rotated = layer.rotate(30)
    picture = scene.picture.copy()
    picture.paste(WHITE, (0, 0), rotated.crop((width // 2, height // 2, width // 2 + width, height // 2 + height)))
    return picture


def add_meme_text(scene: Scene) -> Image.Image:
    """Add two lines of text on a white strip above the picture."""
    width, height = scene.picture.size
    strip = int(height * scene.random_source.uniform(0.2, 0.35))
    page = Image.new("RGB", (width, height + strip), WHITE)
    page.paste(scene.picture, (0, strip))
    words = [create_sentence(scene.random_source, 5), create_sentence(scene.random_source, 4)]
    face = find_fitting_font(max(words, key=len), width - 20, strip * 0.3)
    ImageDraw.Draw(page).text((10, 5), "\n".join(words), font=face, fill=BLACK)
    return page


def add_lower_third(scene: Scene) -> Image.Image:
    """Add the bar, ticker, clock and logo of a news channel."""
    picture = scene.picture.copy()
    width, height = picture.size
    draw, colour = ImageDraw.Draw(picture), choose_colour(scene)
    bar, ticker = round(height * 0.74), round(height * 0.9)
    draw.rectangle((0, bar, width, ticker), fill=(245, 245, 245))
    draw.rectangle((0, bar, round(width * 0.22), ticker), fill=colour)
    draw.rectangle((0, ticker, width, height), fill=(20, 24, 40))
    lines = [
        create_sentence(scene.random_source, 4).upper(),
        create_sentence(scene.random_source, 6),
        create_sentence(scene.random_source, 10),
    ]
    left, inner_width = round(width * 0.24), width * 0.74
    draw.text((left, bar + 2), lines[0], fill=BLACK, font=find_fitting_font(lines[0], inner_width, height * 0.075))
    draw.text(
        (left, bar + height * 0.09),
        lines[1],
        fill=(60, 60, 60),
        font=find_fitting_font(lines[1], inner_width, height * 0.05),
    )
    draw.text((8, ticker + 3), lines[2], fill=WHITE, font=find_fitting_font(lines[2], width - 16, height * 0.055))
    draw.text((round(width * 0.02), bar + height * 0.03), "LIVE", fill=WHITE, font=load_font(height * 0.08))
    draw.rounded_rectangle((width * 0.8, height * 0.04, width * 0.97, height * 0.14), 8, fill=colour)
    draw.text(
        (width * 0.82, height * 0.055),
        "NEWS 7",
        fill=WHITE,
        font=find_fitting_font("NEWS 7", width * 0.13, height * 0.07),
    )
    return picture


def add_subtitles(scene: Scene) -> Image.Image:
    """Crop to the film format 2.35 : 1, with black bars and a subtitle."""
    width = scene.picture.width
    height, visible_height = round(width * 9 / 16), min(scene.picture.height, round(width / 2.35))
    top = (scene.picture.height - visible_height) // 2
    page = Image.new("RGB", (width, height), BLACK)
    page.paste(scene.picture.crop((0, top, width, top + visible_height)), (0, (height - visible_height) // 2))
    words = create_sentence(scene.random_source, 7)
    face = find_fitting_font(words, width * 0.8, height * 0.07)
    position = (width / 2, height * 0.8)
    ImageDraw.Draw(page).text(position, words, "white", face, "mm", stroke_width=2, stroke_fill=BLACK)
    return page


def create_advert(scene: Scene) -> Image.Image:
    """Create a shop's banner: a strip of the picture, one side faded to a colour with text and a button."""
    strip = scene.picture.resize((960, round(960 * scene.picture.height / scene.picture.width)))
    top = int(max(0, strip.height - 420) * scene.random_source.uniform(0.2, 0.6))
    page = strip.crop((0, top, 960, top + min(420, strip.height)))
    colour, words = (
        choose_colour(scene),
        [create_sentence(scene.random_source, 2), create_sentence(scene.random_source, 4)],
    )
    fade = Image.linear_gradient("L").rotate(90).resize((480, page.height))
    page.paste(colour, (0, 0), fade)
    draw = ImageDraw.Draw(page)
    draw.text((40, page.height * 0.2), words[0].upper(), "white", find_fitting_font(words[0].upper(), 380, 60))
    draw.text((40, page.height * 0.45), words[1], "white", find_fitting_font(words[1], 380, 30))
    draw.rounded_rectangle((40, page.height * 0.66, 240, page.height * 0.84), 20, fill=WHITE)
    draw.text((140, page.height * 0.75), "SHOP NOW", BLACK, load_font(26), "mm")
    return page


def add_mosaic(scene: Scene) -> Image.Image:
    """Pixelate two areas beyond recognition."""
    picture, chance = scene.picture.copy(), scene.random_source
    for _ in range(2):
        width, height = (round(side * chance.uniform(0.22, 0.34)) for side in picture.size)
        x, y = chance.uniform(0.1, 0.9), chance.uniform(0.1, 0.9)
        left, top = round((picture.width - width) * x), round((picture.height - height) * y)
        area = picture.crop((left, top, left + width, top + height))
        coarse_area = area.resize((8, 8), Image.Resampling.BOX).resize(area.size, Image.Resampling.NEAREST)
        picture.paste(coarse_area, (left, top))
    return picture
