"""Background jobs for notifications. Their imports run after a worker has forked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.events.models import Delivery, MailChoice, PushSubscription
from registry.jobs import DEFAULT, MAIL, job
from registry.translation import gettext_noop

if TYPE_CHECKING:
    from registry.services.services import Services


@job(gettext_noop("emails to members"), MAIL, MailChoice, owner="owner", batch=10)
def mail(services: "Services", ids: Sequence[int]) -> None:
    """Send due digest emails to members."""
    from registry.notifications.send_mail import send_digests

    send_digests(services, ids)


@job(gettext_noop("push notifications"), DEFAULT, PushSubscription, batch=50)
def push(services: "Services", ids: Sequence[int]) -> None:
    """Send push notifications about new matches to browsers."""
    from registry.notifications.send_push import send_messages

    send_messages(services, ids)


@job(gettext_noop("messages to webhooks"), DEFAULT, Delivery, owner="webhook__owner", batch=50)
def deliver(services: "Services", ids: Sequence[int]) -> None:
    """Deliver messages to webhooks."""
    from registry.notifications import deliver

    deliver.deliver_messages(services, ids)
