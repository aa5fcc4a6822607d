"""Reports: what they are limited to, making them, listing them."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.cli.common.frame import DECISIONS, examples, json_option, open_desk, owner_option, person
from desk.cli.common.output import made_folder, out_option, written_whole
from desk.cli.common.show import echo_json, listed, moment, say, short
from desk.cli.common.wait import work_until_made
from exhibit.digests import Digest
from exhibit.types import Untyped

if TYPE_CHECKING:
    from workers.reports.scope import Wanted

FORMATS = ("pdf", "xlsx", "csv", "json")
DAY = click.DateTime(["%Y-%m-%d"])


@click.group("report")
def report_command() -> None:
    """Accounts of an owner's cases as PDF, CSV, XLSX and JSON."""


@report_command.command(
    "make",
    epilog=examples(
        "exhibit report make --out reports",
        'exhibit report make --out reports --title "May 2026" --from 2026-05-01 --until 2026-05-31',
        'exhibit report make --out reports --watch shop --works "3, 7-9" --decision confirmed --format pdf',
    ),
)
@owner_option
@out_option
@click.option("--title", default="", metavar="TEXT", help="Its title; numbered by default.")
@click.option("--watch", default="", metavar="NAME", help="Only what this watch saw.")
@click.option("--works", default="", metavar="NUMBERS", help="Only of these works, such as 3, 7-9.")
@click.option("--from", "first", type=DAY, metavar="DAY", help="Only what was seen on this day or later.")
@click.option("--until", "last", type=DAY, metavar="DAY", help="Only what was first seen on this day or earlier.")
@click.option(
    "--decision",
    "decisions",
    type=click.Choice(DECISIONS),
    multiple=True,
    default=DECISIONS[:-1],
    show_default=True,
    help="Cases that were decided so; may be given several times.",
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    default=FORMATS,
    show_default=True,
    help="Files that are made; may be given several times.",
)
@click.option(
    "--language",
    "languages",
    type=click.Choice(["en", "zh-Hans"]),
    multiple=True,
    help="Of the PDF; those of the installation by default.",
)
@json_option
def make_report(*, owner: str | None, out: Path, title: str, as_json: bool, **limits: Untyped) -> None:
    """Make a report, over all cases that weren't cleared if nothing limits it, and write its files into a folder."""
    folder = made_folder(out)
    desk = open_desk()
    from registry.log import audit_log
    from workers.reports.requests import request_report

    report = request_report(desk.owner(owner), preparer=person(), title=title, wanted=_wanted(limits))
    desk.services.enqueue("report", [report.pk])

    def counted() -> tuple[int, int]:
        return report.progress.get("begun", 0), report.progress.get("volumes", 1)

    work_until_made(desk, report, label="Writing the report", counted=counted, again="exhibit report make")
    audit_log.accessed(audit_log.Evidence.REPORT, audit_log.Way.TAKEN, report.owner, by=person(), report=report.number)
    files = []
    for one in report.files:
        path = folder / one["name"]
        with desk.services.blobs.open(Digest.from_hex(one["digest"])) as kept, written_whole(path) as file:
            shutil.copyfileobj(kept, file)
        files.append(str(path))
    if as_json:
        echo_json({"number": report.number, "files": files})
    else:
        say(f"Report {report.number}:")
        for name in files:
            say(f"  {name}")


def _wanted(limits: Mapping[str, Any]) -> "Wanted":
    """What the options ask for."""
    from evidence.documents.report.facts import ReportScope
    from workers.reports.scope import Wanted, numbers_of

    days = {name: "" if limits[name] is None else limits[name].date().isoformat() for name in ("first", "last")}
    decisions = tuple(decision for decision in DECISIONS if decision in limits["decisions"])
    scope = ReportScope(watch=limits["watch"], works=numbers_of(limits["works"]), decisions=decisions, **days)
    formats = tuple(name for name in FORMATS if name in limits["formats"])
    return Wanted(scope, formats, tuple(dict.fromkeys(limits["languages"])))


@report_command.command("list", epilog=examples("exhibit report list"))
@owner_option
@json_option
def list_reports(*, owner: str | None, as_json: bool) -> None:
    """List the reports, newest first."""
    desk = open_desk()
    from desk.schemas import downloads as schemas
    from registry.accounts import scoped

    found = schemas.Report.from_rows(scoped.reports(desk.owner(owner)))

    def line(one: schemas.Report) -> Sequence[object]:
        return one.number, moment(one.created_at, desk.zone), short(one.title), one.state

    nothing = "There is no report yet. Make one: exhibit report make --out DIR"
    listed("reports", found, ("report", "asked for", "title", "state"), line, nothing=nothing, as_json=as_json)
