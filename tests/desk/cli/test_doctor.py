"""Test `exhibit doctor`: what this machine provides and lacks."""

import pytest

from tests.assets.command_line import Terminal


def test_each_failed_check_is_printed_with_a_hint(cli: Terminal) -> None:
    result = cli.run("doctor", "--json", code=None)
    checks = result.json["checks"]
    missing = [check for check in checks if check["needed"] and not check["ok"]]
    assert result.code == (3 if missing else 0)
    assert len({check["name"] for check in checks}) == len(checks) > 5
    output = cli.run("doctor", code=None).out
    for check in checks:
        mark = "ok" if check["ok"] else "FAILED" if check["needed"] else "warning"
        assert f"{mark:<8}  {check['name']}: " in output
    assert all(check["remedy"] for check in missing)


def test_invalid_setting_is_reported_as_a_check(alone: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXHIBIT_WORKERS", "many")
    (settings,) = [check for check in alone.run_json("doctor", code=3)["checks"] if check["name"] == "settings"]
    assert (settings["ok"], "EXHIBIT_WORKERS" in settings["sentence"]) == (False, True)
