"""Test past sightings in a Milvus server: new works match them, and nothing is lost if Milvus fails."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.db import transaction

from exhibit.errors import IntegrityError
from indexer.picture.spaces import PHASH
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.folder_index import describe_wrong_count
from indexer.vectors.milvus_index import NO_RESPONSE, MilvusIndex, MilvusRows
from indexer.vectors.rows import to_rows
from registry.fingerprints import fingerprints
from registry.fingerprints.archive import MilvusLedger
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.indexes import get_index_folder
from registry.fingerprints.ports import get_indexes
from registry.matches.index_upkeep import (
    check_indexes,
    copy_found_indexes,
    drop_found_indexes,
    measure_indexes,
    rebuild_indexes,
    repair_indexes,
)
from registry.matches.search_past import search_pictures
from registry.models import Case, Match, Owner, WorkPicture
from registry.services.services import Services
from tests.assets.milvus_server import Server
from tests.assets.module_scene import inline, stage
from tests.assets.rows import owner, photograph, recompress, register
from tests.assets.shop import LOOPBACK, Shop, create_watch
from tests.assets.site import Site
from workers.operations.backlog import find_held_up_reasons
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]
WORKS = 3
SEEN_COUNT = WORKS + 1
ALL_TITLES = {f"Work {seed}" for seed in range(WORKS)}


@pytest.fixture(scope="module", autouse=True)
def crawled_pictures(stage: SyncRunner) -> None:
    """Crawl copies of works and another image before the works are registered."""
    runner = SyncRunner(replace(stage.services.config, allowed_networks=(LOOPBACK,)))
    with Site(host="127.0.0.6") as site:
        shop = Shop(site)
        paths = [f"/copy-{seed}.jpg" for seed in range(WORKS)]
        for seed, path in enumerate(paths):
            shop.image(path, recompress(photograph(seed)))
        shop.image("/other.jpg", photograph(60))
        shop.page("/", *paths, "/other.jpg")
        create_watch(owner("studio"), shop.url())
        runner.run_until_idle()
    for seed in range(WORKS):
        register(runner.services, Owner.objects.get(), photograph(seed), f"Work {seed}")


@pytest.fixture
def milvus_services(inline: SyncRunner, milvus_server: Server) -> Iterator[Services]:
    """Services of the installation with its archive in Milvus."""
    services = Services(replace(inline.services.config, milvus_url=milvus_server.url))
    list(copy_found_indexes(services, to_milvus=True))
    yield services
    clear_archives(services)


def open_archives(services: Services) -> list[MilvusLedger]:
    return [MilvusLedger(services.config, space) for space in get_indexes(services).spaces]


def clear_archives(services: Services) -> None:
    for archive in open_archives(services):
        MilvusIndex(archive.space, archive.server, archive).clear()


def open_collection(archive: MilvusLedger) -> MilvusRows:
    standing = archive.read()
    return MilvusRows(archive.space, archive.server, standing.collection, standing.sequence)


def find_titles(services: Services) -> set[str]:
    """Search all past sightings again, and return the titles of works with new cases."""
    Case.objects.all().delete()
    Match.objects.all().delete()
    WorkPicture.objects.update(state="queued", not_before=None, claimed_by="", progress={})
    search_pictures(services, list(WorkPicture.objects.values_list("pk", flat=True)))
    return set(Case.objects.values_list("work__title", flat=True))


def count_rows(services: Services) -> int:
    """Return how many past images the index of these services finds by their own hashes."""
    get_indexes(services).refresh(Collection.PICTURES)
    index = get_indexes(services).get_index(Collection.PICTURES, PHASH)
    last = fingerprints.get_last_change(Collection.PICTURES, PHASH)
    stored = [
        vector
        for batch in fingerprints.iterate_current_entries(Collection.PICTURES, PHASH, last)
        for _, vector in batch
    ]
    return len({hit.number for hits in index.search(to_rows(PHASH, stored), k=9, within=0) for hit in hits})


def list_problems(services: Services) -> set[str]:
    return {problem for state in check_indexes(services) for problem in state.problems}


def test_milvus_matches_equal_faiss_matches(milvus_services: Services) -> None:
    assert find_titles(milvus_services) == ALL_TITLES
    assert set(WorkPicture.objects.values_list("state", flat=True)) == {"done"}
    faiss_services = Services(replace(milvus_services.config, milvus_url=""))
    assert find_titles(faiss_services) == ALL_TITLES
    assert (
        len(open_collection(open_archives(milvus_services)[0]))
        == len(get_indexes(faiss_services).get_index(Collection.PICTURES, PHASH))
        == WORKS + 1
    )
    repair_indexes(milvus_services)
    (state,) = [
        index_state
        for index_state in measure_indexes(milvus_services)
        if (index_state.collection, index_state.space) == ("pictures", PHASH.id)
    ]
    assert (state.vectors, state.behind, state.size > 0, list_problems(milvus_services)) == (SEEN_COUNT, 0, True, set())


def test_unavailable_milvus_postpones_searches(milvus_services: Services, milvus_server: Server) -> None:
    assert find_titles(milvus_services) == ALL_TITLES
    milvus_server.kill()
    for services in (milvus_services, Services(milvus_services.config)):  # running services, and newly started ones
        assert find_titles(services) == set()
        assert set(find_held_up_reasons().values()) == {NO_RESPONSE}
    assert {state.vectors for state in measure_indexes(milvus_services) if state.collection == "pictures"} == {0}
    milvus_server.start()
    assert find_titles(milvus_services) == ALL_TITLES
    assert (find_held_up_reasons(), list_problems(milvus_services)) == ({}, set())


def test_upkeep_restores_missing_and_deletes_obsolete_rows(milvus_services: Services) -> None:
    assert find_titles(milvus_services) == ALL_TITLES
    archive = open_archives(milvus_services)[0]
    rows = open_collection(archive)
    numbers = rows.between(0, rows.upto).tolist()
    rows.delete(np.array(numbers[:1]))
    assert list_problems(milvus_services) == {describe_wrong_count(SEEN_COUNT - 1, SEEN_COUNT)}
    repair_indexes(milvus_services)
    assert (rows.between(0, rows.upto).tolist(), find_titles(milvus_services)) == (numbers, ALL_TITLES)
    pictures = fingerprints.map_pictures(Collection.PICTURES, PHASH, [numbers[1]])
    with transaction.atomic():
        fingerprints.remove_from_collection(Collection.PICTURES, list(pictures.values()))
    repair_indexes(milvus_services)
    remaining = [number for number in numbers if number != numbers[1]]
    assert (rows.between(0, rows.upto).tolist(), list_problems(milvus_services)) == (remaining, set())
    rows.write(np.array([numbers[1]]), np.zeros((1, 32), np.uint8))
    repair_indexes(milvus_services)
    assert rows.between(0, rows.upto).tolist() == remaining


@pytest.mark.parametrize("noticed", ["searched", "by the upkeep"])
def test_dropped_collection_is_rebuilt_and_unused_collection_is_removed(
    milvus_services: Services, noticed: str
) -> None:
    assert find_titles(milvus_services) == ALL_TITLES
    archive = open_archives(milvus_services)[0]
    (name,) = archive.server.list_names()
    archive.server.call("drop_collection", name)
    (problem,) = list_problems(milvus_services)
    assert name in problem
    if noticed == "by the upkeep":
        repair_indexes(milvus_services)
    collection = archive.server.create(PHASH)
    assert find_titles(Services(milvus_services.config)) == ALL_TITLES
    repair_indexes(milvus_services)
    assert {name, collection}.isdisjoint(archive.server.list_names())
    assert list_problems(milvus_services) == set()


def test_restored_installation_does_not_delete_collections_of_the_original(
    milvus_services: Services, tmp_path: Path
) -> None:
    restored = Services(replace(milvus_services.config, data_dir=tmp_path / "restored"))
    assert count_rows(milvus_services) == count_rows(restored) == SEEN_COUNT
    list(rebuild_indexes(restored))
    repair_indexes(restored)
    assert [
        len(archive.server.list_names()) for archive in (*open_archives(milvus_services), *open_archives(restored))
    ] == [
        1,
        1,
        1,
        1,
    ]
    clear_archives(restored)


def test_archive_move_resumes_and_can_be_reversed(milvus_services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.fingerprints.indexes.PAGE_SIZE", 1)
    drop_found_indexes(milvus_services, from_milvus=True)
    first = next(copy_found_indexes(milvus_services, to_milvus=True))  # interrupted after the first batch
    assert first == (PHASH.id, 1, SEEN_COUNT)
    assert open_archives(milvus_services)[0].read().sequence > 0
    moved = list(copy_found_indexes(milvus_services, to_milvus=True))
    assert [step for step in moved if step[0] == PHASH.id] == [(PHASH.id, n, SEEN_COUNT) for n in (2, 3, 4, 4)]
    assert count_rows(milvus_services) == SEEN_COUNT
    restored = list(copy_found_indexes(milvus_services, to_milvus=False))
    drop_found_indexes(milvus_services, from_milvus=True)
    assert (PHASH.id, SEEN_COUNT, SEEN_COUNT) in restored
    assert [archive.server.list_names() for archive in open_archives(milvus_services)] == [[], []]
    local_services = Services(replace(milvus_services.config, milvus_url=""))
    assert (count_rows(local_services), list_problems(local_services), find_titles(local_services)) == (
        SEEN_COUNT,
        set(),
        ALL_TITLES,
    )


def test_missing_archive_entries_are_reported_when_moving(milvus_services: Services) -> None:
    folder = get_index_folder(milvus_services.config, Collection.PICTURES, PHASH)
    list(copy_found_indexes(milvus_services, to_milvus=False))
    index = FaissIndex(PHASH, folder)
    index.remove(np.array(open_collection(open_archives(milvus_services)[0]).between(0, index.sequence)[:1]))
    index.flush(index.sequence)
    with pytest.raises(IntegrityError, match=re.escape(describe_wrong_count(SEEN_COUNT - 1, SEEN_COUNT))):
        list(copy_found_indexes(milvus_services, to_milvus=False))
    drop_found_indexes(milvus_services, from_milvus=False)
    assert not folder.exists()
    assert (PHASH.id, SEEN_COUNT, SEEN_COUNT) in list(copy_found_indexes(milvus_services, to_milvus=False))
