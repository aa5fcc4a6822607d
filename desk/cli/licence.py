"""Permitted uses."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.frame import examples, open_desk, person
from desk.cli.common.options import FILE, json_option, owner_option
from desk.cli.common.show import counted, echo_json, listed, note, say, short, table, tell
from desk.cli.common.tables import columns_of, left_out_by, python_name, reading_table, table_options

if TYPE_CHECKING:
    from desk.schemas import licences as schemas
    from registry.works.licences import NewLicence
    from registry.works.spreadsheets import Understood

ORDERS = ("day-month", "month-day")
WORDS = ("licensee", "works", "where", "from", "until", "reason")
FEW = 5
"""Licences that a dry run shows."""
licence_command = click.Group("licence", help="Uses that are permitted: what they cover is recorded, and is no case.")


@licence_command.command(
    "import",
    epilog=examples(
        "exhibit licence import licences.csv --owner studio-example",
        "exhibit licence import customers.xlsx --dry-run",
        'exhibit licence import customers.csv --days day-month --leave-out "Order no."',
    ),
)
@click.argument("file", type=FILE)
@owner_option
@click.option("--dry-run", is_flag=True, help="Show how the table is understood, and keep nothing.")
@click.option("--days", "order", type=click.Choice(ORDERS), help="What comes first in days like 01/02/2026.")
@table_options
@json_option
def import_licences(
    *,
    file: Path,
    named: str | None,
    as_json: bool,
    dry_run: bool,
    order: str | None,
    encoding: str | None,
    named_columns: tuple[str, ...],
    unused: tuple[str, ...],
    skip_rows: bool,
) -> None:
    """Add the licences in the table FILE (CSV or XLSX), all or none, and look for them in the open cases.

    With --skip-rows rows that can't be used are listed and skipped.

    Columns: works (file names or numbers with ; between, empty for all), licensee, domain, url_pattern (* stands for
    anything), account, territories, valid_from, valid_until, reason, reseller (the agency that sold it), invoice. Other
    usual headings are understood, too, such as Customer or Kunde, and said. A line that is in the ledger already isn't
    added twice.
    """
    desk = open_desk()
    owner = desk.owner(named)
    from desk.schemas import licences as schemas
    from desk.texts import uploads as table_words
    from registry import models
    from registry.cases import jobs
    from registry.works import licence_tables, licences as licence_rows, tables

    columns = columns_of(owner, models.ColumnMapping.Kind.LICENCES, named_columns)

    def shown(headings: Sequence[str]) -> list[str]:
        return columns(headings) or licence_tables.as_far_as_known(headings)

    data, chosen = tables.table_bytes(file), shown if dry_run else columns
    with reading_table(), columns.remembered(by=person()):
        read = licence_tables.licences_in_table(
            owner, file.name, data, order=order or "", left_out=left_out_by(unused), chosen=chosen,
            encoding=python_name(encoding), takes_likely=dry_run, skips=skip_rows,
        )  # fmt: skip
    understood = read.understood
    if dry_run:
        told = [{"heading": one.text, "column": one.column, "first": one.example} for one in understood.headings]
        answer = {"read_as": table_words.read_as(understood), "columns": told, "licences": len(read.licences)}
        answer |= _unread(understood)
        tell(answer, lambda: _show_understood(understood, read.licences), as_json=as_json)
        return
    renamed = [one for one in understood.headings if one.column != one.text.strip().lower()]
    if renamed or understood.sheet:
        note(table_words.read_as(understood))
        note("; ".join(f"{one.text}: {one.column or 'not used'}" for one in understood.headings) + ".")
    if skipped := table_words.skipped_rows(understood):
        note(skipped)
    kept, new = licence_rows.keep_licences(owner, read.licences, by=person())
    waiting = licence_rows.waiting_changes(owner)
    jobs.ledger(desk.services, waiting)
    licensed = models.LedgerEffect.objects.filter(change__in=waiting, what=models.LedgerEffect.What.LICENSED)
    decided = sorted(set(licensed.values_list("case__number", flat=True)))
    if as_json:
        licences = schemas.Licence.from_rows(kept)
        echo_json({"licences": licences, "new": new, "cases_licensed": decided, **_unread(understood)})
        return
    old = len(kept) - new
    known = f"; {old:,} {'was' if old == 1 else 'were'} there already" if old else ""
    say(f"{counted(new, 'licence')} added{known}.")
    if decided:
        say(f"They cover case {', '.join(map(str, decided))}.")


def _unread(understood: "Understood") -> dict[str, object]:
    skipped = [{"line": line, "problem": problem} for line, problem in understood.skipped]
    return {"skipped_rows": skipped, "unread_sheets": list(understood.unread_sheets)}


def _show_understood(understood: "Understood", read: "Sequence[NewLicence]") -> None:
    from desk.texts import uploads as table_words

    say(table_words.read_as(understood))
    for remark in filter(None, (table_words.doubt(understood), table_words.skipped_rows(understood))):
        note(remark)
    lines = [(short(one.text), one.column or "not used", short(one.example)) for one in understood.headings]
    table(("heading", "understood as", "first field"), lines)
    say(f"{counted(len(read), 'licence')} read, nothing is kept.")
    if read:
        say("As the first would stand in the ledger:" if len(read) > FEW else "As it would stand in the ledger:")
        table(WORDS, [_words(licence, [work.number for work in licence.works]) for licence in read[:FEW]])


@licence_command.command("list", epilog=examples("exhibit licence list", "exhibit licence list --json"))
@owner_option
@json_option
def list_licences(*, named: str | None, as_json: bool) -> None:
    """List the permitted uses."""
    owner = open_desk().owner(named)
    from desk.schemas import licences as schemas
    from registry import scoped

    found = schemas.Licence.from_rows(scoped.licences(owner).prefetch_related("works"))
    columns = ("licence", *WORDS)
    nothing = "There is no licence yet. Import some: exhibit licence import FILE"
    listed("licences", found, columns, _line, nothing=nothing, as_json=as_json)


def _line(licence: "schemas.Licence") -> list[object]:
    return [licence.number, *_words(licence, licence.works)]


def _words(licence: "schemas.Licence | NewLicence", numbers: Sequence[int]) -> list[object]:
    where = " ".join(filter(None, (licence.domain, licence.account, licence.url_pattern)))
    works, days = ", ".join(map(str, numbers)) or "all", (licence.valid_from, licence.valid_until)
    return [short(licence.licensee), works, where, *days, short(licence.reason)]
