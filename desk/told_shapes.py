"""The shapes of events, webhooks and what was sent to them."""

from desk.plain_rows import Plain, fields
from exhibit.clock import rfc3339
from registry.models import Delivery, Event, Webhook


def event(row: Event) -> Plain:
    """Something that happened, as webhooks are told of it."""
    return {"message": f"evt_{row.pk}", "type": row.kind, "timestamp": rfc3339(row.at), "data": row.about}


def webhook(row: Webhook) -> Plain:
    """An address that is told of what happens; its secret is told once, elsewhere."""
    return fields(row, "number url kinds made_at paused_at paused_why failing_since")


def delivery(row: Delivery) -> Plain:
    """One message to a webhook, and what came of its last tries."""
    return {
        "message": f"evt_{row.event_id}",
        **fields(row.event, "kind at"),
        **fields(row, "state tries delivered_at answers"),
        "next_try": rfc3339(row.not_before) if row.put_off and row.not_before else None,
    }
