"""The deposit record of a work: declarations, records, and witnesses of the time, and nothing more."""

from collections.abc import Sequence

from evidence.documents.case.comparison import Gallery
from evidence.documents.case.sections import broken_off, chain_rows, development_warning, witness_blocks
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording, zone_named
from evidence.documents.typeset.blocks import (
    Block,
    Callout,
    Document,
    Plate,
    Plates,
    Quiet,
    Row,
    Rows,
    Section,
    Speaker,
    Style,
    Text,
)
from evidence.documents.typeset.compiler import TypesetFile, Unset
from evidence.documents.typeset.pictures import Album, Pictures, qr_png
from evidence.facts.case import CaseFacts, PictureFacts
from exhibit.digests import Digest

DEPOSIT_PARTY = "none"  # kind of party in the facts of a deposit record, which names nobody
FACTS_FILE = "facts.json"
PICTURE_SIDE = 1200
SHOWN_PICTURES = 12
HEIGHT = 52
QR_FILE, QR_HEIGHT = "pictures/page.png", 35
MAX_ADDRESS = 300  # limit of characters in a QR code of this size that a phone can still read
CHECKS = ("check_first", "check_digest", "check_later")
UNEXAMINED = ("declarations", "originality", "earlier", "before")


def render_deposit_record(facts: CaseFacts, pictures: Pictures, language: str, *, time_zone: str = "UTC") -> bytes:
    """Render the record as PDF/A-3b with ``facts.json`` attached, dated ``written_at``; same input, same bytes.

    The facts have no sightings, and their party is of the kind :data:`DEPOSIT_PARTY`. Raises the same errors as
    :func:`evidence.documents.sheets.exhibit.render_exhibit_sheet`.
    """
    wording = Wording(load_phrases(language), zone_named(time_zone))
    gallery = Gallery(pictures, Album(PICTURE_SIDE), wording)
    sections = (
        _build_declaration(facts, pictures, wording),
        _recorded(facts, wording),
        _pictures(facts.work.pictures, gallery),
        _proofs(facts, wording),
        Section(wording.say("heading.unchecked"), (wording.bullets("unexamined", UNEXAMINED),)),
        Section(wording.say("deposit.check"), (wording.bullets("deposit", CHECKS),)),
    )
    files = [*gallery.album.files, TypesetFile(FACTS_FILE, facts.to_json())]
    if _has_code(facts):
        files.append(TypesetFile(QR_FILE, qr_png(facts.work.public_page)))
    return Unset(_document(facts, wording, sections), tuple(files), language, facts.written_at).pdf()


def _build_declaration(facts: CaseFacts, files: Pictures, wording: Wording) -> Section:
    work = facts.work
    declared_by = (facts.owner.name, facts.owner.identity)
    registrations = [f"{item.office} {item.number} ({item.date})" for item in work.registrations]
    rows = (
        wording.row("title", "work.title", work.title),
        wording.row("author", "work.author", work.author),
        wording.row("holder", "work.holder", *((work.holder,) if work.holder else declared_by)),
        wording.row("created", "work.created", work.created),
        wording.row("first_publication", "work.first_publication", work.first_publication),
        wording.row("ai_share", Speaker.DECLARED, ""),
        wording.row("registrations", "work.registrations[].number", *registrations),
        wording.row("rights", "work.rights_statement", work.rights_statement),
        *((wording.row("credit", "work.credit", work.credit),) if work.credit else ()),
        *chain_rows(work, files, wording),
    )
    running = wording.say("deposit.running", work=facts.work.number, number=facts.bundle)
    return Section(wording.say("deposit.declared"), (Rows(rows),), running=running)


def _recorded(facts: CaseFacts, wording: Wording) -> Section:
    earlier = facts.work.earlier_registration
    earlier_words = () if earlier is None else (wording.say("deposit.earlier", day=wording.day(earlier)),)
    rows = (
        wording.row("work_number", "work.number", facts.work.number),
        wording.time_row("registered_at", facts.work.registered_at),
        *(wording.row("earlier_registration", "work.earlier_registration", words) for words in earlier_words),
        wording.row("record", "bundle", str(facts.bundle)),
        wording.time_row("made_at", facts.written_at),
        wording.row("software", "software.name", f"{facts.software.name} {facts.software.version}"),
    )
    blocks: list[Block] = [Rows(rows), Quiet(wording.say("sheet.speakers"))]
    if page := facts.work.public_page:
        blocks.append(Text(wording.say("deposit.public", page=page)))
    if _has_code(facts):
        blocks.append(Plates((Plate(QR_FILE, "", "", page),), QR_HEIGHT))
    return Section(wording.say("deposit.recorded"), tuple(blocks))


def _has_code(facts: CaseFacts) -> bool:
    return 0 < len(facts.work.public_page) <= MAX_ADDRESS


def _pictures(pictures: Sequence[PictureFacts], gallery: Gallery) -> Section:
    """Return the section with each picture and its digest on the same page."""
    blocks: list[Block] = []
    wording = gallery.wording
    for picture in pictures[:SHOWN_PICTURES]:
        blocks += [gallery.row({"registered": picture.file}, HEIGHT), Rows(_picture_rows(picture, wording))]
    if len(pictures) > SHOWN_PICTURES:
        blocks.append(Text(wording.say("document.listed_of", shown=SHOWN_PICTURES, all=len(pictures))))
    return Section(wording.say("column.pictures"), tuple(blocks))


def _picture_rows(picture: PictureFacts, wording: Wording) -> tuple[Row, ...]:
    measures = wording.say("picture.size", width=picture.width, height=picture.height, format=picture.format)
    return (
        wording.row(
            "registered_picture",
            f"work.pictures[].{'incomplete' if picture.incomplete else 'width'}",
            measures,
            *broken_off(picture, wording),
        ),
        wording.row("size", "work.pictures[].size", wording.say("picture.bytes", n=f"{picture.size:,}")),
        wording.row("digest", "work.pictures[].digest", picture.digest.hex, style=Style.MONO),
    )


def _proofs(facts: CaseFacts, wording: Wording) -> Section:
    proof = facts.work.registration
    if proof is None:
        return Section(wording.say("deposit.proofs"), (Text(wording.say("deposit.not_logged")),))
    checkpoint = wording.say("witness.checkpoint", origin=proof.checkpoint.split("\n", 1)[0], size=proof.size)
    rows = (
        wording.row(
            "registration_entry", "work.registration.sequence", f"{proof.sequence} · {wording.time(proof.time)}"
        ),
        wording.row("checkpoint", "work.registration.checkpoint", checkpoint, style=Style.MONO),
    )
    witnesses = witness_blocks(facts.witnesses, wording, "covered_no_later")
    return Section(wording.say("deposit.proofs"), (Rows(rows), *witnesses))


def _document(facts: CaseFacts, wording: Wording, sections: tuple[Section, ...]) -> Document:
    say = wording.say
    work = facts.work
    notice = Callout(say("deposit.notice_title"), say("deposit.notice"))
    return Document(
        title=wording.clipped(f"{say('deposit.header')} {work.number}: {work.title}", 200),
        author=f"{facts.software.name} {facts.software.version}",
        description=say("deposit.description"),
        kicker=say("deposit.kicker"),
        heading=wording.clipped(work.title or say("document.unknown"), 200),
        subtitle=say(
            "deposit.subtitle", work=work.number, number=facts.bundle, owner=wording.clipped(facts.owner.name, 120)
        ),
        header=say("deposit.header"),
        language=wording.setting(),
        stamp=say("deposit.stamp", work=work.number, number=facts.bundle, digest=Digest.of(facts.to_json()).hex),
        opening=(notice, *development_warning(facts.witnesses, wording)),
        sections=sections,
        data=(FACTS_FILE, say("deposit.attachment")),
    )
