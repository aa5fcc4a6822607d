"""Test members of an owner: invitations, roles, removal; and the operator's first link."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client, override_settings

from exhibit import clock
from exhibit.config.config import Config
from exhibit.entries import EntryType
from exhibit.errors import ExhibitError, InvalidRequestError
from registry.members import accounts, invitations, tokens
from registry.models import ApiToken, Invitation, LogOpening, Membership, Role, User
from tests.assets.accounts import PASSWORD, ann
from tests.assets.pages import message_levels, select
from tests.assets.rows import owner
from workers.servers.embedded import EmbeddedServers

__all__ = ["ann"]


MEMBERS = "/o/studio/members/"


class Members:
    """An owner with ann as owner and bob as viewer."""

    def __init__(self) -> None:
        self.studio = owner("studio")
        self.ann, self.bob = self.add("ann", "owner"), self.add("bob", "viewer")

    def add(self, name: str, role: str) -> User:
        """Add a member."""
        return accounts.add_member(self.studio, f"{name}@example.org", role, PASSWORD, by="test").user


@pytest.fixture(autouse=True)
def reset_rate_limits(servers: EmbeddedServers) -> None:
    """Reset rate limits: openings of links are counted by address, across tests."""
    cache.clear()


@pytest.fixture
def studio(db: None) -> Members:
    return Members()


@pytest.fixture
def mail_config(config: Config) -> Config:
    return replace(config, mail_url="smtp://localhost", public_url="https://exhibit.example")


def create_browser(person: User | None = None) -> Client:
    client = Client(REMOTE_ADDR="2001:db8::7")
    if person is not None:
        client.force_login(person)
    return client


def submit_invitation(person: User, email: str, role: str = "viewer") -> tuple[Client, str]:
    """Submit the invitation form; return the client, and the URL that asks for the password again."""
    client = create_browser(person)
    response = client.post(f"{MEMBERS}invite", {"email": email, "role": role})
    assert response.headers["Location"].startswith("/account/reauthenticate/")
    assert not Invitation.objects.exists()
    return client, response.headers["Location"]


def invitation_path(studio: Members, email: str = "dora@example.org", role: str = "reviewer") -> str:
    """Return the path of an invitation's link."""
    return f"/invitations/{invitations.create_invitation(studio.studio, email, role, by=studio.ann.email)[1]}/"


def get_role(email: str) -> str | None:
    return Membership.objects.filter(user__email=email).values_list("role", flat=True).first()


def read_log() -> list[str]:
    rows = LogOpening.objects.filter(submission__type=EntryType.SETTING).order_by("submission_id")
    return [row.content["what"] for row in rows]


def test_mailed_invitation_creates_an_account_and_a_member(
    studio: Members, mail_config: Config, mailoutbox: list[EmailMessage]
) -> None:
    with override_settings(CONFIG=mail_config):
        ann, confirm_url = submit_invitation(studio.ann, "Dora@example.org", "reviewer")
        response = ann.post(confirm_url, {"password": PASSWORD})
    [mail] = mailoutbox
    [secret] = re.findall(r"https://exhibit\.example/invitations/(\S+)/", str(mail.body))
    assert (mail.to, response.status_code) == (["dora@example.org"], 302)
    assert secret not in response.content.decode()
    dora = create_browser()
    assert "ann@example.org invites dora@example.org" in dora.get(f"/invitations/{secret}/").content.decode()
    assert not User.objects.filter(email="dora@example.org").exists()
    other = dora.post("/sign-up/", {"email": "eve@example.org", "password1": PASSWORD})
    assert "dora@example.org" in select(other, ".errorlist").get("")
    dora.post("/sign-up/", {"email": "dora@example.org", "password1": PASSWORD})
    assert get_role("dora@example.org") == "reviewer"
    assert EmailAddress.objects.get(email="dora@example.org").verified
    assert dora.get("/o/studio/cases/").status_code == 200
    assert create_browser().get(f"/invitations/{secret}/").status_code == 404
    assert read_log()[-2:] == ["member invited", "member joined"]
    assert "dora" not in str(list(LogOpening.objects.values_list("content", flat=True)))


def test_without_mail_the_invitation_link_is_shown_once(studio: Members) -> None:
    ann, confirm_url = submit_invitation(studio.ann, "dora@example.org")
    response = ann.post(confirm_url, {"password": PASSWORD})
    assert "no-store" in response.headers["Cache-Control"]
    [secret] = re.findall(r"/invitations/(\S+)/<", response.content.decode())
    assert "no-store" in create_browser().get(f"/invitations/{secret}/").headers["Cache-Control"]
    assert invitations.find_open_invitation(secret) is not None
    assert secret not in ann.get(MEMBERS).content.decode()


def test_failed_invitation_mail_cancels_the_invitation(
    studio: Members, mail_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_connection(*_: object) -> int:
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailBackend, "send_messages", refuse_connection)
    with override_settings(CONFIG=mail_config):
        ann, confirm_url = submit_invitation(studio.ann, "d@example.org")
        ann.post(confirm_url, {"password": PASSWORD})
    assert message_levels(ann.get(MEMBERS)) == ["error"]
    assert not Invitation.objects.exists()


def test_open_invitations_are_limited_and_members_cannot_be_invited(
    studio: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitations, "MAX_OPEN", 2)
    for name in ("dora", "emma"):
        invitation_path(studio, f"{name}@example.org")
    invitation_path(studio, "emma@example.org")  # replaces the earlier invitation
    with pytest.raises(ExhibitError):
        invitation_path(studio, "finn@example.org")
    with pytest.raises(ExhibitError):
        invitation_path(studio, "Bob@example.org")
    with pytest.raises(ExhibitError):
        invitation_path(studio, f"{'x' * 60}@{'y' * 60}.{'z' * 60}.example")


def test_invitation_link_becomes_invalid_on_replacement_revocation_or_expiry(
    studio: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = invitation_path(studio), invitation_path(studio, role="viewer")
    assert create_browser().get(first).status_code == 404
    assert create_browser().get(second).status_code == 200
    [row] = invitations.list_open_invitations(studio.studio)
    create_browser(studio.ann).post(f"/o/studio/invitations/{row.pk}/revoke")
    assert create_browser().get(second).status_code == 404
    third = invitation_path(studio)

    def after_two_weeks() -> datetime:
        return clock.now() + timedelta(days=14, seconds=1)

    monkeypatch.setattr(invitations, "now", after_two_weeks)
    assert create_browser().get(third).status_code == 404
    assert create_browser().get(invitation_path(studio)).status_code == 200


def test_expired_invitations_are_deleted(studio: Members) -> None:
    used, still = (
        invitations.create_invitation(studio.studio, f"{n}@example.org", "viewer", by="test") for n in ("dora", "emma")
    )
    taken_back, _ = invitations.create_invitation(studio.studio, "finn@example.org", "viewer", by="test")
    over, _ = invitations.create_invitation(studio.studio, "gabe@example.org", "viewer", by="test")
    dora = User.objects.create_user("dora@example.org", "dora@example.org", PASSWORD)
    invitations.accept_invitation(used[0], dora)
    invitations.revoke_invitation(studio.studio, taken_back.pk, by="test")
    Invitation.objects.filter(pk=over.pk).update(expires_at=clock.now())
    assert invitations.delete_ended_invitations() == 3
    assert create_browser().get(f"/invitations/{still[1]}/").status_code == 200
    assert create_browser().get(f"/invitations/{used[1]}/").status_code == 404


def test_roles_change_and_removed_members_lose_their_tokens(studio: Members) -> None:
    ann = create_browser(studio.ann)
    _, secret = tokens.create_token(studio.studio, studio.bob, name="Nightly", scopes=["read"], days=1)
    ann.post(f"{MEMBERS}{studio.bob.pk}/role", {"role": "reviewer"})
    assert get_role("bob@example.org") == "reviewer"
    assert b"Choose a role" in ann.post(f"{MEMBERS}{studio.bob.pk}/role", {"role": "king"}, follow=True).content
    ann.post(f"{MEMBERS}{studio.bob.pk}/remove")
    assert get_role("bob@example.org") is None
    assert tokens.find_token(secret) is None
    assert not tokens.list_tokens(studio.studio).exists()
    assert create_browser(studio.bob).get(MEMBERS).status_code == 404
    assert read_log()[-3:] == ["role given", "token revoked", "member removed"]


def test_last_owner_cannot_be_demoted(studio: Members) -> None:
    ann = create_browser(studio.ann)
    for address, values in (
        (f"{MEMBERS}leave", {"sure": "on"}),
        (f"{MEMBERS}{studio.ann.pk}/role", {"role": "viewer"}),
        (f"{MEMBERS}{studio.ann.pk}/remove", {}),
    ):
        assert message_levels(ann.post(address, values, follow=True)) == ["error"]
        assert get_role("ann@example.org") == "owner"
    with pytest.raises(InvalidRequestError):
        accounts.add_member(studio.studio, "Ann@example.org", "viewer", None)
    ann.post(f"{MEMBERS}{studio.bob.pk}/role", {"role": "owner"})
    User.objects.filter(pk=studio.bob.pk).update(is_active=False)
    assert message_levels(ann.post(f"{MEMBERS}leave", {"sure": "on"}, follow=True))[-1] == "error"
    assert get_role("ann@example.org") == "owner"
    User.objects.filter(pk=studio.bob.pk).update(is_active=True)
    ann.post(f"{MEMBERS}leave")
    assert get_role("ann@example.org") == "owner"  # an unconfirmed change has no effect
    assert ann.post(f"{MEMBERS}leave", {"sure": "on"}).headers["Location"] == "/owners/"
    assert get_role("ann@example.org") is None


@pytest.mark.django_db(transaction=True)
def test_concurrent_removal_of_both_owners_keeps_the_last() -> None:
    studio = Members()
    dora = studio.add("dora", "owner")

    def remove_other(person: User) -> str:
        try:
            accounts.remove_member(studio.studio, person.pk, by="test")
        except ExhibitError as error:
            return error.message
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(remove_other, (studio.ann, dora)))
    assert sorted(map(bool, outcomes)) == [False, True]
    assert Membership.objects.filter(owner=studio.studio, role=Role.OWNER).count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("names", "slugs"), [(("Pictures", "Pictures!"), ["pictures", "pictures-2"]), (("Pictures",) * 2, ["", "pictures"])]
)
def test_concurrently_added_owners_get_distinct_names(names: tuple[str, str], slugs: list[str]) -> None:
    studio = Members()

    def add_owner(person: User, name: str) -> str:
        try:
            return accounts.create_owner_for_user(person, name).slug
        except InvalidRequestError:
            return ""
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(add_owner, (studio.ann, studio.bob), names)) == slugs


def test_token_requires_the_password_again_and_is_shown_once(ann: User) -> None:
    client = Client(REMOTE_ADDR="2001:db8:5::1")
    client.force_login(ann)
    form = {"name": "<b>Nightly</b>", "scopes": "read", "days": "7"}
    response = client.post("/o/studio/tokens/make", form)
    assert response.headers["Location"].startswith("/account/reauthenticate/")
    client.post(response.headers["Location"], {"password": "wrong wrong wrong"})
    assert not ApiToken.objects.exists()
    confirmation = client.post(response.headers["Location"], {"password": PASSWORD})
    assert "no-store" in confirmation.headers["Cache-Control"]
    page = confirmation.content.decode()
    assert "exh_" in page
    assert "<b>" not in page
    secret = page.split("<code>")[1].split("</code>")[0]
    assert tokens.find_token(secret) is not None
    assert secret not in client.get("/o/studio/tokens/").content.decode()
    assert client.post("/o/studio/tokens/make", form).status_code == 200  # the password stays valid for minutes
    with override_settings(ACCOUNT_REAUTHENTICATION_TIMEOUT=0):
        assert client.post("/o/studio/tokens/make", form).status_code == 302
    assert ApiToken.objects.count() == 2
