"""`exhibit licence`: permitted uses out of a table."""

from pathlib import Path

from registry.models import Owner
from tests.assets.command_line import Terminal
from tests.assets.rows import found_case, photograph, register


def test_licences_are_imported_whole_or_not_at_all_and_once(cli: Terminal, studio: str, folder: Path) -> None:
    for name, seed in (("one.jpg", 1), ("two.jpg", 2)):
        (folder / name).write_bytes(photograph(seed))
    cli.run("work", "add", folder)
    table = folder / "licences.csv"
    header = "works,licensee,domain,url_pattern,valid_from,valid_until,reason\n"
    table.write_text(header + "one.jpg,A shop,shop.example,,2024-01-01,,Order 7\nnope.jpg,B,b.example,,,,\n", "utf-8")
    ran = cli.run("licence", "import", table, "--owner", studio, code=2)
    assert "licences.csv, line 3: No work of The Studio: “nope.jpg”." in ran.err
    assert cli.ask("licence", "list", "--owner", studio) == {"licences": []}
    table.write_text(header + "one.jpg;2,A shop,shop.example,,2024-01-01,,Order 7\n", "utf-8")
    assert cli.ask("licence", "import", table, "--owner", studio)["new"] == 1
    assert cli.ask("licence", "import", table, "--owner", studio)["new"] == 0
    (licence,) = cli.ask("licence", "list", "--owner", studio)["licences"]
    assert (len(licence["works"]), licence["domain"], licence["valid_from"]) == (2, "shop.example", "2024-01-01")
    line = cli.run("licence", "list").out.splitlines()[1]
    assert " ".join(line.split()).startswith("1 A shop 1, 2 shop.example 2024-01-01")


def test_an_open_case_that_a_licence_covers_is_named(cli: Terminal, studio: str, folder: Path) -> None:
    of = Owner.objects.get()
    case = found_case(cli.desk.services, of)
    register(cli.desk.services, of, photograph(2))
    table = folder / "licences.csv"
    table.write_text("works,licensee,domain\n1,A shop,shop.example\n2,B,b.example\n", "utf-8")
    said = cli.run("licence", "import", table).out
    assert said == f"2 licences added.\nThey cover case {case.number}.\n"
    case.refresh_from_db()
    assert case.decision == "licensed"
    assert cli.run("licence", "import", table).out == "0 licences added; 2 were there already.\n"
