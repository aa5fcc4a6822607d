"""A real Chromium, controlled through its debugging pipe (Chrome DevTools Protocol) with the standard library only."""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SECONDS = 60
_FLAGS = (
    "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-extensions",
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--hide-scrollbars",
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup",  # internal pages of the browser
    "--remote-debugging-pipe", "about:blank",
)  # fmt: skip


class Tab:
    """One page of a running browser."""

    def __init__(self, browser: "Chromium", session: str) -> None:
        self._browser = browser
        self._session = session

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
        """Send a command of the protocol and return its result."""
        return self._browser.call(method, parameters, self._session)

    def open(self, address: str) -> None:
        """Open a URL and wait until its scripts have run."""
        self.call("Page.enable")
        self.call("Page.bringToFront")
        self.call("Page.navigate", url=address)
        self.wait(f"location.href === {json.dumps(address)} && document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - any JSON value
        """Evaluate an expression, await promises, and return the value."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + SECONDS
        promise = (
            f"new Promise((done) => {{ const look = () => {expression} ? done(true) : setTimeout(look, 20); look(); }})"
        )
        while time.monotonic() < end:
            answer = self.call("Runtime.evaluate", expression=promise, returnByValue=True, awaitPromise=True)
            if answer["result"].get("value") is True:
                return
        raise TimeoutError(expression)

    def select_files(self, selector: str, files: Sequence[Path]) -> None:
        """Select files, or a folder, in a file input."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in files])

    def save_screenshot(self, path: Path, width: int, height: int, *, dark: bool = False) -> None:
        """Save a PNG screenshot of a window of this size in CSS pixels."""
        scheme = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(shot["data"]))


class Chromium:
    """A headless browser with its own profile."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        flags = [*_FLAGS, f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        (read_end, self._write), (self._read, write_end) = _pipe(), _pipe()
        silence = os.open(os.devnull, os.O_RDWR)
        actions = [(os.POSIX_SPAWN_DUP2, read_end, 3), (os.POSIX_SPAWN_DUP2, write_end, 4)]
        actions += [(os.POSIX_SPAWN_DUP2, silence, number) for number in (0, 1, 2)]
        self._process = os.posix_spawn(CHROMIUM, [CHROMIUM, *flags], os.environ, file_actions=actions, setpgroup=0)
        for number in (read_end, write_end, silence):
            os.close(number)
        self._number = 0
        self._buffer = b""
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        """Return the browser."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the browser and its child processes."""
        os.killpg(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._read)
        os.close(self._write)

    def tab(self) -> Tab:
        """Open a new page."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        return Tab(self, self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"])

    def call(self, method: str, parameters: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        """Send a command of the protocol and return its result.

        Events received meanwhile are added to :attr:`events`.
        """
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {"sessionId": session} if session else {}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        for answer in self._messages():
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)
        raise TimeoutError(method)

    def _messages(self) -> Iterator[dict[str, Any]]:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            message, separator, rest = self._buffer.partition(b"\0")
            if separator:
                self._buffer = rest
                yield json.loads(message)
            elif select.select([self._read], [], [], 1)[0]:
                data = os.read(self._read, 1 << 20)
                if not data:
                    return
                self._buffer += data


@contextmanager
def running_tab(profile: Path) -> Iterator[Tab]:
    """Start a browser and yield a page of it."""
    with Chromium(profile) as browser:
        yield browser.tab()


def _pipe() -> tuple[int, int]:
    """Return the read and write ends of a pipe, numbered 10 or higher. The browser needs descriptors 3 and 4."""
    ends = []
    for number in os.pipe():
        ends.append(fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 10))
        os.close(number)
    return ends[0], ends[1]
