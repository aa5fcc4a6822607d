"""Limits of a job, and counts of the work done."""

import os
import resource
import time
from collections import Counter
from pathlib import Path

from crawler.formats.job import Limits, Rendered
from crawler.formats.lines import Counts, PageLine

_STATM = Path("/proc/self/statm")


class Budget:
    """Counts the work of one job against its limits. ``spent`` names the first limit that was exceeded."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._begun = time.monotonic()
        self._taken: Counter[str] = Counter()  # started pages, started images, and bytes
        self._hosts: set[str] = set()
        self._pages = 0
        self._images = 0
        self._refused: Counter[str] = Counter()
        self._passed: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._rendered = self._gained = 0
        self._render_seconds = 0.0
        self._rendered_of: dict[str, Rendered] = {}
        self._unrendered: Counter[str] = Counter()
        self._scripts_not_run = 0
        self.spent = ""

    def take(self, what: str, amount: int = 1) -> bool:
        """Reserve ``pages`` (also sitemaps, feeds, single images), ``images`` or ``bytes``; False if none is left."""
        if self._taken[what] + amount > getattr(self._limits, what):
            self.spent = self.spent or f"budget-{what}"
            return False
        self._taken[what] += amount
        return True

    @property
    def has_visits(self) -> bool:
        """True if another page can be reserved."""
        return self._taken["pages"] < self._limits.pages

    def give_back(self, what: str) -> None:
        """Return one unit that produced no page line or no stored image."""
        self._taken[what] -= 1

    def take_host(self, host: str) -> bool:
        """Reserve a host to visit; return False if the limit of hosts is reached."""
        if host not in self._hosts and len(self._hosts) >= self._limits.hosts:
            return False
        self._hosts.add(host)
        return True

    def begin_rendering(self) -> bool:
        """Reserve the rendering of one page; return False if the limit is reached and the page is used unrendered."""
        limits = self._limits
        if self._rendered >= limits.render_pages or self._render_seconds >= limits.render_seconds:
            self._unrendered["budget"] += 1
            return False
        self._rendered += 1
        return True

    def end_rendering(self, host: str, seconds: float, gained: int) -> None:
        """Record the time that the rendering of a host's page took, and the number of image URLs that it added."""
        self._render_seconds += seconds
        self._gained += gained
        before = self._rendered_of.get(host, Rendered())
        self._rendered_of[host] = Rendered(pages=before.pages + 1, gained=before.gained + (gained > 0))

    def drop_rendering(self, reason: str, seconds: float) -> None:
        """Release what :meth:`begin_rendering` reserved: the page was not rendered. The time still counts as spent."""
        self._rendered -= 1
        self._render_seconds += seconds
        self.leave_unrendered(reason)

    def leave_unrendered(self, reason: str) -> None:
        """Count a page that should have been rendered and was not."""
        self._unrendered[reason] += 1

    def line(self, line: PageLine) -> None:
        """Count a page line."""
        self._pages += 1
        self._images += len(line.sightings)
        self._scripts_not_run += line.scripts_not_run
        self._left_out.update(line.left_out)
        self._refused.update(refusal.reason for refusal in line.refusals)

    def refuse(self, reason: str) -> None:
        """Count a refusal line."""
        self._refused[reason] += 1

    def pass_over(self, reason: str) -> None:
        """Count an archive record that was skipped without a line of its own."""
        self._refused[reason] += 1
        self._passed[reason] += 1

    @property
    def seconds(self) -> float:
        """Wall time since the start."""
        return time.monotonic() - self._begun

    @property
    def seconds_left(self) -> float:
        """Wall time until the limit; negative after it."""
        return self._limits.seconds - self.seconds

    @property
    def memory_spent(self) -> bool:
        """True if the process uses more memory than allowed; its peak counts where current usage is unavailable."""
        try:
            resident = int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return resident > self._limits.memory_mb * 1024 * 1024

    def counts(self) -> Counts:
        """Return the counts so far."""
        return Counts(
            pages=self._pages,
            images=self._images,
            bytes=self._taken["bytes"],
            refused=dict(sorted(self._refused.items())),
            passed=dict(sorted(self._passed.items())),
            left_out=dict(sorted(self._left_out.items())),
            seconds=round(self.seconds, 3),
            rendered=self._rendered,
            render_seconds=round(self._render_seconds, 3),
            gained=self._gained,
            rendered_of=dict(sorted(self._rendered_of.items())),
            unrendered=dict(sorted(self._unrendered.items())),
            scripts_not_run=self._scripts_not_run,
        )
