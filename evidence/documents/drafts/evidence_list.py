"""Draft of the numbered list of evidence (证据目录): number, item and content, source, and a blank purpose.

The provisions of the Supreme People's Court on evidence in civil proceedings (2020), article 19, require such a list.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from evidence.bundle.bag import KEY_PATH, SIGNATURE_PATH
from evidence.bundle.manifest import MANIFEST_PATH
from evidence.bundle.sealing import get_match_folder, get_sighting_folder
from evidence.documents.case.sections import describe_first_seen
from evidence.documents.drafts.layout import DraftInput, build_blank_fields, format_page_header
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Cell, Line, Section, Style, Table, build_cell
from evidence.facts.case import SightingFacts

MAX_TITLE = 160
MAX_URL_LENGTH = 2000  # characters; more would not fit on a page


@dataclass(frozen=True, slots=True)
class _EvidenceItem:
    description: str
    source: str
    files: tuple[str, ...]
    url: str = ""


def build_evidence_list(case: DraftInput, wording: Wording) -> tuple[Section, ...]:
    """Return the sections of the draft, with blank fields for purposes, submitter, matter and date."""
    render = wording.render
    headings = (render("column.work_number"), *(render(f"cnlist.{name}") for name in ("item", "source", "purpose")))
    rows = tuple(_build_item_cells(number, item, wording) for number, item in enumerate(_list_items(case, wording), 1))
    return (
        Section(
            render("cnlist.about"),
            (build_blank_fields(wording, "matter", "translation"),),
            running=format_page_header(case, wording),
        ),
        Section(render("cnlist.list"), (Table(headings, rows, (0, 10, 5, 5)),)),
        Section(render("cnlist.sign"), (build_blank_fields(wording, "submitter", "signature", "date"),), together=True),
    )


def _build_item_cells(number: int, item: _EvidenceItem, wording: Wording) -> tuple[Cell, ...]:
    first, *rest = item.files
    files = wording.render("cnlist.many", path=first, n=len(rest)) if rest else first
    url_lines = (Line(wording.clip_text(item.url, MAX_URL_LENGTH), Style.MONO),) if item.url else ()
    return (
        build_cell(str(number)),
        Cell((Line(item.description), *url_lines, Line(files, Style.MONO))),
        build_cell(item.source),
        Cell((Line(""), Line(""), Line(f"（{wording.render('paper.open')}）", Style.QUIET))),
    )


def _list_items(case: DraftInput, wording: Wording) -> Iterator[_EvidenceItem]:
    facts, render = case.facts, wording.render
    for picture in facts.work.pictures:
        title = wording.clip_text(facts.work.title, MAX_TITLE)
        description = render("cnlist.work", title=title, width=picture.width, height=picture.height)
        yield _EvidenceItem(
            description, render("cnlist.work_source", day=wording.format_day(facts.work.registered_at)), (picture.file,)
        )
    for document in facts.work.attachments:
        title = wording.clip_text(document.title, MAX_TITLE)
        yield _EvidenceItem(render("cnlist.document", title=title), render("cnlist.document_source"), (document.file,))
    if facts.work.registration is not None:
        yield _EvidenceItem(
            render("cnlist.registration"), render("cnlist.proofs_source"), ("data/work/registration.json",)
        )
    for sighting in facts.sightings:
        yield from _list_sighting_items(sighting, wording)
    for match in facts.matches:
        folder = get_match_folder(match.number)
        files = tuple(file.path for file in case.manifest.files if file.path.startswith(f"{folder}/"))
        yield _EvidenceItem(render("cnlist.match", n=match.number), render("cnlist.made"), files or (f"{folder}/",))
    sheets = tuple(file.path for file in case.manifest.files if file.role == "exhibit-sheet")
    if sheets:
        yield _EvidenceItem(render("sheet.header"), render("cnlist.made"), sheets)
    yield _EvidenceItem(
        render("cnlist.seal", digest=case.seal_digest.hex),
        render("cnlist.made"),
        (MANIFEST_PATH, SIGNATURE_PATH, KEY_PATH),
    )
    yield _EvidenceItem(_describe_timestamps(case, wording), render("cnlist.proofs_source"), ("proofs/",))


def _describe_timestamps(case: DraftInput, wording: Wording) -> str:
    """Return a sentence with the number of services with complete receipts; development services are counted apart."""
    complete = [timestamp for timestamp in case.timestamps if timestamp.state == "complete"]
    independent = {(proof.kind, proof.name) for proof in complete if not proof.development}
    development = {(proof.kind, proof.name) for proof in complete if proof.development}
    sentence = wording.render("cnlist.proofs", n=len(independent))
    return sentence + wording.render("cnlist.development", n=len(development)) if development else sentence


def _list_sighting_items(sighting: SightingFacts, wording: Wording) -> Iterator[_EvidenceItem]:
    render, folder = wording.render, get_sighting_folder(sighting.number)
    description = render("cnlist.sighting", time=describe_first_seen(sighting, wording))
    url = sighting.page_url or sighting.image_url
    peer = sighting.peer or render("document.unknown")
    yield _EvidenceItem(description, render("cnlist.sighting_source", peer=peer), (sighting.picture.file,), url)
    if sighting.slice is not None:
        yield _EvidenceItem(render("cnlist.slice"), render("cnlist.proofs_source"), (f"{folder}/slice.json",))
    for capture in sighting.captures:
        outcome = wording.phrases.get_label("capture", capture.outcome)
        description = render("cnlist.capture", time=wording.format_time(capture.finished), outcome=outcome)
        yield _EvidenceItem(description, render("cnlist.capture_source"), capture.files or (f"{folder}/",))
