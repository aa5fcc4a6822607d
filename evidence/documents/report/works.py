"""Section of a report's PDF that lists every requested work, with the extent of the search.

A work without matches was not found in the examined pictures. The section never states that a work is not used.
"""

from evidence.documents.case.comparison import describe_calibration
from evidence.documents.phrases.wording import Wording
from evidence.documents.report.facts import ReportFacts, SearchTotals, WorkResult
from evidence.documents.typeset.blocks import Block, Cell, FactSource, Row, Rows, Section, Table, Text, build_cell
from evidence.facts.case import CalibrationFacts

MAX_TITLE_CHARS = 160
MAX_CASES = 12  # maximum number of case numbers shown for one work
COLUMNS = {"work_number": 0, "work": 7, "result": 8, "places": 0, "cases": 3, "first_seen": 0, "last_seen": 0}
"""Columns with their widths."""


def build_works_sections(report: ReportFacts, wording: Wording) -> list[Section]:
    """Return a summary of all works and a table of the works in this volume; empty if works were not requested."""
    totals = report.looked
    if totals is None:
        return []
    until = wording.render("works.no_crawls")
    if totals.until is not None:
        until = wording.render("works.holds_until", time=wording.format_time(totals.until))
    rows = [
        wording.build_row("looked_at", FactSource.RECORDED, _describe_search(report, totals, wording)),
        wording.build_row("holds_until", FactSource.RECORDED, until),
        wording.build_row(
            "uncompared",
            FactSource.RECORDED,
            _format_sentence("uncompared", wording, totals, "uncompared", "unreadable"),
        ),
        _build_error_rate_row(totals.calibration, wording),
    ]
    summary = [_format_sentence("summary", wording, totals, "works", "found", "places", "without")]
    summary += [
        _format_sentence(name, wording, totals, name)
        for name in ("unsafe", "waiting", "unlisted")
        if getattr(totals, name)
    ]
    texts = wording.render("document.sentences").join(summary), wording.render("works.says")
    blocks: list[Block] = [*map(Text, texts), Rows(tuple(rows))]
    if report.works:
        cells = tuple(_build_work_cells(work, wording) for work in report.works)
        blocks.append(Table(wording.get_headings(COLUMNS), cells, tuple(COLUMNS.values())))
    running = wording.clip_text(report.title or report.owner.name, 80)
    return [Section(wording.render("heading.works"), tuple(blocks), 1, running=running)]


def _format_sentence(key: str, wording: Wording, totals: SearchTotals, *names: str) -> str:
    return wording.render(f"works.{key}", **{name: f"{getattr(totals, name):,}" for name in names})


def _describe_search(report: ReportFacts, totals: SearchTotals, wording: Wording) -> str:
    if not report.coverage:
        return wording.render("works.no_crawls")
    start_time = wording.format_time(min(crawl.started for crawl in report.coverage))
    failed, refused = (sum(getattr(run, name) for run in report.coverage) for name in ("failed_count", "refused_count"))
    counts = {"watches": totals.watches, "crawls": len(report.coverage), "hosts": totals.hosts}
    counts |= {"pages": report.summary.pages, "pictures": report.summary.pictures, "failed": failed, "refused": refused}
    return wording.render("works.looked_at", first=start_time, **{name: f"{count:,}" for name, count in counts.items()})


def _build_error_rate_row(calibration: CalibrationFacts | None, wording: Wording) -> Row:
    """Return the row with the bounds of false alarms; known copies measure how many copies are missed."""
    if calibration is None:
        return wording.build_row("error_rate", FactSource.RECORDED, wording.render("match.not_calibrated"))
    lines = describe_calibration(calibration, wording, "certain", "review")
    return wording.build_row("error_rate", FactSource.RECORDED, *lines, wording.render("works.overlooked"))


def _build_work_cells(work: WorkResult, wording: Wording) -> tuple[Cell, ...]:
    cases = ", ".join(map(str, work.cases[:MAX_CASES])) + (" …" if len(work.cases) > MAX_CASES else "")
    values = (
        str(work.number),
        wording.clip_text(work.title or wording.render("document.unknown"), MAX_TITLE_CHARS),
        wording.phrases.get_label("work_standing", work.standing),
        f"{work.places:,}" if work.cases else "—",
        cases or "—",
        *("—" if seen_at is None else wording.format_day(seen_at) for seen_at in (work.first_seen, work.last_seen)),
    )
    return tuple(map(build_cell, values))
