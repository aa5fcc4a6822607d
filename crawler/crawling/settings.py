"""Scrapy's settings for a job: everything that a crawl of ours doesn't use is off."""

from typing import Any

from scrapy.downloadermiddlewares.downloadtimeout import DownloadTimeoutMiddleware
from scrapy.downloadermiddlewares.retry import RetryMiddleware

from crawler.fetching import gate, http2
from crawler.fetching.certificates import Certificates
from crawler.fetching.cookies import Cookies
from crawler.fetching.resolver import resolver_for
from crawler.state.crawl import Crawl


def scrapy_settings(crawl: Crawl) -> dict[str, Any]:
    """The settings of the CrawlerProcess; the resolver's setting counts only there."""
    limits, politeness = crawl.job.limits, crawl.job.politeness
    slots = {
        host: {"delay": max(delay, politeness.delay), "concurrency": politeness.concurrency_per_host, "jitter": 0}
        for host, delay in politeness.host_delays.items()
    }
    return {
        "TWISTED_DNS_RESOLVER": resolver_for(crawl.guard, crawl.refused),
        "DOWNLOADER_MIDDLEWARES_BASE": {},
        "DOWNLOADER_MIDDLEWARES": {
            gate.Gate: 50,
            DownloadTimeoutMiddleware: 350,
            gate.Patience: 540,
            RetryMiddleware: 550,
            gate.Encodings: 590,
            gate.Redirects: 600,
            Cookies: 700,
            Certificates: 900,
        },
        "SPIDER_MIDDLEWARES_BASE": {},
        "EXTENSIONS_BASE": {},
        "DOWNLOAD_HANDLERS": {"https": http2.Https, "data": None, "file": None, "ftp": None, "s3": None},
        "CONCURRENT_REQUESTS": politeness.concurrency,
        "CONCURRENT_REQUESTS_PER_DOMAIN": politeness.concurrency_per_host,
        "DOWNLOAD_DELAY": politeness.delay,
        "DOWNLOAD_DELAY_JITTER": 0,
        "DOWNLOAD_SLOTS": slots,
        "DOWNLOAD_TIMEOUT": limits.request_seconds,
        "DOWNLOAD_MAXSIZE": limits.max_picture_bytes,
        "DOWNLOAD_WARNSIZE": 0,
        "REDIRECT_MAX_TIMES": 5,
        "RETRY_TIMES": 1,
        "RETRY_HTTP_CODES": [500, 502, 504, 522, 524, 408],
        "RETRY_EXCEPTIONS": [
            "scrapy.exceptions.DownloadConnectionRefusedError",
            "scrapy.exceptions.DownloadFailedError",
            "scrapy.exceptions.ResponseDataLossError",
            "twisted.internet.error.ConnectionDone",
            "twisted.internet.error.ConnectionLost",
        ],
        "RETRY_GIVE_UP_LOG_LEVEL": "DEBUG",
        "SCRAPER_SLOT_MAX_ACTIVE_SIZE": 32 * 1024 * 1024,
        "LOG_ENABLED": False,
        "LOG_INSTALL_ROOT_HANDLER": False,
        "LOG_LEVEL": "ERROR",
        "STATS_DUMP": False,
        "WARN_ON_GENERATOR_RETURN_VALUE": False,
    }
