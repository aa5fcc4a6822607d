"""Test that sign-ins and failures are logged without the text that was entered."""

import json
from collections.abc import Callable
from ipaddress import ip_address

import pytest
from django.test import Client

from exhibit.logs import JsonLines, TextLines
from registry.models import User
from tests.assets.accounts import PASSWORD, ann, browser

__all__ = ["ann", "browser"]


def test_sign_ins_and_failures_are_logged_without_typed_text(
    ann: User, browser: Callable[[], Client], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "exhibit.account"):
        for login, password in ((ann.email, "wrong"), ("stranger@example.org", PASSWORD), (ann.email, PASSWORD)):
            browser().post("/sign-in/", {"login": login, "password": password})
    records = [record for record in caplog.records if record.name == "exhibit.account"]
    lines = [JsonLines().format(record) for record in records]
    assert [json.loads(line)["user"] for line in lines] == [None, None, ann.pk]
    addresses = [ip_address(json.loads(line)["address"]) for line in lines]
    refused_text, signed_in_text = "sign-in refused: user unknown, address ", f"signed in: user {ann.pk}, address "
    expected = [f"{text}{ip}" for text, ip in zip((refused_text, refused_text, signed_in_text), addresses, strict=True)]
    assert (
        [TextLines().format(record) for record in records]
        == expected
        == [json.loads(line)["message"] for line in lines]
    )
    assert not [line for line in lines if PASSWORD in line or "example.org" in line]
