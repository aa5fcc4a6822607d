"""Limits of a capture with a browser."""

from dataclasses import dataclass

from exhibit.browser.limits import PageLimits

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserLimits(PageLimits):
    """Limits for one page, excluding a separate request of the image; omissions are listed in the record.

    The height also limits the screenshot, because Chromium cannot render more than 16,384 pixels at once.
    """

    # Time reserved for each later screenshot or file. The current step may use the rest of the time, so that a long
    # page is captured on a busy machine too.
    shot_seconds: float = 10.0
    resource_seconds: float = 15.0  # for each resource that the page requests
    resource_bytes: int = 30 * MIB  # for each resource that the page requests
    all_bytes: int = 150 * MIB  # for all resources; downloads in progress at the limit are completed
    file_bytes: int = 60 * MIB  # for each file that the browser creates of the page
