"""Test that Django's settings follow the configuration."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from tests import CHECKOUT


def settings(monkeypatch: pytest.MonkeyPatch, folder: Path, **environ: str) -> dict[str, Any]:
    """Return the settings of a process with this environment."""
    monkeypatch.setenv("EXHIBIT_DATA", str(folder))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(CHECKOUT / "desk" / "settings.py"))


def test_behind_https_cookies_travel_over_it_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain = settings(monkeypatch, tmp_path)
    assert "SESSION_COOKIE_SECURE" not in plain
    assert plain["CSRF_TRUSTED_ORIGINS"] == []
    safe = settings(monkeypatch, tmp_path, EXHIBIT_PUBLIC_URL="https://exhibit.example")
    assert safe["SESSION_COOKIE_SECURE"]
    assert safe["CSRF_COOKIE_SECURE"]
    assert safe["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert safe["SECURE_HSTS_SECONDS"] > 0
    assert not safe["MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN"]
    assert "exhibit.example" in safe["ALLOWED_HOSTS"]
    assert safe["CSRF_TRUSTED_ORIGINS"] == ["https://exhibit.example"]


def test_the_secret_is_made_once_and_languages_are_those_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = settings(monkeypatch, tmp_path)
    other = settings(monkeypatch, tmp_path, EXHIBIT_LANGUAGES="zh-hans,en", EXHIBIT_LOG_FORMAT="json")
    assert one["SECRET_KEY"] == other["SECRET_KEY"] != settings(monkeypatch, tmp_path / "other")["SECRET_KEY"]
    assert other["LANGUAGE_CODE"] == "zh-hans"
    assert other["LANGUAGES"] == [("zh-hans", "简体中文"), ("en", "English")]
    assert other["LOGGING"]["handlers"]["console"]["formatter"] == "json"
    assert not one["DEBUG"]
