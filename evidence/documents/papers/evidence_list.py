"""Draft of the numbered list of evidence (证据目录): number, item and content, source; the purpose is left blank.

The provisions of the Supreme People's Court on evidence in civil proceedings (2020), article 19, require such a list.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from evidence.bundle.bag import KEY_PATH, SIGNATURE_PATH
from evidence.bundle.manifest import MANIFEST_PATH
from evidence.bundle.sealing import match_folder, sighting_folder
from evidence.documents.case.sections import seen_words
from evidence.documents.papers.layout import SealedFacts, blanks, running
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Cell, Line, Section, Style, Table, cell
from evidence.facts.case import SightingFacts

MAX_TITLE = 160
MAX_ADDRESS = 2000  # characters; more would not fit on a page


@dataclass(frozen=True, slots=True)
class _Item:
    words: str
    source: str
    files: tuple[str, ...]
    address: str = ""


def evidence_list(case: SealedFacts, wording: Wording) -> tuple[Section, ...]:
    """Return the draft; the purpose of each item, the submitter, the matter and the date are left blank."""
    say = wording.say
    head = (say("column.work_number"), *(say(f"cnlist.{name}") for name in ("item", "source", "purpose")))
    rows = tuple(_cells(number, item, wording) for number, item in enumerate(_items(case, wording), 1))
    return (
        Section(say("cnlist.about"), (blanks(wording, "matter", "translation"),), running=running(case, wording)),
        Section(say("cnlist.list"), (Table(head, rows, (0, 10, 5, 5)),)),
        Section(say("cnlist.sign"), (blanks(wording, "submitter", "signature", "date"),), together=True),
    )


def _cells(number: int, item: _Item, wording: Wording) -> tuple[Cell, ...]:
    first, *rest = item.files
    files = wording.say("cnlist.many", path=first, n=len(rest)) if rest else first
    address = (Line(wording.clipped(item.address, MAX_ADDRESS), Style.MONO),) if item.address else ()
    return (
        cell(str(number)),
        Cell((Line(item.words), *address, Line(files, Style.MONO))),
        cell(item.source),
        Cell((Line(""), Line(""), Line(f"（{wording.say('paper.open')}）", Style.QUIET))),
    )


def _items(case: SealedFacts, wording: Wording) -> Iterator[_Item]:
    facts, say = case.facts, wording.say
    for picture in facts.work.pictures:
        title = wording.clipped(facts.work.title, MAX_TITLE)
        words = say("cnlist.work", title=title, width=picture.width, height=picture.height)
        yield _Item(words, say("cnlist.work_source", day=wording.day(facts.work.registered_at)), (picture.file,))
    for document in facts.work.attachments:
        title = wording.clipped(document.title, MAX_TITLE)
        yield _Item(say("cnlist.document", title=title), say("cnlist.document_source"), (document.file,))
    if facts.work.registration is not None:
        yield _Item(say("cnlist.registration"), say("cnlist.proofs_source"), ("data/work/registration.json",))
    for sighting in facts.sightings:
        yield from _of_sighting(sighting, wording)
    for match in facts.matches:
        folder = match_folder(match.number)
        files = tuple(file.path for file in case.manifest.files if file.path.startswith(f"{folder}/"))
        yield _Item(say("cnlist.match", n=match.number), say("cnlist.made"), files or (f"{folder}/",))
    sheets = tuple(file.path for file in case.manifest.files if file.role == "exhibit-sheet")
    if sheets:
        yield _Item(say("sheet.header"), say("cnlist.made"), sheets)
    yield _Item(say("cnlist.seal", digest=case.seal.hex), say("cnlist.made"), (MANIFEST_PATH, SIGNATURE_PATH, KEY_PATH))
    yield _Item(_witnesses(case, wording), say("cnlist.proofs_source"), ("proofs/",))


def _witnesses(case: SealedFacts, wording: Wording) -> str:
    """Return the number of witnesses with complete receipts, each counted once; development witnesses separately."""
    complete = [witness for witness in case.witnesses if witness.state == "complete"]
    outside = {(proof.kind, proof.name) for proof in complete if not proof.development}
    trials = {(proof.kind, proof.name) for proof in complete if proof.development}
    words = wording.say("cnlist.proofs", n=len(outside))
    return words + wording.say("cnlist.development", n=len(trials)) if trials else words


def _of_sighting(sighting: SightingFacts, wording: Wording) -> Iterator[_Item]:
    say, folder = wording.say, sighting_folder(sighting.number)
    words = say("cnlist.sighting", time=seen_words(sighting, wording))
    address = sighting.page_url or sighting.image_url
    peer = sighting.peer or say("document.unknown")
    yield _Item(words, say("cnlist.sighting_source", peer=peer), (sighting.picture.file,), address)
    if sighting.slice is not None:
        yield _Item(say("cnlist.slice"), say("cnlist.proofs_source"), (f"{folder}/slice.json",))
    for capture in sighting.captures:
        outcome = wording.phrases.word("capture", capture.outcome)
        words = say("cnlist.capture", time=wording.time(capture.finished), outcome=outcome)
        yield _Item(words, say("cnlist.capture_source"), capture.files or (f"{folder}/",))
