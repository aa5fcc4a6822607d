import pytest

from crawler.reading.policy import reservations_of, robots_policy

LONG = 300_000
"""So often that anything slower than linear would take an hour."""


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", True),
        ("/private/a", False),
        ("/private/open/a", True),
        ("/tie", True),
        ("/a.php", False),
        ("/a.php?x", True),
        ("/deep/x/secret", False),
        ("/%7Euser", False),
        ("/~user", False),
    ],
)
def test_robots_are_read_as_rfc_9309_says(path: str, allowed: bool) -> None:  # noqa: FBT001 - a table
    body = b"""\xef\xbb\xbfUser-agent: other
Disallow: /

User-agent: ExhibitBot
User-agent: third
Disallow: /private/ # a comment
Allow: /private/open/
Disallow: /tie
Allow: /tie
Disallow: /*.php$
Disallow: /deep/*/secret
Disallow: /~user
"""
    policy = robots_policy(200, body, "ExhibitBot")
    assert policy.allows(f"http://example.org{path}") is allowed


@pytest.mark.parametrize(
    ("status", "allowed"),
    [(200, False), (204, False), (301, True), (403, True), (404, True), (429, False), (500, False)],
)
def test_the_status_of_robots_decides(status: int, allowed: bool) -> None:  # noqa: FBT001 - a table
    policy = robots_policy(status, b"User-agent: *\nDisallow: /", "ExhibitBot")
    assert policy.allows("http://example.org/") is allowed


def test_robots_name_sitemaps_delays_and_signals() -> None:
    body = b"User-agent: *\nCrawl-delay: 2.5\nContent-Signal: search=yes, ai-train=no\nSitemap: http://e.org/s.xml\n"
    policy = robots_policy(200, body, "ExhibitBot")
    assert policy.crawl_delay == 2.5
    assert policy.sitemaps == ("http://e.org/s.xml",)
    assert policy.ai == ("search=yes, ai-train=no",)


def test_reservations_cover_paths_by_their_first_rule() -> None:
    body = b"""[{"location": "/free/*", "tdm-reservation": 0}, {"location": "/*.jpg$", "tdm-reservation": 1,
        "tdm-policy": "http://e.org/p"}, {"location": "/exact$", "tdm-reservation": "1"}, 5, {"location": 5}]"""
    policy = robots_policy(404, b"", "x").with_reservations(reservations_of(body))

    def reserved(path: str) -> bool | None:
        rule = policy.reservation(f"http://e.org{path}")
        return None if rule is None else rule.reserved

    assert [reserved(path) for path in ("/free/a.jpg", "/a/b.jpg", "/a.jpg?x", "/exact", "/exactly", "/")] == [
        False, True, None, True, None, None,
    ]  # fmt: skip
    assert [reservations_of(text) for text in (b"", b"{}", b"\xff", b"[" * 50_000)] == [()] * 4


def test_a_robots_txt_of_empty_lines_is_read_at_once() -> None:
    policy = robots_policy(200, b"\n" * LONG + b" Content-Signal: ai-train=no\n", "ExhibitBot")
    assert policy.ai == ("ai-train=no",)
