"""Test `exhibit doctor`: what this machine provides and lacks."""

import pytest

from tests.assets.command_line import Terminal


def test_each_check_is_a_line_with_what_helps_where_something_lacks(cli: Terminal) -> None:
    ran = cli.run("doctor", "--json", code=None)
    checks = ran.answer["checks"]
    lacks = [one for one in checks if one["needed"] and not one["ok"]]
    assert ran.code == (3 if lacks else 0)
    assert len({one["name"] for one in checks}) == len(checks) > 5
    told = cli.run("doctor", code=None).out
    for one in checks:
        mark = "ok" if one["ok"] else "MISSING" if one["needed"] else "optional"
        assert f"{mark:<8}  {one['name']}: " in told
    assert all(one["remedy"] for one in lacks)


def test_a_setting_that_is_wrong_is_a_line(alone: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXHIBIT_WORKERS", "many")
    (settings,) = [one for one in alone.ask("doctor", code=3)["checks"] if one["name"] == "settings"]
    assert (settings["ok"], "EXHIBIT_WORKERS" in settings["sentence"]) == (False, True)
