"""An archive of many segments in a bucket, machines none of which keeps all of it, and works that come after it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from django.db import transaction

from registry.db import running
from registry.models import Claimable, Match, SegmentSearch, WorkPicture
from registry.vectors.fingerprints import Collection
from tests.assets.published import Machine
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers.services.indexes import index_place, make_index
from workers.services.wiring import Services
from workers.steps.matching.match import match_pictures
from workers.steps.matching.search import search_pictures
from workers.steps.matching.segments import search_segments
from workers.tasks.sync_runner import SyncRunner

HOSTS = ("ann", "ben")
SEEN, WORKS = 8, 2
ROWS = 3
"""Rows of a segment."""


def fill(stage: SyncRunner) -> None:
    """Pictures that were seen, and works that have not searched them yet; each of these was seen."""
    studio = owner("studio")
    seen = [copy_of(photograph(seed)) for seed in range(SEEN)]
    match_pictures(stage.services, bring(stage.services, *claimed_slice(studio), seen))
    for seed in range(WORKS):
        register(stage.services, studio, photograph(seed), f"Work {seed}")


class Archive:
    """Machines by their names, each with a folder of its own and room for a part of the archive."""

    def __init__(self, machine: Machine, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        patch.setattr("indexer.vectors.segments.MAX_ROWS", ROWS)
        self.writer = machine("writer")
        self.write()
        self.sizes = self.writer.indexes.brought(Collection.PICTURES)
        configs = {name: replace(machine(name).config, index_cache_bytes=self.room) for name in HOSTS}
        self.services = {name: Services(config) for name, config in configs.items()}
        for name in HOSTS:
            running.beat(f"worker-match@{name}", "asked,match")

    @property
    def room(self) -> int:
        """Not quite enough for all of it."""
        return sum(self.sizes.values()) - 1

    @contextmanager
    def on(self, name: str) -> Iterator[Services]:
        """Be this machine."""
        with self._patch.context() as patch:
            patch.setattr("exhibit.machine.socket.gethostname", lambda: name)
            yield self.services[name]

    def search(self, name: str) -> None:
        """Let a machine do what the works ask for."""
        with self.on(name) as services:
            search_pictures(services, waiting(WorkPicture))

    def search_share(self, name: str) -> None:
        """Let a machine do what the shares ask for, also those that another one has just passed on."""
        SegmentSearch.objects.update(not_before=None)
        with self.on(name) as services:
            search_segments(services, waiting(SegmentSearch))

    def fetched(self, name: str) -> set[str]:
        """The segments of which a machine has the vectors."""
        folder = self.services[name].config.data_dir / "indexes"
        return {f"{path.parent.name} {path.stem}" for path in folder.glob("pictures-*/segment-*.faiss")}

    def found_by_one(self) -> Counter[object]:
        """What a machine would find that keeps all of it."""
        with transaction.atomic():
            SegmentSearch.objects.all().delete()
            WorkPicture.objects.update(not_before=None)
            search_pictures(Services(replace(self.writer.config, index_cache_bytes=1 << 30)), waiting(WorkPicture))
            assert not SegmentSearch.objects.exists()
            found = results()
            transaction.set_rollback(True)
        return found

    def write(self) -> None:
        """Write all of its segments, under new names where there were some."""
        for space in self.writer.indexes.spaces:
            collection = Collection.PICTURES
            make_index(index_place(self.writer.config, collection, space), collection, space)


def waiting(model: type[Claimable]) -> list[int]:
    """Rows that aren't done."""
    return list(model._default_manager.exclude(state="done").values_list("pk", flat=True))


def results() -> Counter[object]:
    """What the works have found, and what they were told of it."""
    compared = Match.objects.values_list("registered__digest", "found__digest", "decision", "hamming", "inliers")
    told = ((row.pk, row.state, *sorted(row.progress.items())) for row in WorkPicture.objects.all())
    return Counter([*compared, *told])
