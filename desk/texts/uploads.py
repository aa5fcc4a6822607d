"""Descriptions of uploads: problems with files and their solutions, and the format of a table."""

from django.utils.translation import gettext as _, gettext_lazy, ngettext

from exhibit.files import delimited
from registry.models import StepState, UploadFile
from registry.works.spreadsheets import TableInterpretation
from registry.works.work_tables import list_differences, parse_declaration

PROBLEM_SENTENCES = {
    "empty": gettext_lazy("The file is empty."),
    "not-a-picture": gettext_lazy("The file is not a picture in a supported format."),
    "raw-photograph": gettext_lazy("The file is a RAW photograph (NEF, DNG, CR2 or similar)."),
    "too-many-bytes": gettext_lazy("The file is too large."),
    "too-many-pixels": gettext_lazy("The picture has too many pixels."),
    "too-long-side": gettext_lazy("One side of the picture is too long."),
    "text-bomb": gettext_lazy("The file contains too much text for a picture."),
    "too-slow": gettext_lazy("The picture takes too long to decode."),
    "truncated": gettext_lazy("The file is incomplete: part of the picture is missing."),
    "broken": gettext_lazy("The file is damaged."),
    "blocked": gettext_lazy("The operator does not allow this file here."),
    "quota": gettext_lazy("The storage quota for your works was used up."),
    "missing": gettext_lazy("The file was not received completely."),
    "hidden": gettext_lazy("Hidden files are not uploaded."),
    "unreadable": gettext_lazy("The browser could not read the file."),
    "given-up": gettext_lazy("Registration was attempted several times but never finished."),
}
FIX_SENTENCES = {
    "empty": gettext_lazy("Copy the file again from its source, and upload it again."),
    "not-a-picture": gettext_lazy("Export the picture as JPEG, PNG, TIFF, WebP or AVIF, and upload that file."),
    "raw-photograph": gettext_lazy(
        "Export the photograph as TIFF or JPEG from your photo software, and upload that file."
    ),
    "too-many-bytes": gettext_lazy(
        "Save the picture as a high-quality JPEG or at a smaller size, and upload it again."
    ),
    "too-many-pixels": gettext_lazy("Save the picture at a smaller size and upload it again."),
    "too-long-side": gettext_lazy("Save the picture at a smaller size or in several parts, and upload it again."),
    "text-bomb": gettext_lazy("Save the picture without its metadata and upload it again."),
    "too-slow": gettext_lazy("Save the picture as a JPEG and upload it again."),
    "truncated": gettext_lazy("Copy the file again from its source, and upload it again."),
    "broken": gettext_lazy("Open the picture in an editor, save it again, and upload the new file."),
    "blocked": gettext_lazy("Contact the operator."),
    "quota": gettext_lazy("Remove works or ask the operator for more storage, then upload the file again."),
    "missing": gettext_lazy("Upload the file again."),
    "hidden": gettext_lazy("Rename the file so that its name does not start with a dot, and upload it again."),
    "unreadable": gettext_lazy("Check that you have permission to open the file, and upload it again."),
    "given-up": gettext_lazy("Try again below. If it fails again, contact the operator."),
}
OUTCOME_LABELS = {
    UploadFile.Outcome.REGISTERED: gettext_lazy("registered"),
    UploadFile.Outcome.KNOWN: gettext_lazy("already registered"),
    UploadFile.Outcome.REFUSED: gettext_lazy("not registered"),
}


def describe_result(row: UploadFile) -> str:
    """Describe the outcome of an uploaded file."""
    if row.state == StepState.FAILED:
        return str(OUTCOME_LABELS[UploadFile.Outcome.REFUSED])
    return str(OUTCOME_LABELS[UploadFile.Outcome(row.outcome)]) if row.outcome else _("waiting")


def describe_problem(row: UploadFile) -> str:
    """Describe why a file is not registered, or list the table columns that differ from a registered work.

    Empty if neither applies.
    """
    if columns := describe_differing_columns(row):
        sentence = _("The declaration of a registered work was not changed. The table differs in: %(columns)s.")
        return sentence % {"columns": columns}
    reason = _get_reason(row)
    return str(PROBLEM_SENTENCES.get(reason) or row.error or reason) if reason else ""


def describe_fix(row: UploadFile) -> str:
    """Describe how to fix the problem; empty if there is none."""
    if describe_differing_columns(row):
        return _("If the table is correct, change the declaration on the page of the work.")
    reason = _get_reason(row)
    return str(FIX_SENTENCES.get(reason) or _("Contact the operator.")) if reason else ""


def describe_differing_columns(row: UploadFile) -> str:
    """List the columns in which a table row differs from the work that is already registered; empty if none."""
    if row.outcome != UploadFile.Outcome.KNOWN or row.line is None or row.work is None:
        return ""
    columns = list_differences(parse_declaration(row.line.declared), row.work.declared_work)
    return _(", ").join(str(COLUMN_LABELS[column]) for column in columns)


def _get_reason(row: UploadFile) -> str:
    return "given-up" if row.state == StepState.FAILED else row.reason


MAX_SHOWN_ROWS = 10
ENCODING_NAMES = {python: name for name, python in delimited.ENCODINGS.items()} | {
    "ascii": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "cp1252": "Windows-1252",
}  # fmt: skip
"""Display names of encodings, by Python codec name."""
SEPARATOR_NAMES = {
    ",": gettext_lazy("commas"),
    ";": gettext_lazy("semicolons"),
    "\t": gettext_lazy("tabs"),
    "|": gettext_lazy("vertical bars"),
}
"""Display names of field separators."""


COLUMN_LABELS = {
    "file": gettext_lazy("picture file name"),
    "title": gettext_lazy("title"),
    "author": gettext_lazy("author"),
    "holder": gettext_lazy("copyright holder"),
    "credit": gettext_lazy("credit line"),
    "created": gettext_lazy("creation date"),
    "first_publication": gettext_lazy("date of first publication"),
    "rights": gettext_lazy("rights statement"),
    "registrations": gettext_lazy("official registrations"),
    "works": gettext_lazy("works: numbers or file names"),
    "licensee": gettext_lazy("licensee"),
    "domain": gettext_lazy("domain"),
    "url_pattern": gettext_lazy("URL pattern, with * for any characters"),
    "account": gettext_lazy("platform account"),
    "territories": gettext_lazy("countries (two-letter codes)"),
    "valid_from": gettext_lazy("valid from"),
    "valid_until": gettext_lazy("valid until"),
    "reason": gettext_lazy("note"),
    "reseller": gettext_lazy("agency that sold the licence"),
    "invoice": gettext_lazy("invoice number"),
}
"""Descriptions of table columns."""


def describe_format(table: TableInterpretation) -> str:
    """Describe the detected format of a table."""
    if not table.encoding:
        sentence = _("The table was read from the sheet “%(sheet)s” of the workbook.") % {"sheet": table.sheet}
        return " ".join(filter(None, (sentence, describe_unread_sheets(table))))
    values = {"encoding": ENCODING_NAMES[table.encoding], "separator": SEPARATOR_NAMES[table.separator]}
    return _("The table was read as %(encoding)s, with columns separated by %(separator)s.") % values


def describe_unread_sheets(table: TableInterpretation) -> str:
    """List the non-empty sheets of a workbook that were not read; empty if there are none."""
    if not table.unread_sheets:
        return ""
    titles = _(", ").join(f"“{title}”" for title in table.unread_sheets)
    return _("Sheets not read: %(titles)s.") % {"titles": titles}


def describe_skipped_rows(table: TableInterpretation) -> str:
    """Describe the number of skipped rows of a table, and the problems of the first ones; empty if there are none."""
    if not table.skipped:
        return ""
    count = len(table.skipped)
    parts = [ngettext("%(count)d row was skipped:", "%(count)d rows were skipped:", count) % {"count": count}]
    template = _("row %(line)d: %(problem)s")
    parts += [template % {"line": number, "problem": problem} for number, problem in table.skipped[:MAX_SHOWN_ROWS]]
    return " ".join([*parts, "…"] if count > MAX_SHOWN_ROWS else parts)


def describe_unread_parts(table: TableInterpretation) -> str:
    """Describe the rows and sheets of a table that were not read; empty if all were read."""
    return " ".join(filter(None, (describe_skipped_rows(table), describe_unread_sheets(table))))


def describe_encoding_warning(table: TableInterpretation) -> str:
    """Warn if the encoding of a table was only guessed; otherwise empty."""
    if not table.is_likely:
        return ""
    return _("The encoding is only a guess. Check names with non-English letters, or save the table as CSV UTF-8.")
