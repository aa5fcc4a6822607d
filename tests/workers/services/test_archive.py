"""The pictures seen, searched in a real Milvus: new works find them, and nothing is lost when it fails."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.db import transaction

from indexer.picture.spaces import PHASH
from indexer.vectors.brute import rows_of
from indexer.vectors.milvus_index import SILENT, MilvusRows
from registry.models import Case, Match, Owner, WorkPicture
from registry.vectors import fingerprints
from registry.vectors.fingerprints import Collection
from tests.assets.milvus_server import Server
from tests.assets.rows import copy_of, owner, photograph, register
from tests.assets.shop import LOOPBACK, Shop, watch
from tests.assets.site import Site
from tests.assets.stage import inline, stage
from tests.assets.swift_server import S3
from workers.matching.index_upkeep import check_indexes, index_states, mend_indexes, rebuild_indexes
from workers.operations.backlog import held_up
from workers.services.archive import ArchivePlace
from workers.services.indexes import MADE_AGAIN, index_place
from workers.services.wiring import Services
from workers.steps.matching.search import search_pictures
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]
WORKS = 3
SEEN = WORKS + 1
ALL = {f"Work {seed}" for seed in range(WORKS)}


@pytest.fixture(scope="module", autouse=True)
def seen(stage: SyncRunner) -> None:
    """Copies of works and another picture were crawled before the works were registered."""
    runner = SyncRunner(replace(stage.services.config, allowed_networks=(LOOPBACK,)))
    with Site(host="127.0.0.6") as site:
        shop = Shop(site)
        paths = [f"/copy-{seed}.jpg" for seed in range(WORKS)]
        for seed, path in enumerate(paths):
            shop.image(path, copy_of(photograph(seed)))
        shop.image("/other.jpg", photograph(60))
        shop.page("/", *paths, "/other.jpg")
        watch(owner("studio"), shop.url())
        runner.run_until_idle()
    for seed in range(WORKS):
        register(runner.services, Owner.objects.get(), photograph(seed), f"Work {seed}")


@pytest.fixture
def archived(inline: SyncRunner, milvus_server: Server) -> Iterator[Services]:
    """The installation with its archive in Milvus."""
    services = Services(replace(inline.services.config, milvus_url=milvus_server.url))
    yield services
    for place in places(services):
        place.clear()


def places(services: Services) -> list[ArchivePlace]:
    made = [index_place(services.config, Collection.PICTURES, space) for space in services.indexes.spaces]
    return [place for place in made if isinstance(place, ArchivePlace)]


def collection_of(place: ArchivePlace) -> MilvusRows:
    manifest = place.read(PHASH.id)
    return MilvusRows(PHASH, place.server, manifest.segments[0].name, manifest.sequence)


def found(services: Services) -> set[str]:
    """The works for which a search of all pictures seen opens cases."""
    Case.objects.all().delete()
    Match.objects.all().delete()
    WorkPicture.objects.update(state="todo", not_before=None, claimed_by="", progress={})
    search_pictures(services, list(WorkPicture.objects.values_list("pk", flat=True)))
    return set(Case.objects.values_list("work__title", flat=True))


def named_by(services: Services) -> int:
    """How many pictures seen the index of a process names, when it is asked for their own hashes."""
    services.indexes.refresh(Collection.PICTURES)
    index = services.indexes.of(Collection.PICTURES, PHASH)
    last = fingerprints.last_change(Collection.PICTURES, PHASH)
    stored = [vector for batch in fingerprints.living(Collection.PICTURES, PHASH, last) for _, vector in batch]
    return len({hit.number for hits in index.search(rows_of(PHASH, stored), k=9, within=0) for hit in hits})


def problems(services: Services) -> set[str]:
    return {problem for state in check_indexes(services) for problem in state.problems}


def test_works_find_what_was_crawled_before_as_they_do_by_faiss(archived: Services) -> None:
    assert found(archived) == ALL
    assert set(WorkPicture.objects.values_list("state", flat=True)) == {"done"}
    by_faiss = Services(replace(archived.config, milvus_url=""))
    assert found(by_faiss) == ALL
    assert len(collection_of(places(archived)[0])) == len(by_faiss.indexes.of(Collection.PICTURES, PHASH)) == WORKS + 1
    mend_indexes(archived)
    (state,) = [one for one in index_states(archived) if (one.collection, one.space) == ("pictures", PHASH.id)]
    assert (state.vectors, state.behind, state.size > 0, problems(archived)) == (WORKS + 1, 0, True, set())


def test_a_milvus_that_is_down_holds_searches_up_until_it_is_back(archived: Services, milvus_server: Server) -> None:
    assert found(archived) == ALL
    milvus_server.kill()
    for services in (archived, Services(archived.config)):  # in the middle, and at the start
        assert found(services) == set()
        assert set(held_up().values()) == {SILENT}
    assert {state.vectors for state in index_states(archived) if state.collection == "pictures"} == {0}
    milvus_server.start()
    assert found(archived) == ALL
    assert (held_up(), problems(archived)) == ({}, set())


def test_upkeep_adds_what_is_missing_and_deletes_what_has_gone(archived: Services) -> None:
    assert found(archived) == ALL
    place = places(archived)[0]
    rows = collection_of(place)
    numbers = rows.between(0, rows.upto).tolist()
    rows.delete(np.array(numbers[:1]))
    assert any("entries where the rows have" in problem for problem in problems(archived))
    mend_indexes(archived)
    assert (rows.between(0, rows.upto).tolist(), found(archived)) == (numbers, ALL)
    pictures = fingerprints.pictures_of(Collection.PICTURES, PHASH, [numbers[1]])
    with transaction.atomic():
        fingerprints.remove_from(Collection.PICTURES, list(pictures.values()))
    mend_indexes(archived)
    left = [number for number in numbers if number != numbers[1]]
    assert (rows.between(0, rows.upto).tolist(), problems(archived)) == (left, set())
    rows.put(np.array([numbers[1]]), np.zeros((1, 32), np.uint8))
    mend_indexes(archived)
    assert rows.between(0, rows.upto).tolist() == left


@pytest.mark.parametrize("noticed", ["searched", "by the upkeep"])
def test_a_collection_that_was_dropped_is_made_again_and_what_nobody_names_goes(
    archived: Services, noticed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(archived) == ALL
    place = places(archived)[0]
    (name,) = place.server.names()
    place.server.ask("drop_collection", name)
    assert problems(archived) == {f"{name} isn't in Milvus any more."}
    if noticed != "searched":
        monkeypatch.setattr("workers.services.indexes.MADE_AT_ONCE", 0)  # it is too large for a task
        assert found(Services(archived.config)) == set()
        assert set(held_up().values()) == {MADE_AGAIN}
        mend_indexes(archived)
    left = place.server.make(PHASH)
    assert found(Services(archived.config)) == ALL
    mend_indexes(archived)
    (now_there,) = place.server.names()
    assert (now_there in {name, left}, problems(archived)) == (False, set())


def test_a_restored_installation_leaves_the_collections_of_the_other_alone(archived: Services, tmp_path: Path) -> None:
    restored = Services(replace(archived.config, data_dir=tmp_path / "restored"))
    assert named_by(archived) == named_by(restored) == SEEN
    mend_indexes(restored)
    assert [len(place.server.names()) for place in (*places(archived), *places(restored))] == [1, 1, 1, 1]
    for place in places(restored):
        place.clear()


def test_the_setting_moves_the_index_out_of_the_bucket_and_back(archived: Services, s3: S3) -> None:
    milvus = replace(archived.config, blobs_url=s3.url_for(archived.config.data_dir))
    for config in (bucket := replace(milvus, milvus_url=""), milvus, bucket, milvus):
        services = Services(config)
        assert named_by(services) == SEEN
        list(rebuild_indexes(services))
        assert named_by(services) == named_by(Services(config)) == SEEN
        assert problems(services) == set()
    place = places(Services(milvus))[0]
    place.sweep(grace=timedelta(0))
    assert (list(place._store), len(place.server.names())) == ([], 1)
