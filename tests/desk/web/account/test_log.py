"""Test that sign-ins and refusals are logged, without the text that was entered."""

import json
from collections.abc import Callable
from ipaddress import ip_address

import pytest
from django.test import Client

from exhibit.logs import JsonLines, TextLines
from registry.models import User
from tests.assets.accounts import PASSWORD, ann, browser

__all__ = ["ann", "browser"]


def test_who_comes_in_and_who_is_refused_is_logged_without_what_was_typed(
    ann: User, browser: Callable[[], Client], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "exhibit.account"):
        for login, password in ((ann.email, "wrong"), ("stranger@example.org", PASSWORD), (ann.email, PASSWORD)):
            browser().post("/sign-in/", {"login": login, "password": password})
    records = [one for one in caplog.records if one.name == "exhibit.account"]
    told = [JsonLines().format(one) for one in records]
    assert [json.loads(line)["user"] for line in told] == [None, None, ann.pk]
    addresses = [ip_address(json.loads(line)["address"]) for line in told]
    refused, came = "sign-in refused: user unknown, address ", f"signed in: user {ann.pk}, address "
    said = [f"{words}{place}" for words, place in zip((refused, refused, came), addresses, strict=True)]
    assert [TextLines().format(one) for one in records] == said == [json.loads(line)["message"] for line in told]
    assert not [line for line in told if PASSWORD in line or "example.org" in line]
