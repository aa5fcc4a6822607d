"""Counts of URLs that a watch's crawls skipped because the hosts do not allow crawlers."""

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import Count, F, Func, TextField, Value

from exhibit.network.addresses import get_url_host
from exhibit.reasons import Reason
from registry.crawls.models import Crawl, Refusal
from registry.db.rows import update_row

REASONS = (Reason.ROBOTS, Reason.TDM_RESERVED, Reason.NOAI, Reason.DENIED_HOST)
"""Refusals stated by a site itself, and those by the operator's deny list, which contains sites' requests."""


def store_opt_out_counts(crawl_id: int) -> None:
    """Store the opt-out counts of a finished crawl, so that hundreds of thousands of refusals are counted only once."""
    crawl = Crawl.objects.get(pk=crawl_id)
    update_row(crawl, opt_outs=count_refused_hosts([crawl.pk]).get(crawl.pk, {}))


def count_refused_hosts(crawls: Sequence[int]) -> dict[int, dict[str, dict[str, int]]]:
    """Return the hosts that refused URLs, by crawl, with the number of URLs by reason."""
    if not crawls:
        return {}
    authority_expression = Func(F("url"), Value("/"), Value(3), function="split_part", output_field=TextField())
    refusals = Refusal.objects.filter(crawl__in=crawls, reason__in=REASONS).order_by()
    grouped_refusals = refusals.annotate(authority=authority_expression).values("crawl", "authority", "reason")
    rows = grouped_refusals.annotate(addresses=Count("key", distinct=True))
    counts: dict[int, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for crawl, authority, reason, url_count in rows.values_list("crawl", "authority", "reason", "addresses"):
        counts[crawl][get_url_host(f"http://{authority}/")][reason] += url_count
    return counts
