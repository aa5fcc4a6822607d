"""Test the page of a work on hold: the view and decisions of members, and no access for others."""

import pytest
from django.test import Client

from registry.models import Case, Flood, LookAlike, Owner, Picture, Sighting
from tests.assets.flood_pictures import find_on_sites, picture_with_mark, set_flood_floor
from tests.assets.pages import has_test_id, message_levels, numbers_at
from tests.assets.restored_scenes import restore_scene
from tests.assets.rows import owner, photograph, register
from tests.assets.site_browser import PHONE, Site, site
from tests.desk.web.works.test_uploads import ann, build_url
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "site"]


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    """Create an owner with a work on hold: two cases are open, three unrelated images wait."""
    return restore_scene(inline, _create_owner_with_work_on_hold)


def _create_owner_with_work_on_hold(inline: SyncRunner) -> Owner:
    new_owner = owner("studio")
    register(set_flood_floor(inline.services, 2), new_owner, photograph(1), "A logo")
    find_on_sites(inline.services, new_owner, [picture_with_mark(number, photograph(1)) for number in range(5)])
    return new_owner


@pytest.fixture
def flood(studio: Owner) -> Flood:
    """Return the flood that put the work on hold."""
    return Flood.objects.get(work__owner=studio)


@pytest.mark.long
def test_inbox_and_works_link_to_works_on_hold(ann: Client, flood: Flood) -> None:
    inbox = ann.get(build_url("cases")).content.decode()
    assert f'href="{build_url("works")}?only=held"' in inbox
    works = ann.get(build_url("works") + "?only=held").content.decode()
    assert "A logo" in works
    assert has_test_id(works, "held")
    Flood.objects.update(decision="dismissed")
    assert f'href="{build_url("works")}?only=held"' not in ann.get(build_url("cases")).content.decode()


def test_hold_page_gives_reasons_and_shows_different_pictures(ann: Client, flood: Flood) -> None:
    page = ann.get(build_url("work", 1)).content.decode()
    assert numbers_at(page, "flood")[:3] == ["3", "3", "2"]
    pictures = Picture.objects.filter(sightings__host__in=[f"site-{number}.example" for number in (2, 3, 4)])
    for picture in pictures:
        assert picture.digest is not None
        assert f'src="{build_url("picture", picture.digest.hex)}"' in page
        assert ann.get(build_url("picture", picture.digest.hex)).status_code == 200


@pytest.mark.long
def test_member_dismisses_or_opens_the_cases_of_a_work_on_hold(ann: Client, inline: SyncRunner, flood: Flood) -> None:
    ann.post(build_url("answer-held", 1), {"answer": "dismiss", "reason": "A stock logo."})
    page = ann.get(build_url("work", 1)).content.decode()
    assert "ann@example.org" in page
    assert "A stock logo." in page
    assert LookAlike.objects.count() == 3
    ann.post(build_url("answer-held", 1), {"answer": "undo"})
    ann.post(build_url("answer-held", 1), {"answer": "open"})
    inline.run_until_idle()
    assert Case.objects.count() == 5
    page = ann.get(build_url("work", 1)).content.decode()
    assert 'id="held"' not in page
    assert message_levels(ann.post(build_url("answer-held", 1), {"answer": "open"}, follow=True)) == ["error"]
    response = ann.post(build_url("answer-held", 1), {"answer": "more"}, follow=True)
    assert "is not a valid answer" in response.content.decode()


def test_work_on_hold_is_hidden_from_other_owners(client: Client, ann: Client, flood: Flood) -> None:
    agency = owner("agency")
    digest = Sighting.objects.get(host="site-4.example").picture.digest
    assert digest is not None
    own_url, other_url = build_url("picture", digest.hex), build_url("picture", digest.hex).replace("studio", "agency")
    member = flood.work.owner.memberships.get()
    member.owner = agency
    member.save()
    assert ann.get(own_url).status_code == ann.get(other_url).status_code == 404
    for address in (build_url("answer-held", 1), build_url("answer-held", 1).replace("studio", "agency")):
        assert ann.post(address, {"answer": "open"}).status_code == 404
    assert Flood.list_active().exists()


def test_sightings_of_other_owners_are_not_shown(ann: Client, flood: Flood) -> None:
    private = Sighting.objects.get(host="site-4.example")
    assert private.picture.digest is not None
    Sighting.objects.filter(pk=private.pk).update(private_to=owner("agency"))
    assert ann.get(build_url("picture", private.picture.digest.hex)).status_code == 404
    assert numbers_at(ann.get(build_url("work", 1)), "waiting")[1] == "2"


@pytest.mark.long
def test_hold_page_works_on_a_phone_without_scripts(site: Site, studio: Owner) -> None:
    register(set_flood_floor(site.inline.services, 2), studio, photograph(1), "A logo")
    find_on_sites(site.inline.services, studio, [picture_with_mark(number, photograph(1)) for number in range(5)])
    visitor = site.member(studio, size=PHONE)
    page = visitor.open(build_url("cases"))
    visitor.check()
    page.locator("a[href$='?only=held']").click()
    page.get_by_role("link", name="A logo").click()
    visitor.check()
    page.locator("button[value=dismiss]").click()
    page.locator("button[value=undo]").wait_for()
    visitor.check()
