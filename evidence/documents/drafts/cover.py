"""Cover page for a printed exhibit sheet, which identifies the bundle by file name and seal digest.

The seal digest covers the digest of the sheet, so the sheet itself cannot state it.
"""

from textwrap import wrap

from evidence.bundle.manifest import FACTS_PATH
from evidence.documents.case.sections import build_timestamp_blocks
from evidence.documents.drafts.layout import DraftInput, build_blank_fields, build_plain_row, format_page_header
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Plate, Plates, Quiet, Rows, Section, Style, Table, build_cell

QR_CODE_FILE, QR_CODE_HEIGHT = "pictures/seal.png", 34
SHORT_DIGEST_CHARS = 16  # number of hexadecimal digits of the seal digest that are printed for a manual comparison


def build_cover(case: DraftInput, wording: Wording) -> tuple[Section, ...]:
    """Return the sections of the cover: bundle, sheets, timestamps, and blank fields for the submitter."""
    render, seal_hex = wording.render, case.seal_digest.hex
    entry = render("document.no_time") if case.sequence is None else str(case.sequence)
    rows = (
        build_plain_row(wording, "paper.file_name", case.file_name, style=Style.MONO),
        build_plain_row(wording, "label.seal", seal_hex, style=Style.MONO),
        build_plain_row(wording, "cover.short", " ".join(wrap(seal_hex[:SHORT_DIGEST_CHARS], 4)), style=Style.MONO),
        build_plain_row(wording, "paper.sealed_at", wording.format_time(case.manifest.sealed_at)),
        build_plain_row(wording, "label.seal_entry", entry),
    )
    files = [file for file in case.manifest.files if file.role == "exhibit-sheet" or file.path == FACTS_PATH]
    sheets = tuple((build_cell(file.path, Style.MONO), build_cell(file.sha256.hex, Style.MONO)) for file in files)
    qr_code = Plates((Plate(QR_CODE_FILE, "", render("cover.code"), seal_hex),), QR_CODE_HEIGHT)
    return (
        Section(render("cover.bundle"), (Rows(rows), qr_code), running=format_page_header(case, wording)),
        Section(
            render("cover.sheets"),
            (Table((render("paper.file"), render("label.digest")), sheets, (1, 2)), Quiet(render("cover.foot"))),
        ),
        Section(
            render("heading.proofs"), (*build_timestamp_blocks(case.timestamps, wording), Quiet(render("cover.check")))
        ),
        Section(render("cnlist.sign"), (build_blank_fields(wording, "submitter", "signature", "date"),), together=True),
    )
