"""The running product: its workers say that they live, and log lines carry the id of the request behind them."""

import json
import os
import signal
import tempfile
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest
from django.conf import settings
from django.test import Client, override_settings
from pytest_django import DjangoDbBlocker

from exhibit.secrets import secret_key
from registry import running
from registry.models import Heartbeat, Membership, User
from tests.flow.rows import owner
from tests.flow.stack import Stack, patiently, running_stack
from tests.processes import wait_until

pytestmark = pytest.mark.slow
ASKED = {"title": "A", "decision": "open", "format": "csv", "language": "en"}
NAMES = {"worker-default", "worker-crawl", "worker-match", running.TICK}


def lines(path: Path) -> list[dict[str, object]]:
    found = [line for line in path.read_text().splitlines() if line.startswith("{")] if path.exists() else []
    return [json.loads(line) for line in found]


@pytest.fixture(scope="module")
def stack(django_db_blocker: DjangoDbBlocker) -> Iterator[Stack]:
    """The product in a folder of its own; what a test kills of it comes back."""
    with tempfile.TemporaryDirectory(prefix="exhibit-running-") as name, django_db_blocker.unblock():
        Path(name).chmod(0o755)
        with running_stack(Path(name), {"EXHIBIT_LOG_FORMAT": "json"}) as made:
            yield made


def test_a_task_carries_the_id_of_the_request_that_caused_it(stack: Stack) -> None:
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


def test_workers_say_that_they_live_until_they_end(stack: Stack) -> None:
    def told() -> dict[str, str]:
        rows = patiently(lambda: list(Heartbeat.objects.values_list("name", "queues")))
        return {name.partition("@")[0]: queues for name, queues in rows}

    wait_until(lambda: set(told()) == NAMES)
    assert told()["worker-match"] == "evidence,match"
    began = Heartbeat.objects.get(name__startswith="worker-crawl").started_at
    crawl = next(one for one in stack.workers() if any("worker-crawl" in word for word in one.cmdline()))
    os.kill(crawl.pid, signal.SIGKILL)
    wait_until(lambda: Heartbeat.objects.filter(name__startswith="worker-crawl", started_at__gt=began).exists())
    default = next(one for one in stack.workers() if any("worker-default" in word for word in one.cmdline()))
    os.kill(stack.process.pid, signal.SIGSTOP)  # nothing is started again meanwhile
    try:
        os.kill(default.pid, signal.SIGTERM)
        wait_until(lambda: "worker-default" not in told())
    finally:
        os.kill(stack.process.pid, signal.SIGCONT)
