"""Test signature, key and log: foreign or inconsistent ones fail; revoked keys, and countersignatures."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.bundle.bag import ConsistencyProof, CounterSignature, Proofs
from evidence.keys.ed25519 import KeySigner
from evidence.verdict.result import Check, State
from evidence.verdict.trust import Trust, TrustedKey
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from tests.assets.bundles import OWNER, Scene, make_scene
from tests.assets.tampering import pack_otherwise, read_files, update_bag, write_zip
from tests.assets.timestamp_services import LABEL
from tests.evidence.verify.test_tampering import list_failures


@pytest.mark.long
def test_proofs_of_other_bundle_fail(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = make_scene(tmp_path / "other", seed=3)
    mixed = {**read_files(other.write(tmp_path / "other.zip"))}
    mixed.update({name: data for name, data in read_files(bundle).items() if name.startswith("proofs/")})
    failed = list_failures(Verifier(scene.trust).verify(write_zip(tmp_path / "mixed.zip", update_bag(mixed))))
    assert failed >= {"signature", "key", "entry", "anchor:manifest-test-authority.tsr"}


def test_signature_by_other_key_fails(scene: Scene, tmp_path: Path) -> None:
    wrong = replace(scene, sealed_case=replace(scene.sealed_case, signature=bytes(64)))
    assert list_failures(Verifier(scene.trust).verify(wrong.write(tmp_path / "wrong.zip"))) >= {"signature", "entry"}


def test_key_pinned_for_other_owner_fails(scene: Scene, bundle: Path) -> None:
    [key] = scene.trust.keys
    trust = replace(scene.trust, keys=(replace(key, owner="Another owner"),))
    assert list_failures(Verifier(trust).verify(bundle)) == {"key"}


def test_inconsistent_log_fails(scene: Scene, tmp_path: Path) -> None:
    wrong = tuple(ConsistencyProof(item.size, (bytes(32),) * 2) for item in scene.proofs.consistency)
    proofs = replace(scene.proofs, consistency=wrong)
    assert list_failures(Verifier(scene.trust).verify(scene.write(tmp_path / "wrong.zip", proofs))) == {"consistency"}


DEVICE = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
STEM = DEVICE.public_key.hex()[:16]


def revoke_key(scene: Scene, since: datetime) -> Trust:
    keys = tuple(replace(key, revoked=since) for key in scene.trust.keys)
    return replace(scene.trust, keys=keys)


def add_counter_signature(scene: Scene, message: bytes | None = None) -> Proofs:
    signature = DEVICE.sign(scene.sealed_case.manifest.to_json() if message is None else message)
    return replace(scene.proofs, countersignatures=(CounterSignature(DEVICE.public_key, signature),))


def trust_device(scene: Scene, owner: str = OWNER, since: datetime | None = None) -> Trust:
    key = TrustedKey(owner, DEVICE.public_key, development=True, label=LABEL, use="device", revoked=since)
    return replace(scene.trust, keys=(*scene.trust.keys, key))


def find_check(path: Path, trust: Trust, name: str) -> Check | None:
    return next((item for item in Verifier(trust).verify(path).checks if item.name == name), None)


def test_seal_timestamped_before_revocation_is_valid(scene: Scene, tmp_path: Path) -> None:
    path = scene.write(tmp_path / "b.zip")
    assert find_check(path, scene.trust, "revoked") is None
    later = revoke_key(scene, now() + timedelta(hours=3))
    result = find_check(path, later, "revoked")
    assert result is not None
    assert result.state is State.PASSED
    assert "A timestamp by a service on the trust list proves that the log had the signature at" in result.sentence
    assert not Verifier(later).verify(path).failures


def test_seal_timestamped_after_revocation_fails(scene: Scene, tmp_path: Path) -> None:
    result = find_check(scene.write(tmp_path / "b.zip"), revoke_key(scene, now() - timedelta(days=1)), "revoked")
    assert result is not None
    assert result.state is State.FAILED
    assert "The earliest timestamp of the log by a service on the trust list is" in result.sentence


def test_seal_of_revoked_key_without_pinned_timestamp_fails(scene: Scene, tmp_path: Path) -> None:
    trust = replace(revoke_key(scene, now() + timedelta(hours=3)), authorities=(), chains=(), ledgers=())
    result = find_check(scene.write(tmp_path / "b.zip"), trust, "revoked")
    assert result is not None
    assert result.state is State.FAILED
    assert "No timestamp by a service on the trust list proves that the log had the signature before" in result.sentence


def test_trust_list_with_revocation_round_trips(scene: Scene) -> None:
    trust = trust_device(scene, since=now())
    assert Trust.from_json(trust.to_json()) == trust
    assert b"revoked" not in scene.trust.to_json()
    assert b'"use"' not in scene.trust.to_json()


def test_counter_signature_of_pinned_device_passes(scene: Scene, tmp_path: Path) -> None:
    path = scene.write(tmp_path / "b.zip", add_counter_signature(scene))
    result = find_check(path, trust_device(scene), f"countersignature:{STEM}")
    assert result is not None
    assert result.state is State.PASSED
    assert "The Ed25519 signature over data/manifest.json by a device key of" in result.sentence
    assert result.development == LABEL
    assert not Verifier(trust_device(scene)).verify(path).failures


def test_counter_signature_of_unpinned_device_is_not_checked(scene: Scene, tmp_path: Path) -> None:
    result = find_check(
        scene.write(tmp_path / "b.zip", add_counter_signature(scene)), scene.trust, f"countersignature:{STEM}"
    )
    assert result is not None
    assert result.state is State.NOT_CHECKED


def test_device_key_never_counts_as_sealing_key(scene: Scene, tmp_path: Path) -> None:
    keys = tuple(replace(key, use="device") for key in scene.trust.keys)
    result = find_check(scene.write(tmp_path / "b.zip"), replace(scene.trust, keys=keys), "key")
    assert result is not None
    assert result.state is State.NOT_CHECKED


def test_counter_signature_over_other_manifest_fails(scene: Scene, tmp_path: Path) -> None:
    path = scene.write(tmp_path / "b.zip", add_counter_signature(scene, b"another"))
    result = find_check(path, trust_device(scene), f"countersignature:{STEM}")
    assert result is not None
    assert result.state is State.FAILED
    assert "is invalid" in result.sentence


def test_device_of_other_owner_fails(scene: Scene, tmp_path: Path) -> None:
    path = scene.write(tmp_path / "b.zip", add_counter_signature(scene))
    result = find_check(path, trust_device(scene, "Bob's Pictures"), f"countersignature:{STEM}")
    assert result is not None
    assert result.state is State.FAILED


@pytest.mark.parametrize("hours", [-24, 24])
def test_counter_signature_of_revoked_device_is_not_checked(scene: Scene, tmp_path: Path, hours: int) -> None:
    path = scene.write(tmp_path / "b.zip", add_counter_signature(scene))
    result = find_check(path, trust_device(scene, since=now() + timedelta(hours=hours)), f"countersignature:{STEM}")
    assert result is not None
    assert result.state is State.NOT_CHECKED
    assert "when this was signed" in result.sentence


def test_manifest_timestamp_does_not_prove_signature_before_revocation(scene: Scene, tmp_path: Path) -> None:
    stamp = tuple(anchor for anchor in scene.proofs.anchors if anchor.digest == scene.sealed_case.seal_digest)
    path = scene.write(tmp_path / "b.zip", replace(scene.proofs, anchors=stamp))
    trust = revoke_key(scene, now() + timedelta(hours=3))
    states = {item.name: item.state for item in Verifier(trust).verify(path).checks}
    assert (states["time"], states["revoked"]) == (State.PASSED, State.FAILED)


def test_checkpoint_without_seal_does_not_prove_time_or_signature(scene: Scene, tmp_path: Path) -> None:
    checkpoint = tuple(anchor for anchor in scene.proofs.anchors if anchor.digest != scene.sealed_case.seal_digest)
    files = read_files(scene.write(tmp_path / "b.zip", replace(scene.proofs, anchors=checkpoint)))
    for name in ("entry", "inclusion"):
        del files[f"proofs/log/{name}.json"]
    trust = revoke_key(scene, now() + timedelta(hours=3))
    checks = {
        item.name: item for item in Verifier(trust).verify(write_zip(tmp_path / "c.zip", update_bag(files))).checks
    }
    assert (checks["time"].state, checks["revoked"].state) == (State.NOT_CHECKED, State.FAILED)
    assert "the unrelated checkpoint" in checks["anchor:checkpoint-test-authority.tsr"].sentence


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (f"proofs/countersignatures/{STEM}.pem", b"no key"),
        (f"proofs/countersignatures/{STEM}.sig", b"too short"),
        ("proofs/countersignatures/other.txt", b"x"),
        ("proofs/countersignatures/lonely.sig", bytes(64)),
        (f"proofs/countersignatures/x/{STEM}.sig", bytes(64)),
        (f"proofs/countersignatures/{STEM}.pem.sig", bytes(64)),
    ],
)
def test_malformed_counter_signature_fails_without_traceback(
    scene: Scene, tmp_path: Path, name: str, data: bytes
) -> None:
    files = read_files(scene.write(tmp_path / "b.zip", add_counter_signature(scene)))
    path = tmp_path / "changed.zip"
    path.write_bytes(pack_otherwise({**files, name: data}))
    failed = [item.name for item in Verifier(trust_device(scene)).verify(path).failures]
    assert any(item.startswith("countersignature") for item in failed)


def test_counter_signature_with_wrong_key_name_fails(scene: Scene, tmp_path: Path) -> None:
    files = read_files(scene.write(tmp_path / "b.zip", add_counter_signature(scene)))
    folder, other = "proofs/countersignatures", "0" * 16
    renamed = {name.replace(f"{folder}/{STEM}", f"{folder}/{other}"): data for name, data in files.items()}
    path = write_zip(tmp_path / "c.zip", update_bag(renamed))
    result = find_check(path, trust_device(scene), f"countersignature:{other}")
    assert result is not None
    assert result.state is State.FAILED
