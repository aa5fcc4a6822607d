"""Test the configured storage of bytes, and locations that are rejected."""

import errno
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.config.config import Config
from exhibit.errors import StorageError
from exhibit.files.blobs import FolderBlobStore, FolderMedium
from exhibit.machine import describe_machine_fault
from registry.configuration import load_config
from registry.services.disk import get_free_bytes
from registry.services.services import Services
from registry.services.stores import WITHHELD, NumberedStores, check_store, open_blob_store
from tests.assets.swift_server import S3, bucket_on
from workers.operations.background import list_unfinished_work
from workers.operations.doctor import check_machine as examine_machine
from workers.operations.status import collect_status


@pytest.fixture
def fresh(tmp_path: Path) -> Config:
    (tmp_path / "data").mkdir()
    return load_config({"EXHIBIT_DATA": str(tmp_path / "data"), "EXHIBIT_CAPTURE_BROWSER": "none"})


@pytest.fixture
def elsewhere(fresh: Config, tmp_path: Path) -> Config:
    return replace(fresh, blobs_url=(tmp_path / "big disk").as_uri())


def test_bytes_are_stored_in_data_folder_unless_url_is_configured(fresh: Config, elsewhere: Config) -> None:
    for config, folder in ((fresh, fresh.data_dir), (elsewhere, fresh.data_dir.parent / "big disk")):
        services = Services(config)
        digest = services.blobs.put(b"bytes")
        assert [path.name for path in (folder / "blobs").rglob(digest.hex)] == [digest.hex]
        services.blobs.move(digest, services.withheld)
        assert (list(services.blobs), list(services.withheld)) == ([], [digest])
    assert get_free_bytes(elsewhere) > 0


def test_external_folder_belongs_to_one_installation(elsewhere: Config, tmp_path: Path) -> None:
    open_blob_store(elsewhere, elsewhere.blobs_url)
    other = replace(elsewhere, data_dir=tmp_path / "other")
    with pytest.raises(StorageError) as error_info:
        open_blob_store(other, other.blobs_url)
    assert describe_machine_fault(error_info.value) == error_info.value.message


def test_missing_external_folder_is_not_recreated(elsewhere: Config, tmp_path: Path) -> None:
    """Test the empty mount point of a disk that is no longer mounted."""
    store = open_blob_store(elsewhere, elsewhere.blobs_url)
    digest = store.put(b"bytes")
    (tmp_path / "big disk").rename(tmp_path / "unmounted")
    (tmp_path / "big disk").mkdir()
    for name in ("blobs", WITHHELD):
        with pytest.raises(StorageError):
            open_blob_store(elsewhere, elsewhere.blobs_url, name)
    with pytest.raises(OSError, match="file handle") as error_info:
        store.get(digest)
    assert error_info.value.errno == errno.ESTALE
    assert list((tmp_path / "big disk").iterdir()) == []


@pytest.mark.parametrize("where", ["fresh", "elsewhere"])
@pytest.mark.parametrize("is_empty_mount", [False, True])
def test_doctor_reports_missing_blob_store(request: pytest.FixtureRequest, where: str, *, is_empty_mount: bool) -> None:
    """Test a folder that was moved away, and the empty mount point of a lost disk."""
    config: Config = request.getfixturevalue(where)
    check_store(config)
    store = open_blob_store(config, config.blobs_url)
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
    before = collect_status(Services(elsewhere))
    (tmp_path / "big disk").rename(tmp_path / "away")
    services = Services(elsewhere)
    assert [index.space for index in collect_status(services).indexes] == [index.space for index in before.indexes]
    assert list_unfinished_work(services) == []


@pytest.mark.long
@pytest.mark.django_db
def test_bucket_uses_keys_of_the_data_folder(s3: S3, fresh: Config) -> None:
    config = replace(fresh, blobs_url=s3.url_for(fresh.data_dir))
    services = Services(config)
    digest = services.blobs.put(b"bytes")
    assert Services(config).blobs.get(digest) == b"bytes"
    assert not (config.data_dir / "blobs").exists()


@pytest.mark.long
@pytest.mark.django_db
def test_second_installation_cannot_use_bucket_and_doctor_reports_it(s3: S3, fresh: Config, tmp_path: Path) -> None:
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


def test_missing_bucket_library_is_reported(fresh: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "exhibit.files.bucket")
    with pytest.raises(StorageError, match="bucket") as error_info:
        open_blob_store(fresh, "s3://bucket/exhibit")
    assert "bootstrap.py runtime bucket" in error_info.value.hint


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.long)])
def numbered_stores(request: pytest.FixtureRequest, tmp_path: Path) -> NumberedStores:
    if request.param == "folder":
        return NumberedStores(FolderMedium(tmp_path / "uploads"))
    return NumberedStores(bucket_on(request.getfixturevalue("s3"), tmp_path), "uploads")


def test_numbered_stores_are_isolated(numbered_stores: NumberedStores) -> None:
    first, second = numbered_stores.get_store(1).put(b"first"), numbered_stores.get_store(20).put(b"second")
    assert (
        list(numbered_stores.get_store(1)),
        list(numbered_stores.get_store(2)),
        numbered_stores.get_store(20).get(second),
    ) == (
        [first],
        [],
        b"second",
    )
    numbered_stores.get_store(20).remove(first)
    numbered_stores.get_store(20).remove(second)
    numbered_stores.get_store(3).remove(second)
    assert (first in numbered_stores.get_store(1), list(numbered_stores.get_store(20))) == (True, [])


def test_unused_store_can_be_listed_and_cleared(numbered_stores: NumberedStores) -> None:
    for data in (b"one", b"two"):
        numbered_stores.get_store(1).put(data)
    numbered_stores.get_store(2).put(b"three")
    assert (sorted(numbered_stores.iterate_idle(3600)), sorted(numbered_stores.iterate_idle(-60))) == ([], [1, 2])
    numbered_stores.clear(1)
    assert (list(numbered_stores.get_store(1)), len(list(numbered_stores.get_store(2)))) == ([], 1)
