"""Test that Chinese pages contain no English, and no punctuation of other languages."""

import ast
from contextlib import suppress

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse

from registry.models import User
from tests import CHECKOUT
from tests.assets.chinese import KNOWN_WORDS, find_english, find_half_width, visible_text
from tests.assets.desk_scene import Scene, patterns, scene

__all__ = ["scene"]

PAGE_FOLDERS = (
    "desk/web",
    *(f"registry/{subject}/scoped.py" for subject in ("accounts", "works", "crawls", "cases", "bundles", "reports")),
    "registry/crawls/watch_settings.py",
    "registry/cases/sample.py",
    "registry/bundles/deposits.py",
    "registry/matches/identify.py",
    "evidence/keys/at_rest.py",
)
"""Modules that raise errors shown on pages."""
API_MODULE = "soft_bindings.py"
ZH = {"Accept-Language": "zh-CN,zh;q=0.9"}


def list_general_urls() -> list[str]:
    """Return the URLs that belong to no owner."""
    urls = []
    for pattern in patterns():
        with suppress(NoReverseMatch):
            urls.append(reverse(pattern.name or ""))
    return urls


@pytest.mark.long
@pytest.mark.django_db
def test_chinese_pages_contain_no_english_or_half_width_punctuation(scene: Scene) -> None:
    User.objects.filter(pk=scene.ann.pk).update(is_superuser=True)
    problems, count = [], 0
    for client, addresses in (
        (scene.alice, [*list_general_urls(), *scene.addresses().values()]),
        (Client(), list_general_urls()),
    ):
        for address in addresses:
            response = client.get(address, headers=ZH)
            page = b"".join(response).decode(errors="replace")
            if "text/html" in response.headers["Content-Type"] and page:
                text, count = visible_text(page), count + 1
                phrases = find_english(text, KNOWN_WORDS) + find_half_width(text)
                problems += [f"{address}: {phrase}" for phrase in phrases]
    assert count > 60
    assert not problems, "\n".join(problems)


def test_page_errors_are_translated_into_chinese() -> None:
    paths = [
        path
        for folder_name in PAGE_FOLDERS
        for path in (sorted((CHECKOUT / folder_name).rglob("*.py")) or [CHECKOUT / folder_name])
    ]
    texts = [
        f"{path.name}:{constant.lineno}: {constant.value}"
        for path in paths
        if path.name != API_MODULE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("Error")
        for constant in (*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "hint"))
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str) and " " in constant.value
    ]
    assert len(paths) > 40
    assert texts == []
