"""What happened to an owner, written down with the deed and put into the queue of each webhook that wants it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from exhibit.clock import SLACK, now
from registry.accounts.models import Owner
from registry.events.models import Delivery, Event, EventKind, Webhook

KEPT_FOR = timedelta(days=90)

SETTLING = timedelta(minutes=1)
"""Younger events aren't told in order of their numbers: one with an earlier number may still be in its transaction."""


def record(owner: Owner, kind: EventKind, about: Mapping[str, Any], *, name: str = "") -> Event | None:
    """Write an event down, in the transaction of the deed; it is about JSON values, and nothing of persons.

    What happens once only, such as a certain bundle's seal, has a name: ``None`` for one that is written down already.
    Of a sample owner nothing is.
    """
    if owner.sample:
        return None
    told = {"about": dict(about), "at": now()}
    with transaction.atomic(savepoint=False):
        if name:  # whoever writes the same one down at this moment is waited for
            event, new = Event.objects.get_or_create(owner=owner, kind=kind, name=name, defaults=told)
            if not new:
                return None
        else:
            event = Event.objects.create(owner=owner, kind=kind, **told)
        wanted = Webhook.objects.filter(Q(kinds=[]) | Q(kinds__contains=[kind]), owner=owner, removed_at=None)
        Delivery.objects.bulk_create([Delivery(webhook=webhook, event=event) for webhook in wanted])
    return event


def record_test(webhook: Webhook) -> Delivery:
    """An event for one webhook alone, to see that it answers."""
    with transaction.atomic():
        about = {"webhook": webhook.number}
        event = Event.objects.create(owner=webhook.owner, kind=EventKind.TEST, about=about, at=now())
        return Delivery.objects.create(webhook=webhook, event=event)


def newest(owner: Owner) -> int:
    """The number of the owner's last event; 0 without one."""
    return Event.objects.filter(owner=owner).order_by("-pk").values_list("pk", flat=True).first() or 0


def after(owner: Owner, number: int, kinds: Sequence[EventKind]) -> list[Event]:
    """The owner's settled events of these kinds that came after one, oldest first."""
    return list(settled(owner).filter(pk__gt=number, kind__in=kinds).order_by("pk"))


def settled(owner: Owner) -> QuerySet[Event]:
    """The owner's events that no other will come before."""
    return Event.objects.filter(is_settled(), owner=owner)


def is_settled(moment: datetime | None = None) -> Q:
    """Events before which no other can come any more; one that a clock ahead has dated is as old as it gets."""
    moment = moment or now()
    return ~Q(at__range=(moment - SETTLING, moment + SLACK))


def forget_old() -> int:
    """Forget old events with their deliveries; returns how many rows."""
    return Event.objects.filter(at__lt=now() - KEPT_FOR).delete()[0]
