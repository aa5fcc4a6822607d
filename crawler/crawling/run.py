"""Run one job in this process, from its first line to its end line."""

import logging
import resource
import signal
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from scrapy import signals
from scrapy.crawler import CrawlerProcess
from scrapy.downloadermiddlewares.downloadtimeout import DownloadTimeoutMiddleware
from scrapy.downloadermiddlewares.retry import RetryMiddleware

from crawler.crawling.files import read_files
from crawler.crawling.spider import CrawlSpider
from crawler.fetching import gate
from crawler.fetching.certificates import CertificateMiddleware, HttpsDownloadHandler, load_authorities
from crawler.fetching.cookies import CookieMiddleware
from crawler.fetching.resolver import make_resolver_class
from crawler.formats.job import MIB, Job
from crawler.formats.lines import EndLine, Line, PageLine, RefusalLine
from crawler.reading.helper import helper
from crawler.reading.limits import MAX_REDIRECTS
from crawler.state.crawl import Crawl
from crawler.state.novelty import SKIP_REASON, describe_skipped_pages
from exhibit.errors import ExhibitError, ExitCode
from exhibit.reasons import Reason
from exhibit.types import Untyped

_CHECK_SECONDS = 0.5
_GRACE_SECONDS = 1.0
_MIN_MEMORY_MB = 1_024
_EXIT_CODES_BY_REASON = {"memory": ExitCode.INCOMPLETE, "stopped": ExitCode.INCOMPLETE, "error": ExitCode.CHECK_FAILED}
_REFUSALS_BY_REASON = {
    "budget-seconds": (Reason.BUDGET, "The time limit of the job was reached."),
    "memory": (Reason.BUDGET, "The memory limit of the job was reached."),
    "stopped": (Reason.BUDGET, "The job was stopped."),
    "error": (Reason.BUDGET, "The job was interrupted."),
}


def run(job: Job, write: Callable[[Line], None], earlier: Sequence[PageLine | RefusalLine] = ()) -> ExitCode:
    """Run a job to its end, at most once per process, as a Twisted reactor cannot be restarted.

    Lines are written as soon as they are complete, the end line last. SIGTERM and SIGINT end the job with its complete
    lines and the end line.

    Args:
        job: The job.
        write: Receives each line.
        earlier: Lines of an interrupted run of the same job, which is continued.

    Returns:
        ``DONE``, also if a budget ended the job; ``INCOMPLETE`` after SIGTERM or at the memory limit; ``INTERRUPTED``
        after SIGINT.

    Raises:
        ServiceMissingError: The folder for the bytes cannot be written.
        InvalidRequestError: The certificate authorities of the job cannot be read.
    """
    if not job.follow:
        _limit_memory(job.limits.memory_mb)
    crawl = Crawl(job, write, earlier)
    if job.has_file_sources:
        return read_files(crawl)
    crawl.authorities = load_authorities(job.ca_bundle)
    return _JobRun(crawl).execute()


class _JobRun:
    def __init__(self, crawl: Crawl) -> None:
        self._crawl = crawl
        self._reason = ""
        self._signal = 0
        self._error: ExhibitError | None = None
        self._has_ended = False
        self._process = CrawlerProcess(build_scrapy_settings(crawl))
        self._crawler = self._process.create_crawler(CrawlSpider)

    def execute(self) -> ExitCode:
        logging.getLogger("scrapy").setLevel(logging.CRITICAL)
        logging.getLogger("twisted").setLevel(logging.CRITICAL)
        self._process.crawl(self._crawler, crawl=self._crawl)
        self._crawler.signals.connect(self._handle_error, signal=signals.spider_error)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle_signal)
        from twisted.internet import reactor  # noqa: PLC0415 - importing it earlier would install another one

        self._reactor: Any = reactor
        reactor.callWhenRunning(self._check_limits)
        self._process.start(install_signal_handlers=False)
        self._write_end(self._reason or self._crawl.budget.exhausted_limit or "finished")
        if self._error is not None:
            raise self._error
        return (
            ExitCode.INTERRUPTED
            if self._signal == signal.SIGINT
            else _EXIT_CODES_BY_REASON.get(self._reason, ExitCode.DONE)
        )

    def _check_limits(self) -> None:
        """Check the time and memory limits regularly."""
        budget = self._crawl.budget
        if budget.seconds_left <= 0:
            self._stop_job("budget-seconds")
        elif budget.is_memory_limit_exceeded:
            self._stop_job("memory")
        else:
            self._reactor.callLater(max(0.0, min(_CHECK_SECONDS, budget.seconds_left)), self._check_limits)

    def _handle_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number
        if helper.process is not None:
            helper.process.kill()  # its current document is no longer needed
        self._reactor.callFromThread(self._stop_job, "stopped")

    def _handle_error(self, failure: Untyped) -> None:
        """End the job after an Exhibit error in a callback, such as a full disk; other errors end only one visit."""
        if isinstance(failure.value, ExhibitError):
            self._error = failure.value
            self._reactor.callLater(0, self._stop_job, "error")

    def _stop_job(self, reason: str) -> None:
        """End the job immediately; visits in progress are interrupted."""
        if self._has_ended:
            return
        self._reason = reason
        spider = self._crawler.spider
        if isinstance(spider, CrawlSpider) and reason != "error":
            spider.abort(*_REFUSALS_BY_REASON[reason], keep_started_before=self._get_start_limit(reason))
        self._write_end(reason)
        self._process.stop()
        self._reactor.callLater(_GRACE_SECONDS, self._stop_reactor)

    def _get_start_limit(self, reason: str) -> float:
        """Return the time by which an open visit must have started for its current results to be written.

        The time is in seconds since the start of the job. Visits that started later are left to the next slice, which
        visits them completely. A visit that started earlier has used its time and would otherwise never be written. A
        stand-alone job has no next slice. After a stop, only complete visits are written.
        """
        if reason == "stopped":
            return -1.0
        return self._crawl.budget.seconds if self._crawl.job.follow else self._crawl.job.limits.seconds / 2

    def _stop_reactor(self) -> None:
        if self._reactor.running:
            self._reactor.stop()

    def _write_end(self, reason: str) -> None:
        if not self._has_ended:
            self._has_ended = True
            # Without ``follow``, the caller counts and reports the skipped pages
            skipped_patterns = self._crawl.novelty.skipped_pages if self._crawl.job.follow else {}
            for pattern, pages in skipped_patterns.items():
                self._crawl.write(
                    RefusalLine(url=pattern, reason=SKIP_REASON, sentence=describe_skipped_pages(pattern, pages))
                )
            self._crawl.write(EndLine(reason=reason, counts=self._crawl.get_counts()))


def _limit_memory(megabytes: int) -> None:
    """Set a system limit far above the memory limit, which is checked only between two responses."""
    max_bytes = max(2 * megabytes, _MIN_MEMORY_MB) * MIB
    _, hard_limit = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(
        resource.RLIMIT_DATA,
        (max_bytes if hard_limit == resource.RLIM_INFINITY else min(max_bytes, hard_limit), hard_limit),
    )


def build_scrapy_settings(crawl: Crawl) -> dict[str, Any]:
    """Return the settings of the CrawlerProcess, the only place where the resolver's setting takes effect."""
    limits, politeness = crawl.job.limits, crawl.job.politeness
    slots = {
        host: {"delay": max(delay, politeness.delay), "concurrency": politeness.concurrency_per_host, "jitter": 0}
        for host, delay in politeness.host_delays.items()
    }
    return {
        "TWISTED_DNS_RESOLVER": make_resolver_class(crawl.guard, crawl.resolver_errors),
        "DOWNLOADER_MIDDLEWARES_BASE": {},
        "DOWNLOADER_MIDDLEWARES": {
            gate.AccessMiddleware: 50,
            DownloadTimeoutMiddleware: 350,
            gate.RetryAfterMiddleware: 540,
            RetryMiddleware: 550,
            gate.DecodingMiddleware: 590,
            gate.RedirectPolicyMiddleware: 600,
            CookieMiddleware: 700,
            CertificateMiddleware: 900,
        },
        "SPIDER_MIDDLEWARES_BASE": {},
        "EXTENSIONS_BASE": {},
        "DOWNLOAD_HANDLERS": {"https": HttpsDownloadHandler, "data": None, "file": None, "ftp": None, "s3": None},
        "CONCURRENT_ITEMS": 1,  # asyncio tasks that Scrapy creates for each response; none of them waits here
        "CONCURRENT_REQUESTS": politeness.concurrency,
        "CONCURRENT_REQUESTS_PER_DOMAIN": politeness.concurrency_per_host,
        "DOWNLOAD_DELAY": politeness.delay,
        "DOWNLOAD_DELAY_JITTER": 0,
        "DOWNLOAD_SLOTS": slots,
        "DOWNLOAD_TIMEOUT": limits.request_seconds,
        "DOWNLOAD_MAXSIZE": limits.max_picture_bytes,
        "DOWNLOAD_WARNSIZE": 0,
        "REDIRECT_MAX_TIMES": MAX_REDIRECTS,
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
