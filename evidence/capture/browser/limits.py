"""Limits of a capture with a browser."""

from dataclasses import dataclass

from exhibit.browser.limits import PageLimits

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserLimits(PageLimits):
    """Limits for one page, besides fetching the image once more; omissions are listed in the record.

    The height limits the screenshot too: Chromium cannot draw more than 16,384 pixels in one piece.
    """

    # Time reserved for each remaining picture or file of the page. A step may use all other time left, so that a long
    # page is captured on a busy machine too.
    shot_seconds: float = 10.0
    resource_seconds: float = 15.0  # for each resource that the page requests
    resource_bytes: int = 30 * MIB  # for each resource that the page requests
    all_bytes: int = 150 * MIB  # for all of them; downloads in progress at the limit are still completed
    file_bytes: int = 60 * MIB  # for each file that the browser makes of the page
