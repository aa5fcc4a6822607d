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
LONGEST = 60.0
"""Seconds after which a test that waits for another connection fails."""


@pytest.fixture(autouse=True)
def _no_space_is_remembered(transactional_db: None) -> Iterator[None]:
    fingerprints.forget_cached_spaces()
    yield
    fingerprints.forget_cached_spaces()


@pytest.fixture
def others() -> Iterator[ThreadPoolExecutor]:
    """Threads, each with its own connections."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


def kept(number: int) -> list[int]:
    """Create this many images with a vector each."""
    rows = [Picture(digest=Digest.of(bytes([place])), size=1, first_seen=now()) for place in range(number)]
    made = [row.pk for row in Picture.objects.bulk_create(rows)]
    vector = Fingerprint(Digest.of(b""), PHASH.id, "whole", bytes(32))
    with transaction.atomic():
        fingerprints.keep_fingerprints([PHASH], [(pk, vector) for pk in made])
    return made


def add(*pictures: int) -> list[int]:
    with transaction.atomic():
        fingerprints.add_to(PICTURES, pictures, ["whole"])
    return list(pictures)


def seen() -> list[int]:
    """Return the images that a new process reads."""
    return [change.picture for change in fingerprints.changes_after(PICTURES, PHASH, 0)]


def told(wanted: Callable[[], list[int]]) -> list[int]:
    try:
        return wanted()
    finally:
        connection.close()


@contextmanager
def open_writer(others: ThreadPoolExecutor, picture: int) -> Iterator[tuple[int, Event, "Future[None]"]]:
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
                assert go_on.wait(LONGEST)
        finally:
            numbered.set()
            connection.close()

    ended = others.submit(write)
    try:
        assert numbered.wait(LONGEST)
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
    others: ThreadPoolExecutor,
) -> None:
    first, second = kept(2)
    with open_writer(others, first) as (_, go_on, ended):
        others.submit(told, partial(add, second)).result(LONGEST)  # waits for nothing
        reader = others.submit(told, seen)
        wait_until_one_waits()
        assert not reader.done()
        go_on.set()
        ended.result(LONGEST)
        assert reader.result(LONGEST) == [first, second]


def test_whoever_has_read_up_to_a_number_is_told_of_everything_after_it(others: ThreadPoolExecutor) -> None:
    pictures = kept(240)
    writers, start = 4, Barrier(5)

    def write(mine: list[int]) -> list[int]:
        start.wait(LONGEST)
        for place in range(0, len(mine), 3):
            add(*mine[place : place + 3])
        return mine

    pool = [others.submit(told, partial(write, pictures[turn::writers])) for turn in range(writers)]
    read: list[Change] = []
    start.wait(LONGEST)
    while not all(writer.done() for writer in pool):
        read += fingerprints.changes_after(PICTURES, PHASH, read[-1].number if read else 0)
    read += fingerprints.changes_after(PICTURES, PHASH, read[-1].number if read else 0)
    assert sorted(change.picture for change in read) == sorted(pictures)
    assert [change.number for change in read] == sorted({change.number for change in read})
    for writer in pool:
        writer.result()


def test_a_writer_that_is_killed_leaves_a_gap_that_nobody_waits_for(others: ThreadPoolExecutor) -> None:
    first, second = kept(2)
    with open_writer(others, first) as (pid, go_on, ended):
        add(second)
        reader = others.submit(told, seen)
        wait_until_one_waits()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        assert reader.result(LONGEST) == [second]
        go_on.set()
        assert isinstance(ended.exception(LONGEST), OperationalError)
    add(first)
    assert seen() == [second, first]


def test_a_removal_waits_for_who_adds_and_takes_back_what_was_added(others: ThreadPoolExecutor) -> None:
    [picture] = kept(1)

    def remove() -> list[int]:
        with transaction.atomic():
            fingerprints.remove_from(PICTURES, [picture])
        return []

    with open_writer(others, picture) as (_, go_on, _ended):
        removal = others.submit(told, remove)
        wait_until_one_waits()
        go_on.set()
        removal.result(LONGEST)
    added, removed = fingerprints.changes_after(PICTURES, PHASH, 0)
    assert (removed.removes, removed.number > added.number) == (added.number, True)
    assert list(fingerprints.living(PICTURES, PHASH, removed.number)) == []
