"""Browser shared by many pages: started on first use, replaced if it was killed or exceeded its memory limit.

The browser has no network access: no host name resolves, all requests go to a proxy that does not exist, and nothing
bypasses it. Its parts communicate through pipes, so it opens no port. If this process dies for any reason, the pipe
breaks, and browser and driver exit.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from playwright.async_api import Browser, Error, Playwright, async_playwright

from exhibit.browser.limits import PageLimits
from exhibit.errors import ServiceMissingError
from exhibit.machine import describe_machine_fault, read_stat_fields
from exhibit.sentences import Sentence

T = TypeVar("T")

NO_NETWORK_OPTIONS = (
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
"""Options that disable the browser's network access."""

_PLAYWRIGHT_DISABLED_FEATURES = (
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect", "TcpPortRandomizationWin", "OptimizationHints",
    "NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch", "msForceBrowserSignIn",
    "msEdgeUpdateLaunchServicesPreferredVersion",
)  # fmt: skip
DISABLED_FEATURES_OPTION = "--disable-features=" + ",".join(
    (*_PLAYWRIGHT_DISABLED_FEATURES, "WebUIOmniboxPopup", "WebUIOmniboxAimPopup")
)
"""Option that disables two internal pages of each window's address bar, which are never visible and use as much memory
as an open page. A browser reads only the last such option, so the list includes the features that Playwright disables.
"""
LAUNCH_OPTIONS = (
    DISABLED_FEATURES_OPTION,
    "--disable-gpu",
    "--no-first-run",
    "--mute-audio",
    "--js-flags=--max-old-space-size=768",
)
MAX_PAGES = 200  # after this many pages the browser is replaced, because it accumulates data
LAUNCH_SECONDS = 120.0
"""Maximum time of a launch. It can take minutes on a busy machine; the first launch reads much data from disk."""
MAX_FAILED_LAUNCHES, RETRY_SECONDS = 2, 300.0
"""Number of consecutive failed launches before a pause, and duration of the pause in seconds."""
MEMORY_CHECK_SECONDS = 0.5
STOP_SECONDS = 5.0
GRACE_SECONDS = 15.0  # time beyond the limit of a page after which the browser is killed


class BrowserLostError(ServiceMissingError):
    """The browser exited or was killed while it handled a page."""


class ControlledBrowser:
    """Browser controlled from one event loop. If it exits, all open pages are lost.

    Args:
        program: Path of the browser.
        limits: Limits for each page.
        engines: Scripts of Playwright selector engines, by name.
    """

    def __init__(self, program: Path, limits: PageLimits, engines: Mapping[str, str] = MappingProxyType({})) -> None:
        self._program = program
        self._limits = limits
        self._engines = engines
        self._start_lock = asyncio.Lock()
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._pid = 0
        self._pages = self._open_pages = 0
        self._failures = 0
        self._retry_at = 0.0
        self._launch_error = ""

    @property
    def pid(self) -> int:
        """PID of the browser; 0 if none is running."""
        return self._pid if self._browser is not None else 0

    async def run(self, task: Callable[[Browser], Awaitable[T]]) -> T:
        """Run a task in the browser. The next call after a failure starts a new browser.

        Raises:
            ServiceMissingError: The browser cannot be started.
            BrowserLostError: The browser exited, exceeded its memory limit, or did not finish in time.
        """
        async with self._start_lock:
            browser = await self._ensure_running()
        self._open_pages += 1
        memory_watch = asyncio.ensure_future(self._watch_memory())
        result: T
        try:
            async with asyncio.timeout(self._limits.seconds + GRACE_SECONDS):
                result = await task(browser)
                # Fails if the browser was killed moments ago: the result may be incomplete then.
                await _read_browser_pid(browser)
        except TimeoutError as error:
            await self._discard(browser)
            raise BrowserLostError(Sentence("The browser did not exit.")) from error
        except Error as error:
            await self._discard(browser)
            raise BrowserLostError(_describe_exit(memory_watch)) from error
        finally:
            self._open_pages -= 1
            memory_watch.cancel()
        if not browser.is_connected():
            await self._discard(browser)
            raise BrowserLostError(_describe_exit(memory_watch))
        self._pages += 1
        if self._pages >= MAX_PAGES and not self._open_pages:
            await self._discard(browser)
        return result

    async def _discard(self, browser: Browser) -> None:
        """Stop a browser, unless another page has already replaced it."""
        async with self._start_lock:
            if browser is self._browser:
                await self.stop()

    async def _ensure_running(self) -> Browser:
        if self._browser is not None and self._browser.is_connected():
            return self._browser
        await self.stop()
        if self._failures >= MAX_FAILED_LAUNCHES and time.monotonic() < self._retry_at:
            raise self._build_launch_error()
        try:
            async with asyncio.timeout(LAUNCH_SECONDS):
                self._playwright = await async_playwright().start()
                for name, script in self._engines.items():
                    await self._playwright.selectors.register(name, script=script, content_script=True)
                self._browser = await self._playwright.chromium.launch(
                    executable_path=self._program,
                    chromium_sandbox=os.geteuid() != 0,  # the sandbox does not work for root
                    args=[*NO_NETWORK_OPTIONS, *LAUNCH_OPTIONS],
                    handle_sigint=False,
                    handle_sigterm=False,
                    handle_sighup=False,
                )
                self._pid = await _read_browser_pid(self._browser)
        except (Error, TimeoutError, OSError) as error:
            await self.stop()
            if not describe_machine_fault(error):
                self._failures += 1
                self._retry_at = time.monotonic() + RETRY_SECONDS
            self._launch_error = f"The browser {self._program} cannot be started: {_describe_launch_error(error)}"
            raise self._build_launch_error() from error
        self._pages = self._failures = 0
        return self._browser

    def _build_launch_error(self) -> ServiceMissingError:
        return ServiceMissingError(self._launch_error, hint="To use another browser, set EXHIBIT_CAPTURE_BROWSER.")

    async def stop(self) -> None:
        """Stop browser and driver."""
        browser, playwright, self._browser, self._playwright = self._browser, self._playwright, None, None
        if browser is not None and browser.is_connected():
            with suppress(Error, TimeoutError):
                await asyncio.wait_for(browser.close(), STOP_SECONDS)
                self._pid = 0
        if playwright is not None:
            with suppress(Error, TimeoutError, OSError):
                await asyncio.wait_for(playwright.stop(), STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Kill the browser immediately."""
        pid, self._pid = self._pid, 0
        if pid:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    async def _watch_memory(self) -> None:
        """Kill the browser when it exceeds its memory limit. Runs until then or until it is cancelled."""
        while measure_process_memory(self._pid) <= self._limits.memory_bytes:  # noqa: ASYNC110 - memory sends no event
            await asyncio.sleep(MEMORY_CHECK_SECONDS)
        self.kill()


async def _read_browser_pid(browser: Browser) -> int:
    session = await browser.new_browser_cdp_session()
    info: dict[str, Any] = await session.send("SystemInfo.getProcessInfo")
    await session.detach()
    return next(int(process["id"]) for process in info["processInfo"] if process["type"] == "browser")


def measure_process_memory(pid: int) -> int:
    """Return the private memory of a process and its descendants in bytes; 0 on systems without ``/proc``."""
    page_size = os.sysconf("SC_PAGE_SIZE")
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            children.setdefault(int(read_stat_fields(child := int(entry.name))[1]), []).append(child)
    total, pending = 0, [pid] if pid else []
    while pending:
        process = pending.pop()
        pending += children.get(process, [])
        with suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{process}/statm").read_text().split()
            total += (int(fields[1]) - int(fields[2])) * page_size
    return total


def _describe_exit(memory_watch: "asyncio.Future[None]") -> str:
    """Return the reason why the browser exited. The memory watch finishes only if the limit was exceeded."""
    return (
        "The page used too much memory."
        if memory_watch.done() and not memory_watch.cancelled()
        else "The browser exited."
    )


def _describe_launch_error(error: BaseException) -> str:
    message_lines = str(error).splitlines()
    sandbox = next((line for line in message_lines if "No usable sandbox" in line), "")
    return sandbox[:300] or (message_lines[0][:300] if message_lines else "it took too long.")
