"""Test uploads of many files: each has a result, nothing is registered twice, and dead workers are replaced."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, RefusedError
from registry.db import steps
from registry.models import BlockedDigest, LogSubmission, Owner, StepState, Upload, UploadFile, Work
from registry.retention.purge import purge_picture
from registry.works import upload_registration as step, uploads
from registry.works.upload_registration import register_uploads
from registry.works.uploads import DeclarationDefaults, SentFile
from registry.works.work_tables import parse_works_table
from tests.assets.rows import owner, photograph
from tests.registry.works.test_ownership import make_signed_picture
from workers.tasks.sync_runner import SyncRunner


def make_file(name: str, data: bytes) -> SentFile:
    return SentFile(name, len(data), lambda: data)


def start_upload(of: Owner, table: str = "", encoding: str = "utf-8", announced: int = 0) -> Upload:
    table_works = parse_works_table("works.csv", table.encode(encoding)) if table else None
    return uploads.start_upload(
        of, DeclarationDefaults(author="Ann Lee"), by="ann", table=table_works, announced=announced
    )


def list_results(upload: Upload) -> dict[str, tuple[str, str]]:
    return {file.name: (file.outcome, file.reason) for file in upload.files.all()}


def process_upload(inline: SyncRunner, upload: Upload) -> None:
    register_uploads(inline.services, list(upload.files.filter(state=StepState.QUEUED).values_list("pk", flat=True)))


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


@pytest.mark.long
def test_broken_files_are_reported_and_others_registered_once(inline: SyncRunner, studio: Owner) -> None:
    good = {f"shoot/{n}.jpg": photograph(n) for n in range(6)}
    broken = {
        "cut.jpg": photograph(7)[:600],  # ends before the pixels
        "page.html": b"<!doctype html><title>No picture</title>",
        "empty.jpg": b"",
        "noise.jpg": b"\xff\xd8\xff" + b"x" * 500,
    }
    upload = start_upload(studio, announced=10)
    uploads.receive_files(inline.services, upload, [make_file(name, data) for name, data in {**good, **broken}.items()])
    # A response was lost
    uploads.receive_files(inline.services, upload, [make_file("shoot/0.jpg", good["shoot/0.jpg"])])
    uploads.receive_files(inline.services, upload, [make_file("again/0.jpg", good["shoot/0.jpg"])])
    uploads.close_upload(upload)
    process_upload(inline, upload)
    process_upload(inline, upload)
    outcomes = list_results(upload)
    assert {name for name, (outcome, _) in outcomes.items() if outcome == "registered"} == set(good)
    assert outcomes["again/0.jpg"] == ("known", "")
    assert {name: outcomes[name] for name in broken} == {
        "cut.jpg": ("refused", "truncated"),
        "page.html": ("refused", "not-a-picture"),
        "empty.jpg": ("refused", "empty"),
        "noise.jpg": ("refused", "broken"),
    }
    assert Work.objects.count() == LogSubmission.objects.filter(type="registration").count() == 6
    progress = uploads.compute_progress([Upload.objects.get()])[upload.pk]
    assert (
        progress.announced,
        progress.arrived,
        progress.registered,
        progress.known,
        progress.refused,
        progress.done,
    ) == (11, 11, 6, 1, 4, True)
    assert list(inline.services.uploads.get_store(upload.pk)) == []


def test_table_rows_are_assigned_by_path_or_file_name_and_missing_files_are_reported(
    inline: SyncRunner, studio: Owner
) -> None:
    table = "文件名;作品名称;作者\na.jpg;两只鹦鹉;陈明\ndeep/b.jpg;灯塔;\nc.jpg;海;\n"
    upload = start_upload(studio, table, "gbk")
    uploads.receive_files(
        inline.services, upload, [make_file("x/a.jpg", photograph(1)), make_file("deep/b.jpg", photograph(2))]
    )
    uploads.close_upload(upload)
    process_upload(inline, upload)
    assert list(Work.objects.order_by("title").values_list("title", "author", "source_name")) == [
        ("两只鹦鹉", "陈明", "x/a.jpg"),
        ("灯塔", "Ann Lee", "deep/b.jpg"),
    ]
    assert [line.file for line in uploads.list_rows_without_files(upload)] == ["c.jpg"]


@pytest.mark.parametrize(("reads", "title", "author"), [(True, "p", "Bo Chan"), (False, "p", "")])
def test_metadata_is_declared_only_if_requested(
    inline: SyncRunner,
    studio: Owner,
    reads: bool,  # noqa: FBT001 - a parameter
    title: str,
    author: str,
) -> None:
    upload = uploads.start_upload(studio, DeclarationDefaults(reads_metadata=reads), by="ann", table=None, announced=1)
    uploads.receive_files(inline.services, upload, [make_file("x/p.jpg", make_signed_picture(1, Artist="Bo Chan"))])
    process_upload(inline, upload)
    work = Work.objects.get()
    assert (work.title, work.author, work.metadata) == (title, author, {"author": "Bo Chan"})


def test_invalid_table_starts_no_upload(studio: Owner) -> None:
    with pytest.raises(InvalidRequestError, match="2"):
        start_upload(studio, "file,title\n,nothing\n")
    assert not Upload.objects.exists()


def test_rejected_files_are_not_stored(inline: SyncRunner, studio: Owner) -> None:
    services = inline.services
    blocked, large, fits = photograph(1), b"\xff\xd8\xff" + b"x" * services.limits.max_bytes, photograph(2)
    BlockedDigest.objects.create(digest=Digest.from_bytes(blocked))
    Owner.objects.update(quota_bytes=len(fits) + 10)
    studio.refresh_from_db()
    upload = start_upload(studio)
    files = [make_file("blocked.jpg", blocked), make_file("large.jpg", large), make_file("fits.jpg", fits)]
    huge = uploads.OmittedFile("huge.tif", 10**9, "too-many-bytes")
    uploads.receive_files(services, upload, [*files, make_file("over.jpg", photograph(3))], omitted_files=[huge])
    assert list_results(upload) == {
        "blocked.jpg": ("refused", "blocked"),
        "large.jpg": ("refused", "too-many-bytes"),
        "huge.tif": ("refused", "too-many-bytes"),
        "fits.jpg": ("", ""),
        "over.jpg": ("refused", "quota"),
    }
    assert set(services.uploads.get_store(upload.pk)) == {Digest.from_bytes(fits)}
    Owner.objects.update(quota_bytes=None)
    uploads.receive_files(
        services, Upload.objects.get(), [make_file("over.jpg", photograph(3)), make_file("blocked.jpg", blocked)]
    )
    assert list_results(upload)["over.jpg"] == ("", "")
    assert list_results(upload)["blocked.jpg"] == ("refused", "blocked")


def test_corrected_file_replaces_the_broken_file(inline: SyncRunner, studio: Owner) -> None:
    upload = start_upload(studio)
    uploads.receive_files(inline.services, upload, [make_file("a.jpg", photograph(1)[:600])])
    process_upload(inline, upload)
    assert list_results(upload)["a.jpg"][0] == "refused"
    uploads.receive_files(inline.services, upload, [make_file("a.jpg", photograph(1))])
    process_upload(inline, upload)
    assert list_results(upload) == {"a.jpg": ("registered", "")}


def test_full_disk_rejects_upload(inline: SyncRunner, studio: Owner) -> None:
    inline.services.config = replace(inline.services.config, disk_floor_bytes=1 << 60)
    upload = start_upload(studio)
    with pytest.raises(RefusedError):
        uploads.receive_files(inline.services, upload, [make_file("a.jpg", photograph(1))])
    assert not upload.files.exists()


@pytest.mark.long
def test_uploaded_files_claimed_by_a_dead_worker_are_reclaimed(inline: SyncRunner, studio: Owner) -> None:
    upload = start_upload(studio)
    uploads.receive_files(inline.services, upload, [make_file(f"{n}.jpg", photograph(n)) for n in range(3)])
    ids = list(upload.files.values_list("pk", flat=True))
    assert steps.claim(UploadFile, ids, inline.services.stale_after) == ids  # like a worker that was killed afterwards
    register_uploads(inline.services, ids)
    assert not Work.objects.exists()
    UploadFile.objects.update(claimed_at=now() - inline.services.stale_after - timedelta(seconds=1))
    inline.run_until_idle()
    assert {outcome for outcome, _ in list_results(upload).values()} == {"registered"}
    assert Work.objects.count() == 3


def test_remaining_upload_time_is_estimated_from_the_recent_rate(inline: SyncRunner, studio: Owner) -> None:
    upload = uploads.start_upload(studio, DeclarationDefaults(), by="Ann", table=None, announced=10)
    uploads.receive_files(inline.services, upload, [make_file(f"{n}.jpg", photograph(n)) for n in range(6)])
    assert uploads.compute_progress([upload])[upload.pk].seconds_left is None
    first = list(upload.files.order_by("pk").values_list("pk", flat=True))[:4]
    register_uploads(inline.services, first)
    upload.files.filter(pk__in=first).update(claimed_at=now() - timedelta(seconds=60))
    progress = uploads.compute_progress([upload])[upload.pk]  # 4 files took 60 s; 2 are pending, 4 are missing
    assert progress.seconds_left is not None
    assert progress.seconds_left == pytest.approx(90, abs=10)
    assert progress.minutes_left == 2
    upload.files.filter(pk__in=first).update(claimed_at=now() - uploads.RATE_WINDOW)
    assert uploads.compute_progress([upload])[upload.pk].seconds_left is None
    uploads.close_upload(upload)
    process_upload(inline, upload)
    upload.refresh_from_db()
    assert uploads.compute_progress([upload])[upload.pk].seconds_left == 0


def test_late_worker_does_not_change_the_result_of_an_uploaded_file(inline: SyncRunner, studio: Owner) -> None:
    upload = start_upload(studio)
    uploads.receive_files(inline.services, upload, [make_file("a.jpg", photograph(1))])
    late_file = UploadFile.objects.select_related("upload__owner", "line").get()
    process_upload(inline, upload)
    step._register_file(inline.services, late_file)
    assert list_results(upload) == {"a.jpg": ("registered", "")}


def test_failed_file_is_listed_until_retried(inline: SyncRunner, studio: Owner) -> None:
    upload = start_upload(studio)
    uploads.receive_files(inline.services, upload, [make_file("a.jpg", photograph(1))])
    stale = now() - inline.services.stale_after * 2
    UploadFile.objects.update(state=StepState.RUNNING, claimed_at=stale, attempts=steps.MAX_ATTEMPTS)
    inline.run_until_idle()
    progress = uploads.compute_progress([upload])[upload.pk]
    assert (progress.refused, progress.waiting, [problem.name for problem in uploads.list_refused_files(upload)]) == (
        1,
        0,
        ["a.jpg"],
    )
    uploads.receive_files(inline.services, upload, [make_file("a.jpg", photograph(1))])  # sending it again retries
    assert list_results(upload) == {"a.jpg": ("", "")}
    UploadFile.objects.update(state=StepState.FAILED)
    assert uploads.retry_failed(inline.services, upload) == 1
    inline.run_until_idle()
    assert list_results(upload) == {"a.jpg": ("registered", "")}


@pytest.mark.django_db(transaction=True)
def test_concurrent_workers_register_a_picture_once(inline: SyncRunner) -> None:
    studio = owner("studio")
    first, second = start_upload(studio), start_upload(studio)
    for upload in (first, second):
        uploads.receive_files(inline.services, upload, [make_file("a.jpg", photograph(1))])
    ids = [[upload.files.get().pk] for upload in (first, second)]
    threads = [threading.Thread(target=_make_importer(inline, pk)) for pk in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(UploadFile.objects.values_list("outcome", flat=True)) == ["known", "registered"]
    assert Work.objects.count() == 1


def _make_importer(inline: SyncRunner, ids: Sequence[int]) -> Callable[[], None]:
    def run() -> None:
        from django.db import connection

        try:
            register_uploads(inline.services, ids)
        finally:
            connection.close()

    return run


def test_purge_deletes_pending_uploads(inline: SyncRunner, studio: Owner) -> None:
    upload = start_upload(studio)
    uploads.receive_files(inline.services, upload, [make_file("a.jpg", photograph(1))])
    purge_picture(inline.services, Digest.from_bytes(photograph(1)), by="Ann", reason="Illegal.")
    assert list(inline.services.uploads.get_store(upload.pk)) == []
    process_upload(inline, upload)
    assert list_results(upload)["a.jpg"] == ("refused", "missing")


@pytest.fixture
def idle_upload(inline: SyncRunner, studio: Owner) -> Upload:
    import os

    upload = start_upload(studio)
    uploads.receive_files(inline.services, upload, [make_file("a.jpg", photograph(1))])
    os.utime(inline.services.config.data_dir / "uploads" / str(upload.pk), (0, 0))
    return upload


def test_sweep_deletes_only_completed_uploads(inline: SyncRunner, idle_upload: Upload) -> None:
    store = inline.services.uploads.get_store(idle_upload.pk)
    uploads.delete_idle_bytes(inline.services)
    assert len(list(store)) == 1
    UploadFile.objects.update(state=StepState.DONE)
    uploads.delete_idle_bytes(inline.services)
    assert not (inline.services.config.data_dir / "uploads" / str(idle_upload.pk)).exists()
