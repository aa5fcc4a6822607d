"""What a crawl may still spend of its watch's budget, over all of its slices."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from exhibit.clock import now
from registry.models import Crawl, FrontierUrl

_MUCH = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Left:
    """What is left: pages (sitemaps and feeds among them), images, bytes, seconds, hosts whose pages are visited."""

    pages: int
    images: int
    bytes: int
    seconds: float
    hosts: int

    @property
    def spent(self) -> str:
        """What ends the crawl, such as ``budget-bytes``; empty while it may go on. Pages end only pages."""
        for name in ("images", "bytes", "seconds"):
            if getattr(self, name) <= 0:
                return f"budget-{name}"
        return ""


def left(crawl: Crawl) -> Left:
    """What a crawl may still spend; pages that a slice is about to visit count as spent, so that none is too many."""
    budget: Mapping[str, float] = crawl.watch.budget
    leased = crawl.frontier.filter(state=FrontierUrl.State.LEASED).exclude(kind="image").count()
    ended = [counts for counts in crawl.slices.values_list("counts", flat=True) if counts]
    hosts = crawl.frontier.exclude(kind="image").exclude(state=FrontierUrl.State.PENDING).values("host").distinct()
    until = crawl.started_at + timedelta(seconds=float(budget.get("seconds", _MUCH)))
    return Left(
        pages=max(0, int(budget.get("pages", _MUCH)) - crawl.pages - leased),
        images=int(budget.get("images", _MUCH)) - sum(int(counts.get("images", 0)) for counts in ended),
        bytes=int(budget.get("bytes", _MUCH)) - sum(int(counts.get("bytes", 0)) for counts in ended),
        seconds=(until - now()).total_seconds(),
        hosts=max(0, int(budget.get("hosts", _MUCH)) - hosts.count()),
    )
