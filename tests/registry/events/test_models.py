"""Test events and their recipients as rows."""

import pytest
from django.db import IntegrityError, transaction

from exhibit.clock import now
from registry.models import Delivery, Event, EventKind, Owner, Webhook
from tests.assets.rows import owner


def test_event_with_a_name_is_recorded_once_per_owner(db: None) -> None:
    studio, agency = owner("studio"), owner("agency")

    def record_named(of: Owner, kind: EventKind, name: str) -> Event:
        return Event.objects.create(owner=of, kind=kind, name=name, about={}, at=now())

    for _ in range(2):
        record_named(studio, EventKind.REPORT_READY, "")
    record_named(studio, EventKind.KNOWN_COPY_MISSED, "7/1")
    record_named(agency, EventKind.KNOWN_COPY_MISSED, "7/1")
    record_named(studio, EventKind.NOTICE_DUE, "7/1")
    with pytest.raises(IntegrityError, match="event_once"), transaction.atomic():
        record_named(studio, EventKind.KNOWN_COPY_MISSED, "7/1")


def test_webhook_receives_an_event_once_and_has_its_own_id(db: None) -> None:
    studio = owner("studio")
    about = {"url": "https://a.example/", "kinds": [], "encrypted_secret": b"x", "made_by": "Ann", "made_at": now()}
    first, second = (Webhook.objects.create(owner=studio, number=number, **about) for number in (1, 2))
    assert first.identity != second.identity
    event = Event.objects.create(owner=studio, kind=EventKind.TEST, about={}, at=now())
    for hook in (first, second):
        Delivery.objects.create(webhook=hook, event=event)
    with pytest.raises(IntegrityError, match="delivery_identity"), transaction.atomic():
        Delivery.objects.create(webhook=first, event=event)
    first.delete()
    assert event.deliveries.get().webhook == second
