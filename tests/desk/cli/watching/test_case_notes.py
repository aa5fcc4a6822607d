"""`exhibit case note`, `dispute` and `settle`: what is said of a case without deciding it."""

from registry.models import Owner
from tests.assets.command_line import Terminal
from tests.assets.rows import found_case


def test_a_case_is_noted_on_disputed_and_settled_by_name(cli: Terminal, studio: str) -> None:
    found_case(cli.desk.services, Owner.objects.get())
    assert cli.run("case", "note", "1", "--words", "Ask the gallery first.", "--by", "Ann").out == "Noted on case 1.\n"
    assert "is open" in cli.run("case", "dispute", "1", "--reason", "Why?", code=2).err
    cli.run("case", "clear", "1", "--reason", "Not ours.")
    assert cli.run("case", "dispute", "1", "--reason", "It is.", "--by", "Bo").out == (
        "Disputed: the decision of case 1.\n"
    )
    assert "disputed  since " in cli.run("case", "show", "1").out
    assert cli.run("case", "settle", "1", "--reason", "I asked.").out == "The decision of case 1 stands.\n"
    assert "isn't disputed" in cli.run("case", "settle", "1", "--reason", "Again.", code=2).err
    history = cli.ask("case", "show", "1")["history"]
    assert [(one["by"], one["kind"]) for one in history if one["kind"] in ("note", "disputed")] == [
        ("Ann", "note"),
        ("Bo", "disputed"),
    ]
    assert "There are no words." in cli.run("case", "note", "1", "--words", " ", code=2).err
