"""Queries for webhooks and their messages, limited to one owner."""

from registry.accounts.scoped import number_lookup, rows_of_owner
from registry.db.rows import require
from registry.events.models import Delivery, Webhook

webhooks = rows_of_owner(Webhook, "owner", order="number", removed_at=None)


def get_message(hook: Webhook, name: str) -> Delivery:
    """Return a webhook's message by its name, such as ``evt_17``."""
    key = name.removeprefix("evt_")
    rows = hook.deliveries.filter(event=int(key) if key.isascii() and key.isdecimal() else 0).select_related("event")
    return require(rows.first(), f"The webhook {hook.number} has no such message.")


webhook = number_lookup(webhooks, "webhook")
