"""What answers about events and webhooks look like."""

from datetime import datetime
from typing import Any

from pydantic import Field

from desk.api.answers import NOON, Answer


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
