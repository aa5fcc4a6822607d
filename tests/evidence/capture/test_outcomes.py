"""Test the outcome of a visit as determined from the page's HTML."""

from datetime import UTC, datetime

import pytest

from evidence.capture.outcomes import determine_outcome, mentions_image
from evidence.capture.visitor import Visit, VisitStep
from exhibit.digests import Digest
from exhibit.network.http import ConnectionFacts

THEN = datetime(2026, 11, 20, tzinfo=UTC)
CONNECTION = ConnectionFacts("shop.example", (), "203.0.113.5", 443)


@pytest.mark.parametrize(
    ("html", "image", "is_named"),
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
def test_image_is_referenced_by_file_name_and_query(html: str, image: str, is_named: bool | None) -> None:  # noqa: FBT001
    page = Visit(
        "https://shop.example/", (VisitStep("https://shop.example/", 200, (), THEN, THEN, CONNECTION),), html.encode()
    )
    assert mentions_image(page, f"https://shop.example{image}") is is_named


def build_visit(path: str, status: int, body: bytes) -> Visit:
    url = f"https://shop.example/{path}"
    return Visit(url, (VisitStep(url, status, (), THEN, THEN, CONNECTION, len(body)),), body)


@pytest.mark.parametrize(
    ("page", "image", "expected"),
    [
        ((200, b"<p>"), 200, ("", "")),
        ((206, b"<p>"), 200, (" The page URL returned status 206.", "")),
        ((200, b""), 206, (" The page returned by the server is empty.", " The image URL returned status 206.")),
    ],
)
def test_sentence_includes_unusual_status(page: tuple[int, bytes], image: int, expected: tuple[str, str]) -> None:
    outcome, sentence = determine_outcome(
        build_visit("", *page), build_visit("a.jpg", image, b"picture"), Digest.from_bytes(b"picture")
    )
    assert outcome == "captured"
    same = "The image URL returned exactly the bytes that were seen before."
    assert sentence == f"The page is available.{expected[0]} {same}{expected[1]}"
