"""Test the template tags for accounts."""

from dataclasses import replace

import pytest
from django.test import override_settings
from django.utils import translation

from desk.web.templatetags.exhibit_accounts import browser_name, is_sign_up_open, role_name, scope_name
from exhibit.config.config import Config
from registry.models import Role, Scope


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537 Chrome/130.0 Safari/537 Edg/130.0", "Edge · Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537 Chrome/130.0 Mobile Safari/537", "Chrome · Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604", "Safari · iPhone"),
        ("curl/8.10", "curl/8.10"),
    ],
)
def test_browser_has_a_short_name(user_agent: str, name: str) -> None:
    assert browser_name(user_agent) == name


def test_roles_and_scopes_are_translated() -> None:
    english = [role_name(value) for value in Role] + [scope_name(value) for value in Scope]
    assert all(english)
    with translation.override("zh-hans"):
        chinese = [role_name(value) for value in Role] + [scope_name(value) for value in Scope]
    assert not set(english) & set(chinese)
    assert role_name("founder") == "founder"  # an unknown role


def test_sign_up_is_open_where_the_operator_enables_it(config: Config) -> None:
    for mode, opened in (("open", True), ("invited", False)):
        with override_settings(CONFIG=replace(config, sign_up=mode)):
            assert is_sign_up_open() is opened
