"""What the crawls of a report visited, refused, failed to get, and found of the owner's canaries, as blocks."""

from collections import Counter
from collections.abc import Iterable

from evidence.documents.phrases.wording import Wording
from evidence.documents.report.facts import CrawlCoverage, RefusalCount, ReportFacts
from evidence.documents.typeset.blocks import Block, Cell, Line, Section, Style, Table, Text

SHOWN_CRAWLS = 60
SHOWN_SOURCES = 4
MAX_SOURCE = 160


def coverage_section(report: ReportFacts, wording: Wording) -> Section:
    """The counts in words, a table of crawls, and tables of what was refused and what failed, by reason."""
    title = wording.say("heading.coverage")
    running = report_running(report, wording)
    if not report.coverage:
        return Section(title, (Text(wording.say("document.none_recorded")),), 1, running=running)
    names = ("source", "visited", "pages", "pictures", "refused", "failed", "canaries")
    rows = tuple(_crawl_cells(crawl, wording) for crawl in report.coverage[:SHOWN_CRAWLS])
    blocks: list[Block] = [
        Text(_canaries(report.coverage, wording)),
        Table(tuple(wording.say(f"column.{name}") for name in names), rows, (6, 5, 0, 0, 0, 0, 0)),
    ]
    if len(report.coverage) > SHOWN_CRAWLS:
        blocks.append(Text(wording.say("document.listed_of", shown=SHOWN_CRAWLS, all=len(report.coverage))))
    every = [refusal for crawl in report.coverage for refusal in crawl.refused]
    blocks += _reasons("refused", (refusal for refusal in every if not refusal.is_failure), wording)
    blocks += _reasons("failed", (refusal for refusal in every if refusal.is_failure), wording)
    return Section(title, tuple(blocks), 1, running=running, new_page=True)


def report_running(report: ReportFacts, wording: Wording) -> str:
    """What the header of a page says that belongs to no case."""
    return wording.clipped(report.title or report.owner.name, 80)


def _canaries(coverage: Iterable[CrawlCoverage], wording: Wording) -> str:
    """How many of the planted copies were found; without any, that nobody checked so."""
    counted = [(run.canaries, run.canaries_found) for run in coverage if run.canaries]
    if not counted:
        return wording.say("coverage.no_canaries")
    planted, found = (sum(column) for column in zip(*counted, strict=True))
    return wording.say("coverage.canaries", planted=f"{planted:,}", found=f"{found:,}", crawls=f"{len(counted):,}")


def _reasons(kind: str, counts: Iterable[RefusalCount], wording: Wording) -> list[Block]:
    """A table of reasons, the most frequent first; nothing where there are none."""
    total: Counter[str] = Counter()
    for refused in counts:
        total[refused.reason] += refused.count
    if not total:
        return []
    head = (wording.say(f"coverage.{kind}"), wording.say("column.count"))
    ordered = sorted(total.items(), key=lambda item: (-item[1], item[0]))
    rows = tuple((Cell((Line(_reason(reason, wording)),)), Cell((Line(f"{count:,}"),))) for reason, count in ordered)
    return [Table(head, rows, (1, 0))]


def _crawl_cells(crawl: CrawlCoverage, wording: Wording) -> tuple[Cell, ...]:
    finished = wording.say("report.unfinished") if crawl.finished is None else wording.time(crawl.finished)
    found = wording.say("coverage.found_of", found=crawl.canaries_found, planted=crawl.canaries)
    ended = (Line(wording.phrases.word("ended", crawl.ended), Style.QUIET),) if crawl.ended else ()
    return (
        Cell((*_sources(crawl, wording), Line(wording.phrases.word("source", crawl.kind), Style.QUIET))),
        Cell((Line(wording.time(crawl.started)), Line(finished), *ended)),
        Cell((Line(f"{crawl.pages:,}"),)),
        Cell((Line(f"{crawl.pictures:,}"),)),
        Cell((Line(f"{crawl.refused_count:,}"),)),
        Cell((Line(f"{crawl.failed_count:,}"),)),
        Cell((Line(found if crawl.canaries else "—"),)),
    )


def _sources(crawl: CrawlCoverage, wording: Wording) -> tuple[Line, ...]:
    every = (crawl.source, *crawl.further)
    shown = tuple(Line(wording.clipped(refusal, MAX_SOURCE), Style.MONO) for refusal in every[:SHOWN_SOURCES])
    left = len(every) - len(shown)
    return (*shown, Line(wording.say("card.more_places", n=left), Style.QUIET)) if left else shown


def _reason(reason: str, wording: Wording) -> str:
    """A reason in words; an HTTP error keeps its number."""
    if reason.startswith("http-"):
        return f"{wording.phrases.word('refused', 'http-error')} ({reason.removeprefix('http-')})"
    return wording.phrases.word("refused", reason)
