"""Workers leave signs of life in files, and the tick of their machine tells them."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exhibit.config.config import Config
from registry.db import running
from registry.models import Heartbeat
from workers.configuration import load_config
from workers.tasks import signs

CRAWL, MATCH = "worker-crawl@here", "worker-match@here"

pytestmark = pytest.mark.django_db


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Of an installation in which two workers have come up."""
    for name in (CRAWL, MATCH):
        running.begins(name, "crawl")
    return load_config({"EXHIBIT_DATA": str(tmp_path)})


def seen(name: str) -> datetime:
    return Heartbeat.objects.get(name=name).seen_at


def left_ago(config: Config, name: str, ago: timedelta) -> datetime:
    """When it left a sign, so long ago."""
    signs.leave(config, name)
    [path] = (config.data_dir / "locks").glob(f"{name}.*")
    moment = datetime.now(UTC) - ago
    os.utime(path, (moment.timestamp(),) * 2)
    return moment


def test_the_tick_tells_of_each_worker_when_it_left_its_sign_and_not_when_it_is_told(config: Config) -> None:
    assert not signs.leave(config, CRAWL)  # there is no tick here: it writes its row itself
    silent = left_ago(config, MATCH, timedelta(seconds=60))
    for _ in range(2):  # the first time the tick has no row
        signs.tell(config, ticks=True)
        assert abs(seen(running.TICK) - datetime.now(UTC)) < timedelta(seconds=30)
    assert abs(seen(MATCH) - silent) < timedelta(milliseconds=10)
    assert seen(CRAWL) > silent
    assert signs.leave(config, CRAWL)


def test_a_worker_whose_row_is_missing_or_whose_tick_is_late_counts_on_itself(config: Config) -> None:
    signs.leave(config, CRAWL)
    Heartbeat.objects.filter(name=CRAWL).delete()
    signs.tell(config, ticks=False)
    assert not signs.leave(config, CRAWL)
    running.begins(CRAWL, "crawl")
    signs.tell(config, ticks=False)
    assert signs.leave(config, CRAWL)
    left_ago(config, running.TICK, 2 * signs.TOLD)
    assert not signs.leave(config, CRAWL)


def test_a_worker_that_ended_and_one_of_another_machine_are_not_told(config: Config) -> None:
    left_ago(config, CRAWL, timedelta(0))
    [sign] = (config.data_dir / "locks").glob(f"{CRAWL}.*")
    elsewhere = sign.rename(sign.with_name(f"{MATCH}.0123456789abcdef.alive"))
    left_ago(config, CRAWL, timedelta(0))
    signs.remove(config, CRAWL)
    before = {name: seen(name) for name in (CRAWL, MATCH)}
    signs.tell(config, ticks=True)
    assert {name: seen(name) for name in before} == before
    os.utime(elsewhere, (0, 0))
    signs.remove(config, CRAWL)  # one whose machine has been gone for long is removed by whoever begins or ends
    assert not elsewhere.exists()
