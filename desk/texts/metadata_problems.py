"""Descriptions of problems with a file's metadata."""

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _, gettext_lazy

from desk.texts.ownership import FIELD_LABELS
from exhibit.pictures.metadata import CONFLICT, DAMAGED, ENCODING, MAX_ENTRIES, MAX_TEXT, TRUNCATED, MetadataProblem

BLOCK_NAMES = {
    "": gettext_lazy("Metadata"),
    "Photoshop": gettext_lazy("Photoshop image resources"),
    "PNG text": gettext_lazy("PNG text chunks"),
    "comment": gettext_lazy("File comment"),
}
"""Metadata blocks with a descriptive name."""
BLOCK_SENTENCES = {
    DAMAGED: gettext_lazy("%(block)s: part of this block is damaged and was not read. Intact entries were read."),
    TRUNCATED: gettext_lazy("%(block)s: the block is too long and was not read."),
}
FIELD_SENTENCES = {
    DAMAGED: gettext_lazy("%(block)s, %(field)s: “%(text)s” contains damaged characters. The value is not used."),
    ENCODING: gettext_lazy(
        "%(block)s, %(field)s: the character set of “%(text)s” is unknown or does not match the text. "
        "The value is not used."
    ),
    CONFLICT: gettext_lazy("%(block)s, %(field)s: “%(text)s” differs from the value used."),
    TRUNCATED: gettext_lazy(
        "%(block)s, %(field)s: the value is too long. Exhibit uses only the first %(entries)d entries, "
        "and at most %(characters)d characters in total."
    ),
}
OTHER_SENTENCE = gettext_lazy("%(block)s could not be read (%(reason)s).")


def describe_problem(problem: MetadataProblem) -> str:
    """Describe a problem in a sentence."""
    sentences = FIELD_SENTENCES if problem.field else BLOCK_SENTENCES
    values = {
        "block": BLOCK_NAMES.get(problem.block, problem.block),
        "field": FIELD_LABELS.get(problem.field, problem.field),
        "text": problem.text,
        "reason": problem.reason,
        "characters": MAX_TEXT,
        "entries": MAX_ENTRIES,
    }
    return str(sentences.get(problem.reason, OTHER_SENTENCE)) % values


def describe_problems(problems: Iterable[MetadataProblem | Mapping[str, str]]) -> list[str]:
    """Describe problems, one sentence each. Problems from a work's row are JSON objects."""
    rows = (problem if isinstance(problem, MetadataProblem) else MetadataProblem(**problem) for problem in problems)
    return [describe_problem(problem) for problem in rows]


def describe_fix() -> str:
    """Describe how to fix metadata problems."""
    return _("Enter missing values on the page of the work.")
