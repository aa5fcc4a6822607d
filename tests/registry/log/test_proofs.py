"""Test the log proofs of bundles: selection of the checkpoint with the most timestamps, and its renewal."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection

from desk.cli.trust import build_own_trust
from evidence.verdict.result import State
from evidence.verify.verifier import Verifier, list_checkpoints
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from registry.bundles.bundles import write_bundle_zip
from registry.crawls.sightings import to_record
from registry.log import proofs
from registry.log.history import CheckpointRelation, compare_with_files, start_new_origin
from registry.log.log import submit_entry
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import AnchorReceipt, Bundle, LogCheckpoint, Picture, Sighting, StepState
from tests.assets.module_scene import inline, stage
from tests.assets.sealed_bundles import create_sealed_bundle
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """A sealed bundle, and a later break in the log's history."""
    create_sealed_bundle(stage)
    start_new_origin(stage.services, by="Ann", reason="restored", name="example.org/second")
    sign_checkpoint(stage.services)


@pytest.fixture
def broken(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The path of a bundle whose facts contain checkpoints of the old origin, proven under the new origin."""
    newest = LogCheckpoint.objects.get(origin="example.org/second")
    monkeypatch.setattr(proofs, "get_best_checkpoint", lambda _: newest)
    path = tmp_path / "bundle.zip"
    with path.open("wb") as out:
        write_bundle_zip(inline.services, Bundle.objects.get(), out)
    return path


def test_checkpoint_of_new_origin_renews_old_checkpoint(inline: SyncRunner) -> None:
    old = LogCheckpoint.objects.exclude(origin="example.org/second").latest("size")
    for number in range(2):
        submit_entry(EntryType.CASE, {"number": number})
    sequence_log(inline.services)
    later = sign_checkpoint(inline.services)
    assert later is not None
    digest = Digest.from_bytes(later.note.encode())
    AnchorReceipt.objects.create(kind="rfc3161", service="w", digest=digest, checkpoint=later, state=StepState.DONE)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        aged = "UPDATE registry_logcheckpoint SET made_at = made_at - interval '10 years' WHERE id = %s"
        cursor.execute(aged, [old.pk])
        cursor.execute("SET session_replication_role = DEFAULT")
    old.refresh_from_db()
    assert proofs.find_renewal(old) == later


def test_verifier_accepts_checkpoint_of_new_origin_for_old_entries(inline: SyncRunner, broken: Path) -> None:
    checks = {check.name: check for check in Verifier(build_own_trust(inline.services, "")).verify(broken).checks}
    assert checks["checkpoint"].state is State.PASSED
    assert "example.org/second" in checks["checkpoint"].sentence
    assert checks["consistency"].state is State.PASSED
    assert "exhibit.localhost/log" in checks["consistency"].sentence
    assert checks["registration"].state is State.PASSED


def test_registration_is_proven_when_only_the_new_origin_is_trusted(inline: SyncRunner, broken: Path) -> None:
    trust = build_own_trust(inline.services, "")
    checks = {check.name: check for check in Verifier(replace(trust, logs=trust.logs[-1:])).verify(broken).checks}
    assert checks["registration"].state is State.PASSED
    checks = {check.name: check for check in Verifier(replace(trust, logs=())).verify(broken).checks}
    assert checks["checkpoint"].state is State.NOT_CHECKED


def test_every_checkpoint_of_a_bundle_is_compared_with_the_log(inline: SyncRunner, broken: Path) -> None:
    assert len(list_checkpoints(broken)) >= 2
    outcomes = {result.outcome for result in compare_with_files(inline.services, [broken])}
    assert outcomes == {CheckpointRelation.CONTINUED, CheckpointRelation.EARLIER_NAME}


def add_receipt(checkpoint: LogCheckpoint, witness: str) -> None:
    digest = Digest.from_bytes(f"{checkpoint.pk} {witness}".encode())
    AnchorReceipt.objects.create(kind="evm", service=witness, digest=digest, checkpoint=checkpoint, state="done")


def test_checkpoint_with_most_timestamps_is_selected_for_a_seal(inline: SyncRunner) -> None:
    seal = submit_entry(EntryType.SEAL, {"manifest": "00"})
    assert seal is not None
    assert proofs.select_best_checkpoints([seal.pk]) == {}
    checkpoints = []
    for number in range(3):
        submit_entry(EntryType.CASE, {"number": number})
        sequence_log(inline.services)
        checkpoint = sign_checkpoint(inline.services)
        assert checkpoint is not None
        checkpoints.append(checkpoint)
    assert proofs.select_best_checkpoints([seal.pk]) == {seal.pk: checkpoints[0].pk}
    for checkpoint in checkpoints[1:]:
        add_receipt(checkpoint, "chain")
    assert proofs.select_best_checkpoints([seal.pk]) == {seal.pk: checkpoints[1].pk}
    add_receipt(checkpoints[2], "other")
    assert proofs.select_best_checkpoints([seal.pk]) == {seal.pk: checkpoints[2].pk}


def test_crawl_record_keeps_the_last_response_and_header_order() -> None:
    headers, moment = [["Content-Type", "image/jpeg"], ["ETag", '"a"'], ["ETag", '"b"']], now()
    row = Sighting(
        picture=Picture(digest=Digest.from_bytes(b"x")),
        page_url="https://shop.example/",
        image_url="https://shop.example/a.jpg",
        final_url="https://cdn.example/a.jpg",
        status=206,
        response_headers=headers,
        peer="192.0.2.1:443",
        certificate=f"expired sha256:{'5e' * 32}",
        first_seen=moment.replace(year=2020),
        last_seen=moment,
    )
    record = to_record(row)
    assert (record.picture, record.final_url, record.status) == (
        Digest.from_bytes(b"x"),
        "https://cdn.example/a.jpg",
        206,
    )
    assert record.headers == tuple((name, value) for name, value in headers)
    assert (record.peer, record.seen) == ("192.0.2.1:443", moment)
    assert record.certificate == f"expired sha256:{'5e' * 32}"
