import pytest
from hypothesis import given, strategies as st

from crawler.reading.attributes import find_largest, parse_srcset

LONG = 300_000
"""Repetitions for which anything slower than linear would take an hour."""


@pytest.mark.parametrize(
    ("srcset", "largest"),
    [
        ("a.jpg", "a.jpg"),
        ("a.jpg 1x, b.jpg 2x", "b.jpg"),
        ("a.jpg 300w, b.jpg 1200w, c.jpg 600w", "b.jpg"),
        ("a.jpg,b.jpg 2x", "a.jpg,b.jpg"),
        ("a.jpg, b.jpg 1.5x", "b.jpg"),
        ("a,b.jpg 2x, c.jpg", "a,b.jpg"),
        ("data:image/png;base64,AA== 1x, b.jpg 2x", "b.jpg"),
        ("a.jpg 100w 50h (weird, thing), b.jpg 200w", "b.jpg"),
        ("  ,, ", ""),
        ("", ""),
    ],
)
def test_largest_srcset_candidate_is_selected(srcset: str, largest: str) -> None:
    assert find_largest(srcset) == largest


@given(st.text(alphabet="a, 1wx.()\n\t", max_size=80))
def test_parsing_any_text_as_srcset_raises_no_error(text: str) -> None:
    for url, size in parse_srcset(text):
        assert url
        assert size >= 0


def test_unclosed_brackets_end_a_srcset() -> None:
    assert parse_srcset("a.jpg 2x, b.jpg " + "(a " * LONG) == [("a.jpg", 2.0), ("b.jpg", 1.0)]
