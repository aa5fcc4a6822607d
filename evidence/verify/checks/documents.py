"""Checks ``document:NN``: active or embedded content in an owner's PDF. It is listed, and never executed."""

from collections.abc import Iterator

from evidence.facts.case import AttachmentFacts, CaseFacts
from evidence.formats.pdf_content import MAX_BYTES, inspect_pdf, is_pdf
from evidence.verdict.result import Check, checked, not_checked, passed
from evidence.verify.checks.inspection import Inspection

MAX_DOCUMENTS = 60  # limit of documents that are examined
KINDS = {
    "script": "JavaScript",
    "files": "embedded files",
    "launch": "actions that open other files or programs",
    "sends": "actions that send or fetch form data",
    "form": "a form",
    "media": "video, audio or 3D content",
    "actions": "actions that run automatically",
}
UNREAD = {
    "damaged": "it cannot be read as a PDF",
    "encrypted": "it is encrypted",
    "large": "it is too large",
    "packed": "part of it uses an unsupported compression",
}


def check_documents(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """Yield a check for each document of the chain of title that is a PDF, numbered by its place in the facts."""
    for number, document in enumerate(facts.work.attachments, 1):
        name = f"document:{number:02d}"
        if number > MAX_DOCUMENTS:
            yield not_checked(name, f"Only the first {MAX_DOCUMENTS} documents are examined.")
            return
        check = checked(name, _look, inspection, name, document)
        if check.sentence:
            yield check


def _look(inspection: Inspection, name: str, document: AttachmentFacts) -> Check:
    file = document.file.rpartition("/")[2]
    if not inspection.is_sealed(document.file) and not is_pdf(b"", file):
        return passed(name, "")
    data = inspection.sealed_bytes(document.file, MAX_BYTES)
    if not is_pdf(data, file):
        return passed(name, "")
    content = inspect_pdf(data)
    unread = f"Not examined: {UNREAD[content.unread]}." if content.unread else ""
    if content.kinds:
        message = f"{file} contains {', '.join(KINDS[kind] for kind in content.kinds)}. None of it was run or opened."
        return not_checked(name, f"{message} {unread}".rstrip())
    if unread:
        return not_checked(name, f"{file}: {unread}")
    return passed(name, f"No scripts, embedded files, forms or actions were found in {file}. Nothing was run.")
