"""`exhibit report`: accounts of cases as files."""

import csv
from pathlib import Path

import pytest

from registry.models import Owner
from tests.assets.command_line import Terminal
from tests.assets.rows import found_case


@pytest.mark.long
def test_a_report_is_written_in_the_formats_that_were_asked_for(cli: Terminal, studio: str, folder: Path) -> None:
    found_case(cli.desk.services, Owner.objects.get())
    assert cli.run("report", "list").out == "There is no report yet. Make one: exhibit report make --out DIR\n"
    made = cli.ask("report", "make", "--out", folder / "all", "--title", "May")
    assert {Path(name).suffix for name in made["files"]} == {".pdf", ".csv", ".xlsx", ".json"}
    assert all(Path(name).stat().st_size > 0 for name in made["files"])
    assert {one.name for one in (folder / "all").iterdir()} == {Path(name).name for name in made["files"]}
    limited = ("--format", "csv", "--until", "2020-01-01", "--decision", "open")
    told = cli.run("report", "make", "--out", folder, *limited).out
    (name,) = [line.strip() for line in told.splitlines()[1:]]
    assert told.startswith("Report 2:\n")
    with Path(name).open(encoding="utf-8-sig", newline="") as file:
        assert [row for row in csv.reader(file) if "shop.example" in ",".join(row)] == []
    named = cli.ask("report", "make", "--out", folder / "every", "--every-work", "--format", "csv")["files"]
    assert [Path(name).name for name in named] == ["the-studio-report-3.csv", "the-studio-report-3-works.csv"]
    with Path(named[1]).open(encoding="utf-8-sig", newline="") as file:
        assert [(row["work_number"], row["standing"]) for row in csv.DictReader(file)] == [("1", "found")]
    listed = cli.ask("report", "list")["reports"]
    assert [one["scope"]["every_work"] for one in listed] == [True, False, False]
    assert [(one["number"], one["title"], one["state"]) for one in listed][2] == (1, "May", "done")
    for wrong in (("--watch", "nosuch"), ("--works", "3-x")):
        assert cli.run("report", "make", "--out", folder, *wrong, code=2).err
