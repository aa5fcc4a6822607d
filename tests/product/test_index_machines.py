"""Processes of several machines that write one index at the same time, or are killed while they do."""

import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection

from indexer.vectors.index import check_index, open_index
from registry.vectors.fingerprints import forget_cached_spaces
from tests.assets.indexes import BITS, numbers, vectors
from tests.assets.published import AT_ONCE, Cloud
from tests.assets.swift_server import S3, bucket_on

ROUNDS, WRITERS = 6, 3


class Machines:
    """Machines with a bucket and a database that they share; each has a folder of its own."""

    def __init__(self, s3: S3, folder: Path) -> None:
        self.folder, self.bucket = folder, f"b{secrets.token_hex(6)}"
        s3.make_bucket(self.bucket)
        self.cloud = Cloud(bucket_on(s3, folder, name=self.bucket))

    @contextmanager
    def writing(self, name: str, rounds: int, *more: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A process of a machine, which writes."""
        (self.folder / name).mkdir(exist_ok=True)
        given = [str(self.folder / "bucket.toml"), self.bucket, str(self.folder / name), str(rounds), *more]
        command = [sys.executable, "-m", "tests.assets.index_writer", *given]
        with subprocess.Popen(command, env={**os.environ, "DATABASE_URL": _database()}) as process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture
def machines(s3: S3, transactional_db: None, tmp_path: Path) -> Iterator[Machines]:
    forget_cached_spaces()
    yield Machines(s3, tmp_path)
    forget_cached_spaces()


def _database() -> str:
    """Where the tests' own database is."""
    told = connection.settings_dict
    who = f"{quote(told['USER'])}:{quote(told['PASSWORD'])}"
    return f"postgresql://{who}@{quote(told['HOST'], safe='')}:{told['PORT']}/{told['NAME']}"


def test_machines_that_write_at_once_lose_nothing(machines: Machines) -> None:
    writers = [machines.writing(f"machine {number}", ROUNDS) for number in range(WRITERS)]
    with writers[0] as one, writers[1] as two, writers[2] as three:
        assert [process.wait(120) for process in (one, two, three)] == [0] * WRITERS
    index = open_index(BITS, place := machines.cloud.place(machines.folder / "another", BITS))
    assert (len(index), check_index(BITS, place)) == (index.sequence, [])
    assert index.sequence >= ROUNDS
    place.sweep(AT_ONCE)
    assert len(list(machines.cloud.store(BITS))) == len(list(place.folder.glob("segment-*")))
    assert check_index(BITS, place) == []


def test_a_writer_that_is_killed_before_its_swap_changes_nothing_and_is_swept_up_after(machines: Machines) -> None:
    place = machines.cloud.place(machines.folder / "here", BITS)
    index = open_index(BITS, place)
    index.upsert(numbers(1, 2), vectors(BITS, [1, 2]))
    index.flush(2)
    stored = set(machines.cloud.store(BITS))
    with machines.writing("here", 1, "dies") as process:
        assert process.wait(120) == -signal.SIGKILL
    assert (index.reopen(), index.sequence) == (False, 2)
    assert stored < set(machines.cloud.store(BITS))
    assert list(place.folder.glob(".draft-*")) != []
    assert place.sweep(AT_ONCE) > 0
    assert set(machines.cloud.store(BITS)) == stored
    index.upsert(numbers(3), vectors(BITS, [3]))
    index.flush(3)
    assert (index.sequence, len(index), list(place.folder.glob(".draft-*")), check_index(BITS, place)) == (3, 3, [], [])


def test_nothing_is_swept_while_another_process_writes(machines: Machines) -> None:
    place = machines.cloud.place(machines.folder / "here", BITS)
    index = open_index(BITS, place)
    index.upsert(numbers(1), vectors(BITS, [1]))
    index.flush(1)
    left, swept = machines.cloud.store(BITS).put(b"of a writer who is at work"), list[int]()

    def sweep() -> None:
        swept.append(place.sweep(AT_ONCE))
        connection.close()

    with place.writer():
        other = threading.Thread(target=sweep)
        other.start()
        other.join()
    assert (swept, left in machines.cloud.store(BITS)) == ([0], True)
    assert place.sweep(AT_ONCE) == 1
