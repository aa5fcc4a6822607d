"""Events and webhooks."""

from typing import Annotated

from ninja import Path, Router

from desk.api.common.auth import MANAGE, Call, get_request_owner
from desk.api.common.idempotency import make_idempotent
from desk.api.common.pagination import Cursor, Limit, get_page
from desk.schemas import notifications as schemas, requests
from desk.schemas.base import Page
from registry import scoped
from registry.events import events
from registry.models import Delivery
from registry.notifications import webhooks
from workers import wiring

router = Router(tags=["notifications"])
WEBHOOKS, WEBHOOK_PATH = "/owners/{slug:owner}/webhooks", "/owners/{slug:owner}/webhooks/{int:number}"
Message = Annotated[str, Path(pattern="^evt_[0-9]{1,18}$")]


@router.get("/owners/{slug:owner}/events", response=Page[schemas.Event])
def list_events(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Event]:
    """List events of the last 90 days, with a delay of one minute.

    To get only new events, store the value of `last` in the response, and send it as `cursor` in the next request.
    """
    return get_page(events.list_settled_events(get_request_owner(request)), schemas.Event, cursor, limit)


@router.get(WEBHOOKS, response=Page[schemas.Webhook], auth=MANAGE)
def list_webhooks(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Webhook]:
    """List webhooks."""
    return get_page(scoped.list_webhooks(get_request_owner(request)), schemas.Webhook, cursor, limit)


@router.post(WEBHOOKS, response={201: schemas.WebhookWithSecret}, auth=MANAGE)
def add_webhook(request: Call, owner: str, new: requests.NewWebhook) -> schemas.WebhookWithSecret:
    """Add a webhook. Its secret is returned only once, so the operation does not accept an idempotency key."""
    row, secret = webhooks.add_webhook(
        wiring.services(), get_request_owner(request), new.url, new.events, by=request.auth.by
    )
    return schemas.WebhookWithSecret.from_row(row, secret=secret)


@router.get(WEBHOOK_PATH, response=schemas.Webhook, auth=MANAGE)
def get_webhook(request: Call, owner: str, number: int) -> schemas.Webhook:
    """Get a webhook."""
    return schemas.Webhook.from_row(scoped.get_webhook(get_request_owner(request), number))


@router.delete(WEBHOOK_PATH, response={204: None}, auth=MANAGE)
def remove_webhook(request: Call, owner: str, number: int) -> None:
    """Delete a webhook."""
    webhooks.remove_webhook(scoped.get_webhook(get_request_owner(request), number), by=request.auth.by)


@router.post(WEBHOOK_PATH + "/test", response={202: schemas.Delivery}, auth=MANAGE)
@make_idempotent
def test_webhook(request: Call, owner: str, number: int) -> schemas.Delivery:
    """Send a test event to a webhook. The returned delivery contains the result."""
    row = events.record_test(scoped.get_webhook(get_request_owner(request), number))
    wiring.services().enqueue(Delivery, [row.pk])
    return schemas.Delivery.from_row(row)


@router.post(WEBHOOK_PATH + "/pause", response=schemas.Webhook, auth=MANAGE)
@make_idempotent
def pause_webhook(request: Call, owner: str, number: int) -> schemas.Webhook:
    """Pause a webhook. Events are stored until it is resumed."""
    webhooks.pause_webhook(
        scoped.get_webhook(get_request_owner(request), number), webhooks.PAUSED_BY_PROGRAM, by=request.auth.by
    )
    return schemas.Webhook.from_row(scoped.get_webhook(get_request_owner(request), number))


@router.post(WEBHOOK_PATH + "/resume", response=schemas.Webhook, auth=MANAGE)
@make_idempotent
def resume_webhook(request: Call, owner: str, number: int) -> schemas.Webhook:
    """Resume a webhook. Events stored during the pause are sent first."""
    webhooks.resume_webhook(
        wiring.services(), scoped.get_webhook(get_request_owner(request), number), by=request.auth.by
    )
    return schemas.Webhook.from_row(scoped.get_webhook(get_request_owner(request), number))


@router.get(WEBHOOK_PATH + "/deliveries", response=Page[schemas.Delivery], auth=MANAGE)
def list_deliveries(
    request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.Delivery]:
    """List deliveries to a webhook and their results."""
    return get_page(
        scoped.get_webhook(get_request_owner(request), number).deliveries.select_related("event"),
        schemas.Delivery,
        cursor,
        limit,
    )


@router.post(WEBHOOK_PATH + "/deliveries/{message}/redeliver", response={202: schemas.Delivery}, auth=MANAGE)
@make_idempotent
def redeliver_event(request: Call, owner: str, number: int, message: Message) -> schemas.Delivery:
    """Send an event again. The event keeps its ID, so that the receiver can recognise the duplicate."""
    row = scoped.get_message(scoped.get_webhook(get_request_owner(request), number), message)
    webhooks.resend_message(wiring.services(), row)
    return schemas.Delivery.from_row(scoped.get_message(row.webhook, message))
