"""Every requested work in the PDF of a report, and what was examined for it.

A work without finds was not found in what was examined; nothing here says that nobody uses it.
"""

from evidence.documents.case.comparison import calibration_told
from evidence.documents.phrases.wording import Wording
from evidence.documents.report.facts import LookedFacts, ReportFacts, WorkAccount
from evidence.documents.typeset.blocks import Block, Cell, Row, Rows, Section, Speaker, Table, Text, cell
from evidence.facts.case import CalibrationFacts

MAX_TITLE = 160
SHOWN_CASES = 12  # limit of case numbers shown for one work
COLUMNS = {"work_number": 0, "work": 7, "result": 8, "places": 0, "cases": 3, "first_seen": 0, "last_seen": 0}
"""Columns with their widths."""


def works_section(report: ReportFacts, wording: Wording) -> list[Section]:
    """Return a summary of all works in words, then a line for each of this volume; empty unless requested."""
    looked = report.looked
    if looked is None:
        return []
    until = wording.say("works.no_crawls")
    if looked.until is not None:
        until = wording.say("works.holds_until", time=wording.time(looked.until))
    rows = [
        wording.row("looked_at", Speaker.RECORDED, _looked(report, looked, wording)),
        wording.row("holds_until", Speaker.RECORDED, until),
        wording.row("uncompared", Speaker.RECORDED, _say("uncompared", wording, looked, "uncompared", "unreadable")),
        _sure(looked.calibration, wording),
    ]
    summary = [_say("summary", wording, looked, "works", "found", "places", "without")]
    summary += [
        _say(name, wording, looked, name) for name in ("unsafe", "waiting", "unlisted") if getattr(looked, name)
    ]
    texts = wording.say("document.sentences").join(summary), wording.say("works.says")
    blocks: list[Block] = [*map(Text, texts), Rows(tuple(rows))]
    if report.works:
        cells = tuple(_cells(work, wording) for work in report.works)
        blocks.append(Table(wording.heads(COLUMNS), cells, tuple(COLUMNS.values())))
    running = wording.clipped(report.title or report.owner.name, 80)
    return [Section(wording.say("heading.works"), tuple(blocks), 1, running=running)]


def _say(key: str, wording: Wording, looked: LookedFacts, *names: str) -> str:
    return wording.say(f"works.{key}", **{name: f"{getattr(looked, name):,}" for name in names})


def _looked(report: ReportFacts, looked: LookedFacts, wording: Wording) -> str:
    if not report.coverage:
        return wording.say("works.no_crawls")
    start_time = wording.time(min(crawl.started for crawl in report.coverage))
    failed, refused = (sum(getattr(run, name) for run in report.coverage) for name in ("failed_count", "refused_count"))
    counts = {"watches": looked.watches, "crawls": len(report.coverage), "hosts": looked.hosts}
    counts |= {"pages": report.summary.pages, "pictures": report.summary.pictures, "failed": failed, "refused": refused}
    return wording.say("works.looked_at", first=start_time, **{name: f"{count:,}" for name, count in counts.items()})


def _sure(calibration: CalibrationFacts | None, wording: Wording) -> Row:
    """Return the bounds of false alarms; canaries show how many copies are missed."""
    if calibration is None:
        return wording.row("error_rate", Speaker.RECORDED, wording.say("match.not_calibrated"))
    lines = calibration_told(calibration, wording, "certain", "review")
    return wording.row("error_rate", Speaker.RECORDED, *lines, wording.say("works.overlooked"))


def _cells(work: WorkAccount, wording: Wording) -> tuple[Cell, ...]:
    cases = ", ".join(map(str, work.cases[:SHOWN_CASES])) + (" …" if len(work.cases) > SHOWN_CASES else "")
    values = (
        str(work.number),
        wording.clipped(work.title or wording.say("document.unknown"), MAX_TITLE),
        wording.phrases.word("work_standing", work.standing),
        f"{work.places:,}" if work.cases else "—",
        cases or "—",
        *("—" if moment is None else wording.day(moment) for moment in (work.first_seen, work.last_seen)),
    )
    return tuple(map(cell, values))
