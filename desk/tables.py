"""Tables that people bring: what they declare of their works, and which uses they permit. CSV, UTF-8."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from exhibit.errors import WrongUseError

WORK_COLUMNS = ("file", "title", "author", "first_publication", "rights", "registrations")
LICENCE_COLUMNS = ("works", "licensee", "domain", "url_pattern", "valid_from", "valid_until", "reason")
MOST_BYTES = 32 * 1024 * 1024

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


@dataclass(frozen=True, slots=True)
class DeclaredWork:
    """One line about a file: what its owner declares. Empty where nothing is said."""

    file: str
    title: str
    author: str
    first_publication: str
    rights: str
    registrations: tuple[dict[str, str], ...]


@dataclass(frozen=True, slots=True)
class DeclaredLicence:
    """One permitted use; ``works`` holds file names or numbers and is empty for all works."""

    line: int
    works: tuple[str, ...]
    licensee: str
    domain: str
    url_pattern: str
    valid_from: date | None
    valid_until: date | None
    reason: str


def read_works(path: Path) -> dict[str, DeclaredWork]:
    """Read a table of works, by the name of the file.

    Raises:
        WrongUseError: names the line and what is wrong with it.
    """
    declared: dict[str, DeclaredWork] = {}
    for line, row in _rows(path, WORK_COLUMNS, needed="file"):
        if row["file"] in declared:
            raise WrongUseError(f"{path.name}, line {line}: {row['file']} stands there twice.")
        if row["first_publication"] and not _DATE.fullmatch(row["first_publication"]):
            raise WrongUseError(
                f"{path.name}, line {line}: {row['first_publication']!r} isn't a date.",
                hint="Write 2024-05-31 or 2024.",
            )
        declared[row["file"]] = DeclaredWork(
            file=row["file"],
            title=row["title"],
            author=row["author"],
            first_publication=row["first_publication"],
            rights=row["rights"],
            registrations=tuple(_registrations(path, line, row["registrations"])),
        )
    return declared


def read_licences(path: Path) -> list[DeclaredLicence]:
    """Read a table of licences.

    Raises:
        WrongUseError: names the line and what is wrong with it.
    """
    licences = []
    for line, row in _rows(path, LICENCE_COLUMNS, needed="licensee"):
        if not (row["domain"] or row["url_pattern"]):
            raise WrongUseError(
                f"{path.name}, line {line}: neither a domain nor a url_pattern is given.",
                hint="A licence names where the use is permitted.",
            )
        first, last = (_day(path, line, row[name]) for name in ("valid_from", "valid_until"))
        if first and last and last < first:
            raise WrongUseError(f"{path.name}, line {line}: valid_until is before valid_from.")
        licences.append(
            DeclaredLicence(
                line=line,
                works=tuple(filter(None, (name.strip() for name in row["works"].split(";")))),
                licensee=row["licensee"],
                domain=row["domain"].lower(),
                url_pattern=row["url_pattern"],
                valid_from=first,
                valid_until=last,
                reason=row["reason"],
            )
        )
    return licences


def _rows(path: Path, columns: Sequence[str], *, needed: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Each line with its number; columns that are left out are empty."""
    try:
        text = path.read_bytes()[: MOST_BYTES + 1].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongUseError(f"{path.name} isn't UTF-8.", hint="Save it as CSV UTF-8.") from error
    except OSError as error:
        raise WrongUseError(f"{path} can't be read: {error.strerror}.") from error
    if len(text) > MOST_BYTES:
        raise WrongUseError(f"{path.name} is too large for a table.")
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        given = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = given
        unknown = [name for name in given if name not in columns]
        if unknown or needed not in given:
            wrong = f"has a column {unknown[0]!r} that isn't known" if unknown else f"has no column {needed!r}"
            raise WrongUseError(f"{path.name} {wrong}.", hint=f"Its first line may name: {', '.join(columns)}")
        for row in reader:
            if None in row or None in row.values():
                raise WrongUseError(f"{path.name}, line {reader.line_num}: it doesn't have {len(given)} fields.")
            filled = {name: row.get(name, "").strip() for name in columns}
            if not filled[needed]:
                raise WrongUseError(f"{path.name}, line {reader.line_num}: {needed} is empty.")
            yield reader.line_num, filled
    except csv.Error as error:
        raise WrongUseError(f"{path.name}, line {reader.reader.line_num}: {error}.") from error


def _registrations(path: Path, line: int, text: str) -> Iterator[dict[str, str]]:
    """Official registrations: ``office|number|date``, several with ``;`` between."""
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        fields = [field.strip() for field in part.split("|")]
        if len(fields) not in (2, 3) or not all(fields[:2]):
            raise WrongUseError(
                f"{path.name}, line {line}: {part!r} isn't a registration.", hint="Write office|number|date."
            )
        yield {"office": fields[0], "number": fields[1], "date": fields[2] if len(fields) == 3 else ""}


def _day(path: Path, line: int, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise WrongUseError(f"{path.name}, line {line}: {text!r} isn't a day.", hint="Write 2024-05-31.") from None
