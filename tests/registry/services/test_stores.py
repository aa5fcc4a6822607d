"""Test where bytes are stored by configuration, and which values are refused."""

import errno
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.config.config import Config
from exhibit.errors import StorageError
from exhibit.files.blobs import Folder, FolderBlobStore
from exhibit.machine import machine_fault
from registry.configuration import load_config
from registry.services.disk import free_bytes
from registry.services.services import Services
from registry.services.stores import WITHHELD, NumberedStores, check_store, store_at
from tests.assets.swift_server import S3, bucket_on
from workers.operations.background import going_on
from workers.operations.doctor import examine as examine_machine
from workers.operations.status import status_of


@pytest.fixture
def fresh(tmp_path: Path) -> Config:
    (tmp_path / "data").mkdir()
    return load_config({"EXHIBIT_DATA": str(tmp_path / "data"), "EXHIBIT_CAPTURE_BROWSER": "none"})


@pytest.fixture
def elsewhere(fresh: Config, tmp_path: Path) -> Config:
    return replace(fresh, blobs_url=(tmp_path / "big disk").as_uri())


def test_bytes_lie_in_the_data_folder_unless_a_url_says_otherwise(fresh: Config, elsewhere: Config) -> None:
    for config, folder in ((fresh, fresh.data_dir), (elsewhere, fresh.data_dir.parent / "big disk")):
        services = Services(config)
        digest = services.blobs.put(b"bytes")
        assert [path.name for path in (folder / "blobs").rglob(digest.hex)] == [digest.hex]
        services.blobs.move(digest, services.withheld)
        assert (list(services.blobs), list(services.withheld)) == ([], [digest])
    assert free_bytes(elsewhere) > 0


def test_a_folder_elsewhere_belongs_to_one_installation(elsewhere: Config, tmp_path: Path) -> None:
    store_at(elsewhere, elsewhere.blobs_url)
    other = replace(elsewhere, data_dir=tmp_path / "other")
    with pytest.raises(StorageError) as error_info:
        store_at(other, other.blobs_url)
    assert machine_fault(error_info.value) == error_info.value.message


def test_a_folder_elsewhere_that_has_gone_is_not_made_again(elsewhere: Config, tmp_path: Path) -> None:
    """Test the empty mount point of a disk that is no longer mounted."""
    store = store_at(elsewhere, elsewhere.blobs_url)
    digest = store.put(b"bytes")
    (tmp_path / "big disk").rename(tmp_path / "unmounted")
    (tmp_path / "big disk").mkdir()
    for name in ("blobs", WITHHELD):
        with pytest.raises(StorageError):
            store_at(elsewhere, elsewhere.blobs_url, name)
    with pytest.raises(OSError, match="file handle") as error_info:
        store.get(digest)
    assert error_info.value.errno == errno.ESTALE
    assert list((tmp_path / "big disk").iterdir()) == []


@pytest.mark.parametrize("where", ["fresh", "elsewhere"])
@pytest.mark.parametrize("is_empty_mount", [False, True])
def test_doctor_says_that_the_place_of_the_bytes_is_away(
    request: pytest.FixtureRequest, where: str, *, is_empty_mount: bool
) -> None:
    """Test a folder that was moved away, and the empty mount point of a lost disk."""
    config: Config = request.getfixturevalue(where)
    check_store(config)
    store = store_at(config, config.blobs_url)
    assert isinstance(store, FolderBlobStore)
    for _ in range(2):
        check_store(config)
        store.put(b"bytes")
    place = store.root.parent if config.blobs_url else store.root
    place.rename(place.with_name("away"))
    if is_empty_mount:
        place.mkdir()
    with pytest.raises(StorageError) as error_info:
        check_store(config)
    assert error_info.value.hint
    blob_check = next(check for check in examine_machine(config) if check.name == "exact bytes")
    assert (blob_check.ok, blob_check.needed, str(place) in blob_check.sentence) == (False, True, True)
    assert (place.exists(), list(place.iterdir()) if is_empty_mount else []) == (is_empty_mount, [])


@pytest.mark.django_db
def test_status_is_available_while_the_blob_store_is_unreachable(elsewhere: Config, tmp_path: Path) -> None:
    before = status_of(Services(elsewhere))
    (tmp_path / "big disk").rename(tmp_path / "away")
    services = Services(elsewhere)
    assert [index.space for index in status_of(services).indexes] == [index.space for index in before.indexes]
    assert going_on(services) == []


@pytest.mark.long
@pytest.mark.django_db
def test_a_bucket_is_used_with_the_keys_of_the_data_folder(s3: S3, fresh: Config) -> None:
    config = replace(fresh, blobs_url=s3.url_for(fresh.data_dir))
    services = Services(config)
    digest = services.blobs.put(b"bytes")
    assert Services(config).blobs.get(digest) == b"bytes"
    assert not (config.data_dir / "blobs").exists()


@pytest.mark.long
@pytest.mark.django_db
def test_a_second_installation_is_refused_the_bucket_and_doctor_says_so(s3: S3, fresh: Config, tmp_path: Path) -> None:
    config = replace(fresh, blobs_url=s3.url_for(fresh.data_dir))
    check_store(config)
    assert sorted(path.name for path in config.data_dir.rglob("*")) == ["bucket.toml", "secrets"]
    Services(config).blobs.put(b"bytes")
    other = replace(config, data_dir=tmp_path / "other")
    (other.data_dir / "secrets").mkdir(parents=True)
    (other.data_dir / "secrets" / "bucket.toml").write_text(s3.settings())
    checks = {
        check.name: check
        for check in (*examine_machine(config), *examine_machine(other))
        if check.name == "exact bytes"
    }
    assert not checks["exact bytes"].ok
    with pytest.raises(StorageError):
        Services(other).blobs.put(b"theirs")
    assert len(list(Services(config).blobs)) == 1


def test_a_bucket_without_its_library_is_said_to_need_it(fresh: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "exhibit.files.bucket")
    with pytest.raises(StorageError, match="bucket") as error_info:
        store_at(fresh, "s3://bucket/exhibit")
    assert "bootstrap.py runtime bucket" in error_info.value.hint


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.long)])
def rooms(request: pytest.FixtureRequest, tmp_path: Path) -> NumberedStores:
    if request.param == "folder":
        return NumberedStores(Folder(tmp_path / "uploads"))
    return NumberedStores(bucket_on(request.getfixturevalue("s3"), tmp_path), "uploads")


def test_bytes_wait_in_their_room_alone_until_they_are_taken(rooms: NumberedStores) -> None:
    first, second = rooms.get_store(1).put(b"first"), rooms.get_store(20).put(b"second")
    assert (list(rooms.get_store(1)), list(rooms.get_store(2)), rooms.get_store(20).get(second)) == (
        [first],
        [],
        b"second",
    )
    rooms.get_store(20).remove(first)
    rooms.get_store(20).remove(second)
    rooms.get_store(3).remove(second)
    assert (first in rooms.get_store(1), list(rooms.get_store(20))) == (True, [])


def test_a_room_is_idle_when_nothing_came_for_a_while_and_goes_with_all_that_is_in_it(rooms: NumberedStores) -> None:
    for data in (b"one", b"two"):
        rooms.get_store(1).put(data)
    rooms.get_store(2).put(b"three")
    assert (sorted(rooms.iter_idle(3600)), sorted(rooms.iter_idle(-60))) == ([], [1, 2])
    rooms.clear(1)
    assert (list(rooms.get_store(1)), len(list(rooms.get_store(2)))) == ([], 1)
