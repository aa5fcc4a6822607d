"""Test that members open a work to the public on its page, and close it again."""

from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from exhibit.entries import EntryType
from registry.models import LogOpening, Work
from tests.assets.desk_scene import Scene, scene
from tests.assets.pages import message_levels

__all__ = ["scene"]


def test_a_member_opens_a_work_and_closes_it_again(scene: Scene) -> None:
    cache.clear()
    page, opening, closing = (reverse(name, args=["studio", 1]) for name in ("work", "open-work", "close-work"))
    assert "/id/" not in scene.alice.get(page).content.decode()
    told = scene.alice.post(opening, {"contact": "ask@studio.example"}, follow=True).content.decode()
    row = Work.objects.get(pk=scene.work.pk)
    assert f"/id/{row.public_name}/" in told
    assert 'value="ask@studio.example"' in told
    public = reverse("public-work", args=[row.public_name])
    assert "ask@studio.example" in Client().get(public).content.decode()
    assert closing in told
    told = scene.alice.post(closing, follow=True).content.decode()
    assert closing not in told
    assert Client().get(public).status_code == 404
    logged = LogOpening.objects.filter(submission__type=EntryType.REGISTRATION, content__has_key="public")
    assert [(one.details or {}).get("by") for one in logged.order_by("pk")] == [
        "alice@example.org",
        "alice@example.org",
    ]


def test_a_contact_that_is_no_address_is_told_and_opens_nothing(scene: Scene) -> None:
    told = scene.alice.post(reverse("open-work", args=["studio", 1]), {"contact": "ask me"}, follow=True)
    assert message_levels(told) == ["error"]
    assert Work.objects.get(pk=scene.work.pk).opened_at is None


def test_a_viewer_sees_whether_it_is_open_and_no_form(scene: Scene) -> None:
    told = scene.bob.get(reverse("work", args=["studio", 1])).content.decode()
    assert 'id="public"' in told
    assert reverse("open-work", args=["studio", 1]) not in told
