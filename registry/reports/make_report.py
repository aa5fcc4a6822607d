"""Generation of reports: an owner's cases as PDF, CSV, XLSX and JSON, volume by volume."""

import time
from collections.abc import Sequence
from dataclasses import replace
from secrets import token_hex

from django.db.models import Count

from evidence.documents.report.facts import (
    AT_LENGTH,
    IN_A_VOLUME,
    WORKS_IN_A_VOLUME,
    ReportFacts,
    ReportScope,
    ReportSummary,
    Volume,
)
from evidence.documents.report.pdf import CARD_SIDE, PICTURE_SIDE
from evidence.documents.report.volumes import MadeFile, ReportFolder, volumes_of
from evidence.facts.case import OwnerFacts
from exhibit.clock import now
from registry.bundles.documents import languages_of
from registry.bundles.facts import software_facts
from registry.bundles.file_removal import remove_unused
from registry.bundles.models import Report
from registry.bundles.sentences import list_unchecked
from registry.cases import scoped
from registry.crawls.models import Sighting
from registry.db import steps
from registry.db.claimable import StepState
from registry.db.fields import StoredFile
from registry.db.rows import lock_row
from registry.events import events
from registry.events.models import EventKind
from registry.pictures.file_removal import are_all_stored
from registry.reports.cases import load_case_content
from registry.reports.requests import _get_chosen_title, _get_folder, clear_folder
from registry.reports.scope import (
    EVERYTHING,
    get_period,
    list_cases,
    list_cases_of_any_decision,
    list_crawls,
    list_works,
    parse_request,
)
from registry.reports.works import build_accounts, build_coverage, list_work_numbers, summarise_works
from registry.services.services import Services

MAX_WORK_SECONDS = 10.0
"""Working time after which a report is postponed, once the current volume is finished, to let other files proceed."""


def make_reports(services: Services, ids: Sequence[int]) -> None:
    """Generate each pending report, volume by volume. Long reports continue in a further message."""
    for pk in steps.claim(Report, ids, services.stale_after):
        report = Report.objects.select_related("owner").get(pk=pk)
        with steps.processing(Report, [pk]):
            try:
                files = _make_volumes(services, report)
            except FileNotFoundError:
                if _is_being_made(pk):
                    raise
                files = None  # A purge has removed the volumes made so far.
            if files is not None:
                if _finish(services, report, files):
                    clear_folder(services, report)
                    continue
                remove_unused(services, files)
            steps.wait(Report, pk, now())
            services.enqueue(Report, [pk])


def _make_volumes(services: Services, report: Report) -> list[StoredFile] | None:
    """Make the missing volumes. Return the stored files, or None if the working time ended before all were made."""
    numbers, works = _load_numbers(services, report)
    volumes = volumes_of(len(numbers), len(works))
    side = PICTURE_SIDE if len(numbers) <= AT_LENGTH else CARD_SIDE
    listed = frozenset(numbers)
    deadline = time.monotonic() + MAX_WORK_SECONDS
    request = parse_request(report.parameters)
    languages = request.languages or tuple(languages_of(services))
    # Parts of a report that was restarted on another machine may still be here.
    run = _get_folder(services, report) / report.progress.get("run", "")
    with ReportFolder(run, languages if "pdf" in request.formats else ()) as folder:
        report_head = folder.head(lambda: _build_head(services, report, request.scope, languages[0]))
        missing = [volume for volume in volumes if not folder.is_made(volume)]
        for volume in missing:
            if (time.monotonic() > deadline and volume is not missing[0]) or not _record_progress(report, volume):
                folder.wait()
                return None
            rows = scoped.cases(report.owner).filter(number__in=numbers[volume.first - 1 :][:IN_A_VOLUME])
            cases = [load_case_content(services, case, languages[0], side) for case in rows]
            work_numbers = works[(volume.number - 1) * WORKS_IN_A_VOLUME :][:WORKS_IN_A_VOLUME]
            accounts = build_accounts(report.owner, request.scope, report_head.time_zone, work_numbers, listed)
            volume_facts = replace(report_head, cases=tuple(case.case for case in cases), works=accounts)
            folder.add(volume, volume_facts, {case.case.facts.number: case.pictures for case in cases})
        stem = f"{report.owner.slug}-report-{report.number}"
        files = folder.put_together(report_head, volumes, stem, request.formats)
        return [_store_file(services, file) for file in files]


def _load_numbers(services: Services, report: Report) -> tuple[list[int], list[int]]:
    """Return the numbers of the cases and works, fixed when the report was started so that it stays consistent."""
    if "cases" not in report.progress:
        clear_folder(services, report)
        scope = parse_request(report.parameters).scope
        numbers = list(list_cases(report.owner, scope, services.config.time_zone).values_list("number", flat=True))
        works = list_work_numbers(report.owner, scope, numbers) if scope.every_work else []
        volumes = len(volumes_of(len(numbers), len(works)))
        report.progress = {"run": token_hex(4), "cases": numbers, "works": works, "volumes": volumes, "begun": 0}
        report.save(update_fields=["progress"])
    cases: list[int] = report.progress["cases"]
    return cases, report.progress.get("works", [])


def _record_progress(report: Report, volume: Volume) -> bool:
    """Record the volume being made and renew the claim; return False if a purge or removal intervened."""
    rows = Report.objects.filter(pk=report.pk, state=StepState.DOING, progress__has_key="cases")
    if report.progress["begun"] == volume.number:
        return bool(rows.update(claimed_at=now()))
    report.progress["begun"] = volume.number
    return bool(rows.update(progress=report.progress, claimed_at=now(), attempts=1))


def _is_being_made(pk: int) -> bool:
    """Return True if no purge has restarted the report."""
    return Report.objects.filter(pk=pk, progress__has_key="cases").exists()


def _finish(services: Services, report: Report, files: list[StoredFile]) -> bool:
    """Record the files; return False if a purge intervened, in which case they are not used."""
    with lock_row(report):
        if not _is_being_made(report.pk) or not are_all_stored(services, files):
            return False
        Report.objects.filter(pk=report.pk).update(files=files)
        steps.finish(Report, [report.pk])
        details = {"report": report.number, "title": report.parameters["title"]}
        events.record(report.owner, EventKind.REPORT_READY, details)
        return True


def _build_head(services: Services, report: Report, scope: ReportScope, language: str) -> ReportFacts:
    """Return the content of a report apart from its cases."""
    owner, zone = report.owner, services.config.time_zone
    crawls = list(list_crawls(owner, scope, zone))
    moment = now()
    cases = list_cases_of_any_decision(owner, scope, zone).order_by()
    decided = dict(cases.values_list("decision").annotate(count=Count("pk")))
    picture_count = (
        Sighting.objects.filter(crawl__in=[crawl.pk for crawl in crawls]).values("picture").distinct().count()
    )
    listed = frozenset(report.progress["cases"])
    first, last = get_period(scope, zone)
    period_end = moment if last is None else min(last, moment)
    summary = ReportSummary(
        works=list_works(owner, scope).count(),
        pages=sum(crawl.pages for crawl in crawls),
        pictures=picture_count,
        cases=sum(decided.values()),
        **{decision: decided.get(decision, 0) for decision in ("confirmed", "licensed", "cleared", "open")},
    )
    return ReportFacts(
        title=_get_chosen_title(report),
        owner=OwnerFacts(owner.name, owner.contact),
        preparer=report.parameters["preparer"],
        period_start=first or min((crawl.started_at for crawl in crawls), default=moment),
        period_end=period_end,
        generated_at=moment,
        time_zone=services.config.time_zone,
        software=software_facts(),
        summary=summary,
        coverage=build_coverage(crawls),
        cases=(),
        not_checked=list_unchecked(language),
        scope=None if scope == EVERYTHING else scope,
        looked=summarise_works(owner, scope, zone, listed, crawls, period_end) if scope.every_work else None,
    )


def _store_file(services: Services, file: MadeFile) -> StoredFile:
    digest = services.blobs.put_file(file.path)
    return {"name": file.name, "media_type": file.media_type, "digest": digest.hex, "size": file.path.stat().st_size}
