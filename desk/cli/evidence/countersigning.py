"""Counter-signatures: a seal's manifest to take to the owner's own device, and the signature that comes back."""

from pathlib import Path
from typing import Annotated

import click

from desk.cli.common.command import AT_LEAST_1, AsJson, Number, Taken, TheirOwner, command
from desk.cli.common.frame import Desk, person
from desk.cli.common.output import Out, made_folder, write_file
from desk.cli.common.show import echo_json, say
from exhibit.errors import NotFoundError, WrongUseError

SIGNATURE_BYTES = 64
BundleNumber = Annotated[
    int | None,
    Taken("--number", type=AT_LEAST_1, metavar="N", help="Which bundle of the case; the newest by default."),
]


@command("to-sign", "exhibit bundle to-sign 3 --out to-sign")
def to_sign(*, desk: Desk, case: Number, owner: TheirOwner, out: Out, number: BundleNumber, as_json: AsJson) -> None:
    """Write the manifest of a bundle of CASE into a folder, to be signed on the owner's own device."""
    from registry.accounts import scoped
    from registry.log import audit_log
    from workers.evidence.bundles import bundle_name, sealed_case

    row = scoped.bundle(owner, case, number)
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


@command("countersign", "exhibit bundle countersign 3 studio-case-3-bundle-1.manifest.json.sig")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def countersign(*, desk: Desk, case: Number, file: Path, owner: TheirOwner, number: BundleNumber) -> None:
    """File the signature in FILE, made on the owner's own device, with a bundle of CASE: it travels there from now on.

    Ends with 2 when it is by no device key of the owner.
    """
    from registry.accounts import scoped
    from workers.evidence.bundles import file_countersignature

    row = scoped.bundle(owner, case, number)
    try:
        signature = file.read_bytes() if file.stat().st_size == SIGNATURE_BYTES else b""
    except OSError as error:
        raise NotFoundError(f"{file} can't be read: {error.strerror}.") from error
    if not signature:
        raise WrongUseError(f"{file} isn't an Ed25519 signature: it hasn't {SIGNATURE_BYTES} bytes.")
    kept = file_countersignature(desk.services, row, signature)
    say(f"Bundle {row.number} of case {case} is counter-signed by {kept.key.name}; the signature travels with it.")
