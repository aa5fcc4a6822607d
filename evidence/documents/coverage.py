"""What the crawls of a report visited and what was refused, as blocks."""

from collections import Counter

from evidence.documents.blocks import Block, Cell, Line, Section, Style, Table, Text
from evidence.documents.report import CrawlCoverage, ReportFacts
from evidence.documents.wording import Wording

SHOWN_CRAWLS = 60


def coverage_section(report: ReportFacts, wording: Wording) -> Section:
    """A table of crawls, and a table of refusals by reason."""
    title = wording.say("heading.coverage")
    if not report.coverage:
        return Section(
            title, (Text(wording.say("document.none_recorded")),), 1, running=report_running(report, wording)
        )
    head = tuple(wording.say(f"column.{name}") for name in ("source", "visited", "pages", "pictures", "refused"))
    rows = tuple(_crawl_cells(crawl, wording) for crawl in report.coverage[:SHOWN_CRAWLS])
    blocks: list[Block] = [Table(head, rows, (6, 5, 0, 0, 0))]
    if len(report.coverage) > SHOWN_CRAWLS:
        blocks.append(Text(wording.say("document.listed_of", shown=SHOWN_CRAWLS, all=len(report.coverage))))
    refused: Counter[str] = Counter()
    for crawl in report.coverage:
        for refusal in crawl.refused:
            refused[refusal.reason] += refusal.count
    if refused:
        blocks.append(_refusals(refused, wording))
    return Section(title, tuple(blocks), 1, running=report_running(report, wording), new_page=True)


def report_running(report: ReportFacts, wording: Wording) -> str:
    """What the header of a page says that belongs to no case."""
    return wording.clipped(report.title or report.owner.name, 80)


def _refusals(refused: Counter[str], wording: Wording) -> Table:
    head = (wording.say("column.reason"), wording.say("column.count"))
    ordered = sorted(refused.items(), key=lambda item: (-item[1], item[0]))
    rows = tuple((Cell((Line(_refusal(reason, wording)),)), Cell((Line(f"{count:,}"),))) for reason, count in ordered)
    return Table(head, rows, (1, 0))


def _crawl_cells(crawl: CrawlCoverage, wording: Wording) -> tuple[Cell, ...]:
    finished = wording.say("report.unfinished") if crawl.finished is None else wording.time(crawl.finished)
    return (
        Cell((Line(wording.clipped(crawl.source, 160), Style.MONO), Line(crawl.kind, Style.QUIET))),
        Cell((Line(wording.time(crawl.started)), Line(finished))),
        Cell((Line(f"{crawl.pages:,}"),)),
        Cell((Line(f"{crawl.pictures:,}"),)),
        Cell((Line(f"{sum(refusal.count for refusal in crawl.refused):,}"),)),
    )


def _refusal(reason: str, wording: Wording) -> str:
    """A reason in words; an HTTP error keeps its number."""
    if reason.startswith("http-"):
        return f"{wording.phrases.word('refused', 'http-error')} ({reason.removeprefix('http-')})"
    return wording.phrases.word("refused", reason)
