"""Push subscriptions: browsers in which members are notified of matches, and the notifications that are due."""

import base64
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from exhibit.plain import to_one_line
from registry.accounts.models import Owner, User
from registry.db.rows import lock_row, require
from registry.events import events, web_push
from registry.events.models import Event, EventKind, PushSubscription
from registry.log import audit_log
from registry.services.services import Services

MAX_BROWSERS = 10
"""Maximum number of browsers per member."""
MAX_ENDPOINT_LENGTH, MAX_KEY_LENGTH = 1_000, 200
"""Maximum numbers of characters that browsers may send."""


def add_browser(
    services: Services,
    user: User,
    endpoint: str,
    public_key: str,
    auth: str,
    *,
    user_agent: str,
    former_identity: str = "",
) -> PushSubscription:
    """Register a browser for push notifications of new matches.

    Earlier matches are not reported. A browser with the same endpoint or with the former identity is replaced.

    Args:
        services: Services of the installation.
        user: The member.
        endpoint: URL of the browser's push service.
        public_key: Public key of the browser, base64url.
        auth: Authentication secret of the browser, base64url.
        user_agent: User agent, shown to the member.
        former_identity: Identity that the browser had before.

    Raises:
        RefusedError: The endpoint may not be reached.
        InvalidRequestError: Push is switched off, the endpoint is not https or belongs to another user, the keys are
            invalid, or the member has too many browsers.
    """
    if not services.config.push:
        raise InvalidRequestError(_("The operator has turned off push notifications."))
    if len(endpoint) > MAX_ENDPOINT_LENGTH or not endpoint.isascii() or not endpoint.lower().startswith("https://"):
        raise InvalidRequestError(_("The browser provided an address that cannot be used."))
    services.guard.check_url(endpoint)
    try:
        key_bytes, secret = (base64.urlsafe_b64decode(text[:MAX_KEY_LENGTH] + "==") for text in (public_key, auth))
        web_push.check_keys(key_bytes, secret)
    except ValueError:
        raise InvalidRequestError(_("The browser provided keys that cannot be used.")) from None
    newest_event = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    with lock_row(user):
        was_known = _forget_browser(user, endpoint, former_identity)
        if user.push_browsers.count() >= MAX_BROWSERS:
            message = _("You already receive notifications in %(number)d browsers.") % {"number": MAX_BROWSERS}
            raise InvalidRequestError(
                message, hint=_("Remove a browser under “Your account” before you add another one.")
            )
        values = {"user_agent": to_one_line(user_agent)[:300] or "–", "made_at": now(), "notified_until": newest_event}
        keys = {"public_key": key_bytes, "auth": secret}
        row, is_new = PushSubscription.objects.get_or_create(
            endpoint=endpoint, defaults={"user": user, **keys, **values}
        )
        if not is_new:
            message = _("Another user receives notifications in this browser.")
            raise InvalidRequestError(message, hint=_("Sign that user out in this browser, then try again."))
        if not was_known:  # log each browser once, not each click
            _log_change("push browser added", row)
    return row


def _forget_browser(user: User, endpoint: str, former_identity: str) -> bool:
    """Delete a browser that registers again; return True if it was registered before."""
    browser = find_push_browser(user, former_identity)
    condition = Q(pk=browser.pk) if browser is not None else Q()
    return user.push_browsers.filter(Q(endpoint=endpoint) | condition).delete()[0] > 0


def list_push_browsers(user: User) -> QuerySet[PushSubscription]:
    """Return a member's browsers, oldest first."""
    return user.push_browsers.order_by("made_at", "pk")


def find_push_browser(user: User, identity: str) -> PushSubscription | None:
    """Return the member's browser with this identity, or ``None`` if the identity is invalid or was removed."""
    try:
        return user.push_browsers.filter(identity=UUID(identity)).first()
    except ValueError:
        return None


def remove_browser(user: User, number: int) -> None:
    """Stop notifications in a member's browser, given its primary key; raises ``NotFoundError``."""
    with transaction.atomic():
        row = require(user.push_browsers.filter(pk=number).first(), _("Browser not found."))
        row.delete()
        _log_change("push browser removed", row)


def skip_earlier_matches(user: User, owner: Owner) -> None:
    """Skip earlier matches of an owner for a new member's browsers.

    A browser receives events in order, so unreported events of the member's other owners limit the number of skipped
    events.
    """
    newest_event = events.list_settled_events(owner).order_by("-pk").values_list("pk", flat=True).first() or 0
    for row in user.push_browsers.filter(notified_until__lt=newest_event):
        unreported_event = _list_case_openings(row).exclude(owner=owner).filter(pk__lt=newest_event).first()
        last_skipped = newest_event if unreported_event is None else unreported_event.pk - 1
        user.push_browsers.filter(pk=row.pk, notified_until__lt=last_skipped).update(notified_until=last_skipped)


def build_news_condition(at: datetime | None = None) -> Q:
    """Return a condition for browsers of members with unreported new cases."""
    openings = Event.objects.filter(owner__memberships__user=OuterRef("user"), kind=EventKind.CASE_OPENED)
    return Q(Exists(openings.filter(events.build_settled_condition(at), pk__gt=OuterRef("notified_until"))))


def list_news(row: PushSubscription) -> list[tuple[int, int, int]]:
    """Return unreported case openings for a browser, oldest first: event, owner, and the case's number."""
    return list(
        _list_case_openings(row).filter(events.build_settled_condition()).values_list("pk", "owner", "about__case")
    )


def _list_case_openings(row: PushSubscription) -> QuerySet[Event]:
    """Return unreported case openings for a browser, oldest first, including events that have not settled."""
    openings = Event.objects.filter(owner__memberships__user=row.user_id, kind=EventKind.CASE_OPENED)
    return openings.filter(pk__gt=row.notified_until).order_by("pk")


def _log_change(entry_title: str, row: PushSubscription) -> None:
    by = row.user.get_username()
    audit_log.log_change(entry_title, by=by, details={"user": by, "user_agent": row.user_agent})
