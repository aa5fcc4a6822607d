from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.config.config import Config
from workers.configuration import load_config
from workers.notify.mail import django_mail, message_id, sender
from workers.operations.doctor import examine
from workers.servers.addresses import absolute


@pytest.fixture
def fresh(tmp_path: Path) -> Config:
    return load_config({"EXHIBIT_DATA": str(tmp_path / "data")})


def test_the_doctor_says_that_nothing_is_sent(fresh: Config) -> None:
    checks = {check.name: check for check in examine(fresh)}
    assert "Nothing is sent" in checks["mail"].sentence
    assert "EXHIBIT_MAIL_URL" in checks["mail"].remedy
    given = replace(fresh, mail_url="smtps://ann:secret@mail.example")
    [check] = [check for check in examine(given) if check.name == "mail"]
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
    made = django_mail(replace(fresh, mail_url=url))
    assert (made["EMAIL_PORT"], (made["EMAIL_USE_TLS"], made["EMAIL_USE_SSL"])) == (port, encrypted)


def test_user_and_password_are_percent_encoded(fresh: Config) -> None:
    made = django_mail(replace(fresh, mail_url="smtps://ann%40example.org:p%2Fw@mail.example"))
    assert (made["EMAIL_HOST_USER"], made["EMAIL_HOST_PASSWORD"]) == ("ann@example.org", "p/w")


def test_the_sender_and_links_are_of_the_public_address(fresh: Config) -> None:
    assert (sender(fresh), absolute(fresh, "/x")) == ("exhibit@localhost", "http://127.0.0.1:8080/x")
    known = replace(fresh, public_url="https://exhibit.example.org")
    assert (sender(known), absolute(known, "/x")) == ("exhibit@exhibit.example.org", "https://exhibit.example.org/x")
    named = replace(known, mail_from="Us <us@example.org>")
    assert (sender(named), message_id(named, "digest-1")) == ("Us <us@example.org>", "<digest-1@example.org>")
    assert message_id(fresh, "digest-1") == "<digest-1@localhost>"
