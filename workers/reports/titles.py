"""What a report is called that nobody gave a title: rows keep it in English, readers see it in their language."""

from django.utils.translation import gettext as _


def numbered(number: int, owner: str) -> str:
    """The title that a row keeps of a report without one."""
    return f"Report {number} for {owner}"


def given(title: str, number: int, owner: str) -> str:
    """The title that somebody gave; empty when nobody did."""
    return "" if title == numbered(number, owner) else title


def in_words(title: str, number: int, owner: str) -> str:
    """The title for a reader."""
    return given(title, number, owner) or _("Report %(number)s for %(owner)s") % {"number": number, "owner": owner}
