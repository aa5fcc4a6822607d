"""Captures of a page with a browser: its appearance along with what was served, in one visit."""

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
    HEIGHT,
    WIDTH,
    PageObservation,
    describe_outcome,
    describe_rendering,
    describe_resource,
)
from evidence.capture.browser.places import ENGINE, ENGINE_NAME
from evidence.capture.browser.shots import Photographer
from evidence.capture.browser.traffic import Traffic
from evidence.capture.network_record import build_record, list_certificates
from evidence.capture.outcomes import build_referrer, find_inline_image, mentions_image
from evidence.capture.visitor import Denied, Visit, Visitor, deny_nobody
from evidence.capture.wire import Exchange, write_warc
from evidence.formats.records import inline_bodies
from evidence.formats.wacz import WaczPage, write_wacz
from exhibit.browser.loading import ANSWER_SECONDS, keep_alone, load, scroll_through, visitors_page, wall_signs
from exhibit.browser.running import GRACE_SECONDS, LAUNCH_SECONDS, BrowserLostError, SteeredBrowser
from exhibit.clock import now, rfc3339
from exhibit.digests import Digest
from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.machine import machine_fault
from exhibit.network.addresses import without_fragment
from exhibit.network.guard import Guard
from exhibit.ports import Captured, CapturedFile
from exhibit.sentences import Sentence, following

METHOD = (
    "Rendered by a browser without a network of its own; every request of the page was made by this program, recorded"
    " as it was on the wire, and handed to the browser. Web sockets, event streams, films and service workers were left"
    " out. The connection's TLS is this program's, not the browser's."
)
_WITHOUT = Sentence("Visited without a browser:")
THREADS = 6
IMAGE_SECONDS = 20.0
MAX_ATTEMPTS = 3
LOGGER = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(eq=False, repr=False)
class BrowserCapturer:
    """Visits with a browser (port ``Capturer``), or without one, which is stated, if none can be started."""

    program: Path
    guard: Guard
    user_agent: str  # appended to the browser's own user agent
    limits: http_capturer.CaptureLimits = field(default_factory=http_capturer.CaptureLimits)
    browser_limits: BrowserLimits = field(default_factory=BrowserLimits)
    ca_bundle: Path | None = None  # authorities (PEM) to check certificates against instead of certifi's

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="fetch")
        self._plain = http_capturer.HttpCapturer(self.guard, self.user_agent, self.limits, self.ca_bundle)
        self.browser = RunningBrowser(self.program, self.browser_limits)

    def close(self) -> None:
        """Stop the browser."""
        self.browser.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def capture(self, page_url: str, image_url: str, expected: Digest, denied: Denied = deny_nobody) -> Captured:
        """Visit page and image; record what was served and how it looked.

        Any behaviour of the sites is an outcome, never an error; problems of the machine are raised.
        """
        (captured,) = self.capture_all(page_url, [(image_url, expected)], denied)
        return captured

    def capture_all(
        self, page_url: str, images: Sequence[tuple[str, Digest]], denied: Denied = deny_nobody
    ) -> Iterator[Captured]:
        """Capture several images of one page, which is visited once; the record of each image is complete in itself."""
        started, remaining = now(), list(images)
        try:
            self.guard.check_url(page_url)  # a browser also opens file: and its own pages
        except RefusedError:
            yield from self._plain.capture_all(page_url, images, denied)
            return
        problem = ""
        for _ in range(MAX_ATTEMPTS):
            try:
                observations = self.browser.run(
                    lambda browser: self._observe(browser, page_url, tuple(remaining), denied)
                )
                for observation in observations:
                    captured = self._create_capture(started, observation, *remaining[0], denied)
                    remaining.pop(0)  # this image is reported whatever happens with the next one
                    yield captured
            except ServiceMissingError as error:
                if machine_fault(error):  # a visit without a browser would hide the fault
                    raise
                problem = error.message
            except Exception as error:  # no page may make this program lose the visit
                if machine_fault(error):
                    raise
                LOGGER.exception("The capture of %s with a browser failed.", page_url)
                problem = Sentence("Exhibit failed to process the page.")
                break
            else:
                return
        for fallback in self._plain.capture_all(page_url, remaining, denied):
            yield replace(fallback, sentence=following(fallback.sentence, _WITHOUT, problem))

    async def _observe(
        self, browser: Browser, page_url: str, images: Sequence[tuple[str, Digest]], denied: Denied
    ) -> list[PageObservation]:
        """Load a page in a new context, scroll through it and take screenshots; returns the result for each image."""
        agent = f"{_build_browser_agent(browser.version)} {self.user_agent}"
        async with visitors_page(browser, agent, WIDTH, HEIGHT) as page:
            # The time starts here because a browser on a busy machine is slow to open a page.
            seconds_left = http_capturer.create_countdown(time.monotonic() + self.browser_limits.seconds)
            visitor = Visitor(self.guard, agent, self.ca_bundle, denied)
            with closing(Traffic(visitor, self.browser_limits, self._pool, seconds_left, page=page)) as traffic:
                await page.context.route("**/*", traffic.answer)
                keep_alone(page, traffic.refuse)
                photographer = Photographer(page, self.browser_limits, seconds_left)
                observation = PageObservation(
                    Visit(page_url), photographer.shots, traffic, agent, f"Chromium {browser.version}"
                )
                try:
                    async with asyncio.timeout(self.browser_limits.seconds):
                        await self._observe_page(page, photographer, observation, page_url, images)
                except TimeoutError:
                    observation.shots.missing["rest"] = Sentence("The time limit for this visit was reached.")
                if traffic.lack is not None:
                    raise traffic.lack
                observation.page = traffic.page_visit(page_url)
                return [replace(observation, shots=shots) for shots in photographer.list_shots(len(images))]

    async def _observe_page(
        self,
        page: Page,
        photographer: Photographer,
        observation: PageObservation,
        page_url: str,
        images: Sequence[tuple[str, Digest]],
    ) -> None:
        observation.nothing = await load(page, page_url, observation.traffic, self.browser_limits)
        if observation.nothing:
            return
        await scroll_through(page, observation.traffic, self.browser_limits)
        observation.signs = await wall_signs(page)
        with suppress(Error, TimeoutError):
            observation.title = (await asyncio.wait_for(page.title(), ANSWER_SECONDS))[:500]
        observation.dom = await photographer.dom()
        await photographer.take([_list_candidate_urls(observation, *image) for image in images])

    def _create_capture(
        self, started: datetime, observation: PageObservation, image_url: str, expected: Digest, denied: Denied
    ) -> Captured:
        image = self._find_image(observation, image_url, expected, denied)
        finished = now()
        observation.shots.box(self.browser_limits.file_bytes)
        outcome, sentence = describe_outcome(observation, image, image_url, expected)
        facts = {
            "outcome": outcome,
            "started": rfc3339(started),
            "finished": rfc3339(finished),
            "user_agent": observation.agent,
            "page_names_image": mentions_image(observation.page, image_url),
            "rendered": describe_rendering(observation),
            "resources": [describe_resource(loaded) for loaded in observation.traffic.resources],
            "not_loaded": observation.traffic.refusals,
            "certificates": list_certificates([loaded.visit for loaded in observation.traffic.resources]),
        }
        software = {"browser": observation.browser, "playwright": version("playwright")}
        record = build_record([observation.page, image], METHOD, facts, self.ca_bundle, software)
        files = (
            *self._write_archives(observation, started, image.exchanges),
            CapturedFile("network", "network.json", "application/json", record),
            *http_capturer.create_served_files(observation.page, image),
            *observation.shots.files,
        )
        digest = Digest.of(image.body) if image.is_served and image.body and not image.obstacle else None
        digests = http_capturer.compute_digests(
            [*(loaded.visit.body for loaded in observation.traffic.resources), image.body, observation.dom]
        )
        return Captured(outcome, sentence, started, finished, digest, files, method="browser", digests=digests)

    def _find_image(self, observation: PageObservation, image_url: str, expected: Digest, denied: Denied) -> Visit:
        """Return the image as the browser received it if it has the expected bytes; else request it separately.

        Servers choose the format of an image by what the visitor accepts. It is requested as the crawl did, so that
        different bytes mean a changed image, not a different visitor.
        """
        if image_url[:5].lower() == "data:":
            served = find_inline_image(observation.page, image_url, expected)
            rendered_image = find_inline_image(replace(observation.page, body=observation.dom), image_url, expected)
            return rendered_image if served.failure else served
        address = without_fragment(image_url)
        for visit in (loaded.visit for loaded in observation.traffic.resources if loaded.visit.url == address):
            if visit.body is not None and Digest.of(visit.body) == expected:
                return visit
        headers = {"Accept": http_capturer.IMAGE_ACCEPT, **build_referrer(observation.page.url, image_url)}
        visitor = Visitor(self.guard, self.user_agent, self.ca_bundle, denied)
        seconds_left = http_capturer.create_countdown(time.monotonic() + IMAGE_SECONDS)
        return visitor.visit(image_url, headers, self.limits.image_bytes, seconds_left)

    def _write_archives(
        self, observation: PageObservation, started: datetime, image_exchanges: tuple[Exchange, ...]
    ) -> tuple[CapturedFile, CapturedFile]:
        """Return the exchanges for page and image as WARC, and all exchanges as a web archive."""
        resources = observation.traffic.resources
        page_exchanges = [exchange for loaded in resources if loaded.is_page for exchange in loaded.visit.exchanges]
        all_exchanges = [exchange for loaded in resources for exchange in loaded.visit.exchanges]
        information = http_capturer.build_warc_information(observation.agent, "A browser ran the scripts.")
        main = write_warc(_sort_by_time([*page_exchanges, *image_exchanges]), information)
        whole = write_warc(_sort_by_time([*all_exchanges, *image_exchanges]), information)
        archive = write_wacz(whole, WaczPage(observation.page.final_url, observation.title, started))
        return (
            CapturedFile("exchange", "exchange.warc", "application/warc", main),
            CapturedFile("wacz", "capture.wacz", "application/wacz", archive),
        )


def _list_candidate_urls(observation: PageObservation, image_url: str, expected: Digest) -> list[str]:
    """Return the URLs under which the page may show the image: those at which the browser got its bytes, if any."""
    if image_url[:5].lower() != "data:":
        return observation.traffic.urls_of(expected) or [image_url]
    styled = [loaded.visit for loaded in observation.traffic.resources if loaded.kind in {"document", "stylesheet"}]
    texts = [observation.dom, *(visit.body or b"" for visit in styled)]
    inline = {address for text in texts for address, body in inline_bodies(text) if Digest.of(body) == expected}
    return [*sorted(inline), *observation.traffic.urls_of(expected)]


def _sort_by_time(exchanges: Sequence[Exchange]) -> list[Exchange]:
    return sorted({id(exchange): exchange for exchange in exchanges}.values(), key=lambda exchange: exchange.started_at)


def _build_browser_agent(browser_version: str) -> str:
    """Return Chromium's user agent, with the reduced version that it sends since version 101."""
    major = browser_version.partition(".")[0]
    return f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0 Safari/537.36"


class RunningBrowser:
    """A browser and its control thread; for one capture at a time."""

    def __init__(self, program: Path, limits: BrowserLimits) -> None:
        self._browser = SteeredBrowser(program, limits, {ENGINE_NAME: ENGINE})
        self._limits = limits
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """Process id of the browser; 0 if none runs."""
        return self._browser.pid

    def run(self, work: Callable[[Browser], Awaitable[T]]) -> T:
        """Run work in the browser.

        Raises:
            ServiceMissingError: The browser cannot be started.
            BrowserLostError: The browser ended, used too much memory or did not finish; the next call starts another.
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
            # Tasks that are running when a browser is killed end in errors that nobody awaits.
            runner.get_loop().set_exception_handler(lambda _, context: LOGGER.debug("%s", context["message"]))
            loop.run_forever()
