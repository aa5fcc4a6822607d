"""Test `exhibit down`."""

import pytest

from tests.assets.command_line import Terminal


def test_stopping_without_running_services_is_reported(alone: Terminal) -> None:
    result = alone.run("down", code=3)
    assert (result.out, bool(result.err)) == ("", True)


def test_invalid_setting_is_reported_but_does_not_prevent_stopping(
    alone: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXHIBIT_WORKERS", "many")
    result = alone.run("down", code=3)
    assert "EXHIBIT_WORKERS" in result.err
