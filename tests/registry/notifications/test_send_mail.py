"""Test notifications of members by mail and of programs by webhook."""

from datetime import timedelta

import pytest
from django.core import mail

from exhibit.clock import now
from registry.events import events, mail_choices
from registry.models import (
    Crawl,
    Event,
    EventKind,
    MailChoice,
    Membership,
    User,
    Watch,
    Work,
)
from registry.notifications import webhooks
from tests.assets.planted_copies import inline, plant_copies, shop, work
from tests.assets.shop import Shop
from tests.assets.webhook_receiver import Receiver, receiver, verify_message
from workers import wiring
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "receiver", "shop", "work"]


def test_missed_known_copy_reaches_webhook_and_mail(
    inline: SyncRunner, work: Work, shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "services", lambda: inline.services)
    ann = User.objects.create_user("ann@example.org", "ann@example.org", "not used")
    Membership.objects.create(user=ann, owner=work.owner)
    mail_choices.set_mail_settings(work.owner, ann, MailChoice.MailFrequency.AT_ONCE, by="Ann")
    kinds = [EventKind.KNOWN_COPY_MISSED]
    _hook, secret = webhooks.add_webhook(inline.services, work.owner, receiver.url, kinds, by="Ann")
    new_watch = plant_copies(work, shop, "/empty")
    Watch.objects.update(paused=True)
    Crawl.objects.create(
        watch=new_watch, number=1, started_at=now(), finished_at=now(), state="done", reason="finished"
    )
    inline.run_until_idle()
    (got,) = receiver.got
    payload = verify_message(got, secret)
    assert payload["type"] == "watch.missed-known-copy"
    assert (payload["data"]["known_copy"], payload["data"]["page"]) == (1, shop.url("/empty"))
    Event.objects.update(at=now() - events.SETTLING_PERIOD - timedelta(seconds=1))
    inline.run_until_idle()
    (sent,) = mail.outbox
    assert sent.subject.startswith("Studio: ")
    assert shop.url("/empty") in sent.body
    assert len(receiver.got) == 1
