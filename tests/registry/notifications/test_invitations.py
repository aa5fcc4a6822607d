"""Test invitations by mail: only the address receives the link, and a failed mail creates no invitation."""

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
def test_invitation_link_is_mailed_or_returned(config: Config, mailoutbox: list[EmailMessage]) -> None:
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
def test_failed_mail_creates_no_invitation(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail.get_connection().__class__, "send_messages", Mock(side_effect=OSError("no server")))
    with pytest.raises(OSError, match="no server"):
        invite_by_mail(config, owner("studio"), "bo@example.org", Role.VIEWER, by="Ann")
    assert not Invitation.objects.exists()
