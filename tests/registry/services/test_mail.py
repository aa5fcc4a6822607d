import stat
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.mail import EmailMessage
from django.test import override_settings

from exhibit.config.config import Config
from registry.configuration import load_config
from registry.services.addresses import absolute
from registry.services.mail import MailFiles, django_mail, message_id, sender
from workers.operations.doctor import examine


@pytest.fixture
def fresh(tmp_path: Path) -> Config:
    (tmp_path / "data").mkdir()
    return load_config({"EXHIBIT_DATA": str(tmp_path / "data")})


def test_the_doctor_says_that_nothing_is_sent(fresh: Config) -> None:
    checks = {check.name: check for check in examine(fresh)}
    assert "EXHIBIT_MAIL_URL" in checks["mail"].remedy
    config = replace(fresh, mail_url="smtps://ann:secret@mail.example")
    [check] = [check for check in examine(config) if check.name == "mail"]
    assert check.ok
    assert "mail.example" in check.sentence
    assert "secret" not in check.sentence


@pytest.mark.parametrize(
    ("url", "port", "encrypted"),
    [
        ("smtp://localhost", 25, (False, False)),
        ("smtp+tls://mail.example", 587, (True, False)),
        ("smtps://mail.example", 465, (False, True)),
        ("smtps://mail.example:2465", 2465, (False, True)),
    ],
)
def test_the_scheme_says_how_the_way_is_encrypted(
    fresh: Config, url: str, port: int, encrypted: tuple[bool, bool]
) -> None:
    mail_settings = django_mail(replace(fresh, mail_url=url))
    assert (mail_settings["EMAIL_PORT"], (mail_settings["EMAIL_USE_TLS"], mail_settings["EMAIL_USE_SSL"])) == (
        port,
        encrypted,
    )


def test_user_and_password_are_percent_encoded(fresh: Config) -> None:
    mail_settings = django_mail(replace(fresh, mail_url="smtps://ann%40example.org:p%2Fw@mail.example"))
    assert (mail_settings["EMAIL_HOST_USER"], mail_settings["EMAIL_HOST_PASSWORD"]) == ("ann@example.org", "p/w")


def test_the_sender_and_links_are_of_the_public_address(fresh: Config) -> None:
    assert (sender(fresh), absolute(fresh, "/x")) == ("exhibit@localhost", "http://127.0.0.1:8080/x")
    config = replace(fresh, public_url="https://exhibit.example.org")
    assert (sender(config), absolute(config, "/x")) == ("exhibit@exhibit.example.org", "https://exhibit.example.org/x")
    named_config = replace(config, mail_from="Us <us@example.org>")
    assert (sender(named_config), message_id(named_config, "digest-1")) == (
        "Us <us@example.org>",
        "<digest-1@example.org>",
    )
    assert message_id(fresh, "digest-1") == "<digest-1@localhost>"


def test_without_a_server_each_mail_is_a_file_for_its_user_only(fresh: Config) -> None:
    with override_settings(CONFIG=fresh, **django_mail(fresh)):
        sent = MailFiles().send_messages([EmailMessage("Hello", "A link", to=[f"{n}@example.org"]) for n in "ab"])
    files = list((fresh.data_dir / "mail").iterdir())
    assert (sent, len(files)) == (2, 2)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((fresh.data_dir / "mail").stat().st_mode) == 0o700
    assert b"To: a@example.org" in b"".join(file.read_bytes() for file in files)
