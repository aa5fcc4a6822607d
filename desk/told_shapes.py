"""The shapes of events, webhooks and what was sent to them."""

from typing import Any

from exhibit.clock import rfc3339
from registry.models import Delivery, Event, Webhook

Plain = dict[str, Any]


def event(row: Event) -> Plain:
    """Something that happened, as webhooks are told of it."""
    return {"message": f"evt_{row.pk}", "type": row.kind, "timestamp": rfc3339(row.at), "data": row.about}


def webhook(row: Webhook) -> Plain:
    """An address that is told of what happens; its secret is told once, elsewhere."""
    return {
        "number": row.number,
        "url": row.url,
        "kinds": row.kinds,
        "made_at": rfc3339(row.made_at),
        "paused_at": row.paused_at and rfc3339(row.paused_at),
        "paused_why": row.paused_why,
        "failing_since": row.failing_since and rfc3339(row.failing_since),
    }


def delivery(row: Delivery) -> Plain:
    """One message to a webhook, and what came of its last tries."""
    return {
        "message": f"evt_{row.event_id}",
        "kind": row.event.kind,
        "at": rfc3339(row.event.at),
        "state": row.state,
        "tries": row.tries,
        "delivered_at": row.delivered_at and rfc3339(row.delivered_at),
        "next_try": rfc3339(row.not_before) if row.put_off and row.not_before else None,
        "answers": row.answers,
    }
