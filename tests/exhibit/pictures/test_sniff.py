import pytest

from exhibit.errors import UnreadablePictureError
from exhibit.pictures.decode import inspect
from exhibit.pictures.sniff import detect_kind
from tests.assets.badfiles import (
    BAD_FILES,
)


@pytest.mark.parametrize(
    ("name", "word"),
    [("error_page.jpg", "web page"), ("drawing.svg", "SVG"), ("document.jpg", "PDF"), ("video.jpg", "video"),
     ("answer.jpg", "JSON")],
)  # fmt: skip
def test_refusal_states_detected_file_type(name: str, word: str) -> None:
    data = next(bad for bad in BAD_FILES if bad.name == name).make()
    with pytest.raises(UnreadablePictureError, match=word):
        inspect(data)


def test_non_picture_bytes_are_identified_by_their_start() -> None:
    assert detect_kind(b"\0\0\0\x18ftypheic") == "a HEIC picture"
    assert detect_kind(b"\0\0\0\x18ftypmp42") == "a video"
    assert detect_kind(b"\xef\xbb\xbf<?xml version='1.0'?><note/>") == "an XML document"
    assert detect_kind(b"<?xml version='1.0'?><svg xmlns=''>") == "an SVG drawing"
    assert detect_kind(b"<svg><title>x</title><script/></svg>") == "an SVG drawing"
    assert detect_kind(b"<!doctype html><title>x</title><p>hello<svg></svg>") == "an HTML page"
    assert detect_kind(b"\xff\xd8\xff\xe0\0\x10JFIF\0 about <p>a page</p><html>") is None
    assert detect_kind(b"<p>hello<svg></svg>") == "an HTML page"
    assert detect_kind(b' {"a": 1}') == "JSON"
    assert detect_kind(b"{no JSON") is None
    assert detect_kind(b"") is None
