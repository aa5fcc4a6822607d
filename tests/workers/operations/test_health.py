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
from workers.operations.health import FOR_MILVUS, LONG, SILENT_WITNESS, checks
from workers.operations.status import Status, Witness, status_of
from workers.pipeline.celery import all_queues
from workers.servers.embedded import lock_folder
from workers.servers.liveness import record_replacement
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def well(inline: SyncRunner) -> Status:
    """An installation without problems."""
    heartbeats.record_heartbeat("worker@here", ",".join(sorted(all_queues())))
    heartbeats.record_heartbeat(heartbeats.TICK)
    return status_of(inline.services)


def failed_checks(status: Status, inline: SyncRunner, **settings: object) -> Mapping[str, Check]:
    config = replace(inline.services.config, witnesses_needed=0, disk_floor_bytes=1, **settings)  # type: ignore[arg-type]
    return {check.name: check for check in checks(status, config) if not check.ok}


def test_healthy_status_reports_nothing(inline: SyncRunner, well: Status) -> None:
    assert failed_checks(well, inline) == {}


def test_workers_that_are_missing_silent_or_take_no_queue_are_named(inline: SyncRunner, well: Status) -> None:
    assert "No worker is running" in failed_checks(replace(well, heartbeats=[]), inline)["workers"].sentence
    Heartbeat.objects.filter(name="worker@here").update(queues="match", seen_at=well.at)
    half = failed_checks(replace(well, heartbeats=heartbeats.heartbeats()), inline)
    assert "crawl" in half["workers"].sentence
    Heartbeat.objects.filter(name=heartbeats.TICK).delete()
    assert "tick" in failed_checks(replace(well, heartbeats=heartbeats.heartbeats()), inline)
    Heartbeat.objects.update(seen_at=well.at - timedelta(hours=2))
    heartbeats.record_heartbeat("other@here", ",".join(all_queues()))
    silent = failed_checks(replace(well, heartbeats=heartbeats.heartbeats()), inline)["worker"]
    assert "worker@here" in silent.sentence


def test_a_process_that_hung_and_was_replaced_is_named_once(inline: SyncRunner, well: Status, tmp_path: Path) -> None:
    config = replace(inline.services.config, data_dir=tmp_path)
    lock_folder(config)
    for number in (1, 2):
        record_replacement(config, "worker-background", number)
    problems = failed_checks(well, inline, data_dir=tmp_path)
    assert set(problems) == {"replaced process"}
    assert "worker-background" in problems["replaced process"].sentence
    assert not problems["replaced process"].needed


def test_what_waits_for_long_was_given_up_or_is_held_up_says_what_to_do(inline: SyncRunner, well: Status) -> None:
    rows = [
        replace(step, waiting_rows=1200, oldest=well.at - 3 * LONG, failed=2) if step.step == "match" else step
        for step in well.steps
    ]
    problems = failed_checks(replace(well, steps=rows, held_up={"seal": "The disk is full."}), inline)
    assert "(1,200 in total)" in problems["late"].sentence
    assert problems["given up"].remedy.endswith("/operator/failures/match/retry")
    assert jobs.label("seal") in problems["held up"].sentence
    assert problems["held up"].sentence.endswith("The disk is full.")
    assert not problems["late"].needed
    slow = [
        replace(step, waiting_rows=1, oldest=well.at - 3 * LONG) for step in well.steps if step.step == "refingerprint"
    ]
    assert failed_checks(replace(well, steps=slow), inline) == {}


def test_stopped_log_and_silent_timestamp_service_are_reported(inline: SyncRunner, well: Status) -> None:
    problems = failed_checks(replace(well, log=replace(well.log, stopped="Two histories.")), inline)
    assert problems["log"].sentence.endswith("Two histories.")
    since = well.at - 2 * SILENT_WITNESS
    silent = Availability(owed=3, error="Nobody.", silent_since=since, answered_at=None, ask_after=None)
    expected = {since: {"witness w"}, well.at: set(), None: {"receipts of w"}}
    for moment, names in expected.items():
        health = replace(silent, silent_since=moment)
        status = replace(well, witnesses=[Witness("evm", "w", False, health, None)])  # noqa: FBT003 - a field
        assert set(failed_checks(status, inline)) == names


def test_keys_that_do_not_open_are_said(inline: SyncRunner, well: Status) -> None:
    check = failed_checks(replace(well, closed_keys="The key cannot be decrypted."), inline)["keys"]
    assert check.needed
    assert check.sentence.endswith("The key cannot be decrypted.")
    assert "exhibit key rotate" in check.remedy


def test_little_room_is_said_first(inline: SyncRunner, well: Status) -> None:
    first, *_ = checks(replace(well, disk=replace(well.disk, free=1, floor=2)), inline.services.config)
    assert (first.name, first.ok) == ("disk", False)


def test_a_disk_that_takes_no_more_files_is_said_though_bytes_are_free(inline: SyncRunner, well: Status) -> None:
    check = failed_checks(replace(well, disk=replace(well.disk, files=9_999, files_floor=10_000)), inline)["disk"]
    assert re.findall(r"[\d,]+\d", check.sentence) == ["9,999", "10,000"]
    assert "disk" not in failed_checks(replace(well, disk=replace(well.disk, files=None, files_floor=0)), inline)


def test_a_work_that_is_held_back_is_named_until_its_owner_answers(inline: SyncRunner, well: Status) -> None:
    work = register(inline.services, owner("studio"), photograph(1)).work
    flood = Flood.objects.create(work=work, at=well.at, sites=1320, different=41, limit=30, state="done")
    check = failed_checks(replace(well, floods=status_of(inline.services).floods), inline)["held work"]
    assert all(value in check.sentence for value in ("1", "studio", "1,320"))
    assert check.remedy.endswith("exhibit api GET works/1 --owner studio")
    assert not check.needed
    flood.decision = Flood.Decision.DISMISSED
    flood.save()
    assert status_of(inline.services).floods == []


def test_milvus_is_suggested_for_many_machines_and_pictures(inline: SyncRunner, well: Status) -> None:
    many = IndexState("pictures", PHASH.id, FOR_MILVUS, 1, 9, 9)
    status = replace(well, indexes=[many])
    assert "archive" not in failed_checks(status, inline)
    shared = {"blobs_url": "s3://bucket/exhibit"}
    check = failed_checks(status, inline, **shared)["archive"]
    assert ("10,000,001 seen pictures" in check.sentence, check.needed) == (True, False)
    assert "exhibit index rebuild --to milvus" in check.remedy
    assert "archive" not in failed_checks(replace(well, indexes=[replace(many, behind=0)]), inline, **shared)


def test_an_index_that_a_machine_never_searches_may_lack_everything(inline: SyncRunner, well: Status) -> None:
    index_state = IndexState("works", PHASH.id, 0, 3 * MAX_TAIL, 0, 0)
    assert "index" not in failed_checks(replace(well, indexes=[index_state]), inline)
    assert "index" in failed_checks(replace(well, indexes=[replace(index_state, vectors=5)]), inline)
