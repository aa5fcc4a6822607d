from indexer.edits.scene import any_colour
from tests.assets.scenes import PICTURE, scene


def test_few_other_pictures_are_used_in_turns() -> None:
    one = scene()
    assert [one.others.index(one.other(number)) for number in range(5)] == [0, 1, 0, 1, 0]
    assert {one.others.index(one.any_other()) for _ in range(40)} == {0, 1}


def test_one_seed_decides_the_same_and_goes_on_in_what_is_shown_next() -> None:
    one, other = scene(5), scene(5)
    colours = [any_colour(one), any_colour(one.showing(PICTURE.rotate(90)))]
    assert colours == [any_colour(other), any_colour(other)]
    assert colours[0] != colours[1]
    assert all(0 <= level <= 255 for colour in colours for level in colour)
