"""Where a watch isn't let in: hosts that keep programs out, how they say so, and which finds are known to lie there."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from registry.cases.models import Case, CaseSighting
from registry.crawls.models import Watch
from registry.crawls.opt_outs import refused_hosts

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
    for counted in (*kept, *refused_hosts([crawl.pk for crawl in runs if crawl.opt_outs is None]).values()):
        for host, how in counted.items():
            hosts[host] |= Counter(how)  # of each reason the most that a run was refused
    cases = _cases(watch, hosts)
    found = [OptOut(host, dict(sorted(how.items())), cases.get(host, [])) for host, how in hosts.items() if host]
    return sorted(found, key=lambda one: (-len(one.cases), -sum(one.how.values()), one.host))[:MAX_HOSTS]


def _cases(watch: Watch, hosts: Iterable[str]) -> dict[str, list[int]]:
    seen = CaseSighting.objects.filter(
        case__owner=watch.owner_id, case__resembles=False, sighting__host__in=list(hosts)
    )
    rows = seen.exclude(case__decision=Case.Decision.CLEARED).order_by("case__number")
    cases: dict[str, list[int]] = defaultdict(list)
    for host, number in rows.values_list("sighting__host", "case__number").distinct():
        cases[host].append(number)
    return cases
