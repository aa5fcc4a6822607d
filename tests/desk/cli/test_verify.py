"""Test `exhibit verify`: bundles are verified without servers, network or data folder."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

from desk.cli.verify import OUR_LIST
from evidence.anchors import KINDS
from evidence.verdict.trust import load_trust
from registry.models import Bundle
from tests.assets.command_line import CommandLine, Terminal
from tests.assets.make_vectors import BASE, FOLDER
from tests.assets.sealed_blocks import ledger
from workers.tasks.sync_runner import SyncRunner


def test_verify_names_what_is_broken_and_needs_no_data_folder(alone: Terminal, tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04" + b"\0" * 100)
    text = tmp_path / "text.zip"
    text.write_text("no bundle")
    missing = tmp_path / "missing.zip"
    for path in (text, missing):
        assert alone.ask("verify", path, code=2)["bundles"][0]["verdict"] == "no-bundle"
    several = alone.ask("verify", broken, text, code=1)["bundles"]
    assert [one["verdict"] for one in several] == ["failed", "no-bundle"]
    assert "broken.zip" in alone.run("verify", broken, text, code=1).out
    assert "missing.json" in alone.run("verify", broken, "--trust", tmp_path / "missing.json", code=2).err
    assert not alone.data.exists()


def _bundle(cli: Terminal, folder: Path) -> str:
    """Write the bundle of the only case into a folder."""
    file = folder / "studio-case-1-bundle-1.zip"
    cli.run("api", "GET", "cases/1/bundles/1/file", "--output", file)
    return str(file)


@pytest.mark.long
def test_a_bundle_of_an_installation_without_witnesses_is_incomplete_by_the_list_that_comes_along(
    cli: Terminal, sealed_case: Bundle, folder: Path
) -> None:
    bundle = _bundle(cli, folder)
    assert "--html" in cli.run("verify", code=2).err
    (verdict,) = cli.ask("verify", bundle, code=4)["bundles"]
    assert (verdict["file"], verdict["verdict"]) == (bundle, "incomplete")
    assert OUR_LIST in cli.run("verify", bundle, code=4).out
    assert OUR_LIST not in cli.run("verify", bundle, "--trust", _list(cli, folder), code=4).out
    page = folder / "verify.html"
    assert str(page) in cli.run("verify", "--html", page).out
    assert page.read_bytes().startswith(b"<!doctype html>")


@pytest.mark.long
def test_each_bundle_of_a_package_for_court_and_other_side_is_checked(
    cli: Terminal, inline: SyncRunner, sealed_case: Bundle, folder: Path
) -> None:
    for number, recipient in enumerate(("court", "other-side"), 1):
        asked = json.dumps({"cases": [1], "recipient": recipient})
        cli.run("api", "POST", "packages", "--json", asked)
        inline.run_until_idle()
        package = str(folder / f"{recipient}.zip")
        cli.run("api", "GET", f"packages/{number}/file", "--output", package)
        told = cli.ask("verify", package, "--trust", _list(cli, folder), code=4)
        assert (told["verdict"], told["exit_code"]) == ("incomplete", 4)
        (bundle,) = told["bundles"]
        assert bundle["file"].startswith(f"{package}/studio-case-1-bundle-1")
        assert (bundle["package"], bundle["verdict"]) == (package, "incomplete")
        said = cli.run("verify", package, "--trust", _list(cli, folder), code=4).out
        assert "FAILED" not in said
        with ZipFile(package) as archive:
            archive.extractall(folder / f"{recipient}-unpacked")
        unpacked = cli.ask("verify", folder / f"{recipient}-unpacked", "--trust", _list(cli, folder), code=4)
        assert [one["seal"] for one in unpacked["bundles"]] == [bundle["seal"]]
        listed = folder / f"{recipient}-unpacked" / "CONTENTS.txt"
        assert "is a text" in cli.ask("verify", listed, code=2)["bundles"][0]["sentence"]


def test_whoever_checks_asks_for_a_minimum_of_their_own(alone: Terminal, tmp_path: Path) -> None:
    bundle, listed = (FOLDER / f"{BASE}.{end}" for end in ("zip", "trust.json"))
    assert alone.ask("verify", bundle, "--trust", listed)["bundles"][0]["verdict"] == "complete"
    trust = load_trust(listed)
    more = replace(trust, ledgers=(*trust.ledgers, ledger()))
    many = len({pin.name for kind in KINDS.values() for pin in getattr(more, kind.pins)})
    (tmp_path / "more.json").write_bytes(more.to_json())
    (told,) = alone.ask("verify", bundle, "--trust", tmp_path / "more.json", "--timestamps", many, code=4)["bundles"]
    assert str(many) in next(one["sentence"] for one in told["checks"] if one["name"] == "time")
    said = alone.run("verify", bundle, "--trust", listed, "--cosigners", 5, code=2).err
    assert ("5" in said, "--trust" in said) == (True, True)


@pytest.mark.long
def test_several_processes_say_of_bundles_in_their_order_what_one_says(
    cli: Terminal, sealed_case: Bundle, folder: Path
) -> None:
    bundle = _bundle(cli, folder)
    text, broken, missing = (folder / f"{name}.zip" for name in ("text", "broken", "missing"))
    text.write_text("no bundle")
    broken.write_bytes(Path(bundle).read_bytes().replace(b"Studio", b"Studie"))
    paths = [str(path) for path in (bundle, text, broken, missing)]
    one, two = (cli.run("verify", *paths, "--jobs", jobs, "--json", code=1) for jobs in (1, 2))
    assert one.out == two.out
    assert [(told["file"], told["verdict"]) for told in two.answer["bundles"]] == list(
        zip(paths, ("incomplete", "no-bundle", "failed", "no-bundle"), strict=True)
    )


@pytest.mark.long
def test_ctrl_c_ends_all_of_its_processes_without_a_trace(tmp_path: Path) -> None:
    pipes = [tmp_path / f"{number}.zip" for number in range(3)]
    for pipe in pipes:
        os.mkfifo(pipe)
    checking = CommandLine(tmp_path / "data").started("verify", *pipes, "--jobs", "3")
    try:
        with pipes[1].open("wb"), pipes[2].open("wb"):  # each is being read now
            pipes[0].open("wb").close()  # its reader has nothing to do
            os.killpg(checking.pid, signal.SIGINT)
            out, err = checking.communicate(timeout=60)
    finally:
        checking.kill()
    assert (checking.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "Interrupted."
    assert "Traceback" not in err


def _list(cli: Terminal, folder: Path) -> Path:
    cli.run("trust", folder / "list.json")
    return folder / "list.json"
