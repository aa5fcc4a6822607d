"""Where a watch isn't let in: hosts that keep programs out, how they say so, and which finds are known to lie there."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, F, Func, TextField, Value

from exhibit.network.addresses import host_of
from exhibit.reasons import Reason
from registry.cases.models import Case, CaseSighting
from registry.crawls.models import Crawl, Refusal, Watch
from registry.db.rows import write

REASONS = (Reason.ROBOTS, Reason.TDM_RESERVED, Reason.NOAI, Reason.DENIED_HOST)
"""Refusals that are a site's own word, and those by the operator's list, which holds what sites have asked for."""
RUNS = 3
"""So many of the newest runs are asked what was kept from them: a site may let programs in again."""
MAX_HOSTS = 200


@dataclass(frozen=True, slots=True)
class OptOut:
    """A host that keeps addresses from programs."""

    host: str
    how: dict[str, int]  # addresses by the reason of the refusal
    cases: list[int]  # numbers of the owner's cases with finds there, which aren't cleared


def of_watch(watch: Watch) -> list[OptOut]:
    """The hosts of which the newest runs fetched something not, because it isn't for programs; those with finds first.

    Nothing of that is fetched in another way. A person may look at a page, and ask what a picture shows.
    """
    hosts: dict[str, Counter[str]] = defaultdict(Counter)
    runs = watch.crawls.order_by("-number")[:RUNS]
    kept = [crawl.opt_outs for crawl in runs if crawl.opt_outs is not None]
    for counted in (*kept, *_refused([crawl.pk for crawl in runs if crawl.opt_outs is None]).values()):
        for host, how in counted.items():
            hosts[host] |= Counter(how)  # of each reason the most that a run was refused
    cases = _cases(watch, hosts)
    found = [OptOut(host, dict(sorted(how.items())), cases.get(host, [])) for host, how in hosts.items() if host]
    return sorted(found, key=lambda one: (-len(one.cases), -sum(one.how.values()), one.host))[:MAX_HOSTS]


def keep_counts(crawl_id: int) -> None:
    """Count once what was kept from a run that has ended: a site may have refused it hundreds of thousands of pages."""
    crawl = Crawl.objects.get(pk=crawl_id)
    write(crawl, opt_outs=_refused([crawl.pk]).get(crawl.pk, {}))


def _refused(crawls: Sequence[int]) -> dict[int, dict[str, dict[str, int]]]:
    """Of each of these crawls the hosts that refused it something, with how many addresses by the reason."""
    if not crawls:
        return {}
    authority = Func(F("url"), Value("/"), Value(3), function="split_part", output_field=TextField())
    refused = Refusal.objects.filter(crawl__in=crawls, reason__in=REASONS).order_by()
    grouped = refused.annotate(authority=authority).values("crawl", "authority", "reason")
    rows = grouped.annotate(addresses=Count("key", distinct=True))
    found: dict[int, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for crawl, authority_of, reason, addresses in rows.values_list("crawl", "authority", "reason", "addresses"):
        found[crawl][host_of(f"http://{authority_of}/")][reason] += addresses
    return found


def _cases(watch: Watch, hosts: Iterable[str]) -> dict[str, list[int]]:
    seen = CaseSighting.objects.filter(
        case__owner=watch.owner_id, case__resembles=False, sighting__host__in=list(hosts)
    )
    rows = seen.exclude(case__decision=Case.Decision.CLEARED).order_by("case__number")
    cases: dict[str, list[int]] = defaultdict(list)
    for host, number in rows.values_list("sighting__host", "case__number").distinct():
        cases[host].append(number)
    return cases
