"""Packs that are written anew: when, what is left of them, and what becomes of it when something comes between."""

from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.digests import Digest
from registry.models import BlockedDigest, Pack, PackGap, Picture
from tests.assets.rows import photograph
from tests.workers.services.test_packs import BYTES, DIGESTS, NOW, away, blobs, objects, standing
from workers.operations import packing
from workers.operations.packing import keep_packs, write_anew
from workers.operations.retention import expire_bytes, look_for_damage, sweep
from workers.services.packs import PackedBlobStore
from workers.tasks.sync_runner import SyncRunner

__all__ = ["away", "blobs"]


def all_bytes(blobs: PackedBlobStore) -> list[bytes]:
    """What lies in the packs of the bucket."""
    found = (blobs.bucket.piece(name, 0, 1 << 30) for name in objects(blobs) if name.startswith("packs/"))
    return [data for data in found if data is not None]


def test_purged_bytes_are_gone_with_the_next_upkeep_and_the_others_stay(
    away: SyncRunner, blobs: PackedBlobStore
) -> None:
    blobs.put_all(BYTES)
    blobs.remove(DIGESTS[3])
    BlockedDigest.objects.create(digest=DIGESTS[3])
    assert any(BYTES[3] in data for data in all_bytes(blobs))
    keep_packs(away.services)
    assert not any(BYTES[3] in data for data in all_bytes(blobs))
    assert [blobs.get(digest) for digest in DIGESTS if digest != DIGESTS[3]] == BYTES[:3] + BYTES[4:]
    assert (len(objects(blobs)), Pack.objects.get().size, PackGap.objects.exists()) == (
        1,
        sum(map(len, BYTES)) - 1003,
        False,
    )


def test_expired_bytes_are_gone_when_they_are_half_of_their_pack_or_after_a_week(
    away: SyncRunner, blobs: PackedBlobStore
) -> None:
    blobs.put_all(BYTES)
    before = objects(blobs)
    blobs.remove_all(DIGESTS[:8])
    keep_packs(away.services)
    assert objects(blobs) == before
    PackGap.objects.update(since=now() - timedelta(days=8))
    keep_packs(away.services)
    assert not any(data in pack for pack in all_bytes(blobs) for data in BYTES[:8])
    blobs.remove_all(DIGESTS[8:15])
    keep_packs(away.services)
    assert not any(data in pack for pack in all_bytes(blobs) for data in BYTES[:15])
    blobs.remove_all(DIGESTS)
    keep_packs(away.services)
    assert (objects(blobs), Pack.objects.count()) == ([], 0)


def test_small_packs_are_gathered_up_to_a_size(
    away: SyncRunner, blobs: PackedBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "SMALL", 5000)
    monkeypatch.setattr(packing, "LARGE", 9000)
    for data in BYTES[:4]:
        blobs.put_all([data])
    keep_packs(away.services)
    assert len(objects(blobs)) == 4  # there is too little of them
    for data in BYTES[4:]:
        blobs.put_all([data])
    keep_packs(away.services)
    sizes = sorted(Pack.objects.values_list("size", flat=True))
    assert (len(objects(blobs)), sum(sizes)) == (len(sizes), sum(map(len, BYTES)))
    assert sizes[-1] <= 9000
    assert sum(size for size in sizes if size < 5000) < 5000
    assert len(sizes) == 6
    assert [blobs.get(digest) for digest in DIGESTS] == BYTES
    again = objects(blobs)
    keep_packs(away.services)
    assert objects(blobs) == again


def test_what_is_removed_while_its_pack_is_written_anew_is_a_gap_in_the_new_one(
    blobs: PackedBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.put_all(BYTES)
    old = Pack.objects.get()
    places = blobs.places(old)
    blobs.remove(DIGESTS[0])
    PackGap.objects.all().delete()
    with monkeypatch.context() as patched:  # as they were looked up just before
        patched.setattr(blobs, "places", lambda _: places)
        write_anew(blobs, [old.pk])
    assert (PackGap.objects.get().digest, DIGESTS[0] in blobs) == (DIGESTS[0], False)
    assert [blobs.get(digest) for digest in DIGESTS[1:]] == BYTES[1:]


def test_whoever_has_looked_bytes_up_just_before_looks_again(blobs: PackedBlobStore) -> None:
    blobs.put_all(BYTES)
    read, places = blobs.ahead(DIGESTS), blobs.places(Pack.objects.get())
    write_anew(blobs, [Pack.objects.get().pk])
    assert blobs.fetch(places[:1]) == {}
    assert [read(digest) for digest in DIGESTS] == BYTES


def test_bytes_that_are_damaged_stay_as_they_are_and_are_told(away: SyncRunner, blobs: PackedBlobStore) -> None:
    blobs.put_all(BYTES)
    name = Pack.objects.get().name
    blobs.bucket.write(f"packs/{name}", b"?" * Pack.objects.get().size)
    write_anew(blobs, [Pack.objects.get().pk])
    assert set(blobs.changed(Pack.objects.get().name[:2])) == set(DIGESTS)


@pytest.mark.django_db(transaction=True)
def test_a_rewriting_that_is_killed_has_changed_nothing_and_keeps_others_from_it_while_it_lives(
    away: SyncRunner, blobs: PackedBlobStore
) -> None:
    blobs.put_all(BYTES[:10])
    blobs.put_all(BYTES[10:])
    before, keys = objects(blobs), list(Pack.objects.values_list("pk", flat=True))
    with standing(away.services, "rewrite"):
        write_anew(blobs, keys)  # they are at work there
        assert blobs.sweep(NOW) == 0
        blobs.remove(DIGESTS[0])
    assert len(objects(blobs)) == 3
    assert [blobs.get(digest) for digest in DIGESTS[1:]] == BYTES[1:]
    assert (blobs.sweep(NOW), objects(blobs)) == (1, before)
    write_anew(blobs, keys)
    assert (len(objects(blobs)), DIGESTS[0] in blobs) == (1, False)
    assert [blobs.get(digest) for digest in DIGESTS[1:]] == BYTES[1:]


def test_small_pictures_of_what_has_expired_share_a_pack(away: SyncRunner, blobs: PackedBlobStore) -> None:
    seen = [photograph(seed) for seed in range(2, 8)]
    blobs.put_all([*seen, b"no picture"])
    old = now() - timedelta(days=400)
    for data in (*seen, b"no picture"):
        Picture.objects.create(digest=Digest.of(data), size=len(data), first_seen=old, state="done")
    assert expire_bytes(away.services) == 7
    small = [digest for digest in Picture.objects.values_list("thumbnail", flat=True) if digest is not None]
    assert len(set(small)) == 6
    assert all(blobs.get(digest)[:2] == b"\xff\xd8" for digest in small)
    assert len(objects(blobs)) == 2
    keep_packs(away.services)
    assert len(objects(blobs)) == 1
    assert set(blobs) == set(small)


def test_upkeep_asks_a_bucket_by_packs_and_not_by_bytes(
    away: SyncRunner, blobs: PackedBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.put_all(BYTES)
    for digest in DIGESTS[:5]:
        BlockedDigest.objects.create(digest=digest)
    asked: list[str] = []
    _count(blobs, asked, monkeypatch)
    (away.services.config.data_dir / "damaged.next").write_text(Pack.objects.get().name[:2])
    look_for_damage(away.services)
    sweep(away.services)
    assert [one for one in asked if one != "check"] == ["listed", "piece", "listed", "remove"]
    assert set(blobs) == set(DIGESTS[5:])


def _count(blobs: PackedBlobStore, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Note what is asked of the bucket."""
    for name in ("write", "piece", "listed", "remove", "check"):
        real = getattr(blobs.bucket, name)

        def noted(*given: object, real: object = real, name: str = name) -> object:
            asked.append(name)
            return real(*given)  # type: ignore[operator]

        monkeypatch.setattr(blobs.bucket, name, noted)
