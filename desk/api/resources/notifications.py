"""Events and webhooks."""

from typing import Annotated

from ninja import Path, Router

from desk.api.common.auth import MANAGE, Call, of
from desk.api.common.idempotency import once
from desk.api.common.pagination import Cursor, Limit, page
from desk.schemas import notifications as schemas, requests
from desk.schemas.base import Page
from registry import scoped
from registry.events import events
from registry.models import Delivery
from registry.notifications import webhooks
from workers import wiring

router = Router(tags=["being told"])
WEBHOOKS, ONE = "/owners/{slug:owner}/webhooks", "/owners/{slug:owner}/webhooks/{int:number}"
Message = Annotated[str, Path(pattern="^evt_[0-9]{1,18}$")]


@router.get("/owners/{slug:owner}/events", response=Page[schemas.Event])
def list_events(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Event]:
    """List events of the last months, delayed by one minute. Save `last` and send it as `cursor` to get new ones."""
    return page(events.settled_events(of(request)), schemas.Event, cursor, limit)


@router.get(WEBHOOKS, response=Page[schemas.Webhook], auth=MANAGE)
def list_webhooks(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Webhook]:
    """List webhooks."""
    return page(scoped.webhooks(of(request)), schemas.Webhook, cursor, limit)


@router.post(WEBHOOKS, response={201: schemas.WebhookWithSecret}, auth=MANAGE)
def add_webhook(request: Call, owner: str, new: requests.NewWebhook) -> schemas.WebhookWithSecret:
    """Add a webhook. Its secret is returned only once, so the operation takes no idempotency key."""
    row, secret = webhooks.add_webhook(wiring.services(), of(request), new.url, new.events, by=request.auth.by)
    return schemas.WebhookWithSecret.from_row(row, secret=secret)


@router.get(ONE, response=schemas.Webhook, auth=MANAGE)
def get_webhook(request: Call, owner: str, number: int) -> schemas.Webhook:
    """Get a webhook."""
    return schemas.Webhook.from_row(scoped.webhook(of(request), number))


@router.delete(ONE, response={204: None}, auth=MANAGE)
def remove_webhook(request: Call, owner: str, number: int) -> None:
    """Delete a webhook."""
    webhooks.remove_webhook(scoped.webhook(of(request), number), by=request.auth.by)


@router.post(ONE + "/test", response={202: schemas.Delivery}, auth=MANAGE)
@once
def test_webhook(request: Call, owner: str, number: int) -> schemas.Delivery:
    """Send a test event. Its delivery contains the result."""
    row = events.record_test(scoped.webhook(of(request), number))
    wiring.services().enqueue(Delivery, [row.pk])
    return schemas.Delivery.from_row(row)


@router.post(ONE + "/pause", response=schemas.Webhook, auth=MANAGE)
@once
def pause_webhook(request: Call, owner: str, number: int) -> schemas.Webhook:
    """Pause a webhook. Events are stored until it is resumed."""
    webhooks.pause(scoped.webhook(of(request), number), webhooks.PAUSED_BY_PROGRAM, by=request.auth.by)
    return schemas.Webhook.from_row(scoped.webhook(of(request), number))


@router.post(ONE + "/resume", response=schemas.Webhook, auth=MANAGE)
@once
def resume_webhook(request: Call, owner: str, number: int) -> schemas.Webhook:
    """Resume a webhook. Stored events are sent first."""
    webhooks.resume(wiring.services(), scoped.webhook(of(request), number), by=request.auth.by)
    return schemas.Webhook.from_row(scoped.webhook(of(request), number))


@router.get(ONE + "/deliveries", response=Page[schemas.Delivery], auth=MANAGE)
def list_deliveries(
    request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.Delivery]:
    """List deliveries to a webhook and their results."""
    return page(scoped.webhook(of(request), number).deliveries.select_related("event"), schemas.Delivery, cursor, limit)


@router.post(ONE + "/deliveries/{message}/redeliver", response={202: schemas.Delivery}, auth=MANAGE)
@once
def redeliver_event(request: Call, owner: str, number: int, message: Message) -> schemas.Delivery:
    """Send an event again with the same ID, so that the receiver can recognise the repetition."""
    row = scoped.get_message(scoped.webhook(of(request), number), message)
    webhooks.send_again(wiring.services(), row)
    return schemas.Delivery.from_row(scoped.get_message(row.webhook, message))
