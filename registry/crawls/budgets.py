"""What a crawl may still spend of its watch's budget, over all of its slices."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from exhibit.clock import now
from registry.models import Crawl, FrontierUrl

_MUCH = 2**31 - 1
_MANY_BYTES = 2**62


@dataclass(frozen=True, slots=True)
class Left:
    """What is left."""

    pages: int  # sitemaps and feeds among them; without any left, single images are still visited
    images: int  # addresses
    bytes: int  # kept and read
    seconds: float  # since the crawl began
    hosts: int  # more hosts whose pages are visited
    spent: str  # what ends the crawl, such as ``budget-bytes``; empty while it may go on


def left(crawl: Crawl) -> Left:
    """What a crawl may still spend; pages that a slice is about to visit count as spent, so that none is too many."""
    budget: Mapping[str, float] = crawl.watch.budget
    leased = crawl.frontier.filter(state=FrontierUrl.State.LEASED).exclude(kind="image").count()
    ended: list[Mapping[str, Any]] = []  # of a long crawl they are many
    if {"images", "bytes"} & budget.keys():
        ended = [counts for counts in crawl.slices.values_list("counts", flat=True) if counts]
    until = min(crawl.started_at, now()) + timedelta(seconds=float(budget.get("seconds", _MUCH)))
    rest = {
        "images": int(budget.get("images", _MUCH)) - sum(int(counts.get("images", 0)) for counts in ended),
        "bytes": int(budget.get("bytes", _MANY_BYTES)) - sum(int(counts.get("bytes", 0)) for counts in ended),
        "seconds": (until - now()).total_seconds(),
    }
    # what is left may be too little for anything more: then a slice has ended for that reason; a slice has its own time
    held = {str(counts.get("reason", "")) for counts in ended} - {"budget-seconds"}
    spent = [f"budget-{name}" for name in rest if name in budget and (rest[name] <= 0 or f"budget-{name}" in held)]
    return Left(
        pages=max(0, int(budget.get("pages", _MUCH)) - crawl.pages - leased),
        images=int(rest["images"]),
        bytes=int(rest["bytes"]),
        seconds=rest["seconds"],
        hosts=max(0, int(budget["hosts"]) - _visited_hosts(crawl)) if "hosts" in budget else _MUCH,
        spent=next(iter(spent), ""),
    )


def _visited_hosts(crawl: Crawl) -> int:
    begun = crawl.frontier.exclude(kind="image").exclude(state=FrontierUrl.State.PENDING)
    return begun.values("host").distinct().count()
