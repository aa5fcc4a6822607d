"""Mails about what happened, the feed, and how a member ends them."""

import re
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import feedparser
import pytest
from django.core import mail
from django.test import Client, override_settings
from django.utils import timezone

from exhibit.clock import now
from registry import events, feeds, mail_choices
from registry.models import Case, Event, EventKind, LogSubmission, MailChoice, Membership, Owner, Role, User
from tests.flow.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers import wiring
from workers.inline import Inline
from workers.steps.mail import send_digests
from workers.steps.match import match_pictures
from workers.steps.tick import tick

HowOften = MailChoice.HowOften


@pytest.fixture
def studio(inline: Inline, monkeypatch: pytest.MonkeyPatch) -> Owner:
    monkeypatch.setattr(wiring, "house", lambda: inline.house)
    return owner("studio")


def member(of: Owner, name: str) -> User:
    user = User.objects.create_user(username=f"{name}@example.org", email=f"{name}@example.org", password="not used")
    Membership.objects.create(user=user, owner=of, role=Role.REVIEWER)
    return user


def opened(inline: Inline, of: Owner, pictures: int) -> None:
    """Open a case for each of so many works, and let their events settle."""
    data = [photograph(seed) for seed in range(1, pictures + 1)]
    for number, one in enumerate(data):
        register(inline.house, of, one, f"Work {number + 1}")
    match_pictures(inline.house, bring(inline.house, *claimed_slice(of), [copy_of(one) for one in data]))
    settle()


def settle() -> None:
    Event.objects.update(at=now() - events.SETTLING - timedelta(seconds=1))


def send_due(inline: Inline) -> list[Any]:
    before = len(mail.outbox)
    send_digests(inline.house, mail_choices.due(inline.house.stale_after))
    return mail.outbox[before:]


def test_a_mail_has_the_picture_and_one_link_to_each_case(inline: Inline, studio: Owner) -> None:
    ann = member(studio, "ann")
    mail_choices.choose(studio, ann, HowOften.AT_ONCE, by="Ann")
    opened(inline, studio, 2)
    (sent,) = send_due(inline)
    assert sent.to == ["ann@example.org"]
    assert sent.subject == "Studio: 2 likely copies"
    whole: EmailMessage = sent.message()
    html = sent.alternatives[0].content
    for number in (1, 2):
        assert len(re.findall(f'href="http://127.0.0.1:8080/o/studio/cases/{number}/"', html)) == 1
        assert f"http://127.0.0.1:8080/o/studio/cases/{number}/" in sent.body
    images = {part["Content-ID"]: part for part in whole.walk() if part.get_content_type() == "image/jpeg"}
    assert {f"<{name}>" for name in re.findall(r'src="cid:([^"]+)"', html)} == set(images)
    assert len(images) == 2
    assert all(len(part.get_payload(decode=True)) < 60_000 for part in images.values())
    assert "may be a copy" in html
    assert "http" not in re.sub(r"http://127\.0\.0\.1:8080[^\"\s]*", "", html)  # nothing is loaded from anywhere
    assert whole["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert send_due(inline) == []


def test_what_was_decided_meanwhile_is_no_mail(inline: Inline, studio: Owner) -> None:
    mail_choices.choose(studio, member(studio, "ann"), HowOften.AT_ONCE, by="Ann")
    opened(inline, studio, 1)
    Case.objects.update(decision="cleared", waits=False)
    assert send_due(inline) == []


def test_pictures_stay_out_of_the_mail_of_whoever_blurs_them(inline: Inline, studio: Owner) -> None:
    ann = member(studio, "ann")
    User.objects.filter(pk=ann.pk).update(blurs=True)
    mail_choices.choose(studio, ann, HowOften.AT_ONCE, by="Ann")
    opened(inline, studio, 1)
    (sent,) = send_due(inline)
    assert "cid:" not in sent.alternatives[0].content


def test_each_member_is_told_as_often_as_chosen(inline: Inline, studio: Owner) -> None:
    people = {how: member(studio, how.value) for how in HowOften}
    for how, person in people.items():
        mail_choices.choose(studio, person, how, by="Ann")
    assert mail_choices.choice(studio, member(studio, "new")).how_often == HowOften.DAILY
    events.record(studio, EventKind.REPORT_READY, {"report": 1, "title": "November"})
    settle()
    assert [one.to for one in send_due(inline)] == [["at-once@example.org"]]
    MailChoice.objects.filter(how_often=HowOften.DAILY).update(not_before=now())
    assert {one.to[0] for one in send_due(inline)} == {"daily@example.org", "new@example.org"}
    rows = {row.how_often: row for row in MailChoice.objects.exclude(user__username="new@example.org")}
    weekly = rows[HowOften.WEEKLY].not_before
    assert weekly is not None
    assert (weekly.weekday(), weekly.hour) == (0, 7)
    daily = rows[HowOften.DAILY].not_before
    assert daily is not None
    assert now() < daily <= now() + timedelta(days=1)


def test_the_morning_is_the_members_own(studio: Owner) -> None:
    ann = member(studio, "ann")
    ann.time_zone = "Asia/Shanghai"
    moment = mail_choices.next_mail(ann, HowOften.DAILY)
    assert moment.astimezone(timezone.get_fixed_timezone(480)).hour == 7


def test_who_left_gets_no_mail(inline: Inline, studio: Owner) -> None:
    ann = member(studio, "ann")
    mail_choices.choose(studio, ann, HowOften.AT_ONCE, by="Ann")
    events.record(studio, EventKind.REPORT_READY, {"report": 1, "title": "November"})
    settle()
    ann.memberships.all().delete()
    assert send_due(inline) == []
    assert not MailChoice.objects.exists()


def test_a_mail_that_no_server_took_is_sent_later(inline: Inline, studio: Owner) -> None:
    mail_choices.choose(studio, member(studio, "ann"), HowOften.AT_ONCE, by="Ann")
    events.record(studio, EventKind.REPORT_READY, {"report": 1, "title": "November"})
    settle()
    smtp = "django.core.mail.backends.smtp.EmailBackend"
    with override_settings(EMAIL_BACKEND=smtp, EMAIL_HOST="127.0.0.1", EMAIL_PORT=1):
        assert send_due(inline) == []
    row = MailChoice.objects.get()
    assert (row.state, row.sent_at, bool(row.error)) == ("todo", None, True)
    MailChoice.objects.update(not_before=now())
    assert len(send_due(inline)) == 1


def test_one_click_ends_the_mails_and_looking_at_the_page_does_not(inline: Inline, studio: Owner) -> None:
    ann = member(studio, "ann")
    mail_choices.choose(studio, ann, HowOften.AT_ONCE, by="Ann")
    events.record(studio, EventKind.REPORT_READY, {"report": 1, "title": "November"})
    settle()
    (sent,) = send_due(inline)
    address = sent.message()["List-Unsubscribe"].strip("<>").replace("http://127.0.0.1:8080", "")
    client = Client(enforce_csrf_checks=True)
    assert client.get(address).status_code == 200
    assert MailChoice.objects.get().how_often == HowOften.AT_ONCE
    done = client.post(address, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")
    assert done.status_code == 200
    assert MailChoice.objects.get().how_often == HowOften.NEVER
    assert LogSubmission.objects.filter(opening__content__what="mail choice").count() == 2
    assert client.post(address[:-2] + "AA").status_code == 404


def test_the_tick_sends_what_is_due(inline: Inline, studio: Owner) -> None:
    mail_choices.choose(studio, member(studio, "ann"), HowOften.AT_ONCE, by="Ann")
    member(studio, "bob")
    events.record(studio, EventKind.REPORT_READY, {"report": 1, "title": "November"})
    settle()
    hinted: dict[str, list[int]] = {}
    inline.house.hint = lambda step, ids: hinted.setdefault(step, []).extend(ids)
    tick(inline.house)
    assert hinted["mail"] == [MailChoice.objects.get(user__username="ann@example.org").pk]
    assert MailChoice.objects.get(user__username="bob@example.org").how_often == HowOften.DAILY


def test_a_feed_has_the_cases_for_whoever_has_the_address(inline: Inline, studio: Owner) -> None:
    ann = member(studio, "ann")
    opened(inline, studio, 1)
    client = Client()
    client.force_login(ann)
    page = client.post("/o/studio/told/feed", {"do": "make"}).content.decode()
    found = re.search(r"/feeds/([\w-]+)/cases\.atom", page)
    assert found is not None
    assert found[1] not in client.get("/o/studio/told/").content.decode()
    answer = Client().get(found[0])
    assert answer.headers["Content-Type"].startswith("application/atom+xml")
    (entry,) = feedparser.parse(answer.content).entries
    assert "shop.example" in entry.title
    assert entry.link.endswith("/o/studio/cases/1/")
    feeds.make(studio, ann, by="Ann")
    assert Client().get(found[0]).status_code == 404


def test_a_feed_ends_with_the_membership_or_when_it_is_revoked(inline: Inline, studio: Owner) -> None:
    ann, bob = member(studio, "ann"), member(studio, "bob")
    of_ann, of_bob = (f"/feeds/{feeds.make(studio, one, by='x')}/cases.atom" for one in (ann, bob))
    assert Client().get(of_ann).status_code == 200
    feeds.revoke(studio, ann, by="Ann")
    bob.memberships.all().delete()
    assert {Client().get(one).status_code for one in (of_ann, of_bob, "/feeds/x/cases.atom")} == {404}


def test_a_member_chooses_on_the_page(studio: Owner) -> None:
    ann = member(studio, "ann")
    client = Client()
    client.force_login(ann)
    client.post("/o/studio/told/mail", {"how-often": "weekly"})
    assert 'value="weekly" checked' in client.get("/o/studio/told/").content.decode()
    client.post("/o/studio/told/mail", {"how-often": "hourly"})
    assert MailChoice.objects.get().how_often == HowOften.WEEKLY
