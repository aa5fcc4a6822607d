import pytest

from crawler.reading.sniff import ContentKind, sniff
from tests.assets.site import picture


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (picture(1), ContentKind.IMAGE),
        (b"\x89PNG\r\n\x1a\n....", ContentKind.IMAGE),
        (b"GIF89a....", ContentKind.IMAGE),
        (b"RIFF....WEBPVP8 ", ContentKind.IMAGE),
        (b"\0\0\0\x1cftypavif....", ContentKind.IMAGE),
        (b"\0\0\0\x1cftypmif1\0\0\0\0miafheic", ContentKind.IMAGE),
        (b"BM\x10\0\0\0\0\0\0\0", ContentKind.IMAGE),
        (b"II*\0....", ContentKind.IMAGE),
        (b"P6\n3 2\n255\n", ContentKind.IMAGE),
        (b"\xff\x0a..", ContentKind.IMAGE),
        (b"\0\0\0\x18ftypisom....", ContentKind.OTHER),
        (b"RIFF....WAVE", ContentKind.OTHER),
        (b"\x1a\x45\xdf\xa3webm", ContentKind.OTHER),
        (b"%PDF-1.7", ContentKind.OTHER),
        (b"<!doctype html>", ContentKind.OTHER),
        (b"\xef\xbb\xbf \n<html>", ContentKind.OTHER),
        (b'{"error": 1}', ContentKind.OTHER),
        (b"BMW is a maker of cars", ContentKind.OTHER),
        (b"Not found", ContentKind.OTHER),
        (b"", ContentKind.OTHER),
        (b'<?xml version="1.0"?><svg xmlns=', ContentKind.VECTOR),
        (b"\x00\x01\x02\x03unknown", ContentKind.UNKNOWN),
    ],
)
def test_images_and_error_pages_are_distinguished_by_magic_bytes(data: bytes, content: ContentKind) -> None:
    assert sniff(data) is content
