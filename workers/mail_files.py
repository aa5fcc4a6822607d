"""Mail as files, where no server takes it: links in it let people in, so only this user may read them."""

import os
import secrets
from collections.abc import Sequence

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from exhibit.clock import now
from workers.mail import mail_folder


class MailFiles(BaseEmailBackend):
    """Each mail is a file of its own, as mail programs open it,."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the mails; returns how many."""
        folder = mail_folder(settings.CONFIG)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            path = folder / f"{now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}.eml"
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(message.message().as_bytes())
        return len(email_messages)
