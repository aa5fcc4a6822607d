"""Reports and bundles to take away."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from desk.cli.cases import wait_for_seals
from desk.cli.countersigning import countersign, to_sign
from desk.cli.frame import Desk, examples, json_option, open_desk, owner_option, person
from desk.cli.output import made_folder, out_option, written_whole
from desk.cli.show import echo_json, moment, say, short, table, tracked
from desk.cli.signed_sheets import sign
from desk.cli.wait import work_until
from exhibit.clock import parse_rfc3339
from exhibit.digests import Digest
from exhibit.errors import ExhibitError

if TYPE_CHECKING:
    from registry.models import Bundle, Report


@click.group("report")
def report_command() -> None:
    """Accounts of an owner's cases as PDF, CSV, XLSX and JSON."""


@report_command.command(
    "make", epilog=examples("exhibit report make --out reports", 'exhibit report make --out reports --title "May 2026"')
)
@owner_option
@out_option
@click.option("--title", default="", metavar="TEXT", help="Its title; numbered by default.")
@json_option
def make_report(*, owner: str | None, out: Path, title: str, as_json: bool) -> None:
    """Make a report over all cases that weren't cleared, and write its files into a folder."""
    folder = made_folder(out)
    desk = open_desk()
    from registry import trail
    from workers.steps.report import request_report

    report = request_report(desk.owner(owner), preparer=person(), title=title)
    desk.house.hint("report", [report.pk])
    _wait_for(desk, report)
    trail.accessed(trail.Evidence.REPORT, trail.Way.TAKEN, report.owner, by=person(), report=report.number)
    files = []
    for one in report.files:
        path = folder / one["name"]
        with desk.house.blobs.open(Digest.from_hex(one["digest"])) as kept, written_whole(path) as file:
            shutil.copyfileobj(kept, file)
        files.append(str(path))
    if as_json:
        echo_json({"number": report.number, "files": files})
    else:
        say(f"Report {report.number}:")
        for name in files:
            say(f"  {name}")


def _wait_for(desk: Desk, report: "Report") -> None:
    """Wait until a report is made.

    Raises:
        ExhibitError: it can't be made.
    """
    from registry.models import StepState

    def done() -> bool:
        report.refresh_from_db()
        return report.state in (StepState.DONE, StepState.FAILED) or bool(report.error)

    def counted() -> tuple[int, int]:
        return report.progress.get("begun", 0), report.progress.get("volumes", 1)

    work_until(desk, done, label="Writing the report", counted=counted)
    if report.state != StepState.DONE:
        raise ExhibitError(f"The report can't be made: {report.error}", hint="Try again: exhibit report make")


@report_command.command("list", epilog=examples("exhibit report list"))
@owner_option
@json_option
def list_reports(*, owner: str | None, as_json: bool) -> None:
    """List the reports, newest first."""
    desk = open_desk()
    from desk import shapes
    from registry import owned

    found = [shapes.report(row) for row in owned.reports(desk.owner(owner))]
    if as_json:
        echo_json({"reports": found})
    elif not found:
        say("There is no report yet. Make one: exhibit report make --out DIR")
    else:
        lines = [
            (one["number"], moment(parse_rfc3339(one["created_at"]), desk.zone), short(one["title"]), one["state"])
            for one in found
        ]
        table(("report", "asked for", "title", "state"), lines)


@click.group("bundle")
def bundle_command() -> None:
    """Sealed evidence that can be checked without us: exhibit verify."""


@bundle_command.command(
    "get",
    epilog=examples(
        "exhibit bundle get 3 4 --out evidence",
        "exhibit bundle get 3 --number 1 --out evidence",
        "exhibit bundle get 3 --withhold originals --out for-the-other-side",
    ),
)
@click.argument("cases", nargs=-1, required=True, type=click.IntRange(min=1))
@owner_option
@out_option
@click.option(
    "--number", type=click.IntRange(min=1), metavar="N", help="Which bundle of the case; the newest by default."
)
@click.option(
    "--withhold",
    type=click.Choice(["originals"]),
    help="For the other side: without registered pictures in full size. Reduced ones, sealed with them, stay.",
)
@click.option("--reason", default="", help="Why something is withheld; the copy says so.")
@json_option
def get_bundles(
    *,
    cases: tuple[int, ...],
    owner: str | None,
    out: Path,
    number: int | None,
    withhold: str | None,
    reason: str,
    as_json: bool,
) -> None:
    """Write the bundles of CASES into a folder, with the receipts that witnesses have given until now.

    Waits for bundles that aren't sealed yet.
    """
    folder = made_folder(out)
    desk = open_desk()
    from registry import owned

    of = desk.owner(owner)
    rows = [owned.bundle(of, case, number) for case in dict.fromkeys(cases)]
    if any(row.seal_digest is None for row in rows):
        wait_for_seals(desk, [row.case for row in rows])
    from workers.bundles import assemble, assemble_without_originals

    def write(row: "Bundle", file: BinaryIO) -> None:
        if withhold is None:
            assemble(desk.house, row, file)
        else:
            assemble_without_originals(desk.house, row, reason, file)

    ending = "" if withhold is None else f"-without-{withhold}"
    files = [_written(row, folder, ending, write) for row in tracked(rows, "Writing bundles")]
    if as_json:
        echo_json({"files": files})
    else:
        for name in files:
            say(name)


def _written(row: "Bundle", folder: Path, ending: str, write: "Callable[[Bundle, BinaryIO], None]") -> str:
    """Write one bundle, under its name only when it is whole.

    Raises:
        ExhibitError: it couldn't be sealed.
    """
    from registry import trail
    from workers.bundles import bundle_name

    row.refresh_from_db()
    if row.seal_digest is None:
        sentence = f"Bundle {row.number} of case {row.case.number} isn't sealed: {row.error or 'it waits'}"
        raise ExhibitError(sentence, hint="It is tried again while workers run; `exhibit status` says what waits.")
    name = Path(bundle_name(row))
    path = folder / f"{name.stem}{ending}{name.suffix}"
    trail.bundle_taken(row, by=person())
    with written_whole(path) as file:
        write(row, file)
    return str(path)


@bundle_command.command("list", epilog=examples("exhibit bundle list"))
@owner_option
@json_option
def list_bundles(*, owner: str | None, as_json: bool) -> None:
    """List the bundles of all cases."""
    desk = open_desk()
    from desk import shapes
    from registry.models import Bundle

    rows = Bundle.objects.filter(case__owner=desk.owner(owner)).select_related("case__owner", "submission")
    found = [shapes.bundle(row) for row in rows.order_by("case__number", "number")]
    if as_json:
        echo_json({"bundles": found})
    elif not found:
        say("There is no bundle yet. Confirming a case makes one: exhibit case confirm N")
    else:
        table(("case", "bundle", "sealed", "witnesses", "seal"), [_line(desk, one) for one in found])


def _line(desk: Desk, one: Mapping[str, Any]) -> list[object]:
    sealed = moment(parse_rfc3339(one["sealed_at"]), desk.zone) if one["sealed_at"] else one["state"]
    of = one["witnesses"]
    witnesses = f"{of['complete']} of {of['asked']} answered, {of['needed']} needed" if one["receipts"] else ""
    return [one["case"], one["number"], sealed, witnesses, one["seal"]]


bundle_command.add_command(to_sign)
bundle_command.add_command(countersign)
bundle_command.add_command(sign)
