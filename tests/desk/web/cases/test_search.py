"""Test that a search for cases also names matches in other states."""

from django.test import Client
from django.urls import reverse

from registry.models import Owner, Role, User
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases

__all__ = ["inline", "stage", "studio", "two_cases"]


def test_empty_search_offers_decided_cases(studio: Owner, client: Client) -> None:
    user = User.objects.create_user("r@example.org", "r@example.org", "not used at all")
    user.memberships.create(owner=studio, role=Role.REVIEWER)
    client.force_login(user)
    studio.cases.filter(number=1).update(decision="dismissed", is_pending=False)
    page = client.get(reverse("cases", args=["studio"]), {"q": "#1"})
    assert (len(page.context["groups"]), page.context["in_other_states"]) == (0, 1)
    everywhere = client.get(reverse("cases", args=["studio"]), {"q": "#1", "state": "all"})
    assert (len(everywhere.context["groups"]), everywhere.context["in_other_states"]) == (1, 0)
    nowhere = client.get(reverse("cases", args=["studio"]), {"q": "nowhere"})
    assert nowhere.context["in_other_states"] == 0
