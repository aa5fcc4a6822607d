"""Webhooks as an owner arranges them, and one message to one of them."""

import base64
import json
import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import requests
from django.db import transaction
from django.utils.translation import gettext as _
from standardwebhooks import Webhook as Signer
from urllib3.exceptions import HTTPError

from evidence.keys.at_rest import SECRET, decrypt, encrypt
from exhibit.clock import now, rfc3339
from exhibit.config.secrets import master_keys
from exhibit.errors import RefusedError, WrongUseError
from exhibit.machine import machine_fault
from exhibit.network.http import guarded_session
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.db import steps
from registry.db.claimable import StepState
from registry.db.locks import Lock, hold
from registry.db.rows import alone_with, next_number
from registry.events.models import Delivery, Event, EventKind, Webhook
from registry.log import audit_log
from registry.services.addresses import absolute
from registry.services.same_secrets import encrypting_key
from registry.services.services import Services

PREFIX = "whsec_"
SECONDS = 10.0  # for each part of an exchange; then a webhook counts as silent
MAX_WEBHOOKS = 20  # webhooks of an owner
AT_FIRST = 50  # messages that go at once when a webhook is resumed; the tick sends the others
BY_A_MEMBER, BY_A_PROGRAM = Sentence("A member paused it."), Sentence("A program paused it.")
"""Why a webhook is paused that somebody paused, as rows say it."""

MAX_URL = 2_000
OFFERED = tuple(kind for kind in EventKind if kind not in (EventKind.WEBHOOK_PAUSED, EventKind.TEST))


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: the same bytes under the same name however often it is tried."""

    url: str
    name: str
    body: str
    secret: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one try."""

    at: datetime  # when it began
    status: int  # of the answer; 0 when there was none
    milliseconds: int  # until then
    sentence: str = ""  # what went wrong; empty when nothing did
    after: datetime | None = None  # when the receiver wants to be asked again, if it says so

    @property
    def taken(self) -> bool:
        """Whether the message was taken."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def gone(self) -> bool:
        """Whether the receiver says that it wants nothing more."""
        return self.status == HTTPStatus.GONE


def add_webhook(services: Services, owner: Owner, url: str, kinds: Collection[str], *, by: str) -> tuple[Webhook, str]:
    """Arrange a webhook for events of some kinds of :data:`OFFERED`, for all where none is named.

    Returns its row, and the secret that its messages are signed with, which nobody can read again. Raises
    ``RefusedError`` when the address may not be reached, ``WrongUseError`` for an unknown kind, or too many webhooks.
    """
    if len(url) > MAX_URL:
        raise WrongUseError(_("The address is too long."))
    services.guard.check_url(url)
    if set(kinds) - set(OFFERED):
        raise WrongUseError(_("There is no such kind of event."))
    secret = secrets.token_bytes(32)
    with alone_with(owner):
        if owner.webhooks.filter(removed_at=None).count() >= MAX_WEBHOOKS:
            sentence = _("There are %(number)d webhooks already.") % {"number": MAX_WEBHOOKS}
            raise WrongUseError(sentence, hint=_("Remove one."))
        hold(Lock.KEYS)  # whoever changes the master key comes before this or after it
        row = Webhook(owner=owner, url=url, made_by=by, made_at=now())
        row.kinds = [kind.value for kind in OFFERED if kind in kinds]
        row.number = next_number(owner.webhooks)
        row.encrypted_secret = encrypt(SECRET, row.identity.bytes, secret, encrypting_key(services.config))
        row.save()
        about = {"kinds": row.kinds, "url": url, "webhook": row.number}
        audit_log.changed("webhook added", by=by, owner=owner, about=about)
    return row, PREFIX + base64.b64encode(secret).decode()


def remove_webhook(row: Webhook, *, by: str) -> None:
    """Send nothing more there; what was sent stays in the list of deliveries for some months."""
    with transaction.atomic():
        if Webhook.objects.filter(pk=row.pk, removed_at=None).update(removed_at=now()):
            row.deliveries.exclude(state=StepState.DONE).delete()
            audit_log.changed("webhook removed", by=by, owner=row.owner, about={"webhook": row.number})


def pause(row: Webhook, why: str, *, by: str) -> bool:
    """Send nothing until somebody resumes it; what happens meanwhile waits. Returns whether it wasn't paused."""
    with transaction.atomic():
        paused = Webhook.objects.filter(pk=row.pk, paused_at=None).update(paused_at=now(), paused_why=why)
        if paused:
            audit_log.changed("webhook paused", by=by, owner=row.owner, about={"webhook": row.number})
    return bool(paused)


def resume(services: Services, row: Webhook, *, by: str) -> None:
    """Send again, what has waited first."""
    with transaction.atomic():
        fresh = {"paused_at": None, "paused_why": "", "misses": 0, "failing_since": None, "ask_after": None}
        if Webhook.objects.filter(pk=row.pk).exclude(paused_at=None).update(**fresh):
            audit_log.changed("webhook resumed", by=by, owner=row.owner, about={"webhook": row.number})
        waiting = row.deliveries.filter(state=StepState.TODO)
        waiting.update(not_before=None, held_since=None)
    services.enqueue(Delivery, list(waiting.order_by("pk").values_list("pk", flat=True)[:AT_FIRST]))


def send_again(services: Services, delivery: Delivery) -> None:
    """Send a message once more, under its name; receivers know by it that it is the same."""
    Delivery.objects.filter(pk=delivery.pk).exclude(state=StepState.DOING).update(**steps.afresh())
    services.enqueue(Delivery, [delivery.pk])


def message_of(services: Services, row: Webhook, event: Event) -> Message:
    """What a webhook is told of an event."""
    data = {"owner": event.owner.slug, **event.about, "url": absolute(services.config, page_of(event))}
    told = {"type": event.kind, "timestamp": rfc3339(event.at), "data": data}
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    secret = decrypt(SECRET, bytes(row.encrypted_secret), *master_keys(services.config))
    return Message(row.url, f"evt_{event.pk}", body, PREFIX + base64.b64encode(secret).decode())


def page_of(event: Event) -> str:
    """The page of the site that an event is about."""
    start, about = f"/o/{event.owner.slug}", event.about
    for what, folder in (("case", "cases"), ("watch", "watches"), ("notice", "notices"), ("work", "works")):
        if what in about:
            return f"{start}/{folder}/{about[what]}/"
    return f"{start}/told/" if "webhook" in about else f"{start}/downloads/"


def send(services: Services, message: Message) -> Reply:
    """Send a message once, as :func:`post` does."""
    signed_at = now()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message.name,
        "webhook-timestamp": str(int(signed_at.timestamp())),
        "webhook-signature": Signer(message.secret).sign(message.name, signed_at, message.body),
    }
    return post(services, message.url, message.body.encode(), headers)


def post(services: Services, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
    """Post something once to an address of a stranger's. Redirects aren't followed; the answer's body isn't read."""
    begun, clock = now(), time.monotonic()
    status, sentence, after = 0, "", None
    try:
        with guarded_session(services.guard, timeout=SECONDS, user_agent=services.user_agent) as session:
            answer = session.post(url, body, headers=headers, allow_redirects=False)
            answer.close()
        status, after = answer.status_code, _retry_after(answer.headers.get("Retry-After", ""), begun)
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            sentence = Sentence("It answered with status %(status)s.", status=status)
    except RefusedError as error:
        sentence = error.message
    except requests.Timeout:
        sentence = Sentence("It didn't answer in time.")
    except (requests.RequestException, HTTPError, OSError, UnicodeError) as error:
        if machine_fault(error):
            raise
        sentence = Sentence("It can't be reached.")
    return Reply(begun, status, int((time.monotonic() - clock) * 1000), sentence, after)


def _retry_after(text: str, moment: datetime) -> datetime | None:
    if text.isascii() and text.isdecimal():
        return moment + timedelta(seconds=min(int(text[:9]), 86_400))
    try:
        return min(parsedate_to_datetime(text), moment + timedelta(days=1)) if text else None
    except (ValueError, TypeError, OverflowError):  # whatever a stranger writes there stops nobody else's messages
        return None
