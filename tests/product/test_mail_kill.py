"""Test that a notice is mailed once although its worker dies while sending, and that a person is asked."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import connection

from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from registry.models import Notice, NoticeMail
from registry.notices import mail as notice_mail, notices
from tests.assets.mail_server import mail_server
from tests.assets.notice_drafts import studio
from tests.registry.notices.test_send_notice import MailFactory, make_mail, send
from workers.tasks.sync_runner import SyncRunner

__all__ = ["make_mail", "studio"]


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_crash_between_sending_and_recording_sends_no_duplicate(inline: SyncRunner, make_mail: MailFactory) -> None:
    with mail_server() as server:
        mail = make_mail(server)
        values = connection.settings_dict
        environ = {
            **os.environ,
            "DATABASE_URL": f"postgresql://{values['USER']}@/{values['NAME']}?host={values['HOST']}",
            "EXHIBIT_DATA": str(inline.services.config.data_dir),
            "EXHIBIT_MAIL_URL": f"smtp://127.0.0.1:{server.port}",
        }
        with subprocess.Popen([sys.executable, "-m", "tests.assets.notice_worker"], env=environ) as process:
            server.on_mail = lambda: process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        mail.refresh_from_db()
        assert (mail.state, len(server.mails)) == ("running", 1)
        with pytest.raises(InvalidRequestError, match="is being sent by email"):
            notices.withdraw_signature(Notice.objects.get(), by="Ann")
        NoticeMail.objects.update(claimed_at=now() - timedelta(days=1))
        mail = send(inline, mail)
        assert notice_mail.has_uncertain_delivery(mail)
        assert len(server.mails) == 1
