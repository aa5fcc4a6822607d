"""Test concurrent inserts of sightings: a reader up to a number misses no smaller one, whoever commits last."""

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
def _no_space_is_remembered(transactional_db: None) -> Iterator[None]:
    fingerprints.clear_cached_spaces()
    yield
    fingerprints.clear_cached_spaces()


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    """Threads, each with its own connections."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


def add_pictures(number: int) -> list[int]:
    """Create this many images with a vector each."""
    rows = [Picture(digest=Digest.of(bytes([place])), size=1, first_seen=now()) for place in range(number)]
    pks = [row.pk for row in Picture.objects.bulk_create(rows)]
    vector = Fingerprint(Digest.of(b""), PHASH.id, "whole", bytes(32))
    with transaction.atomic():
        fingerprints.store_fingerprints([PHASH], [(pk, vector) for pk in pks])
    return pks


def add_fingerprints(*pictures: int) -> list[int]:
    with transaction.atomic():
        fingerprints.add_to(PICTURES, pictures, ["whole"])
    return list(pictures)


def list_visible_pictures() -> list[int]:
    """Return the images that a new process reads."""
    return [change.picture for change in fingerprints.changes_after(PICTURES, PHASH, 0)]


def run_and_disconnect(function: Callable[[], list[int]]) -> list[int]:
    try:
        return function()
    finally:
        connection.close()


@contextmanager
def open_writer(executor: ThreadPoolExecutor, picture: int) -> Iterator[tuple[int, Event, "Future[None]"]]:
    """Run a writer with an uncommitted number; yields its server process, the event that lets it commit, the end."""
    numbered, go_on = Event(), Event()
    pid: list[int] = []

    def write() -> None:
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_backend_pid()")
                    pid.append(cursor.fetchone()[0])
                fingerprints.add_to(PICTURES, [picture], ["whole"])
                numbered.set()
                assert go_on.wait(MAX_WAIT_SECONDS)
        finally:
            numbered.set()
            connection.close()

    ended = executor.submit(write)
    try:
        assert numbered.wait(MAX_WAIT_SECONDS)
        yield pid[0], go_on, ended
    finally:
        go_on.set()


def wait_until_one_waits() -> None:
    """Wait until a connection waits for a lock. The queries take time of their own, so there is no pause."""
    with connection.cursor() as cursor:
        for turn in count():
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            if cursor.fetchone()[0]:
                return
            assert turn < 100_000


def test_of_two_writers_the_later_number_may_be_committed_first_and_no_reader_misses_the_other(
    executor: ThreadPoolExecutor,
) -> None:
    first, second = add_pictures(2)
    with open_writer(executor, first) as (_, go_on, ended):
        executor.submit(run_and_disconnect, partial(add_fingerprints, second)).result(
            MAX_WAIT_SECONDS
        )  # waits for nothing
        reader = executor.submit(run_and_disconnect, list_visible_pictures)
        wait_until_one_waits()
        assert not reader.done()
        go_on.set()
        ended.result(MAX_WAIT_SECONDS)
        assert reader.result(MAX_WAIT_SECONDS) == [first, second]


def test_reader_gets_all_changes_after_its_last_number(executor: ThreadPoolExecutor) -> None:
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
        changes += fingerprints.changes_after(PICTURES, PHASH, changes[-1].number if changes else 0)
    changes += fingerprints.changes_after(PICTURES, PHASH, changes[-1].number if changes else 0)
    assert sorted(change.picture for change in changes) == sorted(pictures)
    assert [change.number for change in changes] == sorted({change.number for change in changes})
    for writer in pool:
        writer.result()


def test_a_writer_that_is_killed_leaves_a_gap_that_nobody_waits_for(executor: ThreadPoolExecutor) -> None:
    first, second = add_pictures(2)
    with open_writer(executor, first) as (pid, go_on, ended):
        add_fingerprints(second)
        reader = executor.submit(run_and_disconnect, list_visible_pictures)
        wait_until_one_waits()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        assert reader.result(MAX_WAIT_SECONDS) == [second]
        go_on.set()
        assert isinstance(ended.exception(MAX_WAIT_SECONDS), OperationalError)
    add_fingerprints(first)
    assert list_visible_pictures() == [second, first]


def test_a_removal_waits_for_who_adds_and_takes_back_what_was_added(executor: ThreadPoolExecutor) -> None:
    [picture] = add_pictures(1)

    def remove() -> list[int]:
        with transaction.atomic():
            fingerprints.remove_from(PICTURES, [picture])
        return []

    with open_writer(executor, picture) as (_, go_on, _ended):
        removal = executor.submit(run_and_disconnect, remove)
        wait_until_one_waits()
        go_on.set()
        removal.result(MAX_WAIT_SECONDS)
    added, removed = fingerprints.changes_after(PICTURES, PHASH, 0)
    assert (removed.removes, removed.number > added.number) == (added.number, True)
    assert list(fingerprints.iter_current(PICTURES, PHASH, removed.number)) == []
