"""Test the progress of background work."""

from datetime import timedelta
from functools import partial

import pytest

from exhibit.clock import now
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.ports import get_features, get_indexes
from registry.matches import local_feature_upkeep
from registry.matches.index_upkeep import rebuild_indexes
from registry.models import FingerprintRow, WorkPicture
from registry.works import uploads
from registry.works.upload_registration import register_uploads
from tests.assets.rows import owner, photograph, register
from workers.operations.background import list_unfinished_work
from workers.tasks.sync_runner import SyncRunner


def test_long_running_work_reports_its_progress(inline: SyncRunner) -> None:
    register(inline.services, owner("studio"), photograph(1))
    inline.run_until_idle()
    assert list_unfinished_work(inline.services) == []
    WorkPicture.objects.update(state="running", progress={"alike": 2000, "compared": 450})
    FingerprintRow.objects.filter(part="local").delete()
    assert [(progress.done, progress.total) for progress in list_unfinished_work(inline.services)] == [
        (450, 2000),
        (0, 1),
    ]


def test_upload_progress_reports_registered_files_and_remaining_time(inline: SyncRunner) -> None:
    upload = uploads.start_upload(owner("studio"), uploads.DeclarationDefaults(), by="Ann", table=None, announced=3)
    files = [uploads.SentFile(f"{seed}.jpg", len(photograph(seed)), partial(photograph, seed)) for seed in (1, 2)]
    uploads.receive_files(inline.services, upload, files)
    (progress,) = list_unfinished_work(inline.services)
    assert (progress.done, progress.total, progress.seconds_left) == (0, 3, None)
    first = upload.files.earliest("pk").pk
    register_uploads(inline.services, [first])
    upload.files.filter(pk=first).update(claimed_at=now() - timedelta(minutes=1))
    (under_way, *_) = list_unfinished_work(inline.services)
    assert (under_way.done, under_way.total) == (1, 3)
    assert under_way.seconds_left == pytest.approx(120, abs=20)


@pytest.mark.long
def test_unreadable_registered_pictures_are_not_pending_work(inline: SyncRunner) -> None:
    studio = owner("studio")
    damaged, _ = (register(inline.services, studio, photograph(seed)).work.pictures.get() for seed in (1, 2))
    inline.run_until_idle()
    FingerprintRow.objects.filter(part="local").delete()
    get_features(inline.services).remove(damaged.digest)
    inline.services.blobs.remove(damaged.digest)
    assert local_feature_upkeep.compute_missing_features(inline.services) == 1
    (progress,) = list_unfinished_work(inline.services)
    assert (progress.done, progress.total) == (1, 2)
    assert local_feature_upkeep.compute_missing_features(inline.services) == 0
    inline.services.blobs.put(photograph(1))
    list(rebuild_indexes(inline.services))
    assert list_unfinished_work(inline.services) == []
    get_indexes(inline.services).refresh(Collection.WORKS)
    assert len(get_indexes(inline.services).votes) == 2
