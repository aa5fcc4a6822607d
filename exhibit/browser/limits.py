"""What one page may take of a browser."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLimits:
    """What one page may take; what goes beyond is left out."""

    seconds: float = 90.0  # for everything together
    load_seconds: float = 15.0  # until what is there counts as the page
    scroll_seconds: float = 6.0
    quiet_seconds: float = 0.4  # without a request, after which nothing more is expected
    requests: int = 600
    height: int = 15_000  # how far it is scrolled through, pixels
    memory_bytes: int = 3 << 30  # of the browser with all its processes
