"""Test that a work and an image that arrive simultaneously are matched, whichever commits first."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection

from exhibit.config.config import Config
from registry.fingerprints import fingerprints
from registry.matches.match import match_pictures
from registry.matches.search_past import search_pictures
from registry.models import (
    Capture,
    Case,
    CrawlSlice,
    Event,
    Flood,
    LogCheckpoint,
    LogEntry,
    LogSubmission,
    Match,
    WorkPicture,
)
from registry.services.services import Services
from tests.assets.flood_pictures import picture_with_mark, set_flood_floor
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.shop import create_watch, run_now
from workers.periodic import run_minute_jobs
from workers.tasks.sync_runner import SyncRunner
from workers.tasks.tick import tick


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.django_db(transaction=True)
def test_work_and_picture_arriving_together_are_matched(config: Config, tmp_path: Path) -> None:
    fingerprints.clear_cached_spaces()
    studio = owner("studio")
    # Two sets of services as in two processes: separate indexes over the same rows and bytes.
    first_services, second_services = (SyncRunner(replace(config, data_dir=tmp_path)).services for _ in range(2))
    planned, epoch = claim_new_slice(studio)
    with ThreadPoolExecutor(2) as pool:
        for number in range(15):
            data = photograph(number)
            picture_ids = record_sightings(
                first_services, planned, epoch, [recompress(data)], host=f"site-{number}.example"
            )
            start = threading.Barrier(2)

            def arrive_as_work(data: bytes = data, start: threading.Barrier = start) -> None:
                start.wait(30)
                work = register(first_services, studio, data).work
                search_pictures(
                    first_services, list(WorkPicture.objects.filter(work=work).values_list("pk", flat=True))
                )
                connection.close()

            def arrive_as_picture(waiting: list[int] = picture_ids, start: threading.Barrier = start) -> None:
                start.wait(30)
                match_pictures(second_services, waiting)
                connection.close()

            for done in [pool.submit(arrive_as_work), pool.submit(arrive_as_picture)]:
                done.result()
            assert Case.objects.filter(party=f"site-{number}.example").count() == 1, f"round {number}"


@pytest.mark.django_db(transaction=True)
def test_concurrent_ticks_start_every_job_once(config: Config, tmp_path: Path) -> None:
    fingerprints.clear_cached_spaces()
    both = [Services(replace(config, data_dir=tmp_path, checkpoint_seconds=1)) for _ in range(2)]
    studio = owner("studio")
    register(both[0], studio, photograph(1))
    for number in range(5):
        run_now(create_watch(studio, f"http://shop-{number}.example/", f"watch-{number}"))
    start = threading.Barrier(2)

    def tick_once(services: Services) -> None:
        start.wait(30)
        run_minute_jobs(services)
        tick(services)
        connection.close()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(tick_once, services) for services in both]:
            done.result()
    assert sorted(CrawlSlice.objects.values_list("crawl__watch__name", "number")) == [
        (f"watch-{n}", 1) for n in range(5)
    ]
    sequences = sorted(LogEntry.objects.values_list("sequence", flat=True))
    assert sequences == list(range(LogSubmission.objects.count()))
    assert LogCheckpoint.objects.count() == 1


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_work_is_put_on_hold_once_by_concurrent_unrelated_matches(config: Config, tmp_path: Path) -> None:
    fingerprints.clear_cached_spaces()
    studio, floor = owner("studio"), 4
    both = [set_flood_floor(SyncRunner(replace(config, data_dir=tmp_path)).services, floor) for _ in range(2)]
    register(both[0], studio, photograph(1))
    picture_ids: list[list[int]] = []
    for number in range(12):
        planned, epoch = claim_new_slice(studio, f"watch-{number}")
        data = [picture_with_mark(number, photograph(1))]
        picture_ids.append(record_sightings(both[0], planned, epoch, data, host=f"site-{number}.example"))
    start = threading.Barrier(2)

    def match_batches(services: Services, batches: list[list[int]]) -> None:
        start.wait(30)
        for ids in batches:
            match_pictures(services, ids)
        connection.close()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(match_batches, services, picture_ids[turn::2]) for turn, services in enumerate(both)]:
            done.result()
    assert Case.objects.count() == Capture.objects.count() == floor
    assert Match.objects.exclude(decision="none").count() == 12
    assert (Flood.objects.count(), Event.objects.filter(kind="work.held").count()) == (1, 1)
