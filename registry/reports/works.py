"""The works in a report, with or without finds, read in batches of four queries each."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import Count, F, Func, Max, Min, Q

from evidence.documents.report.facts import (
    WORKS_IN_A_VOLUME,
    CrawlCoverage,
    LookedFacts,
    RefusalCount,
    ReportScope,
    WorkAccount,
)
from evidence.verify.checks.probability import calibration_facts
from indexer.layout.information import COMPOSED
from indexer.picture.spaces import PIPELINE
from registry.accounts.models import Owner
from registry.cases.models import CaseSighting
from registry.crawls import canaries
from registry.crawls.models import Crawl, CrawlSlice, Refusal, Sighting
from registry.db.claimable import StepState
from registry.matches import calibrations
from registry.reports.scope import build_sighting_filter, list_cases_of_any_decision, list_works
from registry.works.models import WorkPicture

PLACES = Count(Func(F("case"), F("sighting__page_key"), F("sighting__image_key"), function="ROW"), distinct=True)
"""Count of distinct images on pages, regardless of how often each was seen."""


def list_work_numbers(owner: Owner, scope: ReportScope, cases: Collection[int]) -> list[int]:
    """Return the numbers of the works in scope, those with any of these cases first."""
    rows = list_works(owner, scope)
    with_cases = list(
        rows.filter(cases__number__in=cases).order_by("number").values_list("number", flat=True).distinct()
    )
    case_work_numbers = set(with_cases)
    return [
        *with_cases,
        *(number for number in rows.values_list("number", flat=True) if number not in case_work_numbers),
    ]


def build_accounts(
    owner: Owner, scope: ReportScope, zone: str, numbers: Sequence[int], listed: Collection[int]
) -> tuple[WorkAccount, ...]:
    """Return the accounts of some works, by number, over the listed cases."""
    works = {work.number: work for work in list_works(owner, scope).filter(number__in=numbers)}
    keys = [work.pk for work in works.values()]
    cases: dict[int, list[int]] = defaultdict(list)
    unlisted = Counter[int]()
    for key, number in (
        list_cases_of_any_decision(owner, scope, zone).filter(work__in=keys).values_list("work", "number")
    ):
        if number in listed:
            cases[key].append(number)
        else:
            unlisted[key] += 1
    uncompared = Count("pk", filter=~Q(state=StepState.DONE))
    pictures = (
        WorkPicture.objects.filter(work__in=keys).order_by().values_list("work").annotate(Count("pk"), waits=uncompared)
    )
    picture_counts = {key: (picture_count, uncompared_count) for key, picture_count, uncompared_count in pictures}
    case_filter = {
        "case__owner": owner,
        "case__number__in": [number for case_numbers in cases.values() for number in case_numbers],
    }
    places = (
        CaseSighting.objects.filter(build_sighting_filter(owner, scope, zone), **case_filter)
        .order_by()
        .values_list("case__work")
    )
    times = {"first": Min("sighting__first_seen"), "last": Max("sighting__last_seen")}
    sighting_stats = {key: (count, first, last) for key, count, first, last in places.annotate(places=PLACES, **times)}
    accounts = []
    for work in filter(None, map(works.get, numbers)):
        reasons = () if COMPOSED.issuperset(work.low_information) else tuple(work.low_information)
        picture_count, uncompared_count = picture_counts.get(work.pk, (0, 0))
        count, first, last = sighting_stats.get(work.pk, (0, None, None))
        case_columns = tuple(cases[work.pk]), count, unlisted[work.pk], first, last
        accounts.append(
            WorkAccount(
                work.number,
                work.title,
                work.author,
                work.registered_at,
                reasons,
                picture_count,
                uncompared_count,
                *case_columns,
            )
        )
    return tuple(accounts)


def summarise_works(
    owner: Owner, scope: ReportScope, zone: str, cases: Collection[int], crawls: Sequence[Crawl], until: datetime
) -> LookedFacts:
    """Return the totals over all works, for these cases and crawls, until a given time at most."""
    numbers, standings, places = list_work_numbers(owner, scope, cases), Counter[str](), 0
    for start in range(0, len(numbers), WORKS_IN_A_VOLUME):
        accounts = build_accounts(owner, scope, zone, numbers[start:][:WORKS_IN_A_VOLUME], cases)
        standings.update(work.standing for work in accounts)
        places += sum(work.places for work in accounts)
    done, calibration = Q(picture__state=StepState.DONE), calibrations.get_active(PIPELINE)
    return LookedFacts(
        works=standings.total(),
        places=places,
        **{name: standings[name] for name in ("found", "unlisted", "unsafe", "waiting")},
        watches=len({crawl.watch_id for crawl in crawls}),
        **Sighting.objects.filter(crawl__in=[crawl.pk for crawl in crawls]).aggregate(
            hosts=Count("host", distinct=True),
            uncompared=Count("picture", distinct=True, filter=~done),
            unreadable=Count("picture", distinct=True, filter=done & ~Q(picture__refusal="")),
        ),
        until=max((min(crawl.finished_at or until, until) for crawl in crawls), default=None),
        calibration=None if calibration is None else calibration_facts(calibration, ""),
    )


def build_coverage(crawls: Sequence[Crawl]) -> tuple[CrawlCoverage, ...]:
    """Return the coverage of each crawl, in the given order. The number of queries is constant."""
    keys = [crawl.pk for crawl in crawls]
    received: dict[int, int] = defaultdict(int)
    for crawl, counts in CrawlSlice.objects.filter(crawl__in=keys).values_list("crawl", "counts"):
        received[crawl] += int(counts.get("bytes", 0))
    refused: dict[int, list[RefusalCount]] = defaultdict(list)
    rows = Refusal.objects.filter(crawl__in=keys).values_list("crawl", "reason")
    for key, reason, count in rows.annotate(count=Count("pk")).order_by("crawl", "reason"):
        refused[key].append(RefusalCount(reason, count))
    sightings = Sighting.objects.filter(crawl__in=keys).values_list("crawl")
    pictures = dict(sightings.annotate(count=Count("picture", distinct=True)).order_by())
    known_copies = canaries.compute_results(crawls)
    return tuple(
        CrawlCoverage(
            source=crawl.sources[0]["url"],
            kind=crawl.sources[0]["kind"],
            started=crawl.started_at,
            finished=crawl.finished_at,
            pages=crawl.pages,
            pictures=pictures.get(crawl.pk, 0),
            bytes_received=received[crawl.pk],
            refused=tuple(refused[crawl.pk]),
            canaries=sum(
                known_copy.outcome is not canaries.Outcome.PENDING for known_copy in known_copies.get(crawl.pk, ())
            ),
            ended=crawl.reason,
            further=tuple(source["url"] for source in crawl.sources[1:]),
            canaries_found=sum(
                known_copy.outcome is canaries.Outcome.DETECTED for known_copy in known_copies.get(crawl.pk, ())
            ),
        )
        for crawl in crawls
    )
