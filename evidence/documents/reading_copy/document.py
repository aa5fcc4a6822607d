"""The printable copy as a PDF: a cover with the sealed bundles, the list of exhibits, and their pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from evidence.documents.papers.layout import blanks, plain_row
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording, zone_named
from evidence.documents.reading_copy.exhibits import Exhibit
from evidence.documents.typeset.blocks import (
    Block,
    Bullets,
    Callout,
    Cell,
    Document,
    Lead,
    Line,
    Rows,
    Section,
    Style,
    Table,
    Text,
    cell,
)
from evidence.documents.typeset.compiler import Unset
from evidence.facts.case import SoftwareFacts

MOST_NAME, MOST_PARTIES = 80, 8
WITH_PURPOSE = frozenset({"zh-Hans"})
"""Languages whose courts require a signed and dated list with the purpose of each item.

Provisions of the Supreme People's Court on evidence in civil proceedings (2020), article 19.
"""


@dataclass(frozen=True, slots=True)
class ReadingCopy:
    """Content of the cover, and the exhibits of one volume."""

    owner: str  # name of the rights holder
    recipient: str  # ``court`` or ``other-side``
    reason: str  # why originals are withheld from the other side; may be empty
    asked_by: str
    made_at: datetime  # aware; the date that the file states
    software: SoftwareFacts  # software that made it
    volume: int  # number of the volume, or 0 if it is the only one
    of: int  # number of exhibits in all volumes
    exhibits: tuple[Exhibit, ...]


def render_reading_copy(copy: ReadingCopy, language: str, *, time_zone: str = "UTC") -> bytes:
    """Render a volume as PDF; the same input gives the same bytes.

    Raises:
        ServiceMissingError: No font for the language is installed.
    """
    wording = wording_of(language, time_zone)
    files = tuple(file for exhibit in copy.exhibits for file in exhibit.files)
    return Unset(_document(copy, wording), files, language, copy.made_at).pdf()


def wording_of(language: str, time_zone: str) -> Wording:
    """Return the wording of a printable copy; raises ``WrongUseError`` for an unknown language or zone."""
    return Wording(load_phrases(language), zone_named(time_zone), clip="paper.clipped")


def _document(copy: ReadingCopy, wording: Wording) -> Document:
    say, parties = wording.say, _parties(copy, wording)
    owner = wording.clipped(copy.owner, MOST_NAME)
    numbered = wording.phrases.sentences["reading.page_of"]
    volume = say("reading.volume", n=copy.volume) if copy.volume else ""
    return Document(
        title=wording.clipped(f"{say('reading.header')}: {owner} – {parties[0]}", 200),
        author=f"{copy.software.name} {copy.software.version}",
        description=say("reading.description"),
        kicker=say("reading.kicker"),
        heading=say("reading.header"),
        subtitle=say("reading.subtitle", owner=owner, party=wording.say("document.joined").join(parties)),
        header=say("reading.header"),
        language={**wording.setting(), "page_of": f"{volume}{numbered}"},
        large_headings=True,
        opening=tuple(_cover(copy, parties, wording)),
        sections=(*_list(copy, wording), *(part for exhibit in copy.exhibits for part in _exhibit(exhibit, wording))),
    )


def _parties(copy: ReadingCopy, wording: Wording) -> list[str]:
    every = list(dict.fromkeys(wording.clipped(exhibit.facts.party.name, MOST_NAME) for exhibit in copy.exhibits))
    more = [wording.say("reading.more_parties", n=len(every) - MOST_PARTIES)] if len(every) > MOST_PARTIES else []
    return [*every[:MOST_PARTIES], *more]


def _cover(copy: ReadingCopy, parties: Sequence[str], wording: Wording) -> Iterator[Block]:
    say, first, last = wording.say, copy.exhibits[0].number, copy.exhibits[-1].number
    yield Lead(say(f"reading.{copy.recipient}"))
    rows = [
        plain_row(wording, "reading.owner", wording.clipped(copy.owner, MOST_NAME)),
        plain_row(wording, "reading.party", *parties),
        plain_row(wording, "reading.exhibits", say("reading.range", first=first, last=last, of=copy.of)),
        plain_row(wording, "reading.made", wording.both_times(copy.made_at), wording.clipped(copy.asked_by, MOST_NAME)),
        plain_row(wording, "label.software", f"{copy.software.name} {copy.software.version}"),
    ]
    if copy.volume:
        rows.insert(2, plain_row(wording, "label.volume", str(copy.volume)))
    yield Rows(tuple(rows))
    yield Callout(say("reading.what_title"), say("reading.what"))
    yield Bullets(tuple(say(f"reading.{name}") for name in ("sealed", "arranged", "bare", "nobody")))
    if copy.recipient == "other-side":
        yield Callout(say("reading.withheld_title"), say("reading.withheld_said", reason=copy.reason).strip())
    if demonstrations := sum(exhibit.facts.decision.demonstration for exhibit in copy.exhibits):
        warning = say("decision.demonstrations", n=demonstrations, all=len(copy.exhibits))
        yield Callout(say("decision.demonstrations_title"), warning)
    bundles = tuple(
        (
            cell(str(exhibit.number)),
            Cell((Line(exhibit.file, Style.MONO), Line(wording.time(exhibit.manifest.sealed_at), Style.QUIET))),
            cell(exhibit.manifest.seal.hex, Style.MONO),
        )
        for exhibit in copy.exhibits
    )
    yield Table((say("column.work_number"), say("reading.bundles"), say("label.seal")), bundles, (0, 5, 6))


def _list(copy: ReadingCopy, wording: Wording) -> Iterator[Section]:
    """Yield the list of exhibits and their contents, with page numbers."""
    say, purpose = wording.say, wording.phrases.language in WITH_PURPOSE
    names = ("item", "source", *(("purpose",) if purpose else ()))
    head = (say("column.work_number"), *(say(f"cnlist.{name}") for name in names), say("reading.page_column"))
    widths = (0, 10, 5, *((4,) if purpose else ()), 0)
    rows = tuple(row for exhibit in copy.exhibits for row in _listed(exhibit, wording, purpose=purpose))
    blocks: list[Block] = [Table(head, rows, widths)]
    if purpose:
        blocks.append(blanks(wording, "submitter", "signature", "date"))
    left_out = [
        f"{say('reading.mark', n=exhibit.number)}{sentence}"
        for exhibit in copy.exhibits
        for sentence in exhibit.left_out
    ]
    blocks += [Text(say("reading.not_inside")), Bullets((*left_out, say("reading.data")))]
    yield Section(say("reading.list"), tuple(blocks), new_page=True, running=say("reading.list"))


def _listed(exhibit: Exhibit, wording: Wording, *, purpose: bool) -> Iterator[tuple[Cell, ...]]:
    say, facts = wording.say, exhibit.facts
    title = wording.clipped(facts.work.title or say("document.unknown"), MOST_NAME)
    party = wording.clipped(facts.party.name, MOST_NAME)
    heading = say("report.case_heading", case=facts.number, title=title, party=party)
    open_field = (Cell((Line(f"（{say('paper.open')}）", Style.QUIET),)),) if purpose else ()
    first = [Line(piece.title) for piece in exhibit.pieces[:1]]
    words = Cell((Line(heading, Style.STRONG), *first, Line(exhibit.file, Style.MONO)))
    yield (
        cell(str(exhibit.number), Style.STRONG),
        words,
        cell(say("reading.bundle_source")),
        *open_field,
        _page(exhibit, 0),
    )
    for place, piece in enumerate(exhibit.pieces[1:], 1):
        number, what = cell(f"{exhibit.number}.{place}"), cell(piece.title)
        yield (number, what, cell(piece.source), *((cell(""),) if purpose else ()), _page(exhibit, place))


def _page(exhibit: Exhibit, place: int) -> Cell:
    return Cell((), page=_label(exhibit, place))


def _label(exhibit: Exhibit, place: int) -> str:
    return f"exhibit-{exhibit.number}-{place}"


def _exhibit(exhibit: Exhibit, wording: Wording) -> Iterator[Section]:
    """Yield the files of an exhibit, or a page that names what is left out if none of them can be shown."""
    say, facts = wording.say, exhibit.facts
    title, mark = say("reading.exhibit", n=exhibit.number), say("reading.mark", n=exhibit.number)
    running = f"{title} · {say('sheet.running', case=facts.number, bundle=facts.bundle)}"
    if not exhibit.pieces:
        blocks = (Bullets((*exhibit.left_out, say("reading.data"))),)
        yield Section(title, blocks, label=_label(exhibit, 0), new_page=True, running=running, mark=mark)
    for place, piece in enumerate(exhibit.pieces):
        name = f"{exhibit.number}.{place} {piece.title}" if place else f"{title} · {piece.title}"
        label, level = _label(exhibit, place), 2 if place else 1
        yield Section(name, (), level=level, label=label, leaves=piece.leaves, running=running, mark=mark)
