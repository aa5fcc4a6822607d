"""How a table was understood, in the reader's language."""

from django.utils.translation import gettext as _, gettext_lazy

from workers.works.spreadsheets import Understood

ENCODINGS = {
    "ascii": "UTF-8", "utf-8": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "gb18030": "GBK",
    "cp1252": "Windows-1252",
}  # fmt: skip
"""Their names, by those that Python has."""
SEPARATORS = {
    ",": gettext_lazy("commas"),
    ";": gettext_lazy("semicolons"),
    "\t": gettext_lazy("tabs"),
    "|": gettext_lazy("bars"),
}
"""What parts the fields."""


def read_as(understood: Understood) -> str:
    """As what a table was read, in a sentence."""
    if not understood.encoding:
        return _("Read as a workbook, its first sheet.")
    said = {"encoding": ENCODINGS[understood.encoding], "separator": SEPARATORS[understood.separator]}
    return _("Read as %(encoding)s, parted by %(separator)s.") % said


def doubt(understood: Understood) -> str:
    """What somebody has to look at before the table counts; empty where nothing was likely only."""
    if not understood.likely:
        return ""
    return _("The encoding is a likely one only. Look at names with letters beyond English, or save it as CSV UTF-8.")
