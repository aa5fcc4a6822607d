from pathlib import Path

from crawler.crawling.run import build_scrapy_settings
from crawler.fetching.gate import AccessMiddleware, RedirectPolicyMiddleware
from crawler.formats.job import Job, Limits, Politeness, Target
from crawler.state.crawl import Crawl
from tests.assets.crawling import crawl, has_delay
from tests.assets.site import Site


def test_minimum_delay_separates_requests_to_a_host(tmp_path: Path) -> None:
    with Site() as site:
        site.page("/", "".join(f'<img src="/{n}.jpg">' for n in range(4)))
        for n in range(4):
            site.image(f"/{n}.jpg")
        crawl(tmp_path, urls=[{"url": site.url()}], follow=False, politeness={"delay": 0.2})
    assert has_delay(site, 0.2)


def test_job_sets_limits_and_delays_and_guard_checks_every_url(tmp_path: Path) -> None:
    politeness = Politeness(delay=2.0, concurrency_per_host=1, host_delays={"slow.example": 9.0, "quick.example": 0.1})
    limits = Limits(max_picture_bytes=1234, request_seconds=7)
    urls = (Target(url="http://a.example/"),)
    crawl = Crawl(Job(bytes_dir=tmp_path, urls=urls, politeness=politeness, limits=limits), lambda _line: None)
    settings = build_scrapy_settings(crawl)
    assert {host: slot["delay"] for host, slot in settings["DOWNLOAD_SLOTS"].items()} == {
        "slow.example": 9.0,
        "quick.example": 2.0,
    }
    assert (settings["DOWNLOAD_MAXSIZE"], settings["DOWNLOAD_TIMEOUT"]) == (1234, 7)
    assert (
        settings["DOWNLOADER_MIDDLEWARES"][AccessMiddleware]
        < settings["DOWNLOADER_MIDDLEWARES"][RedirectPolicyMiddleware]
    )
    for handler in ("file", "ftp", "s3", "data"):
        assert settings["DOWNLOAD_HANDLERS"][handler] is None
