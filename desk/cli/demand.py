"""Money asked of parties."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import click

from desk.cli.common.command import DAY, AsJson, FileName, GivenFile, Number, Numbers, Taken, TheirOwner, command
from desk.cli.common.files import write_file
from desk.cli.common.frame import person
from desk.cli.common.show import counted, listed, only_json, say, short, table, tell
from exhibit.types import Untyped

if TYPE_CHECKING:
    from desk.schemas.parties import demands as schemas
    from registry import models

demand_command = click.Group("demand", help="Money asked of parties, agreed and received: the owner's own book.")
Amount = Annotated[str, Taken("--amount", required=True, metavar="AMOUNT", help="Such as 1200.50.")]
Due = Annotated[datetime | None, Taken("--due", metavar="DAY", type=DAY, help="By when it is to be answered or paid.")]


@command("list", of=demand_command)
def list_demands(*, owner: TheirOwner, as_json: AsJson) -> None:
    """List what was asked of whom and how it stands, newest first."""
    from desk.schemas.parties import demands as schemas
    from registry.parties import demands

    found = schemas.DemandLine.from_rows(demands.demands(owner))
    columns = ("demand", "party", "basis", "asked", "agreed", "received", "due")
    listed("demands", found, columns, _line, nothing="Nothing was asked yet.", as_json=as_json)


def _line(row: "schemas.DemandLine") -> list[object]:
    amounts = (_amount(amount, row.currency) for amount in (row.asked, row.agreed, row.received))
    return [row.number, short(row.party), short(row.basis), *amounts, row.due_on]


def _amount(amount: int | None, currency: str) -> str:
    from registry.parties import demands

    return "" if amount is None else f"{demands.in_units(amount, currency):,} {currency}"


@command("show", "1", of=demand_command)
def show_demand(*, number: Number, owner: TheirOwner, as_json: AsJson) -> None:
    """Show demand NUMBER with its entries."""
    _show(owner, number, as_json=as_json)


def _show(owner: "models.Owner", number: int, *, as_json: bool) -> None:
    from desk.schemas.parties import demands as schemas
    from registry.parties import demands

    one = schemas.Demand.from_row(demands.demand(owner, number))
    only_json(one, asked=as_json)
    say(f"Demand {number}: {one.party}, case {', '.join(map(str, one.cases))}. {one.basis}")
    amounts = [_amount(row.amount, one.currency) for row in one.entries]
    lines = [
        [row.number, row.kind, amount, row.day, row.due_on, row.corrects, row.words]
        for row, amount in zip(one.entries, amounts, strict=True)
    ]
    table(("entry", "what", "amount", "day", "due", "in place of", "note"), lines)


@command("ask", '3 --amount 300 --currency EUR --basis "Usual fee"', of=demand_command)
@click.option("--amount", default="", metavar="AMOUNT", help="Such as 1200.50; the fee's, if absent.")
@click.option("--currency", default="", metavar="CODE", help="Such as EUR; the fee's, if absent.")
@click.option("--basis", default="", metavar="TEXT", help="On what it rests; the fee in words, if absent.")
@click.option("--fee", default="", metavar="TABLE.LINE", help="A line of a table of fees, such as 1.3.")
def ask_for_money(*, numbers: Numbers, owner: TheirOwner, due: Due, as_json: AsJson, **said: Untyped) -> None:
    """Write down that money is asked for cases NUMBERS of one party that are not licensed. Nothing is sent."""
    from registry.accounts import scoped
    from registry.parties import demands

    party, until = scoped.case(owner, numbers[0]).party, due.date() if due else None
    made = demands.begin(owner, demands.typed(owner, party, numbers, until, said), by=person())
    _show(owner, made.number, as_json=as_json)


@command("enter", "1 received --amount 100", of=demand_command)
@click.argument("kind", type=click.Choice(["asked", "agreed", "received"]))
@click.option("--day", type=DAY, metavar="DAY", help="On which day; today, if absent.")
@click.option("--corrects", type=click.IntRange(min=1), metavar="ENTRY", help="In whose place it stands; say why.")
@click.option("--note", "words", default="", metavar="TEXT", help="Kept with it.")
def add_entry(
    *, number: Number, kind: str, owner: TheirOwner, amount: Amount, due: Due, as_json: AsJson, **said: Untyped
) -> None:
    """Write down for demand NUMBER what was asked, agreed or received. Another entry corrects a wrong one."""
    from registry.parties import demands

    row = demands.demand(owner, number)
    on, until = (day.date() if day else None for day in (said["day"], due))
    new = demands.NewEntry(kind, demands.read_amount(amount, row.currency), on, until, said["words"], said["corrects"])
    demands.add_entry(row, new, by=person())
    _show(owner, number, as_json=as_json)


@command("export", "money.csv", of=demand_command)
def export_ledger(*, path: FileName, owner: TheirOwner) -> None:
    """Write all entries of all demands into PATH, as CSV."""
    from workers.parties import tables as money_tables

    write_file(path, money_tables.ledger_bytes(owner))


@command("fees", 'prices.csv --name "Own prices" --currency EUR', of=demand_command)
@click.option("--name", required=True, metavar="NAME", help="A newer table of the same name is offered in its place.")
@click.option("--currency", required=True, metavar="CODE", help="Such as EUR.")
def import_fees(*, file: GivenFile, name: str, currency: str, owner: TheirOwner, as_json: AsJson) -> None:
    """Keep the table of fees FILE (CSV or XLSX) with the columns use, size, duration, amount."""
    from desk.schemas.parties import demands as schemas
    from registry.parties import demands
    from workers.parties import tables as money_tables
    from workers.works import tables

    made = demands.keep_fees(
        owner, name, currency, money_tables.fees_in_table(file.name, tables.table_bytes(file), currency), by=person()
    )
    said = f"Table {made.number} is kept: {counted(made.fees.count(), 'fee')}."
    tell(schemas.FeeTable.from_row(made), said, as_json=as_json)
