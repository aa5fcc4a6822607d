"""Packages: the bundles of several cases as one ZIP, for a court or for the other side."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from desk.cli.common.command import AT_LEAST_1, AsJson, Number, Taken, TheirOwner, command
from desk.cli.common.files import Out, written_whole
from desk.cli.common.frame import Desk, open_desk, person, taken
from desk.cli.common.show import echo_json, moment, say, size, table, tell
from desk.cli.common.wait import work_until_made
from exhibit.errors import NotFoundError, WrongUseError
from workers import jobs

if TYPE_CHECKING:
    from registry import models

LEAVES_OUT = "The copy for the other side leaves documents and registered pictures in full size out."
Cases = Annotated[tuple[int, ...], Taken(nargs=-1, type=AT_LEAST_1)]
package_command = click.Group(
    "package", help="Bundles of several cases in one ZIP, each of which can be checked by itself."
)


@command(
    "make",
    "3 4 7 --for court --out evidence",
    "--party shop.example --for court --out evidence",
    '3 4 --for other-side --reason "The originals stay with us." --out for-the-other-side',
    of=package_command,
)
@click.option("--for", "recipient", required=True, type=click.Choice(["court", "other-side"]), help=LEAVES_OUT)
@click.option("--party", metavar="NAME", help="All sealed cases of this party, in place of numbers.")
@click.option("--reason", default="", metavar="TEXT", help="Why originals are withheld; the copies say so.")
def make_package(
    *, cases: Cases, owner: TheirOwner, out: Out, recipient: str, party: str | None, reason: str, as_json: AsJson
) -> None:
    """Put the newest bundles of CASES into one ZIP, with the receipts that witnesses have given until now.

    Only of cases that a person has decided: not licensed. Waits for bundles that aren't sealed yet.
    """
    desk = open_desk()
    from workers.evidence import packages

    row = packages.request_package(owner, _cases(owner, cases, party), recipient, by=person(), reason=reason)
    desk.services.enqueue(jobs.package, [row.pk])
    _written(desk, row, out, as_json=as_json)


def _cases(of: "models.Owner", cases: Sequence[int], party: str | None) -> list[int]:
    """The numbers of the cases that are meant; raises where they are named in both ways or in neither."""
    from workers.evidence import packages

    if bool(cases) == (party is not None):
        raise WrongUseError("Name cases by their numbers, or a party, and not both.", hint="exhibit bundle list")
    if party is None:
        return list(dict.fromkeys(cases))
    found = list(packages.deliverable(of).filter(party=party).order_by("number").values_list("number", flat=True))
    if not found:
        hint = "`exhibit case list` names the parties; a case is sealed when a person decides: not licensed."
        raise NotFoundError(f"Nothing is sealed of {party}.", hint=hint)
    return found


@command("get", "2 --out evidence", of=package_command)
def get_package(*, desk: Desk, number: Number, owner: TheirOwner, out: Out, as_json: AsJson) -> None:
    """Write the ZIP of package NUMBER, which was asked for before and is still kept, into a folder.

    Waits for one that isn't made yet.
    """
    from registry.accounts import scoped

    _written(desk, scoped.package(owner, number), out, as_json=as_json)


def _written(desk: Desk, row: "models.Package", folder: Path, *, as_json: bool) -> None:
    """Write a package's ZIP once it is made, and say where it is."""
    from workers.evidence import packages

    def counted() -> tuple[int, int]:
        return sum("bundle" in file for file in row.files), row.bundles.count()

    if row.made_at is None:
        work_until_made(desk, row, label="Writing the bundles", counted=counted, again="exhibit package make")
    chunks = packages.package_chunks(desk.services, row)
    path = folder / packages.package_name(row)
    seals = [str(seal) for seal in row.bundles.values_list("seal_digest", flat=True)]
    taken("PACKAGE", row.owner, package=row.number, recipient=row.recipient, seals=seals)
    with written_whole(path) as file:
        file.writelines(chunks)
    tell({"number": row.number, "file": str(path)}, f"Package {row.number}: {path}", as_json=as_json)


@command("list", of=package_command)
def list_packages(*, desk: Desk, owner: TheirOwner, as_json: AsJson) -> None:
    """List the packages, newest first. Their files are kept for some weeks; `exhibit package make` makes another."""
    from desk.schemas import downloads as schemas
    from registry.accounts import scoped

    rows = list(scoped.packages(owner).prefetch_related(schemas.CASES))
    if as_json:
        echo_json({"packages": schemas.ListedPackage.from_rows(rows)})
    elif not rows:
        say("There is no package yet. Make one: exhibit package make CASES --for court --out DIR")
    else:
        table(("package", "for", "asked for", "cases", "size", "state"), [_line(desk, row) for row in rows])


def _line(desk: Desk, row: "models.Package") -> list[object]:
    state = row.error or row.state
    if row.made_at and not row.files:
        state = "not kept any more"
    kept = size(sum(file["size"] for file in row.files)) if row.files else "–"
    return [row.number, row.recipient, moment(row.created_at, desk.zone), row.bundles.count(), kept, state]
