"""Mail as files, where no server takes it: links in it let people in, so only this user may read them."""

import os
import secrets
from collections.abc import Collection, Sequence
from email import message_from_bytes
from email.message import Message
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.digests import Digest
from workers.notify.mail import mail_folder


class MailFiles(BaseEmailBackend):
    """Each mail is a file of its own, as mail programs open it."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the mails; returns how many."""
        folder = mail_folder(settings.CONFIG)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
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
