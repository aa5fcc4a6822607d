"""What pages tell a new owner to do next: one thing at a time, only those who may do it, and nothing in the end."""

import re

import pytest
from django.test import Client

from exhibit.clock import now
from registry.models import Membership, Role, Upload, UploadFile, User, Watch
from tests.assets.rows import found_case, owner, photograph, register
from tests.assets.site_browser import use_house
from tests.assets.source import flat
from workers.tasks.sync_runner import SyncRunner


def member(slug: str, role: Role) -> Client:
    of, client = owner(slug), Client()
    person = User.objects.create_user(f"{slug}@example.org", f"{slug}@example.org")
    Membership.objects.create(user=person, owner=of, role=role)
    client.force_login(person)
    return client


def following(client: Client, slug: str, page: str = "works/") -> str:
    """What the page of an owner says is next; nothing where it says nothing."""
    shown = flat(client.get(f"/o/{slug}/{page}").content.decode())
    panel = re.search(r'id="what-next".*?</aside>', shown)
    return "".join(re.findall(r"<strong>([^<]+)", panel[0])) if panel else ""


@pytest.mark.long
def test_a_new_owner_is_told_one_thing_at_a_time(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    use_house(monkeypatch, inline.services)
    ann, looker = member("studio", Role.OWNER), member("agency", Role.VIEWER)
    assert following(ann, "studio") == "Add works"
    assert following(ann, "studio", "licences/") == ""
    assert following(looker, "agency") == ""  # nothing of it may be done by those who look
    studio = Membership.objects.get(role=Role.OWNER).owner
    assert '/owners/#sample">Look around in a sample' in ann.get("/o/studio/cases/").content.decode()
    assert '<h2 id="sample">' in ann.get("/owners/").content.decode()
    upload = Upload.objects.create(owner=studio, number=1, started_at=now())
    sent = UploadFile.objects.create(upload=upload, name="wave.jpg", size=1)
    assert following(ann, "studio") == "Where would my pictures be?"
    sent.delete()
    assert following(ann, "studio") == "Add works"
    register(inline.services, studio, photograph(2))
    assert following(ann, "studio", "watches/") == "Where would my pictures be?"
    assert flat(ann.get("/o/studio/watches/").content.decode()).count("Where would my pictures be?</a>") == 1
    Watch.objects.create(owner=studio, number=2, name="by hand", sources=[{"kind": "hand", "url": ""}])
    assert following(ann, "studio") == "Where would my pictures be?"
    Watch.objects.create(owner=studio, number=1, name="w", sources=[])
    assert following(ann, "studio") == "Wait for the first find"
    assert "Nothing was found so far." in ann.get("/o/studio/cases/").content.decode()
    case = found_case(inline.services, studio)
    assert following(ann, "studio", "cases/") == "Decide the first case"
    Watch.objects.update(removed_at=now())  # what was seen earlier gives cases to somebody without a watch
    for page in ("works/", "watches/"):
        assert following(ann, "studio", page) == "Decide the first case"
        shown = flat(ann.get(f"/o/studio/{page}").content.decode())
        assert '<a class="button" href="/o/studio/cases/">Decide the first case</a>' in shown
        assert "Undo stands beside" not in shown  # it is said where one decides
        assert "Look around in a sample" not in shown
    type(case).objects.update(decision="confirmed")
    assert following(ann, "studio", "cases/") == ""
