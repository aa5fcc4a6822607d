"""Counter-signatures: a seal's manifest to take to the owner's own device, and the signature that comes back."""

from pathlib import Path

import click

from desk.cli.common.frame import examples, json_option, open_desk, owner_option, person
from desk.cli.common.output import made_folder, out_option, write_file
from desk.cli.common.show import echo_json, say
from exhibit.errors import NotFoundError, WrongUseError

SIGNATURE_BYTES = 64
number_option = click.option(
    "--number", type=click.IntRange(min=1), metavar="N", help="Which bundle of the case; the newest by default."
)


@click.command("to-sign", epilog=examples("exhibit bundle to-sign 3 --out to-sign"))
@click.argument("case", type=click.IntRange(min=1))
@owner_option
@out_option
@number_option
@json_option
def to_sign(*, case: int, owner: str | None, out: Path, number: int | None, as_json: bool) -> None:
    """Write the manifest of a bundle of CASE into a folder, to be signed on the owner's own device."""
    desk = open_desk()
    from registry.accounts import scoped
    from registry.log import audit_log
    from workers.evidence.bundles import bundle_name, sealed_case

    row = scoped.bundle(desk.owner(owner), case, number)
    sealed = sealed_case(desk.services, row)
    about = {"bundle": row.number, "case": case, "seal": sealed.seal.hex}
    audit_log.accessed(audit_log.Evidence.MANIFEST, audit_log.Way.TAKEN, row.case.owner, by=person(), **about)
    path = made_folder(out) / f"{Path(bundle_name(row)).stem}.manifest.json"
    write_file(path, sealed.manifest.to_json())
    if as_json:
        echo_json({"file": str(path), "seal": sealed.seal.hex})
        return
    say(f"{path}\nSeal digest  {sealed.seal}")
    say(f"Sign it on the device:  python -m evidence sign --key device.key {path.name}")
    say(f"or with openssl:        openssl pkeyutl -sign -inkey device.key -rawin -in {path.name} -out {path.name}.sig")
    say(f"Then file it here:      exhibit bundle countersign {case} {path.name}.sig")


@click.command("countersign", epilog=examples("exhibit bundle countersign 3 studio-case-3-bundle-1.manifest.json.sig"))
@click.argument("case", type=click.IntRange(min=1))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@owner_option
@number_option
def countersign(*, case: int, file: Path, owner: str | None, number: int | None) -> None:
    """File the signature in FILE, made on the owner's own device, with a bundle of CASE: it travels there from now on.

    Ends with 2 when it is by no device key of the owner.
    """
    desk = open_desk()
    from registry.accounts import scoped
    from workers.evidence.bundles import file_countersignature

    row = scoped.bundle(desk.owner(owner), case, number)
    try:
        signature = file.read_bytes() if file.stat().st_size == SIGNATURE_BYTES else b""
    except OSError as error:
        raise NotFoundError(f"{file} can't be read: {error.strerror}.") from error
    if not signature:
        raise WrongUseError(f"{file} isn't an Ed25519 signature: it hasn't {SIGNATURE_BYTES} bytes.")
    kept = file_countersignature(desk.services, row, signature)
    say(f"Bundle {row.number} of case {case} is counter-signed by {kept.key.name}; the signature travels with it.")
