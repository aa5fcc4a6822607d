"""Test that a visit that finds the image still online updates "last seen" wherever it is shown."""

from datetime import timedelta

from django.test import Client
from django.urls import reverse

from desk.schemas.cases import Use
from exhibit.clock import now
from registry.cases.queue import seen_between
from registry.cases.work_search import seen_in
from registry.models import Capture, Case, Owner, Role, Sighting, User
from registry.notices.contents import items_of
from registry.parties.parties import places_of
from tests.assets.noticed import begun
from tests.assets.noticed_once import inline, stage, studio, two_cases

__all__ = ["inline", "stage", "studio", "two_cases"]


def test_a_visit_that_finds_the_picture_online_has_seen_it_last(studio: Owner, client: Client) -> None:
    case, visited, crawled = studio.cases.get(number=1), now(), now() - timedelta(days=30)
    Sighting.objects.update(first_seen=crawled, last_seen=crawled)
    user = User.objects.create_user("r@example.org", "r@example.org", "not used at all")
    user.memberships.create(owner=studio, role=Role.REVIEWER)
    client.force_login(user)
    notice = begun(studio)
    for outcome, seen in (("captured", visited), ("image-gone", crawled)):
        Capture.objects.update(state="done", outcome=outcome, finished_at=visited)
        assert {one.last_seen for one in Use.of_case(Case.objects.get(pk=case.pk))} == {seen}
        assert seen_between([case])[case.pk][1] == seen
        assert {one.last_seen for one in places_of(studio, case.party)} == {seen}
        assert {vars(one)["last_seen"] for one in seen_in(studio.cases.all())} == {seen}
        assert {place.last_seen for item in items_of(notice) for place in item.places} == {seen}
        places = client.get(reverse("case", args=["studio", 1])).context["places"]
        assert {last for *_about, last in places} == {seen}
