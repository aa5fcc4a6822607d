"""Captures of test sites with a browser. Import this module only where a browser and Playwright are installed."""

import json
from typing import Any

from evidence.capture.browser.capturer import BrowserCapturer
from evidence.capture.browser.limits import BrowserLimits
from exhibit.browser.program import find_browser
from exhibit.digests import Digest
from exhibit.network.guard import Guard
from exhibit.ports import CaptureResult
from tests.assets.site import Site, picture

BROWSER = find_browser("")
OPEN = Guard(allowed_networks=("127.0.0.1/32",))
AGENT = "ExhibitBot/0.1 (+https://example.org/bot)"
PICTURE = picture(3)


def capturer_with(**limits: float) -> BrowserCapturer:
    assert BROWSER.path is not None
    return BrowserCapturer(BROWSER.path, OPEN, AGENT, browser_limits=BrowserLimits(**{"quiet_seconds": 0.1, **limits}))  # type: ignore[arg-type]


def visit(capturer: BrowserCapturer, site: Site, path: str = "/", image: str = "/photo.jpg") -> CaptureResult:
    image_url = image if image.startswith("data:") else site.url(image)
    return capturer.capture(site.url(path), image_url, Digest.from_bytes(PICTURE))


def file_data(captured: CaptureResult, role: str) -> bytes:
    return next(captured_file.data for captured_file in captured.files if captured_file.role == role)


def file_roles(captured: CaptureResult) -> set[str]:
    return {captured_file.role for captured_file in captured.files}


def record(captured: CaptureResult) -> dict[str, Any]:
    network: dict[str, Any] = json.loads(file_data(captured, "network"))
    return network


def failed_resources(captured: CaptureResult) -> set[tuple[str, str]]:
    """Return the kind and reason of each resource that failed or was not loaded."""
    network = record(captured)
    failed = {(resource["kind"], resource["failure"]) for resource in network["resources"] if resource["failure"]}
    return failed | {(resource["kind"], resource["reason"]) for resource in network["not_loaded"]}


EVERYTHING = {
    "exchange",
    "wacz",
    "network",
    "page",
    "captured-image",
    "dom",
    "screenshot",
    "screenshot-boxed",
    "mhtml",
    "page-pdf",
}
