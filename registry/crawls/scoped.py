"""Queries for crawls that are limited to one owner."""

from collections import Counter
from collections.abc import Iterable

from django.db.models import Count, OuterRef, QuerySet, Subquery

from registry.accounts.models import Owner
from registry.accounts.scoped import make_number_lookup, make_owner_query
from registry.crawls.models import Crawl, KnownCopy, Watch
from registry.db.rows import require

list_watches = make_owner_query(Watch, order="number", removed_at=None)


def get_watch(owner: Owner, name: str) -> Watch:
    """Return one of the owner's watches, by name or number."""
    matching_watches = list_watches(owner).filter(name=name)
    if not matching_watches.exists() and name.isdecimal():
        matching_watches = list_watches(owner).filter(number=int(name))
    return require(matching_watches.first(), f"{owner.name} has no watch {name!r}.")


def list_last_crawls(watch_rows: Iterable[Watch]) -> dict[int, Crawl]:
    """Return the newest crawl of each watch, if any, by the watch's primary key, using one index lookup per watch."""
    newest_crawl = Crawl.objects.filter(watch=OuterRef("pk")).order_by("-number").values("pk")[:1]
    watches = Watch.objects.filter(pk__in=[row.pk for row in watch_rows]).annotate(newest=Subquery(newest_crawl))
    crawl_keys = [pk for pk in watches.values_list("newest", flat=True) if pk is not None]
    return {crawl.watch_id: crawl for crawl in Crawl.objects.select_related("watch").in_bulk(crawl_keys).values()}


def list_owner_crawls(owner: Owner) -> QuerySet[Crawl]:
    """Return the crawls of the owner's watches, newest first."""
    return Crawl.objects.filter(watch__owner=owner).select_related("watch").order_by("-started_at", "-pk")


def get_crawl(owner: Owner, watch_number: int, number: int) -> Crawl:
    """Return one crawl of one of the owner's watches."""
    matching_crawls = list_owner_crawls(owner).filter(watch__number=watch_number, number=number)
    return require(matching_crawls.first(), f"{owner.name}'s watch {watch_number} has no crawl {number}.")


def count_refusals(crawl_row: Crawl) -> dict[str, int]:
    """Count a crawl's refusals by reason."""
    return dict(crawl_row.refusals.values_list("reason").annotate(count=Count("pk")).order_by("reason"))


def count_skipped(crawl_row: Crawl) -> dict[str, int]:
    """Count web archive records without a picture that a crawl skipped, by reason; they are not listed individually."""
    skipped_counts = Counter[str]()
    for counts in crawl_row.slices.values_list("counts", flat=True):
        skipped_counts.update(counts.get("passed", {}))
    return dict(sorted(skipped_counts.items()))


find_watch_by_number = make_number_lookup(list_watches, "watch")
get_known_copy = make_number_lookup(lambda owner: KnownCopy.objects.filter(owner=owner), "known_copy")
