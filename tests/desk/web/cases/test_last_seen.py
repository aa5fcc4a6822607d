"""Test that a visit that finds the image still online updates "last seen" wherever it is shown."""

from datetime import timedelta

from django.test import Client
from django.urls import reverse

from desk.schemas.cases import Use
from exhibit.clock import now
from registry.cases.queue import find_seen_times
from registry.cases.work_search import annotate_seen_times
from registry.models import Capture, Case, Owner, Role, Sighting, User
from registry.notices.contents import build_items
from registry.parties.parties import list_pages
from tests.assets.notice_drafts import create_draft
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases

__all__ = ["inline", "stage", "studio", "two_cases"]


def test_visit_that_finds_the_picture_online_updates_last_seen(studio: Owner, client: Client) -> None:
    case, visited, crawled = studio.cases.get(number=1), now(), now() - timedelta(days=30)
    Sighting.objects.update(first_seen=crawled, last_seen=crawled)
    user = User.objects.create_user("r@example.org", "r@example.org", "not used at all")
    user.memberships.create(owner=studio, role=Role.REVIEWER)
    client.force_login(user)
    notice = create_draft(studio)
    for outcome, expected in (("captured", visited), ("image-gone", crawled)):
        Capture.objects.update(state="done", outcome=outcome, finished_at=visited)
        assert {row.last_seen for row in Use.from_case(Case.objects.get(pk=case.pk))} == {expected}
        assert find_seen_times([case])[case.pk][1] == expected
        assert {row.last_seen for row in list_pages(studio, case.party)} == {expected}
        assert {vars(row)["last_seen"] for row in annotate_seen_times(studio.cases.all())} == {expected}
        assert {place.last_seen for item in build_items(notice) for place in item.places} == {expected}
        places = client.get(reverse("case", args=["studio", 1])).context["places"]
        assert {last for *_about, last in places} == {expected}
