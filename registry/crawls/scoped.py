"""Queries for crawls that are limited to one owner."""

from collections import Counter
from collections.abc import Iterable

from django.db.models import Count, OuterRef, QuerySet, Subquery

from registry.accounts.models import Owner
from registry.accounts.scoped import number_lookup, rows_of_owner
from registry.crawls.models import Canary, Crawl, Watch
from registry.db.rows import require

watches = rows_of_owner(Watch, order="number", removed_at=None)


def watch(of: Owner, name: str) -> Watch:
    """Return one of the owner's watches, by name or number."""
    matching = watches(of).filter(name=name)
    if not matching.exists() and name.isdecimal():
        matching = watches(of).filter(number=int(name))
    return require(matching.first(), f"{of.name} has no watch {name!r}.")


def last_crawls(watch_rows: Iterable[Watch]) -> dict[int, Crawl]:
    """Return the newest crawl of each watch that has one, by the watch's primary key; uses an index for each."""
    newest = Crawl.objects.filter(watch=OuterRef("pk")).order_by("-number").values("pk")[:1]
    watches = Watch.objects.filter(pk__in=[row.pk for row in watch_rows]).annotate(newest=Subquery(newest))
    crawl_keys = [pk for pk in watches.values_list("newest", flat=True) if pk is not None]
    return {crawl.watch_id: crawl for crawl in Crawl.objects.select_related("watch").in_bulk(crawl_keys).values()}


def crawls(owner: Owner) -> QuerySet[Crawl]:
    """Return the crawls of the owner's watches, newest first."""
    return Crawl.objects.filter(watch__owner=owner).select_related("watch").order_by("-started_at", "-pk")


def crawl(owner: Owner, watch_number: int, number: int) -> Crawl:
    """Return one crawl of one of the owner's watches."""
    matching = crawls(owner).filter(watch__number=watch_number, number=number)
    return require(matching.first(), f"{owner.name}'s watch {watch_number} has no crawl {number}.")


def count_refusals(crawl_row: Crawl) -> dict[str, int]:
    """Count a crawl's refusals by reason."""
    return dict(crawl_row.refusals.values_list("reason").annotate(count=Count("pk")).order_by("reason"))


def count_skipped(crawl_row: Crawl) -> dict[str, int]:
    """Count web archive records that a crawl skipped, by reason; they contain no picture and are not listed."""
    skipped = Counter[str]()
    for counts in crawl_row.slices.values_list("counts", flat=True):
        skipped.update(counts.get("passed", {}))
    return dict(sorted(skipped.items()))


watch_numbered = number_lookup(watches, "watch")
known_copy = number_lookup(lambda owner: Canary.objects.filter(owner=owner), "canary")
