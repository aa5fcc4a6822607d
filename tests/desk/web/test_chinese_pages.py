"""Whoever reads Chinese reads no English on any page, and no punctuation of other languages."""

from contextlib import suppress

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse

from registry.models import User
from tests.assets.chinese import KNOWN, english_in, half_width_in, read_of
from tests.assets.desk_scene import Scene, module_scene, patterns, scene

__all__ = ["module_scene", "scene"]

ZH = {"Accept-Language": "zh-CN,zh;q=0.9"}


def general() -> list[str]:
    """The addresses that belong to no owner."""
    found = []
    for pattern in patterns():
        with suppress(NoReverseMatch):
            found.append(reverse(pattern.name or ""))
    return found


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
