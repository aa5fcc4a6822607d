"""Options of commands that read tables, and what a command says of a table that can't be read as it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from desk.cli.common.options import together
from desk.cli.common.show import note
from exhibit.errors import WrongUseError
from exhibit.files.delimited import ENCODINGS

if TYPE_CHECKING:
    from registry.models import ColumnMapping, Owner
    from registry.works.column_mappings import Columns
    from registry.works.spreadsheets import TableInterpretation

SHOWN = 6
"""Encodings of which the terminal shows how a table reads in them."""
table_options = together(
    click.option(
        "--encoding",
        type=click.Choice(tuple(ENCODINGS), case_sensitive=False),
        help="Encoding of a CSV table, if it cannot be detected.",
    ),
    click.option(
        "--column",
        "named_columns",
        multiple=True,
        metavar="HEADING=COLUMN",
        help="Meaning of a table heading; repeatable.",
    ),
    click.option(
        "--ignore-column", "unused", multiple=True, metavar="HEADING", help="Table column to ignore; repeatable."
    ),
    click.option("--skip-rows", is_flag=True, help="Skip invalid rows and list them."),
)
"""Options that say how a table is read: ``encoding``, ``named_columns``, ``unused``, ``skip_rows``."""


def columns_of(owner: "Owner", kind: "ColumnMapping.Kind", named: tuple[str, ...]) -> "Columns":
    """What the headings of an owner's tables mean, with those that the command names.

    Raises:
        WrongUseError: An option isn't HEADING=COLUMN, or there is no such column.
    """
    from registry.works.column_mappings import Columns

    columns, pairs = Columns(owner, kind), [assignment.rpartition("=") for assignment in named]
    if wrong := next((assignment for assignment, pair in zip(named, pairs, strict=True) if not pair[0].strip()), None):
        raise WrongUseError(f"“{wrong}” is not HEADING=COLUMN.", hint="Enter --column HEADING=COLUMN.")
    columns.choose({heading: column.strip() for heading, _sign, column in pairs})
    return columns


def python_name(encoding: str | None) -> str:
    """The chosen encoding as Python names it; empty where none was chosen."""
    return ENCODINGS[encoding] if encoding else ""


def left_out_by(unused: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether the command leaves out the column below a heading."""
    return {heading.strip() for heading in unused}.__contains__


@contextmanager
def reading_table() -> Iterator[None]:
    """Say of a table that can't be read as it is which options help."""
    from registry.works.spreadsheets import EncodingError, HeadingsError, WrongRowsError

    try:
        yield
    except EncodingError as error:
        if not error.candidates:
            raise
        for candidate in error.candidates[:SHOWN]:
            note(f"  --encoding {candidate.encoding}: {candidate.lines[0]}")
        hint = "Choose the encoding in which the names are correct, or save the table as CSV UTF-8."
        raise WrongUseError(error.message, hint=hint) from error
    except HeadingsError as error:
        hint = f"{error.hint}\nUse --column HEADING=COLUMN to set the meaning of a column, or --ignore-column HEADING."
        raise WrongUseError(error.message, hint=hint) from error
    except WrongRowsError as error:
        if not error.sound:
            raise
        hint = f"{error.hint}\nUse --skip-rows to skip them and import the other {error.sound:,}.".strip()
        raise WrongUseError(error.message, hint=hint) from error


def note_unread(understood: "TableInterpretation") -> None:
    """Note which rows and sheets of a table were not read."""
    from desk.texts import uploads

    if words := uploads.describe_unread_parts(understood):
        note(words)
