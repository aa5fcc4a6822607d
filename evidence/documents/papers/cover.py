"""Cover page of a printed sheet: identifies the sheet's bundle by file name and seal digest.

The seal digest covers the digest of the sheet, so the sheet itself cannot state it.
"""

from textwrap import wrap

from evidence.bundle.manifest import FACTS_PATH
from evidence.documents.case.sections import witness_blocks
from evidence.documents.papers.layout import SealedFacts, blanks, plain_row, running
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Plate, Plates, Quiet, Rows, Section, Style, Table, cell

CODE_FILE, CODE_HEIGHT = "pictures/seal.png", 34
SHORT = 16  # digits of the seal digest for comparison by a person


def cover(case: SealedFacts, wording: Wording) -> tuple[Section, ...]:
    """Return sections on the bundle, its sheets, the witnesses of its time, and fields for the submitter."""
    say, seal = wording.say, case.seal.hex
    entry = say("document.no_time") if case.sequence is None else str(case.sequence)
    rows = (
        plain_row(wording, "paper.file_name", case.file, style=Style.MONO),
        plain_row(wording, "label.seal", seal, style=Style.MONO),
        plain_row(wording, "cover.short", " ".join(wrap(seal[:SHORT], 4)), style=Style.MONO),
        plain_row(wording, "paper.sealed_at", wording.time(case.manifest.sealed_at)),
        plain_row(wording, "label.seal_entry", entry),
    )
    files = [file for file in case.manifest.files if file.role == "exhibit-sheet" or file.path == FACTS_PATH]
    sheets = tuple((cell(file.path, Style.MONO), cell(file.sha256.hex, Style.MONO)) for file in files)
    code = Plates((Plate(CODE_FILE, "", say("cover.code"), seal),), CODE_HEIGHT)
    return (
        Section(say("cover.bundle"), (Rows(rows), code), running=running(case, wording)),
        Section(
            say("cover.sheets"),
            (Table((say("paper.file"), say("label.digest")), sheets, (1, 2)), Quiet(say("cover.foot"))),
        ),
        Section(say("heading.proofs"), (*witness_blocks(case.witnesses, wording), Quiet(say("cover.check")))),
        Section(say("cnlist.sign"), (blanks(wording, "submitter", "signature", "date"),), together=True),
    )
