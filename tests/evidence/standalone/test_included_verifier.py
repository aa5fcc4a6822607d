"""Test the bundle's verify.py with bundles that lie to it or attack it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import evidence.standalone
from exhibit.entries import encode_canonical
from tests.assets.bundle_changes import Change, Files, edit_json, flip_bit, remove_file, set_file
from tests.assets.bundles import Scene
from tests.assets.tampering import pack_otherwise, read_files, update_bag, write_zip
from tests.assets.verifier_in_process import run_verifier
from tools.standalone import VERIFY_FILE, generate_program

VERIFIER = Path(evidence.standalone.__file__).parent / "verify.py"
ANCHORS = "proofs/anchors/index.json"


@pytest.fixture(scope="module")
def bundle_files(scene: Scene) -> Files:
    return read_files(scene.write(scene.folder / "bundle.zip"))


def run_verifier_process(path: Path) -> tuple[int, str]:
    """Run verify.py in a separate process, as users do."""
    done = subprocess.run([sys.executable, "-I", str(VERIFIER), str(path)], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def add_receipt(**changes: object) -> Change:
    """Add a receipt with these fields to the list of receipts."""

    def change(files: Files) -> Files:
        [first, *rest] = json.loads(files[ANCHORS])
        return {**files, ANCHORS: encode_canonical([first, *rest, {**first, **changes}])}

    return change


def withhold(*names: str) -> Change:
    """State that the copy leaves these files out, and remove them."""

    def change(files: Files) -> Files:
        remaining = {name: data for name, data in files.items() if name not in names}
        return {**remaining, "proofs/withheld.json": encode_canonical({"files": list(names), "reason": ""})}

    return change


def test_package_is_not_reported_as_failed_and_its_bundles_are_listed(bundle_files: Files, tmp_path: Path) -> None:
    bundle_path = write_zip(tmp_path / "studio-case-1-bundle-1.zip", bundle_files)
    court = write_zip(tmp_path / "court.zip", {bundle_path.name: bundle_path.read_bytes(), "CONTENTS.txt": b"Bundles"})
    for path in (court, tmp_path):
        code, text = run_verifier_process(path)
        assert (code, "FAILED" in text) == (2, False)
        assert "one by one" in text
        assert f"    {bundle_path.name}" in text
    court.write_bytes(pack_otherwise(bundle_files, folder="case 1/") + b"")
    assert run_verifier_process(court)[0] == 0
    nothing = write_zip(tmp_path / "nothing.zip", {"CONTENTS.txt": b"Bundles"})
    assert run_verifier_process(nothing)[0] == 2


def test_complete_bundle_passes(bundle_files: Files, tmp_path: Path) -> None:
    code, text = run_verifier_process(write_zip(tmp_path / "b.zip", bundle_files))
    assert (code, "FAILED" in text) == (0, False)
    assert "openssl ts -verify -digest" in text


@pytest.mark.parametrize(
    "change",
    [
        add_receipt(digest="00;echo INJECTED"),
        add_receipt(file="proofs/x; echo INJECTED"),
        add_receipt(file="../INJECTED"),
        add_receipt(material=["proofs/material/certificate-$(echo INJECTED)"]),
        add_receipt(kind="INJECTED;", digest="f" * 63),
    ],
)
def test_printed_commands_contain_no_unchecked_text(bundle_files: Files, tmp_path: Path, change: Change) -> None:
    code, text = run_verifier(write_zip(tmp_path / "b.zip", update_bag(change(bundle_files))))
    assert code == 1
    assert "INJECTED" not in text


def test_terminal_control_characters_are_replaced(bundle_files: Files, tmp_path: Path) -> None:
    code, text = run_verifier_process(
        write_zip(tmp_path / "b.zip", update_bag(add_receipt(service="x\x1b[2J\u202ey\nrm -r")(bundle_files)))
    )
    assert code == 0
    assert not set(text) & {"\x1b", "\u202e"}
    assert not [line for line in text.splitlines() if line.startswith("rm")]
    (tmp_path / "c.zip").write_bytes(pack_otherwise({**bundle_files, "proofs/\x1b[2J": b""}))
    code, text = run_verifier(tmp_path / "c.zip")
    assert (code, "\x1b" in text) == (1, False)


FAILURES: dict[str, tuple[Change, str]] = {
    "facts withheld": (withhold("data/facts.json"), "manifest: the list of withheld files"),
    "the manifest withheld": (
        set_file("proofs/withheld.json", encode_canonical({"files": ["data/manifest.json"], "reason": ""})),
        "manifest: the list of withheld files",
    ),
    "what was never sealed withheld": (withhold("data/more.txt"), "manifest: the list of withheld files"),
    "an entry of another type": (edit_json("proofs/log/entry.json", lambda one: one.update(type="case")), "entry: "),
    "a manifest that is written otherwise": (
        lambda files: {**files, "data/manifest.json": files["data/manifest.json"] + b"\n"},
        "manifest: data/manifest.json is not in canonical form",
    ),
    "a name twice": (set_file("proofs/log/inclusion.json", b'{"index":2,"index":2}'), "inclusion: a name occurs"),
    "a short hash": (
        edit_json("proofs/log/inclusion.json", lambda one: one.update(path=["00"])),
        "inclusion: proofs/log/inclusion.json does not have the fields of its format",
    ),
    "a file too many": (set_file("data/extra.txt", b"x"), "manifest: data/ contains a file that was not sealed"),
    "a picture changed": (flip_bit("data/work/01.jpg"), "manifest: data/work/01.jpg differs from the sealed file"),
    "a picture missing": (remove_file("data/work/01.jpg"), "manifest: data/work/01.jpg differs from"),
}


@pytest.mark.parametrize("what", FAILURES)
def test_false_statement_is_reported_without_traceback(bundle_files: Files, tmp_path: Path, what: str) -> None:
    change, words = FAILURES[what]
    code, text = run_verifier(write_zip(tmp_path / "b.zip", update_bag(change(bundle_files))))
    assert code == 1
    assert f"FAILED       {words}" in text


def test_damaged_and_oversized_zips_are_rejected(bundle_files: Files, tmp_path: Path) -> None:
    good = pack_otherwise(bundle_files)
    place = good.index(b"data/work/01.jpg") + 60
    (tmp_path / "damaged.zip").write_bytes(good[:place] + bytes(40) + good[place + 40 :])
    (tmp_path / "bomb.zip").write_bytes(pack_otherwise({"data/manifest.json": bytes(80 << 20)}))
    for name in ("damaged", "bomb"):
        code, text = run_verifier(tmp_path / f"{name}.zip")
        assert (code, text.startswith("FAILED")) == (1, True), name


def test_constants_match_the_format() -> None:
    text = VERIFY_FILE.read_text("utf-8")
    assert generate_program(text) == text, "run python -m tools.standalone"
