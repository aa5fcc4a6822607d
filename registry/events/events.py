"""Recording of an owner's events in the transaction of the change, and queueing for subscribed webhooks."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from exhibit.clock import MAX_CLOCK_SKEW, now
from registry.accounts.models import Owner
from registry.events.models import Delivery, Event, EventKind, Webhook

EVENT_RETENTION = timedelta(days=90)

SETTLING_PERIOD = timedelta(minutes=1)
"""More recent events may be out of order: an event with a lower number may still be in an open transaction."""


def record_event(owner: Owner, kind: EventKind, about: Mapping[str, Any], *, name: str = "") -> Event | None:
    """Record an event in the transaction of the change and queue it for webhooks.

    Args:
        owner: The owner. Nothing is recorded for a sample owner.
        kind: The kind of event.
        about: JSON values that identify the subject, without personal data.
        name: Unique name of an event that happens only once, such as the sealing of a particular bundle.

    Returns:
        The event, or ``None`` if an event with this name exists or the owner is a sample owner.
    """
    if owner.sample:
        return None
    values = {"about": dict(about), "at": now()}
    with transaction.atomic(savepoint=False):
        if name:  # wait for a transaction that records the same event
            event, is_new = Event.objects.get_or_create(owner=owner, kind=kind, name=name, defaults=values)
            if not is_new:
                return None
        else:
            event = Event.objects.create(owner=owner, kind=kind, **values)
        subscribers = Webhook.objects.filter(Q(kinds=[]) | Q(kinds__contains=[kind]), owner=owner, removed_at=None)
        Delivery.objects.bulk_create([Delivery(webhook=webhook, event=event) for webhook in subscribers])
    return event


def record_test(webhook: Webhook) -> Delivery:
    """Record a test event and queue it only for this webhook."""
    with transaction.atomic():
        about = {"webhook": webhook.number}
        event = Event.objects.create(owner=webhook.owner, kind=EventKind.TEST, about=about, at=now())
        return Delivery.objects.create(webhook=webhook, event=event)


def get_newest_number(owner: Owner) -> int:
    """Return the number of the owner's newest event; 0 if there is none."""
    return Event.objects.filter(owner=owner).order_by("-pk").values_list("pk", flat=True).first() or 0


def list_events_after(owner: Owner, number: int, kinds: Sequence[EventKind]) -> list[Event]:
    """Return the owner's settled events of these kinds after event ``number``, oldest first."""
    return list(list_settled_events(owner).filter(pk__gt=number, kind__in=kinds).order_by("pk"))


def list_settled_events(owner: Owner) -> QuerySet[Event]:
    """Return the owner's settled events, before which no event with a lower number can still appear."""
    return Event.objects.filter(build_settled_condition(), owner=owner)


def build_settled_condition(at: datetime | None = None) -> Q:
    """Return a condition for settled events.

    An event that was dated by a clock that is ahead is treated as settled.
    """
    at = at or now()
    return ~Q(at__range=(at - SETTLING_PERIOD, at + MAX_CLOCK_SKEW))


def delete_old_events() -> int:
    """Delete old events with their deliveries; return the number of deleted rows."""
    return Event.objects.filter(at__lt=now() - EVENT_RETENTION).delete()[0]
