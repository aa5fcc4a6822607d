import numpy as np

from indexer.draw.marks import (
    BADGE_RADIUS,
    CORNERS,
    HALO_COLOUR,
    OUTLINE_COLOUR,
    Pixels,
    draw_badge,
    draw_corner_badges,
    draw_outline,
)

SQUARE = np.array([[60.0, 60], [140, 60], [140, 140], [60, 140]])
RED = (196, 0, 60)


def canvas() -> Pixels:
    return np.full((200, 200, 3), 90, np.uint8)


def positions_of(pixels: Pixels, colour: tuple[int, ...]) -> np.ndarray:
    return np.argwhere((pixels == colour).all(axis=2))[:, ::-1]


def test_outline_follows_its_points_with_light_edge() -> None:
    drawing = canvas()
    draw_outline(drawing, SQUARE)
    assert tuple(drawing[60, 100]) == tuple(drawing[100, 140]) == OUTLINE_COLOUR
    assert drawing[57, 100].min() > 150 < drawing[63, 100].min()
    assert tuple(drawing[100, 100]) == (90, 90, 90)


def test_fewer_than_three_points_draw_nothing() -> None:
    drawing = canvas()
    draw_outline(drawing, SQUARE[:2])
    draw_corner_badges(drawing, SQUARE[:0])
    assert (drawing == canvas()).all()


def test_corner_letters_are_drawn_outside_the_outline() -> None:
    drawing = canvas()
    draw_corner_badges(drawing, SQUARE)
    assert (drawing[80:120, 80:120] == 90).all()
    middles = [np.median(positions_of(drawing, colour), axis=0) for _, colour in CORNERS]
    for middle, corner in zip(middles, SQUARE, strict=True):
        assert np.abs(middle - 100).min() > np.abs(corner - 100).min()


def test_badge_and_letter_stay_inside_the_canvas() -> None:
    drawing = canvas()
    draw_badge(drawing, np.array([-50.0, 500]), "A", RED)
    disc = positions_of(drawing, RED)
    assert (disc.min(axis=0) >= 0).all()
    assert (disc.max(axis=0) < 200).all()
    assert (np.ptp(disc, axis=0) >= 2 * BADGE_RADIUS - 2).all()
    assert len(positions_of(drawing, HALO_COLOUR)) > 40
