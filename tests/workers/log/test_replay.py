"""The log replayed as a whole: it says that it is whole, and names each thing that isn't."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from django.db import connection

from evidence.log.append_only import BrokenHistoryError
from evidence.verify.checkpoints import checkpoints_in
from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError, NotFoundError, WrongUseError
from registry.log.log import erase_openings, submit
from registry.models import LogCheckpoint, LogEntry, LogOpening, LogOrigin
from workers.log import replay as log_replay
from workers.log.history import Compared, accept_head, check_against, new_origin
from workers.log.replay import replay
from workers.log.sequencer import sequence_log, sign_checkpoint
from workers.tasks.sync_runner import SyncRunner


def grow(inline: SyncRunner, count: int) -> None:
    for number in range(count):
        submit(EntryType.CASE, {"number": number}, details={"by": "Ann"})
    sequence_log(inline.services)
    sign_checkpoint(inline.services)


def forced(statement: str) -> None:
    """What only the database's owner can do: change what the triggers protect."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET session_replication_role = DEFAULT")


@pytest.fixture
def grown(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> SyncRunner:
    monkeypatch.setattr(log_replay, "CHUNK", 8)
    grow(inline, 3)
    grow(inline, 18)
    return inline


def test_a_whole_log_is_whole(grown: SyncRunner) -> None:
    submit(EntryType.CASE, {"number": "last"})
    found = replay(grown.services)
    assert found.problems == []
    assert (found.entries, found.checkpoints, found.openings, found.erased, found.waiting) == (21, 2, 21, 0, 1)


def test_an_empty_log_is_whole(inline: SyncRunner) -> None:
    assert replay(inline.services).problems == []


def test_erasing_what_an_entry_opens_to_leaves_the_log_whole_and_is_an_entry_itself(grown: SyncRunner) -> None:
    assert erase_openings([9, 5, 5], by="Ann", reason="asked for by mail") == [5, 9]
    assert erase_openings([5], by="Ann", reason="again") == []
    with pytest.raises(NotFoundError, match="99"):
        erase_openings([7, 99], by="Ann", reason="x")
    sequence_log(grown.services)
    sign_checkpoint(grown.services)
    found = replay(grown.services)
    assert (found.problems, found.entries, found.erased) == ([], 22, 2)
    [told] = LogOpening.objects.filter(submission__type=EntryType.PURGE)
    assert told.content["entries"] == [5, 9]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE registry_logentry SET time = time + interval '1 day' WHERE sequence = 4", "isn't what was submitted"),
        ("UPDATE registry_logentry SET type = 'seal' WHERE sequence = 4", "subtree 4 at level 0"),
        ("DELETE FROM registry_logentry WHERE sequence = 4", "Entry 4 is missing"),
        ("DELETE FROM registry_logentry WHERE sequence = 20", "A head of 21 entries was signed, and there are 20"),
        ("UPDATE registry_lognode SET hash = decode(repeat('00', 32), 'hex') WHERE level = 3 AND index = 1", "level 3"),
        ("DELETE FROM registry_lognode WHERE level = 1 AND index = 2", "subtree 2 at level 1 is missing"),
        ("INSERT INTO registry_lognode (level, index, hash) VALUES (0, 99, '\\x00')", "1 hashes belong to no entry"),
        ("UPDATE registry_logcheckpoint SET root = decode(repeat('00', 32), 'hex') WHERE size = 3", "isn't the root"),
        (
            "UPDATE registry_logcheckpoint SET note = replace(note, E'\\n3\\n', E'\\n4\\n') WHERE size = 3",
            "doesn't hold",
        ),
        ("UPDATE registry_logcheckpoint SET origin = 'other' WHERE size = 3", "a name that the log never had"),
        (
            "UPDATE registry_logopening SET content = jsonb_set(content, '{number}', '7')",
            "something else than its opening",
        ),
        ("UPDATE registry_logopening SET details = jsonb_set(details, '{by}', '\"Bob\"')", "The details of entry 0"),
        ("DELETE FROM registry_lognode", "is missing"),
        ("UPDATE registry_logentry SET type = 'gift' WHERE sequence = 4", "subtree 4 at level 0"),
        ("UPDATE registry_logopening SET content = '[1]'", "The opening of entry 0 can't be read"),
        (
            "UPDATE registry_logopening SET content = jsonb_build_object('n', 2::numeric ^ 60)",
            "of entry 0 can't be read",
        ),
        ("UPDATE registry_logopening SET content = '{\"n\": 1e5000}'", "of entry 0 can't be read"),
        ("UPDATE registry_logopening SET details = '[1]'", "The details of entry 0"),
    ],
)
def test_whatever_was_changed_by_force_is_named(grown: SyncRunner, statement: str, words: str) -> None:
    forced(statement)
    problems = replay(grown.services).problems
    assert any(words in one for one in problems), problems


@pytest.mark.django_db(transaction=True)
def test_a_log_that_grows_while_it_is_read_is_whole(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inline = SyncRunner(replace(config, data_dir=tmp_path))
    monkeypatch.setattr(log_replay, "CHUNK", 8)
    grow(inline, 20)
    chunks = log_replay._chunks

    def growing() -> Iterator[list[LogEntry]]:
        for rows in chunks():
            yield rows
            grower = Thread(target=in_another_session, args=[lambda: grow(inline, 3)])
            grower.start()
            grower.join()

    monkeypatch.setattr(log_replay, "_chunks", growing)
    found = replay(inline.services)
    assert (found.problems, found.entries, found.checkpoints) == ([], 20, 1)
    assert LogEntry.objects.count() == 29


def in_another_session(act: Callable[[], None]) -> None:
    try:
        act()
    finally:
        connection.close()


def test_a_submission_that_never_got_an_entry_is_named(grown: SyncRunner) -> None:
    submit(EntryType.CASE, {"number": "forgotten"}, time=now() - timedelta(hours=2))
    assert any("was left out of the log" in one for one in replay(grown.services).problems)


@pytest.fixture
def seen(grown: SyncRunner, tmp_path: Path) -> Path:
    """A checkpoint that somebody outside has kept."""
    path = tmp_path / "seen.txt"
    path.write_text(LogCheckpoint.objects.get(size=3).note, "utf-8")
    return path


def of_another_history(inline: SyncRunner, origin: str, size: int, path: Path) -> Path:
    """A checkpoint by the log's own key that this log doesn't continue."""
    from evidence.log.notes import sign_note

    path.write_text(sign_note(origin, size, bytes(32), inline.services._log_signer).note, "utf-8")
    return path


def test_a_checkpoint_from_outside_that_is_continued_changes_nothing(grown: SyncRunner, seen: Path) -> None:
    [one] = check_against(grown.services, [seen, seen])
    assert (one.outcome, one.size) == (Compared.CONTINUED, 3)
    grow(grown, 1)
    assert len(checkpoints_in(seen)) == 1


@pytest.mark.parametrize("size", [2, 99])
def test_one_that_is_not_continued_stops_signing_until_a_new_name_records_the_break(
    grown: SyncRunner, tmp_path: Path, size: int
) -> None:
    old = grown.services.log.origin
    [one] = check_against(grown.services, [of_another_history(grown, old, size, tmp_path / "other.txt")])
    assert one.outcome is Compared.BROKEN
    with pytest.raises(BrokenHistoryError, match="it has signed"):
        grow(grown, 1)
    assert any("it has signed" in problem for problem in replay(grown.services).problems)
    with pytest.raises(BrokenHistoryError, match="it has signed"):
        accept_head(grown.services, by="Ann", reason="wishful")
    new = new_origin(grown.services, by="Ann", reason="restored")
    assert new.startswith(f"{old}-")
    grow(grown, 2)
    assert replay(grown.services).problems == []
    opening = LogOpening.objects.get(submission__type=EntryType.ORIGIN)
    assert (opening.content["from"], opening.content["to"]) == (old, new)
    assert (opening.content["seen"]["size"], opening.content["shared"]["size"]) == (size, 21)
    assert "restored" not in str(opening.content)
    [again] = check_against(grown.services, [tmp_path / "other.txt"])
    assert again.outcome is Compared.EARLIER_NAME


def test_a_name_that_a_restore_has_lost_is_never_used_again(grown: SyncRunner, tmp_path: Path) -> None:
    lost = of_another_history(grown, "exhibit.localhost/log-lost", 5, tmp_path / "lost.txt")
    [one] = check_against(grown.services, [lost])
    assert (one.outcome, "doesn't know" in one.sentence) == (Compared.BROKEN, True)
    for used in ("exhibit.localhost/log-lost", "exhibit.localhost/log"):
        with pytest.raises(WrongUseError, match="before"):
            new_origin(grown.services, by="Ann", reason="x", name=used)
    new_origin(grown.services, by="Ann", reason="x", name="exhibit.localhost/third")
    grow(grown, 1)
    names = ["exhibit.localhost/log", "exhibit.localhost/log-lost", "exhibit.localhost/third"]
    assert list(LogOrigin.objects.order_by("pk").values_list("name", flat=True)) == names
    assert LogCheckpoint.objects.order_by("-pk").first().origin == names[-1]  # type: ignore[union-attr]


def test_a_checkpoint_of_somebody_else_says_nothing(grown: SyncRunner, tmp_path: Path) -> None:
    path = tmp_path / "other.txt"
    path.write_text(LogCheckpoint.objects.get(size=3).note.replace("localhost", "elsewhere"), "utf-8")
    [one] = check_against(grown.services, [path])
    assert one.outcome is Compared.OF_ANOTHER
    path.write_text("nothing", "utf-8")
    with pytest.raises(IntegrityError, match="isn't a signed note"):
        check_against(grown.services, [path])


def test_after_a_head_was_lost_the_operator_decides_and_the_log_records_it(grown: SyncRunner) -> None:
    head = grown.services.config.data_dir / "log.head"
    copy = head.with_name("copy")
    copy.write_bytes(head.read_bytes())
    head.unlink()
    with pytest.raises(BrokenHistoryError, match="is missing"):
        grow(grown, 1)
    copy.rename(head)
    with pytest.raises(BrokenHistoryError, match="was copied here"):
        grow(grown, 1)
    accepted = accept_head(grown.services, by="Ann", reason="moved to a new disk")
    assert accepted is not None
    assert accepted.size == 21
    grow(grown, 1)
    assert replay(grown.services).problems == []
    assert LogOpening.objects.get(submission__type=EntryType.ORIGIN).content["what"] == "kept"
    assert LogEntry.objects.count() >= 22
