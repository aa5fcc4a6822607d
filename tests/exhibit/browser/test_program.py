"""Test which browser makes captures: the operator's, or one with a usual name; and the advice if there is none."""

from pathlib import Path

import pytest

from exhibit.browser import program
from exhibit.browser.program import find_browser


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with Playwright, and without any program on its path."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(program, "find_spec", lambda name: name)
    return tmp_path


def install_program(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_configured_browser_takes_precedence_over_default_names(machine: Path) -> None:
    assert find_browser("").path is None
    chrome = install_program(machine, "google-chrome")
    chromium = install_program(machine, "chromium")
    own = install_program(machine, "own")
    assert find_browser("").path == chromium
    assert find_browser("own").path == find_browser(str(own)).path == own
    chromium.unlink()
    browser = find_browser("")
    assert (browser.path, browser.remedy) == (chrome, "")


def test_missing_program_is_reported_with_next_step(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_program(machine, "chromium")
    assert find_browser("none").path is None
    assert find_browser("none").remedy == ""
    absent = find_browser("brave")
    assert (absent.path, "brave" in absent.sentence) == (None, True)
    assert "EXHIBIT_CAPTURE_BROWSER" in absent.remedy
    monkeypatch.setattr(program, "find_spec", lambda _: None)
    assert find_browser("").path is None
    assert "runtime capture" in find_browser("").remedy
