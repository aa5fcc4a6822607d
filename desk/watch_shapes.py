"""The shapes of watches, their crawls and their canaries; :mod:`desk.shapes` has them too."""

from collections.abc import Mapping, Sequence

from django.db.models import Count

from crawler.searching import Service
from desk.plain_rows import Plain, fields
from exhibit.clock import rfc3339
from registry import canaries, owned
from registry.models import UNFINISHED, Canary, Crawl, Owner, Picture, Refusal, Sighting, Watch


def watch(row: Watch) -> Plain:
    """A watch with its last crawl."""
    return watches([row])[0]


def watches(rows: Sequence[Watch]) -> list[Plain]:
    """The same of many, in few queries."""
    last = owned.last_crawls(rows)
    told = {one.watch_id: plain for one, plain in _crawls(list(last.values()))}
    return [
        {
            **fields(row, "number name sources budget politeness private paused next_run_at"),
            "every_seconds": row.interval_seconds,
            "last_crawl": told.get(row.pk),
        }
        for row in rows
    ]


def searches(services: Mapping[str, Service], of: Owner) -> list[Plain]:
    """Searches by their short names, and for which of them an owner has a key; nothing of the key itself."""
    keys = {row.service: row for row in of.search_keys.defer("encrypted")}
    return [
        {
            "search": name,
            "name": one.name,
            "about": one.about,
            "takes": "pictures" if one.takes_pictures else "words",
            "key_added_at": rfc3339(keys[name].added_at) if name in keys else None,
            "key_added_by": keys[name].added_by if name in keys else "",
        }
        for name, one in sorted(services.items())
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
            **fields(row, "number url added_by added_at"),
            "work": row.work.number,
            "watch": row.watch.name,
            "last_run": fields(runs[row.pk], "outcome reason") if row.pk in runs else None,
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
    seen = Sighting.objects.filter(crawl__in=rows).values_list("crawl").order_by()
    different = Count("picture", distinct=True)
    sightings = dict(seen.annotate(count=Count("*")))
    # while a crawl goes on: its end counts them for good
    pictures = dict(seen.filter(crawl__in=[row for row in rows if row.pictures is None]).annotate(different))
    uncompared = Picture.objects.filter(state__in=UNFINISHED)
    waiting = dict(seen.filter(picture__in=uncompared).annotate(different))
    return [
        (
            row,
            {
                "watch": row.watch.name,
                **fields(row, "number state reason started_at finished_at pages"),
                "sightings": sightings.get(row.pk, 0),
                "pictures": pictures.get(row.pk, 0) if row.pictures is None else row.pictures,
                "waiting": waiting.get(row.pk, 0),
            },
        )
        for row in rows
    ]


def refusal(row: Refusal) -> Plain:
    """An address that a crawl didn't fetch, or whose bytes it didn't keep."""
    return fields(row, "url page_url reason sentence")


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
