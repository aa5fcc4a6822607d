"""Reports: the account of an owner's cases as PDF, CSV, XLSX and JSON, volume by volume."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from django.db import transaction
from django.db.models import Count, Max

from evidence.documents import ReportFacts, ReportSummary
from evidence.documents.report import IN_A_VOLUME, Volume
from evidence.documents.volumes import MadeFile, ReportFolder, volumes_of
from evidence.facts import OwnerFacts
from exhibit.clock import now
from exhibit.errors import ExhibitError
from registry import owned, steps
from registry.models import Case, Owner, Report, Sighting, StepState
from workers.coverage import coverage_of
from workers.documents import languages_of
from workers.facts import software
from workers.report_cases import ShownCase, shown_case
from workers.texts import not_checked
from workers.wiring import House

WORK_SECONDS = 240.0
"""After so long a report is put off after the volume at hand, well before the time limit of its task."""


def request_report(owner: Owner, *, preparer: str, title: str = "") -> Report:
    """Ask for an owner's next report over all its cases."""
    with transaction.atomic():
        Owner.objects.select_for_update(no_key=True).get(pk=owner.pk)
        number = (owner.reports.aggregate(last=Max("number"))["last"] or 0) + 1
        named = {"preparer": preparer, "title": title or f"Report {number} for {owner.name}"}
        return Report.objects.create(owner=owner, number=number, parameters=named)


def make_reports(house: House, ids: Sequence[int]) -> None:
    """Make each report that waits, volume by volume; one that takes long is gone on with in another message."""
    for pk in steps.claim(Report, ids, house.stale_after):
        report = Report.objects.select_related("owner").get(pk=pk)
        try:
            files = _make(house, report)
        except ExhibitError as error:
            steps.fail(Report, pk, str(error), retry=error.retry)
            continue
        except FileNotFoundError:
            if _is_being_made(pk):
                raise
            files = None  # a purge has removed what was made until now
        if files is not None and _finish(report, files):
            clear_folder(house, report)
            continue
        steps.wait(Report, pk, now())
        house.hint("report", [pk])


def clear_folder(house: House, report: Report) -> None:
    """Remove what was made of a report that isn't finished."""
    shutil.rmtree(_folder(house, report), ignore_errors=True)


def _make(house: House, report: Report) -> list[dict[str, object]] | None:
    """Make what is still to be made.

    Returns:
        The report's files in the blob store; ``None`` when the time is over before everything is made.
    """
    numbers = _begun(house, report)
    volumes = volumes_of(len(numbers))
    over = time.monotonic() + WORK_SECONDS
    languages = languages_of(house)
    with ReportFolder(_folder(house, report), languages) as folder:
        head = folder.head(lambda: _head(house, report, languages[0]))
        missing = [volume for volume in volumes if not folder.is_made(volume)]
        for volume in missing:
            if (time.monotonic() > over and volume is not missing[0]) or not _tell(report, volume):
                folder.wait()
                return None
            cases = _volume(house, report.owner, numbers, volume, languages[0])
            whole = replace(head, cases=tuple(one.case for one in cases))
            folder.add(volume, whole, {one.case.facts.number: one.pictures for one in cases})
        files = folder.put_together(head, volumes, f"{report.owner.slug}-report-{report.number}")
        return [_kept(house, file) for file in files]


def _begun(house: House, report: Report) -> list[int]:
    """The numbers of its cases, written down when it is begun, so that all its volumes are of one piece."""
    if "cases" not in report.progress:
        clear_folder(house, report)
        shown = owned.cases(report.owner).exclude(decision=Case.Decision.CLEARED)
        numbers = list(shown.values_list("number", flat=True))
        report.progress = {"cases": numbers, "volumes": len(volumes_of(len(numbers))), "begun": 0}
        report.save(update_fields=["progress"])
    cases: list[int] = report.progress["cases"]
    return cases


def _tell(report: Report, volume: Volume) -> bool:
    """Write down which volume is begun: for people, and as a sign of life; only a new volume is a new beginning.

    Returns:
        Whether the report is still being made; a purge has it begun again, since its volumes may show what was purged.
    """
    rows = Report.objects.filter(pk=report.pk, state=StepState.DOING, progress__has_key="cases")
    if report.progress["begun"] == volume.number:
        return bool(rows.update(claimed_at=now()))
    report.progress["begun"] = volume.number
    return bool(rows.update(progress=report.progress, claimed_at=now(), attempts=1))


def _is_being_made(pk: int) -> bool:
    """Whether no purge has had the report begun again."""
    return Report.objects.filter(pk=pk, progress__has_key="cases").exists()


def _finish(report: Report, files: list[dict[str, object]]) -> bool:
    """Record the files; returns whether they count, which they don't if a purge came meanwhile."""
    with transaction.atomic():
        Report.objects.select_for_update(no_key=True).get(pk=report.pk)
        if not _is_being_made(report.pk):
            return False
        Report.objects.filter(pk=report.pk).update(files=files)
        steps.finish(Report, [report.pk])
        return True


def _folder(house: House, report: Report) -> Path:
    return house.config.data_dir / "reports" / str(report.pk)


def _volume(house: House, owner: Owner, numbers: Sequence[int], volume: Volume, language: str) -> list[ShownCase]:
    first = volume.first - 1
    rows = owned.cases(owner).filter(number__in=numbers[first : first + IN_A_VOLUME])
    return [shown_case(house, case, language) for case in rows]


def _head(house: House, report: Report, language: str) -> ReportFacts:
    """Everything that a report says apart from its cases."""
    owner = report.owner
    crawls = list(owned.crawls(owner).order_by("started_at", "pk"))
    moment = now()
    decided = dict(owned.cases(owner).order_by().values_list("decision").annotate(count=Count("pk")))
    seen = Sighting.objects.filter(crawl__watch__owner=owner).values("picture").distinct().count()
    summary = ReportSummary(
        works=owned.works(owner).count(),
        pages=sum(crawl.pages for crawl in crawls),
        pictures=seen,
        cases=sum(decided.values()),
        confirmed=decided.get("confirmed", 0),
        licensed=decided.get("licensed", 0),
        cleared=decided.get("cleared", 0),
        open=decided.get("open", 0),
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
        coverage=coverage_of(crawls),
        cases=(),
        not_checked=not_checked(language),
    )


def _kept(house: House, file: MadeFile) -> dict[str, object]:
    digest = house.blobs.put_file(file.path)
    return {"name": file.name, "media_type": file.media_type, "digest": digest.hex, "size": file.path.stat().st_size}
