"""`exhibit package`: the bundles of several cases as one ZIP."""

from pathlib import Path
from zipfile import ZipFile

from registry.models import Bundle
from tests.assets.command_line import Terminal


def test_a_package_is_made_taken_again_and_listed(cli: Terminal, sealed_case: Bundle, folder: Path) -> None:
    assert cli.run("package", "list").out.startswith("There is no package yet.")
    made = cli.ask("package", "make", "1", "--for", "court", "--out", folder)
    assert any("bundle-1" in name for name in ZipFile(made["file"]).namelist())
    again = cli.run("package", "get", made["number"], "--out", folder / "again").out
    assert again == f"Package 1: {folder / 'again' / Path(made['file']).name}\n"
    (told,) = cli.ask("package", "list")["packages"]
    assert (told["recipient"], told["cases"], told["state"]) == ("court", [1], "done")
    assert cli.run("package", "list").out.splitlines()[1].endswith("done")
    of_party = cli.ask("package", "make", "--party", "shop.invalid", "--for", "other-side", "--out", folder)
    assert of_party["number"] == 2


def test_cases_are_named_in_one_way_and_have_to_be_there(cli: Terminal, studio: str, folder: Path) -> None:
    to = ("--for", "court", "--out", folder)
    for wrong in ((), ("1", "--party", "shop.invalid")):
        assert (
            "Name cases by their numbers, or a party, and not both."
            in cli.run("package", "make", *wrong, *to, code=2).err
        )
    assert (
        "Nothing is sealed of other.example." in cli.run("package", "make", "--party", "other.example", *to, code=2).err
    )
    assert "has no package 7" in cli.run("package", "get", "7", "--out", folder, code=2).err
    assert not list(folder.iterdir())
