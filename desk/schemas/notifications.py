"""Responses about events, webhooks and deliveries."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from desk.schemas.base import NOON, Answer, Moment
from exhibit.sentences import from_plain
from registry import models

Message = Annotated[str, BeforeValidator(lambda pk: f"evt_{pk}" if isinstance(pk, int) else pk)]


class Webhook(Answer):
    """A URL that receives signed events (Standard Webhooks)."""

    number: int
    url: str = Field(examples=["https://example.org/hooks/exhibit"])
    events: list[str] = Field(
        alias="kinds", description="Types of events that are sent; all types if empty.", examples=[["case.opened"]]
    )
    created_at: Moment = Field(alias="made_at", examples=[NOON])
    paused_at: Moment | None
    pause_reason: str = Field(alias="paused_why", description="Reason of an automatic pause.")
    failing_since: Moment | None = Field(description="Time since which deliveries fail; null if they succeed.")


class WebhookWithSecret(Webhook):
    """A webhook with its secret, which is returned only once."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], description="Secret that signs events.")


class DeliveryAttempt(Answer):
    """Response to one delivery attempt."""

    at: Moment = Field(examples=[NOON])
    status: int = Field(description="HTTP status; 0 if there was no response.", examples=[200])
    milliseconds: int = Field(description="Duration in milliseconds.")
    sentence: Annotated[str, BeforeValidator(from_plain)] = Field(description="Description of the result.")


class Delivery(Answer):
    """Delivery of an event to a webhook."""

    id: Message = Field(
        alias="event_id", description="ID of the event, as in the header `webhook-id`.", examples=["evt_17"]
    )
    type: str = Field(alias="event.kind", examples=["case.opened"], description="Type of the event.")
    timestamp: Moment = Field(alias="event.at", examples=[NOON], description="Time of the event.")
    state: str = Field(examples=["done"], description="`todo`, `doing`, `done` or `failed`.")
    attempt_count: int = Field(alias="tries", description="Number of attempts.")
    delivered_at: Moment | None
    next_attempt_at: Moment | None = Field(description="Time of the next attempt; null if none is planned.")
    attempts: list[DeliveryAttempt] = Field(alias="answers", description="Responses to the latest attempts.")

    @staticmethod
    def resolve_next_attempt_at(row: models.Delivery) -> datetime | None:
        return row.not_before if row.is_postponed else None


class Event(Answer):
    """An event."""

    id: Message = Field(alias="pk", examples=["evt_17"], description="ID of the event.")
    type: str = Field(alias="kind", examples=["case.opened"], description="Type of the event.")
    timestamp: Moment = Field(alias="at", examples=[NOON], description="Time of the event.")
    data: dict[str, Any] = Field(
        alias="about",
        examples=[{"case": 3, "party": "shop.example", "work": 12}],
        description="Numbers and names of the affected objects.",
    )
