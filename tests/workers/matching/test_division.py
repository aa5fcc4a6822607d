"""When the archive is divided, among whom, and what becomes of a share that nobody can search."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exhibit.clock import now
from registry.db import running
from registry.models import Heartbeat, SegmentSearch, WorkPicture
from tests.assets.published import Machine
from tests.assets.shared_archive import HOSTS, Archive, fill, results
from tests.assets.stage import inline, stage
from workers.matching.division import keeper_of
from workers.services.wiring import Services
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]


@pytest.fixture(scope="module", autouse=True)
def works_after_pictures(stage: SyncRunner) -> None:
    fill(stage)


@pytest.fixture
def archive(inline: SyncRunner, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Archive:
    return Archive(machine, monkeypatch)


@pytest.mark.parametrize("why", ["it keeps all", "the other is silent", "the other takes no such work"])
def test_a_machine_that_keeps_all_or_is_the_only_one_searches_alone(archive: Archive, why: str) -> None:
    if why == "it keeps all":
        config = archive.services["ann"].config
        archive.services["ann"] = Services(replace(config, index_cache_bytes=archive.room + 1))
    elif why == "the other is silent":
        Heartbeat.objects.filter(name__endswith="@ben").update(seen_at=now() - 2 * running.SILENT)
    else:
        Heartbeat.objects.filter(name__endswith="@ben").update(queues="asked,evidence")
    archive.search("ann")
    assert not SegmentSearch.objects.exists()
    assert set(WorkPicture.objects.values_list("state", flat=True)) == {"done"}


def test_what_was_given_up_is_searched_by_who_goes_on_with_the_work(archive: Archive) -> None:
    by_one = archive.found_by_one()
    archive.search("ann")
    archive.search_share("ann")
    SegmentSearch.objects.filter(host="ben").update(state="failed")
    assert WorkPicture.objects.filter(not_before__lt=now() + timedelta(minutes=6)).exists()
    WorkPicture.objects.update(not_before=None)
    archive.search("ann")
    assert not SegmentSearch.objects.exists()
    assert results() == by_one


def test_what_was_found_by_other_numbers_counts_no_more(archive: Archive) -> None:
    archive.search("ann")
    earlier = set(SegmentSearch.objects.values_list("pk", flat=True))
    SegmentSearch.objects.update(numbering="of another network", state="done", found=[[], [], []])
    WorkPicture.objects.update(not_before=None)
    archive.search("ann")
    shares = SegmentSearch.objects.values_list("pk", "state")
    assert not earlier & {pk for pk, _ in shares}
    assert {state for _, state in shares} == {"todo"}


def test_the_shares_of_a_work_that_is_gone_are_gone(archive: Archive) -> None:
    archive.search("ann")
    gone, *_ = WorkPicture.objects.all()
    gone.delete()
    assert set(SegmentSearch.objects.values_list("host", flat=True)) == set(HOSTS)
    assert not SegmentSearch.objects.filter(work_picture=gone.pk).exists()


def test_few_segments_change_their_keeper_when_a_machine_comes() -> None:
    names = [f"segment {number}" for number in range(300)]
    before, after = ({name: keeper_of(name, hosts) for name in names} for hosts in ("abc", "abcd"))
    assert {after[name] for name in names if after[name] != before[name]} == {"d"}
    assert all(50 < list(after.values()).count(host) < 100 for host in "abcd")
