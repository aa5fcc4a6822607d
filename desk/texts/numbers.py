"""Numbers as the reader writes them."""

from django.utils.formats import number_format


def grouped(number: int) -> str:
    """A number with its thousands apart."""
    return number_format(number, force_grouping=True)
