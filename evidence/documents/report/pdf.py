"""The report as PDF: summary, a table of cases, each case with its pictures, coverage, and limits."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count

from evidence.documents.case import sections as of_case
from evidence.documents.case.comparison import Gallery, Room
from evidence.documents.case.unchecked import own_sentences
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording, zone_named
from evidence.documents.report.cards import case_card
from evidence.documents.report.facts import CrawlCoverage, RefusalCount, ReportCase, ReportFacts, ReportScope
from evidence.documents.report.works import MAX_TITLE, works_section
from evidence.documents.typeset.blocks import (
    Block,
    Callout,
    Cell,
    Document,
    Figure,
    Figures,
    Line,
    Quiet,
    Row,
    Rows,
    Section,
    Speaker,
    Style,
    Table,
    Text,
    cell,
)
from evidence.documents.typeset.compiler import TypesetFile, Unset
from evidence.documents.typeset.pictures import Album, Pictures
from exhibit.periods import earliest
from exhibit.pictures.thumbnails import THUMBNAIL_SIDE

DATA_FILE = "report.json"
PICTURE_SIDE, CARD_SIDE = 1000, THUMBNAIL_SIDE
"""Longer side in pixels of a picture that is alone in its row; drawings contain their own thumbnail for cards."""
CONTENTS_FROM = 4  # least number of cases for a table of contents
DRAWING_HEIGHTS = ((("side-by-side",), 82), (("overlay", "difference"), 44))
ROOM = Room(sightings=6, matches=3, rows=DRAWING_HEIGHTS, plain_height=48, figures=False)
SHOWN_CRAWLS = 60
SHOWN_SOURCES = 4
MAX_SOURCE = 160
TERMS = (
    "recorded", "sighting", "digest", "aligned", "ratio", "error_rate", "seal", "signature", "log", "checkpoint",
    "rfc3161", "opentimestamps", "development", "canary", "not_checked",
)  # fmt: skip


def unset_report(report: ReportFacts, pictures: Mapping[str, Pictures], language: str) -> Unset:
    """Return the report laid out in blocks with reduced pictures.

    Typeset, it is PDF/A-3b with ``report.json`` attached.

    ``pictures`` are exact bytes by case number and path in the case's facts.

    Raises:
        WrongUseError: The language or the time zone is unknown.
    """
    wording = Wording(load_phrases(language), zone_named(report.time_zone))
    album = Album(PICTURE_SIDE if report.at_length else CARD_SIDE)
    galleries = [
        Gallery(pictures.get(case.facts.number, {}), album, replace(wording, sealed=case.facts.bundle > 0))
        for case in report.cases
    ]
    sections = (
        _about(report, wording),
        _summary(report, wording),
        *works_section(report, wording),
        *_cases(report, galleries, wording),
        _coverage(report, wording),
        of_case.unchecked_section(wording),
        of_case.limits_section(wording),
        glossary_section(wording),
    )
    files = (*album.files, TypesetFile(DATA_FILE, report.to_json()))
    return Unset(_document(report, wording, sections), files, language, report.generated_at)


def _cases(report: ReportFacts, galleries: Sequence[Gallery], wording: Wording) -> list[Section]:
    """Return each case on its own pages, or all of them on cards."""
    entries = list(zip(count(), report.cases, galleries, strict=False))
    if report.at_length:
        return [section for position, case, gallery in entries for section in _case(position, case, gallery)]
    cards = (case_card(case, _label(position), gallery) for position, case, gallery in entries)
    blocks: tuple[Block, ...] = (Text(wording.say("card.opening")), *cards)
    return [Section(wording.say("heading.cases"), blocks, running=_running(report, wording), new_page=True)]


def _about(report: ReportFacts, wording: Wording) -> Section:
    period = wording.say("report.period", first=wording.time(report.period_start), last=wording.time(report.period_end))
    rows = [
        wording.row("owner", "owner.name", report.owner.name, report.owner.identity),
        wording.row("period", Speaker.RECORDED, period),
        wording.row("preparer", Speaker.RECORDED, report.preparer),
        wording.time_row("made_at", report.generated_at),
        wording.row("software", "software.name", f"{report.software.name} {report.software.version}"),
    ]
    if report.volume is not None:
        part = report.volume
        last = part.first + len(report.cases) - 1
        places = {"first": part.first, "last": last, "all": part.cases}
        key = "report.volume" if report.cases or not part.works else "report.volume_works"
        volume_text = wording.say(key, number=part.number, of=part.of, **places)
        rows.insert(2, wording.row("volume", Speaker.RECORDED, volume_text))
    if report.scope is not None:
        rows.insert(1, wording.row("scope", Speaker.RECORDED, *_limits_of(report.scope, wording)))
    running = _running(report, wording)
    return Section(wording.say("heading.about"), (Rows(tuple(rows)),), 2, running=running, outlined=False)


def _limits_of(scope: ReportScope, wording: Wording) -> list[str]:
    """Return the report's limits, one sentence each."""
    decisions = wording.say("report.between").join(wording.phrases.word("decision", name) for name in scope.decisions)
    limits = [wording.say("report.scope_decisions", decisions=decisions)]
    if scope.watch:
        limits.append(wording.say("report.scope_watch", watch=scope.watch))
    if scope.works:
        limits.append(wording.say("report.scope_works", works=", ".join(map(str, scope.works))))
    if scope.every_work:
        limits.append(wording.say("report.scope_every_work"))
    if scope.first:
        limits.append(wording.say("report.scope_first", day=scope.first))
    if scope.last:
        limits.append(wording.say("report.scope_last", day=scope.last))
    return limits


def _summary(report: ReportFacts, wording: Wording) -> Section:
    blocks: list[Block] = [
        Figures(tuple(Figure(f"{getattr(report.summary, name):,}", wording.say(f"figure.{name}")) for name in group))
        for group in (("works", "pages", "pictures", "cases"), ("confirmed", "licensed", "cleared", "open"))
    ]
    if report.cases:
        head = ("case", "work", "party", "first_seen", "aligned", "decision", "bundle", "page")
        rows = tuple(_case_cells(position, case, wording) for position, case in enumerate(report.cases))
        blocks.append(Table(wording.heads(head), rows, (0, 10, 9, 0, 0, 9, 0, 0)))
    elif not report.volume or not report.volume.cases:
        blocks.append(Text(wording.say("report.no_cases")))
    return Section(wording.say("report.summary"), tuple(blocks), 1)


def _case_cells(position: int, case: ReportCase, wording: Wording) -> tuple[Cell, ...]:
    facts = case.facts
    first_seen = earliest(sighting.first_seen for sighting in facts.sightings)
    return (
        Cell((Line(facts.number),), _label(position)),
        cell(wording.clipped(facts.work.title or wording.say("document.unknown"), MAX_TITLE)),
        cell(wording.clipped(facts.party.name, 80)),
        cell("—" if first_seen is None else wording.day(first_seen)),
        cell(of_case.best_share(facts)),
        cell(of_case.decision_words(facts, wording)),
        cell(str(facts.bundle or "—")),
        Cell((), page=_label(position)),
    )


def _case(position: int, case: ReportCase, gallery: Gallery) -> list[Section]:
    facts, wording = case.facts, gallery.wording
    title = wording.clipped(facts.work.title or wording.say("document.unknown"), MAX_TITLE)
    party = wording.clipped(facts.party.name, 80)
    heading = Section(
        wording.say("report.case_heading", case=facts.number, title=title, party=party),
        of_case.demonstration_warning(facts, wording),
        label=_label(position),
        running=wording.say("report.case_running", case=facts.number, party=party),
        new_page=True,
    )
    unchecked = tuple(Text(sentence) for sentence in own_sentences(facts, wording))
    return [
        heading,
        of_case.comparison_section(facts, gallery, 2, ROOM),
        of_case.sightings_section(facts, wording, 2, ROOM),
        *_standings(case, wording),
        of_case.licence_section(facts, wording, 2),
        of_case.decision_section(facts, wording, 2),
        of_case.work_section(facts, wording, 2),
        _proofs(case, wording),
        *([Section(wording.say("heading.unchecked"), unchecked, 2)] if unchecked else []),
    ]


def _proofs(case: ReportCase, wording: Wording) -> Section:
    """Return the section on the seal and its witnesses, as known when the report was made."""
    rows = list(of_case.log_rows(case.facts, wording))
    rows.append(wording.row("seal", Speaker.RECORDED, case.seal.hex if case.seal is not None else "", style=Style.MONO))
    if case.earlier:
        rows.append(wording.row("sealed_under", Speaker.RECORDED, wording.say("card.earlier_decision")))
    if case.seal_sequence is not None:
        rows.append(wording.row("seal_entry", Speaker.RECORDED, str(case.seal_sequence)))
    blocks: list[Block] = [Rows(tuple(rows), together=False), *of_case.witness_blocks(case.witnesses, wording)]
    return Section(wording.say("heading.proofs"), tuple(blocks), 2)


def _standings(case: ReportCase, wording: Wording) -> list[Section]:
    """Return the section on the state of each place at its last visit."""
    rows = []
    for place in case.standings[: ROOM.sightings]:
        standing = wording.phrases.word("standing", place.standing)
        words = wording.say("standing.line", standing=standing, time=wording.time(place.at))
        rows.append(wording.row("last_visit", Speaker.RECORDED, words, place.page_url or place.image_url))
    if not rows:
        return []
    blocks: list[Block] = [Rows(tuple(rows), together=False)]
    if len(case.standings) > len(rows):
        blocks.append(Quiet(wording.say("document.listed_of", shown=len(rows), all=len(case.standings))))
    return [Section(wording.say("heading.standing"), tuple(blocks), 2)]


def _warnings(report: ReportFacts, wording: Wording) -> tuple[Block, ...]:
    switched = sum(case.facts.decision.demonstration for case in report.cases)
    witnesses = [witness for case in report.cases for witness in case.witnesses]
    sentence = wording.say("decision.demonstrations", n=switched, all=len(report.cases))
    demonstration = (Callout(wording.say("decision.demonstrations_title"), sentence),) if switched else ()
    return (*demonstration, *of_case.development_warning(witnesses, wording))


def _label(position: int) -> str:
    return f"case-{position + 1}"


def _document(report: ReportFacts, wording: Wording, sections: tuple[Section, ...]) -> Document:
    say = wording.say
    first, last = wording.day(report.period_start), wording.day(report.period_end)
    return Document(
        title=wording.clipped(report.title or say("report.header"), 200),
        author=f"{report.software.name} {report.software.version}",
        description=say("report.description", first=first, last=last),
        kicker=say("report.kicker"),
        heading=wording.clipped(report.title or say("report.header"), 200),
        subtitle=say("report.subtitle", owner=wording.clipped(report.owner.name, 120), first=first, last=last),
        header=say("report.header"),
        language=wording.setting(),
        large_headings=True,
        contents=say("report.contents") if len(report.cases) >= CONTENTS_FROM else "",
        opening=_warnings(report, wording),
        sections=sections,
        data=(DATA_FILE, say("report.attachment")),
    )


def _coverage(report: ReportFacts, wording: Wording) -> Section:
    """Return counts in words, a table of crawls, and tables of refusals and failures by reason."""
    title = wording.say("heading.coverage")
    running = _running(report, wording)
    if not report.coverage:
        return Section(title, (Text(wording.say("document.none_recorded")),), 1, running=running)
    names = ("source", "visited", "pages", "pictures", "refused", "failed", "canaries")
    rows = tuple(_crawl_cells(crawl, wording) for crawl in report.coverage[:SHOWN_CRAWLS])
    blocks: list[Block] = [
        Text(_canaries(report.coverage, wording)),
        Table(wording.heads(names), rows, (6, 5, 0, 0, 0, 0, 0)),
    ]
    if len(report.coverage) > SHOWN_CRAWLS:
        blocks.append(Text(wording.say("document.listed_of", shown=SHOWN_CRAWLS, all=len(report.coverage))))
    every = [refusal for crawl in report.coverage for refusal in crawl.refused]
    blocks += _reasons("refused", (refusal for refusal in every if not refusal.is_failure), wording)
    blocks += _reasons("failed", (refusal for refusal in every if refusal.is_failure), wording)
    return Section(title, tuple(blocks), 1, running=running, new_page=True)


def _running(report: ReportFacts, wording: Wording) -> str:
    """Return the page header for pages that belong to no case."""
    return wording.clipped(report.title or report.owner.name, 80)


def _canaries(coverage: Iterable[CrawlCoverage], wording: Wording) -> str:
    """Return how many planted copies were found, or that none were planted."""
    counts = [(run.canaries, run.canaries_found) for run in coverage if run.canaries]
    if not counts:
        return wording.say("coverage.no_canaries")
    planted, found_count = (sum(column) for column in zip(*counts, strict=True))
    return wording.say("coverage.canaries", planted=f"{planted:,}", found=f"{found_count:,}", crawls=f"{len(counts):,}")


def _reasons(kind: str, counts: Iterable[RefusalCount], wording: Wording) -> list[Block]:
    """Return a table of reasons, most frequent first; empty if there are none."""
    total: Counter[str] = Counter()
    for refused in counts:
        total[refused.reason] += refused.count
    if not total:
        return []
    ordered = sorted(total.items(), key=lambda item: (-item[1], item[0]))
    rows = tuple((cell(_reason(reason, wording)), cell(f"{count:,}")) for reason, count in ordered)
    return [Table((wording.say(f"coverage.{kind}"), wording.say("column.count")), rows, (1, 0))]


def _crawl_cells(crawl: CrawlCoverage, wording: Wording) -> tuple[Cell, ...]:
    finished = wording.say("report.unfinished") if crawl.finished is None else wording.time(crawl.finished)
    canaries = wording.say("coverage.found_of", found=crawl.canaries_found, planted=crawl.canaries)
    ended = (Line(wording.phrases.word("ended", crawl.ended), Style.QUIET),) if crawl.ended else ()
    return (
        Cell((*_sources(crawl, wording), Line(wording.phrases.word("source", crawl.kind), Style.QUIET))),
        Cell((Line(wording.time(crawl.started)), Line(finished), *ended)),
        *(cell(f"{n:,}") for n in (crawl.pages, crawl.pictures, crawl.refused_count, crawl.failed_count)),
        cell(canaries if crawl.canaries else "—"),
    )


def _sources(crawl: CrawlCoverage, wording: Wording) -> tuple[Line, ...]:
    every = (crawl.source, *crawl.further)
    lines = tuple(Line(wording.clipped(refusal, MAX_SOURCE), Style.MONO) for refusal in every[:SHOWN_SOURCES])
    omitted_count = len(every) - len(lines)
    return (*lines, Line(wording.say("card.more_places", n=omitted_count), Style.QUIET)) if omitted_count else lines


def _reason(reason: str, wording: Wording) -> str:
    """Return a reason in words; an HTTP error keeps its number."""
    if reason.startswith("http-"):
        return f"{wording.phrases.word('refused', 'http-error')} ({reason.removeprefix('http-')})"
    return wording.phrases.word("refused", reason)


def glossary_section(wording: Wording) -> Section:
    """Return the glossary: each term with its meaning in this document."""
    words = {term: wording.phrases.first(term, "term", "label", "column", "field") for term in TERMS}
    rows = tuple(Row(word, (Line(wording.say(f"meaning.{term}")),), "") for term, word in words.items())
    return Section(wording.say("heading.glossary"), (Rows(rows, together=False),))
