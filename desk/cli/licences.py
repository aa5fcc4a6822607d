"""Permitted uses."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.frame import examples, json_option, open_desk, owner_option, person
from desk.cli.show import counted, echo_json, say, short, table
from exhibit.errors import WrongUseError

if TYPE_CHECKING:
    from registry.licences import NewLicence
    from registry.models import Owner, Work
    from workers.tables import DeclaredLicence


@click.group("licence")
def licence_command() -> None:
    """Uses that are permitted: what they cover is recorded, and is no case."""


@licence_command.command("import", epilog=examples("exhibit licence import licences.csv --owner studio-example"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@owner_option
@json_option
def import_licences(*, file: Path, owner: str | None, as_json: bool) -> None:
    """Add the licences in the table FILE (CSV or XLSX), all or none, and look for them in the open cases.

    Columns: works (file names or numbers with ; between, empty for all), licensee, domain, url_pattern (* stands for
    anything), valid_from, valid_until, reason. A line that is in the ledger already isn't added twice.
    """
    desk = open_desk()
    from desk import shapes
    from registry.licences import keep_licences
    from registry.matching import search_ledger
    from workers.tables import read_licences, table_bytes

    lines = read_licences(file.name, table_bytes(file))
    of = desk.owner(owner)
    kept, new = keep_licences(of, _with_works(of, file.name, lines), by=person())
    decided = search_ledger(of)
    if as_json:
        licences = [shapes.licence(row) for row in kept]
        echo_json({"licences": licences, "new": new, "cases_licensed": [case.number for case in decided]})
        return
    known = f"; {len(kept) - new:,} were there already" if new < len(kept) else ""
    say(f"{counted(new, 'licence')} added{known}.")
    if decided:
        say(f"They cover case {', '.join(str(case.number) for case in decided)}.")


def _with_works(of: "Owner", table_name: str, lines: "Sequence[DeclaredLicence]") -> list["NewLicence"]:
    """Find the works that each line names.

    Raises:
        WrongUseError: a name or a number belongs to no work, or a name to several.
    """
    from registry import owned
    from registry.licences import NewLicence

    by_name: dict[str, list[Work]] = {}
    for work in owned.works(of):
        for name in {str(work.number), work.source_name}:
            by_name.setdefault(name, []).append(work)
    licences = []
    for line in lines:
        works: list[Work] = []
        for name in line.works:
            found = by_name.get(name, [])
            if len(found) != 1:
                how_many = "no work" if not found else "several works"
                raise WrongUseError(
                    f"{table_name}, line {line.line}: {how_many} of {of.name}: {name!r}.",
                    hint="`exhibit work list` shows files and numbers; nothing was imported.",
                )
            works += found
        words = (line.domain, line.url_pattern, line.valid_from, line.valid_until, line.reason)
        licences.append(NewLicence(line.licensee, tuple(works), *words))
    return licences


@licence_command.command("list", epilog=examples("exhibit licence list", "exhibit licence list --json"))
@owner_option
@json_option
def list_licences(*, owner: str | None, as_json: bool) -> None:
    """List the permitted uses."""
    desk = open_desk()
    from desk import shapes
    from registry import owned

    rows = owned.licences(desk.owner(owner)).prefetch_related("works")
    found = [shapes.licence(row) for row in rows]
    if as_json:
        echo_json({"licences": found})
    elif not found:
        say("There is no licence yet. Import some: exhibit licence import FILE")
    else:
        columns = ("licence", "licensee", "works", "where", "from", "until", "reason")
        table(
            columns,
            [
                [
                    one["number"],
                    short(one["licensee"]),
                    ", ".join(map(str, one["works"])) or "all",
                    " ".join(filter(None, (one["domain"], one["url_pattern"]))),
                    one["valid_from"],
                    one["valid_until"],
                    short(one["reason"]),
                ]
                for one in found
            ],
        )
