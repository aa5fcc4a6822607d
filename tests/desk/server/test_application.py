"""What the server asks the site of this installation."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from desk.doors import MAX_OF_NOBODY, MAX_REQUEST
from desk.server import application
from registry.members import tokens
from registry.models import Owner, User
from registry.services.services import Services
from tests.assets.accounts import ann
from workers import wiring

__all__ = ["ann"]


def environ(path: str, **more: str) -> dict[str, Any]:
    return {"REQUEST_METHOD": "POST", "PATH_INFO": path, "CONTENT_LENGTH": "2000000", **more}


def test_how_much_may_come_hangs_on_who_it_is_and_is_known_before_it_comes(ann: User) -> None:
    nobody, member = (MAX_OF_NOBODY, ""), (MAX_REQUEST, f"account {ann.pk}")
    assert application.most(environ("/o/studio/works/add")) == nobody
    client = Client()
    client.force_login(ann)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    cookie = f"{settings.SESSION_COOKIE_NAME}={session}"
    assert application.most(environ("/o/studio/works/add", HTTP_COOKIE=cookie)) == member
    assert application.most(environ("/o/studio/works/add", HTTP_COOKIE=cookie + "x")) == nobody
    _, secret = tokens.make(Owner.objects.get(), ann, name="Nightly", scopes=["read"], days=1)
    assert application.most(environ("/api/v1/owners/studio/works", HTTP_AUTHORIZATION=f"Bearer {secret}")) == member
    assert application.most(environ("/api/v1/edge/results", HTTP_AUTHORIZATION=f"Bearer {secret}")) == nobody
    assert application.most(environ("/id/"))[0] > 16 * MAX_OF_NOBODY


def test_who_comes_while_too_many_wait_is_told_so_in_their_language_and_programs_in_theirs() -> None:
    kind, page = application.busy(environ("/sign-in/", HTTP_ACCEPT_LANGUAGE="zh-CN"))
    assert kind.startswith("text/html")
    assert "请 5 秒后再试" in page.decode()
    assert "Try again in 5 seconds" in application.busy(environ("/sign-in/"))[1].decode()
    kind, told = application.busy(environ("/api/v1/owners"))
    assert (kind, json.loads(told)["status"]) == ("application/problem+json", 503)


def test_health_is_what_the_page_says(db: None) -> None:
    is_well, told = application.health()
    assert is_well
    assert json.loads(told) == Client().get("/healthz").json()


def test_a_process_that_serves_keeps_few_measured_pictures_in_memory() -> None:
    assert wiring.services().features_in_memory < Services.features_in_memory / 10


def test_a_process_that_serves_makes_no_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, data_dir=moved))
    application.make_site()
    assert not moved.exists()
    assert application.made_spool() == moved / "spool"
    assert moved.is_dir()


def test_there_are_as_many_connections_as_the_system_allows_files(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[tuple[int, int]] = []
    monkeypatch.setattr("resource.setrlimit", lambda _what, given: wanted.append(given))
    monkeypatch.setattr("resource.getrlimit", lambda _what: (1024, 1024))
    assert application.limits_here().connections == 258
    monkeypatch.setattr("resource.getrlimit", lambda _what: (1024, 1 << 20))
    assert application.limits_here().connections == 1000
    assert wanted[-1] == (3250, 1 << 20)
