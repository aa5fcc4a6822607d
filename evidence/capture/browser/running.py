"""The browser of captures, and the thread that steers it: captures are made one after the other, from any thread."""

import asyncio
import atexit
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from playwright.async_api import Browser

from evidence.capture.browser.limits import BrowserLimits
from evidence.capture.browser.places import ENGINE, ENGINE_NAME
from exhibit.browser.running import GRACE_SECONDS, LAUNCH_SECONDS, BrowserLostError, SteeredBrowser
from exhibit.sentences import Sentence

T = TypeVar("T")
LOGGER = logging.getLogger(__name__)


class RunningBrowser:
    """A browser and the thread that steers it; may be used by one capture at a time."""

    def __init__(self, program: Path, limits: BrowserLimits) -> None:
        self._browser = SteeredBrowser(program, limits, {ENGINE_NAME: ENGINE})
        self._limits = limits
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """The browser's process; 0 when none runs."""
        return self._browser.pid

    def run(self, work: Callable[[Browser], Awaitable[T]]) -> T:
        """Let the browser do something; raises ``ServiceMissingError`` when it can't be started.

        Raises ``BrowserLostError`` when it ended, took too much memory or no end; the next call starts another.
        """
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._steer, args=(self._loop,), name="browser", daemon=True)
                self._thread.start()
                atexit.register(self.close)
            longest = LAUNCH_SECONDS + self._limits.seconds + GRACE_SECONDS
            future = asyncio.run_coroutine_threadsafe(self._browser.run(work), self._loop)
            try:
                return future.result(longest + GRACE_SECONDS)
            except TimeoutError as error:
                future.cancel()
                self._browser.kill()
                raise BrowserLostError(Sentence("The browser didn't come to an end.")) from error

    def close(self) -> None:
        """End browser, driver and thread."""
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
    def _steer(loop: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            # what is still under way when a browser is killed ends in errors that nobody waits for
            runner.get_loop().set_exception_handler(lambda _, context: LOGGER.debug("%s", context["message"]))
            loop.run_forever()
