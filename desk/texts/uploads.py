"""Descriptions of uploads: why files cannot be registered, how to fix that, and how a table was parsed."""

from django.utils.translation import gettext as _, gettext_lazy, ngettext

from exhibit.files import delimited
from registry.models import StepState, UploadFile
from registry.works.spreadsheets import Understood
from registry.works.tables import declared_in, differing

WHY = {
    "empty": gettext_lazy("The file is empty."),
    "not-a-picture": gettext_lazy("It isn't a picture in a format that can be read."),
    "raw-photograph": gettext_lazy("The file is a raw photograph (NEF, DNG, CR2 or similar)."),
    "too-many-bytes": gettext_lazy("The file is too large."),
    "too-many-pixels": gettext_lazy("The picture has too many pixels."),
    "too-long-side": gettext_lazy("One side of the picture is too long."),
    "text-bomb": gettext_lazy("The file holds more text than any picture needs."),
    "too-slow": gettext_lazy("The picture takes too long to decode."),
    "truncated": gettext_lazy("The file breaks off: a part of the picture is missing."),
    "broken": gettext_lazy("The file is damaged."),
    "blocked": gettext_lazy("The operator doesn't allow these bytes here."),
    "quota": gettext_lazy("There was no room left for your works."),
    "missing": gettext_lazy("The file didn't arrive whole."),
    "hidden": gettext_lazy("Hidden files are not sent."),
    "unreadable": gettext_lazy("The browser could not read it."),
    "given-up": gettext_lazy("Registering it was tried several times and never ended."),
}
WHAT_TO_DO = {
    "empty": gettext_lazy("Copy it again from where it came from, and send it again."),
    "not-a-picture": gettext_lazy("Export it as JPEG, PNG, TIFF, WebP or AVIF, and send that."),
    "raw-photograph": gettext_lazy("Export it as TIFF or JPEG from your photo software, and upload that file."),
    "too-many-bytes": gettext_lazy("Save it as a JPEG of high quality, or smaller, and send that."),
    "too-many-pixels": gettext_lazy("Save it smaller, and send that."),
    "too-long-side": gettext_lazy("Save it smaller, or in parts, and send that."),
    "text-bomb": gettext_lazy("Save it anew without its metadata, and send that."),
    "too-slow": gettext_lazy("Save it anew as JPEG, and send that."),
    "truncated": gettext_lazy("Copy it again from where it came from, and send it again."),
    "broken": gettext_lazy("Open and save it anew in a picture editor, and send that."),
    "blocked": gettext_lazy("Ask the operator."),
    "quota": gettext_lazy("Remove works, or ask the operator for more room; then send it again."),
    "missing": gettext_lazy("Send it again."),
    "hidden": gettext_lazy("Rename it so that its name does not begin with a dot, and send it."),
    "unreadable": gettext_lazy("Check that you may open it, and send it again."),
    "given-up": gettext_lazy("Try again below; if it fails again, ask the operator."),
}
OUTCOMES = {
    UploadFile.Outcome.REGISTERED: gettext_lazy("registered"),
    UploadFile.Outcome.KNOWN: gettext_lazy("was registered before"),
    UploadFile.Outcome.REFUSED: gettext_lazy("not registered"),
}


def result(row: UploadFile) -> str:
    """Describe the outcome of an uploaded file."""
    if row.state == StepState.FAILED:
        return str(OUTCOMES[UploadFile.Outcome.REFUSED])
    return str(OUTCOMES[UploadFile.Outcome(row.outcome)]) if row.outcome else _("waits")


def why(row: UploadFile) -> str:
    """Describe why a file is not registered, or which table columns differ from a registered work; otherwise empty."""
    if columns := not_taken(row):
        said = _("What is declared of a registered work stays as it is. The table says something else in: %(columns)s.")
        return said % {"columns": columns}
    reason = _reason(row)
    return str(WHY.get(reason) or row.error or reason) if reason else ""


def what_to_do(row: UploadFile) -> str:
    """Describe how to fix the problem; empty if there is none."""
    if not_taken(row):
        return _("Declare it anew on the page of the work, if the table is right.")
    reason = _reason(row)
    return str(WHAT_TO_DO.get(reason) or _("Ask the operator.")) if reason else ""


def not_taken(row: UploadFile) -> str:
    """List the columns in which a table row differs from the work that was already registered."""
    if row.outcome != UploadFile.Outcome.KNOWN or row.line is None or row.work is None:
        return ""
    columns = differing(declared_in(row.line.declared), row.work.declared)
    return _(", ").join(str(COLUMNS[column]) for column in columns)


def _reason(row: UploadFile) -> str:
    return "given-up" if row.state == StepState.FAILED else row.reason


SKIPPED_SHOWN = 10
ENCODINGS = {python: name for name, python in delimited.ENCODINGS.items()} | {
    "ascii": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "cp1252": "Windows-1252",
}  # fmt: skip
"""Display names of encodings, by Python codec name."""
SEPARATORS = {
    ",": gettext_lazy("commas"),
    ";": gettext_lazy("semicolons"),
    "\t": gettext_lazy("tabs"),
    "|": gettext_lazy("bars"),
}
"""Display names of field separators."""


COLUMNS = {
    "file": gettext_lazy("name of the picture’s file"),
    "title": gettext_lazy("title"),
    "author": gettext_lazy("author"),
    "holder": gettext_lazy("rights holder"),
    "credit": gettext_lazy("credit line"),
    "created": gettext_lazy("when it was created"),
    "first_publication": gettext_lazy("when it was first published"),
    "rights": gettext_lazy("statement of rights"),
    "registrations": gettext_lazy("official registrations"),
    "works": gettext_lazy("works: numbers or names of files"),
    "licensee": gettext_lazy("licensee"),
    "domain": gettext_lazy("domain"),
    "url_pattern": gettext_lazy("addresses, with * for any characters"),
    "account": gettext_lazy("account on a platform"),
    "territories": gettext_lazy("countries, two letters each"),
    "valid_from": gettext_lazy("valid from"),
    "valid_until": gettext_lazy("valid until"),
    "reason": gettext_lazy("note"),
    "reseller": gettext_lazy("agency that sold it"),
    "invoice": gettext_lazy("number of the invoice"),
}
"""Descriptions of table columns."""


def read_as(understood: Understood) -> str:
    """Describe the format as which a table was read."""
    if not understood.encoding:
        read = _("Read as a workbook, its sheet “%(sheet)s”.") % {"sheet": understood.sheet}
        return " ".join(filter(None, (read, unread_sheets(understood))))
    said = {"encoding": ENCODINGS[understood.encoding], "separator": SEPARATORS[understood.separator]}
    return _("Read as %(encoding)s, parted by %(separator)s.") % said


def unread_sheets(understood: Understood) -> str:
    """List the non-empty sheets of a workbook that were not read; empty if there are none."""
    if not understood.unread_sheets:
        return ""
    titles = _(", ").join(f"“{title}”" for title in understood.unread_sheets)
    return _("Not read: the sheets %(titles)s.") % {"titles": titles}


def skipped_rows(understood: Understood) -> str:
    """Describe how many rows of a table were skipped and why the first of them were; empty if none were."""
    if not understood.skipped:
        return ""
    count = len(understood.skipped)
    said = [ngettext("%(count)d row was skipped:", "%(count)d rows were skipped:", count) % {"count": count}]
    line = _("line %(line)d: %(problem)s")
    said += [line % {"line": number, "problem": problem} for number, problem in understood.skipped[:SKIPPED_SHOWN]]
    return " ".join([*said, "…"] if count > SKIPPED_SHOWN else said)


def left_unread(understood: Understood) -> str:
    """Describe the rows and sheets of a table that were not read; empty if all were."""
    return " ".join(filter(None, (skipped_rows(understood), unread_sheets(understood))))


def doubt(understood: Understood) -> str:
    """Warn if the encoding of a table was only guessed; otherwise empty."""
    if not understood.likely:
        return ""
    return _("The encoding is a likely one only. Look at names with letters beyond English, or save it as CSV UTF-8.")
