"""What a job may still spend, and what it did."""

import os
import resource
import time
from collections import Counter
from pathlib import Path

from crawler.formats.job import Limits, Rendered
from crawler.formats.lines import Counts, PageLine

_STATM = Path("/proc/self/statm")


class Budget:
    """Counts of one job against its limits. ``spent`` names the first limit that held something back."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._begun = time.monotonic()
        self._taken: Counter[str] = Counter()  # pages that were begun, images that were begun, and bytes
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
        """Ask to visit ``pages`` (sitemaps, feeds and single images too), to fetch ``images``, or to keep ``bytes``."""
        if self._taken[what] + amount > getattr(self._limits, what):
            self.spent = self.spent or f"budget-{what}"
            return False
        self._taken[what] += amount
        return True

    @property
    def has_visits(self) -> bool:
        """Whether one more page could be taken."""
        return self._taken["pages"] < self._limits.pages

    def give_back(self, what: str) -> None:
        """One of what was taken gave no page line, or no image that was kept."""
        self._taken[what] -= 1

    def take_host(self, host: str) -> bool:
        """Ask for a host whose pages are visited."""
        if host not in self._hosts and len(self._hosts) >= self._limits.hosts:
            return False
        self._hosts.add(host)
        return True

    def begin_rendering(self) -> bool:
        """Ask for one more page to be rendered; without any left the crawl goes on without."""
        limits = self._limits
        if self._rendered >= limits.render_pages or self._render_seconds >= limits.render_seconds:
            self._unrendered["budget"] += 1
            return False
        self._rendered += 1
        return True

    def end_rendering(self, host: str, seconds: float, gained: int) -> None:
        """Count what the rendering of a page of a host took, and how many addresses of pictures it gave."""
        self._render_seconds += seconds
        self._gained += gained
        before = self._rendered_of.get(host, Rendered())
        self._rendered_of[host] = Rendered(pages=before.pages + 1, gained=before.gained + (gained > 0))

    def drop_rendering(self, reason: str, seconds: float) -> None:
        """Give back what :meth:`begin_rendering` took: the page wasn't rendered. The time is spent all the same."""
        self._rendered -= 1
        self._render_seconds += seconds
        self.leave_unrendered(reason)

    def leave_unrendered(self, reason: str) -> None:
        """Count a page that was to be rendered and isn't."""
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
        """Count a record of an archive that has no line."""
        self._refused[reason] += 1
        self._passed[reason] += 1

    @property
    def seconds(self) -> float:
        """Wall time since the beginning."""
        return time.monotonic() - self._begun

    @property
    def seconds_left(self) -> float:
        """Wall time until the limit; negative behind it."""
        return self._limits.seconds - self.seconds

    @property
    def memory_spent(self) -> bool:
        """Whether the process holds more memory than it may; by its peak where the system doesn't tell the present."""
        try:
            held = int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return held > self._limits.memory_mb * 1024 * 1024

    def counts(self) -> Counts:
        """What was done so far."""
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
