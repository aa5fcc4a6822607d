"""Test concurrent index changes: a reader never skips a smaller change number that is committed later."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count
from threading import Barrier, Event

import pytest
from django.db import OperationalError, connection, transaction

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.types import Fingerprint
from indexer.picture.spaces import PHASH
from registry.fingerprints import fingerprints
from registry.fingerprints.fingerprints import Change, Collection
from registry.models import Picture

PICTURES = Collection.PICTURES
MAX_WAIT_SECONDS = 60.0
"""Seconds after which a test that waits for another connection fails."""


@pytest.fixture(autouse=True)
def _clear_space_cache(transactional_db: None) -> Iterator[None]:
    fingerprints.clear_cached_spaces()
    yield
    fingerprints.clear_cached_spaces()


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    """A pool of threads, each with its own database connection."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


def add_pictures(number: int) -> list[int]:
    """Create images with one vector each, and return their keys."""
    rows = [Picture(digest=Digest.from_bytes(bytes([index])), size=1, first_seen=now()) for index in range(number)]
    pks = [row.pk for row in Picture.objects.bulk_create(rows)]
    vector = Fingerprint(Digest.from_bytes(b""), PHASH.id, "whole", bytes(32))
    with transaction.atomic():
        fingerprints.store_fingerprints([PHASH], [(pk, vector) for pk in pks])
    return pks


def add_fingerprints(*pictures: int) -> list[int]:
    with transaction.atomic():
        fingerprints.add_to_collection(PICTURES, pictures, ["whole"])
    return list(pictures)


def list_visible_pictures() -> list[int]:
    """Return the images that a new process reads."""
    return [change.picture for change in fingerprints.list_changes_after(PICTURES, PHASH, 0)]


def run_and_disconnect(function: Callable[[], list[int]]) -> list[int]:
    try:
        return function()
    finally:
        connection.close()


@contextmanager
def open_writer(executor: ThreadPoolExecutor, picture: int) -> Iterator[tuple[int, Event, "Future[None]"]]:
    """Run a writer with an uncommitted change; yield its backend PID, the event that permits the commit, its future."""
    number_assigned, may_commit = Event(), Event()
    pid: list[int] = []

    def write() -> None:
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_backend_pid()")
                    pid.append(cursor.fetchone()[0])
                fingerprints.add_to_collection(PICTURES, [picture], ["whole"])
                number_assigned.set()
                assert may_commit.wait(MAX_WAIT_SECONDS)
        finally:
            number_assigned.set()
            connection.close()

    writer = executor.submit(write)
    try:
        assert number_assigned.wait(MAX_WAIT_SECONDS)
        yield pid[0], may_commit, writer
    finally:
        may_commit.set()


def wait_for_blocked_connection() -> None:
    """Wait until a lock blocks a connection. The query itself takes time, so there is no sleep between attempts."""
    with connection.cursor() as cursor:
        for turn in count():
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            if cursor.fetchone()[0]:
                return
            assert turn < 100_000


def test_reader_waits_for_uncommitted_earlier_change(
    executor: ThreadPoolExecutor,
) -> None:
    first, second = add_pictures(2)
    with open_writer(executor, first) as (_, may_commit, writer):
        # Does not block
        executor.submit(run_and_disconnect, partial(add_fingerprints, second)).result(MAX_WAIT_SECONDS)
        reader = executor.submit(run_and_disconnect, list_visible_pictures)
        wait_for_blocked_connection()
        assert not reader.done()
        may_commit.set()
        writer.result(MAX_WAIT_SECONDS)
        assert reader.result(MAX_WAIT_SECONDS) == [first, second]


def test_reader_gets_all_changes_after_the_last_number_it_read(executor: ThreadPoolExecutor) -> None:
    pictures = add_pictures(240)
    writers, start = 4, Barrier(5)

    def write(own_pictures: list[int]) -> list[int]:
        start.wait(MAX_WAIT_SECONDS)
        for place in range(0, len(own_pictures), 3):
            add_fingerprints(*own_pictures[place : place + 3])
        return own_pictures

    pool = [executor.submit(run_and_disconnect, partial(write, pictures[turn::writers])) for turn in range(writers)]
    changes: list[Change] = []
    start.wait(MAX_WAIT_SECONDS)
    while not all(writer.done() for writer in pool):
        changes += fingerprints.list_changes_after(PICTURES, PHASH, changes[-1].number if changes else 0)
    changes += fingerprints.list_changes_after(PICTURES, PHASH, changes[-1].number if changes else 0)
    assert sorted(change.picture for change in changes) == sorted(pictures)
    assert [change.number for change in changes] == sorted({change.number for change in changes})
    for writer in pool:
        writer.result()


def test_killed_writer_does_not_block_readers(executor: ThreadPoolExecutor) -> None:
    first, second = add_pictures(2)
    with open_writer(executor, first) as (pid, may_commit, writer):
        add_fingerprints(second)
        reader = executor.submit(run_and_disconnect, list_visible_pictures)
        wait_for_blocked_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        assert reader.result(MAX_WAIT_SECONDS) == [second]
        may_commit.set()
        assert isinstance(writer.exception(MAX_WAIT_SECONDS), OperationalError)
    add_fingerprints(first)
    assert list_visible_pictures() == [second, first]


def test_removal_waits_for_pending_insert_and_removes_it(executor: ThreadPoolExecutor) -> None:
    [picture] = add_pictures(1)

    def remove() -> list[int]:
        with transaction.atomic():
            fingerprints.remove_from_collection(PICTURES, [picture])
        return []

    with open_writer(executor, picture) as (_, may_commit, _ended):
        removal = executor.submit(run_and_disconnect, remove)
        wait_for_blocked_connection()
        may_commit.set()
        removal.result(MAX_WAIT_SECONDS)
    added, removed = fingerprints.list_changes_after(PICTURES, PHASH, 0)
    assert (removed.removes, removed.number > added.number) == (added.number, True)
    assert list(fingerprints.iterate_current_entries(PICTURES, PHASH, removed.number)) == []
