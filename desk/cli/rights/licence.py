"""Permitted uses."""

import click

from desk.cli.common.command import AsJson, GivenFile, TheirOwner, command
from desk.cli.common.frame import Desk, person
from desk.cli.common.show import counted, echo_json, listed, say, short
from exhibit.lazy import late

with late():
    from desk.schemas import licences as schemas
    from registry import models
    from registry.accounts import scoped
    from registry.works import licences as licence_rows
    from workers.steps import portions
    from workers.works import licences as licence_tables, tables

licence_command = click.Group("licence", help="Uses that are permitted: what they cover is recorded, and is no case.")


@command("import", "licences.csv --owner studio-example", of=licence_command)
def import_licences(*, desk: Desk, file: GivenFile, owner: TheirOwner, as_json: AsJson) -> None:
    """Add the licences in the table FILE (CSV or XLSX), all or none, and look for them in the open cases.

    Columns: works (file names or numbers with ; between, empty for all), licensee, domain, url_pattern (* stands for
    anything), account, territories, valid_from, valid_until, reason. A line that is in the ledger already isn't added
    twice.
    """
    kept, new = licence_rows.keep_licences(
        owner, licence_tables.licences_in_table(owner, file.name, tables.table_bytes(file)), by=person()
    )
    waiting = licence_rows.waiting_changes(owner)
    portions.look_at_ledger(desk.services, waiting)
    licensed = models.LedgerEffect.objects.filter(change__in=waiting, what=models.LedgerEffect.What.LICENSED)
    decided = sorted(set(licensed.values_list("case__number", flat=True)))
    if as_json:
        licences = schemas.Licence.from_rows(kept)
        echo_json({"licences": licences, "new": new, "cases_licensed": decided})
        return
    known = f"; {len(kept) - new:,} were there already" if new < len(kept) else ""
    say(f"{counted(new, 'licence')} added{known}.")
    if decided:
        say(f"They cover case {', '.join(map(str, decided))}.")


@command("list", "", "--json", of=licence_command)
def list_licences(*, owner: TheirOwner, as_json: AsJson) -> None:
    """List the permitted uses."""
    found = schemas.Licence.from_rows(scoped.licences(owner).prefetch_related("works"))
    columns = ("licence", "licensee", "works", "where", "from", "until", "reason")
    nothing = "There is no licence yet. Import some: exhibit licence import FILE"
    listed("licences", found, columns, _line, nothing=nothing, as_json=as_json)


def _line(licence: "schemas.Licence") -> list[object]:
    works = ", ".join(map(str, licence.works)) or "all"
    where = " ".join(filter(None, (licence.domain, licence.account, licence.url_pattern)))
    days = (licence.valid_from, licence.valid_until)
    return [licence.number, short(licence.licensee), works, where, *days, short(licence.reason)]
