"""Responses about events, webhooks and deliveries."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from desk.schemas.base import EXAMPLE_TIME, ResponseBody, UtcTime
from exhibit.sentences import from_plain
from registry import models

EventId = Annotated[str, BeforeValidator(lambda pk: f"evt_{pk}" if isinstance(pk, int) else pk)]


class Webhook(ResponseBody):
    """A URL that receives signed events (Standard Webhooks)."""

    number: int = Field(description="Webhook number.")
    url: str = Field(examples=["https://example.org/hooks/exhibit"], description="URL that receives the events.")
    events: list[str] = Field(
        alias="kinds", description="Types of events that are sent; all types if empty.", examples=[["case.opened"]]
    )
    created_at: UtcTime = Field(
        alias="made_at", examples=[EXAMPLE_TIME], description="Time at which the webhook was created."
    )
    paused_at: UtcTime | None = Field(description="Time at which the webhook was paused; null if it is active.")
    pause_reason: str = Field(alias="pause_reason", description="Reason for the pause; empty if the webhook is active.")
    failing_since: UtcTime | None = Field(
        description="Time at which deliveries started to fail; null if deliveries succeed."
    )


class WebhookWithSecret(Webhook):
    """A webhook with its secret, which is returned only once."""

    secret: str = Field(
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], description="Secret key with which events are signed."
    )


class DeliveryAttempt(ResponseBody):
    """An attempt to deliver an event."""

    at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time of the attempt.")
    status: int = Field(description="HTTP status code of the response; 0 if there was no response.", examples=[200])
    milliseconds: int = Field(description="Duration of the attempt in milliseconds.")
    sentence: Annotated[str, BeforeValidator(from_plain)] = Field(
        description="Description of the result of the attempt."
    )


class Delivery(ResponseBody):
    """Delivery of an event to a webhook."""

    id: EventId = Field(
        alias="event_id", description="ID of the event, as in the header `webhook-id`.", examples=["evt_17"]
    )
    type: str = Field(alias="event.kind", examples=["case.opened"], description="Type of the event.")
    timestamp: UtcTime = Field(alias="event.at", examples=[EXAMPLE_TIME], description="Time of the event.")
    state: str = Field(examples=["done"], description="State of the delivery: `queued`, `running`, `done` or `failed`.")
    attempt_count: int = Field(alias="tries", description="Number of delivery attempts.")
    delivered_at: UtcTime | None = Field(description="Time of the successful delivery; null until then.")
    next_attempt_at: UtcTime | None = Field(description="Time of the next attempt; null if none is planned.")
    attempts: list[DeliveryAttempt] = Field(alias="answers", description="Latest delivery attempts.")

    @staticmethod
    def resolve_next_attempt_at(row: models.Delivery) -> datetime | None:
        return row.not_before if row.is_postponed else None


class Event(ResponseBody):
    """An event. Webhooks receive the same data."""

    id: EventId = Field(alias="pk", examples=["evt_17"], description="ID of the event.")
    type: str = Field(alias="kind", examples=["case.opened"], description="Type of the event.")
    timestamp: UtcTime = Field(alias="at", examples=[EXAMPLE_TIME], description="Time of the event.")
    data: dict[str, Any] = Field(
        alias="about",
        examples=[{"case": 3, "party": "shop.example", "work": 12}],
        description="Numbers and names of the objects that the event concerns.",
    )
