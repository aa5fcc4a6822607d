import pytest
from PIL import Image, ImageOps

from indexer.edits import screens
from tests.assets.edit_scenes import PICTURE, compose_scene, correlation


def likeness_of(screen: Image.Image, box: tuple[int, int, int, int]) -> float:
    """Return the similarity of a part of a screen to the image."""
    return correlation(ImageOps.fit(PICTURE, (box[2] - box[0], box[3] - box[1])), screen.crop(box))


@pytest.mark.parametrize("seed", range(4))
def test_screenshot_of_a_web_page_shows_the_picture_beside_text(seed: int) -> None:
    page = screens.draw_web_page(compose_scene(seed))
    assert page.size == (1280, 800)
    places = [likeness_of(page, (x, 140, x + 512, 524)) for x in (40, 700)]
    assert sorted(score > 0.99 for score in places) == [False, True]


def test_phone_screenshot_shows_a_picture_of_any_shape_at_full_width() -> None:
    phone = screens.draw_phone_post(compose_scene())
    assert phone.size == (540, 1170)
    assert likeness_of(phone, (0, 140, 540, 545)) > 0.99
    assert screens.draw_phone_post(compose_scene(picture=PICTURE.resize((20, 900)))).size == (540, 1170)


def test_story_screenshot_has_centred_picture_with_blurred_surroundings() -> None:
    story = screens.draw_story(compose_scene())
    assert story.size == (540, 960)
    assert likeness_of(story, (0, 278, 540, 683)) > 0.99
    assert likeness_of(story, (0, 690, 540, 830)) < 0.8


def test_message_screenshot_shows_picture_in_a_bubble() -> None:
    chat = screens.draw_chat(compose_scene())
    assert chat.size == (540, 1000)
    x = 520 - 380 - 8
    assert likeness_of(chat, (x, 198, x + 380, 198 + 285)) > 0.99
    assert chat.getpixel((x - 5, 198 + 150)) == (220, 248, 198)
