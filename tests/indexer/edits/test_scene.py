from indexer.edits.scene import choose_colour
from tests.assets.edit_scenes import PICTURE, compose_scene


def test_other_pictures_are_reused_in_turn_if_there_are_few() -> None:
    first = compose_scene()
    assert [first.other_pictures.index(first.get_other(number)) for number in range(5)] == [0, 1, 0, 1, 0]
    assert {first.other_pictures.index(first.choose_other()) for _ in range(40)} == {0, 1}


def test_random_choices_of_a_seed_are_deterministic_and_continue_after_an_edit() -> None:
    first, other = compose_scene(5), compose_scene(5)
    colours = [choose_colour(first), choose_colour(first.with_picture(PICTURE.rotate(90)))]
    assert colours == [choose_colour(other), choose_colour(other)]
    assert colours[0] != colours[1]
    assert all(0 <= level <= 255 for colour in colours for level in colour)
