"""Test the record of the last signed checkpoint, in a file or a bucket, which prevents contradicting signatures."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from evidence.keys.ed25519 import FileSigner
from evidence.log.append_only import VERIFY_HINT, BrokenHistoryError, Log, load_log_key
from evidence.log.checkpoint_stores import BucketCheckpointStore, FileCheckpointStore
from evidence.log.notes import verify_note
from exhibit.errors import ConfigError, ServiceMissingError, StorageError
from exhibit.files.bucket import Bucket, BucketFolder
from exhibit.ports import CheckpointStore, SignedCheckpoint
from tests.assets.folder_log import FolderLogStore
from tests.assets.swift_server import bucket_on
from tests.evidence.log.test_append_only import create_entries

StoreFactory = Callable[[str], CheckpointStore]
"""Returns the record of each machine, by name; all machines share a bucket if there is one."""


def open_log(folder: Path, key: Path | None = None) -> tuple[Log, Path]:
    """Return a log and the file of its last checkpoint, in a folder."""
    head = folder / "log.head"
    signer = load_log_key(key or folder / "log.pem", FileCheckpointStore(head), "example.org/log")
    return Log(FolderLogStore(folder / "log"), signer, "example.org/log", FileCheckpointStore(head)), head


def test_missing_or_copied_checkpoint_blocks_signing(
    tmp_path: Path,
) -> None:
    log, head = open_log(tmp_path)
    log.append(create_entries(2))
    signed = log.sign_checkpoint()
    log.append(create_entries(1, 2))
    copied = tmp_path / "copy"
    shutil.copy(head, copied)
    head.unlink()
    with pytest.raises(BrokenHistoryError, match="is missing"):
        log.sign_checkpoint()
    copied.rename(head)
    with pytest.raises(BrokenHistoryError, match="was copied here"):
        log.sign_checkpoint()
    log.store_checkpoint(signed)
    assert log.sign_checkpoint().size == 3


class DyingCheckpointStore(FileCheckpointStore):
    """A record whose process dies before it stores that its new key has signed nothing."""

    def begin(self, checkpoint: SignedCheckpoint) -> None:
        raise KeyboardInterrupt(checkpoint)


def test_crash_while_creating_key_leaves_usable_log(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        load_log_key(tmp_path / "log.pem", DyingCheckpointStore(tmp_path / "log.head"), "example.org/log")
    log, _ = open_log(tmp_path)
    log.append(create_entries(2))
    assert log.sign_checkpoint().size == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "log.head", "log.pem"]


def test_no_key_is_created_if_the_data_folder_is_missing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for make in (
        FileSigner,
        lambda path: load_log_key(path, FileCheckpointStore(data / "log.head"), "example.org/log"),
    ):
        with pytest.raises(ConfigError, match="no key was created"):
            make(data / "secrets" / "log.key")
        assert not data.exists()


def test_damaged_checkpoint_blocks_signing(tmp_path: Path) -> None:
    log, head = open_log(tmp_path)
    log.append(create_entries(3))
    signed = log.sign_checkpoint()
    log.append(create_entries(1, 3))
    for damaged in (b"{", b'{"place": "1"}', b'{"note": 1, "place": 1}', b"no note", b"\xff\xfe", b""):
        head.write_bytes(damaged)
        with pytest.raises(BrokenHistoryError) as refused:
            log.sign_checkpoint()
        assert refused.value.hint == VERIFY_HINT
        assert log.read_stored_checkpoint() is None
    log.store_checkpoint(signed)
    assert log.sign_checkpoint().size == 4


def test_existing_key_without_stored_checkpoint_blocks_signing(tmp_path: Path) -> None:
    log, head = open_log(tmp_path)
    assert log.sign_checkpoint().size == 0
    log.append(create_entries(1))
    head.unlink()
    (tmp_path / "restored").mkdir()
    restored, _ = open_log(tmp_path / "restored", key=tmp_path / "log.pem")
    restored.append(create_entries(1))
    for each in (log, restored):
        with pytest.raises(BrokenHistoryError) as refused:
            each.sign_checkpoint()
        assert refused.value.hint == VERIFY_HINT
        each.store_checkpoint(each.create_empty_checkpoint())
        assert each.sign_checkpoint().size == 1


def test_checkpoint_of_an_empty_log_does_not_fix_the_origin(tmp_path: Path) -> None:
    _, head = open_log(tmp_path)
    log = Log(
        FolderLogStore(tmp_path / "log"),
        FileSigner(tmp_path / "log.pem"),
        "example.org/ours",
        FileCheckpointStore(head),
    )
    log.append(create_entries(1))
    assert log.sign_checkpoint().origin == "example.org/ours"


def test_replaced_key_does_not_sign_under_old_name(tmp_path: Path) -> None:
    log, head = open_log(tmp_path)
    log.append(create_entries(2))
    log.sign_checkpoint()
    (tmp_path / "log.pem").rename(tmp_path / "kept.pem")
    other, _ = open_log(tmp_path)
    for _ in range(2):
        with pytest.raises(BrokenHistoryError, match=r"secrets/log\.key"):
            other.check_history()
        head.unlink(missing_ok=True)  # the checkpoint in the rows is detected as well
    key, head_file = FileSigner(tmp_path / "log.pem"), FileCheckpointStore(head)
    renewed = Log(FolderLogStore(tmp_path / "log"), key, "b.org/log", head_file, [log.origin])
    renewed.store_checkpoint(renewed.create_empty_checkpoint())
    renewed.append(create_entries(1, 2))
    assert verify_note(renewed.sign_checkpoint().note, renewed.get_verifier_key()).size == 3


def test_checkpoint_location_is_independent_of_time_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, _ = open_log(tmp_path)
    for number, zone in enumerate(["Asia/Shanghai", "America/St_Johns"]):
        monkeypatch.setenv("TZ", zone)
        log.append(create_entries(1, number))
        assert log.sign_checkpoint().size == number + 1


def test_killed_stat_command_leaves_the_checkpoint_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, head = open_log(tmp_path)
    log.append(create_entries(1))
    log.sign_checkpoint()
    before = head.read_bytes()
    log.append(create_entries(1, 1))
    stat = tmp_path / "stat"
    stat.write_text("#!/bin/sh\nkill -9 $$\n", "ascii")
    stat.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        with pytest.raises(ServiceMissingError, match="stat"):
            log.sign_checkpoint()
        with pytest.raises(ServiceMissingError, match="stat"):
            log.store_checkpoint(log.create_empty_checkpoint())
    assert head.read_bytes() == before
    assert log.sign_checkpoint().size == 2


def test_checkpoint_replaced_while_reading_is_not_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, head = open_log(tmp_path)
    read_file, heads = Path.read_text, iter([log.create_empty_checkpoint()])

    def read_text(path: Path, encoding: str) -> str:
        text = read_file(path, encoding)
        for log_head in heads:
            log.store_checkpoint(log_head)
        return text

    monkeypatch.setattr(Path, "read_text", read_text)
    stored_head = log.read_stored_checkpoint()
    assert stored_head is not None
    assert not stored_head.is_copied
    assert head.exists()


@pytest.fixture(params=["file", "memory", pytest.param("s3", marks=pytest.mark.long)])
def store_factory(request: pytest.FixtureRequest, tmp_path: Path) -> StoreFactory:
    if request.param == "file":
        return lambda name: FileCheckpointStore(tmp_path / f"{name}.head")
    if request.param == "s3":
        return create_store_factory(bucket_on(request.getfixturevalue("s3"), tmp_path), tmp_path)
    return create_store_factory(create_memory_bucket(tmp_path), tmp_path)


def create_memory_bucket(tmp_path: Path) -> Bucket:
    store = MemoryStore()
    return Bucket(lambda: store, "us", tmp_path / "made")


def create_store_factory(bucket: Bucket, folder: Path) -> StoreFactory:
    return lambda name: BucketCheckpointStore(BucketFolder(bucket, ""), folder / f"{name}.head")


@pytest.fixture
def shared_store_factory(tmp_path: Path) -> StoreFactory:
    return create_store_factory(create_memory_bucket(tmp_path), tmp_path)


def open_restorable_log(folder: Path, head: CheckpointStore, rows: str = "rows") -> Log:
    """Return a log in rows that can be set back, with one key."""
    origin = "example.org/log"
    return Log(FolderLogStore(folder / rows), load_log_key(folder / "log.pem", head, origin), origin, head)


def _grow_log(log: Log) -> Log:
    log.append(create_entries(1, 200))
    return log


def test_checkpoint_is_created_once_and_replaced_in_every_store(store_factory: StoreFactory, tmp_path: Path) -> None:
    assert store_factory("a").read() is None
    log = open_restorable_log(tmp_path, store_factory("a"))
    log.append(create_entries(2))
    signed = log.sign_checkpoint()
    store_factory("a").begin(log.create_empty_checkpoint())
    stored_head = store_factory("a").read()
    assert stored_head is not None
    assert (stored_head.checkpoint, stored_head.is_copied) == (signed, False)
    store_factory("a").set_aside()
    assert store_factory("a").read() is None
    store_factory("a").write(signed)
    assert log.read_stored_checkpoint() is not None


def test_log_rows_restored_from_a_backup_are_not_signed(store_factory: StoreFactory, tmp_path: Path) -> None:
    log = open_restorable_log(tmp_path, store_factory("a"))
    log.append(create_entries(2))
    log.sign_checkpoint()
    shutil.copytree(tmp_path / "rows", tmp_path / "backup")
    log.append(create_entries(3, 2))
    log.sign_checkpoint()
    for fresh, words in ((1, "fewer than"), (9, "do not match")):
        back = open_restorable_log(tmp_path, store_factory("a"), "backup")
        back.append(create_entries(fresh, 100))
        with pytest.raises(BrokenHistoryError, match=words):
            back.sign_checkpoint()


def test_second_machine_never_signs_a_smaller_log(shared_store_factory: StoreFactory, tmp_path: Path) -> None:
    """Test rule 7, with a restored database and the last checkpoint signed by another machine."""
    for machine in ("a", "b"):
        log = open_restorable_log(tmp_path, shared_store_factory(machine))
        log.append(create_entries(2, 10 * len(machine)))
        log.sign_checkpoint()
    shutil.copytree(tmp_path / "rows", tmp_path / "backup")
    log.append(create_entries(3, 50))
    assert log.sign_checkpoint().size == 7
    for machine, words in (("a", "fewer than the 7"), ("b", "fewer than"), ("new", "do not match")):
        with pytest.raises(BrokenHistoryError, match=words):
            _grow_log(open_restorable_log(tmp_path, shared_store_factory(machine), "backup")).sign_checkpoint()
    log = open_restorable_log(tmp_path, shared_store_factory("new"))
    log.append(create_entries(1, 60))
    assert log.sign_checkpoint().size == 8


def test_bucket_rollback_is_detected_by_local_record(tmp_path: Path) -> None:
    store = MemoryStore()
    machines = create_store_factory(Bucket(lambda: store, "us", tmp_path / "made"), tmp_path)
    log = open_restorable_log(tmp_path, machines("a"))
    log.append(create_entries(2))
    log.sign_checkpoint()
    shutil.copytree(tmp_path / "rows", tmp_path / "backup")
    objects = BucketFolder(Bucket(lambda: store, "us", tmp_path / "made"), "")
    [older, _] = objects.get("log.head") or (b"", "")
    log.append(create_entries(3, 2))
    log.sign_checkpoint()
    objects.put("log.head", older)
    back = open_restorable_log(tmp_path, machines("a"), "backup")
    with pytest.raises(BrokenHistoryError, match="fewer than the 5"):
        _grow_log(back).sign_checkpoint()
    elsewhere = open_restorable_log(tmp_path, machines("b"), "backup")  # a new machine cannot detect the rollback
    elsewhere.append(create_entries(4, 70))
    assert elsewhere.sign_checkpoint().size == 7
    with pytest.raises(BrokenHistoryError, match="do not match"):
        back.check_history()
    assert back.read_stored_checkpoint() is not None
    objects.put("log.head", older)  # the original rows are complete, so the old object does no harm
    log.append(create_entries(1, 80))
    assert log.sign_checkpoint().size == 6


@pytest.mark.parametrize("where", ["memory", pytest.param("s3", marks=pytest.mark.long)])
def test_delayed_process_does_not_replace_a_newer_checkpoint(
    request: pytest.FixtureRequest, tmp_path: Path, where: str
) -> None:
    bucket = bucket_on(request.getfixturevalue("s3"), tmp_path) if where == "s3" else create_memory_bucket(tmp_path)
    machines = create_store_factory(bucket, tmp_path)
    late, other = open_restorable_log(tmp_path, machines("a")), open_restorable_log(tmp_path, machines("b"))
    late.append(create_entries(1))
    older = late.sign_checkpoint()
    late.check_history()
    other.append(create_entries(1, 1))
    newer = other.sign_checkpoint()
    with pytest.raises(StorageError, match="Another process replaced"):
        late.store_checkpoint(older)
    stored_head = machines("c").read()
    assert stored_head is not None
    assert stored_head.checkpoint == newer


def test_checkpoint_moves_from_folder_to_bucket_unchanged(shared_store_factory: StoreFactory, tmp_path: Path) -> None:
    before = open_restorable_log(tmp_path, FileCheckpointStore(tmp_path / "a.head"))
    before.append(create_entries(2))
    before.sign_checkpoint()
    shutil.copy(tmp_path / "a.head", tmp_path / "copy.head")
    after = open_restorable_log(tmp_path, shared_store_factory("copy"))
    after.append(create_entries(1, 2))
    with pytest.raises(BrokenHistoryError, match="is missing"):
        after.sign_checkpoint()
    assert open_restorable_log(tmp_path, shared_store_factory("a")).sign_checkpoint().size == 3
    shared_store_factory("a").set_aside()
    with pytest.raises(BrokenHistoryError, match="is missing"):  # no machine has a record of the lost checkpoint
        open_restorable_log(tmp_path, shared_store_factory("a")).check_history()
    after.store_checkpoint(after.create_empty_checkpoint())
    with pytest.raises(BrokenHistoryError, match="was copied here"):
        open_restorable_log(tmp_path, FileCheckpointStore(tmp_path / "copy.head")).check_history()


def test_unreadable_object_blocks_signing_until_rewritten(tmp_path: Path) -> None:
    bucket = create_memory_bucket(tmp_path)
    log = open_restorable_log(tmp_path, create_store_factory(bucket, tmp_path)("a"))
    log.append(create_entries(1))
    signed = log.sign_checkpoint()
    for damaged in (b"", b"no note", b"\xff"):
        BucketFolder(bucket, "").put("log.head", damaged)
        with pytest.raises(BrokenHistoryError) as refused:
            log.check_history()
        assert refused.value.hint == VERIFY_HINT
    log.store_checkpoint(signed)
    log.check_history()
