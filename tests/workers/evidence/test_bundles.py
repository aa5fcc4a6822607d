"""An owner counter-signs on a device: the manifest goes out, the signature comes back and travels in the bundle."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.__main__ import main
from evidence.keys.ed25519 import read_public_key
from evidence.verdict.result import State
from evidence.verdict.trust import TrustedKey, load_trust
from evidence.verify.verifier import verify
from exhibit.errors import ExitCode, WrongUseError
from registry.log.keys import add_device_key, revoke
from registry.models import Bundle, DeviceKey, LogOpening
from tests.assets.sealed import sealed_bundle
from workers.evidence.bundles import assemble, file_countersignature, sealed_case
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def bundle(inline: SyncRunner) -> Bundle:
    return sealed_bundle(inline)


@pytest.fixture
def device(bundle: Bundle, tmp_path: Path) -> DeviceKey:
    assert main(["make-key", str(tmp_path / "device.key")]) == ExitCode.DONE
    public = read_public_key((tmp_path / "device.key.pub").read_bytes())
    return add_device_key(bundle.case.owner, "laptop", public, by="Ann")


@pytest.fixture
def manifest(inline: SyncRunner, bundle: Bundle, tmp_path: Path) -> Path:
    path = tmp_path / "manifest.json"
    path.write_bytes(sealed_case(inline.services, bundle).manifest.to_json())
    return path


def test_a_counter_signature_comes_back_and_is_checked_in_the_bundle(
    inline: SyncRunner,
    bundle: Bundle,
    device: DeviceKey,
    manifest: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sign", "--key", str(tmp_path / "device.key"), str(manifest)]) == ExitCode.DONE
    said = capsys.readouterr().out
    assert str(bundle.seal_digest) in said
    assert "case 1 of Studio" in said.replace("case C-1", "case 1")
    signature = (tmp_path / "manifest.json.sig").read_bytes()
    kept = file_countersignature(inline.services, bundle, signature)
    assert file_countersignature(inline.services, bundle, signature) == kept
    [opening] = LogOpening.objects.filter(content__what="countersignature")
    assert opening.content["signature"] == signature.hex()
    path = tmp_path / "bundle.zip"
    with path.open("wb") as out:
        assemble(inline.services, bundle, out)
    public = bytes(device.public_key)
    pinned = TrustedKey("Studio", public, development=False, label="", use="device")
    checks = {one.name: one for one in verify(path, replace(load_trust(), keys=(pinned,))).checks}
    assert checks[f"countersignature:{public.hex()[:16]}"].state is State.PASSED


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl isn't installed")
def test_openssl_alone_signs_and_checks_it_too(
    inline: SyncRunner, bundle: Bundle, device: DeviceKey, manifest: Path, tmp_path: Path
) -> None:
    key, signature = str(tmp_path / "device.key"), tmp_path / "by-openssl.sig"
    sign = ["openssl", "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", str(manifest), "-out", str(signature)]
    subprocess.run(sign, check=True, capture_output=True)
    assert file_countersignature(inline.services, bundle, signature.read_bytes()).key == device
    public = ["-pubin", "-inkey", f"{key}.pub", "-rawin", "-in", str(manifest), "-sigfile", str(signature)]
    subprocess.run(["openssl", "pkeyutl", "-verify", *public], check=True, capture_output=True)


def test_a_signature_of_nobody_known_or_of_a_revoked_device_is_refused(
    inline: SyncRunner, bundle: Bundle, device: DeviceKey, manifest: Path, tmp_path: Path
) -> None:
    with pytest.raises(WrongUseError, match="by no device key"):
        file_countersignature(inline.services, bundle, bytes(64))
    main(["sign", "--key", str(tmp_path / "device.key"), str(manifest)])
    revoke(device, by="Ann", reason="lost")
    with pytest.raises(WrongUseError, match="by no device key"):
        file_countersignature(inline.services, bundle, (tmp_path / "manifest.json.sig").read_bytes())


def test_a_key_file_is_never_overwritten_and_never_read_when_others_may(
    manifest: Path, device: DeviceKey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "device.key"
    assert main(["make-key", str(key)]) == ExitCode.WRONG_USE
    key.chmod(0o644)
    assert main(["sign", "--key", str(key), str(manifest)]) == ExitCode.WRONG_USE
    key.chmod(0o600)
    manifest.write_bytes(b"{}")
    assert main(["sign", "--key", str(key), str(manifest)]) == ExitCode.CHECK_FAILED
    assert main(["sign", "--key", str(key), str(tmp_path / "none.json")]) == ExitCode.WRONG_USE
    assert "Traceback" not in capsys.readouterr().err


def test_a_private_key_is_refused_where_a_public_one_is_asked_for(device: DeviceKey, tmp_path: Path) -> None:
    with pytest.raises(WrongUseError, match="public key"):
        read_public_key((tmp_path / "device.key").read_bytes())
