"""Test what log lines refer to, and that none contains a secret."""

import json
import logging
import logging.config
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from exhibit.logs import JsonLines, TextLines, add_log_context, get_log_context, redact_secrets
from tests.assets.desk_scene import patterns


def test_log_record_includes_its_context_on_a_single_line() -> None:
    record = logging.makeLogRecord({"name": "a", "levelname": "ERROR", "msg": "two\nlines of %s", "args": ("x",)})
    record.status = 404
    with add_log_context(request_id="r", task_id=""), add_log_context(task="exhibit.match"):
        line = JsonLines().format(record)
        assert get_log_context() == {"request_id": "r", "task": "exhibit.match"}
    assert "\n" not in line
    assert {"message": "two\nlines of x", "level": "error", "status": 404, "request_id": "r"}.items() <= json.loads(
        line
    ).items()
    assert "request_id" not in json.loads(JsonLines().format(record))
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        import sys

        record.exc_info = sys.exc_info()
    assert "ZeroDivisionError" in json.loads(JsonLines().format(record))["trace"]


SECRET = "kq-gf7lzhLrplHp6k5-GCPzuPMHXVhM3VuvyfETim2k"
NAMES = {"secret", "token", "key", "uidb36"}
"""Names of URL parameters whose values grant access."""


def urls_with_secrets() -> list[str]:
    """Return every URL of the site that contains a secret, found among all routes."""
    routes = [(str(pattern.name), set(pattern.pattern.regex.groupindex)) for pattern in patterns()]
    values = {"uidb36": "1", "name": "a.zip", "case": "1", **dict.fromkeys(NAMES - {"uidb36"}, SECRET)}
    return [
        reverse(name, kwargs={each: values[each] for each in groups})
        for name, groups in routes
        if groups & NAMES and "slug" not in groups
    ]


@pytest.mark.parametrize("formatter", [TextLines("%(message)s"), JsonLines()], ids=["text", "json"])
def test_secrets_in_urls_are_never_logged(
    formatter: logging.Formatter, db: None, caplog: pytest.LogCaptureFixture
) -> None:
    addresses = urls_with_secrets()
    assert {url_address.split("/")[1] for url_address in addresses} >= {"d", "feeds", "invitations", "mail", "account"}
    addresses += [f"/no/such?key={SECRET}", f"/api/v1/log?q={SECRET}"]
    client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer exh_{SECRET}"})
    with caplog.at_level("DEBUG"):
        for address in addresses:
            for ask in (client.get, client.post, client.put):
                ask(address)
    lines = [
        formatter.format(url_address)
        for url_address in caplog.records
        if url_address.name.startswith(("django.request", "exhibit"))
    ]
    assert len(lines) > 2 * len(addresses)
    assert any(SECRET in record.getMessage() for record in caplog.records)  # Django would have logged it
    assert not [line for line in lines if SECRET in line]
    if isinstance(formatter, JsonLines):
        assert all(json.loads(line) for line in lines)


SECRET_LINES = (
    f"HTTPSConnectionPool(host='search.example', port=443): Max retries exceeded with url: /v1?api_key={SECRET}&q=a",
    f"postgresql://exhibit:{SECRET}@db.example/exhibit doesn't answer",
    f"redis://:{SECRET}@cache.example:6379/0",
    f"'Authorization': 'Bearer {SECRET}'",
    f"authorization: basic {SECRET}",
    f"a token exh_{SECRET[:30]}- was shown",
    f"whsec_{SECRET[:30]}+/= signs",
    f"https://hooks.example/services/{SECRET}",
    f"Not Found: /mail/unsubscribe/NA:1abcde:{SECRET[:20]}",
    f"Forbidden (CSRF token missing.): /account/password/reset/key/5-d0ab1c-{SECRET[:20]}/",
)


@pytest.mark.parametrize("line", SECRET_LINES)
def test_secrets_in_messages_of_libraries_are_never_logged(line: str) -> None:
    assert SECRET[:20] not in redact_secrets(line)
    exc_info = (ValueError, ValueError(line), None)
    for formatter in (TextLines("%(message)s"), JsonLines()):
        record = logging.makeLogRecord({"msg": "It broke off", "exc_info": exc_info, "about": line})
        assert SECRET[:20] not in formatter.format(record)


@pytest.mark.parametrize(
    "line",
    [
        "Not Found: /o/studio/cases/12/",
        "The bytes of 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 aren't here.",
        "registry.matches.match: A registered picture can't be compared with what is found",
        '  File "/usr/lib/python3.11/site-packages/django/core/handlers/exception.py", line 55, in inner',
    ],
)
def test_redaction_keeps_lines_without_secrets_unchanged(line: str) -> None:
    assert redact_secrets(line) == line


def test_every_log_handler_redacts_secrets() -> None:
    configured = logging.config.DictConfigurator({"version": 1})
    logs: Any = settings.LOGGING
    for name, formatter_settings in logs["formatters"].items():
        formatter = configured.configure_formatter(dict(formatter_settings))
        assert SECRET not in formatter.format(logging.makeLogRecord({"msg": f"Not Found: /d/{SECRET}"})), name
    assert {handler["formatter"] for handler in logs["handlers"].values()} <= set(logs["formatters"])
