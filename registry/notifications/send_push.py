"""Push notifications about finds. They contain only counts and the path of the page that shows the finds."""

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
from registry.accounts.scoped import owners_of
from registry.cases import queue
from registry.cases.models import Case
from registry.cases.scoped import cases
from registry.db import steps
from registry.db.claimable import StepState
from registry.events import push_browsers, web_push
from registry.events.models import PushBrowser
from registry.notifications.deliver import MAX_FAILURE_PERIOD, MAX_PARALLEL, PAUSES
from registry.notifications.webhooks import Reply, post
from registry.services.services import Services

MIN_INTERVAL = timedelta(hours=1)
"""Minimum interval between two notifications to a browser; finds in between are combined."""

TIME_TO_LIVE = timedelta(days=1)
"""Time for which the push service keeps a notification for an offline browser. A later one replaces it."""

PAGE = "/finds/"
MAX_TRIES = len(PAUSES) + math.ceil((MAX_FAILURE_PERIOD - sum(PAUSES, timedelta())) / PAUSES[-1]) + 1
"""Consecutive failures after which a browser is dropped.

With the pauses between them, they take ``MAX_FAILURE_PERIOD``.
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
    told_until: int


def send_messages(services: Services, ids: Sequence[int]) -> None:
    """Send each notification that is due, in parallel.

    A notification may be sent twice if this process dies right after the service accepted it; the second replaces the
    first.
    """
    claimed = steps.claim(PushBrowser, ids, services.stale_after)
    rows = PushBrowser.objects.filter(pk__in=claimed).select_related("user").order_by("pk")
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
                # The error text contains the URL, with which anybody could send notifications.
                LOGGER.error("Sending to a push service broke off: %s", type(error).__name__)
                steps.release_after_error(PushBrowser, [row.pk], error)


def _build_message(services: Services, row: PushBrowser) -> Message | None:
    """Return the notification for a claimed browser. If there is nothing to send, postpone or delete the row."""
    if not row.user.is_active:
        row.delete()
        return None
    if not services.config.push:
        steps.wait(PushBrowser, row.pk, now() + MIN_INTERVAL)
        return None
    news = push_browsers.news_of(row)
    new_count, open_count, page = _count_open(row.user, news)
    last_event = news[-1][0] if news else row.told_until
    if not new_count:
        with transaction.atomic():
            PushBrowser.objects.filter(pk=row.pk).update(told_until=last_event)
            steps.wait(PushBrowser, row.pk, now())
        return None
    body = web_push.encrypt(
        _build_payload(row.user, new_count, open_count, page), bytes(row.public_key), bytes(row.auth)
    )
    headers = {
        "Authorization": web_push.authorization(services.config, row.endpoint),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(int(TIME_TO_LIVE.total_seconds())),
        "Topic": "finds",
    }
    return Message(row.endpoint, headers, body, last_event)


def _count_open(user: User, events: Sequence[tuple[int, int, int]]) -> tuple[int, int, str]:
    """Return the number of new cases that still await a decision, the number of all waiting ones, and a page.

    If the new cases belong to one owner, its waiting cases and page are returned; otherwise those of all the person's
    owners.
    """
    opened: dict[int, set[int]] = defaultdict(set)
    for _event, owner_id, number in events:
        opened[owner_id].add(number)
    new_counts = dict[Owner, int]()
    for owner in Owner.objects.filter(pk__in=opened):
        numbers = opened[owner.pk]
        open_cases = cases(owner).filter(number__in=numbers, decision=Case.Decision.OPEN, waits=True)
        if count := open_cases.count():
            new_counts[owner] = count
    if len(new_counts) == 1:
        ((owner, count),) = new_counts.items()
        return count, queue.count_waiting(owner), f"/o/{owner.slug}{PAGE}"
    return sum(new_counts.values()), sum(map(queue.count_waiting, owners_of(user).filter(sample=False))), PAGE


def _build_payload(user: User, new_count: int, open_count: int, page: str) -> bytes:
    """Return the notification's payload in the person's language."""
    with translation.override(user.reads or settings.LANGUAGE_CODE):
        payload = {
            "title": ngettext("%(number)d new match", "%(number)d new matches", new_count) % {"number": new_count},
            "body": ngettext("%(number)d waiting for a decision", "%(number)d waiting for a decision", open_count)
            % {"number": open_count},
            "lang": translation.get_language(),
            "page": page,
        }
    return json.dumps(payload, ensure_ascii=False).encode()


def _record_result(row: PushBrowser, message: Message, reply: Reply) -> None:
    """Record the result of one attempt. A browser removed in the meantime stays removed."""
    with transaction.atomic():
        browser_rows = PushBrowser.objects.filter(pk=row.pk)
        if reply.is_accepted:
            told_until = Greatest("told_until", message.told_until)  # The person may have joined an owner since.
            browser_rows.update(told_until=told_until, used_at=now(), misses=0)
            steps.wait(PushBrowser, row.pk, now() + MIN_INTERVAL)
        elif reply.status in EXPIRED_STATUSES:
            browser_rows.delete()
        elif row.misses + 1 >= MAX_TRIES:
            browser_rows.update(state=StepState.DONE, misses=row.misses + 1, error=reply.sentence)
        else:
            browser_rows.update(misses=row.misses + 1)
            retry_at = max(now() + PAUSES[min(row.misses, len(PAUSES) - 1)], reply.after or now())
            steps.wait(PushBrowser, row.pk, retry_at, reply.sentence)
