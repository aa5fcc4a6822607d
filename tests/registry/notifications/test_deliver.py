"""Test webhook deliveries: in order, retried after pauses, and paused after days of failures."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exhibit.clock import now
from registry.events import events
from registry.models import Delivery, Event, EventKind, Owner, Webhook
from registry.notifications import webhooks
from registry.notifications.deliver import MAX_BATCH, MAX_FAILURE_PERIOD, PAUSED_MESSAGE, deliver_messages
from tests.assets.rows import owner
from tests.assets.webhook_receiver import Receiver, receiver, verify_message
from workers.tasks.sync_runner import SyncRunner

__all__ = ["receiver"]
DEAD_URL = "http://127.0.0.1:9/"


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",))
    return owner("studio")


def add_webhook(inline: SyncRunner, rights_holder: Owner, url: str, messages: int = 1) -> tuple[Webhook, str]:
    """Create a webhook with this many pending messages."""
    hook, secret = webhooks.add_webhook(inline.services, rights_holder, url, [], by="Ann")
    for number in range(messages):
        events.record_event(rights_holder, EventKind.REPORT_READY, {"report": number, "title": "A"})
    return hook, secret


def deliver_all(inline: SyncRunner) -> list[str]:
    deliver_messages(inline.services, list(Delivery.objects.order_by("pk").values_list("pk", flat=True)))
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


def test_webhook_messages_are_signed_and_delivered_in_order(
    inline: SyncRunner, studio: Owner, receiver: Receiver
) -> None:
    _hook, secret = add_webhook(inline, studio, receiver.url, MAX_BATCH + 1)
    assert deliver_all(inline) == ["done"] * MAX_BATCH + ["queued"]
    assert [verify_message(request, secret)["data"]["report"] for request in receiver.got] == list(range(MAX_BATCH))


def test_failed_delivery_delays_later_deliveries_until_webhook_is_paused(inline: SyncRunner, studio: Owner) -> None:
    hook, _ = add_webhook(inline, studio, DEAD_URL, 2)
    assert deliver_all(inline) == ["queued", "queued"]
    hook.refresh_from_db()
    assert (hook.misses, hook.paused_at) == (1, None)
    assert hook.ask_after is not None
    assert [row.tries for row in Delivery.objects.order_by("pk")] == [1, 0]
    assert {row.not_before for row in Delivery.objects.all()} == {hook.ask_after}
    Webhook.objects.update(ask_after=None, failing_since=now() - MAX_FAILURE_PERIOD - timedelta(hours=1))
    Delivery.objects.update(not_before=None)
    deliver_all(inline)
    hook.refresh_from_db()
    assert hook.paused_at is not None
    assert Event.objects.filter(kind=EventKind.WEBHOOK_PAUSED).count() == 1
    Delivery.objects.update(not_before=None)
    deliver_all(inline)
    assert set(Delivery.objects.values_list("error", flat=True)) == {PAUSED_MESSAGE}


def test_removed_webhook_receives_nothing(inline: SyncRunner, studio: Owner, receiver: Receiver) -> None:
    add_webhook(inline, studio, receiver.url)
    Webhook.objects.update(removed_at=now())
    assert deliver_all(inline) == []
    assert receiver.got == []
