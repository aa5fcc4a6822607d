"""`exhibit bundle`: sealed evidence to take away."""

from pathlib import Path
from zipfile import ZipFile

from registry.models import Bundle
from tests.assets.command_line import Terminal


def test_bundles_are_listed_and_written_under_their_names(cli: Terminal, sealed_case: Bundle, folder: Path) -> None:
    seal = str(sealed_case.seal_digest)
    (told,) = cli.ask("bundle", "list")["bundles"]
    assert (told["case"], told["number"], told["seal"], told["witnessed"]) == (1, 1, seal, False)
    assert seal in cli.run("bundle", "list").out
    (name,) = cli.ask("bundle", "get", "1", "1", "--out", folder / "new")["files"]
    assert Path(name).name == "studio-case-1-bundle-1.zip"
    less = ("--withhold", "originals", "--reason", "They stay with us.")
    without = cli.run("bundle", "get", "1", *less, "--out", folder / "new").out.strip()
    assert Path(without).name == "studio-case-1-bundle-1-without-originals.zip"
    assert [b"They stay with us." in _everything(one) for one in (name, without)] == [False, True]
    assert len(list((folder / "new").iterdir())) == 2
    for wrong in (("2",), ("1", "--number", "2")):
        assert cli.run("bundle", "get", *wrong, "--out", folder, code=2).err


def _everything(path: str) -> bytes:
    with ZipFile(path) as archive:
        return b"".join(map(archive.read, archive.namelist()))


def test_without_a_bundle_the_list_says_how_one_is_made(cli: Terminal, studio: str) -> None:
    assert cli.run("bundle", "list").out.startswith("There is no bundle yet. Confirming a case makes one")
    assert cli.ask("bundle", "list") == {"bundles": []}
