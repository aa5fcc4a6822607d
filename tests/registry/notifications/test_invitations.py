"""Test invitations by mail: the link reaches only the address, and a failed mail invites nobody."""

from dataclasses import replace
from unittest.mock import Mock

import pytest
from django.core import mail
from django.core.mail import EmailMessage

from exhibit.config.config import Config
from registry.models import Invitation, Role
from registry.notifications.invitations import create_operator_link, invite_by_mail
from tests.assets.rows import owner


@pytest.mark.django_db
def test_the_link_leaves_by_mail_or_is_handed_to_who_invites(config: Config, mailoutbox: list[EmailMessage]) -> None:
    studio = owner("studio")
    link = invite_by_mail(config, studio, "bo@example.org", Role.VIEWER, by="Ann")
    (sent,) = mailoutbox
    assert sent.to == ["bo@example.org"]
    assert {"Ann", "Studio"} <= set(sent.subject.split())
    assert link in sent.body
    mailing = replace(config, mail_url="smtp://localhost", public_url="https://exhibit.example")
    assert invite_by_mail(mailing, studio, "cy@example.org", Role.VIEWER, by="Ann") == ""
    assert "https://exhibit.example/" in mailoutbox[1].body
    first, second = (create_operator_link(config, by="Ann") for _ in range(2))
    assert first != second


@pytest.mark.django_db
def test_nobody_is_invited_when_the_mail_does_not_leave(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail.get_connection().__class__, "send_messages", Mock(side_effect=OSError("no server")))
    with pytest.raises(OSError, match="no server"):
        invite_by_mail(config, owner("studio"), "bo@example.org", Role.VIEWER, by="Ann")
    assert not Invitation.objects.exists()
