import pytest
from PIL import Image, ImageOps

from indexer.edits import screens
from tests.assets.scenes import PICTURE, likeness, scene


def shown(screen: Image.Image, box: tuple[int, int, int, int]) -> float:
    """Return the similarity of a part of a screen to the image."""
    return likeness(ImageOps.fit(PICTURE, (box[2] - box[0], box[3] - box[1])), screen.crop(box))


@pytest.mark.parametrize("seed", range(4))
def test_a_page_shows_the_picture_beside_its_text(seed: int) -> None:
    page = screens.web_page(scene(seed))
    assert page.size == (1280, 800)
    places = [shown(page, (left, 140, left + 512, 524)) for left in (40, 700)]
    assert sorted(one > 0.99 for one in places) == [False, True]


def test_a_phone_shows_it_in_full_width_whatever_its_shape() -> None:
    phone = screens.phone(scene())
    assert phone.size == (540, 1170)
    assert shown(phone, (0, 140, 540, 545)) > 0.99
    assert screens.phone(scene(picture=PICTURE.resize((20, 900)))).size == (540, 1170)


def test_a_story_has_it_in_the_middle_and_blurred_around() -> None:
    story = screens.story(scene())
    assert story.size == (540, 960)
    assert shown(story, (0, 278, 540, 683)) > 0.99
    assert shown(story, (0, 690, 540, 830)) < 0.8


def test_a_message_has_it_in_a_bubble() -> None:
    chat = screens.chat(scene())
    assert chat.size == (540, 1000)
    left = 520 - 380 - 8
    assert shown(chat, (left, 198, left + 380, 198 + 285)) > 0.99
    assert chat.getpixel((left - 5, 198 + 150)) == (220, 248, 198)
