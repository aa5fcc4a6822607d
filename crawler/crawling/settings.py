"""Scrapy's settings for a job: everything that a crawl of ours doesn't use is off."""

from typing import Any

from crawler.fetching import gate, http2
from crawler.fetching.certificates import Certificates
from crawler.fetching.cookies import Cookies
from crawler.fetching.resolver import resolver_for
from crawler.state.crawl import Crawl

_BASE = "scrapy.downloadermiddlewares"
_OFF = (
    f"{_BASE}.offsite.OffsiteMiddleware",
    f"{_BASE}.robotstxt.RobotsTxtMiddleware",
    f"{_BASE}.httpauth.HttpAuthMiddleware",
    f"{_BASE}.defaultheaders.DefaultHeadersMiddleware",
    f"{_BASE}.useragent.UserAgentMiddleware",
    f"{_BASE}.redirect.MetaRefreshMiddleware",
    f"{_BASE}.redirect.RedirectMiddleware",
    f"{_BASE}.httpcompression.HttpCompressionMiddleware",
    f"{_BASE}.cookies.CookiesMiddleware",
    f"{_BASE}.httpproxy.HttpProxyMiddleware",
    f"{_BASE}.stats.DownloaderStats",
    f"{_BASE}.httpcache.HttpCacheMiddleware",
)
_SPIDER_OFF = (
    "scrapy.spidermiddlewares.httperror.HttpErrorMiddleware",
    "scrapy.spidermiddlewares.referer.RefererMiddleware",
    "scrapy.spidermiddlewares.urllength.UrlLengthMiddleware",
    "scrapy.spidermiddlewares.depth.DepthMiddleware",
)
_EXTENSIONS_OFF = (
    "scrapy.extensions.corestats.CoreStats",
    "scrapy.extensions.logcount.LogCount",
    "scrapy.extensions.telnet.TelnetConsole",
    "scrapy.extensions.memusage.MemoryUsage",
    "scrapy.extensions.logstats.LogStats",
    "scrapy.extensions.feedexport.FeedExporter",
    "scrapy.extensions.throttle.AutoThrottle",
    "scrapy.extensions.remote_control.RemoteControl",
)


def scrapy_settings(crawl: Crawl) -> dict[str, Any]:
    """The settings of the CrawlerProcess; the resolver's setting counts only there."""
    limits, politeness = crawl.job.limits, crawl.job.politeness
    slots = {
        host: {"delay": max(delay, politeness.delay), "concurrency": politeness.concurrency_per_host, "jitter": 0}
        for host, delay in politeness.host_delays.items()
    }
    return {
        "TWISTED_DNS_RESOLVER": resolver_for(crawl.guard, crawl.refused),
        "DOWNLOADER_MIDDLEWARES": dict.fromkeys(_OFF)
        | {
            gate.Gate: 50,
            gate.Patience: 540,
            gate.Encodings: 590,
            gate.Redirects: 600,
            Cookies: 700,
            Certificates: 900,
        },
        "SPIDER_MIDDLEWARES": dict.fromkeys(_SPIDER_OFF),
        "EXTENSIONS": dict.fromkeys(_EXTENSIONS_OFF),
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
