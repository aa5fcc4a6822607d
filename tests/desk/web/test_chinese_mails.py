"""Test that mails to a Chinese reader contain no English, whoever causes them."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import allauth
import pytest
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation

from exhibit.clock import now
from exhibit.config.config import Config
from registry.events import events, mail_choices
from registry.models import Event, EventKind, Notice, NoticeReply, Owner, Role, User
from registry.notifications.digests import build_digest
from registry.notifications.invitations import invite_by_mail
from tests.assets.accounts import ann, browser
from tests.assets.chinese import find_english, find_half_width, visible_text
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "browser"]

ACCOUNTS = Path(allauth.__file__).parent / "templates"
EVENT_DETAILS: dict[EventKind, dict[str, object]] = {
    EventKind.KNOWN_COPY_MISSED: {"watch": 1, "name": "秋山", "page": "https://shop.example/a"},
    EventKind.WORK_HELD: {"work": 1, "sites": 12},
    EventKind.REPORT_READY: {"report": 1},
    EventKind.NOTICE_DUE: {"notice": 4, "party": "shop.example", "due": "2026-12-04"},
    EventKind.NOTICE_REPLIED: {"notice": 4, "party": "shop.example"},
    EventKind.WEBHOOK_PAUSED: {"webhook": 1, "address": "https://studio.example/hook"},
}
MAILS = sorted(str(path.relative_to(ACCOUNTS)) for path in ACCOUNTS.glob("*/email/*.txt"))


@pytest.fixture
def reader(ann: User) -> User:
    """A user who was last seen in a Chinese browser."""
    browser = Client()
    browser.force_login(ann)
    assert browser.get("/account/", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).status_code == 200
    ann.refresh_from_db()
    return ann


@pytest.mark.parametrize("title", ["Report 1 for Studio", "报告"])
def test_chinese_digest_contains_no_english(inline: SyncRunner, reader: User, title: str) -> None:
    studio = Owner.objects.get()
    fields = {"kind": "offer", "language": "en", "party": "shop.example", "created_at": now(), "created_by": "Ann"}
    letter = Notice.objects.create(owner=studio, number=4, **fields)
    NoticeReply.objects.create(notice=letter, number=1, kind="removed", at=now())  # not read by any member
    for kind, details in EVENT_DETAILS.items():
        events.record_event(studio, kind, {**details, "title": title})
    choice = mail_choices.get_mail_settings(studio, reader)
    mail = build_digest(inline.services, choice, list(Event.objects.order_by("pk")))
    assert mail is not None
    for text in (str(mail.subject), str(mail.body), visible_text(str(mail.alternatives[0][0]))):
        assert find_english(text, ("Studio",)) == []
        assert find_half_width(text) == []
    assert str(mail.body).count("/mail/open/") > len(EVENT_DETAILS)


@pytest.mark.parametrize("template", MAILS)
def test_chinese_account_mail_contains_no_english(template: str) -> None:
    values = {
        **dict.fromkeys(("password_reset_url", "activate_url"), "https://exhibit.example/account/"),
        **dict.fromkeys(("email", "from_email", "to_email", "deleted_email", "username"), "ann@example.org"),
        "user": User(username="ann@example.org"),
        "current_site": SimpleNamespace(name="Exhibit", domain="exhibit.example"),
        "timestamp": now(),
    }
    with translation.override("zh-hans"):
        assert find_english(render_to_string(template, values)) == []


def test_account_mail_uses_the_recipients_language(
    reader: User, browser: Callable[[], Client], mailoutbox: list[EmailMessage]
) -> None:
    browser().post("/account/password/reset/", {"email": reader.email}, headers={"Accept-Language": "en"})
    [mail] = mailoutbox
    assert mail.subject == "重置密码"
    assert find_english(str(mail.body), ("testserver",)) == []


def test_invitation_uses_the_language_of_the_recipient_or_the_inviter(
    config: Config, reader: User, mailoutbox: list[EmailMessage]
) -> None:
    bo = User.objects.create_user("bo@example.org", "bo@example.org", "not used", language="en")
    studio = Owner.objects.get()
    for email in (bo.email, "cy@example.org"):
        invite_by_mail(config, studio, email, Role.VIEWER, by=reader.username)
    first, second = mailoutbox
    assert first.subject == f"{reader.username} invites you to join Studio"
    assert find_english(second.subject + str(second.body), ("Studio",)) == []
