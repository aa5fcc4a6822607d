"""Test that Django's settings follow the configuration."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from tests import CHECKOUT


def load_settings(monkeypatch: pytest.MonkeyPatch, folder: Path, **environ: str) -> dict[str, Any]:
    """Return the settings of a process with this environment."""
    monkeypatch.setenv("EXHIBIT_DATA", str(folder))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(CHECKOUT / "desk" / "settings.py"))


def test_cookies_are_secure_behind_https(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain_settings = load_settings(monkeypatch, tmp_path)
    assert "SESSION_COOKIE_SECURE" not in plain_settings
    assert plain_settings["CSRF_TRUSTED_ORIGINS"] == []
    safe = load_settings(monkeypatch, tmp_path, EXHIBIT_PUBLIC_URL="https://exhibit.example")
    assert safe["SESSION_COOKIE_SECURE"]
    assert safe["CSRF_COOKIE_SECURE"]
    assert safe["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert safe["SECURE_HSTS_SECONDS"] > 0
    assert not safe["MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN"]
    assert "exhibit.example" in safe["ALLOWED_HOSTS"]
    assert safe["CSRF_TRUSTED_ORIGINS"] == ["https://exhibit.example"]


def test_secret_is_created_once_and_languages_follow_the_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = load_settings(monkeypatch, tmp_path)
    other = load_settings(monkeypatch, tmp_path, EXHIBIT_LANGUAGES="zh-hans,en", EXHIBIT_LOG_FORMAT="json")
    assert first["SECRET_KEY"] == other["SECRET_KEY"] != load_settings(monkeypatch, tmp_path / "other")["SECRET_KEY"]
    assert other["LANGUAGE_CODE"] == "zh-hans"
    assert other["LANGUAGES"] == [("zh-hans", "简体中文"), ("en", "English")]
    assert other["LOGGING"]["handlers"]["console"]["formatter"] == "json"
    assert not first["DEBUG"]
