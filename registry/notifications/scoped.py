"""Queries for webhooks and their messages, limited to one owner."""

from registry.accounts.scoped import make_number_lookup, make_owner_query
from registry.db.rows import require
from registry.events.models import Delivery, Webhook

list_webhooks = make_owner_query(Webhook, "owner", order="number", removed_at=None)


def get_message(hook: Webhook, name: str) -> Delivery:
    """Return a webhook's message by its name, such as ``evt_17``."""
    key = name.removeprefix("evt_")
    rows = hook.deliveries.filter(event=int(key) if key.isascii() and key.isdecimal() else 0).select_related("event")
    return require(rows.first(), f"The webhook {hook.number} has no such message.")


get_webhook = make_number_lookup(list_webhooks, "webhook")
