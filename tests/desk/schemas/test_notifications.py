"""Test the API's schemas of events and their deliveries."""

from datetime import UTC, datetime

from desk.schemas.notifications import Delivery, Event
from registry import models

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_event_names_match_those_of_webhooks() -> None:
    row = models.Event(pk=17, kind="case.opened", at=NOON, about={"case": 3})
    assert Event.from_row(row).model_dump(mode="json") == {
        "id": "evt_17",
        "type": "case.opened",
        "timestamp": "2026-11-20T12:00:00.000000Z",
        "data": {"case": 3},
    }


def test_delivery_shows_the_next_attempt_only_while_waiting() -> None:
    event = models.Event(pk=17, kind="case.opened", at=NOON, about={})
    attempt = {"at": NOON, "status": 503, "milliseconds": 4, "sentence": "It answered with status 503."}
    row = models.Delivery(event=event, state="queued", tries=1, answers=[attempt], not_before=NOON)
    delivery = Delivery.from_row(row)
    assert (delivery.id, delivery.type, delivery.next_attempt_at, delivery.attempts[0].status) == (
        "evt_17",
        "case.opened",
        NOON,
        503,
    )
    row.state = "done"
    assert Delivery.from_row(row).next_attempt_at is None
