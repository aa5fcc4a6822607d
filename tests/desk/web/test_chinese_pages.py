"""Test that Chinese pages contain no English, and no punctuation of other languages."""

import ast
from contextlib import suppress

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse

from registry.models import User
from tests import CHECKOUT
from tests.assets.chinese import KNOWN, english_in, half_width_in, read_of
from tests.assets.desk_scene import Scene, patterns, scene

__all__ = ["scene"]

FOR_PEOPLE = (
    "desk/web",
    *(f"registry/{subject}/scoped.py" for subject in ("accounts", "works", "crawls", "cases", "bundles", "reports")),
    "registry/crawls/watching.py",
    "registry/cases/sample.py",
    "registry/bundles/deposits.py",
    "registry/matches/identify.py",
    "evidence/keys/at_rest.py",
)
"""Modules that raise errors shown on pages."""
FOR_PROGRAMS = "soft_bindings.py"
ZH = {"Accept-Language": "zh-CN,zh;q=0.9"}


def general() -> list[str]:
    """Return the URLs that belong to no owner."""
    found = []
    for pattern in patterns():
        with suppress(NoReverseMatch):
            found.append(reverse(pattern.name or ""))
    return found


@pytest.mark.long
@pytest.mark.django_db
def test_no_page_has_english_or_half_width_punctuation_in_it(scene: Scene) -> None:
    User.objects.filter(pk=scene.ann.pk).update(is_superuser=True)
    left, seen = [], 0
    for client, addresses in ((scene.alice, [*general(), *scene.addresses().values()]), (Client(), general())):
        for address in addresses:
            answer = client.get(address, headers=ZH)
            page = b"".join(answer).decode(errors="replace")
            if "text/html" in answer.headers["Content-Type"] and page:
                text, seen = read_of(page), seen + 1
                wrong = english_in(text, KNOWN) + half_width_in(text)
                left += [f"{address}: {words}" for words in wrong]
    assert seen > 60
    assert not left, "\n".join(left)


def test_errors_that_pages_show_can_be_said_in_chinese() -> None:
    paths = [path for place in FOR_PEOPLE for path in (sorted((CHECKOUT / place).rglob("*.py")) or [CHECKOUT / place])]
    plain = [
        f"{path.name}:{said.lineno}: {said.value}"
        for path in paths
        if path.name != FOR_PROGRAMS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("Error")
        for said in (*node.args[:1], *(given.value for given in node.keywords if given.arg == "hint"))
        if isinstance(said, ast.Constant) and isinstance(said.value, str) and " " in said.value
    ]
    assert len(paths) > 40
    assert plain == []
