"""Test that cases are assigned by key, by checkbox and without a script, and the queue's filter by assignee."""

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from exhibit.clock import now
from registry.members import accounts
from registry.models import Case, Membership, Owner, User
from tests.assets.rows import owner
from tests.assets.site_browser import PHONE, Site, use_services
from tests.desk.web.cases.test_queue import create_cases, open_queue, wait_for_decisions
from workers.tasks.sync_runner import SyncRunner


def create_member(of: Owner, name: str, role: str = "reviewer") -> User:
    person = User.objects.create_user(name, f"{name}@example.org", "not used")
    Membership.objects.create(user=person, owner=of, role=role)
    return person


@pytest.mark.long
def test_keyboard_shortcuts_assign_a_case_unassign_it_and_undo(site: Site) -> None:
    studio = create_cases(site, 2)
    bob = create_member(studio, "bob")
    ann = open_queue(site.member(studio, language="zh-CN"))
    page, first = ann.page, ann.page.locator(".item").first
    number = int(first.get_attribute("data-number") or 0)
    page.keyboard.press("a")
    expect(first.locator(".assigned")).to_contain_text("ann@example.org")
    page.keyboard.press("a")
    expect(first.locator(".assigned")).not_to_contain_text("ann@example.org")
    page.keyboard.press("u")
    expect(first.locator(".assigned")).to_contain_text("ann@example.org")
    ann.check()
    open_queue(ann, f"?for={User.objects.get(email='ann@example.org').pk}")
    expect(page.locator(".item")).to_have_count(1)
    wait_for_decisions(ann, 1)  # of her own cases
    page.keyboard.press("c")
    wait_for_decisions(ann, 0)
    page.keyboard.press("u")
    wait_for_decisions(ann, 1)
    page.keyboard.press("a")  # unassigned again
    wait_for_decisions(ann, 0)
    page.keyboard.press("u")
    wait_for_decisions(ann, 1)
    for box in open_queue(ann).page.locator(".pick input").all():
        box.check()
    page.locator("#take button:visible").click()
    ann.check()
    page.locator("#to").select_option("bob")
    page.locator("main form button").click()
    expect(page.locator(".assigned strong")).to_have_text(["bob", "bob"])
    assert set(Case.objects.values_list("assigned_to", flat=True)) == {bob.pk}
    ann.check()
    page.locator("#assign .message button").click()
    expect(page.locator(".assigned strong")).to_have_text(["ann@example.org"])
    assert dict(Case.objects.values_list("number", "assigned_to__email"))[number] == "ann@example.org"


@pytest.mark.long
def test_case_is_assigned_on_a_phone_without_scripts(site: Site) -> None:
    studio = create_cases(site, 1)
    create_member(studio, "bob")
    ann = site.member(studio, size=PHONE, javascript=False)
    page = ann.open(reverse("case", args=["studio", 1]))
    page.locator("#assigned summary").click()
    page.locator("#to").select_option("bob")
    page.get_by_role("button", name="Assign", exact=True).click()
    expect(page.locator("#assigned strong")).to_have_text("bob")
    expect(page.locator("#history")).to_contain_text("Assigned to bob.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#assigned strong")).to_have_text("Unassigned")


@pytest.mark.long
def test_queue_offers_only_available_filters(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    use_services(monkeypatch, inline.services)
    studio = create_cases(inline, 1)
    ann, client = create_member(studio, "ann"), Client()
    client.force_login(ann)

    def read_queue(query: str = "") -> str:
        return client.get(reverse("cases", args=["studio"]) + query).content.decode()

    rare = [f"?state={state}" for state in ("disputed", "awaiting-agency", "related", "look-alikes")]
    alone = read_queue()
    assert not any(text in alone for text in ('id="assign"', "Assign to me", "?for=", *rare))
    assert rare[0] in read_queue(rare[0])
    create_member(studio, "bob")
    assert "Assign to me" in read_queue()
    assert "?for=" not in read_queue()
    Case.objects.update(assigned_to=ann, disputed_at=now())
    both = read_queue()
    assert "?for=" in both
    assert rare[0] in both
    assert rare[1] not in both


def test_non_members_and_viewers_cannot_be_assigned_or_assign(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_services(monkeypatch, inline.services)
    studio = create_cases(inline, 1)
    ann, viewer = create_member(studio, "ann"), create_member(studio, "vic", "viewer")
    eve = create_member(owner("agency"), "eve")
    address = reverse("assign-cases", args=["studio"])
    client = Client()
    client.force_login(ann)
    for form, status in (
        ({"to": eve.pk, "case": 1}, 404), ({"to": ann.pk, "case": 9}, 404), ({"undo": f"1:{eve.pk}:"}, 302),
        ({"to": "nobody"}, 302), ({"undo": "1:x:y"}, 302), ({"assign": f"{ann.pk} <b>"}, 302), ({}, 302),
    ):  # fmt: skip
        assert client.post(address, form).status_code == status, form
    for person, status in ((viewer, 403), (eve, 404)):
        client.force_login(person)
        assert client.post(address, {"to": ann.pk, "case": 1}).status_code == status
    assert Case.objects.get().assigned_to is None


@pytest.mark.long
def test_assignment_can_be_undone_later_and_former_members_are_unassigned(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_services(monkeypatch, inline.services)
    studio = create_cases(inline, 2)
    ann, bob = create_member(studio, "ann"), create_member(studio, "bob")
    client, address, page = Client(), reverse("assign-cases", args=["studio"]), reverse("cases", args=["studio"])
    client.force_login(ann)
    first, second = Case.objects.order_by("number").values_list("number", flat=True)
    Case.objects.filter(number=first).update(assigned_to=bob)
    Case.objects.filter(number=second).update(assigned_to=ann)
    assert client.post(address, {"to": create_member(studio, "cat").pk, "case": [first, second]}).status_code == 302
    offered = [client.get(page).context["undo_assigned"] for _twice in range(2)]  # a browser may prefetch
    assert offered[0] == offered[1]
    accounts.remove_member(studio, bob.pk, by="ann")
    assert client.post(address, {"undo": offered[0]["changes"]}).status_code == 302
    assert list(Case.objects.order_by("number").values_list("assigned_to", flat=True)) == [None, ann.pk]
    assert client.get(page).context["undo_assigned"] == {}
