"""Test that each file of a bundle is hashed once, and read only as sealed."""

import hashlib
import zlib
from pathlib import Path

import pytest

from evidence.formats.codec import FormatError
from evidence.formats.container import FolderContents
from evidence.formats.zipread import ZipContents
from evidence.verify.checks.inspection import inspect, list_log_proofs
from exhibit.entries import encode_canonical
from exhibit.errors import NotFoundError
from tests.assets.bundles import Scene
from tests.assets.tampering import read_files, write_zip

PICTURE = "data/work/01.jpg"


def test_every_file_is_measured_and_seal_is_manifest_digest(scene: Scene, bundle: Path) -> None:
    contents = ZipContents(bundle)
    inspection = inspect(contents, scene.trust)
    for name, data in read_files(bundle).items():
        measurement = inspection.measurements[name]
        assert (measurement.size, measurement.crc, measurement.sha512) == (
            len(data),
            zlib.crc32(data),
            hashlib.sha512(data).digest(),
        )
    assert (inspection.seal_digest, inspection.unreadable_files, inspection.withheld_files) == (
        scene.sealed_case.seal_digest,
        {},
        (),
    )
    contents.close()


def test_sealed_file_that_was_changed_is_not_parsed(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    files = read_files(bundle)
    changed = write_zip(tmp_path / "changed.zip", {**files, PICTURE: files[PICTURE] + b"x"})
    contents = ZipContents(changed)
    inspection = inspect(contents, scene.trust)
    assert inspection.is_sealed("data/facts.json")
    assert not inspection.is_sealed(PICTURE)
    assert not inspection.is_sealed("proofs/signature")
    with pytest.raises(NotFoundError):
        inspection.read_sealed_file(PICTURE, 1 << 20)
    assert inspection.read_file(PICTURE) == files[PICTURE] + b"x"
    with pytest.raises(FormatError, match="missing"):
        inspection.read_file("data/none")
    contents.close()


def test_missing_manifest_or_duplicate_entry_is_rejected(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match=r"manifest\.json is missing"):
        inspect(FolderContents(tmp_path / "empty"), scene.trust)
    twice = encode_canonical({"files": [PICTURE, PICTURE], "reason": ""})
    contents = ZipContents(write_zip(tmp_path / "twice.zip", {**read_files(bundle), "proofs/withheld.json": twice}))
    with pytest.raises(FormatError, match="twice"):
        inspect(contents, scene.trust)
    contents.close()


def test_log_proofs_are_listed_by_check_name(scene: Scene) -> None:
    assert [name for name, _ in list_log_proofs(scene.facts)] == ["registration", "slice:01"]
