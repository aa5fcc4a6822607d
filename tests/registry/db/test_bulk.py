"""Test bulk inserts: existing rows are kept, or updated if requested."""

from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from registry.db.bulk import copy_into, to_storable
from registry.models import Picture


def make_picture(name: bytes, size: int) -> Picture:
    return Picture(digest=Digest.from_bytes(name), size=size, first_seen=now())


def list_sizes() -> dict[object, int]:
    return dict(Picture.objects.values_list("digest", "size"))


def test_existing_rows_are_kept_or_overwritten(db: None) -> None:
    a, b = Digest.from_bytes(b"a"), Digest.from_bytes(b"b")
    with transaction.atomic():
        assert copy_into([], conflict=("digest",)) == 0
        assert copy_into([make_picture(b"a", 1)], conflict=("digest",)) == 1
        assert copy_into([make_picture(b"a", 2), make_picture(b"b", 2)], conflict=("digest",)) == 1
        assert list_sizes() == {a: 1, b: 2}
        later = "registry_picture.size < EXCLUDED.size"
        assert copy_into([make_picture(b"a", 3), make_picture(b"b", 1)], conflict=("digest",), overwrite=later) == 1
    assert list_sizes() == {a: 3, b: 2}
    assert Picture.objects.get(digest=a).waits_since is not None  # the default is set by the database


def test_text_is_made_storable() -> None:
    assert to_storable("a\0b\ud800c", 4) == "a\ufffdb?"
    assert to_storable("日本", 1) == "日"
