"""Test that each problem has one sentence with the steps to fix it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from indexer.picture.spaces import PHASH
from registry import jobs
from registry.db import heartbeats
from registry.fingerprints.indexes import MAX_TAIL
from registry.log.service_availability import Availability
from registry.matches.index_upkeep import IndexState
from registry.models import Flood, Heartbeat
from tests.assets.rows import owner, photograph, register
from workers.operations.checks import Check
from workers.operations.health import LATE_AFTER, MILVUS_THRESHOLD, TIMESTAMP_SERVICE_TIMEOUT, run_checks
from workers.operations.status import InstallationStatus, TimestampService, collect_status
from workers.pipeline.celery import list_queues
from workers.servers.embedded import lock_folder
from workers.servers.liveness import record_replacement
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def healthy_status(inline: SyncRunner) -> InstallationStatus:
    """Return the status of an installation without problems."""
    heartbeats.record_heartbeat("worker@here", ",".join(sorted(list_queues())))
    heartbeats.record_heartbeat(heartbeats.TICK)
    return collect_status(inline.services)


def failed_checks(status: InstallationStatus, inline: SyncRunner, **settings: object) -> Mapping[str, Check]:
    config = replace(inline.services.config, timestamps_needed=0, disk_floor_bytes=1, **settings)  # type: ignore[arg-type]
    return {check.name: check for check in run_checks(status, config) if not check.ok}


def test_healthy_status_reports_nothing(inline: SyncRunner, healthy_status: InstallationStatus) -> None:
    assert failed_checks(healthy_status, inline) == {}


def test_missing_unresponsive_and_incomplete_workers_are_reported(
    inline: SyncRunner, healthy_status: InstallationStatus
) -> None:
    assert "No worker is running" in failed_checks(replace(healthy_status, heartbeats=[]), inline)["workers"].sentence
    Heartbeat.objects.filter(name="worker@here").update(queues="match", seen_at=healthy_status.at)
    half = failed_checks(replace(healthy_status, heartbeats=heartbeats.list_heartbeats()), inline)
    assert "crawl" in half["workers"].sentence
    Heartbeat.objects.filter(name=heartbeats.TICK).delete()
    assert "tick" in failed_checks(replace(healthy_status, heartbeats=heartbeats.list_heartbeats()), inline)
    Heartbeat.objects.update(seen_at=healthy_status.at - timedelta(hours=2))
    heartbeats.record_heartbeat("other@here", ",".join(list_queues()))
    silent = failed_checks(replace(healthy_status, heartbeats=heartbeats.list_heartbeats()), inline)["worker"]
    assert "worker@here" in silent.sentence


def test_replaced_process_is_reported_once(
    inline: SyncRunner, healthy_status: InstallationStatus, tmp_path: Path
) -> None:
    config = replace(inline.services.config, data_dir=tmp_path)
    lock_folder(config)
    for number in (1, 2):
        record_replacement(config, "worker-background", number)
    problems = failed_checks(healthy_status, inline, data_dir=tmp_path)
    assert set(problems) == {"replaced process"}
    assert "worker-background" in problems["replaced process"].sentence
    assert not problems["replaced process"].needed


def test_late_failed_and_delayed_jobs_are_reported_with_remedies(
    inline: SyncRunner, healthy_status: InstallationStatus
) -> None:
    rows = [
        replace(step, waiting_rows=1200, oldest=healthy_status.at - 3 * LATE_AFTER, failed=2)
        if step.step == "match"
        else step
        for step in healthy_status.steps
    ]
    problems = failed_checks(replace(healthy_status, steps=rows, held_up={"seal": "The disk is full."}), inline)
    assert "(1,200 in total)" in problems["late"].sentence
    assert problems["given up"].remedy.endswith("/operator/failures/match/retry")
    assert jobs.get_label("seal") in problems["held up"].sentence
    assert problems["held up"].sentence.endswith("The disk is full.")
    assert not problems["late"].needed
    slow = [
        replace(step, waiting_rows=1, oldest=healthy_status.at - 3 * LATE_AFTER)
        for step in healthy_status.steps
        if step.step == "refingerprint"
    ]
    assert failed_checks(replace(healthy_status, steps=slow), inline) == {}


def test_stopped_log_and_unresponsive_timestamp_service_are_reported(
    inline: SyncRunner, healthy_status: InstallationStatus
) -> None:
    problems = failed_checks(replace(healthy_status, log=replace(healthy_status.log, stopped="Two histories.")), inline)
    assert problems["log"].sentence.endswith("Two histories.")
    since = healthy_status.at - 2 * TIMESTAMP_SERVICE_TIMEOUT
    silent = Availability(owed=3, error="Nobody.", unresponsive_since=since, answered_at=None, ask_after=None)
    expected = {since: {"timestamp service w"}, healthy_status.at: set(), None: {"receipts of w"}}
    for moment, names in expected.items():
        health = replace(silent, unresponsive_since=moment)
        status = replace(healthy_status, timestamp_services=[TimestampService("evm", "w", False, health, None)])  # noqa: FBT003 - a field
        assert set(failed_checks(status, inline)) == names


def test_undecryptable_keys_are_reported(inline: SyncRunner, healthy_status: InstallationStatus) -> None:
    check = failed_checks(replace(healthy_status, locked_keys_reason="The key cannot be decrypted."), inline)["keys"]
    assert check.needed
    assert check.sentence.endswith("The key cannot be decrypted.")
    assert "exhibit key rotate" in check.remedy


def test_low_disk_space_is_reported_first(inline: SyncRunner, healthy_status: InstallationStatus) -> None:
    first, *_ = run_checks(
        replace(healthy_status, disk=replace(healthy_status.disk, free=1, floor=2)), inline.services.config
    )
    assert (first.name, first.ok) == ("disk", False)


def test_low_file_count_limit_is_reported_despite_free_bytes(
    inline: SyncRunner, healthy_status: InstallationStatus
) -> None:
    check = failed_checks(
        replace(healthy_status, disk=replace(healthy_status.disk, files=9_999, files_floor=10_000)), inline
    )["disk"]
    assert re.findall(r"[\d,]+\d", check.sentence) == ["9,999", "10,000"]
    assert "disk" not in failed_checks(
        replace(healthy_status, disk=replace(healthy_status.disk, files=None, files_floor=0)), inline
    )


def test_work_on_hold_is_reported_until_owner_decides(inline: SyncRunner, healthy_status: InstallationStatus) -> None:
    work = register(inline.services, owner("studio"), photograph(1)).work
    flood = Flood.objects.create(work=work, at=healthy_status.at, sites=1320, different=41, limit=30, state="done")
    check = failed_checks(replace(healthy_status, works_on_hold=collect_status(inline.services).works_on_hold), inline)[
        "held work"
    ]
    assert all(value in check.sentence for value in ("1", "studio", "1,320"))
    assert check.remedy.endswith("exhibit api GET works/1 --owner studio")
    assert not check.needed
    flood.decision = Flood.Decision.DISMISSED
    flood.save()
    assert collect_status(inline.services).works_on_hold == []


def test_milvus_is_suggested_for_many_machines_and_pictures(
    inline: SyncRunner, healthy_status: InstallationStatus
) -> None:
    many = IndexState("pictures", PHASH.id, MILVUS_THRESHOLD, 1, 9, 9)
    status = replace(healthy_status, indexes=[many])
    assert "archive" not in failed_checks(status, inline)
    shared = {"blobs_url": "s3://bucket/exhibit"}
    check = failed_checks(status, inline, **shared)["archive"]
    assert ("10,000,001" in check.sentence, check.needed) == (True, False)
    assert "exhibit index rebuild --to milvus" in check.remedy
    assert "archive" not in failed_checks(replace(healthy_status, indexes=[replace(many, behind=0)]), inline, **shared)


def test_outdated_index_is_reported_only_if_it_contains_vectors(
    inline: SyncRunner, healthy_status: InstallationStatus
) -> None:
    index_state = IndexState("works", PHASH.id, 0, 3 * MAX_TAIL, 0, 0)
    assert "index" not in failed_checks(replace(healthy_status, indexes=[index_state]), inline)
    assert "index" in failed_checks(replace(healthy_status, indexes=[replace(index_state, vectors=5)]), inline)
