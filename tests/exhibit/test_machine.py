"""Test that rows that fail for lack of resources wait with the reason, use no attempt, and continue automatically."""

import errno
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import BinaryIO

import psycopg
import pytest
import redis
from django.db import InternalError, OperationalError

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ServiceMissingError
from exhibit.files.blobs import FolderBlobStore
from exhibit.machine import (
    DATABASE_FULL,
    DATABASE_NOT_RESPONDING,
    ERROR_SENTENCES,
    describe_machine_fault,
    get_process_identifier,
    has_process_ended,
    read_stat_fields,
)
from exhibit.network.guard import Guard
from registry import jobs
from registry.db import heartbeats, steps
from registry.db.claimable import Claimable
from registry.matches import jobs as matches_jobs
from registry.models import Case, Crawl, CrawlSlice, Heartbeat, Picture, Refusal, WorkPicture
from registry.services.services import Services
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.shop import LOOPBACK, Shop, change_settings, create_watch
from workers.operations import health, status
from workers.operations.backlog import find_held_up_reasons, list_failures
from workers.tasks.release_rows import release_rows_of_ended_processes
from workers.tasks.sync_runner import SyncRunner

FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO, errno.EMFILE, errno.ENOMEM)


@pytest.fixture
def studio_pictures(inline: SyncRunner) -> list[int]:
    """Images that wait to be matched."""
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    return record_sightings(inline.services, *claim_new_slice(studio), [recompress(photograph(1)), photograph(2)])


class FailingDisk(FolderBlobStore):
    """A blob store on an unreadable disk."""

    error = errno.ENOSPC

    def get(self, digest: Digest) -> bytes:
        raise OSError(self.error, os.strerror(self.error), str(self.get_path(digest)))

    def open(self, digest: Digest) -> BinaryIO:
        raise OSError(self.error, os.strerror(self.error), str(self.get_path(digest)))


@pytest.fixture
def failing(inline: SyncRunner) -> Callable[[int], Services]:
    """An installation with a failing disk."""

    def build_failing(error: int) -> Services:
        services = Services(inline.services.config)
        services.blobs = disk = FailingDisk(inline.services.config.data_dir / "blobs")
        disk.error = error
        return services

    return build_failing


@pytest.mark.long
def test_failing_disk_delays_rows_without_failing_them(
    inline: SyncRunner, studio_pictures: list[int], failing: Callable[[int], Services]
) -> None:
    work = list(WorkPicture.objects.values_list("pk", flat=True))
    for error in FAULTS:
        services = failing(error)
        Picture.objects.update(not_before=None)
        WorkPicture.objects.update(not_before=None)
        matches_jobs.match(services, studio_pictures)
        matches_jobs.search(services, work)
        message = describe_machine_fault(OSError(error, "", "blob"))
        assert message
        assert find_held_up_reasons() == {"match": message, "search": message}
    checks = health.run_checks(status.collect_status(inline.services), inline.services.config)
    assert [message in check.sentence for check in checks if check.name == "held up"] == [True, True]
    for rows in (Picture.objects.filter(pk__in=studio_pictures), WorkPicture.objects.all()):
        assert set(rows.values_list("state", "attempts")) == {("queued", 0)}
        rows.update(not_before=None)
    inline.run_until_idle()
    assert (find_held_up_reasons(), list_failures(), Case.objects.count()) == ({}, [], 1)
    assert set(Picture.objects.values_list("state", "held_since")) == {("done", None)}


def test_retry_pauses_grow_up_to_a_limit(studio_pictures: list[int]) -> None:
    pauses = []
    pictures = Picture.objects.filter(pk__in=studio_pictures)
    for ago in (None, timedelta(seconds=40), timedelta(days=2)):
        steps.claim(Picture, studio_pictures, timedelta(minutes=10))
        pictures.update(held_since=None if ago is None else now() - ago)
        steps.hold_up(Picture, studio_pictures, "The disk is full.")
        (until,) = set(pictures.values_list("not_before", flat=True))
        assert until is not None
        pauses.append((until - now()).total_seconds())
        pictures.update(not_before=None)
    assert pauses == pytest.approx([5, 40, 300], abs=2)


def test_every_job_delays_its_rows_on_database_failure(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test every job: its last exception handler distinguishes faults of the machine from those of the code."""

    def raise_connection_lost(*_: object) -> None:
        raise OperationalError from psycopg.OperationalError("server closed the connection")

    for job in jobs.list_periodic_jobs():
        calls: list[tuple[type[Claimable], object]] = []
        monkeypatch.setattr(
            steps, "hold_up", lambda model, _, message, calls=calls, **__: calls.append((model, message))
        )
        with pytest.raises(OperationalError):
            inline._run_job(replace(job, function=raise_connection_lost), [1])
        assert calls == [(job.model, "The database is not responding.")]


@pytest.mark.long
def test_crawl_with_unwritable_spool_waits_without_refusing_urls(
    inline: SyncRunner, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_settings(inline, allowed_networks=(LOOPBACK,))
    started = create_watch(owner("studio"), shop.url())

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "spool")

    with monkeypatch.context() as patch:
        patch.setattr("registry.crawls.run_slice.crawl_child", full)
        for _ in range(5):
            CrawlSlice.objects.update(not_before=None)
            inline.run_until_idle()
    assert [(crawl_slice.state, crawl_slice.attempts) for crawl_slice in CrawlSlice.objects.all()] == [("queued", 0)]
    assert find_held_up_reasons() == {"slice": "The disk is full."}
    CrawlSlice.objects.update(not_before=None)
    inline.run_until_idle()
    assert [crawl.reason for crawl in Crawl.objects.filter(watch=started)] == ["finished"]
    assert find_held_up_reasons() == {}


@pytest.mark.long
def test_full_disk_of_crawler_is_reported_by_its_child_process(
    inline: SyncRunner, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Test a real child process under a real limit of file sizes: it reports the error, and the slice waits."""
    # A fork inherits the limits of its parent
    monkeypatch.setattr("registry.crawls.crawler_process.subprocess", subprocess)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # Python would keep a partly written bytecode file
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # so would this process
    change_settings(inline, allowed_networks=(LOOPBACK,))
    create_watch(owner("studio"), shop.url())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        inline.run_until_idle()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [(crawl_slice.state, crawl_slice.attempts) for crawl_slice in CrawlSlice.objects.all()] == [("queued", 0)]
    assert "cannot be written" in find_held_up_reasons()["slice"]
    CrawlSlice.objects.update(not_before=None)
    inline.run_until_idle()
    assert [crawl.reason for crawl in Crawl.objects.all()] == ["finished"]


def test_crawl_without_network_waits_and_refuses_no_urls(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")

    create_watch(owner("studio"), "http://nowhere.invalid/")
    with monkeypatch.context() as patch:
        patch.setattr("exhibit.network.guard.socket.getaddrinfo", away)
        inline.run_until_idle()
    assert [(crawl_slice.state, crawl_slice.attempts) for crawl_slice in CrawlSlice.objects.all()] == [("queued", 0)]
    assert (find_held_up_reasons(), Refusal.objects.count()) == ({"slice": ERROR_SENTENCES[errno.ENETDOWN]}, 0)
    CrawlSlice.objects.update(not_before=None)
    monkeypatch.setattr(Guard, "check_network", lambda _: None)
    inline.run_until_idle()
    assert [crawl.reason for crawl in Crawl.objects.all()] == ["finished"]
    assert Refusal.objects.get().reason == "unresolvable"


def test_other_errors_are_distinguished_from_machine_faults() -> None:
    assert describe_machine_fault(ValueError()) == ""
    assert describe_machine_fault(FileNotFoundError(errno.ENOENT, "", "x")) == ""
    assert describe_machine_fault(ConnectionRefusedError(errno.ECONNREFUSED, "")) == ""
    assert describe_machine_fault(PermissionError(errno.EACCES, "a firewall's")) == ""
    assert describe_machine_fault(psycopg.errors.DeadlockDetected()) == ""
    assert describe_machine_fault(psycopg.errors.DiskFull()) == DATABASE_FULL
    wrapped = ServiceMissingError("The index can't be written.")
    wrapped.__cause__ = OSError(errno.EROFS, "", "manifest")
    assert describe_machine_fault(wrapped) == ERROR_SENTENCES[errno.EROFS]


def _wrap_as_django_error(error: Exception) -> Exception:
    wrapped = InternalError(str(error))
    wrapped.__cause__ = error
    return wrapped


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "memory"),
        (BlockingIOError(errno.EAGAIN, ""), "processes"),
        (RuntimeError("can't start new thread"), "processes"),
        (OSError(errno.EUCLEAN, "", "blob"), "disk"),
        (OSError(errno.ENXIO, "", "blob"), "disk"),
        (OSError(errno.ENOTCONN, "", "blob"), "disk"),
        (_wrap_as_django_error(psycopg.errors.ReadOnlySqlTransaction()), DATABASE_FULL),
        (_wrap_as_django_error(psycopg.errors.DataCorrupted()), DATABASE_FULL),
        (_wrap_as_django_error(psycopg.errors.IndexCorrupted()), DATABASE_FULL),
        (psycopg.errors.IdleSessionTimeout(), DATABASE_NOT_RESPONDING),
        (psycopg.errors.OutOfMemory(), DATABASE_NOT_RESPONDING),
        (redis.exceptions.ConnectionError("refused"), "Redis"),
        (redis.exceptions.TimeoutError("frozen"), "Redis"),
        (redis.exceptions.OutOfMemoryError("used memory > 'maxmemory'"), "Redis"),
        (redis.exceptions.ResponseError("MISCONF Redis is configured to save RDB snapshots"), "Redis"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_missing_machine_resource_is_reported(error: Exception, message: str) -> None:
    assert message in describe_machine_fault(error)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOTCONN, "a connection's"),
        socket.gaierror(errno.EIO, "a number of its own"),
        RuntimeError("ours"),
        _wrap_as_django_error(psycopg.errors.UniqueViolation()),
        psycopg.DataError("NUL"),
        redis.exceptions.ResponseError("WRONGTYPE Operation against a key"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_unrelated_errors_are_not_machine_faults(error: Exception) -> None:
    assert describe_machine_fault(error) == ""


@contextmanager
def claim_in_other_process(ids: list[int]) -> Iterator[subprocess.Popen[bytes]]:
    """Yield while another running process has claimed the rows."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        own = get_process_identifier().rsplit("|", 2)[0]
        started = read_stat_fields(other.pid)[19]
        steps.claim(Picture, ids, timedelta(minutes=10))
        Picture.objects.filter(pk__in=ids).update(claimed_by=f"{own}|{other.pid}|{started}")
        try:
            yield other
        finally:
            other.kill()


def test_rows_of_killed_process_are_released_and_live_rows_are_not(
    studio_pictures: list[int],
) -> None:
    rows = Picture.objects.filter(pk__in=studio_pictures)
    with claim_in_other_process(studio_pictures) as other:
        release_rows_of_ended_processes()
        assert set(rows.values_list("state", flat=True)) == {"running"}
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # now a zombie
        release_rows_of_ended_processes()
        assert set(rows.values_list("state", "attempts", "not_before")) == {("queued", 1, None)}


def test_reused_process_id_does_not_keep_a_claim() -> None:
    place, number, started = get_process_identifier().rsplit("|", 2)
    assert not has_process_ended(get_process_identifier())
    assert has_process_ended(f"{place}|{number}|{int(started) + 1}")
    assert not has_process_ended(f"elsewhere|pid:[1]|{number}|{int(started) + 1}")  # cannot be known from here


def test_row_with_repeated_worker_crashes_waits_longer_each_time(studio_pictures: list[int]) -> None:
    pauses = []
    rows = Picture.objects.filter(pk__in=studio_pictures)
    for _ in range(3):
        rows.update(not_before=None)
        for pk in studio_pictures:  # suspects are claimed one at a time
            steps.claim(Picture, [pk], timedelta(minutes=10))
        rows.update(claimed_by=get_process_identifier() + "0")
        release_rows_of_ended_processes()
        until = rows.values_list("not_before", flat=True).first()
        pauses.append(0.0 if until is None else (until - now()).total_seconds())
    assert pauses == pytest.approx([0, 20, 80], abs=2)


def test_claim_of_live_process_survives_file_descriptor_exhaustion() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        place = get_process_identifier().rsplit("|", 2)[0]
        name = f"{place}|{other.pid}|{read_stat_fields(other.pid)[19]}"
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            assert not has_process_ended(name)
            own = get_process_identifier()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert own == get_process_identifier()
        other.kill()
    assert has_process_ended(name)


def test_row_that_exhausts_resources_is_soon_retried_alone(studio_pictures: list[int]) -> None:
    for _ in range(2):
        Picture.objects.update(not_before=None)
        assert steps.claim(Picture, studio_pictures, timedelta(minutes=10)) == studio_pictures
        steps.release_after_error(Picture, studio_pictures, MemoryError())
    for _ in range(steps.MAX_ATTEMPTS):
        Picture.objects.update(not_before=None)
        assert steps.claim(Picture, studio_pictures, timedelta(minutes=10)) == studio_pictures[:1]
        steps.release_after_error(Picture, studio_pictures[:1], MemoryError())


@pytest.mark.parametrize(
    ("pauses", "unheard"),
    [
        ((0, 30, 30, 300, 30, 30, 30, 2), 0),  # the long one is a pause of the listener
        ((0, *[30] * 7, 2), 5),  # no broker carries some of them
    ],
)
def test_rows_of_a_machine_are_released_if_only_that_machine_stops_responding(
    pauses: tuple[int, ...], unheard: int, studio_pictures: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Picture.objects.filter(pk__in=studio_pictures)
    steps.claim(Picture, studio_pictures, timedelta(minutes=10))
    rows.update(claimed_by="elsewhere|pid:[1]|7|7")
    for host in ("elsewhere", "another"):
        heartbeats.record_heartbeat(f"worker-background@{host}")
    Heartbeat.objects.update(seen_at=now() - timedelta(days=1))  # by a clock that no process has
    moment = time.monotonic()
    monkeypatch.setattr(heartbeats, "time", SimpleNamespace(monotonic=lambda: moment))
    states: list[str] = []
    for number, pause in enumerate(pauses):
        moment += pause
        if number >= unheard:
            heartbeats.record_heartbeat("worker-background@another")
        release_rows_of_ended_processes()
        states += rows.values_list("state", flat=True).distinct()
    assert states == [*["running"] * (len(pauses) - 1), "queued"]
