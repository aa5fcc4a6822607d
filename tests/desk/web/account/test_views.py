"""Test the account page, its owners, and invitation links."""

from dataclasses import replace

from django.test import Client, override_settings

from exhibit.config.config import Config
from registry.members import invitations, people
from registry.models import Membership, Owner, User
from registry.notifications.invitations import operator_link
from tests.assets.accounts import PASSWORD
from tests.assets.pages import Answer, has_test_id, select
from tests.assets.rows import owner
from tests.desk.web.account.test_members import (
    People,
    browser,
    invited,
    logged,
    nothing_counted_yet,
    role_of,
    studio,
)

__all__ = ["nothing_counted_yet", "studio"]


def test_an_invitation_is_for_its_address_alone_and_waits_for_a_yes(studio: People) -> None:
    link = invited(studio)
    people.add_member(owner("agency"), "eve@example.org", "owner", PASSWORD, by="test")
    people.add_member(owner("house"), "dora@example.org", "owner", PASSWORD, by="test")
    eve, dora = (browser(User.objects.get(email=f"{name}@example.org")) for name in ("eve", "dora"))
    assert has_test_id(eve.get(link), "for-another")
    eve.post(link)
    assert not Membership.objects.filter(owner=studio.studio, user__email="eve@example.org").exists()
    dora.get(link)
    assert not Membership.objects.filter(owner=studio.studio, user__email="dora@example.org").exists()
    assert dora.post(link).headers["Location"] == "/o/studio/cases/"
    assert Membership.objects.filter(owner=studio.studio, user__email="dora@example.org", role="reviewer").exists()


def test_a_form_makes_an_owner_where_that_is_permitted(studio: People, config: Config) -> None:
    ann = browser(studio.ann)
    ann.post("/owners/", {"name": "Second"})
    assert Owner.objects.count() == 1
    User.objects.filter(pk=studio.ann.pk).update(is_staff=True)
    ann.post("/owners/", {"name": "Studio"})
    assert [(row.slug, row.name) for row in Owner.objects.order_by("pk")] == [("studio", "Studio")]
    for name in ("Studio.", "工作室", "Studio!"):
        ann.post("/owners/", {"name": name})
    assert sorted(Owner.objects.values_list("slug", flat=True)) == ["owner", "studio", "studio-2", "studio-3"]
    page = ann.get("/", follow=True).content.decode()
    assert all(f"/o/{slug}/cases/" in page for slug in ("owner", "studio", "studio-2", "studio-3"))


def problems(page: Answer) -> list[str]:
    return select(page, ".message.error::text").getall()


def test_nobody_takes_the_name_of_another_owner_and_hears_whose_it_is(studio: People, config: Config) -> None:
    dora = browser(people.add_member(owner("agency"), "dora@example.org", "owner", PASSWORD, by="test").user)
    with override_settings(CONFIG=replace(config, sign_up="open")):
        for name in ("Studio", "studio", " STUDIO\u00a0"):
            [refused] = problems(dora.post("/owners/", {"name": name}))
            assert name.strip() not in refused
        dora.post("/owners/", {"name": "Pictures"})
        [twice] = problems(dora.post("/owners/", {"name": "Pictures"}))
        [endless] = problems(dora.post("/owners/", {"name": "x" * 201}))
    assert Owner.objects.get(name__iexact="studio").slug == "studio"
    assert "Pictures" in twice
    assert "200" in endless
    assert not Owner.objects.filter(name__startswith="xx").exists()


def test_the_first_link_makes_the_operator_and_works_once(db: None, config: Config) -> None:
    early, link = (operator_link(config, by="test").removeprefix("http://127.0.0.1:8080") for _ in range(2))
    assert browser().get(early).status_code == 404
    client = browser()
    weak = client.post(link, {"email": "ann@example.org", "password": "short", "owner": "Studio"})
    assert "too short" in weak.content.decode()
    assert not User.objects.exists()
    answer = client.post(link, {"email": "Ann@example.org", "password": PASSWORD, "owner": "Studio"})
    assert answer.headers["Location"] == "/o/studio/works/"
    ann = User.objects.get()
    assert (ann.email, people.is_operator(ann), role_of(ann.email)) == ("ann@example.org", True, "owner")
    assert client.get("/o/studio/works/").status_code == 200
    assert "Successfully signed in" not in client.get("/account/sessions/").content.decode()
    assert b"2001:db8::7" in client.get("/account/sessions/").content
    assert browser().get(link).status_code == 404
    assert invitations.has_operator()
    assert "operator added" in logged()


def test_somebody_with_an_account_becomes_the_operator_only_by_saying_so(studio: People, config: Config) -> None:
    link = operator_link(config, by="test").removeprefix("http://127.0.0.1:8080")
    browser().post(link, {"email": "ann@example.org", "password": PASSWORD})
    assert not invitations.has_operator()
    ann = browser(studio.ann)
    ann.get(link)
    assert not invitations.has_operator()
    ann.post(link)
    studio.ann.refresh_from_db()
    assert people.is_operator(studio.ann)
    assert not people.is_operator(studio.bob)


def test_guessing_links_is_throttled(db: None) -> None:
    client = Client(REMOTE_ADDR="2001:db8:7:7::1")
    assert [client.get("/invitations/guess/").status_code for _ in range(21)] == [404] * 20 + [429]
