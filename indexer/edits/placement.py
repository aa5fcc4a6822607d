"""Edits that place a picture beside, on or in front of others: collages, backgrounds, walls, insets."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from indexer.edits.framing import warp
from indexer.edits.scene import BLACK, WHITE, Change, Scene, choose_colour
from indexer.edits.words import create_sentence, find_fitting_font

BACKGROUND_WIDTH = 900


def place_on_background(fraction: float) -> Change:
    """Place the picture at a random position on another one, scaled to a fraction of that picture's width."""

    def change(scene: Scene) -> Image.Image:
        background = _select_background(scene)
        picture = _fit_to_background(scene.picture, background, fraction)
        x, y = scene.random_source.random(), scene.random_source.random()
        background.paste(
            picture, (round((background.width - picture.width) * x), round((background.height - picture.height) * y))
        )
        return background

    return change


def _select_background(scene: Scene) -> Image.Image:
    other = scene.choose_other()
    return other.resize((BACKGROUND_WIDTH, max(1, int(BACKGROUND_WIDTH * other.height / other.width))))


def _fit_to_background(picture: Image.Image, background: Image.Image, fraction: float) -> Image.Image:
    """Scale the picture to a fraction of the background's width, and at most four fifths of its height."""
    factor = min(background.width * fraction / picture.width, background.height * 0.8 / picture.height)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def create_collage(rows: int, columns: int, tile: tuple[int, int], gutter: int) -> Change:
    """Fill one tile of a sheet with the picture, and the others with other pictures, all cropped to the tile."""

    def change(scene: Scene) -> Image.Image:
        tile_index = scene.random_source.randrange(rows * columns)
        first = scene.random_source.randrange(1 << 16)
        width, height = tile
        size = (columns * (width + gutter) - gutter, rows * (height + gutter) - gutter)
        sheet = Image.new("RGB", size, WHITE)
        for number in range(rows * columns):
            picture = scene.picture if number == tile_index else scene.get_other(first + number)
            position = (number % columns * (width + gutter), number // columns * (height + gutter))
            sheet.paste(ImageOps.fit(picture, tile, Image.Resampling.LANCZOS), position)
        return sheet

    return change


def create_panels(scene: Scene) -> Image.Image:
    """Create three panels, one above the other, each with a line of text below; one of them is the picture."""
    panel_index, first = scene.random_source.randrange(3), scene.random_source.randrange(1 << 16)
    sheet = Image.new("RGB", (480, 3 * 330), WHITE)
    draw = ImageDraw.Draw(sheet)
    for number in range(3):
        picture = scene.picture if number == panel_index else scene.get_other(first + number)
        sheet.paste(ImageOps.fit(picture, (480, 280), Image.Resampling.LANCZOS), (0, number * 330))
        words = create_sentence(scene.random_source, 5)
        draw.text((240, number * 330 + 305), words, BLACK, find_fitting_font(words, 460, 30), "mm")
    return sheet


def place_beside(scene: Scene) -> Image.Image:
    """Place half of the picture beside half of another with a line between, like a before-and-after comparison."""
    half = (360, 540)
    other = ImageOps.fit(scene.choose_other(), half, Image.Resampling.LANCZOS)
    own_half = ImageOps.fit(scene.picture, half, Image.Resampling.LANCZOS)
    sheet = Image.new("RGB", (726, 540), WHITE)
    left_first = scene.random_source.random() < 0.5
    sheet.paste(own_half if left_first else other, (0, 0))
    sheet.paste(other if left_first else own_half, (366, 0))
    return sheet


def place_as_inset(scene: Scene) -> Image.Image:
    """Place the picture, small and with a white edge, in the corner of another."""
    background = _select_background(scene)
    framed_picture = ImageOps.expand(_fit_to_background(scene.picture, background, 0.36), 4, fill=WHITE)
    return _paste_in_corner(scene, background, framed_picture)


def add_inset(scene: Scene) -> Image.Image:
    """Cover a corner with another picture, like the face of a commentator."""
    side = round(min(scene.picture.size) * 0.42)
    small = ImageOps.fit(scene.choose_other(), (side, side), Image.Resampling.LANCZOS)
    return _paste_in_corner(scene, scene.picture.copy(), ImageOps.expand(small, 3, fill=WHITE))


def _paste_in_corner(scene: Scene, background: Image.Image, picture: Image.Image) -> Image.Image:
    right, is_low = scene.random_source.random() < 0.5, scene.random_source.random() < 0.5
    left = background.width - picture.width - 16 if right else 16
    top = background.height - picture.height - 16 if is_low else 16
    background.paste(picture, (left, top))
    return background


def place_on_wall(scene: Scene) -> Image.Image:
    """Create a framed poster on a lit wall, seen from the side, like mock-up generators."""
    framed_picture = ImageOps.expand(
        ImageOps.expand(scene.picture, _compute_edge_width(scene, 0.05), WHITE),
        _compute_edge_width(scene, 0.02),
        (40, 30, 24),
    )
    wall = _draw_wall(scene)
    factor = min(560 / framed_picture.width, 470 / framed_picture.height)
    width, height = framed_picture.width * factor, framed_picture.height * factor
    left, top = (900 - width) / 2, (640 - height) / 2
    lean, drop = scene.random_source.uniform(0.08, 0.16), scene.random_source.uniform(0.03, 0.07)
    near_edge, far_edge = left + width * lean, left + width
    corners = [
        (near_edge, top),
        (far_edge, top + height * drop),
        (far_edge, top + height * (1 - drop)),
        (near_edge, top + height),
    ]
    shadow = Image.new("L", wall.size)
    ImageDraw.Draw(shadow).polygon([(x + 10, y + 14) for x, y in corners], fill=150)
    wall.paste(BLACK, (0, 0), shadow.filter(ImageFilter.GaussianBlur(10)))
    mask = Image.new("L", wall.size)
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    wall.paste(warp(framed_picture, corners, wall.size), (0, 0), mask)
    return wall


def _compute_edge_width(scene: Scene, fraction: float) -> int:
    return max(1, round(max(scene.picture.size) * fraction))


def _draw_wall(scene: Scene) -> Image.Image:
    colour = np.array(choose_colour(scene), np.float32) * 0.3 + 150
    chance = np.random.default_rng(scene.random_source.getrandbits(32))
    y, x = np.mgrid[0:640, 0:900].astype(np.float32)
    light = 1.08 - 0.35 * np.hypot(x - 250, y - 120)[..., None] / 900
    rough = chance.standard_normal((640, 900, 1), np.float32) * 3
    return Image.fromarray(np.clip(colour * light + rough, 0, 255).astype(np.uint8))


def cut_out_outline(scene: Scene) -> Image.Image:
    """Keep only an irregular piece of the centre, on one colour."""
    picture, chance = scene.picture, scene.random_source
    waves = [(chance.uniform(0.02, 0.09), chance.uniform(0, 2 * math.pi)) for _ in range(5)]
    fill = chance.choice([WHITE, WHITE, (230, 236, 240), (250, 220, 90)])
    points = []
    for number in range(180):
        angle = number / 90 * math.pi
        radius = 0.42 + sum(size * math.sin((k + 2) * angle + start) for k, (size, start) in enumerate(waves)) / 2
        points.append(
            ((0.5 + radius * math.cos(angle)) * picture.width, (0.5 + radius * math.sin(angle)) * picture.height)
        )
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).polygon(points, fill=255)
    page = Image.new("RGB", picture.size, fill)
    page.paste(picture, (0, 0), mask.filter(ImageFilter.GaussianBlur(1.5)))
    return page
