"""Reports: the account of an owner's cases as PDF, CSV and JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max

from evidence.documents import (
    CrawlCoverage,
    RefusalCount,
    ReportCase,
    ReportFacts,
    ReportSummary,
    render_report_csv,
    render_report_json,
    render_report_pdf,
)
from evidence.documents.report_pdf import ROOM
from evidence.facts import CaseFacts, OwnerFacts
from exhibit.clock import now
from exhibit.errors import ExhibitError, ServiceMissingError
from indexer.draw import View, draw
from registry import owned, steps
from registry.models import Bundle, Case, Crawl, LogEntry, Match, Owner, Report, Sighting
from workers.bundles import sealed_case, sealed_facts
from workers.drawings import pair_of
from workers.facts import gather, software
from workers.proofs import witnesses_of
from workers.steps.seal import DOCUMENT_LANGUAGES
from workers.texts import not_checked
from workers.wiring import House


@dataclass(frozen=True, slots=True)
class _Shown:
    """A case in a report, with the pictures that its facts name."""

    case: ReportCase
    pictures: Mapping[str, bytes]


def request_report(owner: Owner, *, preparer: str, title: str = "") -> Report:
    """Ask for an owner's next report over all its cases."""
    with transaction.atomic():
        Owner.objects.select_for_update(no_key=True).get(pk=owner.pk)
        number = (owner.reports.aggregate(last=Max("number"))["last"] or 0) + 1
        named = {"preparer": preparer, "title": title or f"Report {number} for {owner.name}"}
        return Report.objects.create(owner=owner, number=number, parameters=named)


def make_reports(house: House, ids: Sequence[int]) -> None:
    """Make each report that waits: gather facts, render each form, keep the files."""
    for pk in steps.claim(Report, ids, house.stale_after):
        report = Report.objects.select_related("owner").get(pk=pk)
        try:
            files = _render(house, report)
        except ExhibitError as error:
            steps.fail(Report, pk, str(error), retry=error.retry)
            continue
        with transaction.atomic():
            Report.objects.filter(pk=pk).update(files=files)
            steps.finish(Report, [pk])


def _render(house: House, report: Report) -> list[dict[str, object]]:
    language = DOCUMENT_LANGUAGES[house.config.languages[0]]
    cases = owned.cases(report.owner).exclude(decision=Case.Decision.CLEARED).order_by("number")
    shown = [_case(house, case, language) for case in cases]
    facts = _facts(house, report, [one.case for one in shown], language)
    pictures = {one.case.facts.number: one.pictures for one in shown}
    stem = f"{report.owner.slug}-report-{report.number}"
    made = [
        (f"{stem}.json", "application/json", render_report_json(facts)),
        (f"{stem}.csv", "text/csv", render_report_csv(facts)),
    ]
    for place, code in enumerate(house.config.languages):
        name = f"{stem}.pdf" if place == 0 else f"{stem}.{DOCUMENT_LANGUAGES[code]}.pdf"
        try:
            made.append((name, "application/pdf", render_report_pdf(facts, pictures, DOCUMENT_LANGUAGES[code])))
        except ServiceMissingError:
            if place == 0:
                raise
    return [
        {"name": name, "media_type": kind, "digest": house.blobs.put(data).hex, "size": len(data)}
        for name, kind, data in made
    ]


def _case(house: House, case: Case, language: str) -> _Shown:
    """What was sealed last, or the facts of now where nothing is sealed or the decision is another since."""
    bundle = case.bundles.exclude(seal_digest=None).order_by("-number").first()
    if bundle is None or case.decision != Case.Decision.CONFIRMED:
        gathered = gather(house, case, bundle=0, language=language, sealed=False)
        drawn = _drawn(house, gathered.facts, gathered.matches)
        return _Shown(ReportCase(gathered.facts, None, None, ()), {**_originals(house, gathered.facts), **drawn})
    sealed = sealed_case(house, bundle)
    facts = sealed_facts(house, sealed)
    pictures = {
        file.path: house.blobs.get(file.sha256)
        for file in sealed.manifest.files
        if file.media_type.startswith("image/") and "/capture-" not in file.path and file.sha256 in house.blobs
    }
    return _Shown(ReportCase(facts, bundle.seal_digest, _sequence(bundle), witnesses_of(bundle)), pictures)


def _sequence(bundle: Bundle) -> int | None:
    entry = LogEntry.objects.filter(submission=bundle.submission_id).first()
    return None if entry is None else entry.sequence


def _originals(house: House, facts: CaseFacts) -> dict[str, bytes]:
    named = [*facts.work.pictures, *(one.picture for one in facts.sightings)]
    return {one.file: house.blobs.get(one.digest) for one in named if one.digest in house.blobs}


def _drawn(house: House, facts: CaseFacts, matches: Sequence[Match]) -> dict[str, bytes]:
    """The drawings that a report shows; more of them are for the exhibit sheet."""
    pictures: dict[str, bytes] = {}
    for one, row in list(zip(facts.matches, matches, strict=True))[: ROOM.matches]:
        shown = {role: path for role, path in one.drawings.items() if role in ROOM.roles}
        if not shown:
            continue
        if row.found.digest in house.blobs and row.registered.digest in house.blobs:
            pair = pair_of(house, row)
            pictures.update({path: draw(View(role), pair) for role, path in shown.items()})
    return pictures


def _facts(house: House, report: Report, cases: Sequence[ReportCase], language: str) -> ReportFacts:
    owner = report.owner
    crawls = Crawl.objects.filter(watch__owner=owner).select_related("watch").order_by("started_at")
    moment = now()
    counted = [case.facts.decision.decision for case in cases]
    summary = ReportSummary(
        works=owned.works(owner).count(),
        pages=sum(crawl.pages for crawl in crawls),
        pictures=Sighting.objects.filter(crawl__in=crawls).values("picture").distinct().count(),
        cases=owned.cases(owner).count(),
        confirmed=counted.count("confirmed"),
        licensed=counted.count("licensed"),
        cleared=owned.cases(owner).filter(decision=Case.Decision.CLEARED).count(),
        open=counted.count("open"),
    )
    return ReportFacts(
        title=report.parameters["title"],
        owner=OwnerFacts(owner.name, owner.contact),
        preparer=report.parameters["preparer"],
        period_start=min((crawl.started_at for crawl in crawls), default=moment),
        period_end=moment,
        generated_at=moment,
        time_zone=house.config.time_zone,
        software=software(),
        summary=summary,
        coverage=tuple(coverage_of(crawl) for crawl in crawls),
        cases=tuple(cases),
        not_checked=not_checked(language),
    )


def coverage_of(crawl: Crawl) -> CrawlCoverage:
    """What a crawl visited, and what it refused."""
    source = crawl.watch.sources[0]
    counts = owned.refusal_counts(crawl)
    received = sum(int(one.get("bytes", 0)) for one in crawl.slices.values_list("counts", flat=True))
    return CrawlCoverage(
        source=source["url"],
        kind=source["kind"],
        started=crawl.started_at,
        finished=crawl.finished_at,
        pages=crawl.pages,
        pictures=crawl.sightings.values("picture").distinct().count(),
        bytes_received=received,
        refused=tuple(RefusalCount(reason, count) for reason, count in counts.items()),
    )
