"""Test `exhibit down`."""

import pytest

from tests.assets.command_line import Terminal


def test_without_anything_running_it_says_so(alone: Terminal) -> None:
    ran = alone.run("down", code=3)
    assert (ran.out, bool(ran.err)) == ("", True)


def test_a_setting_that_is_wrong_hinders_it_not_and_is_said(alone: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXHIBIT_WORKERS", "many")
    ran = alone.run("down", code=3)
    assert "EXHIBIT_WORKERS" in ran.err
