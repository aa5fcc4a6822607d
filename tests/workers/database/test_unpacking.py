"""An installation of an earlier version, whose bucket keeps many files in one object, is brought up to date."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
from django.core.management import call_command
from django.db import connection

from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.errors import StorageError
from exhibit.files.blobs import BlobStore
from exhibit.files.bucket import Bucket
from registry.services.stores import bucket_of
from tests.assets.swift_server import S3
from workers.database import schema, unpacking
from workers.tasks.sync_runner import SyncRunner

FILES = [bytes([number]) * (300_000 + number) for number in range(1, 41)]
DIGESTS = [Digest.of(data) for data in FILES]
PACKS = ("a" * 32, "b" * 32)


@pytest.fixture
def earlier(inline: SyncRunner, s3: S3, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Two packs of twenty files each in a bucket, and what a killed process has left beside them."""
    config = replace(inline.services.config, blobs_url=s3.url_for(inline.services.config.data_dir))
    monkeypatch.setattr(schema, "load_config", lambda: config)
    call_command("migrate", "registry", "0086", verbosity=0)
    for name, files in zip(PACKS, (FILES[:20], FILES[20:]), strict=True):
        keep_pack(bucket(config), name, files)
    bucket(config).write("packs/left", b"half")
    return config


def bucket(config: Config) -> Bucket:
    found = bucket_of(config)
    assert found is not None
    return found


def keep_pack(to: Bucket, name: str, files: Sequence[bytes]) -> None:
    """As the version before kept it: one behind the other, with some bytes between that were removed."""
    data, places = b"removed", []
    for each in files:
        places.append((Digest.of(each).raw, len(data), len(each)))
        data += each
    to.write(f"packs/{name}", data)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO registry_pack (name, size) VALUES (%s, %s) RETURNING id", [name, len(data)])
        pack = cursor.fetchone()[0]
        rows = [(digest, pack, start, size) for digest, start, size in places]
        cursor.executemany("INSERT INTO registry_packedbytes (digest, pack_id, start, size) VALUES (%s,%s,%s,%s)", rows)
        cursor.execute("INSERT INTO registry_packgap (digest, pack_id, size) VALUES (%s, %s, 7)", [b"x" * 32, pack])


def packed() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM registry_packedbytes")
        return int(cursor.fetchone()[0])


def left_of_packs(config: Config) -> list[str]:
    return list(bucket(config).keys("packs"))


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_however_it_is_interrupted_what_lay_in_packs_is_an_object_each_afterwards_and_the_packs_are_gone(
    earlier: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RuntimeError, match="exhibit up"):  # the tables don't go before the bytes were copied
        call_command("migrate", "registry", verbosity=0)
    assert packed() == len(FILES)
    place, keep = bucket(earlier), unpacking._keep
    data = place.piece(f"packs/{PACKS[0]}", 0, 1 << 30)
    place.write(f"packs/{PACKS[0]}", data.replace(FILES[3], b"?" * len(FILES[3])))

    def until_the_bucket_is_away(blobs: BlobStore, given: tuple[Digest, bytes]) -> None:
        if given[0] == DIGESTS[30]:
            raise StorageError("The bucket doesn't answer.")
        keep(blobs, given)

    with monkeypatch.context() as patch:
        patch.setattr(unpacking, "_keep", until_the_bucket_is_away)
        with pytest.raises(StorageError, match="doesn't answer"):
            schema.migrate()
    assert (packed(), sorted(left_of_packs(earlier))) == (20, [f"packs/{PACKS[1]}", "packs/left"])
    assert schema.is_behind()
    assert schema.migrate()
    blobs = BlobStore(bucket(earlier), "blobs")
    whole = [number for number, digest in enumerate(DIGESTS) if blobs.is_whole(digest)]
    assert whole == [number for number in range(len(DIGESTS)) if number != 3]
    assert [blobs.get(DIGESTS[number]) for number in whole] == [FILES[number] for number in whole]
    assert list(blobs.changed(DIGESTS[3].hex[:2])) == [DIGESTS[3]]  # damage is told as damage still
    assert set(DIGESTS) <= set(blobs)
    assert left_of_packs(earlier) == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('registry_pack'), to_regclass('registry_packedbytes')")
        assert cursor.fetchone() == (None, None)


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_rows_of_packs_whose_bytes_were_moved_to_a_folder_are_forgotten(
    earlier: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "load_config", partial(replace, earlier, blobs_url=""))
    assert schema.migrate()
    assert not schema.is_behind()
    assert len(left_of_packs(earlier)) == 3
