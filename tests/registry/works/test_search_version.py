"""Test that an image seen again is searched again only if a search would find more."""

import pytest

from exhibit.digests import Digest
from indexer.picture.spaces import LOCAL, PIPELINE
from registry.bundles.facts import gather
from registry.matches import votes_upkeep
from registry.matches.match import match_pictures
from registry.models import Case, FingerprintRow, Match, Owner, Picture
from registry.works import search_version
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    """An owner with a work."""
    made = owner("studio")
    register(inline.services, made, photograph(3))
    return made


@pytest.mark.long
def test_a_picture_that_is_seen_again_is_not_measured_again(inline: SyncRunner, studio: Owner) -> None:
    data = copy_of(photograph(3))
    first, second = claimed_slice(studio, "first"), claimed_slice(studio, "second")
    match_pictures(inline.services, bring(inline.services, *first, [data]))
    case = Case.objects.get()
    (waiting,) = bring(inline.services, *second, [data], host="shop.example")
    inline.services.blobs.remove(Digest.of(data))
    match_pictures(inline.services, [waiting])
    assert Picture.objects.get(pk=waiting).state == "done"
    assert case.case_sightings.count() == 2


@pytest.mark.long
def test_a_picture_is_searched_for_again_once_works_from_before_there_were_votes_are_measured(
    inline: SyncRunner, studio: Owner
) -> None:
    services, data = inline.services, photograph(500)

    def again(name: str) -> list[int]:
        return bring(services, *claimed_slice(studio, name), [data])

    FingerprintRow.objects.filter(part=LOCAL).delete()
    search_version.count_anew()
    match_pictures(services, again("first"))
    assert again("second") == []
    votes_upkeep.measure_missing(services)
    (waiting,) = again("third")
    match_pictures(services, [waiting])
    assert again("fourth") == []


@pytest.mark.long
def test_a_new_version_of_matching_measures_what_it_sees_again(inline: SyncRunner, studio: Owner) -> None:
    data = copy_of(photograph(3))
    match_pictures(inline.services, bring(inline.services, *claimed_slice(studio, "first"), [data]))
    Picture.objects.filter(digest=Digest.of(data)).update(searched="match-0 descriptor@0")
    Match.objects.update(pipeline="match-0")
    match_pictures(inline.services, bring(inline.services, *claimed_slice(studio, "second"), [data]))
    assert Match.objects.filter(pipeline=PIPELINE, decision="certain").count() == 1
    case = Case.objects.get()
    assert [one.match.pipeline for one in case.case_sightings.all()] == [PIPELINE, PIPELINE]
    assert len(gather(inline.services, case, bundle=1, language="en", sealed=False).facts.matches) == 1
