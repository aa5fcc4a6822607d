"""Test downloaded bundles: with the work's documents and countersignatures, or without what is withheld."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.__main__ import main
from evidence.keys.ed25519 import parse_public_key
from evidence.verdict.result import State
from evidence.verdict.trust import TrustedKey, load_trust
from evidence.verify.verifier import Verifier
from exhibit.digests import Digest
from exhibit.errors import ExitCode, InvalidRequestError
from exhibit.types import DeclaredWork
from indexer.picture.spaces import PIPELINE
from registry.bundles.bundles import load_sealed_case, load_sealed_facts, store_countersignature, write_bundle_zip
from registry.bundles.deposits import make_deposit, write_deposit_zip
from registry.bundles.facts import build_odds_model_file
from registry.bundles.make_package import make_packages
from registry.bundles.packages import request_package
from registry.bundles.sealing import seal_bundles
from registry.keys.keys import add_device_key, revoke_owner_key
from registry.models import Bundle, DeviceKey, LogOpening, Work
from registry.retention.purge import purge_picture
from registry.works.declarations import attach_document, detach_document, edit_work
from tests.assets.module_scene import inline, stage
from tests.assets.sealed_bundles import request_bundle
from tests.assets.tampering import read_files, update_bag, write_zip
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]


CONTRACT, SCAN = b"%PDF-1.7 the assignment", b"a scan of the certificate"
FIRST, SECOND = "data/work/documents/01.pdf", "data/work/documents/03.bin"


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """A sealed bundle about a work with two documents; a third document was removed before sealing."""
    row = request_bundle(stage)
    work = Work.objects.get()
    registration = {"office": "USCO", "number": "VA 1", "date": "2021-05-31"}
    declared_work = DeclaredWork(title="Harbour", first_publication="2019-04", registrations=(registration,))
    edit_work(work, declared_work, by="Ann")
    attach_document(stage.services, work, "Vertrag ü.PDF", CONTRACT, description="Assignment of 2021", by="Ann")
    detach_document(
        attach_document(stage.services, work, "wrong.pdf", b"the wrong one", description="", by="Ann"), by="Ann"
    )
    attach_document(stage.services, work, "scan.with space", SCAN, description="", by="Ann")
    seal_bundles(stage.services, [row.pk])
    row.refresh_from_db()
    assert row.seal_digest is not None, row.error


@pytest.fixture
def bundle(inline: SyncRunner) -> Bundle:
    return Bundle.objects.get()


@pytest.fixture
def device(bundle: Bundle, tmp_path: Path) -> DeviceKey:
    assert main(["make-key", str(tmp_path / "device.key")]) == ExitCode.DONE
    public = parse_public_key((tmp_path / "device.key.pub").read_bytes())
    return add_device_key(bundle.case.owner, "laptop", public, by="Ann")


@pytest.fixture
def manifest(inline: SyncRunner, bundle: Bundle, tmp_path: Path) -> Path:
    path = tmp_path / "manifest.json"
    path.write_bytes(load_sealed_case(inline.services, bundle).manifest.to_json())
    return path


def test_countersignature_is_stored_and_verified_in_bundle(
    inline: SyncRunner,
    bundle: Bundle,
    device: DeviceKey,
    manifest: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sign", "--key", str(tmp_path / "device.key"), str(manifest)]) == ExitCode.DONE
    output = capsys.readouterr().out
    assert str(bundle.seal_digest) in output
    assert "case 1 of Studio" in output.replace("case C-1", "case 1")
    signature = (tmp_path / "manifest.json.sig").read_bytes()
    countersignature = store_countersignature(inline.services, bundle, signature)
    assert store_countersignature(inline.services, bundle, signature) == countersignature
    [opening] = LogOpening.objects.filter(content__what="countersignature")
    assert opening.content["signature"] == signature.hex()
    path = tmp_path / "bundle.zip"
    with path.open("wb") as out:
        write_bundle_zip(inline.services, bundle, out)
    public = bytes(device.public_key)
    pinned = TrustedKey("Studio", public, development=False, label="", use="device")
    checks = {check.name: check for check in Verifier(replace(load_trust(), keys=(pinned,))).verify(path).checks}
    assert checks[f"countersignature:{public.hex()[:16]}"].state is State.PASSED


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl isn't installed")
def test_openssl_creates_and_verifies_countersignature(
    inline: SyncRunner, bundle: Bundle, device: DeviceKey, manifest: Path, tmp_path: Path
) -> None:
    key, signature = str(tmp_path / "device.key"), tmp_path / "by-openssl.sig"
    sign = ["openssl", "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", str(manifest), "-out", str(signature)]
    subprocess.run(sign, check=True, capture_output=True)
    assert store_countersignature(inline.services, bundle, signature.read_bytes()).key == device
    public = ["-pubin", "-inkey", f"{key}.pub", "-rawin", "-in", str(manifest), "-sigfile", str(signature)]
    subprocess.run(["openssl", "pkeyutl", "-verify", *public], check=True, capture_output=True)


def test_unknown_or_revoked_device_signature_is_rejected(
    inline: SyncRunner, bundle: Bundle, device: DeviceKey, manifest: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidRequestError):
        store_countersignature(inline.services, bundle, bytes(64))
    main(["sign", "--key", str(tmp_path / "device.key"), str(manifest)])
    revoke_owner_key(device, by="Ann", reason="lost")
    with pytest.raises(InvalidRequestError):
        store_countersignature(inline.services, bundle, (tmp_path / "manifest.json.sig").read_bytes())


def test_key_file_is_not_overwritten_or_read_if_world_readable(
    manifest: Path, device: DeviceKey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "device.key"
    assert main(["make-key", str(key)]) == ExitCode.INVALID_REQUEST
    key.chmod(0o644)
    assert main(["sign", "--key", str(key), str(manifest)]) == ExitCode.INVALID_REQUEST
    key.chmod(0o600)
    manifest.write_bytes(b"{}")
    assert main(["sign", "--key", str(key), str(manifest)]) == ExitCode.CHECK_FAILED
    assert main(["sign", "--key", str(key), str(tmp_path / "none.json")]) == ExitCode.INVALID_REQUEST
    assert "Traceback" not in capsys.readouterr().err


def test_private_key_is_rejected_as_public_key(device: DeviceKey, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError):
        parse_public_key((tmp_path / "device.key").read_bytes())


def write_bundle(inline: SyncRunner, bundle: Bundle, path: Path) -> Path:
    with path.open("wb") as out:
        write_bundle_zip(inline.services, bundle, out)
    return path


def run_checks(path: Path) -> dict[str, State]:
    return {check.name: check.state for check in Verifier(load_trust()).verify(path).checks}


def run_bundled_verifier(path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the bundle's own ``verify.py``."""
    program = folder / "verify.py"
    program.write_bytes(read_files(path)["verify.py"])
    return subprocess.run([sys.executable, str(program), str(path)], capture_output=True, text=True, check=False)


def test_work_documents_are_sealed_as_separate_files(inline: SyncRunner, bundle: Bundle, tmp_path: Path) -> None:
    contents = load_sealed_case(inline.services, bundle)
    documents = {item.path: item for item in contents.manifest.files if item.role == "title-document"}
    assert {path: (item.sha256, item.media_type) for path, item in documents.items()} == {
        FIRST: (Digest.from_bytes(CONTRACT), "application/pdf"),
        SECOND: (Digest.from_bytes(SCAN), "application/octet-stream"),
    }
    work = load_sealed_facts(inline.services, contents).work
    assert [item.title for item in work.attachments] == ["Assignment of 2021 (Vertrag ü.PDF)", "scan.with space"]
    assert (work.first_publication, work.registrations[0].number) == ("2019-04", "VA 1")
    path = write_bundle(inline, bundle, tmp_path / "whole.zip")
    assert read_files(path)[FIRST] == CONTRACT
    assert b'"first_publication":"2019-04"' in read_files(path)["data/work/registration.json"]
    check_states = run_checks(path)
    assert (check_states[f"file:{FIRST}"], check_states[f"file:{SECOND}"]) == (State.PASSED, State.PASSED)
    assert State.FAILED not in check_states.values()


def test_sealed_odds_are_recomputed_by_verifier(inline: SyncRunner, bundle: Bundle, tmp_path: Path) -> None:
    facts = load_sealed_facts(inline.services, load_sealed_case(inline.services, bundle))
    [match], [weighing] = facts.matches, facts.weighings
    path = write_bundle(inline, bundle, tmp_path / "whole.zip")
    used = build_odds_model_file(inline.services, PIPELINE)
    assert used is not None
    assert read_files(path)[weighing.file] == used.to_json()
    assert (match.verification.pipeline, match.verification.related is None) == (weighing.pipeline, False)
    assert run_checks(path)["odds:01"] is State.PASSED
    inside = run_bundled_verifier(path, tmp_path)
    assert "FAILED" not in inside.stdout + inside.stderr


def test_changed_document_fails_both_verifiers(inline: SyncRunner, bundle: Bundle, tmp_path: Path) -> None:
    bundle_path = write_bundle(inline, bundle, tmp_path / "whole.zip")
    assert run_bundled_verifier(bundle_path, tmp_path).returncode == 0
    changed = write_zip(
        tmp_path / "changed.zip", update_bag({**read_files(bundle_path), FIRST: CONTRACT + b" of 2022"})
    )
    assert run_checks(changed)[f"file:{FIRST}"] is State.FAILED
    inside = run_bundled_verifier(changed, tmp_path)
    assert inside.returncode == 1
    assert FIRST in inside.stdout + inside.stderr


def test_opposing_party_copy_lists_document_digests_only(inline: SyncRunner, bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "copy.zip"
    with path.open("wb") as out:
        write_bundle_zip(inline.services, bundle, out, without_originals="")
    files = read_files(path)
    assert not {FIRST, SECOND} & set(files)
    assert not any(CONTRACT in data or SCAN in data for data in files.values())
    assert Digest.from_bytes(CONTRACT).hex.encode() in files["data/manifest.json"]
    check_states = run_checks(path)
    assert check_states[f"file:{FIRST}"] is State.NOT_CHECKED
    assert State.FAILED not in check_states.values()
    assert run_bundled_verifier(path, tmp_path).returncode != 1


@pytest.mark.long
def test_purged_document_is_omitted_from_bundles_and_packages(
    inline: SyncRunner, bundle: Bundle, tmp_path: Path
) -> None:
    package = request_package(bundle.case.owner, [bundle.case.number], "court", by="Ann", reason="")
    make_packages(inline.services, [package.pk])
    package.refresh_from_db()
    [packaged] = [Digest.from_hex(file["digest"]) for file in package.files if "bundle" in file]
    purge_picture(inline.services, Digest.from_bytes(CONTRACT), by="op", reason="An order.")
    assert packaged not in inline.services.blobs
    path = write_bundle(inline, bundle, tmp_path / "after.zip")
    assert b"An order." in read_files(path)["proofs/withheld.json"]
    assert FIRST not in read_files(path)
    assert State.FAILED not in run_checks(path).values()
    deposit = tmp_path / "deposit.zip"
    with deposit.open("wb") as out:
        write_deposit_zip(inline.services, make_deposit(inline.services, Work.objects.get(), by="Ann"), out)
    assert FIRST not in read_files(deposit)
    assert read_files(deposit)[SECOND] == SCAN
