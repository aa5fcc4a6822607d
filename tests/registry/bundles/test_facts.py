"""Test that the facts of a case follow from its rows: pages over all crawls, match, and licence coverage."""

import pytest

from registry.bundles.facts import build_software_facts, gather_facts
from registry.cases.places import group_by_place
from registry.matches.match import match_pictures
from registry.models import CaseSighting, Licence
from registry.works.licences import NewLicence, add_licences
from tests.assets.rows import claim_new_slice, create_case, owner, photograph, recompress, record_sightings
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.long
def test_case_facts_contain_pages_match_and_licences(inline: SyncRunner) -> None:
    studio = owner("studio")
    case = create_case(inline.services, studio)
    for name in ("second", "third"):  # the same page again
        match_pictures(
            inline.services,
            record_sightings(inline.services, *claim_new_slice(studio, name), [recompress(photograph(1))]),
        )
    rows = list(CaseSighting.objects.order_by("pk"))
    assert (len(rows), len(group_by_place(rows))) == (3, 1)

    gathered = gather_facts(inline.services, case, bundle=0, language="en", for_sealing=False)
    (sighting,), (match,) = gathered.facts.sightings, gathered.facts.matches
    assert (sighting.crawl, sighting.page_url) == ("watch 1", "http://shop.example/page-0")
    assert sighting.first_seen is not None
    assert sighting.last_seen is not None
    assert sighting.first_seen < sighting.last_seen
    assert (match.sightings, match.picture, sighting.slice) == ((1,), sighting.picture.digest, None)
    assert match.drawings
    assert [row.pk for row in gathered.matches] == [rows[0].match_id]
    assert gathered.facts.licence_check.outcome == "unsearched"
    assert gathered.facts.software == build_software_facts()

    add_licences(studio, [NewLicence("Shop", domain="elsewhere.example")], by="Ann")
    check = gather_facts(inline.services, case, bundle=0, language="en", for_sealing=False).facts.licence_check
    assert (check.outcome, check.reasons[0].startswith("Licence 1 (Shop): ")) == ("none", True)
    Licence.objects.update(domain="shop.example")
    check = gather_facts(inline.services, case, bundle=0, language="en", for_sealing=False).facts.licence_check
    assert check.outcome == "all"
