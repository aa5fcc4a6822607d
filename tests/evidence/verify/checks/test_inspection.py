"""Test that each file of a bundle is hashed once, and read only as sealed."""

import hashlib
import zlib
from pathlib import Path

import pytest

from evidence.formats.codec import FormatError
from evidence.formats.container import FolderContents
from evidence.formats.zipread import ZipContents
from evidence.verify.checks.inspection import inspect, log_proofs
from exhibit.entries import canonical
from exhibit.errors import NotFoundError
from tests.assets.bundles import Scene
from tests.assets.tampering import read_files, write_zip

PICTURE = "data/work/01.jpg"


def test_every_file_is_measured_and_the_seal_is_that_of_the_manifest(scene: Scene, bundle: Path) -> None:
    contents = ZipContents(bundle)
    inspection = inspect(contents, scene.trust)
    for name, data in read_files(bundle).items():
        measurement = inspection.measurements[name]
        assert (measurement.size, measurement.crc, measurement.sha512) == (
            len(data),
            zlib.crc32(data),
            hashlib.sha512(data).digest(),
        )
    assert (inspection.seal, inspection.broken, inspection.left_out) == (scene.sealed_case.seal, {}, ())
    contents.close()


def test_a_sealed_file_is_given_only_as_it_was_sealed(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    files = read_files(bundle)
    changed = write_zip(tmp_path / "changed.zip", {**files, PICTURE: files[PICTURE] + b"x"})
    contents = ZipContents(changed)
    inspection = inspect(contents, scene.trust)
    assert inspection.is_sealed("data/facts.json")
    assert not inspection.is_sealed(PICTURE)
    assert not inspection.is_sealed("proofs/signature")
    with pytest.raises(NotFoundError):
        inspection.sealed_bytes(PICTURE, 1 << 20)
    assert inspection.read_file(PICTURE) == files[PICTURE] + b"x"
    with pytest.raises(FormatError, match="missing"):
        inspection.read_file("data/none")
    contents.close()


def test_without_a_manifest_or_with_a_list_that_says_things_twice_nothing_is_inspected(
    scene: Scene, bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match=r"manifest\.json is missing"):
        inspect(FolderContents(tmp_path / "empty"), scene.trust)
    twice = canonical({"files": [PICTURE, PICTURE], "reason": ""})
    contents = ZipContents(write_zip(tmp_path / "twice.zip", {**read_files(bundle), "proofs/withheld.json": twice}))
    with pytest.raises(FormatError, match="twice"):
        inspect(contents, scene.trust)
    contents.close()


def test_every_proof_in_the_facts_has_the_name_of_its_check(scene: Scene) -> None:
    assert [name for name, _ in log_proofs(scene.facts)] == ["registration", "slice:01"]
