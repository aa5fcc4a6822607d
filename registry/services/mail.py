"""How mail leaves, who sends it, how links in it begin, and what a server says that doesn't take one."""

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
from exhibit.errors import passes

_SECONDS = 20
REFUSALS = (
    smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError, smtplib.SMTPHeloError,
    smtplib.SMTPNotSupportedError,
)  # fmt: skip
"""What a server says of a mail that it doesn't take: after these it surely hasn't left."""

_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


def django_mail(config: Config) -> dict[str, Any]:
    """Django's settings of mail. Without a server each mail becomes a file, which only this user may read."""
    common = {"DEFAULT_FROM_EMAIL": sender(config), "SERVER_EMAIL": sender(config), "EMAIL_TIMEOUT": _SECONDS}
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


def mail_folder(config: Config) -> Path:
    """Where mail lies that no server takes."""
    return config.data_dir / "mail"


def sender(config: Config) -> str:
    """Who sends: ``mail_from``, or a name of the host that people know."""
    return config.mail_from or f"exhibit@{urlsplit(config.public_url).hostname or 'localhost'}"


def message_id(config: Config, name: str) -> str:
    """A Message-ID of the sender's domain, the same each time a mail is tried (RFC 5322, 3.6.4)."""
    return f"<{name}@{parseaddr(sender(config))[1].rpartition('@')[2]}>"


def words_of(error: Exception) -> str:
    """What a server said, or what happened on the way to it."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        error = smtplib.SMTPResponseException(*next(iter(error.recipients.values())))
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"{error.smtp_code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"
    return str(error) or type(error).__name__


def is_final(refusal: Exception) -> bool:
    """Whether a server refuses for good, not only for now (RFC 5321, 4.2.1: 4yz)."""
    return not words_of(refusal).startswith("4")


class MailFiles(BaseEmailBackend):
    """Each mail is a file of its own, as mail programs open it."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the mails; returns how many."""
        folder = mail_folder(settings.CONFIG)
        folder.mkdir(mode=0o700, exist_ok=True)
        for message in email_messages:
            path = folder / f"{now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}.eml"
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(message.message().as_bytes())
        return len(email_messages)


def drop_mails(config: Config, digests: Collection[Digest]) -> None:
    """Remove the mails that carry certain files, or small copies, whose names end with the digest of the original."""
    named = {digest.hex for digest in digests}
    for path in mail_folder(config).glob("*.eml"):
        try:
            mail = message_from_bytes(path.read_bytes())
        except FileNotFoundError:
            continue
        if any(_carries(part, named) for part in mail.walk()):
            path.unlink(missing_ok=True)


def _carries(part: Message, named: Collection[str]) -> bool:
    data = part.get_payload(decode=True)
    original = Path(part.get_filename("")).stem.rpartition("-")[2]
    return original in named or (isinstance(data, bytes) and Digest.of(data).hex in named)


def is_address(text: str) -> bool:
    """Whether a mail can be sent there."""
    return passes(validate_email, text, ValidationError)
