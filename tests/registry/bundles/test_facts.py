"""Test that the facts of a case follow from its rows: pages over all crawls, match, and licence coverage."""

import pytest

from registry.bundles.facts import gather, software
from registry.cases.places import places_of
from registry.matches.match import match_pictures
from registry.models import CaseSighting, Licence
from registry.works.licences import NewLicence, keep_licences
from tests.assets.rows import bring, claimed_slice, copy_of, found_case, owner, photograph
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.long
def test_a_case_is_gathered_with_its_places_match_and_licences(inline: SyncRunner) -> None:
    studio = owner("studio")
    case = found_case(inline.services, studio)
    for name in ("second", "third"):  # the same page again
        match_pictures(inline.services, bring(inline.services, *claimed_slice(studio, name), [copy_of(photograph(1))]))
    rows = list(CaseSighting.objects.order_by("pk"))
    assert (len(rows), len(places_of(rows))) == (3, 1)

    gathered = gather(inline.services, case, bundle=0, language="en", sealed=False)
    (sighting,), (match,) = gathered.facts.sightings, gathered.facts.matches
    assert (sighting.crawl, sighting.page_url) == ("watch 1", "http://shop.example/page-0")
    assert sighting.first_seen is not None
    assert sighting.last_seen is not None
    assert sighting.first_seen < sighting.last_seen
    assert (match.sightings, match.picture, sighting.slice) == ((1,), sighting.picture.digest, None)
    assert match.drawings
    assert [row.pk for row in gathered.matches] == [rows[0].match_id]
    assert gathered.facts.licence_check.outcome == "unsearched"
    assert gathered.facts.software == software()

    keep_licences(studio, [NewLicence("Shop", domain="elsewhere.example")], by="Ann")
    check = gather(inline.services, case, bundle=0, language="en", sealed=False).facts.licence_check
    assert (check.outcome, check.reasons[0].startswith("Licence 1 (Shop): ")) == ("none", True)
    Licence.objects.update(domain="shop.example")
    check = gather(inline.services, case, bundle=0, language="en", sealed=False).facts.licence_check
    assert check.outcome == "all"
