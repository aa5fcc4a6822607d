"""`exhibit bundle`: sealed evidence to take away, to counter-sign, and as a signed sheet."""

from pathlib import Path
from zipfile import ZipFile

import pytest

from evidence.__main__ import main
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
    assert cli.run("bundle", "list").out.startswith("There is no bundle yet. A case that is not licensed gets one")
    assert cli.ask("bundle", "list") == {"bundles": []}


def test_a_signature_of_the_owners_device_is_filed_and_other_files_are_refused(
    cli: Terminal, sealed_case: Bundle, folder: Path
) -> None:
    manifest = Path((told := cli.ask("bundle", "to-sign", "1", "--out", folder / "out"))["file"])
    assert (manifest.name, told["seal"]) == ("studio-case-1-bundle-1.manifest.json", str(sealed_case.seal_digest))
    assert f"exhibit bundle countersign 1 {manifest.name}.sig" in cli.run("bundle", "to-sign", "1", "--out", folder).out
    assert main(["make-key", str(folder / "device.key")]) == 0
    assert main(["sign", "--key", str(folder / "device.key"), str(manifest)]) == 0
    signature = manifest.with_name(f"{manifest.name}.sig")
    assert cli.run("bundle", "countersign", "1", signature, code=2).err
    cli.run("key", "add", "laptop", folder / "device.key.pub")
    assert "hasn't 64 bytes" in cli.run("bundle", "countersign", "1", manifest, code=2).err
    assert "does not exist" in cli.run("bundle", "countersign", "1", folder / "missing", code=2).err
    assert "is counter-signed by laptop" in cli.run("bundle", "countersign", "1", signature).out


def test_the_sheet_is_written_with_a_signature_and_the_seal_stays(
    cli: Terminal, sealed_case: Bundle, folder: Path
) -> None:
    pytest.importorskip("pyhanko")
    name = cli.ask("bundle", "sign", "1", "--out", folder / "signed")["file"]
    data = Path(name).read_bytes()
    assert (data[:4], b"/ByteRange" in data) == (b"%PDF", True)
    assert cli.ask("bundle", "list")["bundles"][0]["seal"] == str(sealed_case.seal_digest)
    assert "has no such bundle of case 2" in cli.run("bundle", "sign", "2", "--out", folder, code=2).err
