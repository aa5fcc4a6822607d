"""Test that a case that was decided, captured, sealed and exported is entirely in Chinese."""

import pytest
from django.test import Client
from django.urls import reverse

from registry.bundles.packages import request_package
from registry.cases import decisions
from registry.cases.decisions import DecisionChoice, DecisionRequest
from registry.models import Membership, Owner, Package, Role, User
from tests.assets.chinese import find_english, find_half_width, visible_text
from tests.assets.sealed_bundles import create_sealed_bundle
from tests.assets.site_browser import use_services
from workers.tasks.sync_runner import SyncRunner

ALLOWED_WORDS = {"Ann", "Studio", "Work", "of", "copy", "my", "page"}
"""Words of users and pages."""


@pytest.mark.long
def test_sealed_case_page_in_chinese_has_no_english(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    use_services(monkeypatch, inline.services)
    bundle = create_sealed_bundle(inline)
    studio = Owner.objects.get()
    person = User.objects.create_user("ann@example.org", "ann@example.org", "not used")
    Membership.objects.create(user=person, owner=studio, role=Role.OWNER)
    package = request_package(studio, [bundle.case.number], Package.Recipient.COURT, by="Ann")
    browser = Client(headers={"Accept-Language": "zh-CN"})
    browser.force_login(person)
    wish = DecisionRequest(DecisionChoice.REOPEN, reason="A copy of my page.", by="Ann")
    addresses = [
        reverse("case", args=["studio", bundle.case.number]),
        reverse("package", args=["studio", package.number]),
        *(reverse(name, args=["studio"]) for name in ("bundles", "cases", "downloads", "security", "new-notice")),
    ]
    problems: list[tuple[str, str]] = []
    for attempt in (False, True):
        if attempt:
            assert decisions.decide_cases(inline.services, studio, [bundle.case.number], wish)[0].is_applied
        for address in addresses:
            response = browser.get(address)
            assert response.status_code == 200, address
            text = visible_text(response.content.decode())
            problems += [(address, phrase) for phrase in (*find_english(text, ALLOWED_WORDS), *find_half_width(text))]
    assert not problems, "\n".join(map(str, problems))
