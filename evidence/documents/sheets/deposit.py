"""The deposit record of a work, with only the declarations, the recorded facts and the timestamps."""

from collections.abc import Sequence

from evidence.documents.case.comparison import Gallery
from evidence.documents.case.sections import (
    build_development_warning,
    build_timestamp_blocks,
    build_title_chain_rows,
    describe_truncation,
)
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording, load_time_zone
from evidence.documents.typeset.blocks import (
    Block,
    Callout,
    Document,
    FactSource,
    Plate,
    Plates,
    Quiet,
    Row,
    Rows,
    Section,
    Style,
    Text,
)
from evidence.documents.typeset.compiler import PreparedDocument, TypesetFile
from evidence.documents.typeset.pictures import Album, Pictures, render_qr_code
from evidence.facts.case import CaseFacts, PictureFacts
from exhibit.digests import Digest

DEPOSIT_PARTY = "none"  # kind of party in the facts of a deposit record, which does not name a site
FACTS_FILE = "facts.json"
PICTURE_SIDE = 1200
MAX_PICTURES = 12
PICTURE_HEIGHT = 52
QR_FILE, QR_HEIGHT = "pictures/page.png", 35
MAX_URL_CHARS = 300  # maximum number of characters in a QR code of this size that phones can still read
CHECK_KEYS = ("check_first", "check_digest", "check_later")
UNEXAMINED_KEYS = ("declarations", "originality", "earlier", "before")


def render_deposit_record(facts: CaseFacts, pictures: Pictures, language: str, *, time_zone: str = "UTC") -> bytes:
    """Render the record as PDF/A-3b with ``facts.json`` attached, dated ``written_at``.

    The same input gives the same bytes. The facts have no sightings, and the kind of their party is
    :data:`DEPOSIT_PARTY`. Raises the same errors as :func:`evidence.documents.sheets.exhibit.render_exhibit_sheet`.
    """
    wording = Wording(load_phrases(language), load_time_zone(time_zone))
    gallery = Gallery(pictures, Album(PICTURE_SIDE), wording)
    sections = (
        _build_declaration(facts, pictures, wording),
        _build_record_section(facts, wording),
        _build_pictures_section(facts.work.pictures, gallery),
        _build_proofs_section(facts, wording),
        Section(wording.render("heading.unchecked"), (wording.build_bullets("unexamined", UNEXAMINED_KEYS),)),
        Section(wording.render("deposit.check"), (wording.build_bullets("deposit", CHECK_KEYS),)),
    )
    files = [*gallery.album.files, TypesetFile(FACTS_FILE, facts.to_json())]
    if _has_qr_code(facts):
        files.append(TypesetFile(QR_FILE, render_qr_code(facts.work.public_page)))
    return PreparedDocument(
        _build_document(facts, wording, sections), tuple(files), language, facts.written_at
    ).render_pdf()


def _build_declaration(facts: CaseFacts, files: Pictures, wording: Wording) -> Section:
    work = facts.work
    declared_by = (facts.owner.name, facts.owner.identity)
    registrations = [f"{item.office} {item.number} ({item.date})" for item in work.registrations]
    rows = (
        wording.build_row("title", "work.title", work.title),
        wording.build_row("author", "work.author", work.author),
        wording.build_row("holder", "work.holder", *((work.holder,) if work.holder else declared_by)),
        wording.build_row("created", "work.created", work.created),
        wording.build_row("first_publication", "work.first_publication", work.first_publication),
        wording.build_row("ai_share", FactSource.DECLARED, ""),
        wording.build_row("registrations", "work.registrations[].number", *registrations),
        wording.build_row("rights", "work.rights_statement", work.rights_statement),
        *((wording.build_row("credit", "work.credit", work.credit),) if work.credit else ()),
        *build_title_chain_rows(work, files, wording),
    )
    running = wording.render("deposit.running", work=facts.work.number, number=facts.bundle)
    return Section(wording.render("deposit.declared"), (Rows(rows),), running=running)


def _build_record_section(facts: CaseFacts, wording: Wording) -> Section:
    earlier_registration = facts.work.earlier_registration
    earlier_sentences = (
        ()
        if earlier_registration is None
        else (wording.render("deposit.earlier", day=wording.format_day(earlier_registration)),)
    )
    rows = (
        wording.build_row("work_number", "work.number", facts.work.number),
        wording.build_time_row("registered_at", facts.work.registered_at),
        *(
            wording.build_row("earlier_registration", "work.earlier_registration", sentence)
            for sentence in earlier_sentences
        ),
        wording.build_row("record", "bundle", str(facts.bundle)),
        wording.build_time_row("made_at", facts.written_at),
        wording.build_row("software", "software.name", f"{facts.software.name} {facts.software.version}"),
    )
    blocks: list[Block] = [Rows(rows), Quiet(wording.render("sheet.speakers"))]
    if page := facts.work.public_page:
        blocks.append(Text(wording.render("deposit.public", page=page)))
    if _has_qr_code(facts):
        blocks.append(Plates((Plate(QR_FILE, "", "", page),), QR_HEIGHT))
    return Section(wording.render("deposit.recorded"), tuple(blocks))


def _has_qr_code(facts: CaseFacts) -> bool:
    return 0 < len(facts.work.public_page) <= MAX_URL_CHARS


def _build_pictures_section(pictures: Sequence[PictureFacts], gallery: Gallery) -> Section:
    """Return the section with the pictures, each on the same page as its digest."""
    blocks: list[Block] = []
    wording = gallery.wording
    for picture in pictures[:MAX_PICTURES]:
        blocks += [
            gallery.create_row({"registered": picture.file}, PICTURE_HEIGHT),
            Rows(_build_picture_rows(picture, wording)),
        ]
    if len(pictures) > MAX_PICTURES:
        blocks.append(Text(wording.render("document.listed_of", shown=MAX_PICTURES, all=len(pictures))))
    return Section(wording.render("column.pictures"), tuple(blocks))


def _build_picture_rows(picture: PictureFacts, wording: Wording) -> tuple[Row, ...]:
    dimensions = wording.render("picture.size", width=picture.width, height=picture.height, format=picture.format)
    return (
        wording.build_row(
            "registered_picture",
            f"work.pictures[].{'incomplete' if picture.incomplete else 'width'}",
            dimensions,
            *describe_truncation(picture, wording),
        ),
        wording.build_row("size", "work.pictures[].size", wording.render("picture.bytes", n=f"{picture.size:,}")),
        wording.build_row("digest", "work.pictures[].digest", picture.digest.hex, style=Style.MONO),
    )


def _build_proofs_section(facts: CaseFacts, wording: Wording) -> Section:
    proof = facts.work.registration
    if proof is None:
        return Section(wording.render("deposit.proofs"), (Text(wording.render("deposit.not_logged")),))
    checkpoint = wording.render("timestamp.checkpoint", origin=proof.checkpoint.split("\n", 1)[0], size=proof.size)
    rows = (
        wording.build_row(
            "registration_entry", "work.registration.sequence", f"{proof.sequence} · {wording.format_time(proof.time)}"
        ),
        wording.build_row("checkpoint", "work.registration.checkpoint", checkpoint, style=Style.MONO),
    )
    timestamp_blocks = build_timestamp_blocks(facts.timestamps, wording, "covered_no_later")
    return Section(wording.render("deposit.proofs"), (Rows(rows), *timestamp_blocks))


def _build_document(facts: CaseFacts, wording: Wording, sections: tuple[Section, ...]) -> Document:
    render = wording.render
    work = facts.work
    notice = Callout(render("deposit.notice_title"), render("deposit.notice"))
    return Document(
        title=wording.clip_text(f"{render('deposit.header')} {work.number}: {work.title}", 200),
        author=f"{facts.software.name} {facts.software.version}",
        description=render("deposit.description"),
        kicker=render("deposit.kicker"),
        heading=wording.clip_text(work.title or render("document.unknown"), 200),
        subtitle=render(
            "deposit.subtitle", work=work.number, number=facts.bundle, owner=wording.clip_text(facts.owner.name, 120)
        ),
        header=render("deposit.header"),
        language=wording.get_language_settings(),
        stamp=render(
            "deposit.stamp", work=work.number, number=facts.bundle, digest=Digest.from_bytes(facts.to_json()).hex
        ),
        opening=(notice, *build_development_warning(facts.timestamps, wording)),
        sections=sections,
        data=(FACTS_FILE, render("deposit.attachment")),
    )
