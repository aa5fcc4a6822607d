"""Test that a case that was decided, captured, sealed and exported is entirely in Chinese."""

import pytest
from django.test import Client
from django.urls import reverse

from registry.bundles.packages import request_package
from registry.cases import decisions
from registry.cases.decisions import Choice, Wish
from registry.models import Membership, Owner, Package, Role, User
from tests.assets.chinese import english_in, half_width_in, read_of
from tests.assets.sealed import sealed_bundle
from tests.assets.site_browser import use_house
from workers.tasks.sync_runner import SyncRunner

SAID = {"Ann", "Studio", "Work", "of", "copy", "my", "page"}
"""Words of users and pages."""


@pytest.mark.long
def test_no_english_of_ours_stands_on_a_sealed_case(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    use_house(monkeypatch, inline.services)
    bundle = sealed_bundle(inline)
    studio = Owner.objects.get()
    person = User.objects.create_user("ann@example.org", "ann@example.org", "not used")
    Membership.objects.create(user=person, owner=studio, role=Role.OWNER)
    package = request_package(studio, [bundle.case.number], Package.Recipient.COURT, by="Ann")
    browser = Client(headers={"Accept-Language": "zh-CN"})
    browser.force_login(person)
    wish = Wish(Choice.REOPEN, reason="A copy of my page.", by="Ann")
    addresses = [
        reverse("case", args=["studio", bundle.case.number]),
        reverse("package", args=["studio", package.number]),
        *(reverse(name, args=["studio"]) for name in ("bundles", "cases", "downloads", "security", "new-notice")),
    ]
    left: list[tuple[str, str]] = []
    for again in (False, True):
        if again:
            assert decisions.decide_each(inline.services, studio, [bundle.case.number], wish)[0].done
        for address in addresses:
            answer = browser.get(address)
            assert answer.status_code == 200, address
            text = read_of(answer.content.decode())
            left += [(address, words) for words in (*english_in(text, SAID), *half_width_in(text))]
    assert not left, "\n".join(map(str, left))
