"""Test that the running product's workers report that they are alive, and that log lines contain request IDs."""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import psutil
import pytest
from django.conf import settings
from django.test import Client, override_settings
from pytest_django import DjangoDbBlocker

from exhibit.clock import now
from exhibit.config.secrets import load_secret_key
from registry.bundles.packages import request_package
from registry.cases.decisions import confirm_case
from registry.db import heartbeats
from registry.models import CrawlSlice, Heartbeat, Membership, User
from registry.reports.requests import request_report
from registry.services.addresses import get_broker_url, get_database_url
from registry.works import uploads
from tests import CHECKOUT
from tests.assets.processes import wait_until
from tests.assets.rows import create_case, owner, photograph
from tests.assets.stack import Stack, retry_on_database_error, running_stack
from workers.pipeline.celery import make_app, send_upkeep_messages

REPORT_FORM = {"title": "A", "decision": "open", "format": "csv", "language": "en"}
NAMES = {
    "worker-interactive",
    "worker-background",
    heartbeats.TICK,
}


def log_lines(path: Path) -> list[dict[str, object]]:
    json_lines = [line for line in path.read_text().splitlines() if line.startswith("{")] if path.exists() else []
    return [json.loads(line) for line in json_lines]


@pytest.fixture(scope="module")
def stack(django_db_blocker: DjangoDbBlocker) -> Iterator[Stack]:
    """The product in its own folder; processes that a test kills are restarted."""
    with tempfile.TemporaryDirectory(prefix="exhibit-running-") as name, django_db_blocker.unblock():
        Path(name).chmod(0o755)
        with running_stack(Path(name), {"EXHIBIT_LOG_FORMAT": "json"}) as running_product:
            yield running_product


@contextmanager
def keep_busy(stack: Stack, name: str) -> Iterator[None]:
    """Keep a worker busy during the block."""
    main = next(worker for worker in stack.workers() if any(name in word for word in worker.cmdline()))
    everything = [main, *main.children(recursive=True)]
    for process in everything:
        process.suspend()
    try:
        yield
    finally:
        for process in everything:
            process.resume()


@pytest.mark.long
def test_requested_report_skips_the_crawl_queue_and_keeps_request_id(stack: Stack) -> None:
    studio = owner("studio")
    person = User.objects.create_user("ann@example.org", "ann@example.org", "not used")
    Membership.objects.create(user=person, owner=studio, role="owner")
    client = Client()
    with override_settings(SECRET_KEY=load_secret_key(stack.config)):  # the site's own
        client.force_login(person)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    site = f"http://127.0.0.1:{stack.config.web_port}"
    jar = CookieJar()
    opener = build_opener(HTTPCookieProcessor(jar))
    page = Request(f"{site}/o/studio/downloads/", headers={"Cookie": f"sessionid={session}"})  # noqa: S310
    with opener.open(page) as answer:
        text = answer.read().decode()
    token = text.split('"X-CSRFToken": "')[1].split('"')[0]
    cookie = next(item.value for item in jar if item.name == "csrftoken")
    headers = {"Cookie": f"sessionid={session}; csrftoken={cookie}", "X-CSRFToken": token}
    sent = Request(f"{site}/o/studio/downloads/report", urlencode(REPORT_FORM).encode(), headers)  # noqa: S310
    logs = stack.config.data_dir / "log"

    def request_lines() -> list[dict[str, object]]:
        return [item for item in log_lines(logs / "web.log") if item.get("method") == "POST"]

    def task_lines() -> list[dict[str, object]]:
        all_lines = log_lines(logs / "worker-interactive.log")
        return [item for item in all_lines if item.get("request_id") == request_lines()[0]["request_id"]]

    with keep_busy(stack, "worker-background"):
        with build_opener(HTTPCookieProcessor(CookieJar())).open(sent):
            pass
        wait_until(lambda: bool(request_lines()))
        wait_until(lambda: bool(task_lines()))
    [request_line] = request_lines()
    assert request_line["message"] == "/o/<slug:slug>/downloads/report"
    assert request_line["status"] == 302
    assert task_lines()[0]["task"] == "exhibit.report"
    assert task_lines()[0]["task_id"]


@pytest.mark.long
def test_uploads_are_registered_while_crawls_and_searches_are_running(stack: Stack) -> None:
    gallery = owner("gallery")
    with keep_busy(stack, "worker-background"):
        upload = uploads.start_upload(gallery, uploads.DeclarationDefaults(), by="Ann", table=None, announced=12)
        sent = [photograph(seed) for seed in range(500, 512)]
        files = [uploads.SentFile(f"{place}.jpg", len(data), partial(bytes, data)) for place, data in enumerate(sent)]
        uploads.receive_files(stack.services, upload, files)
        uploads.close_upload(upload)
        wait_until(lambda: uploads.compute_progress([upload])[upload.pk].registered == len(files), 60)


@pytest.mark.long
def test_interactive_requests_do_not_wait_for_background_jobs(stack: Stack) -> None:
    agency = owner("agency")
    case = create_case(stack.services, agency)
    CrawlSlice.objects.filter(crawl__watch__owner=agency).update(state="done")
    with keep_busy(stack, "worker-background"):
        confirm_case(stack.services, case, by="Ann", reason="A copy.")
        request_package(agency, [case.number], "court", by="Ann")
        request_report(agency, preparer="Ann")
        wait_until(lambda: case.bundles.filter(state="done").exists(), 60)
        wait_until(lambda: agency.reports.filter(state="done").exists(), 60)
        wait_until(lambda: agency.packages.filter(state="done").exists(), 60)


@pytest.mark.long
def test_workers_send_heartbeats_until_exit(stack: Stack) -> None:
    def heartbeats() -> dict[str, str]:
        rows = retry_on_database_error(lambda: list(Heartbeat.objects.values_list("name", "queues")))
        return {name.partition("@")[0]: queues for name, queues in rows}

    wait_until(lambda: set(heartbeats()) == NAMES)
    assert heartbeats()["worker-background"] == "crawl,default,evidence,match,past,upkeep"
    began = Heartbeat.objects.get(name__startswith="worker-background").started_at
    background = next(
        process for process in stack.workers() if any("worker-background" in word for word in process.cmdline())
    )
    os.kill(background.pid, signal.SIGKILL)
    wait_until(lambda: Heartbeat.objects.filter(name__startswith="worker-background", started_at__gt=began).exists())
    interactive = next(
        process for process in stack.workers() if any("worker-interactive" in word for word in process.cmdline())
    )
    os.kill(stack.process.pid, signal.SIGSTOP)  # nothing is restarted in the meantime
    try:
        os.kill(interactive.pid, signal.SIGTERM)
        wait_until(lambda: "worker-interactive" not in heartbeats())
    finally:
        os.kill(stack.process.pid, signal.SIGCONT)


def is_swept(stack: Stack, folders: list[Path]) -> bool:
    """Return True if an upkeep removes folders at once; a worker that has just started receives only the next one."""
    send_upkeep_messages(make_app(stack.config))
    with suppress(AssertionError):
        wait_until(lambda: not any(folder.exists() for folder in folders), 5)
    return not any(folder.exists() for folder in folders)


@pytest.mark.long
def test_each_machine_sweeps_its_own_folder(stack: Stack, tmp_path: Path) -> None:
    ended = request_report(owner("archive"), preparer="Ann")
    wait_until(
        lambda: retry_on_database_error(lambda: type(ended).objects.filter(pk=ended.pk, state="done").exists()), 60
    )
    urls = {"DATABASE_URL": get_database_url(stack.config), "REDIS_URL": get_broker_url(stack.config)}
    other = {"EXHIBIT_DATA": str(tmp_path), "EXHIBIT_SECRETS_DIR": str(stack.config.data_dir / "secrets")}
    leftovers = [folder / "reports" / str(ended.pk) for folder in (tmp_path, stack.config.data_dir)]
    for folder in leftovers:
        folder.mkdir(parents=True, exist_ok=True)
    began = now()
    command = [sys.executable, "-m", "workers.run", "worker-background", "upkeep"]
    with subprocess.Popen(command, env={**os.environ, **stack.environ, **urls, **other}, cwd=CHECKOUT) as worker:
        try:
            wait_until(lambda: Heartbeat.objects.filter(queues="upkeep", started_at__gt=began).exists(), 60)
            assert any(is_swept(stack, leftovers) for _ in range(12))
        finally:
            worker.terminate()
            assert worker.wait(60) == 0


@pytest.mark.long
def test_product_files_are_private_and_secrets_are_not_logged(stack: Stack) -> None:
    """Test that files belong to the product's user only, and that no secret is in a log or in the list of processes."""
    secret, folder = secrets.token_urlsafe(32), stack.config.data_dir
    site = f"http://127.0.0.1:{stack.config.web_port}"
    for path in (f"/d/{secret}", f"/feeds/{secret}/cases.atom", f"/invitations/{secret}/", f"/api/v1/log?key={secret}"):
        with pytest.raises(HTTPError):
            build_opener().open(Request(f"{site}{path}", headers={"Authorization": f"Bearer exh_{secret}"}))  # noqa: S310
    logs = folder / "log"
    wait_until(lambda: "/feeds/…" in (logs / "web.log").read_text())
    secret_values = [path.read_text().strip() for path in (folder / "secrets").iterdir()]
    for log in logs.iterdir():
        text = log.read_text(errors="replace")
        assert not [value for value in (secret, *secret_values) if value in text], log
    for process in psutil.Process(stack.process.pid).children(recursive=True):
        with suppress(psutil.Error):
            line = " ".join(process.cmdline())
            assert not [value for value in secret_values if value in line], line
    open_ones = {
        str(path.relative_to(folder)): oct(path.lstat().st_mode)
        for path in folder.rglob("*")
        if path.lstat().st_mode & 0o077 and not path.is_symlink()
    }
    assert open_ones == {}
    assert folder.stat().st_mode & 0o067 == 0  # only the group of its servers may enter
