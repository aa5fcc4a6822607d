"""Test the page of a work that is held back: what members see and decide, and that others cannot."""

import pytest
from django.test import Client

from registry.models import Case, Flood, LookAlike, Owner, Picture, Sighting
from tests.assets.flooded import found_on_sites, stranger, with_floor
from tests.assets.laid_down import once
from tests.assets.pages import has_test_id, message_levels, numbers_at
from tests.assets.rows import owner, photograph, register
from tests.assets.site_browser import PHONE, Site, site
from tests.desk.web.works.test_uploads import ann, at
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "site"]


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    """An owner with a held work: two cases are open, three unrelated images wait."""
    return once(inline, _with_a_flood)


def _with_a_flood(inline: SyncRunner) -> Owner:
    made = owner("studio")
    register(with_floor(inline.services, 2), made, photograph(1), "A logo")
    found_on_sites(inline.services, made, [stranger(number, photograph(1)) for number in range(5)])
    return made


@pytest.fixture
def flood(studio: Owner) -> Flood:
    """The flood that holds the work back."""
    return Flood.objects.get(work__owner=studio)


@pytest.mark.long
def test_the_inbox_and_the_works_lead_to_what_is_held_back(ann: Client, flood: Flood) -> None:
    inbox = ann.get(at("cases")).content.decode()
    assert f'href="{at("works")}?only=held"' in inbox
    works = ann.get(at("works") + "?only=held").content.decode()
    assert "A logo" in works
    assert has_test_id(works, "held")
    Flood.objects.update(decision="dismissed")
    assert f'href="{at("works")}?only=held"' not in ann.get(at("cases")).content.decode()


def test_the_page_says_why_and_shows_pictures_that_look_unlike_one_another(ann: Client, flood: Flood) -> None:
    page = ann.get(at("work", 1)).content.decode()
    assert numbers_at(page, "flood")[:3] == ["3", "3", "2"]
    waiting = Picture.objects.filter(sightings__host__in=[f"site-{number}.example" for number in (2, 3, 4)])
    for picture in waiting:
        assert picture.digest is not None
        assert f'src="{at("picture", picture.digest.hex)}"' in page
        assert ann.get(at("picture", picture.digest.hex)).status_code == 200


@pytest.mark.long
def test_a_member_opens_the_cases_or_says_that_it_is_another_work(
    ann: Client, inline: SyncRunner, flood: Flood
) -> None:
    ann.post(at("answer-held", 1), {"answer": "dismiss", "reason": "A stock logo."})
    page = ann.get(at("work", 1)).content.decode()
    assert "ann@example.org said on" in page
    assert "A stock logo." in page
    assert LookAlike.objects.count() == 3
    ann.post(at("answer-held", 1), {"answer": "undo"})
    ann.post(at("answer-held", 1), {"answer": "open"})
    inline.run_until_idle()
    assert Case.objects.count() == 5
    page = ann.get(at("work", 1)).content.decode()
    assert 'id="held"' not in page
    assert message_levels(ann.post(at("answer-held", 1), {"answer": "open"}, follow=True)) == ["error"]
    assert "is no answer" in ann.post(at("answer-held", 1), {"answer": "more"}, follow=True).content.decode()


def test_to_another_owner_it_does_not_exist(client: Client, ann: Client, flood: Flood) -> None:
    agency = owner("agency")
    digest = Sighting.objects.get(host="site-4.example").picture.digest
    assert digest is not None
    mine, theirs = at("picture", digest.hex), at("picture", digest.hex).replace("studio", "agency")
    member = flood.work.owner.memberships.get()
    member.owner = agency
    member.save()
    assert ann.get(mine).status_code == ann.get(theirs).status_code == 404
    for address in (at("answer-held", 1), at("answer-held", 1).replace("studio", "agency")):
        assert ann.post(address, {"answer": "open"}).status_code == 404
    assert Flood.in_force().exists()


def test_what_only_another_owner_has_seen_is_not_shown(ann: Client, flood: Flood) -> None:
    private = Sighting.objects.get(host="site-4.example")
    assert private.picture.digest is not None
    Sighting.objects.filter(pk=private.pk).update(private_to=owner("agency"))
    assert ann.get(at("picture", private.picture.digest.hex)).status_code == 404
    assert numbers_at(ann.get(at("work", 1)), "waiting")[1] == "2"


@pytest.mark.long
def test_the_page_is_sound_on_a_phone_and_its_buttons_work_without_a_script(site: Site, studio: Owner) -> None:
    register(with_floor(site.inline.services, 2), studio, photograph(1), "A logo")
    found_on_sites(site.inline.services, studio, [stranger(number, photograph(1)) for number in range(5)])
    visitor = site.member(studio, size=PHONE)
    page = visitor.open(at("cases"))
    visitor.check()
    page.locator("a[href$='?only=held']").click()
    page.get_by_role("link", name="A logo").click()
    visitor.check()
    page.locator("button[value=dismiss]").click()
    page.locator("button[value=undo]").wait_for()
    visitor.check()
