"""The report as PDF: summary, a table of cases, each case with its pictures, coverage, and limits."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count

from evidence.documents.case import sections as of_case
from evidence.documents.case.comparison import DetailLimits, Gallery
from evidence.documents.case.unchecked import list_own_unchecked_sentences
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording, load_time_zone
from evidence.documents.report.cards import build_case_card
from evidence.documents.report.facts import CrawlCoverage, RefusalCount, ReportCase, ReportFacts, ReportScope
from evidence.documents.report.works import MAX_TITLE_CHARS, build_works_sections
from evidence.documents.typeset.blocks import (
    Block,
    Callout,
    Cell,
    Document,
    FactSource,
    Figure,
    Figures,
    Line,
    Quiet,
    Row,
    Rows,
    Section,
    Style,
    Table,
    Text,
    build_cell,
)
from evidence.documents.typeset.compiler import PreparedDocument, TypesetFile
from evidence.documents.typeset.pictures import Album, Pictures
from exhibit.periods import get_earliest_time
from exhibit.pictures.thumbnails import THUMBNAIL_SIDE

DATA_FILE = "report.json"
PICTURE_SIDE, CARD_SIDE = 1000, THUMBNAIL_SIDE
"""Longer side in pixels of a picture that is alone in its row; drawings contain their own thumbnail for cards."""
MIN_CASES_FOR_CONTENTS = 4  # minimum number of cases for a table of contents
DRAWING_HEIGHTS = ((("side-by-side",), 82), (("overlay", "difference"), 44))
DETAIL_LIMITS = DetailLimits(
    max_sightings=6, max_matches=3, drawing_rows=DRAWING_HEIGHTS, max_plain_height=48, includes_all_measurements=False
)
MAX_CRAWLS = 60
MAX_SOURCES = 4
MAX_SOURCE_CHARS = 160
TERMS = (
    "recorded", "sighting", "digest", "aligned", "ratio", "error_rate", "seal", "signature", "log", "checkpoint",
    "rfc3161", "opentimestamps", "development", "known_copy", "not_checked",
)  # fmt: skip


def prepare_report(report: ReportFacts, pictures: Mapping[str, Pictures], language: str) -> PreparedDocument:
    """Return the report as a document that is ready for typesetting, with reduced pictures.

    The typeset file is PDF/A-3b with ``report.json`` attached. ``pictures`` contains exact bytes by case number and
    path in the facts of the case.

    Raises:
        InvalidRequestError: The language or the time zone is unknown.
    """
    wording = Wording(load_phrases(language), load_time_zone(report.time_zone))
    album = Album(PICTURE_SIDE if report.is_detailed else CARD_SIDE)
    galleries = [
        Gallery(pictures.get(case.facts.number, {}), album, replace(wording, sealed=case.facts.bundle > 0))
        for case in report.cases
    ]
    sections = (
        _build_about_section(report, wording),
        _build_summary(report, wording),
        *build_works_sections(report, wording),
        *_build_all_case_sections(report, galleries, wording),
        _build_coverage_section(report, wording),
        of_case.build_unchecked_section(wording),
        of_case.build_limits_section(wording),
        build_glossary_section(wording),
    )
    files = (*album.files, TypesetFile(DATA_FILE, report.to_json()))
    return PreparedDocument(_build_document(report, wording, sections), files, language, report.generated_at)


def _build_all_case_sections(report: ReportFacts, galleries: Sequence[Gallery], wording: Wording) -> list[Section]:
    """Return the sections of all cases: each on its own pages, or one section with cards."""
    entries = list(zip(count(), report.cases, galleries, strict=False))
    if report.is_detailed:
        return [
            section for position, case, gallery in entries for section in _build_case_sections(position, case, gallery)
        ]
    cards = (build_case_card(case, _format_label(position), gallery) for position, case, gallery in entries)
    blocks: tuple[Block, ...] = (Text(wording.render("card.opening")), *cards)
    return [
        Section(wording.render("heading.cases"), blocks, running=_format_page_header(report, wording), new_page=True)
    ]


def _build_about_section(report: ReportFacts, wording: Wording) -> Section:
    period = wording.render(
        "report.period", first=wording.format_time(report.period_start), last=wording.format_time(report.period_end)
    )
    rows = [
        wording.build_row("owner", "owner.name", report.owner.name, report.owner.identity),
        wording.build_row("period", FactSource.RECORDED, period),
        wording.build_row("preparer", FactSource.RECORDED, report.preparer),
        wording.build_time_row("made_at", report.generated_at),
        wording.build_row("software", "software.name", f"{report.software.name} {report.software.version}"),
    ]
    if report.volume is not None:
        volume = report.volume
        last = volume.first + len(report.cases) - 1
        positions = {"first": volume.first, "last": last, "all": volume.cases}
        key = "report.volume" if report.cases or not volume.works else "report.volume_works"
        volume_text = wording.render(key, number=volume.number, of=volume.of, **positions)
        rows.insert(2, wording.build_row("volume", FactSource.RECORDED, volume_text))
    if report.scope is not None:
        rows.insert(1, wording.build_row("scope", FactSource.RECORDED, *_describe_limits(report.scope, wording)))
    running = _format_page_header(report, wording)
    return Section(wording.render("heading.about"), (Rows(tuple(rows)),), 2, running=running, outlined=False)


def _describe_limits(scope: ReportScope, wording: Wording) -> list[str]:
    """Return one sentence for each limit of the report."""
    decisions = wording.render("report.between").join(
        wording.phrases.get_label("decision", name) for name in scope.decisions
    )
    limits = [wording.render("report.scope_decisions", decisions=decisions)]
    if scope.watch:
        limits.append(wording.render("report.scope_watch", watch=scope.watch))
    if scope.works:
        limits.append(wording.render("report.scope_works", works=", ".join(map(str, scope.works))))
    if scope.every_work:
        limits.append(wording.render("report.scope_every_work"))
    if scope.first:
        limits.append(wording.render("report.scope_first", day=scope.first))
    if scope.last:
        limits.append(wording.render("report.scope_last", day=scope.last))
    return limits


def _build_summary(report: ReportFacts, wording: Wording) -> Section:
    blocks: list[Block] = [
        Figures(tuple(Figure(f"{getattr(report.summary, name):,}", wording.render(f"figure.{name}")) for name in group))
        for group in (("works", "pages", "pictures", "cases"), ("confirmed", "licensed", "dismissed", "open"))
    ]
    if report.cases:
        column_names = ("case", "work", "party", "first_seen", "aligned", "decision", "bundle", "page")
        rows = tuple(_build_case_cells(position, case, wording) for position, case in enumerate(report.cases))
        blocks.append(Table(wording.get_headings(column_names), rows, (0, 10, 9, 0, 0, 9, 0, 0)))
    elif not report.volume or not report.volume.cases:
        blocks.append(Text(wording.render("report.no_cases")))
    return Section(wording.render("report.summary"), tuple(blocks), 1)


def _build_case_cells(position: int, case: ReportCase, wording: Wording) -> tuple[Cell, ...]:
    facts = case.facts
    first_seen = get_earliest_time(sighting.first_seen for sighting in facts.sightings)
    return (
        Cell((Line(facts.number),), _format_label(position)),
        build_cell(wording.clip_text(facts.work.title or wording.render("document.unknown"), MAX_TITLE_CHARS)),
        build_cell(wording.clip_text(facts.party.name, 80)),
        build_cell("—" if first_seen is None else wording.format_day(first_seen)),
        build_cell(of_case.format_best_overlap(facts)),
        build_cell(of_case.describe_decision(facts, wording)),
        build_cell(str(facts.bundle or "—")),
        Cell((), page=_format_label(position)),
    )


def _build_case_sections(position: int, case: ReportCase, gallery: Gallery) -> list[Section]:
    facts, wording = case.facts, gallery.wording
    title = wording.clip_text(facts.work.title or wording.render("document.unknown"), MAX_TITLE_CHARS)
    party = wording.clip_text(facts.party.name, 80)
    heading = Section(
        wording.render("report.case_heading", case=facts.number, title=title, party=party),
        of_case.build_demonstration_warning(facts, wording),
        label=_format_label(position),
        running=wording.render("report.case_running", case=facts.number, party=party),
        new_page=True,
    )
    unchecked = tuple(Text(sentence) for sentence in list_own_unchecked_sentences(facts, wording))
    return [
        heading,
        of_case.build_comparison_section(facts, gallery, 2, DETAIL_LIMITS),
        of_case.build_sightings_section(facts, wording, 2, DETAIL_LIMITS),
        *_build_status_sections(case, wording),
        of_case.build_licence_section(facts, wording, 2),
        of_case.build_decision_section(facts, wording, 2),
        of_case.build_work_section(facts, wording, 2),
        _build_proofs_section(case, wording),
        *([Section(wording.render("heading.unchecked"), unchecked, 2)] if unchecked else []),
    ]


def _build_proofs_section(case: ReportCase, wording: Wording) -> Section:
    """Return the section on the seal and its timestamps, with their states when the report was generated."""
    rows = list(of_case.build_log_rows(case.facts, wording))
    rows.append(
        wording.build_row("seal", FactSource.RECORDED, case.seal.hex if case.seal is not None else "", style=Style.MONO)
    )
    if case.earlier:
        rows.append(wording.build_row("sealed_under", FactSource.RECORDED, wording.render("card.earlier_decision")))
    if case.seal_sequence is not None:
        rows.append(wording.build_row("seal_entry", FactSource.RECORDED, str(case.seal_sequence)))
    blocks: list[Block] = [Rows(tuple(rows), together=False), *of_case.build_timestamp_blocks(case.timestamps, wording)]
    return Section(wording.render("heading.proofs"), tuple(blocks), 2)


def _build_status_sections(case: ReportCase, wording: Wording) -> list[Section]:
    """Return the section on the availability of each page at its last visit."""
    rows = []
    for page_status in case.standings[: DETAIL_LIMITS.max_sightings]:
        status = wording.phrases.get_label("standing", page_status.standing)
        sentence = wording.render("standing.line", standing=status, time=wording.format_time(page_status.at))
        rows.append(
            wording.build_row(
                "last_visit", FactSource.RECORDED, sentence, page_status.page_url or page_status.image_url
            )
        )
    if not rows:
        return []
    blocks: list[Block] = [Rows(tuple(rows), together=False)]
    if len(case.standings) > len(rows):
        blocks.append(Quiet(wording.render("document.listed_of", shown=len(rows), all=len(case.standings))))
    return [Section(wording.render("heading.standing"), tuple(blocks), 2)]


def _build_warnings(report: ReportFacts, wording: Wording) -> tuple[Block, ...]:
    demonstration_count = sum(case.facts.decision.demonstration for case in report.cases)
    timestamps = [timestamp for case in report.cases for timestamp in case.timestamps]
    sentence = wording.render("decision.demonstrations", n=demonstration_count, all=len(report.cases))
    callouts = (Callout(wording.render("decision.demonstrations_title"), sentence),) if demonstration_count else ()
    return (*callouts, *of_case.build_development_warning(timestamps, wording))


def _format_label(position: int) -> str:
    return f"case-{position + 1}"


def _build_document(report: ReportFacts, wording: Wording, sections: tuple[Section, ...]) -> Document:
    render = wording.render
    first, last = wording.format_day(report.period_start), wording.format_day(report.period_end)
    return Document(
        title=wording.clip_text(report.title or render("report.header"), 200),
        author=f"{report.software.name} {report.software.version}",
        description=render("report.description", first=first, last=last),
        kicker=render("report.kicker"),
        heading=wording.clip_text(report.title or render("report.header"), 200),
        subtitle=render("report.subtitle", owner=wording.clip_text(report.owner.name, 120), first=first, last=last),
        header=render("report.header"),
        language=wording.get_language_settings(),
        large_headings=True,
        contents=render("report.contents") if len(report.cases) >= MIN_CASES_FOR_CONTENTS else "",
        opening=_build_warnings(report, wording),
        sections=sections,
        data=(DATA_FILE, render("report.attachment")),
    )


def _build_coverage_section(report: ReportFacts, wording: Wording) -> Section:
    """Return the section on coverage: a table of crawls, and tables of refusals and failures by reason."""
    title = wording.render("heading.coverage")
    running = _format_page_header(report, wording)
    if not report.coverage:
        return Section(title, (Text(wording.render("document.none_recorded")),), 1, running=running)
    names = ("source", "visited", "pages", "pictures", "refused", "failed", "known_copies")
    rows = tuple(_build_crawl_cells(crawl, wording) for crawl in report.coverage[:MAX_CRAWLS])
    blocks: list[Block] = [
        Text(_describe_known_copies(report.coverage, wording)),
        Table(wording.get_headings(names), rows, (6, 5, 0, 0, 0, 0, 0)),
    ]
    if len(report.coverage) > MAX_CRAWLS:
        blocks.append(Text(wording.render("document.listed_of", shown=MAX_CRAWLS, all=len(report.coverage))))
    refusals = [refusal for crawl in report.coverage for refusal in crawl.refused]
    blocks += _build_reason_tables("refused", (refusal for refusal in refusals if not refusal.is_failure), wording)
    blocks += _build_reason_tables("failed", (refusal for refusal in refusals if refusal.is_failure), wording)
    return Section(title, tuple(blocks), 1, running=running, new_page=True)


def _format_page_header(report: ReportFacts, wording: Wording) -> str:
    """Return the page header for pages that do not belong to a case."""
    return wording.clip_text(report.title or report.owner.name, 80)


def _describe_known_copies(coverage: Iterable[CrawlCoverage], wording: Wording) -> str:
    """Return a sentence with the number of known copies that were found, or that none had been published."""
    counts = [(run.known_copies, run.known_copies_found) for run in coverage if run.known_copies]
    if not counts:
        return wording.render("coverage.no_canaries")
    published_count, found_count = (sum(column) for column in zip(*counts, strict=True))
    return wording.render(
        "coverage.known_copies", planted=f"{published_count:,}", found=f"{found_count:,}", crawls=f"{len(counts):,}"
    )


def _build_reason_tables(kind: str, counts: Iterable[RefusalCount], wording: Wording) -> list[Block]:
    """Return a table of reasons, most frequent first; an empty list without reasons."""
    totals: Counter[str] = Counter()
    for refusal in counts:
        totals[refusal.reason] += refusal.count
    if not totals:
        return []
    sorted_totals = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    rows = tuple(
        (build_cell(_describe_reason(reason, wording)), build_cell(f"{count:,}")) for reason, count in sorted_totals
    )
    return [Table((wording.render(f"coverage.{kind}"), wording.render("column.count")), rows, (1, 0))]


def _build_crawl_cells(crawl: CrawlCoverage, wording: Wording) -> tuple[Cell, ...]:
    finished_text = (
        wording.render("report.unfinished") if crawl.finished is None else wording.format_time(crawl.finished)
    )
    known_copies_text = wording.render("coverage.found_of", found=crawl.known_copies_found, planted=crawl.known_copies)
    end_lines = (Line(wording.phrases.get_label("ended", crawl.ended), Style.QUIET),) if crawl.ended else ()
    return (
        Cell(
            (*_build_source_lines(crawl, wording), Line(wording.phrases.get_label("source", crawl.kind), Style.QUIET))
        ),
        Cell((Line(wording.format_time(crawl.started)), Line(finished_text), *end_lines)),
        *(build_cell(f"{n:,}") for n in (crawl.pages, crawl.pictures, crawl.refused_count, crawl.failed_count)),
        build_cell(known_copies_text if crawl.known_copies else "—"),
    )


def _build_source_lines(crawl: CrawlCoverage, wording: Wording) -> tuple[Line, ...]:
    sources = (crawl.source, *crawl.further)
    lines = tuple(Line(wording.clip_text(source, MAX_SOURCE_CHARS), Style.MONO) for source in sources[:MAX_SOURCES])
    omitted_count = len(sources) - len(lines)
    return (*lines, Line(wording.render("card.more_places", n=omitted_count), Style.QUIET)) if omitted_count else lines


def _describe_reason(reason: str, wording: Wording) -> str:
    """Return the description of a reason; an HTTP error includes its status code."""
    if reason.startswith("http-"):
        return f"{wording.phrases.get_label('refused', 'http-error')} ({reason.removeprefix('http-')})"
    return wording.phrases.get_label("refused", reason)


def build_glossary_section(wording: Wording) -> Section:
    """Return the glossary section: the terms with their meanings in this document."""
    labels = {term: wording.phrases.find_first(term, "term", "label", "column", "field") for term in TERMS}
    rows = tuple(Row(label, (Line(wording.render(f"meaning.{term}")),), "") for term, label in labels.items())
    return Section(wording.render("heading.glossary"), (Rows(rows, together=False),))
