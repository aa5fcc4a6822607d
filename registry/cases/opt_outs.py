"""Hosts that refuse a watch's crawler, with the reasons and the cases with matches there."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from registry.cases.models import Case, CaseSighting
from registry.crawls.models import Watch
from registry.crawls.opt_outs import count_refused_hosts

MAX_RUNS = 3
"""Number of the newest runs that are evaluated; a site may allow crawlers again later."""
MAX_HOSTS = 200


@dataclass(frozen=True, slots=True)
class OptOut:
    """A host that refuses the crawler's requests for some URLs."""

    host: str
    how: dict[str, int]  # number of URLs by reason of the refusal
    cases: list[int]  # numbers of the owner's cases with matches there, except dismissed cases


def find_opt_outs(watch: Watch) -> list[OptOut]:
    """Return the hosts that refused URLs to the newest runs of a watch, those with the most cases first.

    Exhibit does not fetch such URLs in any other way. A member may open a page and check its picture manually.
    """
    hosts: dict[str, Counter[str]] = defaultdict(Counter)
    runs = watch.crawls.order_by("-number")[:MAX_RUNS]
    stored_counts = [crawl.opt_outs for crawl in runs if crawl.opt_outs is not None]
    for counts in (
        *stored_counts,
        *count_refused_hosts([crawl.pk for crawl in runs if crawl.opt_outs is None]).values(),
    ):
        for host, how in counts.items():
            hosts[host] |= Counter(how)  # maximum of all runs for each reason
    cases = _find_cases_by_host(watch, hosts)
    opt_outs = [OptOut(host, dict(sorted(how.items())), cases.get(host, [])) for host, how in hosts.items() if host]
    return sorted(opt_outs, key=lambda opt_out: (-len(opt_out.cases), -sum(opt_out.how.values()), opt_out.host))[
        :MAX_HOSTS
    ]


def _find_cases_by_host(watch: Watch, hosts: Iterable[str]) -> dict[str, list[int]]:
    sightings = CaseSighting.objects.filter(
        case__owner=watch.owner_id, case__is_related=False, sighting__host__in=list(hosts)
    )
    rows = sightings.exclude(case__decision=Case.Decision.DISMISSED).order_by("case__number")
    cases: dict[str, list[int]] = defaultdict(list)
    for host, number in rows.values_list("sighting__host", "case__number").distinct():
        cases[host].append(number)
    return cases
