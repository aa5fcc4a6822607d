"""Test that checkpoints saved by third parties are compared with the log, and that a conflict requires a new origin."""

from dataclasses import replace
from pathlib import Path

import pytest

from desk.cli.trust import build_own_trust
from evidence.anchors.rfc3161.kind import Rfc3161Config
from evidence.log.append_only import BrokenHistoryError
from evidence.log.notes import parse_verifier_key, verify_note
from evidence.verdict.trust import load_trust
from evidence.verify.verifier import list_checkpoints
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError, InvalidRequestError
from registry.log import local_log
from registry.log.history import CheckpointRelation, accept_checkpoint, compare_with_files, start_new_origin
from registry.log.local_log import get_log
from registry.log.log import submit_entry
from registry.log.replay import replay
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import Bundle, LogCheckpoint, LogEntry, LogOpening, LogOrigin, StepState
from tests.assets.log_in_chunks import append_and_sign, log_in_chunks
from tests.assets.sealed_bundles import create_sealed_bundle, run_until_sealed
from workers.tasks.sync_runner import SyncRunner

__all__ = ["log_in_chunks"]


def test_key_of_the_old_origin_stays_in_the_trust_list_after_key_loss(inline: SyncRunner) -> None:
    append_and_sign(inline, 1)
    old = get_log(inline.services).get_verifier_key()
    (inline.services.config.data_dir / "secrets" / "log.key").unlink()
    inline.services._instances.clear()
    submit_entry(EntryType.CASE, {"number": 1})
    sequence_log(inline.services)
    with pytest.raises(BrokenHistoryError):
        sign_checkpoint(inline.services)
    start_new_origin(inline.services, by="Ann", reason="The key was lost.", name="example.org/second")
    later = sign_checkpoint(inline.services)
    assert later is not None
    assert [log.vkey for log in build_own_trust(inline.services, "").logs] == [
        old,
        get_log(inline.services).get_verifier_key(),
    ]
    assert parse_verifier_key(old)[1] != parse_verifier_key(get_log(inline.services).get_verifier_key())[1]
    assert verify_note(later.note, get_log(inline.services).get_verifier_key()).size == later.size


def test_trust_list_contains_only_certificates_and_rejects_unreadable_roots(inline: SyncRunner, tmp_path: Path) -> None:
    [known_authority, *_] = load_trust().authorities
    roots = tmp_path / "roots.pem"
    roots.write_text(f"# 根证书 of {known_authority.name}\n{known_authority.certificates[0]}", "utf-8")
    authority = Rfc3161Config(kind="rfc3161", name="ours", urls=("https://tsa.example/",), roots=roots)
    inline.services.config = replace(inline.services.config, anchors=(authority,))
    [own_authority] = build_own_trust(inline.services, "").authorities
    assert own_authority.roots == known_authority.roots[:1]
    assert "根" not in own_authority.certificates[0]
    for spoil, message in (
        (lambda: roots.write_bytes(b"\xff"), "contains no readable root"),
        (roots.unlink, "cannot be read"),
    ):
        spoil()
        with pytest.raises(InvalidRequestError, match=message):
            build_own_trust(inline.services, "")


@pytest.mark.long
def test_bundles_are_sealed_after_log_signing_resumes(inline: SyncRunner) -> None:
    append_and_sign(inline, 1)
    checkpoint_path = inline.services.config.data_dir / "log.head"
    checkpoint_path.unlink()
    with pytest.raises(AssertionError):  # the helper expects a sealed bundle
        create_sealed_bundle(inline)
    bundle = Bundle.objects.get()
    assert (bundle.state, bundle.attempts) == (StepState.QUEUED, 0)
    assert "POST /operator/log/accept-head" in bundle.error
    accept_checkpoint(inline.services, by="Ann", reason="a test")
    Bundle.objects.update(not_before=None, error="")
    assert run_until_sealed(inline, bundle).state == StepState.DONE


@pytest.fixture
def saved_checkpoint(log_in_chunks: SyncRunner, tmp_path: Path) -> Path:
    """A checkpoint saved by a third party."""
    path = tmp_path / "seen.txt"
    path.write_text(LogCheckpoint.objects.get(size=3).note, "utf-8")
    return path


def write_other_checkpoint(inline: SyncRunner, origin: str, size: int, path: Path) -> Path:
    """Write a checkpoint signed with the log's own key that is inconsistent with this log."""
    from evidence.log.notes import sign_note

    path.write_text(sign_note(origin, size, bytes(32), local_log.get_log_signer(inline.services)).note, "utf-8")
    return path


def test_consistent_external_checkpoint_is_accepted(log_in_chunks: SyncRunner, saved_checkpoint: Path) -> None:
    [result] = compare_with_files(log_in_chunks.services, [saved_checkpoint, saved_checkpoint])
    assert (result.outcome, result.size) == (CheckpointRelation.CONTINUED, 3)
    append_and_sign(log_in_chunks, 1)
    assert len(list_checkpoints(saved_checkpoint)) == 1


@pytest.mark.parametrize("size", [2, 99])
def test_inconsistent_checkpoint_stops_signing_until_a_new_origin_starts(
    log_in_chunks: SyncRunner, tmp_path: Path, size: int
) -> None:
    old = get_log(log_in_chunks.services).origin
    [result] = compare_with_files(
        log_in_chunks.services, [write_other_checkpoint(log_in_chunks, old, size, tmp_path / "other.txt")]
    )
    assert result.outcome is CheckpointRelation.BROKEN
    with pytest.raises(BrokenHistoryError):
        append_and_sign(log_in_chunks, 1)
    assert replay(log_in_chunks.services).problems
    with pytest.raises(BrokenHistoryError):
        accept_checkpoint(log_in_chunks.services, by="Ann", reason="wishful")
    new = start_new_origin(log_in_chunks.services, by="Ann", reason="restored")
    assert new.startswith(f"{old}-")
    append_and_sign(log_in_chunks, 2)
    assert replay(log_in_chunks.services).problems == []
    opening = LogOpening.objects.get(submission__type=EntryType.ORIGIN)
    assert (opening.content["from"], opening.content["to"]) == (old, new)
    assert (opening.content["seen"]["size"], opening.content["shared"]["size"]) == (size, 21)
    assert "restored" not in str(opening.content)
    [second_comparison] = compare_with_files(log_in_chunks.services, [tmp_path / "other.txt"])
    assert second_comparison.outcome is CheckpointRelation.EARLIER_NAME


def test_origin_lost_by_a_restore_cannot_be_reused(log_in_chunks: SyncRunner, tmp_path: Path) -> None:
    lost_checkpoint = write_other_checkpoint(log_in_chunks, "exhibit.localhost/log-lost", 5, tmp_path / "lost.txt")
    [result] = compare_with_files(log_in_chunks.services, [lost_checkpoint])
    assert result.outcome == CheckpointRelation.BROKEN
    for used in ("exhibit.localhost/log-lost", "exhibit.localhost/log"):
        with pytest.raises(InvalidRequestError):
            start_new_origin(log_in_chunks.services, by="Ann", reason="x", name=used)
    start_new_origin(log_in_chunks.services, by="Ann", reason="x", name="exhibit.localhost/third")
    append_and_sign(log_in_chunks, 1)
    names = ["exhibit.localhost/log", "exhibit.localhost/log-lost", "exhibit.localhost/third"]
    assert list(LogOrigin.objects.order_by("pk").values_list("name", flat=True)) == names
    assert LogCheckpoint.objects.order_by("-pk").first().origin == names[-1]  # type: ignore[union-attr]


def test_checkpoint_of_other_log_is_not_compared(log_in_chunks: SyncRunner, tmp_path: Path) -> None:
    path = tmp_path / "other.txt"
    path.write_text(LogCheckpoint.objects.get(size=3).note.replace("localhost", "elsewhere"), "utf-8")
    [result] = compare_with_files(log_in_chunks.services, [path])
    assert result.outcome is CheckpointRelation.ANOTHER_LOG
    path.write_text("nothing", "utf-8")
    with pytest.raises(IntegrityError):
        compare_with_files(log_in_chunks.services, [path])


def test_operator_decision_after_a_lost_checkpoint_is_recorded_in_the_log(log_in_chunks: SyncRunner) -> None:
    checkpoint_path = log_in_chunks.services.config.data_dir / "log.head"
    copy = checkpoint_path.with_name("copy")
    copy.write_bytes(checkpoint_path.read_bytes())
    checkpoint_path.unlink()
    with pytest.raises(BrokenHistoryError):
        append_and_sign(log_in_chunks, 1)
    copy.rename(checkpoint_path)
    with pytest.raises(BrokenHistoryError):
        append_and_sign(log_in_chunks, 1)
    accepted = accept_checkpoint(log_in_chunks.services, by="Ann", reason="moved to a new disk")
    assert accepted is not None
    assert accepted.size == 21
    append_and_sign(log_in_chunks, 1)
    assert replay(log_in_chunks.services).problems == []
    assert LogOpening.objects.get(submission__type=EntryType.ORIGIN).content["what"] == "kept"
    assert LogEntry.objects.count() >= 22
