"""Test that every change of a bundle is reported with the failing check, or as an unknown signer."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.verdict.result import CONTAINER_CHANGED, UNLISTED, State, Verdict
from evidence.verdict.trust import Requirements
from evidence.verify.verifier import Verifier
from exhibit.errors import ExitCode
from tests.assets.bundles import Scene, make_scene, reseal
from tests.assets.tampering import read_files, update_bag, write_zip


def list_failures(verdict: Verdict) -> set[str]:
    return {check.name for check in verdict.failures}


@pytest.mark.long
def test_each_random_byte_flip_is_detected(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    flips = 80
    draw = random.Random(20261120)
    original = bundle.read_bytes()
    path = tmp_path / "flipped.zip"
    path.write_bytes(original)
    only_container = 0
    with path.open("r+b", buffering=0) as file:
        for _ in range(flips):
            place, bits = draw.randrange(len(original)), draw.randrange(1, 256)
            file.seek(place)
            file.write(bytes([original[place] ^ bits]))
            verdict = Verifier(scene.trust).verify(path)
            changed = verdict.checks[0].sentence.startswith(CONTAINER_CHANGED)
            assert list_failures(verdict) or (changed and verdict.outcome is ExitCode.DONE), (place, bits)
            only_container += changed
            file.seek(place)
            file.write(original[place : place + 1])
    assert only_container < flips / 2  # few bytes are insignificant; the next test flips those
    assert (
        Verifier(scene.trust)
        .verify(path)
        .checks[0]
        .sentence.startswith("The ZIP is byte-for-byte identical to the ZIP written for these contents")
    )


def test_flipped_zip_field_fails_or_leaves_evidence_intact(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    original = bundle.read_bytes()
    directory = original.index(b"PK\x01\x02")
    fields = {"version": 4, "local time": 10, "local crc": 14, "crc": directory + 16, "date": directory + 14}
    harmless = {"version that packed": directory + 4, "kind of text": directory + 36, "mode": directory + 40}
    for name, place in {**fields, **harmless}.items():
        path = tmp_path / "flipped.zip"
        path.write_bytes(original[:place] + bytes([original[place] ^ 1]) + original[place + 1 :])
        verdict = Verifier(scene.trust).verify(path)
        assert verdict.outcome is (ExitCode.CHECK_FAILED if name in fields else ExitCode.DONE), name
        assert ("Container changed, evidence intact." in verdict.sentence) == (name in harmless), name


EXPECTED_FAILURES = {
    "data/facts.json": "file:data/facts.json",
    "data/sightings/01/image.jpg": "file:data/sightings/01/image.jpg",
    "data/work/documents/01.pdf": "file:data/work/documents/01.pdf",
    "data/manifest.json": "manifest",
    "proofs/signature": "signature",
    "proofs/key.json": "key",
    "proofs/key.pem": "key",
    "proofs/log/entry.json": "entry",
    "proofs/log/inclusion.json": "inclusion",
    "proofs/log/checkpoint": "inclusion",
    "proofs/log/consistency.json": "consistency",
    "proofs/anchors/index.json": "anchors",
    "proofs/anchors/manifest-test-authority.tsr": "anchor:manifest-test-authority.tsr",
    "proofs/anchors/checkpoint-test-chain.ots": "anchor:checkpoint-test-chain.ots",
    "proofs/anchors/evm-checkpoint-test-ledger.json": "anchor:evm-checkpoint-test-ledger.json",
}


def find_offset(scene: Scene, name: str, data: bytes) -> int:
    """Return the offset of a significant byte: start of a list, root of a checkpoint, proof of a receipt."""
    if name in {"data/manifest.json", "proofs/anchors/index.json"}:
        return 0
    if name == "proofs/log/checkpoint":
        return data.index(b"\n", data.index(b"\n") + 1) + 5
    if name.endswith("ledger.json"):  # a changed header is another block, which is not pinned
        return data.index(b'"nodes":["') + 20
    return data.index(scene.sealed_case.seal_digest.raw) if name.endswith(".tsr") else len(data) // 2


@pytest.mark.parametrize("name", sorted(EXPECTED_FAILURES))
def test_changed_file_fails_despite_updated_bag_and_zip(scene: Scene, bundle: Path, tmp_path: Path, name: str) -> None:
    files = read_files(bundle)
    data = bytearray(files[name])
    data[find_offset(scene, name, files[name])] ^= 1
    files[name] = bytes(data)
    assert EXPECTED_FAILURES[name] in list_failures(
        Verifier(scene.trust).verify(write_zip(tmp_path / "fitted.zip", update_bag(files)))
    )


@pytest.mark.long
def test_fully_forged_bundle_has_only_unknown_timestamp_services(scene: Scene, tmp_path: Path) -> None:
    """Test a consistent forgery with unknown keys, log, authority and chain."""
    (tmp_path / "forger").mkdir()
    forged = make_scene(tmp_path / "forger", seed=2)
    verdict = Verifier(scene.trust).verify(forged.write(tmp_path / "forged.zip"))
    unknown = {check.name for check in verdict.checks if check.sentence.startswith(UNLISTED)}
    assert not verdict.failures
    assert verdict.outcome is ExitCode.INCOMPLETE
    dated = {"registration", "registration:01", "slice:01"}
    assert unknown >= {"key", "checkpoint", "time", "anchor:checkpoint-test-chain.ots", *dated}
    assert len(unknown) == 10
    [registration] = [check for check in verdict.checks if check.name == "registration"]
    assert registration.sentence.startswith(UNLISTED)


@pytest.mark.long
def test_pinned_timestamp_service_is_not_enough_without_log_and_owner(scene: Scene, bundle: Path) -> None:
    for trust in (replace(scene.trust, chains=()), replace(scene.trust, authorities=())):
        assert Verifier(trust).verify(bundle).outcome is ExitCode.DONE
        for weaker in (replace(trust, logs=()), replace(trust, keys=())):
            relaxed = replace(weaker, requires=Requirements(1, ("bytes", "time")))
            assert Verifier(relaxed).verify(bundle).outcome is ExitCode.INCOMPLETE
            assert "Complete" not in Verifier(relaxed).verify(bundle).sentence


def test_unrequired_checks_are_reported_as_not_required(scene: Scene, tmp_path: Path) -> None:
    facts = replace(scene.facts, work=replace(scene.facts.work, registration=None))
    resealed_scene = reseal(scene, facts)
    verdict = Verifier(scene.trust).verify(resealed_scene.write(tmp_path / "b.zip"))
    grades = {grade.name: grade.state for grade in verdict.grades}
    assert (grades["match"], grades["capture"]) == (State.NOT_CHECKED, State.PASSED)
    result = Verifier(replace(scene.trust, requires=Requirements(1, ("capture",)))).verify(
        resealed_scene.write(tmp_path / "b.zip")
    )
    assert [grade.name for grade in result.grades if not grade.required] == ["match", "sheet"]
