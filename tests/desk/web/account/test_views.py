"""Test the account page, its owners, and invitation links."""

from dataclasses import replace

from django.test import Client, override_settings

from exhibit.config.config import Config
from registry.members import accounts, invitations
from registry.models import Membership, Owner, User
from registry.notifications.invitations import create_operator_link
from tests.assets.accounts import PASSWORD
from tests.assets.pages import Answer, has_test_id, select
from tests.assets.rows import owner
from tests.desk.web.account.test_members import (
    Members,
    create_browser,
    get_role,
    invitation_path,
    read_log,
    reset_rate_limits,
    studio,
)

__all__ = ["reset_rate_limits", "studio"]


def test_invitation_is_bound_to_its_address_and_must_be_accepted(studio: Members) -> None:
    link = invitation_path(studio)
    accounts.add_member(owner("agency"), "eve@example.org", "owner", PASSWORD, by="test")
    accounts.add_member(owner("house"), "dora@example.org", "owner", PASSWORD, by="test")
    eve, dora = (create_browser(User.objects.get(email=f"{name}@example.org")) for name in ("eve", "dora"))
    assert has_test_id(eve.get(link), "for-another")
    eve.post(link)
    assert not Membership.objects.filter(owner=studio.studio, user__email="eve@example.org").exists()
    dora.get(link)
    assert not Membership.objects.filter(owner=studio.studio, user__email="dora@example.org").exists()
    assert dora.post(link).headers["Location"] == "/o/studio/cases/"
    assert Membership.objects.filter(owner=studio.studio, user__email="dora@example.org", role="reviewer").exists()


def test_form_creates_an_owner_where_permitted(studio: Members, config: Config) -> None:
    ann = create_browser(studio.ann)
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


def error_messages(page: Answer) -> list[str]:
    return select(page, ".message.error::text").getall()


def test_owner_name_must_be_unique_and_its_holder_is_not_revealed(studio: Members, config: Config) -> None:
    dora = create_browser(accounts.add_member(owner("agency"), "dora@example.org", "owner", PASSWORD, by="test").user)
    with override_settings(CONFIG=replace(config, sign_up="open")):
        for name in ("Studio", "studio", " STUDIO\u00a0"):
            [problem] = error_messages(dora.post("/owners/", {"name": name}))
            assert name.strip() not in problem
        dora.post("/owners/", {"name": "Pictures"})
        [duplicate_problem] = error_messages(dora.post("/owners/", {"name": "Pictures"}))
        [endless] = error_messages(dora.post("/owners/", {"name": "x" * 201}))
    assert Owner.objects.get(name__iexact="studio").slug == "studio"
    assert "Pictures" in duplicate_problem
    assert "200" in endless
    assert not Owner.objects.filter(name__startswith="xx").exists()


def test_first_operator_link_works_only_once(db: None, config: Config) -> None:
    early, link = (create_operator_link(config, by="test").removeprefix("http://127.0.0.1:8080") for _ in range(2))
    assert create_browser().get(early).status_code == 404
    client = create_browser()
    weak = client.post(link, {"email": "ann@example.org", "password": "short", "owner": "Studio"})
    assert "too short" in weak.content.decode()
    assert not User.objects.exists()
    response = client.post(link, {"email": "Ann@example.org", "password": PASSWORD, "owner": "Studio"})
    assert response.headers["Location"] == "/o/studio/works/"
    ann = User.objects.get()
    assert (ann.email, accounts.is_operator(ann), get_role(ann.email)) == ("ann@example.org", True, "owner")
    assert client.get("/o/studio/works/").status_code == 200
    assert "Successfully signed in" not in client.get("/account/sessions/").content.decode()
    assert b"2001:db8::7" in client.get("/account/sessions/").content
    assert create_browser().get(link).status_code == 404
    assert invitations.has_operator()
    assert "operator added" in read_log()


def test_existing_user_becomes_operator_only_by_confirming(studio: Members, config: Config) -> None:
    link = create_operator_link(config, by="test").removeprefix("http://127.0.0.1:8080")
    create_browser().post(link, {"email": "ann@example.org", "password": PASSWORD})
    assert not invitations.has_operator()
    ann = create_browser(studio.ann)
    ann.get(link)
    assert not invitations.has_operator()
    ann.post(link)
    studio.ann.refresh_from_db()
    assert accounts.is_operator(studio.ann)
    assert not accounts.is_operator(studio.bob)


def test_guessing_invitation_links_is_throttled(db: None) -> None:
    client = Client(REMOTE_ADDR="2001:db8:7:7::1")
    assert [client.get("/invitations/guess/").status_code for _ in range(21)] == [404] * 20 + [429]
