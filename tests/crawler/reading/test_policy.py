import time

import pytest

from crawler.formats.job import UserAgent
from crawler.reading.policy import ROBOTS_BYTES, parse_reservations, parse_robots

LONG = 300_000
"""Repetitions for which anything slower than linear would take an hour."""


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
def test_robots_txt_follows_rfc_9309(path: str, allowed: bool) -> None:  # noqa: FBT001 - a table
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
    policy = parse_robots(200, body, "ExhibitBot")
    assert policy.allows(f"http://example.org{path}") is allowed


@pytest.mark.parametrize(
    "agent",
    [
        UserAgent().to_header(),
        UserAgent(url="https://example.org/bot", email="bot@example.org").to_header(),
        "ExhibitBot/0.1",
        "exhibitbot",
        "EXHIBITBOT/9",
        "ExhibitBot*",
        "Exhibit*",
        "*bot",
        "Mozilla/5.0 (compatible; ExhibitBot/0.1)",
        "  ExhibitBot   # that one",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_robots_group_matches_crawler_with_or_without_version(agent: str, end: str, mark: bytes) -> None:
    lines = ["User-agent: *", "Disallow: /all", "", f"User-agent: {agent}", "Disallow: /own", "Crawl-delay: 3"]
    policy = parse_robots(200, mark + end.join(lines).encode(), "ExhibitBot")
    assert [policy.allows(f"http://e.org{path}") for path in ("/own", "/all")] == [False, True]
    assert policy.crawl_delay == 3


@pytest.mark.parametrize("agent", ["Exhibit", "Bot", "ExhibitBot-Images", "MyExhibitBot", "bot/0.1", "", "e*x*h"])
def test_robots_group_of_other_crawler_is_ignored(agent: str) -> None:
    policy = parse_robots(200, f"User-agent: {agent}\nDisallow: /\nCrawl-delay: 9".encode(), "ExhibitBot")
    assert policy.allows("http://e.org/")
    assert policy.crawl_delay == 0


@pytest.mark.parametrize(
    "between",
    [
        "Crawl-delay: 5",
        "Request-rate: 1/5",
        "Noindex: /x",
        "Content-Signal: search=yes",
        "Sitemap: /s.xml",
        "#",
        "",
        "odd",
    ],
)
@pytest.mark.parametrize("agents", [("ExhibitBot", "other"), ("other", "ExhibitBot"), ("a", "*"), ("*", "b")])
def test_only_rule_lines_end_a_user_agent_list(between: str, agents: tuple[str, str]) -> None:
    body = f"User-agent: {agents[0]}\n{between}\nUser-agent: {agents[1]}\nDisallow: /own\n\nUser-agent: z\nDisallow: /"
    policy = parse_robots(200, body.encode(), "ExhibitBot")
    assert [policy.allows(f"http://e.org{path}") for path in ("/own", "/")] == [False, True]
    is_ours = between.startswith("Crawl-delay") and agents[0] in ("ExhibitBot", "*")
    assert policy.crawl_delay == (5 if is_ours else 0), "a delay counts for the agents before it"


def test_robots_groups_of_same_crawler_are_merged() -> None:
    body = b"""User-agent: ExhibitBot/0.1
Disallow: /a
User-agent: *
Disallow: /
User-agent: exhibitbot
Crawl-delay: 4
Disallow: /b
User-agent: *
Crawl-delay: 60
"""
    policy = parse_robots(200, body, "ExhibitBot")
    assert [policy.allows(f"http://e.org{path}") for path in ("/a", "/b", "/c")] == [False, False, True]
    assert policy.crawl_delay == 4
    assert parse_robots(200, body, "AnotherBot").crawl_delay == 60


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_oversized_robots_txt_is_read_to_last_whole_line(end: bytes) -> None:
    rules = [b"User-agent: *", b"Disallow: /own", *(b"# " + b"x" * 1_000 for _ in range(600)), b"Disallow: /late"]
    policy = parse_robots(200, end.join(rules), "ExhibitBot")
    assert [policy.allows(f"http://e.org{path}") for path in ("/own", "/late")] == [False, True]


@pytest.mark.parametrize(
    ("status", "allowed"),
    [(200, False), (204, False), (301, True), (403, True), (404, True), (429, False), (500, False)],
)
def test_robots_status_code_decides_access(status: int, allowed: bool) -> None:  # noqa: FBT001 - a table
    policy = parse_robots(status, b"User-agent: *\nDisallow: /", "ExhibitBot")
    assert policy.allows("http://example.org/") is allowed


def test_robots_txt_yields_sitemaps_delays_and_signals() -> None:
    body = b"User-agent: *\nCrawl-delay: 2.5\nContent-Signal: search=yes, ai-train=no\nSitemap: http://e.org/s.xml\n"
    policy = parse_robots(200, body, "ExhibitBot")
    assert policy.crawl_delay == 2.5
    assert policy.sitemaps == ("http://e.org/s.xml",)
    assert policy.ai_signals == ("search=yes, ai-train=no",)


def test_first_matching_tdm_reservation_rule_applies_to_a_path() -> None:
    body = b"""[{"location": "/free/*", "tdm-reservation": 0}, {"location": "/*.jpg$", "tdm-reservation": 1,
        "tdm-policy": "http://e.org/p"}, {"location": "/exact$", "tdm-reservation": "1"}, 5, {"location": 5}]"""
    policy = parse_robots(404, b"", "x").with_reservations(parse_reservations(body))

    def reserved(path: str) -> bool | None:
        rule = policy.find_reservation(f"http://e.org{path}")
        return None if rule is None else rule.is_reserved

    assert [reserved(path) for path in ("/free/a.jpg", "/a/b.jpg", "/a.jpg?x", "/exact", "/exactly", "/")] == [
        False, True, None, True, None, None,
    ]  # fmt: skip
    assert [parse_reservations(text) for text in (b"", b"{}", b"\xff", b"[" * 50_000)] == [()] * 4


def test_robots_txt_of_blank_lines_is_read_quickly() -> None:
    policy = parse_robots(200, b"\n" * LONG + b" Content-Signal: ai-train=no\n", "ExhibitBot")
    assert policy.ai_signals == ("ai-train=no",)


@pytest.mark.parametrize("line", ["User-agent: *a*b/1\n", "User-agent: a\nCrawl-delay: 5\n", " \t", "\r", "d", "*"])
def test_hostile_robots_txt_is_read_quickly(line: str) -> None:
    body = (line * (ROBOTS_BYTES // len(line))).encode()
    before = time.process_time()
    parse_robots(200, body, "ExhibitBot").allows("http://e.org/x")
    assert time.process_time() - before < 10
