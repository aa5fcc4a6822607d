"""Test dumping and restoring all rows."""

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, ServiceMissingError
from registry.models import Owner, Picture
from registry.services.addresses import get_database_url
from registry.services.services import Services
from registry.services.stores import open_blob_store
from tests.assets.swift_server import S3
from workers.database.backup import back_up
from workers.database.backup_format import verify_backup
from workers.database.dumping import dump_rows, is_empty, read_migrations, restore_rows
from workers.database.restore import STAGING_FOLDER, _restore_blobs


@pytest.fixture
def database_config(config: Config, transactional_db: None) -> Config:
    """The configuration of this test's database."""
    assert config.database_url
    name = str(connection.settings_dict["NAME"])
    return replace(config, database_url=psycopg.conninfo.make_conninfo(get_database_url(config), dbname=name))


def test_dump_is_a_snapshot_and_restores_only_into_an_empty_database(database_config: Config, tmp_path: Path) -> None:
    assert is_empty(database_config)
    Owner.objects.create(slug="studio", name="Studio")
    Picture.objects.create(digest=Digest.from_bytes(b"a"), size=1, first_seen=now())
    dump = tmp_path / "rows.dump"
    with psycopg.connect(database_config.database_url) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        [snapshot] = other.execute("SELECT pg_export_snapshot()").fetchone() or [""]
        Owner.objects.create(slug="later", name="Later")
        dump_rows(database_config, str(snapshot), dump)
    assert "0001_initial" in read_migrations(dump, "registry")
    assert read_migrations(dump, "nothing") == set()
    assert not is_empty(database_config)
    with pytest.raises(InvalidRequestError, match="already contains data"):
        restore_rows(database_config, dump)
    elsewhere = empty_database(database_config)
    restore_rows(elsewhere, dump)
    with psycopg.connect(elsewhere.database_url) as restored:
        assert restored.execute("SELECT slug FROM registry_owner").fetchall() == [("studio",)]
    dump.write_bytes(b"no dump")
    with pytest.raises(ServiceMissingError, match="pg_restore failed"):
        read_migrations(dump, "registry")


@pytest.mark.long
def test_bucket_bytes_are_backed_up_and_restored_to_a_new_bucket(
    database_config: Config, s3: S3, tmp_path: Path
) -> None:
    config = replace(database_config, data_dir=tmp_path / "data", blobs_url=s3.url_for(tmp_path / "data"))
    (config.data_dir / "locks").mkdir(parents=True)
    services, contents = Services(config), [bytes([number]) * 1000 for number in range(1, 9)]
    services.blobs.put_all(contents)
    services.blobs.put(b"a document")
    services.blobs.remove(Digest.from_bytes(contents[0]))
    described = back_up(services, tmp_path / "backup", keys=True, report=print)
    assert (verify_backup(tmp_path / "backup"), described.blobs) == (described, 8)
    new = replace(empty_database(config), data_dir=tmp_path / "new", blobs_url=s3.url_for(tmp_path / "new"))
    (new.data_dir / STAGING_FOLDER).mkdir()
    _restore_blobs(new, tmp_path / "backup")
    restore_rows(new, tmp_path / "backup" / described.rows.name)
    store = open_blob_store(new, new.blobs_url)
    assert set(store) == {*map(Digest.from_bytes, contents[1:]), Digest.from_bytes(b"a document")}
    assert all(map(store.is_intact, store))


def empty_database(config: Config) -> Config:
    """Create a second database on the same server; it is deleted with the server."""
    with psycopg.connect(config.database_url, autocommit=True) as database:
        database.execute("DROP DATABASE IF EXISTS elsewhere")
        database.execute("CREATE DATABASE elsewhere TEMPLATE template0")
    return replace(config, database_url=psycopg.conninfo.make_conninfo(config.database_url, dbname="elsewhere"))
