"""Edits that show a picture in a page or an application, as in a screenshot."""

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from indexer.edits.scene import BLACK, WHITE, Colour, Scene, choose_colour
from indexer.edits.words import create_sentence, draw_paragraph, find_fitting_font, load_font


def draw_web_page(scene: Scene) -> Image.Image:
    """Draw an article on a page of 1280 × 800 pixels, the picture at most 512 pixels wide."""
    chance = scene.random_source
    ground = chance.choice([WHITE, (245, 245, 250), (20, 20, 24)])
    ink = (230, 230, 230) if ground[0] < 100 else (20, 20, 20)
    page = Image.new("RGB", (1280, 800), ground)
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 1280, 60), fill=chance.choice([(30, 60, 160), (200, 30, 30), (40, 40, 40)]))
    draw.text((20, 12), create_sentence(chance, 4), WHITE, load_font(30))
    headline = create_sentence(chance, 6)
    draw.text((40, 80), headline, ink, find_fitting_font(headline, 1200, 36))
    factor = min(512 / scene.picture.width, 520 / scene.picture.height)
    size = (max(1, int(scene.picture.width * factor)), max(1, int(scene.picture.height * factor)))
    left = chance.choice([40, 700])
    page.paste(scene.picture.resize(size, Image.Resampling.LANCZOS), (left, 140))
    text_left = 40 if left > 500 else 600
    draw_paragraph(draw, chance, (text_left, 140, text_left + 620, 800), 20, ink)
    return page


def draw_phone_post(scene: Scene) -> Image.Image:
    """Draw a post in a phone application: status bar, name, picture in full width, buttons, comments."""
    is_dark = scene.random_source.random() < 0.5
    ground, ink = (BLACK, WHITE) if is_dark else (WHITE, BLACK)
    screen = Image.new("RGB", (540, 1170), ground)
    draw = ImageDraw.Draw(screen)
    _draw_status_bar(draw, ink)
    draw.ellipse((20, 66, 76, 122), fill=choose_colour(scene))
    draw.text((92, 70), create_sentence(scene.random_source, 2), ink, load_font(24))
    draw.text((92, 98), create_sentence(scene.random_source, 2), (130, 130, 130), load_font(18))
    height = min(760, round(540 * scene.picture.height / scene.picture.width))
    screen.paste(ImageOps.fit(scene.picture, (540, height), Image.Resampling.LANCZOS), (0, 140))
    comments_top = 140 + height
    _draw_buttons(draw, comments_top + 18, ink)
    draw.text((20, comments_top + 66), f"{scene.random_source.randint(40, 9000)} likes", ink, load_font(22))
    draw_paragraph(draw, scene.random_source, (20, comments_top + 100, 520, 1090), 20, ink)
    draw.line((0, 1095, 540, 1095), fill=(130, 130, 130))
    draw.rounded_rectangle((190, 1150, 350, 1156), 3, fill=ink)
    return screen


def _draw_status_bar(draw: ImageDraw.ImageDraw, ink: Colour) -> None:
    draw.text((32, 14), "9:41", ink, load_font(24))
    for number in range(4):
        draw.rectangle((400 + number * 9, 34 - number * 5, 406 + number * 9, 38), fill=ink)
    draw.rounded_rectangle((460, 18, 504, 38), 5, outline=ink, width=2)
    draw.rectangle((464, 22, 490, 34), fill=ink)


def _draw_buttons(draw: ImageDraw.ImageDraw, top: int, ink: Colour) -> None:
    draw.polygon(
        [(38, top + 34), (20, top + 14), (29, top + 2), (38, top + 10), (47, top + 2), (56, top + 14)],
        outline=ink,
        width=3,
    )
    draw.ellipse((80, top, 112, top + 32), outline=ink, width=3)
    draw.polygon([(136, top), (170, top + 10), (144, top + 32)], outline=ink, width=3)
    draw.polygon([(490, top), (514, top), (514, top + 34), (502, top + 22), (490, top + 34)], outline=ink, width=3)


def draw_story(scene: Scene) -> Image.Image:
    """Create a 9 : 16 story: the picture in the middle, enlarged and blurred above and below."""
    screen = ImageOps.fit(scene.picture, (540, 960), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(22))
    picture = ImageOps.contain(scene.picture, (540, 800), Image.Resampling.LANCZOS)
    screen.paste(picture, ((540 - picture.width) // 2, (960 - picture.height) // 2))
    draw = ImageDraw.Draw(screen)
    draw.line((16, 18, 524, 18), fill=WHITE, width=4)
    draw.ellipse((18, 34, 70, 86), fill=choose_colour(scene))
    draw.text(
        (84, 46), create_sentence(scene.random_source, 2), WHITE, load_font(24), stroke_width=1, stroke_fill=BLACK
    )
    words = create_sentence(scene.random_source, 3)
    draw.rounded_rectangle((90, 840, 450, 896), 14, fill=choose_colour(scene))
    draw.text((270, 868), words, WHITE, find_fitting_font(words, 330, 30), "mm")
    return screen


def draw_chat(scene: Scene) -> Image.Image:
    """Create a chat message: the picture in a rounded bubble, among other bubbles."""
    screen = Image.new("RGB", (540, 1000), (236, 229, 221))
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, 540, 84), fill=(7, 94, 84))
    draw.ellipse((20, 16, 72, 68), fill=choose_colour(scene))
    draw.text((90, 26), create_sentence(scene.random_source, 2), WHITE, load_font(28))
    _draw_bubble(draw, scene, (20, 110, 360, 170), WHITE)
    picture = ImageOps.contain(scene.picture, (380, 520), Image.Resampling.LANCZOS)
    left, top = 520 - picture.width - 8, 198
    draw.rounded_rectangle(
        (left - 8, top - 8, left + picture.width + 8, top + picture.height + 44), 14, fill=(220, 248, 198)
    )
    screen.paste(picture, (left, top))
    draw.text((left + picture.width - 60, top + picture.height + 8), "12:30", (110, 130, 100), load_font(18))
    next_top = top + picture.height + 70
    for number in range(3):
        _draw_bubble(draw, scene, (20, next_top + number * 80, 300, next_top + number * 80 + 60), WHITE)
    return screen


def _draw_bubble(draw: ImageDraw.ImageDraw, scene: Scene, box: tuple[int, int, int, int], fill: Colour) -> None:
    draw.rounded_rectangle(box, 14, fill=fill)
    words = create_sentence(scene.random_source, 4)
    draw.text((box[0] + 14, box[1] + 16), words, BLACK, find_fitting_font(words, box[2] - box[0] - 28, 22))
