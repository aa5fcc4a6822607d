"""Test `exhibit verify`: bundles are verified without servers, network or data folder."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

from desk.cli.verify import DEFAULT_LIST_NOTE
from evidence.anchors import KINDS
from evidence.verdict.trust import load_trust
from registry.models import Bundle
from tests.assets.command_line import CommandLine, Terminal
from tests.assets.make_vectors import BASE, FOLDER
from tests.assets.sealed_blocks import ledger
from workers.tasks.sync_runner import SyncRunner


def test_verify_reports_failures_and_needs_no_data_folder(alone: Terminal, tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04" + b"\0" * 100)
    text = tmp_path / "text.zip"
    text.write_text("no bundle")
    missing = tmp_path / "missing.zip"
    for path in (text, missing):
        assert alone.run_json("verify", path, code=2)["bundles"][0]["verdict"] == "no-bundle"
    bundles = alone.run_json("verify", broken, text, code=1)["bundles"]
    assert [result["verdict"] for result in bundles] == ["failed", "no-bundle"]
    assert "broken.zip" in alone.run("verify", broken, text, code=1).out
    assert "missing.json" in alone.run("verify", broken, "--trust", tmp_path / "missing.json", code=2).err
    assert not alone.data.exists()


def _write_bundle(cli: Terminal, folder: Path) -> str:
    """Write the bundle of the only case into a folder."""
    file = folder / "studio-case-1-bundle-1.zip"
    cli.run("api", "GET", "cases/1/bundles/1/file", "--output", file)
    return str(file)


@pytest.mark.long
def test_bundle_without_timestamps_is_incomplete_under_the_included_trust_list(
    cli: Terminal, sealed_case: Bundle, folder: Path
) -> None:
    bundle = _write_bundle(cli, folder)
    assert "--html" in cli.run("verify", code=2).err
    (verdict,) = cli.run_json("verify", bundle, code=4)["bundles"]
    assert (verdict["file"], verdict["verdict"]) == (bundle, "incomplete")
    assert DEFAULT_LIST_NOTE in cli.run("verify", bundle, code=4).out
    assert DEFAULT_LIST_NOTE not in cli.run("verify", bundle, "--trust", _write_trust_list(cli, folder), code=4).out
    page = folder / "verify.html"
    assert str(page) in cli.run("verify", "--html", page).out
    assert page.read_bytes().startswith(b"<!doctype html>")


@pytest.mark.long
def test_every_bundle_in_a_package_is_verified(
    cli: Terminal, inline: SyncRunner, sealed_case: Bundle, folder: Path
) -> None:
    for number, recipient in enumerate(("court", "other-side"), 1):
        body = json.dumps({"cases": [1], "recipient": recipient})
        cli.run("api", "POST", "packages", "--json", body)
        inline.run_until_idle()
        package = str(folder / f"{recipient}.zip")
        cli.run("api", "GET", f"packages/{number}/file", "--output", package)
        data = cli.run_json("verify", package, "--trust", _write_trust_list(cli, folder), code=4)
        assert (data["verdict"], data["exit_code"]) == ("incomplete", 4)
        (bundle,) = data["bundles"]
        assert bundle["file"].startswith(f"{package}/studio-case-1-bundle-1")
        assert (bundle["package"], bundle["verdict"]) == (package, "incomplete")
        output = cli.run("verify", package, "--trust", _write_trust_list(cli, folder), code=4).out
        assert "FAILED" not in output
        with ZipFile(package) as archive:
            archive.extractall(folder / f"{recipient}-unpacked")
        unpacked_report = cli.run_json(
            "verify", folder / f"{recipient}-unpacked", "--trust", _write_trust_list(cli, folder), code=4
        )
        assert [item["seal"] for item in unpacked_report["bundles"]] == [bundle["seal"]]
        listed = folder / f"{recipient}-unpacked" / "CONTENTS.txt"
        assert "is a text" in cli.run_json("verify", listed, code=2)["bundles"][0]["sentence"]


def test_verifier_can_require_a_minimum_of_timestamps(alone: Terminal, tmp_path: Path) -> None:
    bundle, listed = (FOLDER / f"{BASE}.{end}" for end in ("zip", "trust.json"))
    assert alone.run_json("verify", bundle, "--trust", listed)["bundles"][0]["verdict"] == "complete"
    trust = load_trust(listed)
    more = replace(trust, ledgers=(*trust.ledgers, ledger()))
    many = len({pin.name for kind in KINDS.values() for pin in getattr(more, kind.trust_field)})
    (tmp_path / "more.json").write_bytes(more.to_json())
    (result,) = alone.run_json("verify", bundle, "--trust", tmp_path / "more.json", "--timestamps", many, code=4)[
        "bundles"
    ]
    assert str(many) in next(check["sentence"] for check in result["checks"] if check["name"] == "time")
    output = alone.run("verify", bundle, "--trust", listed, "--cosigners", 5, code=2).err
    assert ("5" in output, "--trust" in output) == (True, True)


@pytest.mark.long
def test_several_processes_report_bundles_in_the_same_order(cli: Terminal, sealed_case: Bundle, folder: Path) -> None:
    bundle = _write_bundle(cli, folder)
    text, broken, missing = (folder / f"{name}.zip" for name in ("text", "broken", "missing"))
    text.write_text("no bundle")
    broken.write_bytes(Path(bundle).read_bytes().replace(b"Studio", b"Studie"))
    paths = [str(path) for path in (bundle, text, broken, missing)]
    first, two = (cli.run("verify", *paths, "--jobs", jobs, "--json", code=1) for jobs in (1, 2))
    assert first.out == two.out
    assert [(entry["file"], entry["verdict"]) for entry in two.json["bundles"]] == list(
        zip(paths, ("incomplete", "no-bundle", "failed", "no-bundle"), strict=True)
    )


@pytest.mark.long
def test_ctrl_c_ends_all_verify_processes_without_a_traceback(tmp_path: Path) -> None:
    pipes = [tmp_path / f"{number}.zip" for number in range(3)]
    for pipe in pipes:
        os.mkfifo(pipe)
    checking = CommandLine(tmp_path / "data").start("verify", *pipes, "--jobs", "3")
    try:
        with pipes[1].open("wb"), pipes[2].open("wb"):  # each has a reader now
            pipes[0].open("wb").close()  # its reader is idle
            os.killpg(checking.pid, signal.SIGINT)
            out, err = checking.communicate(timeout=60)
    finally:
        checking.kill()
    assert (checking.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "Interrupted."
    assert "Traceback" not in err


def _write_trust_list(cli: Terminal, folder: Path) -> Path:
    cli.run("trust", folder / "list.json")
    return folder / "list.json"
