"""Test that replaying the whole log confirms it, or names each defect."""

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from django.db import connection, transaction

from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.entries import EntryType
from exhibit.errors import NotFoundError
from registry.log import replay as log_replay
from registry.log.accuracy import compute_accuracy, export_accuracy
from registry.log.log import erase_openings, submit_entry
from registry.log.replay import replay
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import LogEntry, LogOpening
from tests.assets.log_in_chunks import append_and_sign, log_in_chunks
from workers.tasks.sync_runner import SyncRunner

__all__ = ["log_in_chunks"]


def run_statement(statement: str) -> None:
    """Execute a statement with the triggers disabled, which only the database's owner can do."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET session_replication_role = DEFAULT")


def test_intact_log_has_no_problems(log_in_chunks: SyncRunner) -> None:
    submit_entry(EntryType.CASE, {"number": "last"})
    result = replay(log_in_chunks.services)
    assert result.problems == []
    assert (result.entries, result.checkpoints, result.openings, result.erased, result.waiting) == (21, 2, 21, 0, 1)


def test_empty_log_has_no_problems(inline: SyncRunner) -> None:
    assert replay(inline.services).problems == []


def test_erased_openings_are_logged_and_leave_the_log_intact(log_in_chunks: SyncRunner) -> None:
    assert erase_openings([9, 5, 5], by="Ann", reason="asked for by mail") == [5, 9]
    assert erase_openings([5], by="Ann", reason="again") == []
    with pytest.raises(NotFoundError, match="99"):
        erase_openings([7, 99], by="Ann", reason="x")
    sequence_log(log_in_chunks.services)
    sign_checkpoint(log_in_chunks.services)
    result = replay(log_in_chunks.services)
    assert (result.problems, result.entries, result.erased) == ([], 22, 2)
    [opening] = LogOpening.objects.filter(submission__type=EntryType.PURGE)
    assert opening.content["entries"] == [5, 9]


TAMPERING_CASES = (
    (
        "UPDATE registry_logentry SET time = time + interval '1 day' WHERE sequence = 4",
        "Entry 4 differs from its submission",
    ),
    ("UPDATE registry_logentry SET type = 'seal' WHERE sequence = 4", "subtree 4 at level 0"),
    ("DELETE FROM registry_logentry WHERE sequence = 4", "Entry 4 is missing"),
    ("DELETE FROM registry_logentry WHERE sequence = 20", "A checkpoint of 21 entries was signed"),
    ("UPDATE registry_lognode SET hash = decode(repeat('00', 32), 'hex') WHERE level = 3 AND index = 1", "level 3"),
    ("DELETE FROM registry_lognode WHERE level = 1 AND index = 2", "subtree 2 at level 1 is missing"),
    ("INSERT INTO registry_lognode (level, index, hash) VALUES (0, 99, '\\x00')", "1 hashes do not belong to an entry"),
    (
        "UPDATE registry_logcheckpoint SET root = decode(repeat('00', 32), 'hex') WHERE size = 3",
        "does not match the root",
    ),
    (
        "UPDATE registry_logcheckpoint SET note = replace(note, E'\\n3\\n', E'\\n4\\n') WHERE size = 3",
        "is invalid",
    ),
    ("UPDATE registry_logcheckpoint SET origin = 'other' WHERE size = 3", "a name that the log never had"),
    (
        "UPDATE registry_logopening SET content = jsonb_set(content, '{number}', '7')",
        "does not match its opening",
    ),
    ("UPDATE registry_logopening SET details = jsonb_set(details, '{by}', '\"Bob\"')", "The details of entry 0"),
    ("DELETE FROM registry_lognode", "is missing"),
    ("UPDATE registry_logentry SET type = 'gift' WHERE sequence = 4", "subtree 4 at level 0"),
    ("UPDATE registry_logopening SET content = '[1]'", "The opening of entry 0 cannot be read"),
    (
        "UPDATE registry_logopening SET content = jsonb_build_object('n', 2::numeric ^ 60)",
        "of entry 0 cannot be read",
    ),
    ("UPDATE registry_logopening SET content = '{\"n\": 1e5000}'", "of entry 0 cannot be read"),
    ("UPDATE registry_logopening SET details = '[1]'", "The details of entry 0"),
)


@pytest.mark.long
def test_replay_reports_tampered_rows(log_in_chunks: SyncRunner) -> None:
    for statement, message in TAMPERING_CASES:
        with transaction.atomic():
            run_statement(statement)
            problems = replay(log_in_chunks.services).problems
            transaction.set_rollback(True)
        assert any(message in problem for problem in problems), (statement, problems)


@pytest.mark.django_db(transaction=True)
def test_log_growing_during_replay_has_no_problems(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inline = SyncRunner(replace(config, data_dir=tmp_path))
    monkeypatch.setattr(log_replay, "CHUNK", 8)
    append_and_sign(inline, 20)
    chunks = log_replay._iterate_chunks

    def grow_log() -> Iterator[list[LogEntry]]:
        for rows in chunks():
            yield rows
            grower = Thread(target=run_in_other_session, args=[lambda: append_and_sign(inline, 3)])
            grower.start()
            grower.join()

    monkeypatch.setattr(log_replay, "_iterate_chunks", grow_log)
    result = replay(inline.services)
    assert (result.problems, result.entries, result.checkpoints) == ([], 20, 1)
    assert LogEntry.objects.count() == 29


def run_in_other_session(act: Callable[[], None]) -> None:
    try:
        act()
    finally:
        connection.close()


def test_submission_without_entry_is_reported(log_in_chunks: SyncRunner) -> None:
    left_out = submit_entry(EntryType.CASE, {"number": "forgotten"}, time=now() - timedelta(hours=2))
    assert left_out is not None
    assert any(re.search(rf"\b{left_out.pk}\b", problem) for problem in replay(log_in_chunks.services).problems)


def test_export_of_empty_log_raises_not_found(inline: SyncRunner) -> None:
    assert compute_accuracy().decisions == 0
    with pytest.raises(NotFoundError):
        export_accuracy(inline.services, io.BytesIO())
