"""Resource limits for one page in the browser."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLimits:
    """Resource limits for one page. Content beyond the limits is omitted."""

    seconds: float = 90.0  # for the whole visit
    load_seconds: float = 15.0  # then the page is used even if it has not finished loading
    scroll_seconds: float = 6.0
    quiet_seconds: float = 0.4  # time without a request after which the page counts as loaded
    requests: int = 600
    height: int = 15_000  # maximum scroll position in pixels
    memory_bytes: int = 3 << 30  # of the browser including all its processes
