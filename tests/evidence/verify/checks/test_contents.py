"""Test that the files of a bundle are exactly the sealed ones."""

from pathlib import Path

import pytest

from evidence.verdict.result import State
from evidence.verify.verifier import Verifier
from tests.assets.bundles import Scene
from tests.assets.tampering import read_files, update_bag, write_zip
from tests.evidence.verify.test_tampering import list_failures


@pytest.mark.parametrize(
    "name",
    [
        "data/facts.json",
        "proofs/signature",
        "data/work/01.jpg",
        "data/work/documents/01.pdf",
        "bagit.txt",
        "verify.py",
    ],
)
def test_missing_file_is_reported(scene: Scene, bundle: Path, tmp_path: Path, name: str) -> None:
    files = read_files(bundle)
    del files[name]
    verdict = Verifier(scene.trust).verify(write_zip(tmp_path / "less.zip", files))
    assert any(name in check.sentence for check in verdict.failures if check.name == "files")


@pytest.mark.parametrize("name", ["data/extra.txt", "data/work/02.jpg", "READ-ME-FIRST.exe"])
def test_extra_file_is_reported(scene: Scene, bundle: Path, tmp_path: Path, name: str) -> None:
    files = {**read_files(bundle), name: b"x"}
    assert "files" in list_failures(Verifier(scene.trust).verify(write_zip(tmp_path / "more.zip", update_bag(files))))


def test_modified_included_verifier_is_not_trusted(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    files = {**read_files(bundle), "verify.py": b"print('all is well')\n"}
    verdict = Verifier(scene.trust).verify(write_zip(tmp_path / "other.zip", update_bag(files)))
    [tools] = [check for check in verdict.checks if check.name == "tools"]
    assert tools.state is State.NOT_CHECKED
    assert "Do not run it" in tools.sentence
