"""What a page is said to name, by its HTML alone."""

from datetime import UTC, datetime

import pytest

from evidence.capture.outcomes import names_image
from evidence.capture.visitor import Step, Visit
from exhibit.network.http import ConnectionFacts

THEN = datetime(2026, 11, 20, tzinfo=UTC)
CONNECTION = ConnectionFacts("shop.example", (), "203.0.113.5", 443)


@pytest.mark.parametrize(
    ("html", "image", "named"),
    [
        ('<img src="a/photo.jpg">', "/a/photo.jpg", True),
        ('<img src="a/my photo.jpg">', "/a/my%20photo.jpg", True),
        ('<img src="photo.jpg2">', "/photo.jpg", False),
        ("<p>image</p>", "/_next/image?url=%2Fphoto.jpg&w=640", False),
        ('<img src="/_next/image?url=%2Fphoto.jpg&amp;w=640">', "/_next/image?url=%2Fphoto.jpg&w=640", True),
        ('<img src="/_next/image?url=/photo.jpg&w=640">', "/_next/image?url=%2Fphoto.jpg&w=640", True),
        (r'<script>"/_next/image?url=%2Fphoto.jpg\u0026w=640"</script>', "/_next/image?url=%2Fphoto.jpg&w=640", True),
        ('<img src="/_next/image?url=%2Fother.jpg&amp;w=640">', "/_next/image?url=%2Fphoto.jpg&w=640", False),
        ('<a href="/">home</a>', "/?id=5", False),
        ('<img src="/?id=5">', "/?id=5", True),
        ('<img src="/?id=55">', "/?id=5", False),
        ("<p>photo</p>", "/photo", None),
        ("<p>photo</p>", "/", None),
    ],
)
def test_a_page_names_an_image_by_its_file_and_its_query(html: str, image: str, named: bool | None) -> None:  # noqa: FBT001
    page = Visit(
        "https://shop.example/", (Step("https://shop.example/", 200, (), THEN, THEN, CONNECTION),), html.encode()
    )
    assert names_image(page, f"https://shop.example{image}") is named
