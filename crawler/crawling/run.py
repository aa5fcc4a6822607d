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
from crawler.fetching.certificates import Certificates, Https, authorities_of
from crawler.fetching.cookies import Cookies
from crawler.fetching.resolver import resolver_for
from crawler.formats.job import MIB, Job
from crawler.formats.lines import EndLine, Line, PageLine, RefusalLine
from crawler.reading.helper import helper
from crawler.reading.limits import REDIRECTS
from crawler.state.crawl import Crawl
from crawler.state.novelty import LEFT_OUT, left_out
from exhibit.errors import ExhibitError, ExitCode
from exhibit.reasons import Reason
from exhibit.types import Untyped

_CHECK_SECONDS = 0.5
_GRACE_SECONDS = 1.0
_MIN_MEMORY_MB = 1_024
_EXIT_CODES = {"memory": ExitCode.INCOMPLETE, "stopped": ExitCode.INCOMPLETE, "error": ExitCode.CHECK_FAILED}
_SENTENCES = {
    "budget-seconds": (Reason.BUDGET, "The job had used up its time."),
    "memory": (Reason.BUDGET, "The job had used up its memory."),
    "stopped": (Reason.BUDGET, "The job was stopped."),
    "error": (Reason.BUDGET, "The job broke off."),
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
        WrongUseError: The certificate authorities of the job cannot be read.
    """
    if not job.follow:
        _limit_memory(job.limits.memory_mb)
    crawl = Crawl(job, write, earlier)
    if job.reads_files:
        return read_files(crawl)
    crawl.authorities = authorities_of(job.ca_bundle)
    return _Run(crawl).go()


class _Run:
    def __init__(self, crawl: Crawl) -> None:
        self._crawl = crawl
        self._reason = ""
        self._signal = 0
        self._error: ExhibitError | None = None
        self._has_ended = False
        self._process = CrawlerProcess(scrapy_settings(crawl))
        self._crawler = self._process.create_crawler(CrawlSpider)

    def go(self) -> ExitCode:
        logging.getLogger("scrapy").setLevel(logging.CRITICAL)
        logging.getLogger("twisted").setLevel(logging.CRITICAL)
        self._process.crawl(self._crawler, crawl=self._crawl)
        self._crawler.signals.connect(self._failed, signal=signals.spider_error)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        from twisted.internet import reactor  # noqa: PLC0415 - importing it earlier would install another one

        self._reactor: Any = reactor
        reactor.callWhenRunning(self._check)
        self._process.start(install_signal_handlers=False)
        self._end(self._reason or self._crawl.budget.spent or "finished")
        if self._error is not None:
            raise self._error
        return ExitCode.INTERRUPTED if self._signal == signal.SIGINT else _EXIT_CODES.get(self._reason, ExitCode.DONE)

    def _check(self) -> None:
        """Check the time and memory limits regularly."""
        budget = self._crawl.budget
        if budget.seconds_left <= 0:
            self._stop("budget-seconds")
        elif budget.memory_spent:
            self._stop("memory")
        else:
            self._reactor.callLater(max(0.0, min(_CHECK_SECONDS, budget.seconds_left)), self._check)

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number
        if helper.process is not None:
            helper.process.kill()  # its current document is no longer needed
        self._reactor.callFromThread(self._stop, "stopped")

    def _failed(self, failure: Untyped) -> None:
        """End the job after an error of Exhibit in a callback, such as a full disk; other errors end only one visit."""
        if isinstance(failure.value, ExhibitError):
            self._error = failure.value
            self._reactor.callLater(0, self._stop, "error")

    def _stop(self, reason: str) -> None:
        """End the job at once; visits in progress are interrupted."""
        if self._has_ended:
            return
        self._reason = reason
        spider = self._crawler.spider
        if isinstance(spider, CrawlSpider) and reason != "error":
            spider.give_up(*_SENTENCES[reason], keep_begun_before=self._kept_seconds(reason))
        self._end(reason)
        self._process.stop()
        self._reactor.callLater(_GRACE_SECONDS, self._leave)

    def _kept_seconds(self, reason: str) -> float:
        """Return the start time, in seconds, before which an open visit must have started to be written as it is.

        A slice leaves late visits to the next slice, which visits them completely; an early visit has had its time and
        would
        otherwise never be written. A stand-alone job has no next slice. After a stop, only complete visits count.
        """
        if reason == "stopped":
            return -1.0
        return self._crawl.budget.seconds if self._crawl.job.follow else self._crawl.job.limits.seconds / 2

    def _leave(self) -> None:
        if self._reactor.running:
            self._reactor.stop()

    def _end(self, reason: str) -> None:
        if not self._has_ended:
            self._has_ended = True
            of = self._crawl.novelty.left_out if self._crawl.job.follow else {}  # the frontier's owner knows the counts
            for pattern, pages in of.items():
                self._crawl.write(RefusalLine(url=pattern, reason=LEFT_OUT, sentence=left_out(pattern, pages)))
            self._crawl.write(EndLine(reason=reason, counts=self._crawl.counts()))


def _limit_memory(megabytes: int) -> None:
    """Set a system limit far above the memory limit, which is checked only between two responses."""
    most = max(2 * megabytes, _MIN_MEMORY_MB) * MIB
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def scrapy_settings(crawl: Crawl) -> dict[str, Any]:
    """Return the settings of the CrawlerProcess, the only place where the resolver's setting takes effect."""
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
        "DOWNLOAD_HANDLERS": {"https": Https, "data": None, "file": None, "ftp": None, "s3": None},
        "CONCURRENT_ITEMS": 1,  # asyncio tasks that Scrapy creates for each response; none of them waits here
        "CONCURRENT_REQUESTS": politeness.concurrency,
        "CONCURRENT_REQUESTS_PER_DOMAIN": politeness.concurrency_per_host,
        "DOWNLOAD_DELAY": politeness.delay,
        "DOWNLOAD_DELAY_JITTER": 0,
        "DOWNLOAD_SLOTS": slots,
        "DOWNLOAD_TIMEOUT": limits.request_seconds,
        "DOWNLOAD_MAXSIZE": limits.max_picture_bytes,
        "DOWNLOAD_WARNSIZE": 0,
        "REDIRECT_MAX_TIMES": REDIRECTS,
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
