"""Exhibit sheets with a signature inside the PDF."""

from pathlib import Path

import click

from desk.cli.common.frame import examples, json_option, open_desk, owner_option, person
from desk.cli.common.output import made_folder, out_option, written_whole
from desk.cli.common.show import echo_json, say
from desk.cli.evidence.countersigning import number_option


@click.command("sign", epilog=examples("exhibit bundle sign 3 --out signed"))
@click.argument("case", type=click.IntRange(min=1))
@owner_option
@out_option
@number_option
@json_option
def sign(*, case: int, owner: str | None, out: Path, number: int | None, as_json: bool) -> None:
    """Write the exhibit sheet of a bundle of CASE with the owner's signature inside the PDF (PAdES) into a folder.

    What is sealed stays as it is. The certificate is the owner's own: nobody else vouches for it, and readers say so.
    """
    folder = made_folder(out)
    desk = open_desk()
    from registry.accounts import scoped
    from registry.log import audit_log
    from workers.evidence.papers import signed_name, signed_sheet

    row = scoped.bundle(desk.owner(owner), case, number)
    data = signed_sheet(desk.services, row)
    about = {"bundle": row.number, "case": case}
    audit_log.accessed(audit_log.Evidence.SHEET, audit_log.Way.TAKEN, row.case.owner, by=person(), **about)
    path = folder / signed_name(row)
    with written_whole(path) as file:
        file.write(data)
    if as_json:
        echo_json({"file": str(path)})
    else:
        say(str(path))
