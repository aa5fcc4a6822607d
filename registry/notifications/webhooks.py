"""Management of an owner's webhooks, and delivery of a single message."""

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
from exhibit.clock import format_rfc3339, now
from exhibit.config.secrets import load_master_keys
from exhibit.errors import InvalidRequestError, RefusedError
from exhibit.machine import describe_machine_fault
from exhibit.network.http import create_guarded_session
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.db import steps
from registry.db.claimable import StepState
from registry.db.locks import Lock, hold
from registry.db.rows import get_next_number, lock_row
from registry.events.models import Delivery, Event, EventKind, Webhook
from registry.log import audit_log
from registry.services.addresses import build_absolute_url
from registry.services.secret_fingerprints import get_encryption_key
from registry.services.services import Services

PREFIX = "whsec_"
REQUEST_TIMEOUT_SECONDS = 10.0  # Timeout for each part of a request, after which the webhook counts as unresponsive.
MAX_WEBHOOKS = 20  # Maximum number of webhooks per owner.
MAX_SENT_ON_RESUME = 50  # Messages sent at once when a webhook is resumed. The periodic tick sends the others.
PAUSED_BY_MEMBER, PAUSED_BY_PROGRAM = Sentence("Paused by a member."), Sentence("Paused through the API.")
"""Reasons for a paused webhook, as stored in its row."""

MAX_URL_LENGTH = 2_000
EVENT_KINDS = tuple(kind for kind in EventKind if kind not in (EventKind.WEBHOOK_PAUSED, EventKind.TEST))


@dataclass(frozen=True, slots=True)
class Message:
    """A message to send. Retries use the same bytes and name."""

    url: str
    name: str
    body: str
    secret: str


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """Result of one delivery attempt."""

    started_at: datetime  # Start of the attempt.
    status: int  # HTTP status, or 0 if there was no response.
    milliseconds: int  # Response time.
    error: str = ""  # Error; empty on success.
    retry_at: datetime | None = None  # Time from the Retry-After header, if any.

    @property
    def is_accepted(self) -> bool:
        """True if the receiver accepted the message."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_gone(self) -> bool:
        """True if the receiver no longer accepts messages (HTTP 410)."""
        return self.status == HTTPStatus.GONE


def add_webhook(services: Services, owner: Owner, url: str, kinds: Collection[str], *, by: str) -> tuple[Webhook, str]:
    """Create a webhook for some or (if ``kinds`` is empty) all kinds of events in :data:`EVENT_KINDS`.

    Returns:
        The webhook, and the secret that signs its messages. It cannot be read again later.

    Raises:
        RefusedError: The URL is not allowed.
        InvalidRequestError: A kind is unknown, the URL is too long, or the owner has too many webhooks.
    """
    if len(url) > MAX_URL_LENGTH:
        raise InvalidRequestError(_("The URL is too long."))
    services.guard.check_url(url)
    if set(kinds) - set(EVENT_KINDS):
        raise InvalidRequestError(_("Unknown event type."))
    secret = secrets.token_bytes(32)
    with lock_row(owner):
        if owner.webhooks.filter(removed_at=None).count() >= MAX_WEBHOOKS:
            sentence = _("There are already %(number)d webhooks.") % {"number": MAX_WEBHOOKS}
            raise InvalidRequestError(sentence, hint=_("Remove a webhook before you add another one."))
        hold(Lock.KEYS)  # The master key must not be rotated meanwhile.
        row = Webhook(owner=owner, url=url, made_by=by, made_at=now())
        row.kinds = [kind.value for kind in EVENT_KINDS if kind in kinds]
        row.number = get_next_number(owner.webhooks)
        row.encrypted_secret = encrypt(SECRET, row.identity.bytes, secret, get_encryption_key(services.config))
        row.save()
        details = {"kinds": row.kinds, "url": url, "webhook": row.number}
        audit_log.log_change("webhook added", by=by, owner=owner, details=details)
    return row, PREFIX + base64.b64encode(secret).decode()


def remove_webhook(row: Webhook, *, by: str) -> None:
    """Remove a webhook. Its finished deliveries are still listed for some months."""
    with transaction.atomic():
        if Webhook.objects.filter(pk=row.pk, removed_at=None).update(removed_at=now()):
            row.deliveries.exclude(state=StepState.DONE).delete()
            audit_log.log_change("webhook removed", by=by, owner=row.owner, details={"webhook": row.number})


def pause_webhook(row: Webhook, reason: str, *, by: str) -> bool:
    """Pause a webhook until it is resumed; its events are queued. Return True if it was not paused before."""
    with transaction.atomic():
        updated_rows = Webhook.objects.filter(pk=row.pk, paused_at=None).update(paused_at=now(), pause_reason=reason)
        if updated_rows:
            audit_log.log_change("webhook paused", by=by, owner=row.owner, details={"webhook": row.number})
    return bool(updated_rows)


def resume_webhook(services: Services, row: Webhook, *, by: str) -> None:
    """Resume a webhook, starting with the messages that have queued up."""
    with transaction.atomic():
        defaults = {"paused_at": None, "pause_reason": "", "misses": 0, "failing_since": None, "ask_after": None}
        if Webhook.objects.filter(pk=row.pk).exclude(paused_at=None).update(**defaults):
            audit_log.log_change("webhook resumed", by=by, owner=row.owner, details={"webhook": row.number})
        pending_deliveries = row.deliveries.filter(state=StepState.QUEUED)
        pending_deliveries.update(not_before=None, held_since=None)
    services.enqueue(
        Delivery, list(pending_deliveries.order_by("pk").values_list("pk", flat=True)[:MAX_SENT_ON_RESUME])
    )


def resend_message(services: Services, delivery: Delivery) -> None:
    """Send a message again under the same name, so that receivers can recognise the duplicate."""
    Delivery.objects.filter(pk=delivery.pk).exclude(state=StepState.RUNNING).update(**steps.build_reset_columns())
    services.enqueue(Delivery, [delivery.pk])


def build_message(services: Services, row: Webhook, event: Event) -> Message:
    """Return the message that informs a webhook of an event."""
    data = {"owner": event.owner.slug, **event.about, "url": build_absolute_url(services.config, get_page_path(event))}
    payload = {"type": event.kind, "timestamp": format_rfc3339(event.at), "data": data}
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    secret = decrypt(SECRET, bytes(row.encrypted_secret), *load_master_keys(services.config))
    return Message(row.url, f"evt_{event.pk}", body, PREFIX + base64.b64encode(secret).decode())


def get_page_path(event: Event) -> str:
    """Return the path of the page that an event is about."""
    owner_path, details = f"/o/{event.owner.slug}", event.about
    for key, folder in (("case", "cases"), ("watch", "watches"), ("notice", "notices"), ("work", "works")):
        if key in details:
            return f"{owner_path}/{folder}/{details[key]}/"
    return f"{owner_path}/told/" if "webhook" in details else f"{owner_path}/downloads/"


def send_message(services: Services, message: Message) -> DeliveryResult:
    """Sign a message and send it once, as :func:`post` does."""
    signed_at = now()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message.name,
        "webhook-timestamp": str(int(signed_at.timestamp())),
        "webhook-signature": Signer(message.secret).sign(message.name, signed_at, message.body),
    }
    return post(services, message.url, message.body.encode(), headers)


def post(services: Services, url: str, body: bytes, headers: Mapping[str, str]) -> DeliveryResult:
    """Send one POST request to a third-party URL. Redirects are not followed and the response body is not read."""
    started_at, monotonic_start = now(), time.monotonic()
    status, error_message, retry_at = 0, "", None
    try:
        with create_guarded_session(
            services.guard, timeout=REQUEST_TIMEOUT_SECONDS, user_agent=services.user_agent
        ) as session:
            response = session.post(url, body, headers=headers, allow_redirects=False)
            response.close()
        status, retry_at = response.status_code, _parse_retry_after(response.headers.get("Retry-After", ""), started_at)
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            error_message = Sentence("The server returned status %(status)s.", status=status)
    except RefusedError as error:
        error_message = error.message
    except requests.Timeout:
        error_message = Sentence("The server did not respond in time.")
    except (requests.RequestException, HTTPError, OSError, UnicodeError) as error:
        if describe_machine_fault(error):
            raise
        error_message = Sentence("The server could not be reached.")
    return DeliveryResult(started_at, status, int((time.monotonic() - monotonic_start) * 1000), error_message, retry_at)


def _parse_retry_after(text: str, since: datetime) -> datetime | None:
    if text.isascii() and text.isdecimal():
        return since + timedelta(seconds=min(int(text[:9]), 86_400))
    try:
        return min(parsedate_to_datetime(text), since + timedelta(days=1)) if text else None
    except (ValueError, TypeError, OverflowError):  # Invalid values must not block other messages.
        return None
