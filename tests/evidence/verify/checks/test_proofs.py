"""Signature, key and log: what is by another, or doesn't continue, fails."""

from dataclasses import replace
from pathlib import Path

from evidence.bundle.bag import ConsistencyProof
from evidence.verify.verifier import Verifier
from tests.assets.bundles import Scene, make_scene
from tests.assets.tampering import files_of, packed, rebagged
from tests.evidence.verify.test_tampering import failures


def test_receipts_and_log_of_another_bundle_do_not_help(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = make_scene(tmp_path / "other", seed=3)
    mixed = {**files_of(other.write(tmp_path / "other.zip"))}
    mixed.update({name: data for name, data in files_of(bundle).items() if name.startswith("proofs/")})
    failed = failures(Verifier(scene.trust).verify(packed(tmp_path / "mixed.zip", rebagged(mixed))))
    assert failed >= {"signature", "key", "entry", "anchor:manifest-test-authority.tsr"}


def test_a_signature_by_another_key_fails(scene: Scene, tmp_path: Path) -> None:
    wrong = replace(scene, sealed=replace(scene.sealed, signature=bytes(64)))
    assert failures(Verifier(scene.trust).verify(wrong.write(tmp_path / "wrong.zip"))) >= {"signature", "entry"}


def test_a_key_pinned_for_another_owner_fails(scene: Scene, bundle: Path) -> None:
    [key] = scene.trust.keys
    trust = replace(scene.trust, keys=(replace(key, owner="Somebody else"),))
    assert failures(Verifier(trust).verify(bundle)) == {"key"}


def test_a_log_that_does_not_continue_fails(scene: Scene, tmp_path: Path) -> None:
    wrong = tuple(ConsistencyProof(item.size, (bytes(32),) * 2) for item in scene.proofs.consistency)
    proofs = replace(scene.proofs, consistency=wrong)
    assert failures(Verifier(scene.trust).verify(scene.write(tmp_path / "wrong.zip", proofs))) == {"consistency"}
