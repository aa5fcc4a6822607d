"""Test the template tags for accounts."""

from dataclasses import replace

import pytest
from django.test import override_settings
from django.utils import translation

from desk.web.templatetags.exhibit_accounts import browser_name, role_name, scope_name, site_is_open
from exhibit.config.config import Config
from registry.models import Role, Scope


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537 Chrome/130.0 Safari/537 Edg/130.0", "Edge · Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537 Chrome/130.0 Mobile Safari/537", "Chrome · Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604", "Safari · iPhone"),
        ("curl/8.10", "curl/8.10"),
    ],
)
def test_a_browser_is_named_in_a_word_or_two(told: str, name: str) -> None:
    assert browser_name(told) == name


def test_roles_and_scopes_are_in_the_readers_language() -> None:
    english = [role_name(one) for one in Role] + [scope_name(one) for one in Scope]
    assert all(english)
    with translation.override("zh-hans"):
        chinese = [role_name(one) for one in Role] + [scope_name(one) for one in Scope]
    assert not set(english) & set(chinese)
    assert role_name("founder") == "founder"  # a role that no version knows


def test_the_site_is_open_where_the_operator_says_so(config: Config) -> None:
    for how, opened in (("open", True), ("invited", False)):
        with override_settings(CONFIG=replace(config, sign_up=how)):
            assert site_is_open() is opened
