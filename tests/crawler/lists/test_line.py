"""Test which lines of a list are accepted."""

import pytest

from crawler.lists.line import PAGE, SKIP_REASONS, Line, LineFilter
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
def test_url_format_is_validated(url: str, reason: str) -> None:
    assert LineFilter().get_skip_reason(Line(url), GUARD) == reason
    assert not reason or SKIP_REASONS[reason].endswith(".")


@pytest.mark.parametrize(
    ("rules", "accepted", "rejected"),
    [
        (LineFilter(hosts=("a.example",)), "http://cdn.a.example/1", "http://nota.example/1"),
        (LineFilter(without_hosts=("a.example",)), "http://b.example/1", "http://x.a.example/1"),
        (LineFilter(suffixes=(".jpg", ".png")), "http://a.example/1.JPG?x=1", "http://a.example/1?x=.jpg"),
        (LineFilter(words=("wave", "fuji")), "http://a.example/the-WAVE.jpg", "http://a.example/1.jpg"),
    ],
)
def test_hosts_suffixes_and_words_exclude_rows(rules: LineFilter, accepted: str, rejected: str) -> None:
    assert rules.get_skip_reason(Line(accepted), GUARD) == ""
    assert rules.get_skip_reason(Line(rejected), GUARD) in {"host", "without-host", "suffix", "word"}


def test_word_filter_matches_caption_and_size_filter_needs_a_size() -> None:
    url = "http://a.example/1.jpg"
    assert (
        LineFilter(words=("straße".casefold(),)).get_skip_reason(Line(url, context="Die Straße am Abend"), GUARD) == ""
    )
    large = LineFilter(min_width=300, min_height=200)
    assert large.get_skip_reason(Line(url, width=300, height=200), GUARD) == ""
    assert large.get_skip_reason(Line(url), GUARD) == ""
    assert large.get_skip_reason(Line(url, width=299, height=900), GUARD) == "too-small"
    assert large.get_skip_reason(Line(url, width=900, height=199), GUARD) == "too-small"


def test_page_urls_without_a_file_suffix_can_be_excluded() -> None:
    page = Line("http://a.example/shop", PAGE)
    assert LineFilter(suffixes=(".jpg",)).get_skip_reason(page, GUARD) == ""
    assert LineFilter(only="image").get_skip_reason(page, GUARD) == "only"
    assert LineFilter(only="page").get_skip_reason(page, GUARD) == ""


def test_row_errors_are_reported_before_filters() -> None:
    assert LineFilter(hosts=("a.example",)).get_skip_reason(Line("", problem="encoding"), GUARD) == "encoding"
