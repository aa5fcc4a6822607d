"""Where no server takes mail, each is a file for one user."""

import stat
from pathlib import Path

import pytest
from django.core.mail import EmailMessage
from django.test import override_settings

from exhibit.config.config import Config
from workers.configuration import load_config
from workers.notify.mail import django_mail
from workers.notify.mail_files import MailFiles


@pytest.fixture
def fresh(tmp_path: Path) -> Config:
    return load_config({"EXHIBIT_DATA": str(tmp_path / "data")})


def test_without_a_server_each_mail_is_a_file_for_its_user_only(fresh: Config) -> None:
    with override_settings(CONFIG=fresh, **django_mail(fresh)):
        sent = MailFiles().send_messages([EmailMessage("Hello", "A link", to=[f"{n}@example.org"]) for n in "ab"])
    files = list((fresh.data_dir / "mail").iterdir())
    assert (sent, len(files)) == (2, 2)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((fresh.data_dir / "mail").stat().st_mode) == 0o700
    assert b"To: a@example.org" in b"".join(file.read_bytes() for file in files)
