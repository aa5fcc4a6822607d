"""Generation of reports: an owner's cases as PDF, CSV, XLSX and JSON, volume by volume."""

import time
from collections.abc import Sequence
from dataclasses import replace
from secrets import token_hex

from django.db.models import Count

from evidence.documents.report.facts import (
    CASES_PER_VOLUME,
    MAX_DETAILED_CASES,
    WORKS_PER_VOLUME,
    ReportFacts,
    ReportScope,
    ReportSummary,
    Volume,
)
from evidence.documents.report.pdf import CARD_SIDE, PICTURE_SIDE
from evidence.documents.report.volumes import ReportFile, ReportFolder, plan_volumes
from evidence.facts.case import OwnerFacts
from exhibit.clock import now
from registry.bundles.documents import list_languages
from registry.bundles.facts import build_software_facts
from registry.bundles.file_removal import remove_unused_files
from registry.bundles.models import Report
from registry.bundles.sentences import list_unchecked_items
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
    DEFAULT_SCOPE,
    get_period,
    list_cases,
    list_cases_regardless_of_decision,
    list_crawls,
    list_works,
    parse_request,
)
from registry.reports.works import build_coverage, build_work_results, list_work_numbers, summarise_works
from registry.services.services import Services

MAX_WORK_SECONDS = 10.0
"""Working time after which a report is postponed, once the current volume is finished, to let other files proceed."""


def make_reports(services: Services, ids: Sequence[int]) -> None:
    """Generate each pending report, volume by volume. Long reports continue in another task."""
    for pk in steps.claim(Report, ids, services.stale_after):
        report = Report.objects.select_related("owner").get(pk=pk)
        with steps.guard_processing(Report, [pk]):
            try:
                files = _make_volumes(services, report)
            except FileNotFoundError:
                if _is_in_progress(pk):
                    raise
                files = None  # A purge has removed the volumes generated so far.
            if files is not None:
                if _finish_report(services, report, files):
                    clear_folder(services, report)
                    continue
                remove_unused_files(services, files)
            steps.postpone_by_id(Report, pk, now())
            services.enqueue(Report, [pk])


def _make_volumes(services: Services, report: Report) -> list[StoredFile] | None:
    """Generate the missing volumes. Return the stored files, or None if the working time ended first."""
    numbers, works = _load_numbers(services, report)
    volumes = plan_volumes(len(numbers), len(works))
    side = PICTURE_SIDE if len(numbers) <= MAX_DETAILED_CASES else CARD_SIDE
    listed_cases = frozenset(numbers)
    deadline = time.monotonic() + MAX_WORK_SECONDS
    request = parse_request(report.parameters)
    languages = request.languages or tuple(list_languages(services))
    # This machine may still have parts of a report that was restarted on another machine.
    run_folder = _get_folder(services, report) / report.progress.get("run", "")
    with ReportFolder(run_folder, languages if "pdf" in request.formats else ()) as folder:
        report_header = folder.load_header(lambda: _build_report_facts(services, report, request.scope, languages[0]))
        missing_volumes = [volume for volume in volumes if not folder.has_volume(volume)]
        for volume in missing_volumes:
            if (time.monotonic() > deadline and volume is not missing_volumes[0]) or not _record_progress(
                report, volume
            ):
                folder.wait_for_pdfs()
                return None
            rows = scoped.list_owner_cases(report.owner).filter(
                number__in=numbers[volume.first - 1 :][:CASES_PER_VOLUME]
            )
            cases = [load_case_content(services, case, languages[0], side) for case in rows]
            work_numbers = works[(volume.number - 1) * WORKS_PER_VOLUME :][:WORKS_PER_VOLUME]
            work_results = build_work_results(
                report.owner, request.scope, report_header.time_zone, work_numbers, listed_cases
            )
            volume_facts = replace(report_header, cases=tuple(case.case for case in cases), works=work_results)
            folder.add_volume(volume, volume_facts, {case.case.facts.number: case.pictures for case in cases})
        file_stem = f"{report.owner.slug}-report-{report.number}"
        files = folder.assemble_files(report_header, volumes, file_stem, request.formats)
        return [_store_file(services, file) for file in files]


def _load_numbers(services: Services, report: Report) -> tuple[list[int], list[int]]:
    """Return the numbers of the cases and works, fixed when the report was started so that it stays consistent."""
    if "cases" not in report.progress:
        clear_folder(services, report)
        scope = parse_request(report.parameters).scope
        numbers = list(list_cases(report.owner, scope, services.config.time_zone).values_list("number", flat=True))
        works = list_work_numbers(report.owner, scope, numbers) if scope.every_work else []
        volumes = len(plan_volumes(len(numbers), len(works)))
        report.progress = {"run": token_hex(4), "cases": numbers, "works": works, "volumes": volumes, "begun": 0}
        report.save(update_fields=["progress"])
    cases: list[int] = report.progress["cases"]
    return cases, report.progress.get("works", [])


def _record_progress(report: Report, volume: Volume) -> bool:
    """Record the current volume and renew the claim. Return False if the report was purged or removed."""
    rows = Report.objects.filter(pk=report.pk, state=StepState.RUNNING, progress__has_key="cases")
    if report.progress["begun"] == volume.number:
        return bool(rows.update(claimed_at=now()))
    report.progress["begun"] = volume.number
    return bool(rows.update(progress=report.progress, claimed_at=now(), attempts=1))


def _is_in_progress(pk: int) -> bool:
    """Return True if no purge has restarted the report."""
    return Report.objects.filter(pk=pk, progress__has_key="cases").exists()


def _finish_report(services: Services, report: Report, files: list[StoredFile]) -> bool:
    """Record the files. Return False without using them if a purge has restarted the report."""
    with lock_row(report):
        if not _is_in_progress(report.pk) or not are_all_stored(services, files):
            return False
        Report.objects.filter(pk=report.pk).update(files=files)
        steps.finish(Report, [report.pk])
        details = {"report": report.number, "title": report.parameters["title"]}
        events.record_event(report.owner, EventKind.REPORT_READY, details)
        return True


def _build_report_facts(services: Services, report: Report, scope: ReportScope, language: str) -> ReportFacts:
    """Return the facts of a report without its cases."""
    owner, zone = report.owner, services.config.time_zone
    crawls = list(list_crawls(owner, scope, zone))
    current_time = now()
    cases = list_cases_regardless_of_decision(owner, scope, zone).order_by()
    decision_counts = dict(cases.values_list("decision").annotate(count=Count("pk")))
    picture_count = (
        Sighting.objects.filter(crawl__in=[crawl.pk for crawl in crawls]).values("picture").distinct().count()
    )
    listed_cases = frozenset(report.progress["cases"])
    start, end = get_period(scope, zone)
    period_end = current_time if end is None else min(end, current_time)
    summary = ReportSummary(
        works=list_works(owner, scope).count(),
        pages=sum(crawl.pages for crawl in crawls),
        pictures=picture_count,
        cases=sum(decision_counts.values()),
        **{decision: decision_counts.get(decision, 0) for decision in ("confirmed", "licensed", "dismissed", "open")},
    )
    return ReportFacts(
        title=_get_chosen_title(report),
        owner=OwnerFacts(owner.name, owner.contact),
        preparer=report.parameters["preparer"],
        period_start=start or min((crawl.started_at for crawl in crawls), default=current_time),
        period_end=period_end,
        generated_at=current_time,
        time_zone=services.config.time_zone,
        software=build_software_facts(),
        summary=summary,
        coverage=build_coverage(crawls),
        cases=(),
        not_checked=list_unchecked_items(language),
        scope=None if scope == DEFAULT_SCOPE else scope,
        looked=summarise_works(owner, scope, zone, listed_cases, crawls, period_end) if scope.every_work else None,
    )


def _store_file(services: Services, file: ReportFile) -> StoredFile:
    digest = services.blobs.put_file(file.path)
    return {"name": file.name, "media_type": file.media_type, "digest": digest.hex, "size": file.path.stat().st_size}
