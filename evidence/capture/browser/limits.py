"""What a capture with a browser may take."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class BrowserLimits:
    """What one page may take; what goes beyond is left out, and the record says so."""

    seconds: float = 90.0  # for everything together, besides fetching the image once more
    load_seconds: float = 15.0  # until what is there counts as the page
    scroll_seconds: float = 6.0
    quiet_seconds: float = 0.4  # without a request, after which nothing more is expected
    # kept for each picture and file of the page that is still to be made; one may take all that is left besides, so
    # that a long page is photographed on a busy machine too
    shot_seconds: float = 10.0
    resource_seconds: float = 15.0  # for each thing that the page asks for
    resource_bytes: int = 30 * MIB  # of each thing that the page asks for
    all_bytes: int = 150 * MIB  # of all of them; what is under way when they are used up is still taken
    requests: int = 600
    height: int = 15_000  # of the screenshot, pixels; Chromium can't draw more than 16,384 in one piece
    file_bytes: int = 60 * MIB  # of each file that the browser makes of the page
    memory_bytes: int = 3 << 30  # of the browser with all its processes
