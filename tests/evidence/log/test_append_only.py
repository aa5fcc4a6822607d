import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evidence.keys.ed25519 import FileSigner
from evidence.log import merkle
from evidence.log.append_only import BrokenHistoryError, Log, load_log_key
from evidence.log.checkpoint_stores import FileCheckpointStore
from evidence.log.notes import verify_note
from exhibit.entries import Entry, EntryType, compute_commitment
from exhibit.errors import IntegrityError, InvalidRequestError
from tests.assets.folder_log import FolderLogStore


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(FolderLogStore(tmp_path / "log"), FileSigner(tmp_path / "log.pem"), "example.org/log")


def create_entries(count: int, start: int = 0) -> list[Entry]:
    time = datetime(2026, 11, 20, tzinfo=UTC)
    return [
        Entry(EntryType.SEAL, time, compute_commitment({"n": number}, bytes(32))[0])
        for number in range(start, start + count)
    ]


def test_entries_get_consecutive_sequence_numbers(log: Log) -> None:
    assert log.append(create_entries(3)) == [0, 1, 2]
    assert log.append([]) == []
    assert log.append(create_entries(2, 3)) == [3, 4]


def test_checkpoint_and_proofs_verify_with_public_key(log: Log) -> None:
    log.append(create_entries(5))
    early = verify_note(log.sign_checkpoint().note, log.get_verifier_key())
    log.append(create_entries(20, 5))
    late = verify_note(log.sign_checkpoint().note, log.get_verifier_key())
    assert (early.size, late.size) == (5, 25)
    for sequence, each in enumerate(create_entries(25)):
        path = log.prove_inclusion(sequence, 25)
        assert merkle.verify_inclusion(each.leaf_hash, sequence, 25, path, late.root)
    assert merkle.verify_consistency(5, 25, early.root, late.root, log.prove_consistency(5, 25))


def test_unchanged_log_is_not_signed_again(log: Log) -> None:
    assert log.sign_checkpoint().size == 0
    log.append(create_entries(2))
    assert log.sign_checkpoint() == log.sign_checkpoint()


def test_log_restored_to_an_older_state_signs_nothing_until_a_new_origin_starts(tmp_path: Path) -> None:
    head = FileCheckpointStore(tmp_path / "log.head")
    signer = load_log_key(tmp_path / "log.pem", head, "example.org/log")
    Log(FolderLogStore(tmp_path / "old"), signer, "example.org/log", head).append(create_entries(2))
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    log = Log(FolderLogStore(tmp_path / "new"), signer, "example.org/log", head)
    log.append(create_entries(3, 2))
    assert log.sign_checkpoint().size == 5

    back = Log(FolderLogStore(tmp_path / "old"), signer, "example.org/log", head)
    with pytest.raises(IntegrityError, match="fewer than"):
        back.sign_checkpoint()
    back.append(create_entries(4, 10))
    with pytest.raises(IntegrityError, match="do not match"):
        back.sign_checkpoint()
    renewed = Log(FolderLogStore(tmp_path / "old"), signer, "example.org/log2", head, ["example.org/log"])
    assert renewed.sign_checkpoint().size == 6
    assert renewed.list_verifier_keys() == [log.get_verifier_key(), renewed.get_verifier_key()]
    older = Log(FolderLogStore(tmp_path / "old"), signer, "example.org/log", head)
    with pytest.raises(BrokenHistoryError, match="does not contain"):
        older.sign_checkpoint()


def test_proofs_for_missing_entries_are_rejected(log: Log) -> None:
    log.append(create_entries(3))
    for sequence, size in ((3, 3), (0, 4)):
        with pytest.raises(InvalidRequestError):
            log.prove_inclusion(sequence, size)
    for old, new in ((3, 2), (3, 4)):
        with pytest.raises(InvalidRequestError):
            log.prove_consistency(old, new)


def test_restored_log_does_not_sign_under_its_old_name(log: Log, tmp_path: Path) -> None:
    log.append(create_entries(3))
    log.sign_checkpoint()
    log.append(create_entries(3, 3))
    checkpoint = log.sign_checkpoint()
    (tmp_path / "log" / "size").write_text("3\n")
    with pytest.raises(IntegrityError, match="fewer than"):
        log.sign_checkpoint()
    log.append(create_entries(5, 50))
    with pytest.raises(IntegrityError, match="do not match"):
        log.sign_checkpoint()
    with pytest.raises(IntegrityError, match="do not match"):
        log.check_continues(checkpoint)
    renewed = Log(
        FolderLogStore(tmp_path / "log"),
        FileSigner(tmp_path / "log.pem"),
        "example.org/log-2",
        None,
        [checkpoint.origin],
    )
    assert verify_note(renewed.sign_checkpoint().note, renewed.get_verifier_key()).size == 8


def test_truncated_log_raises(log: Log, tmp_path: Path) -> None:
    log.append(create_entries(4))
    level = tmp_path / "log" / "level-00"
    os.truncate(level, 40)
    with pytest.raises(IntegrityError, match="too short"):
        log.prove_inclusion(2, 4)
    with pytest.raises(IntegrityError, match="too short"):
        log.append(create_entries(1))


CRASHING_PROGRAM = """
import sys
from pathlib import Path
from tests.assets import folder_log
from evidence.log.append_only import Log
from evidence.keys.ed25519 import FileSigner
import os
folder, stage = Path(sys.argv[1]), sys.argv[2]
from tests.evidence.log.test_append_only import create_entries
real_write, real_replace, writes = folder_log._write_at, folder_log._replace, [0]
def write(path, offset, data):
    writes[0] += 1
    if stage == "torn" and writes[0] == 2:
        real_write(path, offset, data[: len(data) // 2])
        os._exit(9)
    real_write(path, offset, data)
def replace(path, data):
    if stage == "before-commit":
        os._exit(9)
    real_replace(path, data)
folder_log._write_at, folder_log._replace = write, replace
signer = FileSigner(folder / "log.pem")
Log(folder_log.FolderLogStore(folder / "log"), signer, "example.org/log").append(create_entries(9, 100))
"""


@pytest.mark.parametrize("stage", ["torn", "before-commit"])
def test_crash_while_writing_leaves_log_unchanged(log: Log, tmp_path: Path, stage: str) -> None:
    log.append(create_entries(5))
    before = log.sign_checkpoint()
    died = subprocess.run([sys.executable, "-c", CRASHING_PROGRAM, str(tmp_path), stage], check=False)
    assert died.returncode == 9
    assert log.sign_checkpoint() == before
    log.append(create_entries(4, 5))
    after = log.sign_checkpoint()
    for sequence, each in enumerate(create_entries(9)):
        assert merkle.verify_inclusion(each.leaf_hash, sequence, 9, log.prove_inclusion(sequence, 9), after.root)
