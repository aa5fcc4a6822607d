"""Test `exhibit status`: running processes and waiting work."""

import socket

import pytest

from exhibit.config.config import Config
from exhibit.machine import REDIS_NOT_RESPONDING
from registry import jobs
from registry.models import Owner, Picture
from tests.assets.command_line import Terminal
from tests.assets.rows import create_case


def test_status_without_running_services_queries_nothing(cli: Terminal) -> None:
    status = cli.run_json("status", code=3)
    assert (status["running"], status["site"], status["processes"], status["waiting"]) == (False, None, {}, {})
    assert status["data"] == str(cli.data)
    assert "exhibit up" in cli.run("status", code=3).out


@pytest.mark.long
def test_status_lists_waiting_rows_when_servers_are_external(
    cli: Terminal, studio: str, monkeypatch: pytest.MonkeyPatch, config: Config
) -> None:
    create_case(cli.desk.services, Owner.objects.get())
    Picture.objects.update(state="failed", error="The step broke off.")
    monkeypatch.setenv("DATABASE_URL", config.database_url)
    monkeypatch.setenv("REDIS_URL", config.redis_url)
    result = cli.run("status", code=3)
    line = next(candidate for candidate in result.out.splitlines() if candidate.startswith("match: "))
    assert line.split()[-3:] == ["0", "0", "2"]
    assert set(cli.run_json("status", code=3)["waiting"]) == {step.name for step in jobs.list_periodic_jobs()}


def test_status_reports_an_unreachable_redis(
    cli: Terminal, studio: str, monkeypatch: pytest.MonkeyPatch, config: Config
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("DATABASE_URL", config.database_url)
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{port}/0")
    status = cli.run_json("status", code=3)
    assert (status["redis_silent"], status["database_silent"], status["waiting"]) == (True, False, {})
    assert REDIS_NOT_RESPONDING in cli.run("status", code=3).out


def test_invalid_setting_is_reported_after_the_available_status(
    alone: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXHIBIT_WORKERS", "many")
    result = alone.run("status", code=2)
    assert str(alone.data) in result.out
    assert "EXHIBIT_WORKERS" in result.err
