"""The works in a report, with or without matches, read in batches of four queries each."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import Count, F, Func, Max, Min, Q

from evidence.documents.report.facts import (
    WORKS_PER_VOLUME,
    CrawlCoverage,
    RefusalCount,
    ReportScope,
    SearchTotals,
    WorkResult,
)
from evidence.verify.checks.probability import build_calibration_facts
from indexer.layout.information import COMPOSITION_REASONS
from indexer.picture.spaces import PIPELINE
from registry.accounts.models import Owner
from registry.cases.models import CaseSighting
from registry.crawls import copy_checks
from registry.crawls.models import Crawl, CrawlSlice, Refusal, Sighting
from registry.db.claimable import StepState
from registry.matches import calibrations
from registry.reports.scope import build_sighting_filter, list_cases_regardless_of_decision, list_works
from registry.works.models import WorkPicture

PLACE_COUNT = Count(Func(F("case"), F("sighting__page_key"), F("sighting__image_key"), function="ROW"), distinct=True)
"""Count of distinct images on pages, regardless of how often each was seen."""


def list_work_numbers(owner: Owner, scope: ReportScope, cases: Collection[int]) -> list[int]:
    """Return the numbers of the works in scope, those with any of these cases first."""
    rows = list_works(owner, scope)
    numbers_with_cases = list(
        rows.filter(cases__number__in=cases).order_by("number").values_list("number", flat=True).distinct()
    )
    case_work_numbers = set(numbers_with_cases)
    return [
        *numbers_with_cases,
        *(number for number in rows.values_list("number", flat=True) if number not in case_work_numbers),
    ]


def build_work_results(
    owner: Owner, scope: ReportScope, zone: str, numbers: Sequence[int], listed_cases: Collection[int]
) -> tuple[WorkResult, ...]:
    """Return the results for these works. Cases that are not in ``listed_cases`` are only counted."""
    works = {work.number: work for work in list_works(owner, scope).filter(number__in=numbers)}
    keys = [work.pk for work in works.values()]
    cases: dict[int, list[int]] = defaultdict(list)
    unlisted_counts = Counter[int]()
    for key, number in (
        list_cases_regardless_of_decision(owner, scope, zone).filter(work__in=keys).values_list("work", "number")
    ):
        if number in listed_cases:
            cases[key].append(number)
        else:
            unlisted_counts[key] += 1
    uncompared_pictures = Count("pk", filter=~Q(state=StepState.DONE))
    pictures = (
        WorkPicture.objects.filter(work__in=keys)
        .order_by()
        .values_list("work")
        .annotate(Count("pk"), uncompared=uncompared_pictures)
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
    sighting_stats = {
        key: (count, first_seen, last_seen)
        for key, count, first_seen, last_seen in places.annotate(places=PLACE_COUNT, **times)
    }
    results = []
    for work in filter(None, map(works.get, numbers)):
        reasons = () if COMPOSITION_REASONS.issuperset(work.low_information) else tuple(work.low_information)
        picture_count, uncompared_count = picture_counts.get(work.pk, (0, 0))
        count, first_seen, last_seen = sighting_stats.get(work.pk, (0, None, None))
        case_columns = tuple(cases[work.pk]), count, unlisted_counts[work.pk], first_seen, last_seen
        results.append(
            WorkResult(
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
    return tuple(results)


def summarise_works(
    owner: Owner, scope: ReportScope, zone: str, cases: Collection[int], crawls: Sequence[Crawl], until: datetime
) -> SearchTotals:
    """Return the totals over all works for these cases and crawls; ``until`` is the latest time stated."""
    numbers, state_counts, places = list_work_numbers(owner, scope, cases), Counter[str](), 0
    for start in range(0, len(numbers), WORKS_PER_VOLUME):
        results = build_work_results(owner, scope, zone, numbers[start:][:WORKS_PER_VOLUME], cases)
        state_counts.update(work.standing for work in results)
        places += sum(work.places for work in results)
    is_done, calibration = Q(picture__state=StepState.DONE), calibrations.get_active_calibration(PIPELINE)
    return SearchTotals(
        works=state_counts.total(),
        places=places,
        **{name: state_counts[name] for name in ("found", "unlisted", "unsafe", "waiting")},
        watches=len({crawl.watch_id for crawl in crawls}),
        **Sighting.objects.filter(crawl__in=[crawl.pk for crawl in crawls]).aggregate(
            hosts=Count("host", distinct=True),
            uncompared=Count("picture", distinct=True, filter=~is_done),
            unreadable=Count("picture", distinct=True, filter=is_done & ~Q(picture__refusal="")),
        ),
        until=max((min(crawl.finished_at or until, until) for crawl in crawls), default=None),
        calibration=None if calibration is None else build_calibration_facts(calibration, ""),
    )


def build_coverage(crawls: Sequence[Crawl]) -> tuple[CrawlCoverage, ...]:
    """Return the coverage of each crawl, in the given order. The number of queries is constant."""
    keys = [crawl.pk for crawl in crawls]
    received_bytes: dict[int, int] = defaultdict(int)
    for crawl, counts in CrawlSlice.objects.filter(crawl__in=keys).values_list("crawl", "counts"):
        received_bytes[crawl] += int(counts.get("bytes", 0))
    refusals: dict[int, list[RefusalCount]] = defaultdict(list)
    rows = Refusal.objects.filter(crawl__in=keys).values_list("crawl", "reason")
    for key, reason, count in rows.annotate(count=Count("pk")).order_by("crawl", "reason"):
        refusals[key].append(RefusalCount(reason, count))
    sightings = Sighting.objects.filter(crawl__in=keys).values_list("crawl")
    pictures = dict(sightings.annotate(count=Count("picture", distinct=True)).order_by())
    known_copies = copy_checks.compute_results(crawls)
    return tuple(
        CrawlCoverage(
            source=crawl.sources[0]["url"],
            kind=crawl.sources[0]["kind"],
            started=crawl.started_at,
            finished=crawl.finished_at,
            pages=crawl.pages,
            pictures=pictures.get(crawl.pk, 0),
            bytes_received=received_bytes[crawl.pk],
            refused=tuple(refusals[crawl.pk]),
            known_copies=sum(
                known_copy.outcome is not copy_checks.KnownCopyOutcome.PENDING
                for known_copy in known_copies.get(crawl.pk, ())
            ),
            ended=crawl.reason,
            further=tuple(source["url"] for source in crawl.sources[1:]),
            known_copies_found=sum(
                known_copy.outcome is copy_checks.KnownCopyOutcome.DETECTED
                for known_copy in known_copies.get(crawl.pk, ())
            ),
        )
        for crawl in crawls
    )
