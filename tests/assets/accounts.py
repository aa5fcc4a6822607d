"""An account, independent browsers, and helpers for signing in."""

import base64
import hmac
import re
import secrets
import time
from collections.abc import Callable

import pytest
from django.core.mail import EmailMessage
from django.test import Client

from registry.members import accounts
from registry.models import User
from tests.assets.rows import owner

PASSWORD = "correct horse battery staple"


SIGN_IN = "/sign-in/"


@pytest.fixture
def browser() -> Callable[[], Client]:
    """A factory of browsers, each with its own IP address, so that rate limits of one test do not affect another."""

    def opened() -> Client:
        return Client(REMOTE_ADDR=f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1")

    return opened


@pytest.fixture
def ann(db: None) -> User:
    accounts.add_member(owner("studio"), f"ann-{secrets.token_hex(4)}@example.org", "owner", PASSWORD, by="test")
    return User.objects.get()


def sign_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def attempt_sign_in(client: Client, email: str, password: str = PASSWORD) -> str:
    return client.post(SIGN_IN, {"login": email, "password": password}, follow=True).content.decode()


def extract_link(mail: EmailMessage) -> str:
    [link] = re.findall(r"https?://\S+", str(mail.body))
    return str(link)


def totp_code(secret: str, later: int = 0) -> str:
    """Return the six-digit TOTP code for now, or for ``later`` steps from now (RFC 6238, 4.2; RFC 4226, 5.3).

    A step is 30 seconds.
    """
    counter = int(time.time()) // 30 + later
    mac = hmac.digest(base64.b32decode(secret), counter.to_bytes(8, "big"), "sha1")
    start = mac[-1] & 15
    return f"{(int.from_bytes(mac[start : start + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"
