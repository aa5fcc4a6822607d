"""Test that pages tell a new owner the next step: one at a time, only to those who may take it, and none at the end."""

import pytest
from django.test import Client

from exhibit.clock import now
from registry.models import Membership, Role, Upload, UploadFile, User, Watch
from tests.assets.pages import has_test_id, select
from tests.assets.rows import found_case, owner, photograph, register
from tests.assets.site_browser import use_house
from workers.tasks.sync_runner import SyncRunner


def member(slug: str, role: Role) -> Client:
    of, client = owner(slug), Client()
    person = User.objects.create_user(f"{slug}@example.org", f"{slug}@example.org")
    Membership.objects.create(user=person, owner=of, role=role)
    client.force_login(person)
    return client


NOTHING, ADD, WHERE, WAIT, DECIDE = range(5)


def following(client: Client, slug: str, page: str = "works/") -> int:
    """Return the number of the next step on an owner's page, counted from 1; 0 if the page shows none."""
    steps = select(client.get(f"/o/{slug}/{page}"), "#what-next ol li")
    return next((place for place, step in enumerate(steps, 1) if step.css("strong")), NOTHING)


@pytest.mark.long
def test_a_new_owner_is_told_one_thing_at_a_time(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    use_house(monkeypatch, inline.services)
    ann, looker = member("studio", Role.OWNER), member("agency", Role.VIEWER)
    assert following(ann, "studio") == ADD
    assert following(ann, "studio", "licences/") == NOTHING
    assert following(looker, "agency") == NOTHING  # viewers may not take any step
    studio = Membership.objects.get(role=Role.OWNER).owner
    assert select(ann.get("/o/studio/cases/"), 'a[href="/owners/#sample"]')
    assert select(ann.get("/owners/"), "#sample")
    upload = Upload.objects.create(owner=studio, number=1, started_at=now())
    sent = UploadFile.objects.create(upload=upload, name="wave.jpg", size=1)
    assert following(ann, "studio") == WHERE
    sent.delete()
    assert following(ann, "studio") == ADD
    register(inline.services, studio, photograph(2))
    assert following(ann, "studio", "watches/") == WHERE
    assert len(select(ann.get("/o/studio/watches/"), 'main a[href="/o/studio/watches/where/"]')) == 1
    Watch.objects.create(owner=studio, number=2, name="by hand", sources=[{"kind": "hand", "url": ""}])
    assert following(ann, "studio") == WHERE
    Watch.objects.create(owner=studio, number=1, name="w", sources=[])
    assert following(ann, "studio") == WAIT
    assert has_test_id(ann.get("/o/studio/cases/"), "nothing-found")
    case = found_case(inline.services, studio)
    assert following(ann, "studio", "cases/") == DECIDE
    Watch.objects.update(removed_at=now())  # past sightings give cases to an owner without a watch
    for page in ("works/", "watches/"):
        assert following(ann, "studio", page) == DECIDE
        shown = ann.get(f"/o/studio/{page}")
        assert select(shown, '#what-next a.button[href="/o/studio/cases/"]')
        assert not select(shown, "#what-next ul kbd")  # it is shown where cases are decided
        assert not select(shown, 'a[href="/owners/#sample"]')
    type(case).objects.update(decision="confirmed")
    assert following(ann, "studio", "cases/") == NOTHING
