"""One browser for many captures: started when it is first needed, replaced when it has been killed or grown too large.

The browser gets no network: every name and address leads nowhere, a proxy that doesn't exist stands before everything,
and nothing goes around it. Its parts talk through pipes, so no port is opened either. When this process dies, however
suddenly, the pipe breaks, and browser and driver end.
"""

import asyncio
import atexit
import logging
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from playwright.async_api import Browser, Error, Playwright, async_playwright

from evidence.capture.browser.limits import BrowserLimits
from evidence.capture.browser.places import ENGINE, ENGINE_NAME
from exhibit.errors import ServiceMissingError
from exhibit.machine import machine_fault
from exhibit.sentences import Sentence

T = TypeVar("T")
LOGGER = logging.getLogger(__name__)

NOWHERE = (
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=http://nowhere.invalid:9",
    "--proxy-bypass-list=<-loopback>",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--dns-prefetch-disable",
    "--disable-background-networking",
    "--disable-domain-reliability",
    "--no-pings",
)
"""Options that leave the browser without a network."""

QUIETLY = ("--disable-gpu", "--no-first-run", "--mute-audio", "--js-flags=--max-old-space-size=768")
CAPTURES_EACH = 200  # after so many captures the browser is replaced, whatever it has gathered
LAUNCH_SECONDS = 120.0
"""How long a start may take: minutes pass on a machine with much else to do, and the first one reads much from disk."""
LAUNCHES, REST_SECONDS = 2, 300.0
"""After so many launches that failed, one after the other, none is tried for some time."""
LOOK_SECONDS = 0.5
STOP_SECONDS = 5.0
GRACE_SECONDS = 15.0  # how long the browser may take beyond the limit of a capture before it is killed


class BrowserLostError(ServiceMissingError):
    """The browser ended, or had to be ended, during a capture."""


class RunningBrowser:
    """A browser and the thread that steers it; may be used by one capture at a time."""

    def __init__(self, program: Path, limits: BrowserLimits) -> None:
        self._program = program
        self._limits = limits
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._pid = 0
        self._captures = 0
        self._failures = 0
        self._rested_at = 0.0
        self._trouble = ""

    @property
    def pid(self) -> int:
        """The browser's process; 0 when none runs."""
        return self._pid if self._browser is not None else 0

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
            future = asyncio.run_coroutine_threadsafe(self._guarded(work), self._loop)
            try:
                return future.result(longest + GRACE_SECONDS)
            except TimeoutError as error:
                future.cancel()
                self._kill()
                raise BrowserLostError(Sentence("The browser didn't come to an end.")) from error

    def close(self) -> None:
        """End browser, driver and thread."""
        with self._lock:
            if self._loop is None or self._thread is None:
                return
            with suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(GRACE_SECONDS)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(GRACE_SECONDS)
            self._loop = self._thread = None
            atexit.unregister(self.close)

    @staticmethod
    def _steer(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        # what is still under way when a browser is killed ends in errors that nobody waits for
        loop.set_exception_handler(lambda _, context: LOGGER.debug("%s", context["message"]))
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()

    async def _guarded(self, work: Callable[[Browser], Awaitable[T]]) -> T:
        browser = await self._launched()
        watch = asyncio.ensure_future(self._watch_memory())
        result: T
        try:
            async with asyncio.timeout(self._limits.seconds + GRACE_SECONDS):
                result = await work(browser)
                # one that has just been killed may not be known as such, and parts of the result are missing then
                await _pid_of(browser)
        except TimeoutError as error:
            await self._stop()
            raise BrowserLostError(Sentence("The browser didn't come to an end.")) from error
        except Error as error:
            await self._stop()
            raise BrowserLostError(_end(watch)) from error
        finally:
            watch.cancel()
        if not browser.is_connected():
            await self._stop()
            raise BrowserLostError(_end(watch))
        self._captures += 1
        if self._captures >= CAPTURES_EACH:
            await self._stop()
        return result

    async def _launched(self) -> Browser:
        if self._browser is not None and self._browser.is_connected():
            return self._browser
        await self._stop()
        if self._failures >= LAUNCHES and time.monotonic() < self._rested_at:
            raise self._missing()
        try:
            async with asyncio.timeout(LAUNCH_SECONDS):
                self._playwright = await async_playwright().start()
                await self._playwright.selectors.register(ENGINE_NAME, script=ENGINE, content_script=True)
                self._browser = await self._playwright.chromium.launch(
                    executable_path=self._program,
                    chromium_sandbox=os.geteuid() != 0,  # it doesn't work for root
                    args=[*NOWHERE, *QUIETLY],
                    handle_sigint=False,
                    handle_sigterm=False,
                    handle_sighup=False,
                )
                self._pid = await _pid_of(self._browser)
        except (Error, TimeoutError, OSError) as error:
            await self._stop()
            if not machine_fault(error):
                self._failures += 1
                self._rested_at = time.monotonic() + REST_SECONDS
            self._trouble = f"The browser {self._program} can't be started: {_reason(error)}"
            raise self._missing() from error
        self._captures = self._failures = 0
        return self._browser

    def _missing(self) -> ServiceMissingError:
        return ServiceMissingError(self._trouble, hint="Another one can be named in EXHIBIT_CAPTURE_BROWSER.")

    async def _stop(self) -> None:
        browser, playwright, self._browser, self._playwright = self._browser, self._playwright, None, None
        if browser is not None and browser.is_connected():
            with suppress(Error, TimeoutError):
                await asyncio.wait_for(browser.close(), STOP_SECONDS)
                self._pid = 0
        if playwright is not None:
            with suppress(Error, TimeoutError, OSError):
                await asyncio.wait_for(playwright.stop(), STOP_SECONDS)
        self._kill()

    def _kill(self) -> None:
        pid, self._pid = self._pid, 0
        if pid:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    async def _watch_memory(self) -> None:
        """End the browser when it takes more memory than it may; goes on until it is cancelled or that happens."""
        while memory_of(self._pid) <= self._limits.memory_bytes:  # noqa: ASYNC110 - memory sends no event
            await asyncio.sleep(LOOK_SECONDS)
        self._kill()


async def _pid_of(browser: Browser) -> int:
    session = await browser.new_browser_cdp_session()
    told: dict[str, Any] = await session.send("SystemInfo.getProcessInfo")
    await session.detach()
    return next(int(process["id"]) for process in told["processInfo"] if process["type"] == "browser")


def memory_of(pid: int) -> int:
    """Bytes of memory that a process and its descendants have for themselves, as far as Linux tells; else 0."""
    page = os.sysconf("SC_PAGE_SIZE")
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            below.setdefault(parent, []).append(int(entry.name))
    total, waiting = 0, [pid] if pid else []
    while waiting:
        process = waiting.pop()
        waiting += below.get(process, [])
        with suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{process}/statm").read_text().split()
            total += (int(fields[1]) - int(fields[2])) * page
    return total


def _end(watch: "asyncio.Future[None]") -> str:
    """Why the browser has gone: the watch on its memory ends by itself only when it was too much."""
    return "The page took too much memory." if watch.done() and not watch.cancelled() else "The browser ended."


def _reason(error: BaseException) -> str:
    said = str(error).splitlines()
    sandbox = next((line for line in said if "No usable sandbox" in line), "")
    return sandbox[:300] or (said[0][:300] if said else "it took too long.")
