"""Test that members open a work to the public on its page, and close it again."""

from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from exhibit.entries import EntryType
from registry.models import LogOpening, Work
from tests.assets.desk_scene import Scene, scene
from tests.assets.pages import message_levels

__all__ = ["scene"]


def test_member_makes_a_work_public_and_private_again(scene: Scene) -> None:
    cache.clear()
    page, opening, closing = (reverse(name, args=["studio", 1]) for name in ("work", "open-work", "close-work"))
    assert "/id/" not in scene.alice.get(page).content.decode()
    text = scene.alice.post(opening, {"contact": "ask@studio.example"}, follow=True).content.decode()
    row = Work.objects.get(pk=scene.work.pk)
    assert f"/id/{row.public_name}/" in text
    assert 'value="ask@studio.example"' in text
    public = reverse("public-work", args=[row.public_name])
    assert "ask@studio.example" in Client().get(public).content.decode()
    assert closing in text
    text = scene.alice.post(closing, follow=True).content.decode()
    assert closing not in text
    assert Client().get(public).status_code == 404
    logged = LogOpening.objects.filter(submission__type=EntryType.REGISTRATION, content__has_key="public")
    assert [(entry.details or {}).get("by") for entry in logged.order_by("pk")] == [
        "alice@example.org",
        "alice@example.org",
    ]


def test_invalid_contact_is_explained_and_the_work_stays_private(scene: Scene) -> None:
    response = scene.alice.post(reverse("open-work", args=["studio", 1]), {"contact": "ask me"}, follow=True)
    assert message_levels(response) == ["error"]
    assert Work.objects.get(pk=scene.work.pk).opened_at is None


def test_viewer_sees_the_public_status_but_no_form(scene: Scene) -> None:
    page = scene.bob.get(reverse("work", args=["studio", 1])).content.decode()
    assert 'id="public"' in page
    assert reverse("open-work", args=["studio", 1]) not in page
