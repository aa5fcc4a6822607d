"""Exhibit sheets with a signature inside the PDF."""

from desk.cli.common.command import AsJson, Number, TheirOwner, command
from desk.cli.common.frame import Desk, person
from desk.cli.common.output import Out, made_folder, written_whole
from desk.cli.common.show import echo_json, say
from desk.cli.evidence.countersigning import BundleNumber


@command("sign", "exhibit bundle sign 3 --out signed")
def sign(*, desk: Desk, case: Number, owner: TheirOwner, out: Out, number: BundleNumber, as_json: AsJson) -> None:
    """Write the exhibit sheet of a bundle of CASE with the owner's signature inside the PDF (PAdES) into a folder.

    What is sealed stays as it is. The certificate is the owner's own: nobody else vouches for it, and readers say so.
    """
    folder = made_folder(out)
    from registry.accounts import scoped
    from registry.log import audit_log
    from workers.evidence.signed import signed_name, signed_sheet

    row = scoped.bundle(owner, case, number)
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
