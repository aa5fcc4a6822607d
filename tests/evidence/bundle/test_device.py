"""Test countersigning on an owner's device: a key is never overwritten, and only manifests are signed."""

from pathlib import Path

import pytest

from evidence.bundle.bag import counter_sign, make_key, public_pem
from evidence.formats.codec import FormatError
from evidence.keys.ed25519 import is_valid_signature, read_public_key
from exhibit.errors import WrongUseError
from tests.assets.bundles import Scene


def test_a_manifest_is_signed_as_it_stands(scene: Scene, tmp_path: Path) -> None:
    public = make_key(tmp_path / "key")
    assert (tmp_path / "key.pub").read_bytes() == public_pem(public)
    assert read_public_key((tmp_path / "key.pub").read_bytes()) == public
    data = scene.sealed_case.manifest.to_json()
    (tmp_path / "manifest.json").write_bytes(data)
    public_key, digest, by = counter_sign(tmp_path / "key", tmp_path / "manifest.json", tmp_path / "signature")
    assert (public_key, digest, by) == (scene.sealed_case.manifest, scene.sealed_case.seal, public)
    assert is_valid_signature(public, (tmp_path / "signature").read_bytes(), data)


def test_what_cannot_be_signed_leaves_no_signature(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    with pytest.raises(WrongUseError, match="already"):
        make_key(tmp_path / "key")
    with pytest.raises(WrongUseError, match="cannot be written"):
        make_key(tmp_path / "key" / "below")
    (tmp_path / "note").write_bytes(b"pay Bob")
    with pytest.raises(FormatError):
        counter_sign(tmp_path / "key", tmp_path / "note", tmp_path / "out")
    with pytest.raises(WrongUseError, match="absent cannot be used"):
        counter_sign(tmp_path / "key", tmp_path / "absent", tmp_path / "out")
    assert not (tmp_path / "out").exists()
