"""How far work is that goes on in the background."""

import pytest

from registry.matches import votes_upkeep
from registry.matches.fingerprints import Collection
from registry.matches.index_upkeep import rebuild_indexes
from registry.models import FingerprintRow, WorkPicture
from tests.assets.rows import owner, photograph, register
from workers.operations.background import Progress, going_on
from workers.tasks.sync_runner import SyncRunner


def test_what_takes_long_says_how_far_it_is_until_it_is_done(inline: SyncRunner) -> None:
    register(inline.services, owner("studio"), photograph(1))
    inline.run_until_idle()
    assert going_on(inline.services) == []
    WorkPicture.objects.update(state="doing", progress={"alike": 2000, "compared": 450})
    FingerprintRow.objects.filter(part="local").delete()
    assert going_on(inline.services) == [
        Progress("pictures seen before compared with new works that they resemble", 450, 2000),
        Progress("registered pictures with local features", 0, 1),
    ]


@pytest.mark.long
def test_registered_pictures_that_cannot_be_read_are_no_work_that_waits(inline: SyncRunner) -> None:
    studio = owner("studio")
    damaged, _ = (register(inline.services, studio, photograph(seed)).work.pictures.get() for seed in (1, 2))
    inline.run_until_idle()
    FingerprintRow.objects.filter(part="local").delete()
    inline.services.features.remove(damaged.digest)
    inline.services.blobs.remove(damaged.digest)
    assert votes_upkeep.measure_missing(inline.services) == 1
    (told,) = going_on(inline.services)
    assert (told.done, told.total) == (1, 2)
    assert told.what.startswith("registered pictures can't be read")
    assert votes_upkeep.measure_missing(inline.services) == 0
    inline.services.blobs.put(photograph(1))
    list(rebuild_indexes(inline.services))
    assert going_on(inline.services) == []
    inline.services.indexes.refresh(Collection.WORKS)
    assert len(inline.services.indexes.votes) == 2
