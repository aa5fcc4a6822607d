"""Test that an image seen again is searched again only if a search would find more."""

import pytest

from exhibit.digests import Digest
from indexer.picture.spaces import LOCAL, PIPELINE
from registry.bundles.facts import gather_facts
from registry.matches import local_feature_upkeep
from registry.matches.match import match_pictures
from registry.models import Case, FingerprintRow, Match, Owner, Picture
from registry.works import search_version
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    """An owner with a work."""
    new_owner = owner("studio")
    register(inline.services, new_owner, photograph(3))
    return new_owner


@pytest.mark.long
def test_picture_seen_again_is_not_measured_again(inline: SyncRunner, studio: Owner) -> None:
    data = recompress(photograph(3))
    first, second = claim_new_slice(studio, "first"), claim_new_slice(studio, "second")
    match_pictures(inline.services, record_sightings(inline.services, *first, [data]))
    case = Case.objects.get()
    (picture_id,) = record_sightings(inline.services, *second, [data], host="shop.example")
    inline.services.blobs.remove(Digest.from_bytes(data))
    match_pictures(inline.services, [picture_id])
    assert Picture.objects.get(pk=picture_id).state == "done"
    assert case.case_sightings.count() == 2


@pytest.mark.long
def test_picture_is_searched_again_after_works_are_measured_again(inline: SyncRunner, studio: Owner) -> None:
    services, data = inline.services, photograph(500)

    def crawl_again(name: str) -> list[int]:
        return record_sightings(services, *claim_new_slice(studio, name), [data])

    FingerprintRow.objects.filter(part=LOCAL).delete()
    search_version.reset_count()
    match_pictures(services, crawl_again("first"))
    assert crawl_again("second") == []
    local_feature_upkeep.compute_missing_features(services)
    (picture_id,) = crawl_again("third")
    match_pictures(services, [picture_id])
    assert crawl_again("fourth") == []


@pytest.mark.long
def test_picture_seen_again_is_measured_again_by_a_new_pipeline(inline: SyncRunner, studio: Owner) -> None:
    data = recompress(photograph(3))
    match_pictures(inline.services, record_sightings(inline.services, *claim_new_slice(studio, "first"), [data]))
    Picture.objects.filter(digest=Digest.from_bytes(data)).update(searched="match-0 descriptor@0")
    Match.objects.update(pipeline="match-0")
    match_pictures(inline.services, record_sightings(inline.services, *claim_new_slice(studio, "second"), [data]))
    assert Match.objects.filter(pipeline=PIPELINE, decision="certain").count() == 1
    case = Case.objects.get()
    assert [case_sighting.match.pipeline for case_sighting in case.case_sightings.all()] == [PIPELINE, PIPELINE]
    assert len(gather_facts(inline.services, case, bundle=1, language="en", for_sealing=False).facts.matches) == 1
