"""Test why an image is not found among an owner's works, and what is stored about it."""

from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from exhibit.digests import Digest
from exhibit.errors import RefusedError
from exhibit.types import Decision
from indexer.calibration.kept import KeptPairs, Said
from registry.crawls import denylists
from registry.matches.why import drawn, keep, numbers_of, why
from registry.models import Owner
from registry.retention.purge import purge
from tests.assets.exposures import exposure
from tests.assets.rows import copy_of, jpeg, owner, photograph, register
from tests.assets.textured import textured
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    studio = owner("studio")
    for seed in (1, 2):
        register(inline.services, studio, photograph(seed))
    return studio


@pytest.mark.long
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
    assert lost.fell.name == "glance"  # another work's match does not affect this one


@pytest.mark.long
def test_both_are_drawn_also_where_one_lies_on_the_other_nowhere(inline: SyncRunner, studio: Owner) -> None:
    work = studio.works.get(number=1)
    for copy in (copy_of(photograph(1)), photograph(50)):
        with Image.open(BytesIO(drawn(inline.services, work, why(inline.services, work, copy), copy))) as picture:
            assert picture.width == 1600
    assert drawn(inline.services, work, why(inline.services, work, b"no picture"), b"no picture") == b""


@pytest.mark.long
def test_what_is_laid_in_pieces_is_drawn_in_pieces(inline: SyncRunner) -> None:
    whole, (width, height) = textured(1), textured(1).size
    strips = Image.new("RGB", (width + 60, height + 80), "white")
    for place, number in enumerate((2, 0, 1)):
        part = whole.crop((number * width // 3, 0, (number + 1) * width // 3, height))
        strips.paste(part, (10 + place * (width // 3 + 15), (40, 5, 70)[place]))
    work, copy = register(inline.services, owner("studio"), jpeg(whole)).work, jpeg(strips)
    explained = why(inline.services, work, copy)
    assert explained.examined is not None
    assert explained.examined.pieces
    as_one = replace(explained, examined=replace(explained.examined, pieces=()))
    assert drawn(inline.services, work, explained, copy) != drawn(inline.services, work, as_one, copy)


@pytest.mark.long
def test_a_find_that_another_work_of_a_series_explains_better_is_left_to_a_person_as_a_crawls_is(
    inline: SyncRunner,
) -> None:
    studio = owner("studio")
    works = [register(inline.services, studio, exposure(number), f"Work {number}").work for number in (0, 1)]
    inline.run_until_idle()
    held, certain = (why(inline.services, work, copy_of(exposure(1))) for work in works)
    assert (held.decision, certain.decision) == (Decision.REVIEW, Decision.CERTAIN)
    assert held.reasons[-1] == "series"
    assert not held.gates[-1].passed


@pytest.mark.long
def test_a_kept_pair_goes_with_a_purge_and_blocked_bytes_are_not_kept(inline: SyncRunner, studio: Owner) -> None:
    services, work = inline.services, studio.works.get(number=1)
    copies = [copy_of(photograph(1)), photograph(50)]
    for copy in copies:
        keep(services, work, why(services, work, copy), copy, Said.COPY, name="found.jpg", by="Ann")
    kept = KeptPairs(services.config.data_dir)
    assert [pair.about for pair in kept.pairs()] == ["studio work 1 / found.jpg"] * 2
    purge(services, Digest.of(copies[0]), by="the test", reason="a complaint")
    assert [pair.copy for pair in kept.pairs()] == [Digest.of(copies[1]).hex]
    with pytest.raises(RefusedError):
        keep(services, work, why(services, work, copies[0]), copies[0], Said.COPY, name="found.jpg", by="Ann")
    denylists.block(Digest.of(photograph(51)), by="the test", reason="a complaint")
    with pytest.raises(RefusedError):
        keep(services, work, why(services, work, photograph(51)), photograph(51), Said.COPY, name="x", by="Ann")
