"""Messages to browsers about finds: how many there are and which page shows them, and nothing else."""

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
from registry.notifications.deliver import AT_ONCE, PATIENCE, PAUSES
from registry.notifications.webhooks import Reply, post
from registry.services.services import Services

PAUSE = timedelta(hours=1)
"""Between two messages to a browser: what is found meanwhile is told together."""

KEPT_FOR = timedelta(days=1)
"""How long a service keeps a message for a browser that isn't there; the next one takes its place."""

PAGE = "/finds/"
TRIES = len(PAUSES) + math.ceil((PATIENCE - sum(PAUSES, timedelta())) / PAUSES[-1]) + 1
"""In a row without a good answer, then a browser is sent nothing more: with their pauses they take ``PATIENCE``."""

ENDED = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
"""What a service answers for a browser that takes no more (RFC 8030, 7.3)."""

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent to one browser, and up to which event it tells."""

    url: str
    headers: dict[str, str]
    body: bytes
    told_until: int


def send_messages(services: Services, ids: Sequence[int]) -> None:
    """Send each message that is due, all beside one another.

    One that a service has taken may come twice, when this process dies at that moment: the second takes its place.
    """
    claimed = steps.claim(PushBrowser, ids, services.stale_after)
    rows = PushBrowser.objects.filter(pk__in=claimed).select_related("user").order_by("pk")
    messages = [(row, message) for row in rows if (message := _message(services, row)) is not None]
    if not messages:
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [
            (row, message, pool.submit(post, services, message.url, message.body, message.headers))
            for row, message in messages
        ]
        for row, message, future in asked:
            if (error := future.exception()) is None:
                _keep(row, message, future.result())
            elif isinstance(error, Exception):
                # its words have the address, with which others could send
                LOGGER.error("Sending to a push service broke off: %s", type(error).__name__)
                steps.break_off(PushBrowser, [row.pk], error)


def _message(services: Services, row: PushBrowser) -> Message | None:
    """What there is to send to a claimed browser; where there is nothing, the row is put off or gone."""
    if not row.user.is_active:
        row.delete()
        return None
    if not services.config.push:
        steps.wait(PushBrowser, row.pk, now() + PAUSE)
        return None
    told = push_browsers.news_of(row)
    new, waiting, page = _counted(row.user, told)
    until = told[-1][0] if told else row.told_until
    if not new:
        with transaction.atomic():
            PushBrowser.objects.filter(pk=row.pk).update(told_until=until)
            steps.wait(PushBrowser, row.pk, now())
        return None
    body = web_push.encrypt(_words(row.user, new, waiting, page), bytes(row.public_key), bytes(row.auth))
    headers = {
        "Authorization": web_push.authorization(services.config, row.endpoint),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(int(KEPT_FOR.total_seconds())),
        "Topic": "finds",
    }
    return Message(row.endpoint, headers, body, until)


def _counted(user: User, told: Sequence[tuple[int, int, int]]) -> tuple[int, int, str]:
    """How many of the cases that were opened still wait for a person, how many wait with all others, and where.

    Those of one owner wait on its page; where several have new ones, what waits for all of the person's is counted.
    """
    opened: dict[int, set[int]] = defaultdict(set)
    for _event, of, number in told:
        opened[of].add(number)
    new = dict[Owner, int]()
    for owner in Owner.objects.filter(pk__in=opened):
        numbers = opened[owner.pk]
        still = cases(owner).filter(number__in=numbers, decision=Case.Decision.OPEN, waits=True)
        if count := still.count():
            new[owner] = count
    if len(new) == 1:
        ((owner, count),) = new.items()
        return count, queue.left(owner), f"/o/{owner.slug}{PAGE}"
    return sum(new.values()), sum(map(queue.left, owners_of(user).filter(sample=False))), PAGE


def _words(user: User, new: int, waiting: int, page: str) -> bytes:
    """What the browser shows, in the language of its person."""
    with translation.override(user.reads or settings.LANGUAGE_CODE):
        told = {
            "title": ngettext("%(number)d new find", "%(number)d new finds", new) % {"number": new},
            "body": ngettext("%(number)d to decide", "%(number)d to decide", waiting) % {"number": waiting},
            "lang": translation.get_language(),
            "page": page,
        }
    return json.dumps(told, ensure_ascii=False).encode()


def _keep(row: PushBrowser, message: Message, reply: Reply) -> None:
    """Record what came of one try; a browser that was removed meanwhile stays removed."""
    with transaction.atomic():
        kept = PushBrowser.objects.filter(pk=row.pk)
        if reply.taken:
            told_until = Greatest("told_until", message.told_until)  # its person may have joined an owner meanwhile
            kept.update(told_until=told_until, used_at=now(), misses=0)
            steps.wait(PushBrowser, row.pk, now() + PAUSE)
        elif reply.status in ENDED:
            kept.delete()
        elif row.misses + 1 >= TRIES:
            kept.update(state=StepState.DONE, misses=row.misses + 1, error=reply.sentence)
        else:
            kept.update(misses=row.misses + 1)
            until = max(now() + PAUSES[min(row.misses, len(PAUSES) - 1)], reply.after or now())
            steps.wait(PushBrowser, row.pk, until, reply.sentence)
