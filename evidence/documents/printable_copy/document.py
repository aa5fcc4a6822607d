"""Layout of a printable copy as PDF: cover with the sealed bundles, list of exhibits, pages of the exhibits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from evidence.documents.drafts.layout import build_blank_fields, build_plain_row
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording, load_time_zone
from evidence.documents.printable_copy.exhibits import Exhibit
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
    build_cell,
)
from evidence.documents.typeset.compiler import PreparedDocument
from evidence.facts.case import SoftwareFacts

MAX_NAME_CHARS, MAX_PARTIES = 80, 8
LANGUAGES_WITH_PURPOSE = frozenset({"zh-Hans"})
"""Languages whose courts require a signed and dated list with the purpose of each item.

Provisions of the Supreme People's Court on evidence in civil proceedings (2020), article 19.
"""


@dataclass(frozen=True, slots=True)
class PrintableCopy:
    """Content of one volume: data for the cover, and the exhibits."""

    owner: str  # name of the rights holder
    recipient: str  # ``court`` or ``other-side``
    reason: str  # why originals are withheld from the other side; may be empty
    requested_by: str
    made_at: datetime  # aware; written into the file as its date
    software: SoftwareFacts  # software that generates the copy
    volume: int  # number of the volume, or 0 if it is the only one
    exhibit_count: int  # number of exhibits in all volumes
    exhibits: tuple[Exhibit, ...]


def render_printable_copy(copy: PrintableCopy, language: str, *, time_zone: str = "UTC") -> bytes:
    """Render a volume as PDF; the same input gives the same bytes.

    Raises:
        ServiceMissingError: No font for the language is installed.
    """
    wording = load_wording(language, time_zone)
    files = tuple(file for exhibit in copy.exhibits for file in exhibit.files)
    return PreparedDocument(_build_document(copy, wording), files, language, copy.made_at).render_pdf()


def load_wording(language: str, time_zone: str) -> Wording:
    """Return the wording of a printable copy; raises ``InvalidRequestError`` for an unknown language or zone."""
    return Wording(load_phrases(language), load_time_zone(time_zone), clip="paper.clipped")


def _build_document(copy: PrintableCopy, wording: Wording) -> Document:
    render, parties = wording.render, _list_party_names(copy, wording)
    owner = wording.clip_text(copy.owner, MAX_NAME_CHARS)
    page_number_text = wording.phrases.sentences["reading.page_of"]
    volume = render("reading.volume", n=copy.volume) if copy.volume else ""
    return Document(
        title=wording.clip_text(f"{render('reading.header')}: {owner} – {parties[0]}", 200),
        author=f"{copy.software.name} {copy.software.version}",
        description=render("reading.description"),
        kicker=render("reading.kicker"),
        heading=render("reading.header"),
        subtitle=render("reading.subtitle", owner=owner, party=wording.render("document.joined").join(parties)),
        header=render("reading.header"),
        language={**wording.get_language_settings(), "page_of": f"{volume}{page_number_text}"},
        large_headings=True,
        opening=tuple(_build_cover(copy, parties, wording)),
        sections=(
            *_build_list_section(copy, wording),
            *(part for exhibit in copy.exhibits for part in _build_exhibit_sections(exhibit, wording)),
        ),
    )


def _list_party_names(copy: PrintableCopy, wording: Wording) -> list[str]:
    names = list(
        dict.fromkeys(wording.clip_text(exhibit.facts.party.name, MAX_NAME_CHARS) for exhibit in copy.exhibits)
    )
    overflow_sentences = (
        [wording.render("reading.more_parties", n=len(names) - MAX_PARTIES)] if len(names) > MAX_PARTIES else []
    )
    return [*names[:MAX_PARTIES], *overflow_sentences]


def _build_cover(copy: PrintableCopy, parties: Sequence[str], wording: Wording) -> Iterator[Block]:
    render, first, last = wording.render, copy.exhibits[0].number, copy.exhibits[-1].number
    yield Lead(render(f"reading.{copy.recipient}"))
    rows = [
        build_plain_row(wording, "reading.owner", wording.clip_text(copy.owner, MAX_NAME_CHARS)),
        build_plain_row(wording, "reading.party", *parties),
        build_plain_row(
            wording, "reading.exhibits", render("reading.range", first=first, last=last, of=copy.exhibit_count)
        ),
        build_plain_row(
            wording,
            "reading.made",
            wording.format_both_times(copy.made_at),
            wording.clip_text(copy.requested_by, MAX_NAME_CHARS),
        ),
        build_plain_row(wording, "label.software", f"{copy.software.name} {copy.software.version}"),
    ]
    if copy.volume:
        rows.insert(2, build_plain_row(wording, "label.volume", str(copy.volume)))
    yield Rows(tuple(rows))
    yield Callout(render("reading.what_title"), render("reading.what"))
    yield Bullets(tuple(render(f"reading.{name}") for name in ("sealed", "arranged", "bare", "nobody")))
    if copy.recipient == "other-side":
        yield Callout(render("reading.withheld_title"), render("reading.withheld_said", reason=copy.reason).strip())
    if demonstrations := sum(exhibit.facts.decision.demonstration for exhibit in copy.exhibits):
        warning = render("decision.demonstrations", n=demonstrations, all=len(copy.exhibits))
        yield Callout(render("decision.demonstrations_title"), warning)
    bundles = tuple(
        (
            build_cell(str(exhibit.number)),
            Cell(
                (
                    Line(exhibit.file_name, Style.MONO),
                    Line(wording.format_time(exhibit.manifest.sealed_at), Style.QUIET),
                )
            ),
            build_cell(exhibit.manifest.seal_digest.hex, Style.MONO),
        )
        for exhibit in copy.exhibits
    )
    yield Table((render("column.work_number"), render("reading.bundles"), render("label.seal")), bundles, (0, 5, 6))


def _build_list_section(copy: PrintableCopy, wording: Wording) -> Iterator[Section]:
    """Yield the section that lists the exhibits and their parts, with page numbers."""
    render, purpose = wording.render, wording.phrases.language in LANGUAGES_WITH_PURPOSE
    names = ("item", "source", *(("purpose",) if purpose else ()))
    headings = (
        render("column.work_number"),
        *(render(f"cnlist.{name}") for name in names),
        render("reading.page_column"),
    )
    widths = (0, 10, 5, *((4,) if purpose else ()), 0)
    rows = tuple(row for exhibit in copy.exhibits for row in _build_list_rows(exhibit, wording, purpose=purpose))
    blocks: list[Block] = [Table(headings, rows, widths)]
    if purpose:
        blocks.append(build_blank_fields(wording, "submitter", "signature", "date"))
    omissions = [
        f"{render('reading.mark', n=exhibit.number)}{sentence}"
        for exhibit in copy.exhibits
        for sentence in exhibit.omissions
    ]
    blocks += [Text(render("reading.not_inside")), Bullets((*omissions, render("reading.data")))]
    yield Section(render("reading.list"), tuple(blocks), new_page=True, running=render("reading.list"))


def _build_list_rows(exhibit: Exhibit, wording: Wording, *, purpose: bool) -> Iterator[tuple[Cell, ...]]:
    render, facts = wording.render, exhibit.facts
    title = wording.clip_text(facts.work.title or render("document.unknown"), MAX_NAME_CHARS)
    party = wording.clip_text(facts.party.name, MAX_NAME_CHARS)
    heading = render("report.case_heading", case=facts.number, title=title, party=party)
    open_field = (Cell((Line(f"（{render('paper.open')}）", Style.QUIET),)),) if purpose else ()
    first_part_lines = [Line(part.title) for part in exhibit.parts[:1]]
    description = Cell((Line(heading, Style.STRONG), *first_part_lines, Line(exhibit.file_name, Style.MONO)))
    yield (
        build_cell(str(exhibit.number), Style.STRONG),
        description,
        build_cell(render("reading.bundle_source")),
        *open_field,
        _build_page_cell(exhibit, 0),
    )
    for position, part in enumerate(exhibit.parts[1:], 1):
        number, title_cell = build_cell(f"{exhibit.number}.{position}"), build_cell(part.title)
        yield (
            number,
            title_cell,
            build_cell(part.source),
            *((build_cell(""),) if purpose else ()),
            _build_page_cell(exhibit, position),
        )


def _build_page_cell(exhibit: Exhibit, position: int) -> Cell:
    return Cell((), page=_format_label(exhibit, position))


def _format_label(exhibit: Exhibit, position: int) -> str:
    return f"exhibit-{exhibit.number}-{position}"


def _build_exhibit_sections(exhibit: Exhibit, wording: Wording) -> Iterator[Section]:
    """Yield the sections of an exhibit, or a page that lists the omissions if no part can be shown."""
    render, facts = wording.render, exhibit.facts
    title, mark = render("reading.exhibit", n=exhibit.number), render("reading.mark", n=exhibit.number)
    running = f"{title} · {render('sheet.running', case=facts.number, bundle=facts.bundle)}"
    if not exhibit.parts:
        blocks = (Bullets((*exhibit.omissions, render("reading.data"))),)
        yield Section(title, blocks, label=_format_label(exhibit, 0), new_page=True, running=running, mark=mark)
    for position, part in enumerate(exhibit.parts):
        name = f"{exhibit.number}.{position} {part.title}" if position else f"{title} · {part.title}"
        label, level = _format_label(exhibit, position), 2 if position else 1
        yield Section(name, (), level=level, label=label, leaves=part.pages, running=running, mark=mark)
