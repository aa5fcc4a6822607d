"""Exhibit sheets with a signature inside the PDF."""

from pathlib import Path

import click

from desk.cli.countersigning import number_option
from desk.cli.frame import examples, json_option, open_desk, owner_option, person
from desk.cli.output import made_folder, out_option, written_whole
from desk.cli.show import echo_json, say


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
    from registry import owned, trail
    from workers.signed import signed_name, signed_sheet

    row = owned.bundle(desk.owner(owner), case, number)
    data = signed_sheet(desk.house, row)
    about = {"bundle": row.number, "case": case}
    trail.accessed(trail.Evidence.SHEET, trail.Way.TAKEN, row.case.owner, by=person(), **about)
    path = folder / signed_name(row)
    with written_whole(path) as file:
        file.write(data)
    if as_json:
        echo_json({"file": str(path)})
    else:
        say(str(path))
