"""Test which lines of a list are accepted."""

import pytest

from crawler.lists.line import PAGE, REASONS, Line, Wanted
from exhibit.network.guard import Guard

GUARD = Guard()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://a.example/1.jpg", ""),
        ("https://bücher.example/ü.png?x=1", ""),
        ("a.example/1.jpg", "scheme"),
        ("ftp://a.example/1.jpg", "scheme"),
        ("http://a.example/a b.jpg", "bad-url"),
        ("http:///1.jpg", "bad-url"),
        ("http://10.1.2.3/1.jpg", "private-address"),
        ("http://[::1]/1.jpg", "private-address"),
        ("http://2130706433/1.jpg", "private-address"),
        ("http://localhost/1.jpg", "private-address"),
        ("http://me:secret@a.example/1.jpg", "credentials"),
        ("http://a.example:22/1.jpg", "port"),
        ("http://a.example/" + "a" * 9_000, "too-long"),
    ],
)
def test_an_address_is_checked_by_its_form(url: str, reason: str) -> None:
    assert Wanted().refusal(Line(url), GUARD) == reason
    assert not reason or REASONS[reason].endswith(".")


@pytest.mark.parametrize(
    ("wanted", "taken", "left"),
    [
        (Wanted(hosts=("a.example",)), "http://cdn.a.example/1", "http://nota.example/1"),
        (Wanted(without_hosts=("a.example",)), "http://b.example/1", "http://x.a.example/1"),
        (Wanted(suffixes=(".jpg", ".png")), "http://a.example/1.JPG?x=1", "http://a.example/1?x=.jpg"),
        (Wanted(words=("wave", "fuji")), "http://a.example/the-WAVE.jpg", "http://a.example/1.jpg"),
    ],
)
def test_hosts_suffixes_and_words_leave_lines_out(wanted: Wanted, taken: str, left: str) -> None:
    assert wanted.refusal(Line(taken), GUARD) == ""
    assert wanted.refusal(Line(left), GUARD) in {"host", "without-host", "suffix", "word"}


def test_a_word_may_stand_in_the_caption_and_a_size_counts_where_it_is_stated() -> None:
    url = "http://a.example/1.jpg"
    assert Wanted(words=("straße".casefold(),)).refusal(Line(url, context="Die Straße am Abend"), GUARD) == ""
    large = Wanted(min_width=300, min_height=200)
    assert large.refusal(Line(url, width=300, height=200), GUARD) == ""
    assert large.refusal(Line(url), GUARD) == ""
    assert large.refusal(Line(url, width=299, height=900), GUARD) == "too-small"
    assert large.refusal(Line(url, width=900, height=199), GUARD) == "too-small"


def test_a_page_has_no_suffix_and_may_be_left_out_as_a_page() -> None:
    page = Line("http://a.example/shop", PAGE)
    assert Wanted(suffixes=(".jpg",)).refusal(page, GUARD) == ""
    assert Wanted(only="image").refusal(page, GUARD) == "only"
    assert Wanted(only="page").refusal(page, GUARD) == ""


def test_what_is_wrong_with_a_line_is_told_before_anything_else() -> None:
    assert Wanted(hosts=("a.example",)).refusal(Line("", problem="encoding"), GUARD) == "encoding"
