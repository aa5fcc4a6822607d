import pytest

from crawler.reading.sniff import Content, sniff
from tests.assets.site import picture


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (picture(1), Content.IMAGE),
        (b"\x89PNG\r\n\x1a\n....", Content.IMAGE),
        (b"GIF89a....", Content.IMAGE),
        (b"RIFF....WEBPVP8 ", Content.IMAGE),
        (b"\0\0\0\x1cftypavif....", Content.IMAGE),
        (b"\0\0\0\x1cftypmif1\0\0\0\0miafheic", Content.IMAGE),
        (b"BM\x10\0\0\0\0\0\0\0", Content.IMAGE),
        (b"II*\0....", Content.IMAGE),
        (b"P6\n3 2\n255\n", Content.IMAGE),
        (b"\xff\x0a..", Content.IMAGE),
        (b"\0\0\0\x18ftypisom....", Content.OTHER),
        (b"RIFF....WAVE", Content.OTHER),
        (b"\x1a\x45\xdf\xa3webm", Content.OTHER),
        (b"%PDF-1.7", Content.OTHER),
        (b"<!doctype html>", Content.OTHER),
        (b"\xef\xbb\xbf \n<html>", Content.OTHER),
        (b'{"error": 1}', Content.OTHER),
        (b"BMW is a maker of cars", Content.OTHER),
        (b"Not found", Content.OTHER),
        (b"", Content.OTHER),
        (b'<?xml version="1.0"?><svg xmlns=', Content.VECTOR),
        (b"\x00\x01\x02\x03unknown", Content.UNKNOWN),
    ],
)
def test_magic_bytes_separate_images_from_error_pages(data: bytes, content: Content) -> None:
    assert sniff(data) is content
