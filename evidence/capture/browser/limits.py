"""What a capture with a browser may take."""

from dataclasses import dataclass

from exhibit.browser.limits import PageLimits

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserLimits(PageLimits):
    """What one page may take, besides fetching the image once more; what is left out stands in the record.

    The height is that of the screenshot too: Chromium can't draw more than 16,384 pixels in one piece.
    """

    # kept for each picture and file of the page that is still to be made; one may take all that is left besides, so
    # that a long page is photographed on a busy machine too
    shot_seconds: float = 10.0
    resource_seconds: float = 15.0  # for each thing that the page asks for
    resource_bytes: int = 30 * MIB  # of each thing that the page asks for
    all_bytes: int = 150 * MIB  # of all of them; what is under way when they are used up is still taken
    file_bytes: int = 60 * MIB  # of each file that the browser makes of the page
