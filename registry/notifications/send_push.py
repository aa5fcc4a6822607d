"""Push notifications about new matches. They contain only counts and the path of the page that lists the matches."""

import json
import logging
import math
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Greatest
from django.utils import translation
from django.utils.translation import ngettext

from exhibit.clock import now
from registry.accounts.models import Owner, User
from registry.accounts.scoped import list_owners
from registry.cases import queue
from registry.cases.models import Case
from registry.cases.scoped import list_owner_cases
from registry.db import steps
from registry.db.claimable import StepState
from registry.events import push_subscriptions, web_push
from registry.events.models import PushSubscription
from registry.notifications.deliver import MAX_FAILURE_PERIOD, MAX_PARALLEL, RETRY_PAUSES
from registry.notifications.webhooks import DeliveryResult, post
from registry.services.services import Services

MIN_INTERVAL = timedelta(hours=1)
"""Minimum interval between two notifications to a browser; matches in between are combined."""

TIME_TO_LIVE = timedelta(days=1)
"""Time for which the push service keeps a notification for an offline browser. A later one replaces it."""

MATCHES_PATH = "/finds/"
MAX_TRIES = len(RETRY_PAUSES) + math.ceil((MAX_FAILURE_PERIOD - sum(RETRY_PAUSES, timedelta())) / RETRY_PAUSES[-1]) + 1
"""Number of consecutive failures after which no further attempts are made.

The pauses between them add up to ``MAX_FAILURE_PERIOD``.
"""

EXPIRED_STATUSES = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
"""Status codes for an expired subscription (RFC 8030, section 7.3)."""

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """A notification to one browser, with the last event that it covers."""

    url: str
    headers: dict[str, str]
    body: bytes
    last_event: int


def send_messages(services: Services, ids: Sequence[int]) -> None:
    """Send each notification that is due, in parallel.

    A notification may be sent twice if this process dies right after the push service accepted it. The second one
    replaces the first.
    """
    claimed_ids = steps.claim(PushSubscription, ids, services.stale_after)
    rows = PushSubscription.objects.filter(pk__in=claimed_ids).select_related("user").order_by("pk")
    messages = [(row, message) for row in rows if (message := _build_message(services, row)) is not None]
    if not messages:
        return
    with ThreadPoolExecutor(MAX_PARALLEL) as pool:
        futures = [
            (row, message, pool.submit(post, services, message.url, message.body, message.headers))
            for row, message in messages
        ]
        for row, message, future in futures:
            if (error := future.exception()) is None:
                _record_result(row, message, future.result())
            elif isinstance(error, Exception):
                # The error text contains the URL. Anyone who has it could send notifications.
                LOGGER.error("A request to a push service was interrupted: %s", type(error).__name__)
                steps.release_after_error(PushSubscription, [row.pk], error)


def _build_message(services: Services, row: PushSubscription) -> Message | None:
    """Return the notification for a claimed subscription. If there is nothing to send, postpone or delete the row."""
    if not row.user.is_active:
        row.delete()
        return None
    if not services.config.push:
        steps.postpone_by_id(PushSubscription, row.pk, now() + MIN_INTERVAL)
        return None
    news = push_subscriptions.list_news(row)
    new_count, open_count, page = _count_open_cases(row.user, news)
    last_event = news[-1][0] if news else row.notified_until
    if not new_count:
        with transaction.atomic():
            PushSubscription.objects.filter(pk=row.pk).update(notified_until=last_event)
            steps.postpone_by_id(PushSubscription, row.pk, now())
        return None
    body = web_push.encrypt(
        _build_payload(row.user, new_count, open_count, page), bytes(row.public_key), bytes(row.auth)
    )
    headers = {
        "Authorization": web_push.build_authorization(services.config, row.endpoint),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(int(TIME_TO_LIVE.total_seconds())),
        "Topic": "finds",
    }
    return Message(row.endpoint, headers, body, last_event)


def _count_open_cases(user: User, events: Sequence[tuple[int, int, int]]) -> tuple[int, int, str]:
    """Return the number of new open cases, the number of all open cases, and the path of the page that lists them.

    If all new cases belong to one owner, return the count and page of that owner; otherwise those of all the user's
    owners.
    """
    new_case_numbers: dict[int, set[int]] = defaultdict(set)
    for _event, owner_id, number in events:
        new_case_numbers[owner_id].add(number)
    new_counts = dict[Owner, int]()
    for owner in Owner.objects.filter(pk__in=new_case_numbers):
        numbers = new_case_numbers[owner.pk]
        open_cases = list_owner_cases(owner).filter(number__in=numbers, decision=Case.Decision.OPEN, is_pending=True)
        if count := open_cases.count():
            new_counts[owner] = count
    if len(new_counts) == 1:
        ((owner, count),) = new_counts.items()
        return count, queue.count_pending_cases(owner), f"/o/{owner.slug}{MATCHES_PATH}"
    return (
        sum(new_counts.values()),
        sum(map(queue.count_pending_cases, list_owners(user).filter(sample=False))),
        MATCHES_PATH,
    )


def _build_payload(user: User, new_count: int, open_count: int, page: str) -> bytes:
    """Return the notification's JSON payload in the user's language."""
    with translation.override(user.message_language or settings.LANGUAGE_CODE):
        payload = {
            "title": ngettext("%(number)d new match", "%(number)d new matches", new_count) % {"number": new_count},
            "body": ngettext(
                "%(number)d case is waiting for a decision", "%(number)d cases are waiting for a decision", open_count
            )
            % {"number": open_count},
            "lang": translation.get_language(),
            "page": page,
        }
    return json.dumps(payload, ensure_ascii=False).encode()


def _record_result(row: PushSubscription, message: Message, result: DeliveryResult) -> None:
    """Record the result of one attempt. A subscription that was removed in the meantime stays removed."""
    with transaction.atomic():
        subscriptions = PushSubscription.objects.filter(pk=row.pk)
        if result.is_accepted:
            last_event = Greatest("notified_until", message.last_event)  # The user may have joined an owner since.
            subscriptions.update(notified_until=last_event, used_at=now(), misses=0)
            steps.postpone_by_id(PushSubscription, row.pk, now() + MIN_INTERVAL)
        elif result.status in EXPIRED_STATUSES:
            subscriptions.delete()
        elif row.misses + 1 >= MAX_TRIES:
            subscriptions.update(state=StepState.DONE, misses=row.misses + 1, error=result.error)
        else:
            subscriptions.update(misses=row.misses + 1)
            retry_at = max(now() + RETRY_PAUSES[min(row.misses, len(RETRY_PAUSES) - 1)], result.retry_at or now())
            steps.postpone_by_id(PushSubscription, row.pk, retry_at, result.error)
