"""Events, webhooks and what was sent to them, as programs are told of them."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from desk.schemas.base import NOON, Answer, Moment
from exhibit.sentences import from_plain
from registry import models

Message = Annotated[str, BeforeValidator(lambda pk: f"evt_{pk}" if isinstance(pk, int) else pk)]


class Webhook(Answer):
    """An address that is told of what happens, with signed messages (Standard Webhooks)."""

    number: int
    url: str = Field(examples=["https://example.org/hooks/exhibit"])
    kinds: list[str] = Field(description="Of what; of everything when empty.", examples=[["case.opened"]])
    made_at: Moment = Field(examples=[NOON])
    paused_at: Moment | None
    paused_why: str
    failing_since: Moment | None


class WebhookWithSecret(Webhook):
    """A webhook with its secret, which is told this once."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class DeliveryAnswer(Answer):
    """What came of one try."""

    at: Moment = Field(examples=[NOON])
    status: int = Field(description="0 when there was no answer.", examples=[200])
    milliseconds: int
    sentence: Annotated[str, BeforeValidator(from_plain)]


class Delivery(Answer):
    """One message to a webhook."""

    message: Message = Field(alias="event_id", description="The header `webhook-id`.", examples=["evt_17"])
    kind: str = Field(alias="event.kind", examples=["case.opened"])
    at: Moment = Field(alias="event.at", examples=[NOON])
    state: str = Field(examples=["done"])
    tries: int
    delivered_at: Moment | None
    next_try: Moment | None
    answers: list[DeliveryAnswer] = Field(description="Of the last tries.")

    @staticmethod
    def resolve_next_try(row: models.Delivery) -> datetime | None:
        return row.not_before if row.put_off else None


class Event(Answer):
    """Something that happened."""

    message: Message = Field(alias="pk", examples=["evt_17"])
    type: str = Field(alias="kind", examples=["case.opened"])
    timestamp: Moment = Field(alias="at", examples=[NOON])
    data: dict[str, Any] = Field(alias="about", examples=[{"case": 3, "party": "shop.example", "work": 12}])
