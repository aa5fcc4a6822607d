"""Reports: what they are limited to, making them, listing them."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.cli.common.files import made_folder, written_whole
from desk.cli.common.frame import DECISIONS, examples, open_desk, person, taken
from desk.cli.common.options import DAY, json_option, out_option, owner_option
from desk.cli.common.show import listed, moment, short, tell
from desk.cli.common.wait import work_until_made
from exhibit.digests import Digest
from exhibit.types import Untyped

if TYPE_CHECKING:
    from registry.reports import scope as scopes

FORMATS = ("pdf", "xlsx", "csv", "json")
SEVERAL: dict[str, Any] = {"multiple": True, "show_default": True}
DECIDED = "Cases that were decided so; may be given several times."
MADE = "Files that are made; may be given several times."
EVERY_WORK = "Name every work, with or without finds, and say what was looked at for it."
OF_PDF = "Of the PDF; those of the installation by default."
report_command = click.Group("report", help="Accounts of an owner's cases as PDF, CSV, XLSX and JSON.")


@report_command.command(
    "make",
    epilog=examples(
        "exhibit report make --out reports",
        'exhibit report make --out reports --title "May 2026" --from 2026-05-01 --until 2026-05-31',
        'exhibit report make --out reports --watch shop --works "3, 7-9" --decision confirmed --format pdf',
        "exhibit report make --out reports --every-work --format pdf --format csv",
    ),
)
@owner_option
@out_option
@click.option("--title", default="", metavar="TEXT", help="Its title; numbered by default.")
@click.option("--watch", default="", metavar="NAME", help="Only what this watch saw.")
@click.option("--works", default="", metavar="NUMBERS", help="Only of these works, such as 3, 7-9.")
@click.option("--from", "first", type=DAY, metavar="DAY", help="Only what was seen on this day or later.")
@click.option("--until", "last", type=DAY, metavar="DAY", help="Only what was first seen on this day or earlier.")
@click.option("--every-work", is_flag=True, help=EVERY_WORK)
@click.option("--decision", "decisions", type=click.Choice(DECISIONS), default=DECISIONS[:-1], help=DECIDED, **SEVERAL)
@click.option("--format", "formats", type=click.Choice(FORMATS), default=FORMATS, help=MADE, **SEVERAL)
@click.option("--language", "languages", type=click.Choice(["en", "zh-Hans"]), multiple=True, help=OF_PDF)
@json_option
def make_report(*, named: str | None, out: Path, title: str, as_json: bool, **limits: Untyped) -> None:
    """Make a report, over all cases that weren't cleared if nothing limits it, and write its files into a folder."""
    desk = open_desk()
    owner = desk.owner(named)
    made_folder(out)
    from registry.models import Report
    from registry.reports import requests

    report = requests.request_report(owner, preparer=person(), title=title, wanted=_wanted(limits))
    desk.services.enqueue(Report, [report.pk])

    def counted() -> tuple[int, int]:
        return report.progress.get("begun", 0), report.progress.get("volumes", 1)

    work_until_made(desk, report, label="Writing the report", counted=counted, again="exhibit report make")
    taken("REPORT", report.owner, report=report.number)
    files = []
    for one in report.files:
        path = out / one["name"]
        with desk.services.blobs.open(Digest.from_hex(one["digest"])) as kept, written_whole(path) as file:
            shutil.copyfileobj(kept, file)
        files.append(str(path))
    said = [f"Report {report.number}:", *(f"  {name}" for name in files)]
    tell({"number": report.number, "files": files}, *said, as_json=as_json)


def _wanted(limits: Mapping[str, Any]) -> "scopes.Wanted":
    """What the options ask for."""
    from evidence.documents.report import facts
    from registry.reports import scope as scopes

    days: dict[str, Any] = {
        name: "" if limits[name] is None else limits[name].date().isoformat() for name in ("first", "last")
    }
    decisions = tuple(decision for decision in DECISIONS if decision in limits["decisions"])
    asked: dict[str, Any] = {"watch": limits["watch"], "every_work": limits["every_work"], "decisions": decisions}
    scope = facts.ReportScope(works=scopes.numbers_of(limits["works"]), **asked, **days)
    formats = tuple(name for name in FORMATS if name in limits["formats"])
    return scopes.Wanted(scope, formats, tuple(dict.fromkeys(limits["languages"])))


@report_command.command("list", epilog=examples("exhibit report list"))
@owner_option
@json_option
def list_reports(*, named: str | None, as_json: bool) -> None:
    """List the reports, newest first."""
    desk = open_desk()
    owner = desk.owner(named)
    from desk.schemas import downloads as schemas
    from registry import scoped

    found = schemas.Report.from_rows(scoped.reports(owner))

    def line(row: schemas.Report) -> Sequence[object]:
        return row.number, moment(row.created_at, desk.zone), short(row.title), row.state

    nothing = "There is no report yet. Make one: exhibit report make --out DIR"
    listed("reports", found, ("report", "asked for", "title", "state"), line, nothing=nothing, as_json=as_json)
