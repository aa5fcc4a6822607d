"""Texts that appear on the site in the reader's language and in the terminal in English."""

from django.conf import settings
from django.utils import translation


def gettext(text: str) -> str:
    """Translate a text into the reader's language; return it unchanged if Django is not configured."""
    return translation.gettext(text) if settings.configured else text


def ngettext(singular: str, plural: str, number: int) -> str:
    """Select singular or plural by a number, in the reader's language."""
    if settings.configured:
        return translation.ngettext(singular, plural, number)
    return singular if number == 1 else plural


def gettext_noop(text: str) -> str:
    """Mark a text for translation where it is displayed."""
    return text
