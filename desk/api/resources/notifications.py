"""Events and webhooks."""

from typing import Annotated

from ninja import Path

from desk.api.common.auth import MANAGE, Call, of
from desk.api.common.resource import Cursor, Limit, Resource, page
from desk.schemas import notifications as schemas, requests
from desk.schemas.base import Piece
from registry.accounts import scoped
from registry.notifications import events
from workers import jobs
from workers.notify import webhooks
from workers.services import wiring

router = Resource("being told")
WEBHOOKS, ONE = "/owners/{slug:owner}/webhooks", "/owners/{slug:owner}/webhooks/{int:number}"
Message = Annotated[str, Path(pattern="^evt_[0-9]{1,18}$")]

HAPPENED = "What happened, of the last months, a minute later. Keep `last`, and ask again with it for what is new."
router.lists("/owners/{slug:owner}/events", "list_events", schemas.Event, events.settled, HAPPENED)
router.lists(WEBHOOKS, "list_webhooks", schemas.Webhook, scoped.webhooks, "The webhooks.", MANAGE)


@router.post(WEBHOOKS, MANAGE, 201, keyed=False)
def add_webhook(request: Call, new: requests.NewWebhook) -> schemas.WebhookWithSecret:
    """Add a webhook. Its secret is told this once, and kept with no answer: there is no key to send this again with."""
    row, secret = webhooks.add_webhook(wiring.services(), of(request), new.url, new.kinds, by=request.auth.by)
    return schemas.WebhookWithSecret.from_row(row, secret=secret)


router.shows(ONE, "get_webhook", schemas.Webhook, scoped.webhook, "One webhook.", MANAGE)
router.removes(ONE, "remove_webhook", webhooks.remove_webhook, "Send nothing more there.", scoped.webhook, MANAGE)


@router.post(ONE + "/test", MANAGE, 202)
def test_webhook(request: Call, number: int) -> schemas.Delivery:
    """Send a test; its delivery says what came of it."""
    row = events.record_test(scoped.webhook(of(request), number))
    wiring.services().enqueue(jobs.deliver, [row.pk])
    return schemas.Delivery.from_row(row)


@router.post(ONE + "/pause", MANAGE)
def pause_webhook(request: Call, number: int) -> schemas.Webhook:
    """Send nothing until it is resumed; what happens meanwhile waits."""
    webhooks.pause(scoped.webhook(of(request), number), webhooks.BY_A_PROGRAM, by=request.auth.by)
    return schemas.Webhook.from_row(scoped.webhook(of(request), number))


AGAIN = "Send again, what has waited first."
router.changes(ONE + "/resume", "resume_webhook", schemas.Webhook, scoped.webhook, webhooks.resume, AGAIN, MANAGE)


@router.get(ONE + "/deliveries", MANAGE)
def list_deliveries(request: Call, number: int, cursor: Cursor = "", limit: Limit = 50) -> Piece[schemas.Delivery]:
    """The messages to a webhook, and what came of them."""
    return page(scoped.webhook(of(request), number).deliveries.select_related("event"), schemas.Delivery, cursor, limit)


@router.post(ONE + "/deliveries/{message}/again", MANAGE, 202)
def send_again(request: Call, number: int, message: Message) -> schemas.Delivery:
    """Send a message once more, under its name; a receiver knows by it that it is the same."""
    row = scoped.message(scoped.webhook(of(request), number), message)
    webhooks.send_again(wiring.services(), row)
    return schemas.Delivery.from_row(scoped.message(row.webhook, message))
