"""Test countersigning on an owner's device: a key is never overwritten, and only manifests are signed."""

from pathlib import Path

import pytest

from evidence.bundle.bag import countersign_manifest, create_key_file, encode_public_key
from evidence.formats.codec import FormatError
from evidence.keys.ed25519 import is_valid_signature, parse_public_key
from exhibit.errors import InvalidRequestError
from tests.assets.bundles import Scene


def test_manifest_is_signed_byte_for_byte(scene: Scene, tmp_path: Path) -> None:
    public = create_key_file(tmp_path / "key")
    assert (tmp_path / "key.pub").read_bytes() == encode_public_key(public)
    assert parse_public_key((tmp_path / "key.pub").read_bytes()) == public
    data = scene.sealed_case.manifest.to_json()
    (tmp_path / "manifest.json").write_bytes(data)
    public_key, digest, by = countersign_manifest(tmp_path / "key", tmp_path / "manifest.json", tmp_path / "signature")
    assert (public_key, digest, by) == (scene.sealed_case.manifest, scene.sealed_case.seal_digest, public)
    assert is_valid_signature(public, (tmp_path / "signature").read_bytes(), data)


def test_failed_signing_leaves_no_signature(tmp_path: Path) -> None:
    create_key_file(tmp_path / "key")
    with pytest.raises(InvalidRequestError, match="already"):
        create_key_file(tmp_path / "key")
    with pytest.raises(InvalidRequestError, match="cannot be written"):
        create_key_file(tmp_path / "key" / "below")
    (tmp_path / "note").write_bytes(b"pay Bob")
    with pytest.raises(FormatError):
        countersign_manifest(tmp_path / "key", tmp_path / "note", tmp_path / "out")
    with pytest.raises(InvalidRequestError, match="absent cannot be used"):
        countersign_manifest(tmp_path / "key", tmp_path / "absent", tmp_path / "out")
    assert not (tmp_path / "out").exists()
