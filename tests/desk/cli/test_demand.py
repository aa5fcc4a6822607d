"""`exhibit demand`: money asked by a fee or an amount, entered, corrected and exported."""

from pathlib import Path

from registry.models import Owner
from tests.assets.command_line import Terminal
from tests.assets.rows import found_case
from workers.cases.decisions import confirm


def test_money_is_asked_entered_and_exported(cli: Terminal, studio: str, folder: Path) -> None:
    confirm(cli.desk.services, found_case(cli.desk.services, Owner.objects.get()), by="Ann", reason="No order.")
    table = folder / "fees.csv"
    table.write_text("use,amount\nWebsite,1200.50\n", "utf-8")
    said = cli.run("demand", "fees", table, "--name", "Own", "--currency", "eur").out
    assert said == "Table 1 is kept: 1 fee.\n"
    assert cli.ask("demand", "ask", 1, "--fee", "1.1", "--due", "2026-12-31")["asked"] == 120_050
    ran = cli.run("demand", "ask", 1, "--amount", "30", "--currency", "EUR", code=2)
    assert "No basis is given." in ran.err
    assert cli.ask("demand", "enter", 1, "received", "--amount", "100", "--day", "2026-11-20")["received"] == 10_000
    cli.run("demand", "enter", 1, "received", "--amount", "10", "--corrects", 2, "--note", "A slip")
    assert "10.00 EUR" in cli.run("demand", "show", 1).out
    assert "1,200.50 EUR" in cli.run("demand", "list").out
    cli.run("demand", "export", folder / "money.csv")
    lines = (folder / "money.csv").read_text("utf-8-sig").splitlines()
    assert len(lines) == 4
    assert ",EUR,2,received,100.00,2026-11-20,,,3,," in lines[2]
