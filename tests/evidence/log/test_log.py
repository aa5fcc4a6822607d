import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evidence.keys.ed25519 import FileSigner
from evidence.log import merkle
from evidence.log.append_only import BrokenHistoryError, Log, log_key, verify_note
from exhibit.entries import Entry, EntryType, commit
from exhibit.errors import IntegrityError, ServiceMissingError, WrongUseError
from tests.assets.folder_log import FolderLogStore


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(FolderLogStore(tmp_path / "log"), FileSigner(tmp_path / "log.pem"), "example.org/log")


def remembering(folder: Path, key: Path | None = None) -> tuple[Log, Path]:
    """A log with the file of its head, in a folder."""
    head = folder / "log.head"
    signer = log_key(key or folder / "log.pem", head, "example.org/log")
    return Log(FolderLogStore(folder / "log"), signer, "example.org/log", head), head


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
    head = tmp_path / "log.head"
    signer = log_key(tmp_path / "log.pem", head, "example.org/log")
    Log(FolderLogStore(tmp_path / "old"), signer, "example.org/log", head).append(entries(2))
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    log = Log(FolderLogStore(tmp_path / "new"), signer, "example.org/log", head)
    log.append(entries(3, 2))
    assert log.checkpoint().size == 5

    back = Log(FolderLogStore(tmp_path / "old"), signer, "example.org/log", head)
    with pytest.raises(IntegrityError, match="shorter"):
        back.checkpoint()
    back.append(entries(4, 10))
    with pytest.raises(IntegrityError, match="aren't those"):
        back.checkpoint()
    renewed = Log(FolderLogStore(tmp_path / "old"), signer, "example.org/log2", head, ["example.org/log"])
    assert renewed.checkpoint().size == 6
    assert renewed.vkeys() == [log.vkey(), renewed.vkey()]
    older = Log(FolderLogStore(tmp_path / "old"), signer, "example.org/log", head)
    with pytest.raises(BrokenHistoryError, match="doesn't know"):
        older.checkpoint()


def test_a_log_whose_head_is_missing_or_was_copied_signs_nothing_until_that_is_settled(tmp_path: Path) -> None:
    log, head = remembering(tmp_path)
    log.append(entries(2))
    signed = log.checkpoint()
    log.append(entries(1, 2))
    copied = tmp_path / "copy"
    shutil.copy(head, copied)
    head.unlink()
    with pytest.raises(BrokenHistoryError, match="is missing"):
        log.checkpoint()
    copied.rename(head)
    with pytest.raises(BrokenHistoryError, match="was copied here"):
        log.checkpoint()
    log.remember(signed)
    assert log.checkpoint().size == 3


def test_the_head_that_an_earlier_version_wrote_counts_and_a_damaged_one_stops_signing(tmp_path: Path) -> None:
    log, head = remembering(tmp_path)
    log.append(entries(2))
    head.write_text(log.checkpoint().note, "utf-8")
    log.append(entries(1, 2))
    signed = log.checkpoint()
    assert signed.size == 3
    log.append(entries(1, 3))
    for damaged in (b"{", b'{"place": "1"}', b'{"note": 1, "place": 1}', b"no note", b"\xff\xfe", b""):
        head.write_bytes(damaged)
        with pytest.raises(BrokenHistoryError, match=r"can't be read.*check-against"):
            log.checkpoint()
        assert log.head() is None
    log.remember(signed)
    assert log.checkpoint().size == 4


def test_a_key_from_elsewhere_signs_nothing_without_what_was_signed_before(tmp_path: Path) -> None:
    log, head = remembering(tmp_path)
    assert log.checkpoint().size == 0
    log.append(entries(1))
    head.unlink()
    (tmp_path / "restored").mkdir()
    restored, _ = remembering(tmp_path / "restored", key=tmp_path / "log.pem")
    restored.append(entries(1))
    for each in (log, restored):
        with pytest.raises(BrokenHistoryError, match=r"is missing. 0 entries.*check-against"):
            each.checkpoint()
        each.remember(each.empty_head())
        assert each.checkpoint().size == 1


def test_a_head_of_no_entries_holds_nobody_to_a_name(tmp_path: Path) -> None:
    _, head = remembering(tmp_path)
    log = Log(FolderLogStore(tmp_path / "log"), FileSigner(tmp_path / "log.pem"), "example.org/ours", head)
    log.append(entries(1))
    assert log.checkpoint().origin == "example.org/ours"


def test_another_key_than_the_one_that_signed_signs_nothing_under_its_name(tmp_path: Path) -> None:
    log, head = remembering(tmp_path)
    log.append(entries(2))
    log.checkpoint()
    (tmp_path / "log.pem").rename(tmp_path / "kept.pem")
    other, _ = remembering(tmp_path)
    for _ in range(2):
        with pytest.raises(BrokenHistoryError, match=r"isn't the one that signed before.*secrets/log.key"):
            other.check_history()
        head.unlink(missing_ok=True)  # the head in the rows tells it as well
    renewed = Log(FolderLogStore(tmp_path / "log"), FileSigner(tmp_path / "log.pem"), "b.org/log", head, [log.origin])
    renewed.remember(renewed.empty_head())
    renewed.append(entries(1, 2))
    assert verify_note(renewed.checkpoint().note, renewed.vkey()).size == 3


def test_the_place_of_the_head_is_the_same_in_every_time_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, head = remembering(tmp_path)
    for number, zone in enumerate(["Asia/Shanghai", "America/St_Johns"]):
        monkeypatch.setenv("TZ", zone)
        log.append(entries(1, number))
        assert log.checkpoint().size == number + 1
    local = subprocess.run(["stat", "--format", "%i %w", head], check=True, capture_output=True, text=True).stdout
    as_before = {**json.loads(head.read_text("utf-8")), "place": local.strip()}
    with head.open("r+", encoding="utf-8") as file:  # the same file, as an earlier version wrote it
        json.dump(as_before, file)
        file.truncate()
    assert "-0330" in local
    log.append(entries(1, 2))
    assert log.checkpoint().size == 3


def test_a_stat_that_is_broken_off_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, head = remembering(tmp_path)
    log.append(entries(1))
    log.checkpoint()
    before = head.read_bytes()
    log.append(entries(1, 1))
    stat = tmp_path / "stat"
    stat.write_text("#!/bin/sh\nkill -9 $$\n", "ascii")
    stat.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        with pytest.raises(ServiceMissingError, match="stat"):
            log.checkpoint()
        with pytest.raises(ServiceMissingError, match="stat"):
            log.remember(log.empty_head())
    assert head.read_bytes() == before
    assert log.checkpoint().size == 2


def test_a_head_that_is_replaced_while_it_is_read_was_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, head = remembering(tmp_path)
    read, others = Path.read_text, iter([log.empty_head()])

    def read_text(path: Path, encoding: str) -> str:
        text = read(path, encoding)
        for one in others:
            log.remember(one)
        return text

    monkeypatch.setattr(Path, "read_text", read_text)
    kept = log.head()
    assert kept is not None
    assert not kept.moved
    assert head.exists()


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
    seen = log.checkpoint()
    (tmp_path / "log" / "size").write_text("3\n")
    with pytest.raises(IntegrityError, match="shorter"):
        log.checkpoint()
    log.append(entries(5, 50))
    with pytest.raises(IntegrityError, match="aren't those"):
        log.checkpoint()
    with pytest.raises(IntegrityError, match="aren't those"):
        log.check_continues(seen)
    renewed = Log(
        FolderLogStore(tmp_path / "log"), FileSigner(tmp_path / "log.pem"), "example.org/log-2", None, [seen.origin]
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
from tests.evidence.log.test_log import entries
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
