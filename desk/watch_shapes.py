"""The shapes of watches, their crawls and their canaries; :mod:`desk.shapes` has them too."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Count, Q

from exhibit.clock import rfc3339
from registry import canaries
from registry.models import Canary, Crawl, Refusal, Sighting, StepState, Watch

Plain = dict[str, Any]


def watch(row: Watch) -> Plain:
    """A watch with its last crawl."""
    return watches([row])[0]


def watches(rows: Sequence[Watch]) -> list[Plain]:
    """The same of many, in few queries."""
    last = Crawl.objects.filter(watch__in=rows).order_by("watch_id", "-number").distinct("watch_id")
    told = {one.watch_id: plain for one, plain in _crawls(list(last.select_related("watch")))}
    return [
        {
            "number": row.number,
            "name": row.name,
            "sources": row.sources,
            "every_seconds": row.interval_seconds,
            "budget": row.budget,
            "politeness": row.politeness,
            "private": row.private,
            "paused": row.paused,
            "next_run_at": row.next_run_at and rfc3339(row.next_run_at),
            "last_crawl": told.get(row.pk),
        }
        for row in rows
    ]


def canary(row: Canary) -> Plain:
    """A canary with what the last run that had to find it made of it."""
    return canaries_of([row])[0]


def canaries_of(rows: Sequence[Canary]) -> list[Plain]:
    """The same of many; asks for the last runs of each watch once."""
    last = [
        watch.crawls.filter(started_at__gte=min(one.added_at for one in rows if one.watch == watch)).order_by("-number")
        for watch in {one.watch for one in rows}
    ]
    made = canaries.results([crawl for crawls in last for crawl in crawls[:1]])
    runs = {one.canary.pk: one for found in made.values() for one in found}
    return [
        {
            "number": row.number,
            "work": row.work.number,
            "url": row.url,
            "watch": row.watch.name,
            "added_by": row.added_by,
            "added_at": rfc3339(row.added_at),
            "last_run": {"outcome": str(runs[row.pk].outcome), "reason": runs[row.pk].reason}
            if row.pk in runs
            else None,
        }
        for row in rows
    ]


def crawl(row: Crawl) -> Plain:
    """One run of a watch. ``state`` is ``doing`` or ``done``; ``waiting`` counts pictures not yet matched."""
    return crawls([row])[0]


def crawls(rows: Sequence[Crawl]) -> list[Plain]:
    """The same of many, in few queries."""
    return [plain for _, plain in _crawls(rows)]


def _crawls(rows: Sequence[Crawl]) -> list[tuple[Crawl, Plain]]:
    waiting = Count("picture", distinct=True, filter=Q(picture__state__in=[StepState.TODO, StepState.DOING]))
    sightings = Sighting.objects.filter(crawl__in=rows).values("crawl").order_by()
    counted: Any = sightings.annotate(sightings=Count("pk"), pictures=Count("picture", distinct=True), waiting=waiting)
    counts = ("sightings", "pictures", "waiting")
    seen = {one["crawl"]: {name: one[name] for name in counts} for one in counted}
    nothing = dict.fromkeys(counts, 0)
    return [
        (
            row,
            {
                "watch": row.watch.name,
                "number": row.number,
                "state": row.state,
                "reason": row.reason,
                "started_at": rfc3339(row.started_at),
                "finished_at": row.finished_at and rfc3339(row.finished_at),
                "pages": row.pages,
                **seen.get(row.pk, nothing),
            },
        )
        for row in rows
    ]


def refusal(row: Refusal) -> Plain:
    """An address that a crawl didn't fetch, or whose bytes it didn't keep."""
    return {"url": row.url, "page_url": row.page_url, "reason": row.reason, "sentence": row.sentence}


def refusals(row: Crawl) -> list[Plain]:
    """What a crawl refused, by the address as it was found: not fetched, not kept, or not readable as a picture."""
    unreadable = row.sightings.exclude(picture__refusal="").select_related("picture").order_by("pk")
    return [refusal(one) for one in row.refusals.order_by("pk")] + [
        {
            "url": one.image_url,
            "page_url": one.page_url,
            "reason": one.picture.refusal,
            "sentence": "The bytes can't be read as a picture.",
        }
        for one in unreadable
    ]
