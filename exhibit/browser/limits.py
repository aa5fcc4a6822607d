"""Resource limits for one page in the browser."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLimits:
    """Resource limits for one page. Anything beyond them is left out."""

    seconds: float = 90.0  # for the whole visit
    load_seconds: float = 15.0  # after which the page is used as loaded so far
    scroll_seconds: float = 6.0
    quiet_seconds: float = 0.4  # without a request, after which the page counts as loaded
    requests: int = 600
    height: int = 15_000  # maximum scroll position in pixels
    memory_bytes: int = 3 << 30  # of the browser including all its processes
