"""Delivery of webhook messages: in order for each webhook, in parallel across webhooks, with retries."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db import transaction

from exhibit.clock import format_rfc3339, now
from exhibit.errors import IntegrityError
from exhibit.sentences import Sentence, to_plain
from registry.db import steps
from registry.db.claimable import StepState
from registry.events import events
from registry.events.models import Delivery, EventKind, Webhook
from registry.notifications.webhooks import DeliveryResult, Message, build_message, pause_webhook, send_message
from registry.services.services import Services

RETRY_PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 12 * 3_600)
)
"""Retry intervals for a webhook that does not respond; the last one repeats."""

MAX_FAILURE_PERIOD = timedelta(days=5)
"""Time without a successful response after which a webhook is paused and the owner is notified."""

MAX_PARALLEL = 8  # Webhooks served in parallel.

MAX_BATCH = 10  # Messages to one webhook per batch, so that a busy webhook does not hold up others.

LOGGER = logging.getLogger(__name__)
MAX_STORED_RESULTS = 10
PAUSED_MESSAGE = Sentence("The webhook is paused.")


def deliver_messages(services: Services, ids: Sequence[int]) -> None:
    """Send each message that is due. An unresponsive webhook delays only its own messages."""
    claimed = steps.claim(Delivery, ids, services.stale_after)
    rows = Delivery.objects.filter(pk__in=claimed).select_related("webhook__owner", "event__owner").order_by("pk")
    queues = _build_queues(services, rows)
    if not queues:
        return
    with ThreadPoolExecutor(MAX_PARALLEL) as pool:
        futures = {
            pool.submit(_send_until_failure, services, [message for _, message in queue]): queue for queue in queues
        }
        for future, queue in futures.items():
            results, error = future.result()
            for (row, _), result in zip(queue, results, strict=False):
                _record_result(row, result)
            unsent_rows = [row for row, _ in queue[len(results) :]]
            if error is not None:
                LOGGER.error("A request to a webhook was interrupted.", exc_info=error)
                steps.release_after_error(Delivery, [row.pk for row in unsent_rows], error)
                continue
            for row in unsent_rows:  # Postpone the messages after one that was not accepted.
                row.webhook.refresh_from_db()
                steps.postpone_by_id(Delivery, row.pk, row.webhook.ask_after or now(), results[-1].error)


def _build_queues(services: Services, rows: Iterable[Delivery]) -> list[list[tuple[Delivery, Message]]]:
    """Return the messages that can be sent now, by webhook. The others are postponed."""
    queues: dict[int, list[tuple[Delivery, Message]]] = defaultdict(list)
    for row in rows:
        hook = row.webhook
        if hook.removed_at is not None:  # The event was recorded while the webhook was being removed.
            row.delete()
        elif hook.paused_at is not None:
            steps.postpone_by_id(Delivery, row.pk, now() + MAX_FAILURE_PERIOD, PAUSED_MESSAGE)
        elif hook.ask_after is not None and hook.ask_after > now():
            steps.postpone_by_id(Delivery, row.pk, hook.ask_after, row.error)
        elif len(queues[hook.pk]) >= MAX_BATCH:
            steps.postpone_by_id(Delivery, row.pk, now())
        else:
            try:
                queues[hook.pk].append((row, build_message(services, hook, row.event)))
            except IntegrityError as error:
                steps.record_failure(Delivery, row.pk, error.sentence, retry=False)
    return [queue for queue in queues.values() if queue]


def _send_until_failure(
    services: Services, messages: Sequence[Message]
) -> tuple[list[DeliveryResult], Exception | None]:
    """Send messages to one webhook until one fails. Runs in a thread, without database access."""
    results: list[DeliveryResult] = []
    for message in messages:
        try:
            results.append(send_message(services, message))
        except Exception as error:  # noqa: BLE001 - logged by the caller after recording the results
            return results, error
        if not results[-1].is_accepted:
            break
    return results, None


def _record_result(row: Delivery, result: DeliveryResult) -> None:
    """Record the result of one attempt for the message and its webhook."""
    attempt = {
        "at": format_rfc3339(result.started_at),
        "status": result.status,
        "milliseconds": result.milliseconds,
        "sentence": to_plain(result.error),
    }
    with transaction.atomic():
        hook = Webhook.objects.select_for_update(no_key=True).select_related("owner").get(pk=row.webhook_id)
        delivery_rows = Delivery.objects.filter(pk=row.pk, state=StepState.RUNNING)
        attempts = [*row.answers, attempt]
        delivery_rows.update(answers=attempts[-MAX_STORED_RESULTS:], tries=row.tries + 1)
        if result.is_accepted:
            Webhook.objects.filter(pk=hook.pk).update(misses=0, failing_since=None, ask_after=None)
            Delivery.objects.filter(pk=row.pk).update(delivered_at=now())
            steps.finish(Delivery, [row.pk])
            return
        failing_since = hook.failing_since or result.started_at
        retry_at = max(now() + RETRY_PAUSES[min(hook.misses, len(RETRY_PAUSES) - 1)], result.retry_at or now())
        Webhook.objects.filter(pk=hook.pk).update(
            misses=hook.misses + 1, failing_since=failing_since, ask_after=retry_at
        )
        steps.postpone_by_id(Delivery, row.pk, retry_at, result.error)
        if (result.is_gone or now() - failing_since > MAX_FAILURE_PERIOD) and pause_webhook(hook, result.error, by=""):
            events.record_event(hook.owner, EventKind.WEBHOOK_PAUSED, {"webhook": hook.number, "address": hook.url})
