"""Queries for webhooks and their messages, limited to one owner."""

from registry.accounts.scoped import numbered, rows_of_owner
from registry.db.rows import there
from registry.events.models import Delivery, Webhook

webhooks = rows_of_owner(Webhook, "owner", order="number", removed_at=None)


def message(of: Webhook, named: str) -> Delivery:
    """Return a webhook's message by its name, such as ``evt_17``."""
    key = named.removeprefix("evt_")
    rows = of.deliveries.filter(event=int(key) if key.isascii() and key.isdecimal() else 0).select_related("event")
    return there(rows.first(), f"The webhook {of.number} has no such message.")


webhook = numbered(webhooks, "webhook")
