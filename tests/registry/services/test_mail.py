import stat
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.mail import EmailMessage
from django.test import override_settings

from exhibit.config.config import Config
from registry.configuration import load_config
from registry.services.addresses import build_absolute_url
from registry.services.mail import MailFiles, build_mail_settings, build_message_id, get_sender
from workers.operations.doctor import check_machine


@pytest.fixture
def fresh_config(tmp_path: Path) -> Config:
    (tmp_path / "data").mkdir()
    return load_config({"EXHIBIT_DATA": str(tmp_path / "data")})


def test_doctor_warns_if_no_mail_server_is_configured(fresh_config: Config) -> None:
    checks = {check.name: check for check in check_machine(fresh_config)}
    assert "EXHIBIT_MAIL_URL" in checks["mail"].remedy
    config = replace(fresh_config, mail_url="smtps://ann:secret@mail.example")
    [check] = [check for check in check_machine(config) if check.name == "mail"]
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
def test_scheme_of_the_mail_url_selects_port_and_encryption(
    fresh_config: Config, url: str, port: int, encrypted: tuple[bool, bool]
) -> None:
    mail_settings = build_mail_settings(replace(fresh_config, mail_url=url))
    assert (mail_settings["EMAIL_PORT"], (mail_settings["EMAIL_USE_TLS"], mail_settings["EMAIL_USE_SSL"])) == (
        port,
        encrypted,
    )


def test_user_and_password_are_percent_encoded(fresh_config: Config) -> None:
    mail_settings = build_mail_settings(replace(fresh_config, mail_url="smtps://ann%40example.org:p%2Fw@mail.example"))
    assert (mail_settings["EMAIL_HOST_USER"], mail_settings["EMAIL_HOST_PASSWORD"]) == ("ann@example.org", "p/w")


def test_sender_and_links_use_the_public_url(fresh_config: Config) -> None:
    assert (get_sender(fresh_config), build_absolute_url(fresh_config, "/x")) == (
        "exhibit@localhost",
        "http://127.0.0.1:8080/x",
    )
    config = replace(fresh_config, public_url="https://exhibit.example.org")
    assert (get_sender(config), build_absolute_url(config, "/x")) == (
        "exhibit@exhibit.example.org",
        "https://exhibit.example.org/x",
    )
    named_config = replace(config, mail_from="Us <us@example.org>")
    assert (get_sender(named_config), build_message_id(named_config, "digest-1")) == (
        "Us <us@example.org>",
        "<digest-1@example.org>",
    )
    assert build_message_id(fresh_config, "digest-1") == "<digest-1@localhost>"


def test_mails_are_written_to_private_files_without_a_server(fresh_config: Config) -> None:
    with override_settings(CONFIG=fresh_config, **build_mail_settings(fresh_config)):
        sent = MailFiles().send_messages([EmailMessage("Hello", "A link", to=[f"{n}@example.org"]) for n in "ab"])
    files = list((fresh_config.data_dir / "mail").iterdir())
    assert (sent, len(files)) == (2, 2)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((fresh_config.data_dir / "mail").stat().st_mode) == 0o700
    assert b"To: a@example.org" in b"".join(file.read_bytes() for file in files)
