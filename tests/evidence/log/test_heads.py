"""The file that tells which head a log signed last: nothing is signed that contradicts it, and a copy is known."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from evidence.keys.ed25519 import FileSigner
from evidence.log.append_only import BrokenHistoryError, Log, log_key
from evidence.log.notes import verify_note
from exhibit.errors import ServiceMissingError
from tests.assets.folder_log import FolderLogStore
from tests.evidence.log.test_append_only import entries


def remembering(folder: Path, key: Path | None = None) -> tuple[Log, Path]:
    """A log with the file of its head, in a folder."""
    head = folder / "log.head"
    signer = log_key(key or folder / "log.pem", head, "example.org/log")
    return Log(FolderLogStore(folder / "log"), signer, "example.org/log", head), head


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
