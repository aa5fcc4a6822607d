"""Why a picture isn't found among an owner's works, and what is kept of it."""

from io import BytesIO

import pytest
from PIL import Image

from exhibit.digests import Digest
from exhibit.errors import RefusedError
from exhibit.types import Decision
from indexer.calibration.kept import KeptPairs, Said
from registry.crawls import denylists
from registry.models import Owner
from tests.assets.rows import copy_of, owner, photograph, register
from workers.cases.purge import purge
from workers.matching.why import drawn, keep, numbers_of, why
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    studio = owner("studio")
    for seed in (1, 2):
        register(inline.services, studio, photograph(seed))
    return studio


def test_only_the_owners_own_works_stand_before_one(inline: SyncRunner, studio: Owner) -> None:
    rival = owner("rival")
    register(inline.services, rival, copy_of(photograph(3)))
    work = register(inline.services, studio, photograph(3)).work
    explained = why(inline.services, work, copy_of(photograph(3)))
    assert explained.decision is Decision.CERTAIN
    assert numbers_of(work, explained) == []
    other = studio.works.get(number=1)
    lost = why(inline.services, other, photograph(3))
    assert lost.fell is not None
    assert lost.fell.name == "naming"
    assert lost.sentences[1].startswith("Another work explains")


def test_both_are_drawn_also_where_one_lies_on_the_other_nowhere(inline: SyncRunner, studio: Owner) -> None:
    work = studio.works.get(number=1)
    for copy in (copy_of(photograph(1)), photograph(50)):
        with Image.open(BytesIO(drawn(inline.services, work, why(inline.services, work, copy), copy))) as picture:
            assert picture.width == 1600
    assert drawn(inline.services, work, why(inline.services, work, b"no picture"), b"no picture") == b""


def test_a_kept_pair_goes_with_a_purge_and_blocked_bytes_are_not_kept(inline: SyncRunner, studio: Owner) -> None:
    services, work = inline.services, studio.works.get(number=1)
    copies = [copy_of(photograph(1)), photograph(50)]
    for copy in copies:
        keep(services, work, why(services, work, copy), copy, Said.COPY, name="found.jpg", by="Ann")
    kept = KeptPairs(services.config.data_dir)
    assert [pair.about for pair in kept.pairs()] == ["studio work 1 / found.jpg"] * 2
    purge(services, Digest.of(copies[0]), by="the test", reason="a complaint")
    assert [pair.copy for pair in kept.pairs()] == [Digest.of(copies[1]).hex]
    with pytest.raises(RefusedError, match="blocklist"):
        keep(services, work, why(services, work, copies[0]), copies[0], Said.COPY, name="found.jpg", by="Ann")
    denylists.block(Digest.of(photograph(51)), by="the test", reason="a complaint")
    with pytest.raises(RefusedError, match="blocklist"):
        keep(services, work, why(services, work, photograph(51)), photograph(51), Said.COPY, name="x", by="Ann")
