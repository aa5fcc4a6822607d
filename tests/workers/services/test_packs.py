"""Bytes that share an object: how many requests they cost, who is handed them, and what killed writers leave."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import obstore
import pytest
from django.db import connection, connections, transaction

from exhibit.digests import Digest
from exhibit.errors import IntegrityError, NotFoundError, StorageError
from registry.models import Pack, PackedBytes, PackGap, Picture
from tests.assets.rows import bring, claimed_slice, owner, photograph, register
from tests.assets.swift_server import S3
from workers.services.packs import PackedBlobStore
from workers.services.wiring import Services
from workers.tasks.sync_runner import SyncRunner

BYTES = [bytes([number]) * (1000 + number) for number in range(20)]
NOW = -2.0
"""Seconds since something was written at this moment: the server says it in whole ones, of its own clock."""
DIGESTS = [Digest.of(data) for data in BYTES]


@pytest.fixture
def away(inline: SyncRunner, s3: S3) -> SyncRunner:
    """An installation with its bytes in a bucket."""
    config = inline.services.config
    return SyncRunner(replace(config, blobs_url=s3.url_for(config.data_dir)))


@pytest.fixture
def blobs(away: SyncRunner) -> PackedBlobStore:
    assert isinstance(away.services.blobs, PackedBlobStore)
    return away.services.blobs


def objects(blobs: PackedBlobStore) -> list[str]:
    """What lies in the bucket, besides whose it is."""
    listed = obstore.list(blobs.bucket.objects)
    return sorted(one["path"] for some in listed for one in some if one["path"] != "installation")


def change(blobs: PackedBlobStore, name: str, data: bytes) -> None:
    obstore.put(blobs.bucket.objects, f"packs/{name}", data)


@contextmanager
def standing(services: Services, what: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that has written a pack, and whose transaction is open; it is killed at the end of the block."""
    values, config = connection.settings_dict, services.config
    environ = {
        **os.environ,
        "DATABASE_URL": f"postgresql://{values['USER']}@/{values['NAME']}?host={values['HOST']}",
        "EXHIBIT_BLOBS_URL": config.blobs_url,
    }
    command = [sys.executable, "-m", "tests.assets.pack_worker", str(config.data_dir), what]
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        yield process
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def test_what_is_put_at_once_is_one_object(blobs: PackedBlobStore) -> None:
    blobs.put_all(BYTES)
    blobs.put_all(BYTES[5:])
    assert (len(objects(blobs)), Pack.objects.get().size) == (1, sum(map(len, BYTES)))
    assert [blobs.get(digest) for digest in DIGESTS] == BYTES
    assert blobs.put(BYTES[3]) == DIGESTS[3]
    blobs.put(b"a document")
    assert [name.partition("/")[0] for name in objects(blobs)] == ["blobs", "packs"]


def test_the_pictures_of_a_work_stay_objects_of_their_own(away: SyncRunner, blobs: PackedBlobStore) -> None:
    studio = owner("studio")
    register(away.services, studio, photograph(1))
    blobs.put_all([photograph(1), photograph(2)])
    assert list(PackedBytes.objects.values_list("digest", flat=True)) == [Digest.of(photograph(2))]
    assert blobs.get(Digest.of(photograph(1))) == photograph(1)


def test_bytes_that_changed_in_a_pack_are_told_and_written_anew_when_they_come_again(blobs: PackedBlobStore) -> None:
    blobs.put_all(BYTES)
    first, place = Pack.objects.get(), PackedBytes.objects.get(digest=DIGESTS[7])
    whole = b"".join(data for _, data in sorted(zip(DIGESTS, BYTES, strict=True)))
    change(blobs, first.name, whole[: place.start] + b"?" + whole[place.start + 1 :])
    assert list(blobs.changed(first.name[:2])) == [DIGESTS[7]]
    with pytest.raises(IntegrityError, match=DIGESTS[7].hex):
        blobs.get(DIGESTS[7])
    with pytest.raises(IntegrityError, match=DIGESTS[7].hex):
        blobs.ahead(DIGESTS)(DIGESTS[7])
    blobs.put_all(BYTES)
    assert blobs.get(DIGESTS[7]) == BYTES[7]
    assert (PackGap.objects.get().pack, Pack.objects.count()) == (first, 2)
    change(blobs, first.name, whole)
    assert blobs.put(BYTES[8]) == DIGESTS[8]
    assert len(objects(blobs)) == 2


def test_a_pack_that_is_not_there_is_damage_and_stands_in_nobody_s_way(blobs: PackedBlobStore) -> None:
    blobs.put_all(BYTES)
    name = Pack.objects.get().name
    blobs.bucket.remove([f"packs/{name}"])
    assert set(blobs.changed(name[:2])) == set(DIGESTS)
    for ask in (blobs.get, blobs.open, blobs.ahead(DIGESTS)):
        with pytest.raises(NotFoundError):
            ask(DIGESTS[0])
    blobs.put_all(BYTES)
    assert [blobs.get(digest) for digest in DIGESTS] == BYTES


def test_what_is_removed_or_set_aside_is_handed_to_nobody(away: SyncRunner, blobs: PackedBlobStore) -> None:
    blobs.put_all(BYTES)
    blobs.remove(DIGESTS[0])
    blobs.move(DIGESTS[1], away.services.withheld)
    assert away.services.withheld.get(DIGESTS[1]) == BYTES[1]
    assert set(PackGap.objects.values_list("digest", "size")) == {(DIGESTS[0], 1000), (DIGESTS[1], 1001)}
    for digest in DIGESTS[:2]:
        assert digest not in blobs
        with pytest.raises(NotFoundError):
            blobs.get(digest)
    assert not blobs.remove(DIGESTS[0])


def test_rows_that_are_taken_back_leave_nothing_that_could_be_read(blobs: PackedBlobStore) -> None:
    with transaction.atomic():
        blobs.put_all(BYTES)
        transaction.set_rollback(True)
    assert (len(objects(blobs)), list(blobs)) == (1, [])
    assert blobs.sweep() == 0
    assert blobs.sweep(NOW) == 1
    assert objects(blobs) == []


@pytest.mark.django_db(transaction=True)
def test_a_pack_is_left_alone_while_it_is_written_and_swept_when_its_writer_was_killed(
    away: SyncRunner, blobs: PackedBlobStore
) -> None:
    blobs.put_all(BYTES)
    with standing(away.services, "put"):
        assert (len(objects(blobs)), Pack.objects.count()) == (2, 1)
        assert blobs.sweep(NOW) == 0
    assert (blobs.sweep(), len(objects(blobs))) == (0, 2)
    assert (blobs.sweep(NOW), len(objects(blobs))) == (1, 1)
    assert [blobs.get(digest) for digest in DIGESTS] == BYTES


@pytest.mark.django_db(transaction=True)
def test_of_two_writers_of_the_same_bytes_one_keeps_them_and_the_other_s_are_a_gap(blobs: PackedBlobStore) -> None:
    ready, failed = threading.Barrier(2), list[Exception]()

    def write() -> None:
        try:
            ready.wait()
            blobs.put_all(BYTES)
        except Exception as error:  # noqa: BLE001 - reported below
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [blobs.get(digest) for digest in DIGESTS] == BYTES
    sizes = sum(Pack.objects.values_list("size", flat=True)), sum(PackGap.objects.values_list("size", flat=True))
    assert sizes[0] - sizes[1] == sum(map(len, BYTES))


def test_what_a_crawl_brought_is_matched_from_one_range(away: SyncRunner, blobs: PackedBlobStore, s3: S3) -> None:
    studio = owner("studio")
    seen = [photograph(seed) for seed in range(2, 6)]
    blobs.put_all(seen)
    assert len(bring(away.services, *claimed_slice(studio), seen)) == 4
    read = blobs.ahead(list(Picture.objects.order_by("pk").values_list("digest", flat=True)))
    assert len(read._groups) == 1
    away.run_until_idle()
    assert set(Picture.objects.values_list("state", "refusal")) == {("done", "")}


def test_another_bucket_that_does_not_answer_is_the_machine_s_fault(blobs: PackedBlobStore, s3: S3) -> None:
    blobs.put_all(BYTES)
    blobs.bucket._silent_until = float("inf")
    for ask in (blobs.get, blobs.ahead(DIGESTS), blobs.open):
        with pytest.raises(StorageError):
            ask(DIGESTS[0])
