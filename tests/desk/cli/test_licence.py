"""`exhibit licence`: permitted uses out of a table."""

from pathlib import Path

from openpyxl import Workbook

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


def test_a_table_of_customers_is_shown_before_it_is_kept(cli: Terminal, studio: str, folder: Path) -> None:
    table = folder / "customers.csv"
    table.write_bytes("Customer;Discount;Domain;From\nMüller;7;https://Shop.example/;01/02/2026\n".encode("cp1252"))
    ran = cli.run("licence", "import", table, "--dry-run", code=2)
    assert "may be 2026-02-01 or 2026-01-02" in ran.err
    days: tuple[str, ...] = ("--days", "day-month")
    ran = cli.run("licence", "import", table, "--dry-run", *days)
    assert [" ".join(line.split()) for line in ran.out.splitlines()] == [
        "Read as Windows-1252, parted by semicolons.", "heading understood as first field", "Customer licensee Müller",
        "Discount not used 7", "Domain domain https://Shop.example/", "From valid_from 01/02/2026",
        "1 licence read, nothing is kept.", "As it would stand in the ledger:",
        "licensee works where from until reason", "Müller all shop.example 2026-02-01",
    ]  # fmt: skip
    assert "a likely one only" in ran.err
    assert cli.ask("licence", "import", table, "--dry-run", *days)["columns"][1]["column"] == ""
    shown = cli.ask("licence", "import", table, "--dry-run", *days, "--leave-out", "From")["columns"]
    assert [one["column"] for one in shown] == ["licensee", "", "domain", ""]
    ran = cli.run("licence", "import", table, *days, code=2)
    assert "--encoding windows-1252: Müller;7" in ran.err
    days += ("--encoding", "windows-1252")
    ran = cli.run("licence", "import", table, *days, code=2)
    assert "“Discount”" in ran.err
    assert "--leave-out" in ran.err
    assert cli.ask("licence", "list") == {"licences": []}
    ran = cli.run("licence", "import", table, *days, "--leave-out", "Discount")
    assert "Customer: licensee; Discount: not used; Domain: domain; From: valid_from." in ran.err
    (licence,) = cli.ask("licence", "list")["licences"]
    assert (licence["licensee"], licence["valid_from"]) == ("Müller", "2026-02-01")


def test_a_chosen_column_is_remembered_though_a_row_is_wrong_and_sound_rows_are_taken(
    cli: Terminal, studio: str, folder: Path
) -> None:
    table = folder / "customers.csv"
    table.write_bytes(
        "Abnehmer;Domain;Ab\nMüller;a.example;soon\nGroß;b.example;2026-01-01\n;c.example;\n".encode("cp1252")
    )
    given = ("licence", "import", table, "--encoding", "windows-1252")
    assert "“Abnehmer”" in cli.run(*given, code=2).err
    assert "“Wer”" in cli.run(*given, "--column", "Abnehmer=Wer", code=2).err
    ran = cli.run(*given, "--column", "Abnehmer=licensee", code=2)
    assert ("line 2" in ran.err, "line 4" in ran.err, "--skip-rows" in ran.err) == (True, True, True)
    answer = cli.ask(*given, "--skip-rows", "--dry-run")  # the column is known by now
    assert ([one["line"] for one in answer["skipped_rows"]], answer["licences"]) == ([2, 4], 1)
    answer = cli.ask(*given, "--skip-rows")
    assert ([one["line"] for one in answer["skipped_rows"]], answer["new"]) == ([2, 4], 1)
    assert [one["licensee"] for one in cli.ask("licence", "list")["licences"]] == ["Groß"]


def test_a_table_without_rows_is_no_success_and_unread_sheets_are_named(
    cli: Terminal, studio: str, folder: Path
) -> None:
    table = folder / "licences.csv"
    table.write_text("licensee,domain\n", "utf-8")
    for asked in ((), ("--dry-run",)):
        cli.run("licence", "import", table, *asked, code=2)
    book = Workbook()
    for sheet in (book.worksheets[0], book.create_sheet("Old ones")):
        sheet.append(["licensee", "domain"])
        sheet.append(["A", "a.example"])
    book.save(folder / "licences.xlsx")
    assert cli.ask("licence", "import", folder / "licences.xlsx", "--dry-run")["unread_sheets"] == ["Old ones"]
    assert "“Old ones”" in cli.run("licence", "import", folder / "licences.xlsx").err


def test_what_says_more_than_a_domain_licenses_nothing(cli: Terminal, studio: str, folder: Path) -> None:
    table = folder / "licences.csv"
    table.write_text("licensee,domain\nOther,http://shop.example:81/sellers/other/\n", "utf-8")
    for asked in ((), ("--dry-run",)):
        said = cli.run("licence", "import", table, *asked, code=2).err
        assert "licences.csv, line 2: “http://shop.example:81/sellers/other/” says more than a domain." in said
        assert "write a url_pattern, such as shop.example:81/sellers/other/*." in said
    assert cli.ask("licence", "list") == {"licences": []}
