"""`exhibit status`, `doctor` and `retry`: what runs and waits, what lacks, and what was given up."""

import pytest

from exhibit.config.config import Config
from registry.models import Owner, Picture
from tests.assets.command_line import Terminal
from tests.assets.rows import bring, claimed_slice, found_case, owner, photograph
from workers.pipeline.steps import with_rows


def test_without_anything_running_nothing_is_asked(cli: Terminal) -> None:
    status = cli.ask("status", code=3)
    assert (status["running"], status["site"], status["processes"], status["waiting"]) == (False, None, {}, {})
    assert status["data"] == str(cli.data)
    assert cli.run("status", code=3).out.startswith("Exhibit isn't running. Start it: exhibit up\n")


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
    assert set(cli.ask("status", code=3)["waiting"]) == {step.name for step in with_rows()}


def test_each_check_is_a_line_with_what_helps_where_something_lacks(cli: Terminal) -> None:
    ran = cli.run("doctor", "--json", code=None)
    checks = ran.answer["checks"]
    lacks = [one for one in checks if one["needed"] and not one["ok"]]
    assert ran.code == (3 if lacks else 0)
    assert len({one["name"] for one in checks}) == len(checks) > 5
    told = cli.run("doctor", code=None).out
    for one in checks:
        mark = "ok     " if one["ok"] else "MISSING" if one["needed"] else "without"
        assert f"{mark}  {one['name']}: " in told
    assert all(one["remedy"] for one in lacks)


def test_what_was_given_up_is_listed_left_and_tried_again(cli: Terminal) -> None:
    assert cli.run("retry").out == "Nothing was given up.\n"
    planned, epoch = claimed_slice(owner("studio"))
    bring(cli.desk.services, planned, epoch, [photograph(1)])
    Picture.objects.update(state="failed", error="The step broke off.")
    (failed,) = cli.ask("retry")["given_up"]
    assert (failed["step"], failed["count"], failed["error"], failed["left"]) == (
        "match", 1, "The step broke off.", False,
    )  # fmt: skip
    assert "No step was named." in cli.run("retry", "--leave", code=2).err
    assert cli.run("retry", "match", "--leave").out == "match: 1 row is left as it is.\n"
    assert "The step broke off. (left as it is)" in cli.run("retry").out
    assert cli.run("retry", "match").out == "match: 1 row is tried again.\n"
    assert Picture.objects.get().state == "todo"
    assert "nosuch" in cli.run("retry", "nosuch", code=2).err
