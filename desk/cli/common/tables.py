"""Options of commands that read tables, and error messages for tables that cannot be read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from desk.cli.common.options import combine_options
from desk.cli.common.output import echo_note
from exhibit.errors import InvalidRequestError
from exhibit.files.delimited import ENCODINGS

if TYPE_CHECKING:
    from registry.models import ColumnMapping, Owner
    from registry.works.column_mappings import Columns
    from registry.works.spreadsheets import TableInterpretation

MAX_CANDIDATES = 6
"""Maximum number of encodings for which the terminal shows an excerpt of the table."""
table_options = combine_options(
    click.option(
        "--encoding",
        type=click.Choice(tuple(ENCODINGS), case_sensitive=False),
        help="Encoding of the CSV table, if Exhibit cannot detect it.",
    ),
    click.option(
        "--column",
        "column_assignments",
        multiple=True,
        metavar="HEADING=COLUMN",
        help="Exhibit's name for the column with this heading; repeatable.",
    ),
    click.option(
        "--ignore-column",
        "ignored_headings",
        multiple=True,
        metavar="HEADING",
        help="Table column to ignore; repeatable.",
    ),
    click.option("--skip-rows", is_flag=True, help="Skip invalid rows and list them."),
)
"""Options that define how a table is read.

Their names are ``encoding``, ``column_assignments``, ``ignored_headings`` and ``skip_rows``.
"""


def parse_column_options(owner: "Owner", kind: "ColumnMapping.Kind", assignments: tuple[str, ...]) -> "Columns":
    """Return the owner's column mapping, extended by the command's options.

    Raises:
        InvalidRequestError: An option is not HEADING=COLUMN, or there is no such column.
    """
    from registry.works.column_mappings import Columns

    columns, pairs = Columns(owner, kind), [assignment.rpartition("=") for assignment in assignments]
    if invalid_assignment := next(
        (assignment for assignment, pair in zip(assignments, pairs, strict=True) if not pair[0].strip()), None
    ):
        raise InvalidRequestError(
            f"“{invalid_assignment}” does not have the form HEADING=COLUMN.", hint="Use --column HEADING=COLUMN."
        )
    columns.choose({heading: column.strip() for heading, _separator, column in pairs})
    return columns


def get_codec_name(encoding: str | None) -> str:
    """Return the Python name of the selected encoding; empty if none is selected."""
    return ENCODINGS[encoding] if encoding else ""


def make_column_filter(ignored_headings: tuple[str, ...]) -> Callable[[str], bool]:
    """Return a function that returns True for headings of columns that the command ignores."""
    return {heading.strip() for heading in ignored_headings}.__contains__


@contextmanager
def explain_table_errors() -> Iterator[None]:
    """Extend errors about unreadable tables with the options that help.

    Raises:
        InvalidRequestError: The table cannot be read without another option.
    """
    from registry.works.spreadsheets import EncodingError, HeadingsError, InvalidRowsError

    try:
        yield
    except EncodingError as error:
        if not error.candidates:
            raise
        for candidate in error.candidates[:MAX_CANDIDATES]:
            echo_note(f"  --encoding {candidate.encoding}: {candidate.lines[0]}")
        hint = "Choose the encoding in which the text is readable, or save the table as CSV UTF-8."
        raise InvalidRequestError(error.message, hint=hint) from error
    except HeadingsError as error:
        hint = f"{error.hint}\nUse --column HEADING=COLUMN to assign a column, or --ignore-column HEADING to ignore it."
        raise InvalidRequestError(error.message, hint=hint) from error
    except InvalidRowsError as error:
        if not error.valid_count:
            raise
        hint = f"{error.hint}\nUse --skip-rows to skip them and import the other {error.valid_count:,}.".strip()
        raise InvalidRequestError(error.message, hint=hint) from error


def echo_unread_parts(interpretation: "TableInterpretation") -> None:
    """Print the rows and sheets of a table that were not read, on standard error."""
    from desk.texts import uploads

    if text := uploads.describe_unread_parts(interpretation):
        echo_note(text)
