"""Limits of a job, and counts of its work."""

import os
import resource
import time
from collections import Counter
from pathlib import Path

from crawler.formats.job import Limits, RenderingCounts
from crawler.formats.lines import Counts, PageLine

_STATM = Path("/proc/self/statm")


class Budget:
    """Counts the work of one job against its limits. ``exhausted_limit`` names the first limit that was exceeded."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._started_at = time.monotonic()
        self._reserved_amounts: Counter[str] = Counter()  # started pages, started images, and bytes
        self._hosts: set[str] = set()
        self._pages = 0
        self._images = 0
        self._refusal_counts: Counter[str] = Counter()
        self._skipped_counts: Counter[str] = Counter()
        self._omitted_counts: Counter[str] = Counter()
        self._rendered_pages = self._gained_images = 0
        self._render_seconds = 0.0
        self._rendered_by_host: dict[str, RenderingCounts] = {}
        self._unrendered_counts: Counter[str] = Counter()
        self._scripts_not_run = 0
        self.exhausted_limit = ""

    def reserve(self, unit: str, amount: int = 1) -> bool:
        """Reserve ``pages`` (also sitemaps, feeds, single images), ``images`` or ``bytes``; False if none is left."""
        if self._reserved_amounts[unit] + amount > getattr(self._limits, unit):
            self.exhausted_limit = self.exhausted_limit or f"budget-{unit}"
            return False
        self._reserved_amounts[unit] += amount
        return True

    @property
    def has_pages_left(self) -> bool:
        """True if another page can be reserved."""
        return self._reserved_amounts["pages"] < self._limits.pages

    def release(self, unit: str) -> None:
        """Return one unit that produced no page line or no stored image."""
        self._reserved_amounts[unit] -= 1

    def reserve_host(self, host: str) -> bool:
        """Reserve a host to visit; return False if the limit of hosts is reached."""
        if host not in self._hosts and len(self._hosts) >= self._limits.hosts:
            return False
        self._hosts.add(host)
        return True

    def reserve_rendering(self) -> bool:
        """Reserve the rendering of one page; return False if the limit is reached and the page is used unrendered."""
        limits = self._limits
        if self._rendered_pages >= limits.render_pages or self._render_seconds >= limits.render_seconds:
            self._unrendered_counts["budget"] += 1
            return False
        self._rendered_pages += 1
        return True

    def record_rendering(self, host: str, seconds: float, gained: int) -> None:
        """Record the time that the rendering of a host's page took, and the number of image URLs that it added."""
        self._render_seconds += seconds
        self._gained_images += gained
        earlier = self._rendered_by_host.get(host, RenderingCounts())
        self._rendered_by_host[host] = RenderingCounts(pages=earlier.pages + 1, gained=earlier.gained + (gained > 0))

    def cancel_rendering(self, reason: str, seconds: float) -> None:
        """Release the reservation of :meth:`reserve_rendering` if the page was not rendered. The time still counts."""
        self._rendered_pages -= 1
        self._render_seconds += seconds
        self.count_unrendered(reason)

    def count_unrendered(self, reason: str) -> None:
        """Count a page that should have been rendered but was not."""
        self._unrendered_counts[reason] += 1

    def count_page(self, line: PageLine) -> None:
        """Count a page line."""
        self._pages += 1
        self._images += len(line.sightings)
        self._scripts_not_run += line.scripts_not_run
        self._omitted_counts.update(line.left_out)
        self._refusal_counts.update(refusal.reason for refusal in line.refusals)

    def count_refusal(self, reason: str) -> None:
        """Count a refusal line."""
        self._refusal_counts[reason] += 1

    def count_skipped_record(self, reason: str) -> None:
        """Count an archive record that was skipped without a line of its own."""
        self._refusal_counts[reason] += 1
        self._skipped_counts[reason] += 1

    @property
    def seconds(self) -> float:
        """Wall time since the start."""
        return time.monotonic() - self._started_at

    @property
    def seconds_left(self) -> float:
        """Wall time until the limit; negative after it."""
        return self._limits.seconds - self.seconds

    @property
    def is_memory_limit_exceeded(self) -> bool:
        """True if the process uses more memory than allowed; its peak counts where current usage is unavailable."""
        try:
            resident = int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return resident > self._limits.memory_mb * 1024 * 1024

    def get_counts(self) -> Counts:
        """Return the current counts."""
        return Counts(
            pages=self._pages,
            images=self._images,
            bytes=self._reserved_amounts["bytes"],
            refused=dict(sorted(self._refusal_counts.items())),
            passed=dict(sorted(self._skipped_counts.items())),
            left_out=dict(sorted(self._omitted_counts.items())),
            seconds=round(self.seconds, 3),
            rendered=self._rendered_pages,
            render_seconds=round(self._render_seconds, 3),
            gained=self._gained_images,
            rendered_of=dict(sorted(self._rendered_by_host.items())),
            unrendered=dict(sorted(self._unrendered_counts.items())),
            scripts_not_run=self._scripts_not_run,
        )
