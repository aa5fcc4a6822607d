"""Bundles to take away, counter-signatures of the owner's own device, and sheets with a signature inside the PDF."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.files import made_folder, write_file, written_whole
from desk.cli.common.frame import Desk, examples, open_desk, person, taken
from desk.cli.common.options import AT_LEAST_1, FILE, json_option, out_option, owner_option
from desk.cli.common.show import listed, moment, say, tell, tracked
from desk.cli.common.wait import end_where_unsealed, wait_for_seals
from exhibit.errors import WrongUseError

if TYPE_CHECKING:
    from desk.schemas import evidence as schemas
    from registry import models

SIGNATURE_BYTES = 64
WHICH = "Which bundle of the case; the newest by default."
WITHHELD = "For the other side: without documents and registered pictures in full size. Reduced ones and digests stay."
bundle_command = click.Group("bundle", help="Sealed evidence that can be checked without us: exhibit verify.")


@bundle_command.command(
    "get",
    epilog=examples(
        "exhibit bundle get 3 4 --out evidence",
        "exhibit bundle get 3 --number 1 --out evidence",
        "exhibit bundle get 3 --withhold originals --out for-the-other-side",
    ),
)
@click.argument("cases", nargs=-1, required=True, type=AT_LEAST_1)
@owner_option
@out_option
@click.option("--number", type=AT_LEAST_1, metavar="N", help=WHICH)
@click.option("--withhold", type=click.Choice(["originals"]), help=WITHHELD)
@click.option("--reason", default="", help="Why something is withheld; the copy says so.")
@json_option
def get_bundles(
    *,
    cases: tuple[int, ...],
    named: str | None,
    out: Path,
    number: int | None,
    withhold: str | None,
    reason: str,
    as_json: bool,
) -> None:
    """Write the bundles of CASES into a folder, with the receipts that witnesses have given until now.

    Waits for bundles that aren't sealed yet.
    """
    desk = open_desk()
    owner = desk.owner(named)
    made_folder(out)
    from registry import scoped

    rows = [scoped.bundle(owner, case, number) for case in dict.fromkeys(cases)]
    if any(row.seal_digest is None for row in rows):
        wait_for_seals(desk, [row.case for row in rows])
    for row in rows:
        row.refresh_from_db()
    sealed = [row for row in rows if row.seal_digest is not None]
    files = [_written(desk, row, out, withhold, reason) for row in tracked(sealed, "Writing bundles")]
    tell({"files": files}, *files, as_json=as_json)
    end_where_unsealed(rows)


def _written(desk: Desk, row: "models.Bundle", folder: Path, withhold: str | None, reason: str) -> str:
    """Write one bundle, under its name only when it is whole."""
    from registry.bundles import bundles

    path = folder / bundles.bundle_name(row, ".zip" if withhold is None else f"-without-{withhold}.zip")
    bundles.log_download(row, by=person())
    with written_whole(path) as file:
        bundles.assemble(desk.services, row, file, without_originals=None if withhold is None else reason)
    return str(path)


@bundle_command.command("list", epilog=examples("exhibit bundle list"))
@owner_option
@json_option
def list_bundles(*, named: str | None, as_json: bool) -> None:
    """List the bundles of all cases."""
    desk = open_desk()
    owner = desk.owner(named)
    from desk.schemas import evidence as schemas
    from registry import models

    rows = models.Bundle.objects.filter(case__owner=owner).select_related("case__owner", "submission")
    found = schemas.Bundle.from_rows(rows.order_by("case__number", "number"))
    columns = ("case", "bundle", "sealed", "witnesses", "seal")
    nothing = "There is no bundle yet. A case that is not licensed gets one: exhibit case confirm N"
    listed("bundles", found, columns, lambda bundle: _line(desk, bundle), nothing=nothing, as_json=as_json)


def _line(desk: Desk, one: "schemas.Bundle") -> list[object]:
    sealed = moment(one.sealed_at, desk.zone) if one.sealed_at else one.state
    of = one.witnesses
    witnesses = f"{of.complete} of {of.asked} answered, {of.needed} needed" if one.receipts else ""
    return [one.case, one.number, sealed, witnesses, one.seal]


@bundle_command.command("to-sign", epilog=examples("exhibit bundle to-sign 3 --out to-sign"))
@click.argument("case", type=AT_LEAST_1)
@owner_option
@out_option
@click.option("--number", type=AT_LEAST_1, metavar="N", help=WHICH)
@json_option
def to_sign(*, case: int, named: str | None, out: Path, number: int | None, as_json: bool) -> None:
    """Write the manifest of a bundle of CASE into a folder, to be signed on the owner's own device."""
    desk = open_desk()
    owner = desk.owner(named)
    made_folder(out)
    from registry import scoped
    from registry.bundles import bundles

    row = scoped.bundle(owner, case, number)
    sealed = bundles.sealed_case(desk.services, row)
    taken("MANIFEST", row.case.owner, bundle=row.number, case=case, seal=sealed.seal.hex)
    path = out / bundles.bundle_name(row, ".manifest.json")
    write_file(path, sealed.manifest.to_json())
    tell(
        {"file": str(path), "seal": sealed.seal.hex},
        f"{path}\nSeal digest  {sealed.seal}",
        f"Sign it on the device:  python -m evidence sign --key device.key {path.name}",
        f"or with openssl:        openssl pkeyutl -sign -inkey device.key -rawin -in {path.name} -out {path.name}.sig",
        f"Then file it here:      exhibit bundle countersign {case} {path.name}.sig",
        as_json=as_json,
    )


@bundle_command.command(
    "countersign", epilog=examples("exhibit bundle countersign 3 studio-case-3-bundle-1.manifest.json.sig")
)
@click.argument("case", type=AT_LEAST_1)
@click.argument("file", type=FILE)
@owner_option
@click.option("--number", type=AT_LEAST_1, metavar="N", help=WHICH)
def countersign(*, case: int, file: Path, named: str | None, number: int | None) -> None:
    """File the signature in FILE, made on the owner's own device, with a bundle of CASE: it travels there from now on.

    Ends with 2 when it is by no device key of the owner.
    """
    desk = open_desk()
    owner = desk.owner(named)
    from registry import scoped
    from registry.bundles import bundles

    row = scoped.bundle(owner, case, number)
    signature = file.read_bytes() if file.stat().st_size == SIGNATURE_BYTES else b""
    if not signature:
        raise WrongUseError(f"{file} isn't an Ed25519 signature: it hasn't {SIGNATURE_BYTES} bytes.")
    kept = bundles.file_countersignature(desk.services, row, signature)
    say(f"Bundle {row.number} of case {case} is counter-signed by {kept.key.name}; the signature travels with it.")


@bundle_command.command("sign", epilog=examples("exhibit bundle sign 3 --out signed"))
@click.argument("case", type=AT_LEAST_1)
@owner_option
@out_option
@click.option("--number", type=AT_LEAST_1, metavar="N", help=WHICH)
@json_option
def sign(*, case: int, named: str | None, out: Path, number: int | None, as_json: bool) -> None:
    """Write the exhibit sheet of a bundle of CASE with the owner's signature inside the PDF (PAdES) into a folder.

    What is sealed stays as it is. The certificate is the owner's own: nobody else vouches for it, and readers say so.
    """
    desk = open_desk()
    owner = desk.owner(named)
    made_folder(out)
    from registry import scoped
    from registry.bundles import papers

    row = scoped.bundle(owner, case, number)
    data = papers.signed_sheet(desk.services, row)
    taken("SHEET", row.case.owner, bundle=row.number, case=case)
    path = out / papers.signed_name(row)
    with written_whole(path) as file:
        file.write(data)
    tell({"file": str(path)}, str(path), as_json=as_json)
