"""Outgoing mail: Django's settings, sender, Message-IDs, server errors, and mails written to files."""

import os
import secrets
import smtplib
from collections.abc import Collection, Sequence
from email import message_from_bytes
from email.message import Message
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.validators import validate_email

from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.errors import is_accepted

_SECONDS = 20
REFUSALS = (
    smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError, smtplib.SMTPHeloError,
    smtplib.SMTPNotSupportedError,
)  # fmt: skip
"""Errors with which a server rejects a mail. The mail has certainly not been sent."""

_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


def build_mail_settings(config: Config) -> dict[str, Any]:
    """Return Django's mail settings. Without a server, each mail is written to a file that only this user can read."""
    common = {"DEFAULT_FROM_EMAIL": get_sender(config), "SERVER_EMAIL": get_sender(config), "EMAIL_TIMEOUT": _SECONDS}
    if not config.mail_url:
        return {**common, "EMAIL_BACKEND": "registry.services.mail.MailFiles"}
    parts = urlsplit(config.mail_url)
    return {
        **common,
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname or "",
        "EMAIL_PORT": parts.port or _PORTS[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
    }


def get_mail_folder(config: Config) -> Path:
    """Return the folder for mails when there is no server."""
    return config.data_dir / "mail"


def get_sender(config: Config) -> str:
    """Return the sender: ``mail_from``, or an address at the public host name."""
    return config.mail_from or f"exhibit@{urlsplit(config.public_url).hostname or 'localhost'}"


def build_message_id(config: Config, name: str) -> str:
    """Return a Message-ID in the sender's domain. It is the same for each attempt to send a mail (RFC 5322, 3.6.4)."""
    return f"<{name}@{parseaddr(get_sender(config))[1].rpartition('@')[2]}>"


def describe_error(error: Exception) -> str:
    """Return a server's error text, or the description of a connection error."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        error = smtplib.SMTPResponseException(*next(iter(error.recipients.values())))
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return f"{error.smtp_code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}"
    return str(error) or type(error).__name__


def is_permanent_error(error: Exception) -> bool:
    """Return True if a server's refusal is permanent rather than temporary (RFC 5321, 4.2.1: 4yz)."""
    return not describe_error(error).startswith("4")


class MailFiles(BaseEmailBackend):
    """Mail backend that writes each mail to an .eml file."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the mails to files and return their number."""
        folder = get_mail_folder(settings.CONFIG)
        folder.mkdir(mode=0o700, exist_ok=True)
        for message in email_messages:
            path = folder / f"{now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}.eml"
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(message.message().as_bytes())
        return len(email_messages)


def delete_mails(config: Config, digests: Collection[Digest]) -> None:
    """Delete mails with certain attachments or their previews, whose names end with the digest of the original."""
    names = {digest.hex for digest in digests}
    for path in get_mail_folder(config).glob("*.eml"):
        try:
            mail = message_from_bytes(path.read_bytes())
        except FileNotFoundError:
            continue
        if any(_has_attachment(part, names) for part in mail.walk()):
            path.unlink(missing_ok=True)


def _has_attachment(part: Message, digests: Collection[str]) -> bool:
    data = part.get_payload(decode=True)
    original = Path(part.get_filename("")).stem.rpartition("-")[2]
    return original in digests or (isinstance(data, bytes) and Digest.from_bytes(data).hex in digests)


def is_email_address(text: str) -> bool:
    """Return True if the text is a valid e-mail address."""
    return is_accepted(validate_email, text, ValidationError)
