"""Test the record of the last signed checkpoint, in a file or a bucket, which prevents contradicting signatures."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from evidence.keys.ed25519 import FileSigner
from evidence.log.append_only import UNSURE, BrokenHistoryError, Log, load_log_key
from evidence.log.checkpoint_stores import BucketCheckpointStore, FileCheckpointStore
from evidence.log.notes import verify_note
from exhibit.errors import ConfigError, ServiceMissingError, StorageError
from exhibit.files.bucket import Bucket, NamedObjects
from exhibit.ports import HeadStore, SignedCheckpoint
from tests.assets.folder_log import FolderLogStore
from tests.assets.swift_server import bucket_on
from tests.evidence.log.test_append_only import entries

Machines = Callable[[str], HeadStore]
"""Returns the record of each machine, by name; all machines share a bucket if there is one."""


def open_log(folder: Path, key: Path | None = None) -> tuple[Log, Path]:
    """Return a log and the file of its last checkpoint, in a folder."""
    head = folder / "log.head"
    signer = load_log_key(key or folder / "log.pem", FileCheckpointStore(head), "example.org/log")
    return Log(FolderLogStore(folder / "log"), signer, "example.org/log", FileCheckpointStore(head)), head


def test_a_log_whose_stored_checkpoint_is_missing_or_was_copied_signs_nothing_until_that_is_resolved(
    tmp_path: Path,
) -> None:
    log, head = open_log(tmp_path)
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
    log.store_checkpoint(signed)
    assert log.checkpoint().size == 3


class DyingCheckpointStore(FileCheckpointStore):
    """A record whose process dies before it stores that its new key has signed nothing."""

    def begin(self, checkpoint: SignedCheckpoint) -> None:
        raise KeyboardInterrupt(checkpoint)


def test_a_process_that_dies_while_it_makes_the_key_leaves_a_log_that_signs(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        load_log_key(tmp_path / "log.pem", DyingCheckpointStore(tmp_path / "log.head"), "example.org/log")
    log, _ = open_log(tmp_path)
    log.append(entries(2))
    assert log.checkpoint().size == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "log.head", "log.pem"]


def test_no_key_is_made_beside_a_data_folder_that_was_moved(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for make in (
        FileSigner,
        lambda path: load_log_key(path, FileCheckpointStore(data / "log.head"), "example.org/log"),
    ):
        with pytest.raises(ConfigError, match="isn't there"):
            make(data / "secrets" / "log.key")
        assert not data.exists()


def test_a_damaged_checkpoint_stops_signing(tmp_path: Path) -> None:
    log, head = open_log(tmp_path)
    log.append(entries(3))
    signed = log.checkpoint()
    log.append(entries(1, 3))
    for damaged in (b"{", b'{"place": "1"}', b'{"note": 1, "place": 1}', b"no note", b"\xff\xfe", b""):
        head.write_bytes(damaged)
        with pytest.raises(BrokenHistoryError) as refused:
            log.checkpoint()
        assert refused.value.hint == UNSURE
        assert log.read_stored_checkpoint() is None
    log.store_checkpoint(signed)
    assert log.checkpoint().size == 4


def test_a_key_from_elsewhere_signs_nothing_without_what_was_signed_before(tmp_path: Path) -> None:
    log, head = open_log(tmp_path)
    assert log.checkpoint().size == 0
    log.append(entries(1))
    head.unlink()
    (tmp_path / "restored").mkdir()
    restored, _ = open_log(tmp_path / "restored", key=tmp_path / "log.pem")
    restored.append(entries(1))
    for each in (log, restored):
        with pytest.raises(BrokenHistoryError) as refused:
            each.checkpoint()
        assert refused.value.hint == UNSURE
        each.store_checkpoint(each.create_empty_checkpoint())
        assert each.checkpoint().size == 1


def test_a_checkpoint_without_entries_ties_no_log_to_a_name(tmp_path: Path) -> None:
    _, head = open_log(tmp_path)
    log = Log(
        FolderLogStore(tmp_path / "log"),
        FileSigner(tmp_path / "log.pem"),
        "example.org/ours",
        FileCheckpointStore(head),
    )
    log.append(entries(1))
    assert log.checkpoint().origin == "example.org/ours"


def test_another_key_than_the_one_that_signed_signs_nothing_under_its_name(tmp_path: Path) -> None:
    log, head = open_log(tmp_path)
    log.append(entries(2))
    log.checkpoint()
    (tmp_path / "log.pem").rename(tmp_path / "kept.pem")
    other, _ = open_log(tmp_path)
    for _ in range(2):
        with pytest.raises(BrokenHistoryError, match=r"secrets/log\.key"):
            other.check_history()
        head.unlink(missing_ok=True)  # the checkpoint in the rows tells as well
    key, head_file = FileSigner(tmp_path / "log.pem"), FileCheckpointStore(head)
    renewed = Log(FolderLogStore(tmp_path / "log"), key, "b.org/log", head_file, [log.origin])
    renewed.store_checkpoint(renewed.create_empty_checkpoint())
    renewed.append(entries(1, 2))
    assert verify_note(renewed.checkpoint().note, renewed.vkey()).size == 3


def test_the_path_of_the_checkpoint_is_the_same_in_every_time_zone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, _ = open_log(tmp_path)
    for number, zone in enumerate(["Asia/Shanghai", "America/St_Johns"]):
        monkeypatch.setenv("TZ", zone)
        log.append(entries(1, number))
        assert log.checkpoint().size == number + 1


def test_a_stat_that_is_broken_off_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, head = open_log(tmp_path)
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
            log.store_checkpoint(log.create_empty_checkpoint())
    assert head.read_bytes() == before
    assert log.checkpoint().size == 2


def test_a_checkpoint_that_is_replaced_while_it_is_read_does_not_count_as_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    assert not stored_head.moved
    assert head.exists()


@pytest.fixture(params=["file", "memory", pytest.param("s3", marks=pytest.mark.long)])
def machines(request: pytest.FixtureRequest, tmp_path: Path) -> Machines:
    if request.param == "file":
        return lambda name: FileCheckpointStore(tmp_path / f"{name}.head")
    if request.param == "s3":
        return in_bucket(bucket_on(request.getfixturevalue("s3"), tmp_path), tmp_path)
    return in_bucket(memory_bucket(tmp_path), tmp_path)


def memory_bucket(tmp_path: Path) -> Bucket:
    store = MemoryStore()
    return Bucket(lambda: store, "us", tmp_path / "made")


def in_bucket(bucket: Bucket, folder: Path) -> Machines:
    return lambda name: BucketCheckpointStore(NamedObjects(bucket, ""), folder / f"{name}.head")


@pytest.fixture
def shared(tmp_path: Path) -> Machines:
    return in_bucket(memory_bucket(tmp_path), tmp_path)


def open_restorable_log(folder: Path, head: HeadStore, rows: str = "rows") -> Log:
    """Return a log in rows that can be set back, with one key."""
    origin = "example.org/log"
    return Log(FolderLogStore(folder / rows), load_log_key(folder / "log.pem", head, origin), origin, head)


def _grow_log(log: Log) -> Log:
    log.append(entries(1, 200))
    return log


def test_a_checkpoint_is_created_once_and_can_be_replaced_and_set_aside_in_every_store(
    machines: Machines, tmp_path: Path
) -> None:
    assert machines("a").read() is None
    log = open_restorable_log(tmp_path, machines("a"))
    log.append(entries(2))
    signed = log.checkpoint()
    machines("a").begin(log.create_empty_checkpoint())
    stored_head = machines("a").read()
    assert stored_head is not None
    assert (stored_head.checkpoint, stored_head.moved) == (signed, False)
    machines("a").set_aside()
    assert machines("a").read() is None
    machines("a").write(signed)
    assert log.read_stored_checkpoint() is not None


def test_rows_that_were_restored_from_a_backup_sign_nothing_in_any_store(machines: Machines, tmp_path: Path) -> None:
    log = open_restorable_log(tmp_path, machines("a"))
    log.append(entries(2))
    log.checkpoint()
    shutil.copytree(tmp_path / "rows", tmp_path / "backup")
    log.append(entries(3, 2))
    log.checkpoint()
    for fresh, words in ((1, "fewer than"), (9, "do not match")):
        back = open_restorable_log(tmp_path, machines("a"), "backup")
        back.append(entries(fresh, 100))
        with pytest.raises(BrokenHistoryError, match=words):
            back.checkpoint()


def test_a_second_machine_signs_no_older_size_and_a_new_one_goes_on(shared: Machines, tmp_path: Path) -> None:
    """Test rule 7, with a restored database and the last checkpoint signed by another machine."""
    for machine in ("a", "b"):
        log = open_restorable_log(tmp_path, shared(machine))
        log.append(entries(2, 10 * len(machine)))
        log.checkpoint()
    shutil.copytree(tmp_path / "rows", tmp_path / "backup")
    log.append(entries(3, 50))
    assert log.checkpoint().size == 7
    for machine, words in (("a", "fewer than the 7"), ("b", "fewer than"), ("new", "do not match")):
        with pytest.raises(BrokenHistoryError, match=words):
            _grow_log(open_restorable_log(tmp_path, shared(machine), "backup")).checkpoint()
    log = open_restorable_log(tmp_path, shared("new"))
    log.append(entries(1, 60))
    assert log.checkpoint().size == 8


def test_a_bucket_set_back_with_the_rows_is_noticed_by_the_machine_that_remembers_more(tmp_path: Path) -> None:
    store = MemoryStore()
    machines = in_bucket(Bucket(lambda: store, "us", tmp_path / "made"), tmp_path)
    log = open_restorable_log(tmp_path, machines("a"))
    log.append(entries(2))
    log.checkpoint()
    shutil.copytree(tmp_path / "rows", tmp_path / "backup")
    objects = NamedObjects(Bucket(lambda: store, "us", tmp_path / "made"), "")
    [older, _] = objects.get("log.head") or (b"", "")
    log.append(entries(3, 2))
    log.checkpoint()
    objects.put("log.head", older)
    back = open_restorable_log(tmp_path, machines("a"), "backup")
    with pytest.raises(BrokenHistoryError, match="fewer than the 5"):
        _grow_log(back).checkpoint()
    elsewhere = open_restorable_log(tmp_path, machines("b"), "backup")  # it has never signed, so it cannot know
    elsewhere.append(entries(4, 70))
    assert elsewhere.checkpoint().size == 7
    with pytest.raises(BrokenHistoryError, match="do not match"):
        back.check_history()
    assert back.read_stored_checkpoint() is not None
    objects.put("log.head", older)  # the rows as before: nothing is missing, whatever the bucket contains
    log.append(entries(1, 80))
    assert log.checkpoint().size == 6


@pytest.mark.parametrize("where", ["memory", pytest.param("s3", marks=pytest.mark.long)])
def test_a_process_whose_turn_is_over_replaces_no_newer_checkpoint_with_an_older_one(
    request: pytest.FixtureRequest, tmp_path: Path, where: str
) -> None:
    bucket = bucket_on(request.getfixturevalue("s3"), tmp_path) if where == "s3" else memory_bucket(tmp_path)
    machines = in_bucket(bucket, tmp_path)
    late, other = open_restorable_log(tmp_path, machines("a")), open_restorable_log(tmp_path, machines("b"))
    late.append(entries(1))
    older = late.checkpoint()
    late.check_history()
    other.append(entries(1, 1))
    newer = other.checkpoint()
    with pytest.raises(StorageError, match="Another process replaced"):
        late.store_checkpoint(older)
    stored_head = machines("c").read()
    assert stored_head is not None
    assert stored_head.checkpoint == newer


def test_the_checkpoint_of_a_data_folder_moves_into_the_bucket_with_its_bytes(shared: Machines, tmp_path: Path) -> None:
    before = open_restorable_log(tmp_path, FileCheckpointStore(tmp_path / "a.head"))
    before.append(entries(2))
    before.checkpoint()
    shutil.copy(tmp_path / "a.head", tmp_path / "copy.head")
    after = open_restorable_log(tmp_path, shared("copy"))
    after.append(entries(1, 2))
    with pytest.raises(BrokenHistoryError, match="is missing"):
        after.checkpoint()
    assert open_restorable_log(tmp_path, shared("a")).checkpoint().size == 3
    shared("a").set_aside()
    with pytest.raises(BrokenHistoryError, match="is missing"):  # no machine knows what the bucket has lost
        open_restorable_log(tmp_path, shared("a")).check_history()
    after.store_checkpoint(after.create_empty_checkpoint())
    with pytest.raises(BrokenHistoryError, match="was copied here"):
        open_restorable_log(tmp_path, FileCheckpointStore(tmp_path / "copy.head")).check_history()


def test_an_unreadable_object_stops_signing_until_it_is_written_again(tmp_path: Path) -> None:
    bucket = memory_bucket(tmp_path)
    log = open_restorable_log(tmp_path, in_bucket(bucket, tmp_path)("a"))
    log.append(entries(1))
    signed = log.checkpoint()
    for damaged in (b"", b"no note", b"\xff"):
        NamedObjects(bucket, "").put("log.head", damaged)
        with pytest.raises(BrokenHistoryError) as refused:
            log.check_history()
        assert refused.value.hint == UNSURE
    log.store_checkpoint(signed)
    log.check_history()
