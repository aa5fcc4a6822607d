"""Periods as people write them: ``30m``, ``24h``, ``7d``."""

import re
from datetime import timedelta

import click

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}


def period(text: str) -> timedelta:
    """Read a period, as the type of an option."""
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip())
    if match is None:
        raise click.BadParameter(f"{text!r} isn't a period such as 30m, 24h or 7d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def shown(seconds: int) -> str:
    """A period in the largest unit of which it is a whole number, such as ``7d``; a day is ``24h``."""
    for letter, name in _UNITS.items():
        length = int(timedelta(**{name: 1}).total_seconds())
        if seconds % length == 0 and (letter != "d" or seconds > length):
            return f"{seconds // length}{letter}"
    return f"{seconds}s"
