import pytest

from exhibit.errors import IntegrityError, NotFoundError, ServiceMissingError
from workers.pictures.lazy_pictures import LazyPictures


def test_a_picture_is_made_when_it_is_asked_for_and_one_that_is_gone_is_not_there() -> None:
    asked: list[str] = []

    def made(name: str, error: Exception | None = None) -> bytes:
        asked.append(name)
        if error is not None:
            raise error
        return name.encode()

    pictures = LazyPictures(
        {
            "a": lambda: made("a"),
            "gone": lambda: made("gone", NotFoundError("It is gone.")),
            "damaged": lambda: made("damaged", IntegrityError("It is damaged.")),
            "later": lambda: made("later", ServiceMissingError("Not now.")),
        }
    )
    assert (list(pictures), len(pictures), asked) == (["a", "gone", "damaged", "later"], 4, [])
    assert (pictures["a"], pictures.get("gone"), pictures.get("damaged")) == (b"a", None, None)
    assert asked == ["a", "gone", "damaged"]
    with pytest.raises(ServiceMissingError):  # what may be there later isn't taken for gone
        pictures.get("later")
