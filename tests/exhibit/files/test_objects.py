"""Objects with names of their own: put, replaced by one at a time, listed, and gone."""

from pathlib import Path

import pytest
from obstore.store import MemoryStore

from exhibit.clock import now
from exhibit.errors import StorageError
from exhibit.files.bucket import Bucket
from exhibit.files.objects import NamedObjects
from tests.assets.swift_server import bucket_on


@pytest.fixture(params=["memory", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> NamedObjects:
    if request.param == "s3":
        return NamedObjects(bucket_on(request.getfixturevalue("s3"), tmp_path), "here")
    store = MemoryStore()
    return NamedObjects(Bucket(lambda: store, "us", tmp_path / "made"), "here")


def test_bytes_have_a_name_until_others_take_it(objects: NamedObjects) -> None:
    assert objects.get("a") is None
    objects.put("a", b"first")
    objects.put("a", b"second")
    found = objects.get("a")
    assert found is not None
    assert found[0] == b"second"
    assert objects.create("a", b"third") is False
    assert objects.create("deep/b", b"third") is True
    names = dict(objects.names())
    assert sorted(names) == ["a", "deep/b"]
    assert (list(dict(objects.names("deep"))), objects.folders()) == (["deep/b"], ["deep"])
    assert abs((names["a"] - now()).total_seconds()) < 60
    for _ in range(2):
        objects.remove("a")
    assert sorted(dict(objects.names())) == ["deep/b"]


def test_of_two_who_replace_what_they_have_both_read_one_is_refused(objects: NamedObjects) -> None:
    objects.create("a", b"first")
    [first, mark] = objects.get("a") or (b"", "")
    assert first == b"first"
    objects.replace("a", b"second", mark)
    with pytest.raises(StorageError, match="replaced by another process"):
        objects.replace("a", b"third", mark)
    objects.remove("a")
    with pytest.raises(StorageError, match="replaced by another process"):
        objects.replace("a", b"third", mark)
    assert objects.get("a") is None
