"""Test `exhibit status`: running processes and waiting work."""

import socket

import pytest

from exhibit.config.config import Config
from exhibit.machine import REDIS_SILENT
from registry import jobs
from registry.models import Owner, Picture
from tests.assets.command_line import Terminal
from tests.assets.rows import found_case


def test_without_anything_running_nothing_is_asked(cli: Terminal) -> None:
    status = cli.ask("status", code=3)
    assert (status["running"], status["site"], status["processes"], status["waiting"]) == (False, None, {}, {})
    assert status["data"] == str(cli.data)
    assert "exhibit up" in cli.run("status", code=3).out


@pytest.mark.long
def test_with_servers_of_ones_own_it_says_what_waits(
    cli: Terminal, studio: str, monkeypatch: pytest.MonkeyPatch, config: Config
) -> None:
    found_case(cli.desk.services, Owner.objects.get())
    Picture.objects.update(state="failed", error="The step broke off.")
    monkeypatch.setenv("DATABASE_URL", config.database_url)
    monkeypatch.setenv("REDIS_URL", config.redis_url)
    ran = cli.run("status", code=3)
    line = next(one for one in ran.out.splitlines() if one.startswith("match: "))
    assert line.split()[-3:] == ["0", "0", "2"]
    assert set(cli.ask("status", code=3)["waiting"]) == {step.name for step in jobs.with_rows()}


def test_it_names_a_redis_that_does_not_answer(
    cli: Terminal, studio: str, monkeypatch: pytest.MonkeyPatch, config: Config
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("DATABASE_URL", config.database_url)
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{port}/0")
    status = cli.ask("status", code=3)
    assert (status["redis_silent"], status["database_silent"], status["waiting"]) == (True, False, {})
    assert REDIS_SILENT in cli.run("status", code=3).out


def test_where_a_setting_is_wrong_it_says_what_it_knows_without_and_then_that(
    alone: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXHIBIT_WORKERS", "many")
    ran = alone.run("status", code=2)
    assert str(alone.data) in ran.out
    assert "EXHIBIT_WORKERS" in ran.err
