"""Test an installation with its bytes in a bucket: matching, display, download, outages and purges."""

from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.digests import Digest
from registry.fingerprints.loaded_models import LoadedDescriptors
from registry.matches import jobs as matches_jobs
from registry.models import Capture, Case, Picture, WithheldFile
from registry.pictures.file_removal import read_unverified, remove_from_all_stores, remove_or_withhold
from registry.pictures.previews import get_preview
from registry.services.services import Services
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.swift_server import S3
from workers.operations.backlog import find_held_up_reasons, list_failures
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def away(inline: SyncRunner, s3: S3) -> SyncRunner:
    """The test's installation, with its bytes in a bucket."""
    config = inline.services.config
    return SyncRunner(replace(config, blobs_url=s3.url_for(config.data_dir)))


@pytest.mark.long
def test_bytes_in_a_bucket_are_shown_withheld_and_removed(away: SyncRunner) -> None:
    register(away.services, owner("studio"), photograph(1))
    services, picture_digest, table = (
        away.services,
        Digest.from_bytes(photograph(1)),
        away.services.blobs.put(b"a table"),
    )
    assert get_preview(services, picture_digest)[:2] == b"\xff\xd8"
    remove_or_withhold(services, [WithheldFile.objects.create(digest=table, because=picture_digest, kept=True)])
    assert (table in services.blobs, list(services.withheld)) == (False, [table])
    assert read_unverified(services, table) == b"a table"
    assert [remove_from_all_stores(services, digest) for digest in (table, table, picture_digest)] == [
        True,
        False,
        True,
    ]
    assert not (services.config.data_dir / "blobs").exists()
    assert not (services.config.data_dir / "withheld").exists()


@pytest.mark.long
def test_matching_of_pictures_waits_while_the_bucket_is_unresponsive(away: SyncRunner, s3: S3) -> None:
    studio = owner("studio")
    register(away.services, studio, photograph(1))
    picture_ids = record_sightings(away.services, *claim_new_slice(studio), [recompress(photograph(1)), photograph(2)])
    keys = away.services.config.data_dir / "secrets" / "bucket.toml"
    keys.write_text(s3.settings(endpoint="http://127.0.0.1:9"))
    matches_jobs.match(Services(away.services.config), picture_ids)
    assert find_held_up_reasons() == {"match": "The bucket is not responding."}
    assert set(Picture.objects.filter(pk__in=picture_ids).values_list("state", "attempts")) == {("queued", 0)}
    keys.write_text(s3.settings())
    Picture.objects.update(not_before=None)
    away.run_until_idle()
    assert (find_held_up_reasons(), list_failures(), Case.objects.count()) == ({}, [], 1)
    assert Capture.objects.exists()


@pytest.mark.long
def test_changed_local_copy_of_a_model_file_is_restored_from_the_bucket(away: SyncRunner, tmp_path: Path) -> None:
    blobs = away.services.blobs
    digest = blobs.put(b"a network")
    for _ in range(2):
        path = LoadedDescriptors(lambda: blobs)._get_model_path(digest, tmp_path / "networks")
        assert path.read_bytes() == b"a network"
        path.chmod(0o600)
        path.write_bytes(b"changed")
