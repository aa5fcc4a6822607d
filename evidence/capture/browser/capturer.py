"""Captures of a page with a browser, which record its appearance and the served bytes in one visit."""

import asyncio
import atexit
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from playwright.async_api import Browser, Error, Page

from evidence.capture import http_capturer
from evidence.capture.browser.limits import BrowserLimits
from evidence.capture.browser.observation import (
    WINDOW_HEIGHT,
    WINDOW_WIDTH,
    PageObservation,
    describe_outcome,
    describe_rendering,
    describe_resource,
)
from evidence.capture.browser.places import ENGINE_NAME, ENGINE_SCRIPT
from evidence.capture.browser.shots import PageRecorder
from evidence.capture.browser.traffic import Traffic
from evidence.capture.network_record import build_record, list_certificates
from evidence.capture.outcomes import build_referrer, find_inline_image, mentions_image
from evidence.capture.visitor import HostFilter, Visit, Visitor, deny_no_host
from evidence.capture.wire import Exchange, encode_warc
from evidence.formats.records import list_inline_images
from evidence.formats.wacz import WaczPage, build_wacz
from exhibit.browser.loading import (
    SCRIPT_SECONDS,
    block_popups,
    find_wall_signs,
    load_page,
    open_visitor_page,
    scroll_to_end,
)
from exhibit.browser.running import GRACE_SECONDS, LAUNCH_SECONDS, BrowserLostError, ControlledBrowser
from exhibit.clock import format_rfc3339, now
from exhibit.digests import Digest
from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.machine import describe_machine_fault
from exhibit.network.addresses import remove_fragment
from exhibit.network.guard import Guard
from exhibit.ports import CapturedFile, CaptureResult
from exhibit.sentences import Sentence, concatenate_sentences

METHOD_DESCRIPTION = (
    "The browser that rendered the page had no network access. This program made the requests of the page, recorded"
    " each request and response, and passed the responses to the browser. Web sockets, event streams, video and service"
    " workers were blocked. The TLS connections were made by this program, not by the browser."
)
_WITHOUT_BROWSER = Sentence("The page was visited without a browser:")
MAX_THREADS = 6
MAX_IMAGE_SECONDS = 20.0
MAX_ATTEMPTS = 3
LOGGER = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(eq=False, repr=False)
class BrowserCapturer:
    """Captures with a browser (port ``Capturer``); if none can be started, captures over HTTP, which is recorded."""

    program: Path
    guard: Guard
    user_agent: str  # appended to the browser's own user agent
    limits: http_capturer.CaptureLimits = field(default_factory=http_capturer.CaptureLimits)
    browser_limits: BrowserLimits = field(default_factory=BrowserLimits)
    ca_bundle: Path | None = None  # certificate authorities (PEM) that replace certifi's

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="fetch")
        self._http_capturer = http_capturer.HttpCapturer(self.guard, self.user_agent, self.limits, self.ca_bundle)
        self.browser = RunningBrowser(self.program, self.browser_limits)

    def close(self) -> None:
        """Stop the browser."""
        self.browser.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def capture(
        self, page_url: str, image_url: str, expected: Digest, denied: HostFilter = deny_no_host
    ) -> CaptureResult:
        """Visit page and image, and record the served bytes and the appearance of the page.

        Any behaviour of the sites is recorded as an outcome; only faults of this machine raise errors.
        """
        (captured,) = self.capture_all(page_url, [(image_url, expected)], denied)
        return captured

    def capture_all(
        self, page_url: str, images: Sequence[tuple[str, Digest]], denied: HostFilter = deny_no_host
    ) -> Iterator[CaptureResult]:
        """Capture several images of one page in a single visit, with a complete record for each image."""
        started_at, remaining_images = now(), list(images)
        try:
            self.guard.check_url(page_url)  # a browser would also open file: and internal URLs
        except RefusedError:
            yield from self._http_capturer.capture_all(page_url, images, denied)
            return
        problem = ""
        for _ in range(MAX_ATTEMPTS):
            try:
                observations = self.browser.run(
                    lambda browser: self._observe(browser, page_url, tuple(remaining_images), denied)
                )
                for observation in observations:
                    captured = self._create_capture(started_at, observation, *remaining_images[0], denied)
                    remaining_images.pop(0)  # this image is done, even if the next one fails
                    yield captured
            except ServiceMissingError as error:
                if describe_machine_fault(error):  # a fallback without a browser would hide the fault
                    raise
                problem = error.message
            except Exception as error:  # a page must not be able to abort the capture
                if describe_machine_fault(error):
                    raise
                LOGGER.exception("The capture of %s with a browser failed.", page_url)
                problem = Sentence("Exhibit failed to process the page.")
                break
            else:
                return
        for fallback in self._http_capturer.capture_all(page_url, remaining_images, denied):
            yield replace(fallback, sentence=concatenate_sentences(fallback.sentence, _WITHOUT_BROWSER, problem))

    async def _observe(
        self, browser: Browser, page_url: str, images: Sequence[tuple[str, Digest]], denied: HostFilter
    ) -> list[PageObservation]:
        """Load a page in a new context, scroll through it and take screenshots; return the result for each image."""
        agent = f"{_build_browser_agent(browser.version)} {self.user_agent}"
        async with open_visitor_page(browser, agent, WINDOW_WIDTH, WINDOW_HEIGHT) as page:
            # The time limit starts here, because opening a page in a browser is slow on a busy machine.
            seconds_left = http_capturer.create_countdown(time.monotonic() + self.browser_limits.seconds)
            visitor = Visitor(self.guard, agent, self.ca_bundle, denied)
            with closing(Traffic(visitor, self.browser_limits, self._pool, seconds_left, page=page)) as traffic:
                await page.context.route("**/*", traffic.handle_route)
                block_popups(page, traffic.refuse)
                photographer = PageRecorder(page, self.browser_limits, seconds_left)
                observation = PageObservation(
                    Visit(page_url), photographer.page_files, traffic, agent, f"Chromium {browser.version}"
                )
                try:
                    async with asyncio.timeout(self.browser_limits.seconds):
                        await self._observe_page(page, photographer, observation, page_url, images)
                except TimeoutError:
                    observation.page_files.missing_reasons["rest"] = Sentence(
                        "The time limit for this visit was reached."
                    )
                if traffic.machine_error is not None:
                    raise traffic.machine_error
                observation.page = traffic.build_page_visit(page_url)
                return [
                    replace(observation, page_files=page_files)
                    for page_files in photographer.list_page_files(len(images))
                ]

    async def _observe_page(
        self,
        page: Page,
        recorder: PageRecorder,
        observation: PageObservation,
        page_url: str,
        images: Sequence[tuple[str, Digest]],
    ) -> None:
        observation.blank_reason = await load_page(page, page_url, observation.traffic, self.browser_limits)
        if observation.blank_reason:
            return
        await scroll_to_end(page, observation.traffic, self.browser_limits)
        observation.wall_signs = await find_wall_signs(page)
        with suppress(Error, TimeoutError):
            observation.title = (await asyncio.wait_for(page.title(), SCRIPT_SECONDS))[:500]
        observation.dom_html = await recorder.read_dom()
        await recorder.record_page([_list_candidate_urls(observation, *image) for image in images])

    def _create_capture(
        self, started_at: datetime, observation: PageObservation, image_url: str, expected: Digest, denied: HostFilter
    ) -> CaptureResult:
        image = self._find_image(observation, image_url, expected, denied)
        finished_at = now()
        observation.page_files.store_boxed_screenshot(self.browser_limits.file_bytes)
        outcome, sentence = describe_outcome(observation, image, image_url, expected)
        facts = {
            "outcome": outcome,
            "started": format_rfc3339(started_at),
            "finished": format_rfc3339(finished_at),
            "user_agent": observation.user_agent,
            "page_names_image": mentions_image(observation.page, image_url),
            "rendered": describe_rendering(observation),
            "resources": [describe_resource(resource) for resource in observation.traffic.resources],
            "not_loaded": observation.traffic.refusals,
            "certificates": list_certificates([resource.visit for resource in observation.traffic.resources]),
        }
        software = {"browser": observation.browser_version, "playwright": version("playwright")}
        record = build_record([observation.page, image], METHOD_DESCRIPTION, facts, self.ca_bundle, software)
        files = (
            *self._write_archives(observation, started_at, image.exchanges),
            CapturedFile("network", "network.json", "application/json", record),
            *http_capturer.create_served_files(observation.page, image),
            *observation.page_files.files,
        )
        digest = Digest.from_bytes(image.body) if image.is_served and image.body and not image.obstacle else None
        digests = http_capturer.compute_digests(
            [*(resource.visit.body for resource in observation.traffic.resources), image.body, observation.dom_html]
        )
        return CaptureResult(
            outcome, sentence, started_at, finished_at, digest, files, method="browser", digests=digests
        )

    def _find_image(self, observation: PageObservation, image_url: str, expected: Digest, denied: HostFilter) -> Visit:
        """Return the image as received by the browser if it has the expected bytes; otherwise request it separately.

        Servers choose the image format by the ``Accept`` header. The separate request has the headers of the crawl, so
        that different bytes mean that the image has changed.
        """
        if image_url[:5].lower() == "data:":
            served_image = find_inline_image(observation.page, image_url, expected)
            rendered_image = find_inline_image(
                replace(observation.page, body=observation.dom_html), image_url, expected
            )
            return rendered_image if served_image.failure else served_image
        url = remove_fragment(image_url)
        for visit in (resource.visit for resource in observation.traffic.resources if resource.visit.url == url):
            if visit.body is not None and Digest.from_bytes(visit.body) == expected:
                return visit
        headers = {"Accept": http_capturer.IMAGE_ACCEPT, **build_referrer(observation.page.url, image_url)}
        visitor = Visitor(self.guard, self.user_agent, self.ca_bundle, denied)
        seconds_left = http_capturer.create_countdown(time.monotonic() + MAX_IMAGE_SECONDS)
        return visitor.visit(image_url, headers, self.limits.image_bytes, seconds_left)

    def _write_archives(
        self, observation: PageObservation, started_at: datetime, image_exchanges: tuple[Exchange, ...]
    ) -> tuple[CapturedFile, CapturedFile]:
        """Write the exchanges for page and image as WARC, and all exchanges as a web archive (WACZ)."""
        resources = observation.traffic.resources
        page_exchanges = [
            exchange for resource in resources if resource.is_page for exchange in resource.visit.exchanges
        ]
        all_exchanges = [exchange for resource in resources for exchange in resource.visit.exchanges]
        information = http_capturer.build_warc_information(observation.user_agent, "A browser ran the scripts.")
        main_warc = encode_warc(_sort_by_time([*page_exchanges, *image_exchanges]), information)
        full_warc = encode_warc(_sort_by_time([*all_exchanges, *image_exchanges]), information)
        web_archive = build_wacz(full_warc, WaczPage(observation.page.final_url, observation.title, started_at))
        return (
            CapturedFile("exchange", "exchange.warc", "application/warc", main_warc),
            CapturedFile("wacz", "capture.wacz", "application/wacz", web_archive),
        )


def _list_candidate_urls(observation: PageObservation, image_url: str, expected: Digest) -> list[str]:
    """Return URLs that the page may use for the image: those that served its bytes to the browser, if any."""
    if image_url[:5].lower() != "data:":
        return observation.traffic.find_urls(expected) or [image_url]
    style_visits = [
        resource.visit for resource in observation.traffic.resources if resource.kind in {"document", "stylesheet"}
    ]
    texts = [observation.dom_html, *(visit.body or b"" for visit in style_visits)]
    inline_urls = {
        url for text in texts for url, body in list_inline_images(text) if Digest.from_bytes(body) == expected
    }
    return [*sorted(inline_urls), *observation.traffic.find_urls(expected)]


def _sort_by_time(exchanges: Sequence[Exchange]) -> list[Exchange]:
    return sorted({id(exchange): exchange for exchange in exchanges}.values(), key=lambda exchange: exchange.started_at)


def _build_browser_agent(browser_version: str) -> str:
    """Build Chromium's user agent, with the reduced version that Chromium sends since version 101."""
    major = browser_version.partition(".")[0]
    return f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0 Safari/537.36"


class RunningBrowser:
    """Browser with its control thread, for one capture at a time."""

    def __init__(self, program: Path, limits: BrowserLimits) -> None:
        self._browser = ControlledBrowser(program, limits, {ENGINE_NAME: ENGINE_SCRIPT})
        self._limits = limits
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """Process id of the browser, or 0 if it is not running."""
        return self._browser.pid

    def run(self, work: Callable[[Browser], Awaitable[T]]) -> T:
        """Run an asynchronous function with the browser, and return its result.

        Raises:
            ServiceMissingError: The browser cannot be started.
            BrowserLostError: The browser exited, used too much memory or timed out; the next call starts a new one.
        """
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._run_loop, args=(self._loop,), name="browser", daemon=True)
                self._thread.start()
                atexit.register(self.close)
            max_seconds = LAUNCH_SECONDS + self._limits.seconds + GRACE_SECONDS
            future = asyncio.run_coroutine_threadsafe(self._browser.run(work), self._loop)
            try:
                return future.result(max_seconds + GRACE_SECONDS)
            except TimeoutError as error:
                future.cancel()
                self._browser.kill()
                raise BrowserLostError(Sentence("The browser did not exit.")) from error

    def close(self) -> None:
        """Stop browser, driver and thread."""
        with self._lock:
            if self._loop is None or self._thread is None:
                return
            with suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(self._browser.stop(), self._loop).result(GRACE_SECONDS)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(GRACE_SECONDS)
            self._loop = self._thread = None
            atexit.unregister(self.close)

    @staticmethod
    def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            # Tasks that are running when the browser is killed raise errors that no code awaits.
            runner.get_loop().set_exception_handler(lambda _, context: LOGGER.debug("%s", context["message"]))
            loop.run_forever()
