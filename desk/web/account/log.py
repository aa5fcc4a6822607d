"""Log of sign-ins and rejected attempts: user ID and IP address, never the typed input."""

import contextlib
import logging
from functools import partial

from allauth.account.adapter import get_adapter
from allauth.mfa.signals import authentication_failed
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from registry.models import User

_LOG = logging.getLogger("exhibit.account")


def connect_signals() -> None:
    """Log each sign-in, and each rejected attempt as a warning.

    The log does not show whether the name or the password was wrong.
    """
    for signal, level, event in (
        (user_logged_in, logging.INFO, "signed in"),
        (user_login_failed, logging.WARNING, "sign-in refused"),
        (authentication_failed, logging.WARNING, "second factor refused"),
    ):
        signal.connect(partial(_log_signal, level, event), weak=False)


def _log_signal(
    level: int, event: str, request: HttpRequest | None = None, user: User | None = None, **_: object
) -> None:
    address = ""
    with contextlib.suppress(PermissionDenied, AttributeError):
        address = str(get_adapter().get_client_ip(request))
    details = {"user": user and user.pk, "address": address}
    _LOG.log(level, "%s: user %s, address %s", event, details["user"] or "unknown", address or "unknown", extra=details)
