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
from exhibit.entries import Entry, EntryType, commit
from exhibit.errors import IntegrityError, WrongUseError
from tests.assets.folder_log import FolderLogStore


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(FolderLogStore(tmp_path / "log"), FileSigner(tmp_path / "log.pem"), "example.org/log")


def entries(count: int, start: int = 0) -> list[Entry]:
    time = datetime(2026, 11, 20, tzinfo=UTC)
    return [Entry(EntryType.SEAL, time, commit({"n": number}, bytes(32))[0]) for number in range(start, start + count)]


def test_entries_get_the_next_sequence_numbers(log: Log) -> None:
    assert log.append(entries(3)) == [0, 1, 2]
    assert log.append([]) == []
    assert log.append(entries(2, 3)) == [3, 4]


def test_a_checkpoint_with_its_proofs_convinces_who_holds_the_public_key_alone(log: Log) -> None:
    log.append(entries(5))
    early = verify_note(log.checkpoint().note, log.vkey())
    log.append(entries(20, 5))
    late = verify_note(log.checkpoint().note, log.vkey())
    assert (early.size, late.size) == (5, 25)
    for sequence, each in enumerate(entries(25)):
        path = log.inclusion(sequence, 25)
        assert merkle.verify_inclusion(each.leaf_hash, sequence, 25, path, late.root)
    assert merkle.verify_consistency(5, 25, early.root, late.root, log.consistency(5, 25))


def test_nothing_new_is_signed_when_nothing_was_appended(log: Log) -> None:
    assert log.checkpoint().size == 0
    log.append(entries(2))
    assert log.checkpoint() == log.checkpoint()


def test_a_store_that_was_set_back_signs_nothing_until_it_gets_a_new_origin(tmp_path: Path) -> None:
    head = FileCheckpointStore(tmp_path / "log.head")
    signer = load_log_key(tmp_path / "log.pem", head, "example.org/log")
    Log(FolderLogStore(tmp_path / "old"), signer, "example.org/log", head).append(entries(2))
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    log = Log(FolderLogStore(tmp_path / "new"), signer, "example.org/log", head)
    log.append(entries(3, 2))
    assert log.checkpoint().size == 5

    back = Log(FolderLogStore(tmp_path / "old"), signer, "example.org/log", head)
    with pytest.raises(IntegrityError, match="fewer than"):
        back.checkpoint()
    back.append(entries(4, 10))
    with pytest.raises(IntegrityError, match="do not match"):
        back.checkpoint()
    renewed = Log(FolderLogStore(tmp_path / "old"), signer, "example.org/log2", head, ["example.org/log"])
    assert renewed.checkpoint().size == 6
    assert renewed.vkeys() == [log.vkey(), renewed.vkey()]
    older = Log(FolderLogStore(tmp_path / "old"), signer, "example.org/log", head)
    with pytest.raises(BrokenHistoryError, match="does not know"):
        older.checkpoint()


def test_proofs_about_what_is_not_there_are_wrong_use(log: Log) -> None:
    log.append(entries(3))
    for sequence, size in ((3, 3), (0, 4)):
        with pytest.raises(WrongUseError):
            log.inclusion(sequence, size)
    for old, new in ((3, 2), (3, 4)):
        with pytest.raises(WrongUseError):
            log.consistency(old, new)


def test_a_log_restored_to_an_earlier_state_signs_nothing_more_under_its_name(log: Log, tmp_path: Path) -> None:
    log.append(entries(3))
    log.checkpoint()
    log.append(entries(3, 3))
    checkpoint = log.checkpoint()
    (tmp_path / "log" / "size").write_text("3\n")
    with pytest.raises(IntegrityError, match="fewer than"):
        log.checkpoint()
    log.append(entries(5, 50))
    with pytest.raises(IntegrityError, match="do not match"):
        log.checkpoint()
    with pytest.raises(IntegrityError, match="do not match"):
        log.check_continues(checkpoint)
    renewed = Log(
        FolderLogStore(tmp_path / "log"),
        FileSigner(tmp_path / "log.pem"),
        "example.org/log-2",
        None,
        [checkpoint.origin],
    )
    assert verify_note(renewed.checkpoint().note, renewed.vkey()).size == 8


def test_a_log_that_lost_bytes_says_so(log: Log, tmp_path: Path) -> None:
    log.append(entries(4))
    level = tmp_path / "log" / "level-00"
    os.truncate(level, 40)
    with pytest.raises(IntegrityError, match="too short"):
        log.inclusion(2, 4)
    with pytest.raises(IntegrityError, match="too short"):
        log.append(entries(1))


KILLED = """
import sys
from pathlib import Path
from tests.assets import folder_log
from evidence.log.append_only import Log
from evidence.keys.ed25519 import FileSigner
import os
folder, stage = Path(sys.argv[1]), sys.argv[2]
from tests.evidence.log.test_append_only import entries
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
Log(folder_log.FolderLogStore(folder / "log"), signer, "example.org/log").append(entries(9, 100))
"""


@pytest.mark.parametrize("stage", ["torn", "before-commit"])
def test_a_process_that_dies_while_writing_leaves_the_log_as_it_was(log: Log, tmp_path: Path, stage: str) -> None:
    log.append(entries(5))
    before = log.checkpoint()
    died = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), stage], check=False)
    assert died.returncode == 9
    assert log.checkpoint() == before
    log.append(entries(4, 5))
    after = log.checkpoint()
    for sequence, each in enumerate(entries(9)):
        assert merkle.verify_inclusion(each.leaf_hash, sequence, 9, log.inclusion(sequence, 9), after.root)
