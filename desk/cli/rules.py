"""What the commands of the operator's rules share: reading what they are about, and listing it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from desk.cli.common.frame import Desk
from desk.cli.common.show import listed, moment
from exhibit.digests import Digest
from exhibit.errors import WrongUseError

HEX_DIGITS = 64


def digest_meant(what: str) -> Digest:
    """The digest that is meant: 64 hexadecimal digits, or those of a file's bytes."""
    path = Path(what)
    try:
        if path.is_file():
            return Digest.of_file(path)
    except OSError as error:
        raise WrongUseError(f"{what} can't be read: {error.strerror}.") from error
    try:
        return Digest.from_hex(what)
    except ValueError:
        hint = f"Give a SHA-256 of {HEX_DIGITS} hexadecimal digits or a file."
        raise WrongUseError(f"{what!r} is neither a digest nor a file.", hint=hint) from None


def host_meant(text: str) -> str:
    """A host as crawls know it; an address of a page is taken for its host."""
    from exhibit.network import urls

    name = urls.host_of(text if "://" in text else f"http://{text}/")
    if not name or " " in name:
        raise WrongUseError(f"{text!r} isn't a host.", hint="Write shop.example.")
    return name


def need_reason(what: str | None, reason: str) -> None:
    """Raises ``WrongUseError`` where something is to be denied or blocked, and nobody says why."""
    if what is not None and not reason.strip():
        raise WrongUseError("A reason is needed; it is kept in the record.", hint="Add --reason TEXT.")


def list_rules(desk: Desk, name: str, what: str, rows: Sequence[tuple[str, datetime, str]], *, as_json: bool) -> None:
    """Show what is denied or blocked: rows of a name, since when, and why."""

    def line(row: Mapping[str, Any]) -> Sequence[object]:
        return row[what], moment(row["since"], desk.zone), row["reason"]

    columns = (what, "since", "reason")
    told = [dict(zip(columns, row, strict=True)) for row in rows]
    listed(name, told, columns, line, nothing=f"Nothing is {name}.", as_json=as_json)
