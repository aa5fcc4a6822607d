"""Test webhook deliveries: in order, repeated after pauses, and not for ever."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exhibit.clock import now
from registry.events import events
from registry.models import Delivery, Event, EventKind, Owner, Webhook
from registry.notifications import webhooks
from registry.notifications.deliver import ALONE, IN_TURN, PATIENCE, deliver
from tests.assets.rows import owner
from tests.assets.webhook_receiver import Receiver, receiver, verified
from workers.tasks.sync_runner import SyncRunner

__all__ = ["receiver"]
NOBODY = "http://127.0.0.1:9/"


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",))
    return owner("studio")


def told(inline: SyncRunner, of: Owner, url: str, messages: int = 1) -> tuple[Webhook, str]:
    """Create a webhook with this many waiting messages."""
    hook, secret = webhooks.add_webhook(inline.services, of, url, [], by="Ann")
    for number in range(messages):
        events.record(of, EventKind.REPORT_READY, {"report": number, "title": "A"})
    return hook, secret


def sent(inline: SyncRunner) -> list[str]:
    deliver(inline.services, list(Delivery.objects.order_by("pk").values_list("pk", flat=True)))
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


def test_messages_are_signed_and_come_in_their_order(inline: SyncRunner, studio: Owner, receiver: Receiver) -> None:
    _hook, secret = told(inline, studio, receiver.url, IN_TURN + 1)
    assert sent(inline) == ["done"] * IN_TURN + ["todo"]
    assert [verified(one, secret)["data"]["report"] for one in receiver.got] == list(range(IN_TURN))


def test_one_that_is_not_taken_puts_off_those_behind_it_until_it_is_paused(inline: SyncRunner, studio: Owner) -> None:
    hook, _ = told(inline, studio, NOBODY, 2)
    assert sent(inline) == ["todo", "todo"]
    hook.refresh_from_db()
    assert (hook.misses, hook.paused_at) == (1, None)
    assert hook.ask_after is not None
    assert [row.tries for row in Delivery.objects.order_by("pk")] == [1, 0]
    assert {row.not_before for row in Delivery.objects.all()} == {hook.ask_after}
    Webhook.objects.update(ask_after=None, failing_since=now() - PATIENCE - timedelta(hours=1))
    Delivery.objects.update(not_before=None)
    sent(inline)
    hook.refresh_from_db()
    assert hook.paused_at is not None
    assert Event.objects.filter(kind=EventKind.WEBHOOK_PAUSED).count() == 1
    Delivery.objects.update(not_before=None)
    sent(inline)
    assert set(Delivery.objects.values_list("error", flat=True)) == {ALONE}


def test_a_webhook_that_was_removed_is_told_nothing(inline: SyncRunner, studio: Owner, receiver: Receiver) -> None:
    told(inline, studio, receiver.url)
    Webhook.objects.update(removed_at=now())
    assert sent(inline) == []
    assert receiver.got == []
