"""Log lines as JSON: the id of a request is found again in the lines of the task that it caused."""

import json
import logging
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest
from django.conf import settings
from django.test import Client, override_settings
from pytest_django import DjangoDbBlocker

from exhibit.logs import JsonLines, about, logged_as
from exhibit.secrets import secret_key
from registry.models import Membership, User
from tests.flow.rows import owner
from tests.flow.stack import running_stack
from tests.processes import wait_until

ASKED = {"title": "A", "decision": "open", "format": "csv", "language": "en"}


def lines(path: Path) -> list[dict[str, object]]:
    found = [line for line in path.read_text().splitlines() if line.startswith("{")] if path.exists() else []
    return [json.loads(line) for line in found]


def test_a_line_says_what_it_belongs_to_and_stays_one_line() -> None:
    record = logging.makeLogRecord({"name": "a", "levelname": "ERROR", "msg": "two\nlines of %s", "args": ("x",)})
    record.status = 404
    with logged_as(request_id="r", task_id=""), logged_as(task="exhibit.match"):
        told = JsonLines().format(record)
        assert about() == {"request_id": "r", "task": "exhibit.match"}
    assert "\n" not in told
    assert {"message": "two\nlines of x", "level": "error", "status": 404, "request_id": "r"}.items() <= json.loads(
        told
    ).items()
    assert "request_id" not in json.loads(JsonLines().format(record))
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        import sys

        record.exc_info = sys.exc_info()
    assert "ZeroDivisionError" in json.loads(JsonLines().format(record))["trace"]


@pytest.mark.slow
def test_a_task_carries_the_id_of_the_request_that_caused_it(
    open_folder: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock(), running_stack(open_folder, {"EXHIBIT_LOG_FORMAT": "json"}) as stack:
        studio = owner("studio")
        person = User.objects.create_user("ann@example.org", "ann@example.org", "not used")
        Membership.objects.create(user=person, owner=studio, role="owner")
        client = Client()
        with override_settings(SECRET_KEY=secret_key(stack.config)):  # the site's own
            client.force_login(person)
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        site = f"http://127.0.0.1:{stack.config.web_port}"
        jar = CookieJar()
        opener = build_opener(HTTPCookieProcessor(jar))
        page = Request(f"{site}/o/studio/downloads/", headers={"Cookie": f"sessionid={session}"})  # noqa: S310
        with opener.open(page) as answer:
            text = answer.read().decode()
        token = text.split('"X-CSRFToken": "')[1].split('"')[0]
        cookie = next(one.value for one in jar if one.name == "csrftoken")
        headers = {"Cookie": f"sessionid={session}; csrftoken={cookie}", "X-CSRFToken": token}
        sent = Request(f"{site}/o/studio/downloads/report", urlencode(ASKED).encode(), headers)  # noqa: S310
        with build_opener(HTTPCookieProcessor(CookieJar())).open(sent):
            pass
        logs = stack.config.data_dir / "log"

        def request() -> list[dict[str, object]]:
            return [one for one in lines(logs / "web.log") if one.get("method") == "POST"]

        wait_until(lambda: bool(request()))
        [told] = request()
        assert told["message"] == "/o/<slug:slug>/downloads/report"
        assert told["status"] == 302

        def task() -> list[dict[str, object]]:
            found = lines(logs / "worker-match.log")
            return [one for one in found if one.get("request_id") == told["request_id"]]

        wait_until(lambda: bool(task()))
        assert task()[0]["task"] == "exhibit.report"
        assert task()[0]["task_id"]
