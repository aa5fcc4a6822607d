"""Edits that place a picture beside, on or in front of others: collages, backgrounds, walls, insets."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from indexer.edits.framing import warp
from indexer.edits.scene import BLACK, WHITE, Change, Scene, choose_colour
from indexer.edits.words import fitting_font, sentence

BACKGROUND_WIDTH = 900


def place_on_background(share: float) -> Change:
    """Place the picture at a random position on another, with a share of its width."""

    def change(scene: Scene) -> Image.Image:
        back = _background(scene)
        picture = _fit(scene.picture, back, share)
        x, y = scene.chance.random(), scene.chance.random()
        back.paste(picture, (round((back.width - picture.width) * x), round((back.height - picture.height) * y)))
        return back

    return change


def _background(scene: Scene) -> Image.Image:
    other = scene.choose_other()
    return other.resize((BACKGROUND_WIDTH, max(1, int(BACKGROUND_WIDTH * other.height / other.width))))


def _fit(picture: Image.Image, back: Image.Image, share: float) -> Image.Image:
    """Scale the picture to a share of the background's width, and at most four fifths of its height."""
    factor = min(back.width * share / picture.width, back.height * 0.8 / picture.height)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def collage(rows: int, columns: int, tile: tuple[int, int], gutter: int) -> Change:
    """Fill one tile of a sheet, and the others with other pictures. All are cropped to the tile's proportions."""

    def change(scene: Scene) -> Image.Image:
        place = scene.chance.randrange(rows * columns)
        first = scene.chance.randrange(1 << 16)
        width, height = tile
        size = (columns * (width + gutter) - gutter, rows * (height + gutter) - gutter)
        sheet = Image.new("RGB", size, WHITE)
        for number in range(rows * columns):
            picture = scene.picture if number == place else scene.get_other(first + number)
            at = (number % columns * (width + gutter), number // columns * (height + gutter))
            sheet.paste(ImageOps.fit(picture, tile, Image.Resampling.LANCZOS), at)
        return sheet

    return change


def panels(scene: Scene) -> Image.Image:
    """Create three panels, one above the other, each with a line of text below; one of them is the picture."""
    place, first = scene.chance.randrange(3), scene.chance.randrange(1 << 16)
    sheet = Image.new("RGB", (480, 3 * 330), WHITE)
    draw = ImageDraw.Draw(sheet)
    for number in range(3):
        picture = scene.picture if number == place else scene.get_other(first + number)
        sheet.paste(ImageOps.fit(picture, (480, 280), Image.Resampling.LANCZOS), (0, number * 330))
        words = sentence(scene.chance, 5)
        draw.text((240, number * 330 + 305), words, BLACK, fitting_font(words, 460, 30), "mm")
    return sheet


def place_beside(scene: Scene) -> Image.Image:
    """Place half of the picture beside half of another, with a line between, like before and after."""
    half = (360, 540)
    other = ImageOps.fit(scene.choose_other(), half, Image.Resampling.LANCZOS)
    own = ImageOps.fit(scene.picture, half, Image.Resampling.LANCZOS)
    sheet = Image.new("RGB", (726, 540), WHITE)
    left_first = scene.chance.random() < 0.5
    sheet.paste(own if left_first else other, (0, 0))
    sheet.paste(other if left_first else own, (366, 0))
    return sheet


def inset(scene: Scene) -> Image.Image:
    """Place the picture, small and with a white edge, in the corner of another."""
    back = _background(scene)
    framed = ImageOps.expand(_fit(scene.picture, back, 0.36), 4, fill=WHITE)
    return _paste_in_corner(scene, back, framed)


def add_inset(scene: Scene) -> Image.Image:
    """Cover a corner with another picture, like the face of a commentator."""
    side = round(min(scene.picture.size) * 0.42)
    small = ImageOps.fit(scene.choose_other(), (side, side), Image.Resampling.LANCZOS)
    return _paste_in_corner(scene, scene.picture.copy(), ImageOps.expand(small, 3, fill=WHITE))


def _paste_in_corner(scene: Scene, back: Image.Image, picture: Image.Image) -> Image.Image:
    right, low = scene.chance.random() < 0.5, scene.chance.random() < 0.5
    left = back.width - picture.width - 16 if right else 16
    top = back.height - picture.height - 16 if low else 16
    back.paste(picture, (left, top))
    return back


def place_on_wall(scene: Scene) -> Image.Image:
    """Create a framed poster on a lit wall, seen from the side, like mock-up generators."""
    framed = ImageOps.expand(
        ImageOps.expand(scene.picture, _edge(scene, 0.05), WHITE), _edge(scene, 0.02), (40, 30, 24)
    )
    wall = _wall(scene)
    factor = min(560 / framed.width, 470 / framed.height)
    width, height = framed.width * factor, framed.height * factor
    left, top = (900 - width) / 2, (640 - height) / 2
    lean, drop = scene.chance.uniform(0.08, 0.16), scene.chance.uniform(0.03, 0.07)
    near, far = left + width * lean, left + width
    corners = [(near, top), (far, top + height * drop), (far, top + height * (1 - drop)), (near, top + height)]
    shadow = Image.new("L", wall.size)
    ImageDraw.Draw(shadow).polygon([(x + 10, y + 14) for x, y in corners], fill=150)
    wall.paste(BLACK, (0, 0), shadow.filter(ImageFilter.GaussianBlur(10)))
    mask = Image.new("L", wall.size)
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    wall.paste(warp(framed, corners, wall.size), (0, 0), mask)
    return wall


def _edge(scene: Scene, share: float) -> int:
    return max(1, round(max(scene.picture.size) * share))


def _wall(scene: Scene) -> Image.Image:
    colour = np.array(choose_colour(scene), np.float32) * 0.3 + 150
    chance = np.random.default_rng(scene.chance.getrandbits(32))
    y, x = np.mgrid[0:640, 0:900].astype(np.float32)
    light = 1.08 - 0.35 * np.hypot(x - 250, y - 120)[..., None] / 900
    rough = chance.standard_normal((640, 900, 1), np.float32) * 3
    return Image.fromarray(np.clip(colour * light + rough, 0, 255).astype(np.uint8))


def cut_out_outline(scene: Scene) -> Image.Image:
    """Keep only an irregular piece of the centre, on one colour."""
    picture, chance = scene.picture, scene.chance
    waves = [(chance.uniform(0.02, 0.09), chance.uniform(0, 2 * math.pi)) for _ in range(5)]
    fill = chance.choice([WHITE, WHITE, (230, 236, 240), (250, 220, 90)])
    points = []
    for number in range(180):
        turn = number / 90 * math.pi
        radius = 0.42 + sum(size * math.sin((k + 2) * turn + start) for k, (size, start) in enumerate(waves)) / 2
        points.append(
            ((0.5 + radius * math.cos(turn)) * picture.width, (0.5 + radius * math.sin(turn)) * picture.height)
        )
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).polygon(points, fill=255)
    page = Image.new("RGB", picture.size, fill)
    page.paste(picture, (0, 0), mask.filter(ImageFilter.GaussianBlur(1.5)))
    return page
