"""Test that pages tell a new owner the next step: one at a time, only to those who may take it, and none at the end."""

import pytest
from django.test import Client

from exhibit.clock import now
from registry.models import Membership, Role, Upload, UploadFile, User, Watch
from tests.assets.pages import has_test_id, select
from tests.assets.rows import create_case, owner, photograph, register
from tests.assets.site_browser import use_services
from workers.tasks.sync_runner import SyncRunner


def create_member_client(slug: str, role: Role) -> Client:
    rights_holder, client = owner(slug), Client()
    person = User.objects.create_user(f"{slug}@example.org", f"{slug}@example.org")
    Membership.objects.create(user=person, owner=rights_holder, role=role)
    client.force_login(person)
    return client


NO_STEP, ADD_STEP, SITES_STEP, WAIT_STEP, DECIDE_STEP = range(5)


def read_next_step(client: Client, slug: str, page: str = "works/") -> int:
    """Return the number of the next step on an owner's page, counted from 1; 0 if the page shows none."""
    steps = select(client.get(f"/o/{slug}/{page}"), "#what-next ol li")
    return next((index for index, step in enumerate(steps, 1) if step.css("strong")), NO_STEP)


@pytest.mark.long
def test_new_owner_sees_one_next_step_at_a_time(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    use_services(monkeypatch, inline.services)
    ann, looker = create_member_client("studio", Role.OWNER), create_member_client("agency", Role.VIEWER)
    assert read_next_step(ann, "studio") == ADD_STEP
    assert read_next_step(ann, "studio", "licences/") == NO_STEP
    assert read_next_step(looker, "agency") == NO_STEP  # viewers may not take any step
    studio = Membership.objects.get(role=Role.OWNER).owner
    assert select(ann.get("/o/studio/cases/"), 'a[href="/owners/#sample"]')
    assert select(ann.get("/owners/"), "#sample")
    upload = Upload.objects.create(owner=studio, number=1, started_at=now())
    upload_file = UploadFile.objects.create(upload=upload, name="wave.jpg", size=1)
    assert read_next_step(ann, "studio") == SITES_STEP
    upload_file.delete()
    assert read_next_step(ann, "studio") == ADD_STEP
    register(inline.services, studio, photograph(2))
    assert read_next_step(ann, "studio", "watches/") == SITES_STEP
    assert len(select(ann.get("/o/studio/watches/"), 'main a[href="/o/studio/watches/where/"]')) == 1
    Watch.objects.create(owner=studio, number=2, name="by hand", sources=[{"kind": "hand", "url": ""}])
    assert read_next_step(ann, "studio") == SITES_STEP
    Watch.objects.create(owner=studio, number=1, name="w", sources=[])
    assert read_next_step(ann, "studio") == WAIT_STEP
    assert has_test_id(ann.get("/o/studio/cases/"), "nothing-found")
    case = create_case(inline.services, studio)
    assert read_next_step(ann, "studio", "cases/") == DECIDE_STEP
    Watch.objects.update(removed_at=now())  # past sightings give cases to an owner without a watch
    for page in ("works/", "watches/"):
        assert read_next_step(ann, "studio", page) == DECIDE_STEP
        response = ann.get(f"/o/studio/{page}")
        assert select(response, '#what-next a.button[href="/o/studio/cases/"]')
        assert not select(response, "#what-next ul kbd")  # it is shown where cases are decided
        assert not select(response, 'a[href="/owners/#sample"]')
    type(case).objects.update(decision="confirmed")
    assert read_next_step(ann, "studio", "cases/") == NO_STEP
