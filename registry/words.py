"""Sentences that are read on the site in the reader's language and in a terminal in English."""

from django.conf import settings
from django.utils import translation


def gettext(text: str) -> str:
    """A text in the reader's language; as it is where Django isn't set up, as in a command that starts nothing."""
    return translation.gettext(text) if settings.configured else text


def ngettext(one: str, many: str, number: int) -> str:
    """One of two texts by a number, in the reader's language."""
    if settings.configured:
        return translation.ngettext(one, many, number)
    return one if number == 1 else many


def gettext_noop(text: str) -> str:
    """A text that is translated later, where it is shown."""
    return text
