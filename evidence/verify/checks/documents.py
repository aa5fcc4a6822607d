"""Checks ``document:NN``: list active or embedded content in an owner's PDF, without executing it."""

from collections.abc import Iterator

from evidence.facts.case import AttachmentFacts, CaseFacts
from evidence.formats.pdf_content import MAX_BYTES, inspect_pdf, is_pdf
from evidence.verdict.result import Check, pass_check, run_check, skip_check
from evidence.verify.checks.inspection import Inspection

MAX_DOCUMENTS = 60  # maximum number of documents that are examined
CONTENT_NAMES = {
    "script": "JavaScript",
    "files": "embedded files",
    "launch": "actions that open other files or programs",
    "sends": "actions that send or fetch form data",
    "form": "a form",
    "media": "video, audio or 3D content",
    "actions": "actions that run automatically",
}
UNREAD_REASONS = {
    "damaged": "it cannot be read as a PDF",
    "encrypted": "it is encrypted",
    "large": "it is too large",
    "packed": "part of the file uses an unsupported compression method",
}


def check_documents(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """Yield a check for each PDF of the chain of title, numbered by its position in the facts."""
    for number, document in enumerate(facts.work.attachments, 1):
        name = f"document:{number:02d}"
        if number > MAX_DOCUMENTS:
            yield skip_check(name, f"Only the first {MAX_DOCUMENTS} documents are examined.")
            return
        check = run_check(name, _check_document, inspection, name, document)
        if check.sentence:
            yield check


def _check_document(inspection: Inspection, name: str, document: AttachmentFacts) -> Check:
    file = document.file.rpartition("/")[2]
    if not inspection.is_sealed(document.file) and not is_pdf(b"", file):
        return pass_check(name, "")
    data = inspection.read_sealed_file(document.file, MAX_BYTES)
    if not is_pdf(data, file):
        return pass_check(name, "")
    content = inspect_pdf(data)
    unread_reason = UNREAD_REASONS[content.unread_reason] if content.unread_reason else ""
    if content.kinds:
        message = (
            f"{file} contains {', '.join(CONTENT_NAMES[kind] for kind in content.kinds)}. None of it was run or opened."
        )
        suffix = f" The file was not fully examined: {unread_reason}." if unread_reason else ""
        return skip_check(name, message + suffix)
    if unread_reason:
        return skip_check(name, f"{file} was not examined: {unread_reason}.")
    return pass_check(name, f"No scripts, embedded files, forms or actions were found in {file}. Nothing was run.")
