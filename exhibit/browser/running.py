"""A browser shared by many pages: started on first use, replaced after it has been killed or has grown too large.

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
from exhibit.machine import machine_fault, stat_fields
from exhibit.sentences import Sentence

T = TypeVar("T")

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
"""Options that disable the browser's network access."""

_PLAYWRIGHTS_OWN = (
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect", "TcpPortRandomizationWin", "OptimizationHints",
    "NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch", "msForceBrowserSignIn",
    "msEdgeUpdateLaunchServicesPreferredVersion",
)  # fmt: skip
WITHOUT = "--disable-features=" + ",".join((*_PLAYWRIGHTS_OWN, "WebUIOmniboxPopup", "WebUIOmniboxAimPopup"))
"""Disabled features: two internal pages behind the address bar of each window, which are never visible and cost as much
as an open page. A browser reads only the last such option, so the list includes Playwright's own.
"""
QUIETLY = (WITHOUT, "--disable-gpu", "--no-first-run", "--mute-audio", "--js-flags=--max-old-space-size=768")
PAGES_EACH = 200  # after this many pages the browser is replaced, because it accumulates data
LAUNCH_SECONDS = 120.0
"""Maximum time of a launch. It can take minutes on a busy machine, and the first one reads much data from disk."""
LAUNCHES, REST_SECONDS = 2, 300.0
"""After this many consecutive failed launches, no further one is tried for some time."""
LOOK_SECONDS = 0.5
STOP_SECONDS = 5.0
GRACE_SECONDS = 15.0  # time beyond the limit of a page after which the browser is killed


class BrowserLostError(ServiceMissingError):
    """The browser exited, or had to be killed, during a page."""


class SteeredBrowser:
    """A browser controlled from one event loop. Several pages may be open at once and are lost together.

    ``engines`` are selector engines for Playwright, by name.
    """

    def __init__(self, program: Path, limits: PageLimits, engines: Mapping[str, str] = MappingProxyType({})) -> None:
        self._program = program
        self._limits = limits
        self._engines = engines
        self._starting = asyncio.Lock()
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._pid = 0
        self._pages = self._open = 0
        self._failures = 0
        self._rested_at = 0.0
        self._trouble = ""

    @property
    def pid(self) -> int:
        """PID of the browser; 0 if none is running."""
        return self._pid if self._browser is not None else 0

    async def run(self, work: Callable[[Browser], Awaitable[T]]) -> T:
        """Run a task in the browser. Raises ``ServiceMissingError`` if the browser cannot be started.

        Raises ``BrowserLostError`` if the browser exited, exceeded its memory or did not finish in time. The next call
        starts a new one.
        """
        async with self._starting:
            browser = await self._launched()
        self._open += 1
        watch = asyncio.ensure_future(self._watch_memory())
        result: T
        try:
            async with asyncio.timeout(self._limits.seconds + GRACE_SECONDS):
                result = await work(browser)
                # a browser that was just killed may not be detected yet, and parts of the result are missing then
                await _pid_of(browser)
        except TimeoutError as error:
            await self._lose(browser)
            raise BrowserLostError(Sentence("The browser did not exit.")) from error
        except Error as error:
            await self._lose(browser)
            raise BrowserLostError(_end(watch)) from error
        finally:
            self._open -= 1
            watch.cancel()
        if not browser.is_connected():
            await self._lose(browser)
            raise BrowserLostError(_end(watch))
        self._pages += 1
        if self._pages >= PAGES_EACH and not self._open:
            await self._lose(browser)
        return result

    async def _lose(self, browser: Browser) -> None:
        """Stop a browser, unless another page has already done so and a new one is running."""
        async with self._starting:
            if browser is self._browser:
                await self.stop()

    async def _launched(self) -> Browser:
        if self._browser is not None and self._browser.is_connected():
            return self._browser
        await self.stop()
        if self._failures >= LAUNCHES and time.monotonic() < self._rested_at:
            raise self._missing()
        try:
            async with asyncio.timeout(LAUNCH_SECONDS):
                self._playwright = await async_playwright().start()
                for name, script in self._engines.items():
                    await self._playwright.selectors.register(name, script=script, content_script=True)
                self._browser = await self._playwright.chromium.launch(
                    executable_path=self._program,
                    chromium_sandbox=os.geteuid() != 0,  # the sandbox does not work for root
                    args=[*NOWHERE, *QUIETLY],
                    handle_sigint=False,
                    handle_sigterm=False,
                    handle_sighup=False,
                )
                self._pid = await _pid_of(self._browser)
        except (Error, TimeoutError, OSError) as error:
            await self.stop()
            if not machine_fault(error):
                self._failures += 1
                self._rested_at = time.monotonic() + REST_SECONDS
            self._trouble = f"The browser {self._program} can't be started: {_reason(error)}"
            raise self._missing() from error
        self._pages = self._failures = 0
        return self._browser

    def _missing(self) -> ServiceMissingError:
        return ServiceMissingError(self._trouble, hint="Another one can be named in EXHIBIT_CAPTURE_BROWSER.")

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
        while memory_of(self._pid) <= self._limits.memory_bytes:  # noqa: ASYNC110 - memory sends no event
            await asyncio.sleep(LOOK_SECONDS)
        self.kill()


async def _pid_of(browser: Browser) -> int:
    session = await browser.new_browser_cdp_session()
    info: dict[str, Any] = await session.send("SystemInfo.getProcessInfo")
    await session.detach()
    return next(int(process["id"]) for process in info["processInfo"] if process["type"] == "browser")


def memory_of(pid: int) -> int:
    """Return the private memory of a process and its descendants in bytes, as reported by Linux; else 0."""
    page = os.sysconf("SC_PAGE_SIZE")
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            below.setdefault(int(stat_fields(number := int(entry.name))[1]), []).append(number)
    total, pending = 0, [pid] if pid else []
    while pending:
        process = pending.pop()
        pending += below.get(process, [])
        with suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{process}/statm").read_text().split()
            total += (int(fields[1]) - int(fields[2])) * page
    return total


def _end(watch: "asyncio.Future[None]") -> str:
    """Return the reason why the browser exited. The memory watch ends by itself only if the limit was exceeded."""
    return "The page took too much memory." if watch.done() and not watch.cancelled() else "The browser ended."


def _reason(error: BaseException) -> str:
    message_lines = str(error).splitlines()
    sandbox = next((line for line in message_lines if "No usable sandbox" in line), "")
    return sandbox[:300] or (message_lines[0][:300] if message_lines else "it took too long.")
