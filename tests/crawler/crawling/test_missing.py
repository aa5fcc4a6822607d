"""Test that responses for missing URLs are recognised as "not found"."""

import re
from collections import Counter
from pathlib import Path

from tests.assets.crawling import WORDS, crawl
from tests.assets.site import Answer, Site


def test_soft_404_pages_count_as_not_found(tmp_path: Path) -> None:
    error_page = f"<title>Oh</title><p>We are sorry, {WORDS}</p><img src=/logo.jpg><a href=/help>help</a>"
    with Site() as site:
        links = "".join(f'<a href="/gone-{name}">x</a>' for name in "abcdefgh")
        site.page("/", f"<img src=/logo.jpg>{links}")
        site.page("/help", "<p>help")
        site.routes["/robots.txt"] = Answer(status=404)
        site.image("/logo.jpg")
        site.fallback = lambda _: Answer(error_page.encode())
        done = crawl(
            tmp_path,
            sources=[{"kind": "site", "url": site.url()}],
            politeness={"concurrency_per_host": 1},
            limits={"pages": 20},
        )
        requested_paths = site.requested_paths()
    reasons = Counter(done.refusals.values())
    assert reasons["not-found"] >= 5
    assert reasons["near-duplicate"] <= 2
    made_up = [path for path in requested_paths if re.fullmatch("/[0-9a-f]{24}", path)]
    assert len(made_up) == 1
    page_urls = {sighting.page_url for sighting in done.sightings}
    assert {url for url, reason in done.refusals.items() if reason == "not-found"} < page_urls  # a logo was seen there


def test_soft_404_probe_respects_robots_txt_and_runs_only_after_repeated_pages(tmp_path: Path) -> None:
    with Site() as site:
        site.page("/", "".join(f'<a href="/p/{name}">x</a>' for name in "abcd"))
        site.routes["/robots.txt"] = Answer(b"User-agent: *\nAllow: /$\nAllow: /p/\nDisallow: /", "text/plain")
        for name in "abcd":
            site.page(f"/p/{name}", f"<p>{WORDS}</p>")
        crawl(tmp_path / "forbidden", sources=[{"kind": "site", "url": site.url()}])
        site.routes["/robots.txt"] = Answer(status=404)
        for name in "abcd":
            site.page(f"/p/{name}", "<p>" + " ".join(f"{name}{number}" for number in range(40)))
        crawl(tmp_path / "unlike", sources=[{"kind": "site", "url": site.url()}])
        assert not [path for path in site.requested_paths() if re.fullmatch("/[0-9a-f]{24}", path)]
