"""Events and webhooks."""

from http import HTTPStatus
from typing import Annotated

from django.http import HttpResponse
from ninja import Path, Router

from desk.api.common.auth import MANAGE, Call, of
from desk.api.common.idempotency import once
from desk.api.common.paging import Cursor, Limit, page
from desk.schemas import notifications as schemas
from desk.schemas import requests
from desk.schemas.base import Piece
from registry.accounts import scoped
from registry.notifications import events
from workers.notify import webhooks
from workers.services import wiring

router = Router(tags=["being told"])
WEBHOOKS, ONE = "/owners/{slug:owner}/webhooks", "/owners/{slug:owner}/webhooks/{int:number}"


@router.get("/owners/{slug:owner}/events", response=Piece[schemas.Event], operation_id="list_events")
def list_events(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Piece[schemas.Event]:
    """What happened, of the last months, a minute later. Keep `last`, and ask again with it for what is new."""
    return page(events.settled(of(request)), schemas.Event, cursor, limit, key="pk")


@router.get(WEBHOOKS, auth=MANAGE, response=Piece[schemas.Webhook], operation_id="list_webhooks")
def list_webhooks(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Piece[schemas.Webhook]:
    """The webhooks."""
    return page(scoped.webhooks(of(request)), schemas.Webhook, cursor, limit)


@router.post(WEBHOOKS, auth=MANAGE, response={201: schemas.WebhookWithSecret}, operation_id="add_webhook")
def add_webhook(request: Call, owner: str, new: requests.NewWebhook) -> schemas.WebhookWithSecret:
    """Add a webhook. Its secret is told this once, and kept with no answer: there is no key to send this again with."""
    row, secret = webhooks.add_webhook(wiring.services(), of(request), new.url, new.kinds, by=request.auth.by)
    return schemas.WebhookWithSecret.from_row(row, secret=secret)


@router.get(ONE, auth=MANAGE, response=schemas.Webhook, operation_id="get_webhook")
def get_webhook(request: Call, owner: str, number: int) -> schemas.Webhook:
    """One webhook."""
    return schemas.Webhook.from_row(scoped.webhook(of(request), number))


@router.delete(ONE, auth=MANAGE, response={204: None}, operation_id="remove_webhook")
def remove_webhook(request: Call, owner: str, number: int) -> HttpResponse:
    """Send nothing more there."""
    webhooks.remove_webhook(scoped.webhook(of(request), number), by=request.auth.by)
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@router.post(ONE + "/test", auth=MANAGE, response={202: schemas.Delivery}, operation_id="test_webhook")
@once
def test_webhook(request: Call, owner: str, number: int) -> schemas.Delivery:
    """Send a test; its delivery says what came of it."""
    row = events.record_test(scoped.webhook(of(request), number))
    wiring.services().enqueue("deliver", [row.pk])
    return schemas.Delivery.from_row(row)


@router.post(ONE + "/pause", auth=MANAGE, response=schemas.Webhook, operation_id="pause_webhook")
@once
def pause_webhook(request: Call, owner: str, number: int) -> schemas.Webhook:
    """Send nothing until it is resumed; what happens meanwhile waits."""
    webhooks.pause(scoped.webhook(of(request), number), webhooks.BY_A_PROGRAM, by=request.auth.by)
    return schemas.Webhook.from_row(scoped.webhook(of(request), number))


@router.post(ONE + "/resume", auth=MANAGE, response=schemas.Webhook, operation_id="resume_webhook")
@once
def resume_webhook(request: Call, owner: str, number: int) -> schemas.Webhook:
    """Send again, what has waited first."""
    webhooks.resume(wiring.services(), scoped.webhook(of(request), number), by=request.auth.by)
    return schemas.Webhook.from_row(scoped.webhook(of(request), number))


@router.get(ONE + "/deliveries", auth=MANAGE, response=Piece[schemas.Delivery], operation_id="list_deliveries")
def list_deliveries(
    request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50
) -> Piece[schemas.Delivery]:
    """The messages to a webhook, and what came of them."""
    rows = scoped.webhook(of(request), number).deliveries.select_related("event")
    return page(rows, schemas.Delivery, cursor, limit, key="pk")


@router.post(
    ONE + "/deliveries/{message}/again", auth=MANAGE, response={202: schemas.Delivery}, operation_id="send_again"
)
@once
def send_again(
    request: Call, owner: str, number: int, message: Annotated[str, Path(pattern="^evt_[0-9]{1,18}$")]
) -> schemas.Delivery:
    """Send a message once more, under its name; a receiver knows by it that it is the same."""
    row = scoped.message(scoped.webhook(of(request), number), message)
    webhooks.send_again(wiring.services(), row)
    return schemas.Delivery.from_row(scoped.message(row.webhook, message))
