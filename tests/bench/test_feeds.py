"""The benchmark of feeds tells a feed that is read from one that is empty, refused, or passed over in silence."""

import pytest

from bench.feeds import NEITHER, outcome

ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title>{}</feed>'
RSS = '<rss version="2.0"><channel><title>News</title>{}</channel></rss>'
JSON = '{{"version": "https://jsonfeed.org/version/1.1", "title": "News", "items": [{}]}}'


@pytest.mark.parametrize(
    ("feed", "kind"),
    [
        (ATOM.format('<entry><link href="http://news.example/1"/></entry>'), "read: addresses of entries or pictures"),
        (JSON.format('{"url": "http://news.example/1"}'), "read: addresses of entries or pictures"),
        (ATOM.format(""), "read: it has no entries"),
        (RSS.format("<item><title>Words alone</title></item>"), "read: no entry names an address"),
        ('{"items": ', "refused with a reason"),
        ("<html><p>No feed", "refused with a reason"),
    ],
)
def test_what_becomes_of_a_feed_is_told(feed: str, kind: str) -> None:
    assert outcome(feed.encode())[0] == kind


def test_a_feed_whose_entries_name_addresses_that_are_not_read_counts_as_neither() -> None:
    feed = RSS.format('<item><link href="mailto:ann@news.example"/></item>')
    assert outcome(feed.encode())[0] == NEITHER
