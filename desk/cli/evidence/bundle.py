"""Bundles to take away."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from desk.cli.common.command import AsJson, Numbers, TheirOwner, command
from desk.cli.common.frame import Desk, open_desk, person
from desk.cli.common.output import Out, made_folder, written_whole
from desk.cli.common.show import echo_json, listed, moment, say, tracked
from desk.cli.common.wait import end_where_unsealed, wait_for_seals
from desk.cli.evidence.countersigning import BundleNumber, countersign, to_sign
from desk.cli.evidence.signed_sheets import sign

if TYPE_CHECKING:
    from desk.schemas.evidence import Bundle as ToldBundle
    from registry.models import Bundle


@click.group("bundle")
def bundle_command() -> None:
    """Sealed evidence that can be checked without us: exhibit verify."""


@command(
    "get",
    "exhibit bundle get 3 4 --out evidence",
    "exhibit bundle get 3 --number 1 --out evidence",
    "exhibit bundle get 3 --withhold originals --out for-the-other-side",
    of=bundle_command,
)
@click.option(
    "--withhold",
    type=click.Choice(["originals"]),
    help="For the other side: without documents and registered pictures in full size. Reduced ones and digests stay.",
)
@click.option("--reason", default="", help="Why something is withheld; the copy says so.")
def get_bundles(
    *,
    cases: Numbers,
    owner: TheirOwner,
    out: Out,
    number: BundleNumber,
    withhold: str | None,
    reason: str,
    as_json: AsJson,
) -> None:
    """Write the bundles of CASES into a folder, with the receipts that witnesses have given until now.

    Waits for bundles that aren't sealed yet.
    """
    folder, desk = made_folder(out), open_desk()
    from registry.accounts import scoped

    rows = [scoped.bundle(owner, case, number) for case in dict.fromkeys(cases)]
    if any(row.seal_digest is None for row in rows):
        wait_for_seals(desk, [row.case for row in rows])
    from workers.evidence.bundles import assemble, assemble_without_originals

    def write(row: "Bundle", file: BinaryIO) -> None:
        if withhold is None:
            assemble(desk.services, row, file)
        else:
            assemble_without_originals(desk.services, row, reason, file)

    ending = "" if withhold is None else f"-without-{withhold}"
    for row in rows:
        row.refresh_from_db()
    sealed = [row for row in rows if row.seal_digest is not None]
    files = [_written(row, folder, ending, write) for row in tracked(sealed, "Writing bundles")]
    if as_json:
        echo_json({"files": files})
    else:
        for name in files:
            say(name)
    end_where_unsealed(rows)


def _written(row: "Bundle", folder: Path, ending: str, write: "Callable[[Bundle, BinaryIO], None]") -> str:
    """Write one bundle, under its name only when it is whole."""
    from registry.log import audit_log
    from workers.evidence.bundles import bundle_name

    name = Path(bundle_name(row))
    path = folder / f"{name.stem}{ending}{name.suffix}"
    audit_log.bundle_taken(row, by=person())
    with written_whole(path) as file:
        write(row, file)
    return str(path)


@command("list", "exhibit bundle list", of=bundle_command)
def list_bundles(*, desk: Desk, owner: TheirOwner, as_json: AsJson) -> None:
    """List the bundles of all cases."""
    from desk.schemas import evidence as schemas
    from registry.models import Bundle

    rows = Bundle.objects.filter(case__owner=owner).select_related("case__owner", "submission")
    found = schemas.Bundle.from_rows(rows.order_by("case__number", "number"))
    columns = ("case", "bundle", "sealed", "witnesses", "seal")
    nothing = "There is no bundle yet. Confirming a case makes one: exhibit case confirm N"
    listed("bundles", found, columns, lambda one: _line(desk, one), nothing=nothing, as_json=as_json)


def _line(desk: Desk, one: "ToldBundle") -> list[object]:
    sealed = moment(one.sealed_at, desk.zone) if one.sealed_at else one.state
    of = one.witnesses
    witnesses = f"{of.complete} of {of.asked} answered, {of.needed} needed" if one.receipts else ""
    return [one.case, one.number, sealed, witnesses, one.seal]


bundle_command.add_command(to_sign)
bundle_command.add_command(countersign)
bundle_command.add_command(sign)
