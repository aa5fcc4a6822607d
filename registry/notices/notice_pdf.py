"""A notice as a PDF: the exact text of the letter, followed by the images side by side."""

import re
from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import datetime

from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Block, Document, Line, Lines, Plate, Plates, Section, Style
from evidence.documents.typeset.compiler import PreparedDocument, TypesetFile
from evidence.documents.typeset.pictures import render_qr_code
from exhibit.errors import ExhibitError
from indexer.draw.draw import View, draw
from registry.bundles.drawings import load_pair
from registry.matches.models import Match
from registry.notices.contents import MAX_PICTURES, Letter, NoticeItem
from registry.notices.models import Notice
from registry.notices.wording import Wording as NoticeWording, get_wording
from registry.services.services import Services

PICTURE_HEIGHT, QR_CODE_SIZE = 70, 24  # Maximum height of two images, and size of the QR code, in millimetres.
_HEADING = re.compile(r"(\d{1,2}\.|[一二三四五六七八九十]{1,2}、)\s*\S")


def render_notice_pdf(
    services: Services,
    notice: Notice,
    letter: Letter,
    items: Sequence[NoticeItem],
    created_at: datetime,
    link: str = "",
) -> bytes:
    """Render a notice as PDF/A-3b with its time of creation and a QR code of the reply ``link``, if given.

    Raises:
        ServiceMissingError: The notice needs a font with Chinese characters, and none is installed.
    """
    files: list[TypesetFile] = []
    texts, language = get_wording(notice.owner, notice.kind, notice.language), notice.language
    lines = _split_paragraphs(letter.text, {line for line in texts.body.splitlines() if _HEADING.match(line)})
    letter_blocks: list[Block] = [*lines]
    if link:
        files.append(TypesetFile("pictures/answer.png", render_qr_code(link)))
        letter_blocks[-1:] = (
            replace(lines[-1], leads=True),
            Plates((Plate("pictures/answer.png", "", "", link),), QR_CODE_SIZE),
        )
    if (footer := texts.phrases.get("foot")) is None:
        language_settings = Wording(load_phrases(language)).get_language_settings()
    else:  # Only notices are written in this language, so their wording includes the footer.
        language_settings = {
            "lang": language,
            "region": language,
            "footer": footer,
            "page_of": texts.phrases["page_of"],
        }
    sections = []
    if notice.kind != Notice.Kind.OFFER and (plates := _build_plates(services, texts, items, files)):
        sections.append(Section(texts.format_phrase("side_by_side"), tuple(plates), level=2, new_page=True))
    document = Document(
        title=letter.subject[:200],
        author=notice.owner.name,
        description=letter.subject[:200],
        kicker="",
        heading=letter.subject,
        subtitle="",
        header=f"{notice.owner.name} · {texts.format_phrase('number', n=notice.number)}",
        language=language_settings,
        opening=tuple(letter_blocks),
        sections=tuple(sections),
    )
    return PreparedDocument(document, tuple(files), notice.language, created_at).render_pdf()


def _split_paragraphs(text: str, headings: Container[str]) -> list[Lines]:
    """Split the letter into paragraphs and lines, and style the headings of its wording."""
    blocks: list[Lines] = []
    for lines in map(str.splitlines, text.strip().split("\n\n")):
        is_heading = len(lines) == 1 and lines[0] in headings
        style = Style.STRONG if is_heading else Style.PLAIN
        blocks.append(Lines(tuple(Line(line, style) for line in lines), is_heading))
    return blocks


def _build_plates(
    services: Services, texts: NoticeWording, items: Sequence[NoticeItem], files: list[TypesetFile]
) -> list[Block]:
    blocks: list[Block] = []
    match_ids = [item.shown.match_id for item in items[:MAX_PICTURES] if item.shown is not None]
    matches = Match.objects.select_related("registered", "found").in_bulk(match_ids)
    for n, item in enumerate(items[:MAX_PICTURES], 1):
        if item.shown is None:
            continue
        caption = texts.format_phrase(
            "caption", n=n, title=item.row.case.work.title[:200], page=item.shown.sighting.page_url[:200]
        )
        path, reason = f"pictures/{n}.jpg", ""
        try:
            files.append(TypesetFile(path, draw(View.SIDE_BY_SIDE, load_pair(services, matches[item.shown.match_id]))))
        except ExhibitError as error:
            if error.retry:  # The blob store is unavailable.
                raise
            path, reason = "", texts.format_phrase("not_shown", why=error.message)
        blocks.append(Plates((Plate(path or None, reason, caption, caption),), PICTURE_HEIGHT))
    return blocks
