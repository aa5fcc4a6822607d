import pytest
from hypothesis import given, strategies as st

from crawler.reading import css

LONG = 300_000
"""Repetitions for which anything slower than linear would take an hour."""


@pytest.mark.parametrize(
    ("sheet", "expected"),
    [
        ("a{background:url(b.jpg)}", ["b.jpg"]),
        ("a{background:URL( 'b c.jpg' )}", ["b c.jpg"]),
        ('a{background:url("b\\)c.jpg")}', ["b)c.jpg"]),
        ("a{background:image-set('b.jpg' 1x, url(c.jpg) 2x)}", ["b.jpg", "c.jpg"]),
        ("/* url(no.jpg) */ a{background:url(b.jpg), url(b.jpg)}", ["b.jpg"]),
        ("@font-face{src:url(font)} a{background:url(b.jpg)}", ["b.jpg"]),
        ("@media print{@font-face{src:url(font)} a{background:url(b.jpg)}}", ["b.jpg"]),
        ("@import url(c.css); a{background:url(b.jpg)}", ["b.jpg"]),
        ("a{src:url(f.woff2?x#y)}", []),
        ("a{background:url(data:image/png;base64,AA==)}", ["data:image/png;base64,AA=="]),
        ("a{content:'}';background:url(b.jpg)}", ["b.jpg"]),
        ("background-image:url(b.jpg);color:red", ["b.jpg"]),
        ("a{color:red}", []),
        ('a{background:url("http://x/a;b.jpg")}', ["http://x/a;b.jpg"]),
        ("a{background:url(http://x/a;b}c.jpg)}", ["http://x/a;b}c.jpg"]),
        ("a{background:url('b/*c*/.jpg')}", ["b/*c*/.jpg"]),
        ("a{background:url(b\\28 1\\29.jpg)}", ["b(1).jpg"]),
        ("a{background:image-set('b.avif' type('image/avif') 1x, url('c.jpg') 2x)}", ["b.avif", "c.jpg"]),
        ("a{content:'url(no.jpg)'} b{background:url(b.jpg", ["b.jpg"]),
        ("@namespace svg url(http://www.w3.org/2000/svg); a{background:url(b.jpg)}", ["b.jpg"]),
        ("a{background:url('no.jpg\n)} b{background:url(b.jpg)}", ["b.jpg"]),
        ("a{--picture:url(b.jpg);filter:url(#blur)}", ["b.jpg"]),
    ],
)
def test_style_sheet_images_are_found_and_fonts_are_ignored(sheet: str, expected: list[str]) -> None:
    assert css.read_sheet(sheet)[0] == expected


def test_imported_style_sheets_are_found() -> None:
    sheet = "@import 'a.css'; @IMPORT url(b.css) screen; @import url(\"c.css\"); /* @import 'd.css'; */ a{}"
    assert css.read_sheet(sheet) == ([], ["a.css", "b.css", "c.css"])


@given(st.text(alphabet="url(')\"\\;{}@import/*: a", max_size=120))
def test_parsing_any_text_as_style_sheet_raises_no_error(text: str) -> None:
    css.read_sheet(text)


def test_unclosed_css_comments_are_skipped_in_one_pass() -> None:
    assert css.read_sheet('@import "a.css"; a{b:url(x.jpg)}' + "/* " * LONG) == (["x.jpg"], ["a.css"])


@pytest.mark.parametrize(
    "piece", ["url(", 'url("', "url('\\\"", "'", "image-set(", "@import ", "@font-face{", "/*", "{", "\\"]
)
def test_repeated_css_fragments_are_read_in_linear_time(piece: str) -> None:
    css.read_sheet("a{b:url(x.jpg)}" + piece * LONG)
