"""Events, webhooks and what was sent to them, as programs are told of them."""

from datetime import datetime
from typing import Any

from pydantic import Field

from desk.schemas.base import NOON, Answer
from desk.schemas.rows import Plain, fields
from exhibit.clock import rfc3339
from registry import models


class Webhook(Answer):
    """An address that is told of what happens, with signed messages (Standard Webhooks)."""

    number: int
    url: str = Field(examples=["https://example.org/hooks/exhibit"])
    kinds: list[str] = Field(description="Of what; of everything when empty.", examples=[["case.opened"]])
    made_at: datetime = Field(examples=[NOON])
    paused_at: datetime | None
    paused_why: str
    failing_since: datetime | None


class WebhookWithSecret(Webhook):
    """A webhook with its secret, which is told this once."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class DeliveryAnswer(Answer):
    """What came of one try."""

    at: datetime = Field(examples=[NOON])
    status: int = Field(description="0 when there was no answer.", examples=[200])
    milliseconds: int
    sentence: str


class Delivery(Answer):
    """One message to a webhook."""

    message: str = Field(description="The header `webhook-id`.", examples=["evt_17"])
    kind: str = Field(examples=["case.opened"])
    at: datetime = Field(examples=[NOON])
    state: str = Field(examples=["done"])
    tries: int
    delivered_at: datetime | None
    next_try: datetime | None
    answers: list[DeliveryAnswer] = Field(description="Of the last tries.")


class Event(Answer):
    """Something that happened."""

    message: str = Field(examples=["evt_17"])
    type: str = Field(examples=["case.opened"])
    timestamp: datetime = Field(examples=[NOON])
    data: dict[str, Any] = Field(examples=[{"case": 3, "party": "shop.example", "work": 12}])


def event(row: models.Event) -> Plain:
    """Something that happened, as webhooks are told of it."""
    return {"message": f"evt_{row.pk}", "type": row.kind, "timestamp": rfc3339(row.at), "data": row.about}


def webhook(row: models.Webhook) -> Plain:
    """An address that is told of what happens; its secret is told once, elsewhere."""
    return fields(row, "number url kinds made_at paused_at paused_why failing_since")


def delivery(row: models.Delivery) -> Plain:
    """One message to a webhook, and what came of its last tries."""
    return {
        "message": f"evt_{row.event_id}",
        **fields(row.event, "kind at"),
        **fields(row, "state tries delivered_at answers"),
        "next_try": rfc3339(row.not_before) if row.put_off and row.not_before else None,
    }
