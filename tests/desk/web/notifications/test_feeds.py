"""What is reached by an address of its own: the feed, and the end of mails."""

import re

import feedparser
from django.test import Client

from registry.accounts import feeds
from registry.models import (
    EventKind,
    LogSubmission,
    MailChoice,
    Owner,
)
from registry.notifications import events, mail_choices
from tests.assets.source import flat
from tests.desk.web.notifications.test_being_told import HowOften, member, opened, send_due, settle, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["studio"]


def test_one_click_ends_the_mails_and_looking_at_the_page_does_not(inline: SyncRunner, studio: Owner) -> None:
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


def test_a_feed_has_the_cases_for_whoever_has_the_address(inline: SyncRunner, studio: Owner) -> None:
    ann = member(studio, "ann")
    opened(inline, studio, 1)
    client = Client()
    client.force_login(ann)
    asked = client.post("/o/studio/told/feed", {"do": "make"})
    page = client.post(asked.headers["Location"], {"password": "not used"}).content.decode()
    found = re.search(r"/feeds/([\w-]+)/cases\.atom", page)
    assert found is not None
    assert found[1] not in flat(client.get("/o/studio/told/").content.decode())
    answer = Client().get(found[0])
    assert answer.headers["Content-Type"].startswith("application/atom+xml")
    (entry,) = feedparser.parse(answer.content).entries
    assert "shop.example" in entry.title
    assert entry.link.endswith("/o/studio/cases/1/")
    feeds.make(studio, ann, by="Ann")
    assert Client().get(found[0]).status_code == 404


def test_a_feed_ends_with_the_membership_or_when_it_is_revoked(inline: SyncRunner, studio: Owner) -> None:
    ann, bob = member(studio, "ann"), member(studio, "bob")
    of_ann, of_bob = (f"/feeds/{feeds.make(studio, one, by='x')}/cases.atom" for one in (ann, bob))
    assert Client().get(of_ann).status_code == 200
    feeds.revoke(studio, ann, by="Ann")
    bob.memberships.all().delete()
    assert {Client().get(one).status_code for one in (of_ann, of_bob, "/feeds/x/cases.atom")} == {404}
