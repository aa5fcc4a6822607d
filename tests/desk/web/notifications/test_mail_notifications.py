"""Test mails about events, the feed, and how a member unsubscribes."""

import re
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.core import mail
from django.test import Client, override_settings
from django.utils import timezone
from pytest_django import Settings

from desk.texts.cases import CERTAINTY_LABELS
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.types import Decision
from registry.db import steps
from registry.events import events, mail_choices
from registry.jobs import get_job_for_model
from registry.matches.match import match_pictures
from registry.members import devices
from registry.models import (
    Case,
    Event,
    EventKind,
    MailChoice,
    Membership,
    Notice,
    Owner,
    PictureReport,
    Role,
    User,
)
from registry.notices import replies
from registry.notifications import due_rows
from registry.notifications.send_mail import send_digests
from registry.retention.purge import purge_picture
from registry.services.mail import get_mail_folder
from tests.assets.mail_server import mail_server
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from workers import wiring
from workers.operations.backlog import count_rows_by_step, list_failures, retry_failed
from workers.operations.cleanup import remove_local_leftovers
from workers.periodic import run_minute_jobs
from workers.tasks.sync_runner import SyncRunner
from workers.tasks.tick import tick

HowOften = MailChoice.MailFrequency


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    monkeypatch.setattr(wiring, "services", lambda: inline.services)
    return owner("studio")


def create_member(of: Owner, name: str) -> User:
    user = User.objects.create_user(username=f"{name}@example.org", email=f"{name}@example.org", password="not used")
    Membership.objects.create(user=user, owner=of, role=Role.REVIEWER)
    return user


def open_cases(inline: SyncRunner, rights_holder: Owner, pictures: int) -> None:
    """Open a case for each of ``pictures`` works, and let their events settle."""
    data = [photograph(seed) for seed in range(1, pictures + 1)]
    for number, picture in enumerate(data):
        register(inline.services, rights_holder, picture, f"Work {number + 1}")
    match_pictures(
        inline.services,
        record_sightings(inline.services, *claim_new_slice(rights_holder), [recompress(picture) for picture in data]),
    )
    settle_events()


def list_linked_pages(text: str) -> list[str]:
    """Return the pages to which the links of a mail lead, in order."""
    links = [devices.read_link(token) for token in re.findall(r'/mail/open/([^\s"<]+)', text)]
    return [link.path for link in links if link is not None]


def settle_events() -> None:
    Event.objects.update(at=now() - events.SETTLING_PERIOD - timedelta(seconds=1))


def send_due(inline: SyncRunner) -> list[Any]:
    before = len(mail.outbox)
    send_digests(inline.services, due_rows.list_due_keys(MailChoice, inline.services.stale_after, 100))
    return mail.outbox[before:]


@pytest.mark.long
def test_mail_contains_the_picture_and_one_link_per_case(inline: SyncRunner, studio: Owner) -> None:
    ann = create_member(studio, "ann")
    mail_choices.set_mail_settings(studio, ann, HowOften.AT_ONCE, by="Ann")
    open_cases(inline, studio, 2)
    (email,) = send_due(inline)
    assert email.to == ["ann@example.org"]
    assert email.subject == "Studio: 2 possible copies"
    message: EmailMessage = email.message()
    html = email.alternatives[0].content
    for text in (html, email.body):
        assert [page for page in list_linked_pages(text) if "/cases/" in page] == [
            f"/o/studio/cases/{n}/" for n in (1, 2)
        ]
    images = {part["Content-ID"]: part for part in message.walk() if part.get_content_type() == "image/jpeg"}
    assert {f"<{name}>" for name in re.findall(r'src="cid:([^"]+)"', html)} == set(images)
    assert len(images) == 4
    assert all(len(part.get_payload(decode=True)) < 60_000 for part in images.values())
    assert str(CERTAINTY_LABELS[Decision.CERTAIN]) in html
    assert "http" not in re.sub(r"http://127\.0\.0\.1:8080[^\"\s]*", "", html)  # loads nothing external
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert send_due(inline) == []


def test_due_notice_is_notified_with_a_localised_date(inline: SyncRunner, studio: Owner) -> None:
    ann = create_member(studio, "ann")
    mail_choices.set_mail_settings(studio, ann, HowOften.AT_ONCE, by="Ann")
    User.objects.filter(pk=ann.pk).update(language="zh-hans")
    fields = {"notice": 4, "party": "shop.example", "due": "2026-12-04", "what": "dmca-counter"}
    events.record_event(studio, EventKind.NOTICE_DUE, fields)
    settle_events()
    (email,) = send_due(inline)
    assert email.subject == "Studio：关于 shop.example 的通知书 4：请在 2026年12月4日前再次查看。"
    assert "/o/studio/notices/4/" in list_linked_pages(email.body)


@pytest.mark.long
def test_reply_to_a_notice_is_notified_immediately(inline: SyncRunner, studio: Owner) -> None:
    ann, ben, cy = (create_member(studio, name) for name in ("ann", "ben", "cy"))
    for item, frequency in ((ann, HowOften.DAILY), (ben, HowOften.WEEKLY)):
        mail_choices.set_mail_settings(studio, item, frequency, by="them")
    mail_choices.set_mail_settings(studio, cy, HowOften.DAILY, by="cy", sends_replies_at_once=False)
    never, newcomer = create_member(studio, "never"), create_member(studio, "newcomer")
    mail_choices.set_mail_settings(studio, never, HowOften.NEVER, by="never")
    MailChoice.objects.update(not_before=now() + timedelta(hours=9))
    open_cases(inline, studio, 1)
    notice = Notice.objects.create(
        owner=studio, number=4, kind="offer", language="en", party="shop.example", created_at=now(), created_by="Ann"
    )
    token = Digest.from_bytes(b"token")
    Notice.objects.filter(pk=notice.pk).update(state="sent", reply_token=token, reply_until=now() + timedelta(days=1))
    notice.refresh_from_db()
    assert send_due(inline) == []
    replies.save_reply(notice, "removed", "")
    assert send_due(inline) == []  # not settled
    MailChoice.objects.filter(user=ben).update(not_before=now() + timedelta(days=3))  # a mail was sent at this moment
    assert abs(mail_choices.compute_time_after_mail(MailChoice.objects.get(user=ben), 0) - now()) < timedelta(minutes=2)
    MailChoice.objects.filter(user=ben).update(not_before=now() + events.SETTLING_PERIOD)
    settle_events()
    MailChoice.objects.filter(not_before__lt=now() + timedelta(hours=1)).update(not_before=now())
    mails = {item.to[0]: item for item in send_due(inline)}
    assert set(mails) == {"ann@example.org", "ben@example.org", "newcomer@example.org"}
    first = mails["ann@example.org"]
    assert first.subject.startswith("Studio: ")
    assert "shop.example" in first.subject
    assert first.body.index("/mail/open/") < first.body.index("Work 1")
    assert list_linked_pages(first.body)[0] == "/o/studio/notices/4/"
    assert newcomer.mail_choices.get().mail_frequency == HowOften.DAILY
    assert send_due(inline) == []

    replies.save_reply(notice, "removed", "")
    replies.mark_replies_read(notice, by="ann")
    settle_events()
    MailChoice.objects.exclude(user=cy).update(not_before=now())
    assert send_due(inline) == []  # read in the meantime


def test_mail_language_follows_the_choice_or_the_browser(inline: SyncRunner, studio: Owner) -> None:
    ann = create_member(studio, "ann")
    mail_choices.set_mail_settings(studio, ann, HowOften.AT_ONCE, by="Ann")
    browser = Client(headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    browser.force_login(ann)
    assert browser.get("/o/studio/told/").status_code == 200
    open_cases(inline, studio, 1)
    (email,) = send_due(inline)
    assert email.subject == "Studio：1 件疑似复制件"
    browser.post("/language", {"language": "en"})
    ann.refresh_from_db()
    assert (ann.message_language, ann.browser_language) == ("en", "zh-hans")


def test_decided_cases_are_not_mailed(inline: SyncRunner, studio: Owner) -> None:
    mail_choices.set_mail_settings(studio, create_member(studio, "ann"), HowOften.AT_ONCE, by="Ann")
    open_cases(inline, studio, 1)
    Case.objects.update(decision="dismissed", is_pending=False)
    assert send_due(inline) == []


def test_mails_contain_no_pictures_for_members_who_blur_pictures(inline: SyncRunner, studio: Owner) -> None:
    ann = create_member(studio, "ann")
    User.objects.filter(pk=ann.pk).update(blurs=True)
    mail_choices.set_mail_settings(studio, ann, HowOften.AT_ONCE, by="Ann")
    open_cases(inline, studio, 1)
    (email,) = send_due(inline)
    assert "cid:" not in email.alternatives[0].content


@pytest.mark.long
def test_reported_picture_is_not_mailed(inline: SyncRunner, studio: Owner) -> None:
    mail_choices.set_mail_settings(studio, create_member(studio, "ann"), HowOften.AT_ONCE, by="Ann")
    open_cases(inline, studio, 2)
    case = studio.cases.get(number=1)
    assert case.shown is not None
    fields = {"picture": case.shown.match.found, "case": case, "reported_by": "Ann", "reason": "x"}
    PictureReport.objects.create(owner=studio, reported_at=now(), **fields)
    (email,) = send_due(inline)
    own, other_image = re.findall(r'src="cid:([^"]+)"', email.alternatives[0].content)
    assert (own[:5], other_image[:7]) == ("work-", "case-2-")


@pytest.mark.long
def test_stored_mail_is_deleted_with_its_removed_picture(inline: SyncRunner, studio: Owner) -> None:
    ann, bob = create_member(studio, "ann"), create_member(studio, "bob")
    User.objects.filter(pk=bob.pk).update(blurs=True)
    for person in (ann, bob):
        mail_choices.set_mail_settings(studio, person, HowOften.AT_ONCE, by="Ann")
    open_cases(inline, studio, 2)
    folder = get_mail_folder(inline.services.config)
    with override_settings(EMAIL_BACKEND="registry.services.mail.MailFiles", CONFIG=inline.services.config):
        send_digests(inline.services, due_rows.list_due_keys(MailChoice, inline.services.stale_after, 100))
    mails = {path: path.read_bytes() for path in folder.glob("*.eml")}
    assert len(mails) == 2
    case = studio.cases.get(number=1)
    assert case.shown is not None
    purge_picture(inline.services, case.shown.match.found.digest, by="Ann", reason="An order of a court.")
    paths = [path for path, data in mails.items() if b"bob@example.org" in data]
    assert [*folder.glob("*.eml")] == paths
    for path, data in mails.items():  # written during the purge
        path.write_bytes(data)
    remove_local_leftovers(inline.services)
    assert [*folder.glob("*.eml")] == paths


def test_failed_mails_are_reported_to_the_operator_and_retried(inline: SyncRunner, studio: Owner) -> None:
    ann, bob = create_member(studio, "ann"), create_member(studio, "bob")
    for person in (ann, bob):
        mail_choices.set_mail_settings(studio, person, HowOften.AT_ONCE, by="Ann")
    assert count_rows_by_step()["mail"] == {"waiting": 0, "under_way": 0, "given_up": 0}
    events.record_event(studio, EventKind.REPORT_READY, {"report": 1, "title": "November"})
    settle_events()
    assert count_rows_by_step()["mail"]["waiting"] == 2
    MailChoice.objects.update(state="failed", attempts=steps.MAX_ATTEMPTS, error="KeyError.")
    assert send_due(inline) == []
    (failure,) = list_failures()
    assert (failure.step, failure.error, failure.count) == ("mail", "KeyError.", 2)
    mail_choices.set_mail_settings(studio, bob, HowOften.DAILY, by="Bob")
    MailChoice.objects.filter(user=bob).update(not_before=None)
    assert [message.to for message in send_due(inline)] == [["bob@example.org"]]
    hinted: list[int] = []
    assert retry_failed(lambda _rows, ids, **_: hinted.extend(ids), "mail") == 1
    assert hinted == list(MailChoice.objects.filter(user=ann).values_list("pk", flat=True))
    assert [message.to for message in send_due(inline)] == [["ann@example.org"]]


def test_notification_frequency_follows_each_member(inline: SyncRunner, studio: Owner) -> None:
    people = {frequency: create_member(studio, frequency.value) for frequency in HowOften}
    for frequency, person in people.items():
        mail_choices.set_mail_settings(studio, person, frequency, by="Ann")
    assert mail_choices.get_mail_settings(studio, create_member(studio, "new")).mail_frequency == HowOften.DAILY
    events.record_event(studio, EventKind.REPORT_READY, {"report": 1, "title": "November"})
    settle_events()
    assert [message.to for message in send_due(inline)] == [["at-once@example.org"]]
    MailChoice.objects.filter(mail_frequency=HowOften.DAILY).update(not_before=now())
    assert {message.to[0] for message in send_due(inline)} == {"daily@example.org", "new@example.org"}
    rows = {row.mail_frequency: row for row in MailChoice.objects.exclude(user__username="new@example.org")}
    weekly = rows[HowOften.WEEKLY].not_before
    assert weekly is not None
    assert (weekly.weekday(), weekly.hour) == (0, 7)
    daily = rows[HowOften.DAILY].not_before
    assert daily is not None
    assert now() < daily <= now() + timedelta(days=1)


def test_daily_mail_time_uses_the_members_or_the_installations_zone(studio: Owner, settings: Settings) -> None:
    ann = create_member(studio, "ann")
    settings.TIME_ZONE = "Asia/Tokyo"
    for zone, minutes in (("", 540), ("Asia/Shanghai", 480)):
        ann.time_zone = zone
        moment = mail_choices.compute_next_mail_time(ann, HowOften.DAILY)
        assert moment.astimezone(timezone.get_fixed_timezone(minutes)).hour == 7


def test_former_member_gets_no_mail(inline: SyncRunner, studio: Owner) -> None:
    ann = create_member(studio, "ann")
    mail_choices.set_mail_settings(studio, ann, HowOften.AT_ONCE, by="Ann")
    events.record_event(studio, EventKind.REPORT_READY, {"report": 1, "title": "November"})
    settle_events()
    ann.memberships.all().delete()
    assert send_due(inline) == []
    assert not MailChoice.objects.exists()


def test_unsent_mail_is_retried(inline: SyncRunner, studio: Owner) -> None:
    mail_choices.set_mail_settings(studio, create_member(studio, "ann"), HowOften.AT_ONCE, by="Ann")
    events.record_event(studio, EventKind.REPORT_READY, {"report": 1, "title": "November"})
    settle_events()
    smtp = "django.core.mail.backends.smtp.EmailBackend"
    with override_settings(EMAIL_BACKEND=smtp, EMAIL_HOST="127.0.0.1", EMAIL_PORT=1):
        assert send_due(inline) == []
    row = MailChoice.objects.get()
    assert (row.state, row.sent_at, bool(row.error)) == ("queued", None, True)
    MailChoice.objects.update(not_before=now())
    assert len(send_due(inline)) == 1


def test_unresponsive_mail_server_is_tried_once_and_invalid_address_blocks_no_mail(
    inline: SyncRunner, studio: Owner
) -> None:
    for name in ("ann", "bob", "carol"):
        mail_choices.set_mail_settings(studio, create_member(studio, name), HowOften.AT_ONCE, by=name)
    events.record_event(studio, EventKind.REPORT_READY, {"report": 1, "title": "November"})
    settle_events()
    rows = MailChoice.objects.order_by("pk")
    smtp = {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_HOST": "127.0.0.1"}
    with mail_server(greets=False) as server:
        with override_settings(**smtp, EMAIL_PORT=server.port, EMAIL_TIMEOUT=0.5):
            send_due(inline)
        assert server.connections == 1
    assert {(row.state, bool(row.error)) for row in rows} == {("queued", True)}
    assert {row.not_before - now() > timedelta(minutes=9) for row in rows if row.not_before} == {True}
    rows.update(not_before=None)
    with mail_server(to_recipient={"BOB": "550 5.1.1 Nobody of that name"}) as server:
        with override_settings(**smtp, EMAIL_PORT=server.port, EMAIL_TIMEOUT=5):
            send_due(inline)
        assert len(server.mails) == 2
    assert [row.sent_at is None for row in rows] == [False, True, False]
    retry_at = rows[1].not_before
    assert retry_at is not None
    assert retry_at - now() > timedelta(hours=23)


def test_scheduler_tick_sends_due_mail(inline: SyncRunner, studio: Owner) -> None:
    mail_choices.set_mail_settings(studio, create_member(studio, "ann"), HowOften.AT_ONCE, by="Ann")
    create_member(studio, "bob")
    events.record_event(studio, EventKind.REPORT_READY, {"report": 1, "title": "November"})
    settle_events()
    hinted: dict[str, list[int]] = {}
    inline.services.enqueue = lambda rows, ids, **_: hinted.setdefault(get_job_for_model(rows).name, []).extend(ids)
    run_minute_jobs(inline.services)
    tick(inline.services)
    assert hinted["mail"] == [MailChoice.objects.get(user__username="ann@example.org").pk]
    assert MailChoice.objects.get(user__username="bob@example.org").mail_frequency == HowOften.DAILY
